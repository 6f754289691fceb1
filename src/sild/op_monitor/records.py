"""One exchange as one of its security servers saw it, and the JSON in which records travel (PR-OPMON 2, Annex B; WIRE 15)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, cast

from sild.errors import PeerError

__all__ = [
    "COLUMNS",
    "FIELDS",
    "INTERNAL_IP",
    "MONITORING_DATA_TS",
    "MOST_CHARACTERS",
    "OperationalDataRecord",
    "SecurityServerType",
    "Value",
    "as_json",
    "parse_records",
    "storable",
]

SecurityServerType = Literal["Client", "Producer"]
Value = str | int | bool | None

MONITORING_DATA_TS = "monitoringDataTs"
INTERNAL_IP = "securityServerInternalIp"
MOST_CHARACTERS = 255
MOST_FAULT_CHARACTERS = 2_048
_LONG = 2**63 - 1
_INT = 2**31 - 1


class OperationalDataRecord(NamedTuple):
    """What one security server knows of one exchange. Times: Unix milliseconds; sizes: bytes; None: not known, or not so here.

    A tuple because one is made for every exchange: it is its own row. Names are the columns of X-Road's `operational_data`,
    which stand for PR-OPMON's fields (`FIELDS`).
    security_server_type: the role of the server that reports, `Client` or `Producer`.
    security_server_internal_ip: left None, the monitor puts this host's in.
    rest_path: the path of the endpoint in the service's description, not the path asked for.
    request_size, response_size: of the SOAP message or REST body; mime sizes: of the whole multipart body.
    """

    security_server_type: SecurityServerType
    request_in_ts: int
    response_out_ts: int
    succeeded: bool
    security_server_internal_ip: str | None = None
    request_out_ts: int | None = None
    response_in_ts: int | None = None
    client_xroad_instance: str | None = None
    client_member_class: str | None = None
    client_member_code: str | None = None
    client_subsystem_code: str | None = None
    service_xroad_instance: str | None = None
    service_member_class: str | None = None
    service_member_code: str | None = None
    service_subsystem_code: str | None = None
    service_code: str | None = None
    service_version: str | None = None
    rest_method: str | None = None
    rest_path: str | None = None
    represented_party_class: str | None = None
    represented_party_code: str | None = None
    message_id: str | None = None
    message_user_id: str | None = None
    message_issue: str | None = None
    message_protocol_version: str | None = None
    client_security_server_address: str | None = None
    service_security_server_address: str | None = None
    request_size: int | None = None
    response_size: int | None = None
    request_mime_size: int | None = None
    request_attachment_count: int | None = None
    response_mime_size: int | None = None
    response_attachment_count: int | None = None
    fault_code: str | None = None
    fault_string: str | None = None
    status_code: int | None = None
    service_type: str | None = None
    xroad_version: str | None = None
    x_request_id: str | None = None


COLUMNS: tuple[str, ...] = OperationalDataRecord._fields

FIELDS: Mapping[str, str] = {
    MONITORING_DATA_TS: "monitoring_data_ts",
    INTERNAL_IP: "security_server_internal_ip",
    "securityServerType": "security_server_type",
    "requestInTs": "request_in_ts",
    "requestOutTs": "request_out_ts",
    "responseInTs": "response_in_ts",
    "responseOutTs": "response_out_ts",
    "clientXRoadInstance": "client_xroad_instance",
    "clientMemberClass": "client_member_class",
    "clientMemberCode": "client_member_code",
    "clientSubsystemCode": "client_subsystem_code",
    "serviceXRoadInstance": "service_xroad_instance",
    "serviceMemberClass": "service_member_class",
    "serviceMemberCode": "service_member_code",
    "serviceSubsystemCode": "service_subsystem_code",
    "serviceCode": "service_code",
    "restMethod": "rest_method",
    "restPath": "rest_path",
    "serviceVersion": "service_version",
    "representedPartyClass": "represented_party_class",
    "representedPartyCode": "represented_party_code",
    "messageId": "message_id",
    "messageUserId": "message_user_id",
    "messageIssue": "message_issue",
    "messageProtocolVersion": "message_protocol_version",
    "clientSecurityServerAddress": "client_security_server_address",
    "serviceSecurityServerAddress": "service_security_server_address",
    "requestSize": "request_size",
    "responseSize": "response_size",
    "requestMimeSize": "request_mime_size",
    "requestAttachmentCount": "request_attachment_count",
    "responseMimeSize": "response_mime_size",
    "responseAttachmentCount": "response_attachment_count",
    "succeeded": "succeeded",
    "faultCode": "fault_code",
    "faultString": "fault_string",
    "statusCode": "status_code",
    "serviceType": "service_type",
    "xRoadVersion": "xroad_version",
    "xRequestId": "x_request_id",
}
"""Field on the wire to column, in the order the reference writes them."""

_LONGS = frozenset({"requestInTs", "requestOutTs", "responseInTs", "responseOutTs"}) | frozenset(
    {"requestSize", "responseSize", "requestMimeSize", "responseMimeSize"}
)
_INTEGERS = frozenset({"requestAttachmentCount", "responseAttachmentCount", "statusCode"})
_REQUIRED = (INTERNAL_IP, "securityServerType", "requestInTs", "responseOutTs", "succeeded")
_WIRE_NAMES = tuple((name, COLUMNS.index(column)) for name, column in FIELDS.items() if column in COLUMNS)


def as_json(records: Sequence[OperationalDataRecord], internal_ip: str) -> bytes:
    """The body of a store request: `{"records":[...]}`, what is not known left out, texts as long as the schema allows."""
    listed = []
    for record in records:
        values = {
            name: storable(name, value) if isinstance(value := record[place], str) else value
            for name, place in _WIRE_NAMES
            if record[place] is not None
        }
        values.setdefault(INTERNAL_IP, internal_ip)
        listed.append(values)
    return json.dumps({"records": listed}, ensure_ascii=False, separators=(",", ":")).encode()


def parse_records(data: bytes) -> list[OperationalDataRecord]:
    """The records of a store request. Fields nobody knows are passed over, so that a newer server can report here.

    Too long a text is cut to the length of the schema. Raises PeerError, whose message is the reference's, or names the
    field: nothing of such a request is stored.
    """
    if not data.strip():
        raise PeerError("No data was found in the request to store data")
    try:
        document = json.loads(data.decode(), parse_constant=_no_constant, parse_int=_parse_int)
    except (ValueError, RecursionError):
        raise PeerError("Received invalid request") from None
    records = document.get("records") if isinstance(document, dict) else None
    if not isinstance(records, list):
        raise PeerError("Received invalid request")
    return [_parse_record(record) for record in records]


def _parse_record(values: object) -> OperationalDataRecord:
    if not isinstance(values, dict):
        raise PeerError("Received invalid request")
    for name in _REQUIRED:
        if values.get(name) is None:
            raise PeerError(f"Received invalid request: {name} is missing")
    if values["securityServerType"] not in ("Client", "Producer"):
        raise PeerError("Invalid value of securityServerType")
    if not isinstance(values["succeeded"], bool):
        raise PeerError("Received invalid request: succeeded")
    row = [_parse_value(name, values.get(name)) for name, _ in _BY_COLUMN]
    return OperationalDataRecord._make(cast("list[str]", row))  # each checked by its field's kind


_BY_COLUMN = tuple(sorted(_WIRE_NAMES, key=lambda pair: pair[1]))


def _parse_value(name: str, value: object) -> Value:
    if value is None or name == "succeeded":
        return cast("bool | None", value)
    if name in _LONGS or name in _INTEGERS:
        most = _LONG if name in _LONGS else _INT
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
            raise PeerError(f"Received invalid request: {name}")
        return value
    if not isinstance(value, str):
        raise PeerError(f"Received invalid request: {name}")
    return storable(name, value)


def storable(name: str, value: str) -> str:
    """Text both databases take: no NUL, no half of a surrogate pair, no longer than the schema says."""
    most = MOST_FAULT_CHARACTERS if name in ("faultString", "fault_string") else MOST_CHARACTERS
    value = value[:most].replace("\0", "\ufffd")
    return value if value.isascii() else value.encode("utf-8", "replace").decode()


def _no_constant(_name: str) -> float:
    raise ValueError("JSON has neither NaN nor Infinity")


def _parse_int(digits: str) -> int:
    """Python gives up on numbers of thousands of digits by another error than on the rest."""
    if len(digits) > 20:
        raise ValueError("a number beyond 64 bits")
    return int(digits)
