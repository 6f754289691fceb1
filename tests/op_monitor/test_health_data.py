"""getSecurityServerHealthData: counts and statistics of each service over the last minutes (PR-OPMON 3)."""

from __future__ import annotations

import statistics
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from op_monitor.monitor_world import (
    BEGIN_SECONDS,
    OM,
    PRODUCER,
    STRANGER,
    SetClock,
    health_request,
    message,
    record,
    schema,
    soap,
)
from sild.errors import CallerError
from sild.op_monitor import MonitoringRules, OperationalMonitor
from sild.op_monitor.health import Measure
from sild.xroad.identifiers import ClientId


class Health:
    """An answer's body, read."""

    def __init__(self, body: str, shared: Path) -> None:
        self.root = etree.fromstring(body)
        schema(shared).assertValid(self.root)

    def services(self) -> list[str]:
        found = self.root.iterfind(f".//{{{OM}}}service")
        return ["/".join(part.text or "" for part in service) for service in found]

    def text(self, name: str) -> str | None:
        return self.root.findtext(f".//{{{OM}}}{name}")

    def statistics(self) -> dict[str, float]:
        (found,) = self.root.iterfind(f".//{{{OM}}}lastPeriodStatistics")
        return {etree.QName(each).localname: float(each.text or "") for each in found}


@pytest.fixture
def health(monitor: OperationalMonitor, shared: Path) -> object:
    async def ask(provider: ClientId | None = None) -> Health:
        answer = await monitor.answer(message(health_request(provider)), client_sees_all=False)
        assert answer.attachment is None
        return Health(answer.body, shared)

    return ask


async def test_before_anything_happened(monitor: OperationalMonitor, health, shared: Path) -> None:  # type: ignore[no-untyped-def]
    found = await health()
    assert found.text("monitoringStartupTimestamp") == str(BEGIN_SECONDS * 1_000)
    assert found.text("statisticsPeriodSeconds") == "600"
    assert found.services() == []


async def test_statistics_of_a_service(monitor: OperationalMonitor, health, clock: SetClock) -> None:  # type: ignore[no-untyped-def]
    durations, requests, responses = [5, 10, 60], [100, 200, 400], [7, 7, 7]
    for number, (lasted, asked, answered) in enumerate(zip(durations, requests, responses, strict=True)):
        monitor.store(
            record(
                request_in_ts=1_000 * number,
                response_out_ts=1_000 * number + lasted,
                request_size=asked,
                response_size=answered,
                service_type="WSDL",
                service_version="v1",
            )
        )
        await monitor.flush()
        clock.pass_seconds(10)
    monitor.store(record(succeeded=False, response_out_ts=99_000, service_version="v1", service_type="WSDL"))
    await monitor.flush()
    found = await health()
    assert found.services() == ["EE/GOV/5678/Register/getPerson/v1"]
    assert found.text("lastSuccessfulRequestTimestamp") == "2060"
    assert found.text("lastUnsuccessfulRequestTimestamp") == "99000"
    assert found.text("serviceType") == "WSDL"
    assert found.statistics() == pytest.approx(
        {
            "successfulRequestCount": 3,
            "unsuccessfulRequestCount": 1,
            "requestMinDuration": 5,
            "requestAverageDuration": 25,
            "requestMaxDuration": 60,
            "requestDurationStdDev": statistics.stdev(durations),
            "requestMinSize": 100,
            "requestAverageSize": statistics.mean(requests),
            "requestMaxSize": 400,
            "requestSizeStdDev": statistics.stdev(requests),
            "responseMinSize": 7,
            "responseAverageSize": 7,
            "responseMaxSize": 7,
            "responseSizeStdDev": 0,
        }
    )
    assert "<om:responseMinSize>7<" in etree.tostring(found.root).decode()
    assert "<om:requestAverageDuration>25.0<" in etree.tostring(found.root).decode()


async def test_after_the_period_only_the_last_times_are_left(
    monitor: OperationalMonitor,
    health,  # type: ignore[no-untyped-def]
    clock: SetClock,
) -> None:
    monitor.store(record())
    await monitor.flush()
    clock.pass_seconds(600)
    found = await health()
    assert found.statistics() == {"successfulRequestCount": 0, "unsuccessfulRequestCount": 0}
    assert found.text("lastSuccessfulRequestTimestamp") == "1050"
    await monitor.clean()
    assert (await health()).services() != []
    clock.pass_seconds(8 * 86_400)
    await monitor.clean()
    assert (await health()).services() == []


