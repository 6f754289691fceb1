"""getSecurityServerMetrics over two servers: the reference's metric sets, who may ask, and what is kept from whom
(doc/EnvironmentalMonitoring; COMPAT I13)."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from lxml import etree
from monitoring_questions import M, body_of, metrics
from recorded import SETTINGS, recorded
from soap_world import (
    CONSUMER,
    CONSUMER_SUBSYSTEM,
    PRODUCER,
    PRODUCER_SUBSYSTEM,
    TEXT_XML,
    SoapWorld,
    fault_of_answer,
)
from world import World

from sild.http1 import Fetched, fetch
from sild.pki import der
from sild.xroad.identifiers import ClientId

pytestmark = pytest.mark.asyncio(loop_scope="module")
DENIED = "server.serverproxy.access_denied"
DATE = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def soap(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SoapWorld]:
    """The consumer's subsystem is the instance's monitoring client; the provider's server tells it everything."""
    async with World(tmp_path_factory.mktemp("soap"), instance="EE", member_class="BUSINESS") as world:
        world.central.monitoring_client = CONSUMER_SUBSYSTEM
        made = SoapWorld(world)
        await made.start(**SETTINGS)
        yield made


@pytest.fixture(scope="module")
def schema(shared: Path) -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(shared / "schema" / "monitoring" / "monitoring.xsd"))


