"""getSecurityServerOperationalData: which records, which fields, for whom, and in which words it is refused (PR-OPMON 2)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from lxml import etree

from op_monitor.monitor_world import (
    BEGIN_SECONDS,
    OM,
    OWNER,
    PRODUCER,
    STRANGER,
    SetClock,
    ask,
    data_request,
    message,
    record,
    schema,
    soap,
)
from sild.errors import CallerError
from sild.op_monitor import OperationalDataRecord, OperationalMonitor
from sild.op_monitor.records import FIELDS

EVERYTHING = OperationalDataRecord(
    security_server_type="Client",
    request_in_ts=1_477_634_844_972,
    response_out_ts=1_477_634_845_036,
    succeeded=False,
    **{
        name: 7 if name.endswith(("_ts", "_size", "_count", "status_code")) else f"Õ {name}"
        for name in OperationalDataRecord._fields[4:]
    },  # type: ignore[arg-type]
)


async def test_every_field_comes_back_as_it_was_stored(
    monitor: OperationalMonitor, clock: SetClock, shared: Path
) -> None:
    monitor.store(EVERYTHING)
    assert await monitor.flush()
    clock.pass_seconds(100)
    found = await ask(monitor, 0, BEGIN_SECONDS)
    (only,) = found.records
    assert list(only) == list(FIELDS)
    assert only.pop("monitoringDataTs") == BEGIN_SECONDS
    assert only == {name: getattr(EVERYTHING, FIELDS[name]) for name in only}
    assert "Õ" in found.text
    documented = (
        shared / "schema/op-monitoring/query_operational_data_response_payload_schema.yaml"
    ).read_text()
    in_schema = set(re.findall(r"^        (\w+):$", documented, re.M))
    assert in_schema | {"xRequestId"} == set(FIELDS)  # the reference's daemon has it, its schema forgot it


async def test_unknown_values_are_left_out_and_the_monitor_adds_its_own(
    monitor: OperationalMonitor, clock: SetClock
) -> None:
    monitor.store(OperationalDataRecord("Producer", 1, 2, True))
    await monitor.flush()
    clock.pass_seconds(100)
    (only,) = (await ask(monitor, 0, BEGIN_SECONDS)).records
    address = only.pop("securityServerInternalIp")
    assert re.fullmatch(r"[0-9.]+|[0-9a-f:]+", address)
    expected = {"monitoringDataTs": BEGIN_SECONDS, "securityServerType": "Producer", "requestInTs": 1}
    assert only == expected | {"responseOutTs": 2, "succeeded": True}


async def test_body_is_what_collectors_match(
    monitor: OperationalMonitor, clock: SetClock, shared: Path
) -> None:
    clock.pass_seconds(100)
    request = message(data_request(0, BEGIN_SECONDS + 1_000))
    answer = await monitor.answer(request, client_sees_all=True)
    assert "<om:recordsCount>0</om:recordsCount>" in answer.body
    assert f"<om:nextRecordsFrom>{BEGIN_SECONDS + 40}</om:nextRecordsFrom>" in answer.body
    schema(shared).assertValid(etree.fromstring(answer.body))
    schema(shared).assertValid(
        etree.fromstring(request.data).find(f".//{{{OM}}}getSecurityServerOperationalData")
    )


async def test_newest_minute_is_held_back(monitor: OperationalMonitor, clock: SetClock) -> None:
    monitor.store(record("old"))
    await monitor.flush()
    clock.pass_seconds(30)
    monitor.store(record("young"))
    await monitor.flush()
    clock.pass_seconds(31)
    found = await ask(monitor, BEGIN_SECONDS, BEGIN_SECONDS + 1_000)
    assert (found.names, found.next_records_from) == (["old"], BEGIN_SECONDS + 1)
    assert (await ask(monitor, BEGIN_SECONDS, BEGIN_SECONDS)).next_records_from is None
    clock.pass_seconds(30)
    found = await ask(monitor, BEGIN_SECONDS + 1, BEGIN_SECONDS + 1_000)
    assert (found.names, found.next_records_from) == (["young"], BEGIN_SECONDS + 31)


async def test_both_ends_belong_to_the_interval(monitor: OperationalMonitor, clock: SetClock) -> None:
    for name in ("a", "b", "c", "d"):
        monitor.store(record(name))
        await monitor.flush()
        clock.pass_seconds(1)
    clock.pass_seconds(100)
    assert (await ask(monitor, BEGIN_SECONDS + 1, BEGIN_SECONDS + 2)).names == ["b", "c"]


async def test_output_fields(monitor: OperationalMonitor, clock: SetClock) -> None:
    monitor.store(record("m", xroad_version="7.8.0"))
    await monitor.flush()
    clock.pass_seconds(100)
    found = await ask(
        monitor, 0, BEGIN_SECONDS, fields=["xRoadVersion", "messageId", "messageId", "restPath"]
    )
    assert found.text == '{"records":[{"messageId":"m","xRoadVersion":"7.8.0"}]}'
    found = await ask(monitor, 0, BEGIN_SECONDS, fields=["monitoringDataTs"])
    assert found.records == [{"monitoringDataTs": BEGIN_SECONDS}]


async def test_others_see_what_they_took_part_in_without_internal_addresses(
    monitor: OperationalMonitor, clock: SetClock
) -> None:
    stranger_subsystem = STRANGER.with_subsystem("x")
    monitor.store(record("mine as client", client=STRANGER))
    monitor.store(record("mine as provider", provider=STRANGER, role="Client"))
    monitor.store(record("of my subsystem", client=stranger_subsystem))
    monitor.store(record("of nobody", client=None, provider=None))
    monitor.store(record("of others"))
    await monitor.flush()
    clock.pass_seconds(100)
    found = await ask(monitor, 0, BEGIN_SECONDS, client=STRANGER, sees_all=False)
    assert found.names == ["mine as client", "mine as provider"]
    assert all("securityServerInternalIp" not in each for each in found.records)
    hidden = await ask(
        monitor, 0, BEGIN_SECONDS, client=STRANGER, sees_all=False, fields=["securityServerInternalIp"]
    )
    assert hidden.text == '{"records":[{},{}]}'
    assert (await ask(monitor, 0, BEGIN_SECONDS, client=stranger_subsystem, sees_all=False)).names == [
        "of my subsystem"
    ]
    assert len((await ask(monitor, 0, BEGIN_SECONDS)).records) == 5


async def test_service_provider_filter(monitor: OperationalMonitor, clock: SetClock) -> None:
    monitor.store(record("a"))
    monitor.store(record("b", client=PRODUCER, provider=STRANGER))
    monitor.store(record("c", client=STRANGER))
    await monitor.flush()
    clock.pass_seconds(100)
    assert (await ask(monitor, 0, BEGIN_SECONDS, provider=PRODUCER)).names == ["a", "c"]
    mine = await ask(monitor, 0, BEGIN_SECONDS, provider=PRODUCER, client=STRANGER, sees_all=False)
    assert mine.names == ["c"]
    assert (await ask(monitor, 0, BEGIN_SECONDS, provider=OWNER)).names == []


@pytest.mark.parametrize(
    ("first", "last", "text"),
    [
        (-1, 5, "Records from timestamp is a negative number"),
        (0, -5, "Records to timestamp is a negative number"),
        (10, 9, "Records to timestamp is earlier than records from timestamp"),
        (BEGIN_SECONDS - 60, BEGIN_SECONDS, f"Records not available from {BEGIN_SECONDS - 60} yet"),
        ("soon", 5, "The value of recordsFrom is not a number of seconds"),
        ("", 5, "The value of recordsFrom is not a number of seconds"),
        (0, 2**63, "The value of recordsTo is not a number of seconds"),
        ("<om:x>1</om:x>", 5, "The value of recordsFrom is not a number of seconds"),
    ],
)
async def test_refused_times(monitor: OperationalMonitor, first: object, last: object, text: str) -> None:
    with pytest.raises(CallerError) as caught:
        await ask(monitor, first, last)
    assert (caught.value.code_path, caught.value.message) == ("opmonitor.client.invalid_request", text)


async def test_refused_fields_and_bodies(monitor: OperationalMonitor) -> None:
    with pytest.raises(CallerError, match=r"Unknown output field in search criteria: id$"):
        await ask(monitor, 0, 5, fields=["messageId", "id"])
    code = "getSecurityServerOperationalData"
    for body in (
        "<om:getSecurityServerOperationalData/>",
        '<getSecurityServerOperationalData xmlns="urn:other"/>',
        "<om:getSecurityServerOperationalData><om:searchCriteria><om:recordsTo>1</om:recordsTo>"
        "</om:searchCriteria></om:getSecurityServerOperationalData>",
        f"<om:{code}><om:searchCriteria><om:recordsFrom>1</om:recordsFrom><om:recordsTo>1</om:recordsTo>"
        f"<om:client><id:memberCode>1</id:memberCode></om:client></om:searchCriteria></om:{code}>",
        f"<om:{code}>{'<om:a>' * 200}{'</om:a>' * 200}</om:{code}>",
        f"<om:{code}>{'<om:a/>' * 20_000}</om:{code}>",
    ):
        with pytest.raises(CallerError) as caught:
            await monitor.answer(message(soap(code, body)), client_sees_all=True)
        assert caught.value.code == "invalid_request", body


async def test_another_service_is_none_of_ours(monitor: OperationalMonitor) -> None:
    with pytest.raises(CallerError, match="Unknown service: 'SERVICE:EE/GOV/owner/getState'"):
        await monitor.answer(message(soap("getState", "<om:getState/>")), client_sees_all=True)


async def test_what_no_database_takes_stops_nothing(monitor: OperationalMonitor, clock: SetClock) -> None:
    monitor.store(record("before"))
    monitor.store(record("nul \0 and half a pair \udcff", fault_string="x" * 5_000, message_issue="i" * 300))
    monitor.store(record("far too large", request_size=2**70))
    monitor.store(record("after"))
    assert await monitor.flush()
    clock.pass_seconds(100)
    found = await ask(monitor, 0, BEGIN_SECONDS)
    assert found.names == ["before", "nul \ufffd and half a pair ?", "after"]
    assert len(found.records[1]["faultString"]) == 2_048
    assert len(found.records[1]["messageIssue"]) == 255