async def test_what_counts(monitor: OperationalMonitor, health) -> None:  # type: ignore[no-untyped-def]
    monitor.store(record(role="Client"))
    monitor.store(record(provider=None))
    monitor.store(record(service_code=None))
    monitor.store(record(provider=STRANGER, request_size=None, response_size=None))
    await monitor.flush()
    found = await health()
    assert found.services() == ["EE/COM/9999/getPerson"]
    assert "requestMinSize" not in found.statistics()
    assert found.statistics()["requestMinDuration"] == 50


async def test_what_has_just_happened_counts(monitor: OperationalMonitor, health) -> None:  # type: ignore[no-untyped-def]
    monitor.store(record())
    assert (await health()).services() == ["EE/GOV/5678/Register/getPerson"]


async def test_filter_by_provider(monitor: OperationalMonitor, health) -> None:  # type: ignore[no-untyped-def]
    monitor.store(record(service_code="b<&>"))
    monitor.store(record(service_code="a"))
    monitor.store(record(provider=STRANGER))
    await monitor.flush()
    assert (await health(PRODUCER)).services() == [
        "EE/GOV/5678/Register/a",
        "EE/GOV/5678/Register/b<&>",
    ]
    assert (await health(STRANGER)).services() == ["EE/COM/9999/getPerson"]
    assert len((await health()).services()) == 3


async def test_two_processes_tell_of_both_and_a_restart_forgets_nothing(
    url: str, clock: SetClock, shared: Path
) -> None:
    first, second = OperationalMonitor(url, clock=clock), OperationalMonitor(url, clock=clock)
    for monitor in (first, second):
        monitor.store(record())
        await monitor.flush()
        await monitor.close()
    third = OperationalMonitor(url, clock=clock, rules=MonitoringRules(health_statistics_period_seconds=5))
    answer = await third.answer(message(health_request()), client_sees_all=True)
    assert Health(answer.body, shared).statistics()["successfulRequestCount"] == 2
    await third.close()


async def test_refused(monitor: OperationalMonitor) -> None:
    body = (
        "<om:getSecurityServerHealthData><om:filterCriteria><om:client><id:xRoadInstance>EE</id:xRoadInstance>"
        "</om:client></om:filterCriteria></om:getSecurityServerHealthData>"
    )
    request = message(soap("getSecurityServerHealthData", body))
    with pytest.raises(CallerError) as caught:
        await monitor.answer(request, client_sees_all=True)
    assert caught.value.code_path == "opmonitor.client.invalid_request"


@given(st.lists(st.lists(st.integers(0, 10**12), max_size=20), max_size=10))
def test_sums_add_up_like_the_whole(batches: list[list[int]]) -> None:
    total = Measure()
    for batch in batches:
        part = Measure()
        for value in batch:
            part.add(value)
        total.merge(part)
    values = [value for batch in batches for value in batch]
    assert total.count == len(values)
    if values:
        assert (total.min, total.max) == (min(values), max(values))
        assert total.mean == pytest.approx(statistics.fmean(values))
    if len(values) > 1:
        assert total.standard_deviation == pytest.approx(statistics.stdev(values), abs=1e-3)


async def test_made_up_services_push_no_real_one_out(monitor: OperationalMonitor, health) -> None:  # type: ignore[no-untyped-def]
    """Refused before a service was asked: who asks could fill the answer with codes of its own."""
    refused = {"succeeded": False, "request_out_ts": None, "fault_code": "server.serverproxy.unknown_service"}
    monitor.store(record(service_code="denied", **refused))  # nothing shows that there is one
    monitor.store(record(service_code="broken", succeeded=False, request_out_ts=1_001))
    monitor.store(record())
    for number in range(2_000):
        monitor.store(record(service_code=f"made-up-{number}", **refused))
        monitor.store(record(service_code="listMethods", service_version=f"v{number}"))
    found = await health()
    assert found.services() == [
        f"EE/GOV/5678/Register/{code}" for code in ("broken", "getPerson", "listMethods")
    ]


async def test_a_service_once_seen_counts_what_is_refused(monitor: OperationalMonitor, health) -> None:  # type: ignore[no-untyped-def]
    monitor.store(record())
    await monitor.flush()
    monitor.store(record(succeeded=False, request_out_ts=None, response_out_ts=9_000))
    found = await health()
    assert found.statistics()["unsuccessfulRequestCount"] == 1
    assert found.text("lastUnsuccessfulRequestTimestamp") == "9000"
