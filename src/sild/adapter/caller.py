"""Who calls a service, on whose behalf, under which id: read from the headers the security server hands over (PR-REST 4.3). Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sild.adapter.context import HEADER_NAMES
from sild.adapter.soap import legal_ground_of
from sild.errors import CallerError
from sild.xroad import ClientId, ServiceId
from sild.xroad.identifiers import decode_segments
from sild.xroad.rest import RepresentedParty
from sild.xroad.soap import SoapMessage

__all__ = ["XRoadCaller", "read_caller", "soap_caller"]

_HEADERS = {
    b"x-road-client": "client",
    b"x-road-id": "query_id",
    b"x-road-request-id": "request_id",
    **{header.lower(): field for field, header in HEADER_NAMES.items() if field != "security_server"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class XRoadCaller:
    """One request's X-Road side.

    client: the subsystem (or member) that calls.  service: ours, as the middleware was told; no header says it.
    query_id: X-Road-Id, the caller's.  request_id: X-Road-Request-Id, unique for this request; None over SOAP.
    user_id, issue, represented_party, legal_ground: see `CallContext`.
    """

    client: ClientId
    query_id: str
    request_id: str | None
    service: ServiceId | None = None
    user_id: str | None = None
    issue: str | None = None
    represented_party: RepresentedParty | None = None
    legal_ground: str | None = None


def read_caller(headers: Iterable[tuple[bytes, bytes]], *, service: ServiceId | None = None) -> XRoadCaller:
    """Read the headers of a REST request.

    A header that stands twice is refused: the security server goes by the last X-Road-Client, and frameworks by the first, so that
    a client could pass for another. Raises CallerError: `missing_x_road_header`, `duplicate_header_field`,
    `invalid_client_identifier`, `bad_request`.
    """
    found: dict[str, str] = {}
    for name, value in headers:
        field = _HEADERS.get(name.lower())
        if field is None:
            continue
        if field in found:
            raise CallerError(f"{name.decode()} stands twice", code="duplicate_header_field")
        found[field] = _text(value)
    for field, header in (
        ("client", "X-Road-Client"),
        ("query_id", "X-Road-Id"),
        ("request_id", "X-Road-Request-Id"),
    ):
        if not found.get(field):
            raise CallerError(f"{header} is missing", code="missing_x_road_header")
    try:
        client = ClientId.decode(found["client"])
    except ValueError:
        raise CallerError("X-Road-Client is unreadable", code="invalid_client_identifier") from None
    return XRoadCaller(
        client=client,
        query_id=found["query_id"],
        request_id=found["request_id"],
        service=service,
        user_id=found.get("user_id"),
        issue=found.get("issue"),
        represented_party=_party(found.get("represented_party")),
        legal_ground=found.get("legal_ground"),
    )


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise CallerError("an X-Road header is not UTF-8", code="bad_request") from None


def _party(text: str | None) -> RepresentedParty | None:
    """`[class/]code`."""
    if text is None:
        return None
    try:
        parts = decode_segments(text)
    except ValueError:
        parts = ()
    if len(parts) not in (1, 2) or not all(parts):
        raise CallerError("X-Road-Represented-Party is unreadable", code="bad_request")
    return RepresentedParty(parts[0] if len(parts) == 2 else None, parts[-1])


def soap_caller(message: SoapMessage) -> XRoadCaller:
    """The same of a SOAP request."""
    return XRoadCaller(
        client=message.client,
        query_id=message.query_id,
        request_id=None,
        service=message.service,
        user_id=message.user_id,
        issue=message.issue,
        represented_party=message.represented_party,
        legal_ground=legal_ground_of(message),
    )
