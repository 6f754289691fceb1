"""REST calls as an information system writes and reads them (PR-REST 4; WIRE 2.1, 2.2, 5.3). Pure.

A path is given as segments, each encoded whole, or as text, in which only what may not stand raw is encoded. Dot segments are
refused either way: a value pasted into a path must not lead to another endpoint than the one it was pasted into.
"""

from __future__ import annotations

import binascii
import json
import re
from base64 import b64decode
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from urllib.parse import quote, unquote, urlencode

from sild.adapter.answers import AnswerHead
from sild.adapter.context import MAX_OTHER_BYTES, header_value
from sild.adapter.faults import XRoadFault, xroad_fault
from sild.adapter.xml import parse_xml
from sild.errors import CallerError, PeerError, PlatformError, Unavailable
from sild.http1 import Header
from sild.xroad import ClientId, ServiceId
from sild.xroad.identifiers import decode_segments, encode_segments

__all__ = [
    "IDEMPOTENT",
    "Params",
    "PathText",
    "encoded",
    "ensure_method",
    "not_xroad",
    "own_headers",
    "read_fault",
    "read_head",
    "retry_after_of",
    "service_target",
]

PathText = str | Sequence[str]
Scalar = str | int | float | bool
Params = Mapping[str, Scalar | Sequence[Scalar] | None] | Sequence[tuple[str, Scalar]]

METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"})
IDEMPOTENT = METHODS - {"POST", "PATCH"}  # RFC 9110 9.2.2
WITH_BODY = frozenset({"PATCH", "POST", "PUT"})

# RFC 3986 pchar without `'`, which is let through too, and `/`; what else stands raw in a path becomes %HH.
_SAFE_IN_PATH = "-._~!$&'()*+,;=:@/"
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
# The server refuses or sets these itself; the first group would only be dropped without a word (WIRE 2.1).
_DROPPED = frozenset(
    b"transfer-encoding keep-alive proxy-authenticate proxy-authorization te trailer upgrade connection user-agent "
    b"host content-length server expect x-road-request-id x-road-request-hash".split()
)
_OURS = frozenset(
    b"x-road-client x-road-id x-road-service x-road-userid x-road-issue x-road-represented-party "
    b"x-road-security-server x-road-legal-ground x-road-error".split()
)


def ensure_method(method: str, *, has_body: bool) -> None:
    """Raises CallerError: no such method over X-Road, or one whose body would be signed but not handed over (WIRE 2.3)."""
    if method not in METHODS:
        raise CallerError(f"no such method over X-Road: {method[:20]!r}", code="invalid_http_method")
    if has_body and method not in WITH_BODY:
        raise CallerError(f"the body of a {method} does not reach the service", code="bad_request")


def service_target(service: ServiceId, path: PathText = "", params: Params | None = None) -> bytes:
    """`/r1/<service identifier><path>?<query>` for the request line. Raises CallerError (`bad_request`)."""
    if service.client_id.subsystem_code is None or service.service_version is not None:
        raise CallerError(
            "a REST service belongs to a subsystem and has no version",
            code="bad_request",
            service=str(service),
        )
    target = b"/r1/" + encoded(service) + _path(path).encode("ascii")
    query = _query(params) if params else ""
    return b"%b?%b" % (target, query.encode("ascii")) if query else target


@lru_cache(maxsize=1024)
def encoded(identifier: ClientId | ServiceId) -> bytes:
    """The REST form, `DEV/COM/1234/Sub`: a program uses few of them, again and again."""
    return identifier.encode().encode("ascii")


def _path(path: PathText) -> str:
    if not isinstance(path, str):
        encoded = "".join("/" + encode_segments(segment) for segment in path)
    elif not path:
        return ""
    elif _PERCENT.search(path) or "?" in path or "#" in path:
        raise CallerError("a path has no query; write % as %25", code="bad_request")
    else:
        encoded = quote(path if path.startswith("/") else "/" + path, safe=_SAFE_IN_PATH + "%")
    for segment in encoded.split("/"):
        if unquote(segment) in (".", ".."):
            raise CallerError("a path has no segments . and ..", code="bad_request")
    return encoded


def _query(params: Params) -> str:
    """None leaves a parameter out; a sequence repeats it; booleans become true and false."""
    pairs: list[tuple[str, str]] = []
    for name, value in params.items() if isinstance(params, Mapping) else params:
        values = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
        pairs.extend((name, _scalar(one)) for one in values if one is not None)
    return urlencode(pairs, quote_via=quote, safe="")


