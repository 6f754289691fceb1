"""`GET /metrics`, scraped over HTTP and read by Prometheus' own parser."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from faults import error_of
from prometheus_client.parser import text_string_to_metric_families
from recorded import SETTINGS
from soap_world import SoapWorld, envelope, fault_of_answer
from world import REGISTER, Pair, Site, World, make_pair

from sild.http1 import Fetched, Request, Responder, fetch
from sild.security_server.exchange_totals import ExchangeTotals
from sild.security_server.measurement import CLIENT, Measurement
from sild.security_server.metrics import Metrics, ServerFigures
from sild.xroad.identifiers import ServiceId

pytestmark = pytest.mark.asyncio(loop_scope="module")

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]
ON = SETTINGS | {"metrics_port": 0}


def read(text: bytes) -> Samples:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


async def get(site: Site, path: str = "/metrics", method: str = "GET") -> Fetched:
    host, port = site.server.addresses["metrics"]
    assert host == "127.0.0.1", "nobody outside is told unless it is set so"
    return await fetch(f"http://{host}:{port}{path}", method=method)


async def scrape(site: Site) -> Samples:
    while site.server.message_log.under_way:
        await asyncio.sleep(0.001)
    answer = await get(site)
    assert answer.status == 200
    assert (answer.header(b"content-type") or b"").startswith(b"text/plain; version=")
    return read(answer.body)


def count(samples: Samples, **labels: str) -> float:
    """Exchanges with these labels."""
    return sum(
        value
        for (name, found), value in samples.items()
        if name == "sild_exchanges_total" and labels.items() <= dict(found).items()
    )


def only(samples: Samples, name: str) -> float:
    return samples[name, ()]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def module_pair(module_world: World) -> Pair:
    made = await make_pair(module_world, consumer=ON, provider=ON)
    conf = made.provider.server.serverconf
    conf.add_rest_service(REGISTER, "closed", "http://127.0.0.1:1/")
    return made


async def test_exchanges_by_side_and_outcome(shared_pair: Pair) -> None:
    async def answers(_request: Request, responder: Responder) -> None:
        await responder.send(503, [], b"no")

    before = [await scrape(site) for site in (shared_pair.consumer, shared_pair.provider)]
    for _ in range(3):
        assert (await shared_pair.call("POST", body=b"x" * 5000)).status == 200
    error_of(await shared_pair.call(service=ServiceId(REGISTER, "closed")))
    shared_pair.echo.answer = answers
    assert (await shared_pair.call()).status == 503
    for site, earlier, side in zip(
        (shared_pair.consumer, shared_pair.provider), before, ("client", "provider"), strict=True
    ):
        now = await scrape(site)

        def more(side: str = side, now: Samples = now, earlier: Samples = earlier, **labels: str) -> float:
            return count(now, side=side, **labels) - count(earlier, side=side, **labels)

        assert more(outcome="ok", service_type="REST") == 3
        assert more(outcome="service_error") == 1
        assert more(outcome="fault", origin="server.serverproxy", cause="access_denied") == 1
        assert more() == 5
        labels = (("service_type", "REST"), ("side", side))
        assert now["sild_exchange_duration_seconds_count", labels] == count(now, side=side)
        assert now["sild_exchange_duration_seconds_sum", labels] > 0
        buckets = [
            value for (name, _), value in now.items() if name == "sild_exchange_duration_seconds_bucket"
        ]
        assert buckets == sorted(buckets)
        assert now["sild_request_bytes_total", labels] > 15_000
        assert now["sild_response_bytes_total", labels] > 15_000
        assert now["sild_exchanges_in_flight", (("side", side),)] == 0


async def test_in_flight(shared_pair: Pair) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def waits(_request: Request, responder: Responder) -> None:
        begun.set()
        await go_on.wait()
        await responder.send(200, [])

    shared_pair.echo.answer = waits
    call = asyncio.create_task(shared_pair.call())
    await begun.wait()
    for site, side in ((shared_pair.consumer, "client"), (shared_pair.provider, "provider")):
        samples = read((await get(site)).body)
        assert samples["sild_exchanges_in_flight", (("side", side),)] == 1
    go_on.set()
    assert (await call).status == 200


async def test_how_the_server_stands(shared_pair: Pair) -> None:
    await shared_pair.call()
    samples = await scrape(shared_pair.consumer)
    assert 0 <= only(samples, "sild_globalconf_age_seconds") < 600
    assert 0 < only(samples, "sild_globalconf_remaining_seconds") <= 600
    assert only(samples, "sild_messagelog_unstamped_records") >= 2
    assert 0 <= only(samples, "sild_messagelog_oldest_unstamped_seconds") < 600
    assert only(samples, "sild_timestamping_failing_seconds") == 0
    assert only(samples, "sild_opmonitor_waiting_records") >= 1
    assert only(samples, "sild_opmonitor_dropped_records_total") == 0
    assert only(samples, "sild_processes") == 1
    assert only(samples, "process_cpu_seconds_total") > 0
    certificates = {
        dict(labels)["usage"]: value
        for (name, labels), value in samples.items()
        if name == "sild_certificate_remaining_seconds"
    }
    assert set(certificates) == {"signing", "authentication"}
    assert all(360 * 86_400 < value < 366 * 86_400 for value in certificates.values())
    for name in ("sild_certificate_ocsp_good", "sild_certificate_active"):
        assert [value for (found, _), value in samples.items() if found == name] == [1, 1]
    ages = [v for (name, _), v in samples.items() if name == "sild_certificate_ocsp_age_seconds"]
    assert len(ages) == 2
    assert all(-5 < age < 600 for age in ages)
    assert [v for (name, _), v in samples.items() if name == "sild_token_active"] == [1]


async def test_it_says_nothing_of_messages(shared_pair: Pair) -> None:
    await shared_pair.call(
        "GET", "/people/38001085718", headers=[(b"X-Road-Id", b"unique-1"), (b"X-Road-UserId", b"EE1")]
    )
    text = (await get(shared_pair.provider)).body
    for secret in (b"38001085718", b"unique-1", b"EE1", b"Register", b"echo"):
        assert secret not in text


@pytest.mark.parametrize(
    ("path", "method", "status"), [("/", "GET", 404), ("/metrics/x", "GET", 404), ("/metrics", "POST", 405)]
)
async def test_there_is_nothing_else(shared_pair: Pair, path: str, method: str, status: int) -> None:
    assert (await get(shared_pair.consumer, path, method)).status == status


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def soap(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SoapWorld]:
    async with World(tmp_path_factory.mktemp("soap"), instance="EE", member_class="BUSINESS") as world:
        made = SoapWorld(world)
        await made.start(**ON)
        yield made


async def test_a_service_cannot_make_labels(soap: SoapWorld) -> None:
    """However many fault codes a service invents, they are one series."""
    before = await scrape(soap.provider)
    for number in range(20):
        code = f"server.serverproxy.made_up_{number}" if number % 2 else f"Invented.{number}"
        fault = (
            '<S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/"><S:Body><S:Fault>'
            f"<faultcode>{code}</faultcode><faultstring>x</faultstring></S:Fault></S:Body></S:Envelope>"
        )
        soap.service.answer = fault.encode(), "text/xml"
        assert fault_of_answer(await soap.post(envelope())).code == code
    for site in (soap.consumer, soap.provider):
        samples = await scrape(site)
        assert count(samples, outcome="service_error") == 10
        assert count(samples, outcome="fault", origin="server.serverproxy", cause="other") == 10
        assert b"made_up" not in (await get(site)).body
    assert count(before) == 0


async def test_processes_of_one_server_are_added_up(tmp_path: Path) -> None:
    """What a process counted before it was killed still counts, and what it had in flight does not."""

    async def figures() -> ServerFigures:
        return ServerFigures()

    def exchange(totals: ExchangeTotals) -> None:
        totals.begins(CLIENT)
        measured = Measurement(CLIENT)
        measured.answers()
        measured.succeeded = True
        totals.ends(measured)

    parts = [ExchangeTotals() for _ in range(3)]
    metrics = [Metrics(totals, figures) for totals in parts]
    for number, totals in enumerate(parts, 1):
        for _ in range(number):
            exchange(totals)
        totals.begins(CLIENT)
    for each in metrics:
        await each.share(tmp_path)
    for each in metrics:
        samples = read(await each.render())
        assert count(samples) == 6, "what was counted before is not lost"
        assert samples["sild_exchanges_in_flight", (("side", "client"),)] == 3
        assert only(samples, "sild_processes") == 3
    exchange(parts[2])
    assert count(read(await metrics[0].render())) == 7, "and at once"
    (killed,) = [path for path in tmp_path.iterdir() if path == metrics[2]._shared._path]  # type: ignore[union-attr]
    with subprocess.Popen(["true"]) as ended:
        ended.wait()
    killed.rename(tmp_path / f"{ended.pid}-1.totals")
    (tmp_path / f"{os.getpid()}-1.totals").write_bytes(b"[" * 1000)
    samples = read(await metrics[0].render())
    assert count(samples) == 7
    assert samples["sild_exchanges_in_flight", (("side", "client"),)] == 2
    assert only(samples, "sild_processes") == 2