@pytest.fixture
def secret_process(tmp_path: Path) -> Iterator[int]:
    """A program of ours with secrets on its command line."""
    program = tmp_path / "sild"
    program.write_text("import time; time.sleep(60)")
    command = [sys.executable, str(program), "security-server", "--pin=s3cret-1", "--pin", "s3cret2"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        yield process.pid
        process.kill()


def sets(element: etree._Element, path: str = "systemMetrics") -> dict[str, etree._Element]:
    """The metrics of the set `path` by name."""
    found = element.xpath(f"//m:metricSet[m:name='{path}']", namespaces={"m": M})
    return {metric.findtext(f"{{{M}}}name"): metric for metric in found[0][1:]}


def value(metric: etree._Element) -> str | None:
    return metric.findtext(f"{{{M}}}value")


async def ask(soap: SoapWorld, *fields: str, client: ClientId = CONSUMER_SUBSYSTEM) -> etree._Element:
    answer = await soap.post(metrics(*fields, client=client))
    assert b"<m:getSecurityServerMetricsResponse" in answer.body, answer.body
    assert (answer.header(b"content-type") or b"").lower().startswith(b"text/xml")
    assert b"<SOAP-ENV:Envelope" in answer.body
    return body_of(answer.body)


async def at_provider(soap: SoapWorld, data: bytes) -> Fetched:
    headers = [(b"Content-Type", TEXT_XML.encode())]
    return await fetch(f"{soap.provider.url}/", method="POST", body=data, headers=headers)


async def test_everything(soap: SoapWorld, schema: etree.XMLSchema) -> None:
    environment = await ask(soap)
    schema.assertValid(environment)
    root = environment[0]
    assert root.findtext(f"{{{M}}}name") == "SERVER:EE/BUSINESS/producer/ss2"
    assert value(sets(environment, "SERVER:EE/BUSINESS/producer/ss2")["proxyVersion"]) == "7.8.0"
    told = sets(environment)
    kinds = {name: etree.QName(metric).localname for name, metric in told.items()}
    histograms = dict.fromkeys(
        (
            "CommittedVirtualMemory",
            "FreePhysicalMemory",
            "FreeSwapSpace",
            "OpenFileDescriptorCount",
            "SystemCpuLoad",
        ),
        "histogramMetric",
    )
    numbers = dict.fromkeys(
        (
            "DiskSpaceFree_/",
            "DiskSpaceTotal_/",
            "MaxFileDescriptorCount",
            "TotalPhysicalMemory",
            "TotalSwapSpace",
        ),
        "numericMetric",
    )
    lists = dict.fromkeys(("Certificates", "Processes", "Xroad Processes", "Packages"), "metricSet")
    assert kinds == histograms | numbers | lists | {"OperatingSystem": "stringMetric"}
    assert next(iter(kinds)) == "Certificates", "the reference's order"
    system = value(told["OperatingSystem"])
    assert system is not None
    assert "Linux" in system
    assert int(value(told["TotalPhysicalMemory"]) or 0) == os.sysconf("SC_PAGE_SIZE") * os.sysconf(
        "SC_PHYS_PAGES"
    )


async def test_histograms(soap: SoapWorld) -> None:
    environment = soap.provider.server.watch._environment
    for _ in range(3):
        environment.sample()
    told = sets(await ask(soap, "OpenFileDescriptorCount", "FreePhysicalMemory"))
    assert set(told) == {"OpenFileDescriptorCount", "FreePhysicalMemory"}
    for metric in told.values():
        names = [etree.QName(child).localname for child in metric]
        assert names == ["name", "updated", "min", "max", "mean", "median", "stddev"]
        texts = [child.text or "" for child in metric][1:]
        assert re.fullmatch(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z", texts[0])
        least, most, mean, median, deviation = map(float, texts[1:])
        assert 0 < least <= median <= most
        assert least <= mean <= most
        assert deviation <= most - least
        assert not any("e" in text.lower() for text in texts[1:]), "xs:decimal knows no exponent"


async def test_certificates(soap: SoapWorld) -> None:
    soap.provider.server.serverconf.add_certificate(PRODUCER, der(soap.consumer.auth_certificate))
    told = sets(await ask(soap, "Certificates"), "Certificates")
    kinds = []
    for name, certificate in told.items():
        fields = {metric.findtext(f"{{{M}}}name"): value(metric) for metric in certificate[1:]}
        assert list(fields) == ["sha1Hash", "notBefore", "notAfter", "certificateType", "active"]
        assert name == f"certificate-{fields['sha1Hash']}"
        assert re.fullmatch(r"([0-9A-F]{2}:){31}[0-9A-F]{2}", fields["sha1Hash"] or "")
        assert DATE.fullmatch(fields["notBefore"] or "")
        assert DATE.fullmatch(fields["notAfter"] or "")
        assert fields["active"] == "true"
        kinds.append(fields["certificateType"])
    assert sorted(map(str, kinds)) == [
        "AUTH_OR_SIGN",
        "AUTH_OR_SIGN",
        "INTERNAL_IS_CLIENT_TLS",
        "SECURITY_SERVER_TLS",
    ]


async def test_processes_and_no_secret(soap: SoapWorld, secret_process: int) -> None:
    soap.provider.server.watch._environment._listed = (-float("inf"), ())
    environment = await ask(soap, "Processes", "Xroad Processes")
    assert b"s3cret" not in etree.tostring(environment)
    every, own = sets(environment, "Processes"), sets(environment, "Xroad Processes")
    assert str(os.getpid()) in every
    assert str(os.getpid()) in own
    fields = {metric.findtext(f"{{{M}}}name"): value(metric) for metric in own[str(secret_process)][1:]}
    assert re.fullmatch(r"python[0-9.]* sild security-server", fields["command"] or "")
    fields = {metric.findtext(f"{{{M}}}name"): value(metric) for metric in every[str(os.getpid())][1:]}
    assert list(fields) == ["processId", "command", "cpuLoad", "memUsed", "startTime", "userId"]
    assert re.fullmatch(r"\d+\.\d", fields["cpuLoad"] or "")
    assert re.fullmatch(r"\d\d:\d\d|[A-Z][a-z]{2}\d\d|\d{4}", fields["startTime"] or "")


async def test_packages(soap: SoapWorld) -> None:
    packages = sets(await ask(soap, "Packages"), "Packages")
    assert value(packages["sild"]) is not None


async def test_names_nobody_has(soap: SoapWorld) -> None:
    environment = await ask(soap, "NoSuchMetric")
    assert sets(environment) == {}


async def test_the_owner_may_ask(soap: SoapWorld) -> None:
    answer = await at_provider(soap, metrics("TotalSwapSpace", client=PRODUCER))
    assert list(sets(body_of(answer.body))) == ["TotalSwapSpace"]
    record = (await recorded(soap.provider))[-1]
    assert record["service_code"] == "getSecurityServerMetrics"


@pytest.mark.parametrize("client", [CONSUMER, PRODUCER_SUBSYSTEM])
async def test_nobody_else_may(soap: SoapWorld, client: ClientId) -> None:
    data = metrics(client=client)
    answer = await (soap.post(data) if client == CONSUMER else at_provider(soap, data))
    assert fault_of_answer(answer).code == DENIED
    assert b"metricSet" not in answer.body


async def test_a_right_on_it_cannot_be_granted(soap: SoapWorld) -> None:
    """A service of that name that the owner describes is not what answers, and a right on it opens nothing."""
    conf = soap.provider.server.serverconf
    service = conf.add_soap_service(PRODUCER, "getSecurityServerMetrics", None, "http://wsdl/m", soap.url)
    conf.grant(service, CONSUMER)
    assert fault_of_answer(await soap.post(metrics(client=CONSUMER))).code == DENIED


async def test_only_the_owner_provides_it(soap: SoapWorld) -> None:
    for given in ({"provider": PRODUCER_SUBSYSTEM}, {"server": "ss9"}):
        code = fault_of_answer(await soap.post(metrics(client=CONSUMER_SUBSYSTEM, **given))).code
        assert code.rpartition(".")[2] in ("unknown_service", "invalid_security_server")


async def test_a_flood_of_fields(soap: SoapWorld) -> None:
    answer = await soap.post(metrics(*["x"] * 1001, client=CONSUMER_SUBSYSTEM))
    assert fault_of_answer(answer).code.endswith("invalid_request")


async def test_limited_to_others(tmp_path: Path) -> None:
    async with World(tmp_path, instance="EE", member_class="BUSINESS") as world:
        world.central.monitoring_client = CONSUMER_SUBSYSTEM
        made = SoapWorld(world)
        await made.start(limit_remote_data_set=True)
        assert set(sets(await ask(made))) == {"Certificates", "OperatingSystem"}
        assert set(sets(await ask(made, "OperatingSystem", "Packages", "SystemCpuLoad"))) == {
            "OperatingSystem"
        }
        answer = await at_provider(made, metrics(client=PRODUCER))
        assert "Packages" in sets(body_of(answer.body)), "the owner sees all"


async def test_lists_do_not_hold_messages_up(soap: SoapWorld) -> None:
    """While processes and packages are listed the loop is never away for long."""
    environment = soap.provider.server.watch._environment
    environment._listed = (-float("inf"), ())
    listing = asyncio.create_task(environment.metrics((), limited=False))
    longest, before = 0.0, time.perf_counter()
    while not listing.done():
        await asyncio.sleep(0.001)
        now = time.perf_counter()
        longest, before = max(longest, now - before), now
    assert longest < 0.25