def _scalar(value: Scalar) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def own_headers(headers: Iterable[tuple[str, str]] | Mapping[str, str]) -> list[Header]:
    """The caller's own headers. Raises CallerError for those that would not arrive or that this client sets."""
    found = []
    for name, value in headers.items() if isinstance(headers, Mapping) else headers:
        raw = name.encode("ascii", "replace")
        if raw.lower() in _DROPPED:
            raise CallerError(f"the header {name} does not pass through X-Road", code="bad_request")
        if raw.lower() in _OURS:
            raise CallerError(f"the header {name} is an argument of its own", code="bad_request")
        found.append((checked_name(name), header_value(name, value, MAX_OTHER_BYTES)))
    return found


def checked_name(name: str) -> bytes:
    """Raises CallerError unless it is a token (RFC 9110 5.6.2)."""
    if not _TOKEN.fullmatch(name):
        raise CallerError(f"not a header name: {name[:40]!r}", code="bad_request")
    return name.encode()


# --- the answer -----------------------------------------------------------------------------------------------------


def read_head(
    status: int,
    headers: Sequence[Header],
    *,
    client: ClientId,
    service: ServiceId,
    query_id: str,
    attempts: int,
) -> AnswerHead:
    """Read the head of an answer and make sure it belongs to this call.

    Where a header stands twice the last one is the security server's (WIRE 2.2). Raises PeerError: `inconsistent_response`, or
    `invalid_message` when it is no X-Road answer at all; Unavailable (`http_error`) when a gateway in between says later.
    """
    ours = {name.lower(): value for name, value in headers if name[:7].lower() == b"x-road-"}
    if not ours.keys() >= {b"x-road-id", b"x-road-request-id", b"x-road-request-hash"}:
        raise not_xroad(status, headers)
    found_id = ours[b"x-road-id"].decode("utf-8", "replace")
    if (
        found_id != query_id
        or not _names(ours.get(b"x-road-client"), client)
        or not _names(ours.get(b"x-road-service"), service)
    ):
        raise PeerError("the answer belongs to another request", code="inconsistent_response")
    return AnswerHead(
        status=status,
        headers=tuple(headers),
        client=client,
        service=service,
        query_id=query_id,
        request_id=ours[b"x-road-request-id"].decode("latin-1"),
        request_hash=_hash(ours[b"x-road-request-hash"]),
        attempts=attempts,
    )


def _names(value: bytes | None, identifier: ClientId | ServiceId) -> bool:
    """Servers need not encode as we do: what is decoded counts."""
    if value is None or value == encoded(identifier):
        return value is not None
    try:
        return decode_segments(value.decode()) == identifier.parts
    except ValueError:
        return False


def _hash(value: bytes) -> bytes:
    try:
        return b64decode(value, validate=True)
    except binascii.Error:
        raise PeerError("x-road-request-hash is unreadable", code="invalid_message") from None


def not_xroad(status: int, headers: Sequence[Header]) -> PlatformError:
    """The error for an answer that no security server gave."""
    why = f"HTTP {status}, but no X-Road answer: is this a security server's port for information systems?"
    if status in (502, 503, 504):
        return Unavailable(why, code="http_error", retry_after=retry_after_of(headers))
    return PeerError(why, code="invalid_message")


def retry_after_of(headers: Iterable[Header]) -> float | None:
    """Retry-After in seconds; None when absent or a date."""
    for name, value in headers:
        if name.lower() == b"retry-after" and value.strip().isdigit():
            return float(value)
    return None


def read_fault(code: bytes, status: int, body: bytes, *, query_id: str) -> XRoadFault:
    """The fault of an answer with X-Road-Error (`code`): JSON, or XML where the caller's Accept asked for it."""
    fields = _json_fields(body) or _xml_fields(body)
    return xroad_fault(
        code.decode("ascii", "replace"),
        fields.get("message", ""),
        detail=fields.get("detail", ""),
        status=status,
        query_id=query_id,
    )


def _json_fields(body: bytes) -> dict[str, str]:
    try:
        read = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return {str(name): str(value) for name, value in read.items()} if isinstance(read, dict) else {}


def _xml_fields(body: bytes) -> dict[str, str]:
    try:
        root = parse_xml(body)
    except PeerError:
        return {}
    return {child.tag: child.text or "" for child in root if isinstance(child.tag, str)}
