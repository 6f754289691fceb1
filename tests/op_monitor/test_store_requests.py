"""What may come to /store_data: every record of a good request, nothing of a bad one (store_operational_data_request_schema)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sild.errors import PeerError
from sild.op_monitor import OperationalDataRecord
from sild.op_monitor.records import COLUMNS, FIELDS, MONITORING_DATA_TS, as_json, parse_records

GOOD: dict[str, Any] = {
    "securityServerInternalIp": "192.168.0.1",
    "securityServerType": "Client",
    "requestInTs": 1,
    "responseOutTs": 2,
    "succeeded": True,
}


def request(*records: object) -> bytes:
    return json.dumps({"records": records}).encode()


def test_record_as_the_reference_sends_it() -> None:
    sent = GOOD | {
        "clientXRoadInstance": "DEV",
        "xRoadVersion": "7.8.0",
        "xRequestId": "x",
        "statusCode": 200,
    }
    (found,) = parse_records(request(sent))
    assert found == OperationalDataRecord(
        security_server_type="Client",
        request_in_ts=1,
        response_out_ts=2,
        succeeded=True,
        security_server_internal_ip="192.168.0.1",
        client_xroad_instance="DEV",
        xroad_version="7.8.0",
        x_request_id="x",
        status_code=200,
    )


def test_what_is_new_is_passed_over_and_the_monitor_sets_its_own_time() -> None:
    (found,) = parse_records(request(GOOD | {"newInVersion9": [1], MONITORING_DATA_TS: 1, "restPath": None}))
    assert found == parse_records(request(GOOD))[0]
    assert parse_records(request()) == []


def test_texts_are_cut_to_what_the_schema_allows() -> None:
    sent = GOOD | {"messageId": "m" * 300, "faultString": "f" * 3_000, "messageIssue": "a\0b\ud800"}
    (found,) = parse_records(request(sent))
    assert (found.message_id, found.fault_string) == ("m" * 255, "f" * 2_048)
    assert found.message_issue == "a\ufffdb?"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "No data was found in the request to store data"),
        (b" \r\n", "No data was found in the request to store data"),
        (b"{", "Received invalid request"),
        (b"\xff", "Received invalid request"),
        (b"[]", "Received invalid request"),
        (b'{"records":{}}', "Received invalid request"),
        (b'{"records":[1]}', "Received invalid request"),
        (b'{"records":[NaN]}', "Received invalid request"),
        (b"[" * 100_000, "Received invalid request"),
        (b'{"records":' + b"9" * 100_000 + b"}", "Received invalid request"),
        (b'{"records":[1e400]}', "Received invalid request"),
    ],
)
def test_no_records_at_all(body: bytes, text: str) -> None:
    with pytest.raises(PeerError) as caught:
        parse_records(body)
    assert caught.value.message == text


@pytest.mark.parametrize(
    "wrong",
    [
        {"securityServerType": "Proxy"},
        {"securityServerType": ["Client"]},
        {"securityServerType": None},
        {"securityServerInternalIp": None},
        {"requestInTs": -1},
        {"requestInTs": "1"},
        {"requestInTs": True},
        {"requestInTs": 1.5},
        {"responseOutTs": 2**63},
        {"statusCode": 2**31},
        {"succeeded": "true"},
        {"succeeded": 1},
        {"messageId": 5},
        {"faultCode": {}},
    ],
)
def test_one_wrong_record_refuses_the_request(wrong: dict[str, object]) -> None:
    with pytest.raises(PeerError):
        parse_records(request(GOOD, GOOD | wrong))


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.text(), st.lists(st.integers())
)


@given(st.dictionaries(st.sampled_from([*FIELDS, "other"]), VALUES), st.booleans())
def test_any_record_is_stored_or_refused(values: dict[str, object], complete: bool) -> None:
    try:
        found = parse_records(json.dumps({"records": [GOOD | values if complete else values]}).encode())
    except PeerError:
        return
    for value in found[0]:
        assert value is None or isinstance(value, str | int)


@given(st.binary())
def test_any_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(PeerError):
        parse_records(data)


RECORDS = st.builds(
    OperationalDataRecord,
    security_server_type=st.sampled_from(["Client", "Producer"]),
    request_in_ts=st.integers(0, 2**63 - 1),
    response_out_ts=st.integers(0, 2**63 - 1),
    succeeded=st.booleans(),
    security_server_internal_ip=st.just("10.0.0.1"),
    **{
        name: st.none()
        | (
            st.integers(0, 2**31 - 1)
            if is_number
            else st.text(st.characters(exclude_categories=["Cs"]), max_size=9)
        )
        for name in COLUMNS[5:]
        for is_number in [name.endswith(("_ts", "_size", "_count", "status_code"))]
    },
)


@given(st.lists(RECORDS, max_size=3))
def test_what_is_sent_is_what_is_read(records: list[OperationalDataRecord]) -> None:
    read = parse_records(as_json(records, "192.0.2.1"))
    assert read == [
        record._make(value.replace("\0", "\ufffd") if isinstance(value, str) else value for value in record)
        for record in records
    ]
