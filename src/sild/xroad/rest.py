"""REST messages: the bytes that are hashed, signed, logged and sent (WIRE 2; PR-REST 4).

A request part is verb, target and headers, a response part is status, reason and headers, each a line ended by CRLF, no
empty line, no body. Both sides hash these bytes, so a part that does not read back to itself is refused. Whoever
follows a REST message: `RestRequest.from_http` (client side), `parse_rest_request` (provider side),
`RestResponse.from_http`, `parse_rest_response`, `ensure_consistent`.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha512

from sild.errors import CallerError, PeerError
from sild.xroad.identifiers import ClientId, SecurityServerId, ServiceId, decode_segments

__all__ = [
    "RepresentedParty",
    "RestRequest",
    "RestResponse",
    "ensure_consistent",
    "loggable_part",
    "parse_rest_request",
    "parse_rest_response",
    "request_hash",
]

Header = tuple[bytes, bytes]

VERBS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"})
_VERBS = {verb.encode(): verb for verb in VERBS}

# Hop-by-hop headers and those the security server sets itself. One of these in a part received is an error (WIRE 2.1).
DROPPED = frozenset(
    b"transfer-encoding keep-alive proxy-authenticate proxy-authorization te trailer upgrade connection user-agent "
    b"host content-length server expect".split()
)
_DROPPED_FROM_REQUEST = DROPPED | {b"x-road-request-id", b"x-road-request-hash"}
_DROPPED_FROM_RESPONSE = DROPPED | {
    b"x-road-id",
    b"x-road-request-hash",
    b"x-road-client",
    b"x-road-request-id",
}

_OURS = b"x-road-"
_ONCE_IN_REQUEST = frozenset(
    b"x-road-client x-road-id x-road-request-id x-road-security-server x-road-represented-party".split()
)
_ONCE_IN_RESPONSE = frozenset(b"x-road-client x-road-id x-road-request-id x-road-request-hash".split())

# What java.net.URI reads (RFC 2396), so that a reference peer can read what we sign; ASCII only.
_TARGET = re.compile(
    rb"(/[A-Za-z0-9\-_.!~*'(),;:$&+=@/]*(?:%[0-9A-Fa-f]{2}[A-Za-z0-9\-_.!~*'(),;:$&+=@/]*)*)"
    rb"(?:\?([A-Za-z0-9\-_.!~*'(),;:$&+=@/?\[\]]*(?:%[0-9A-Fa-f]{2}[A-Za-z0-9\-_.!~*'(),;:$&+=@/?\[\]]*)*))?"
)
_ABSOLUTE_FORM = re.compile(rb"https?://[^/?#]*", re.IGNORECASE)
_HEADER_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_NOT_IN_VALUE = re.compile(rb"[\r\n\x00]")


@dataclass(frozen=True, slots=True)
class RepresentedParty:
    member_class: str | None
    member_code: str


@dataclass(frozen=True, slots=True)
class RestRequest:
    """A REST request. `part` is the signed bytes; everything else is read out of them.

    path, query: as on the wire, still percent-encoded; no query is None.  service_path: `/...` after the service code,
    or empty.  headers: those of the part, in order, names in their case.
    """

    part: bytes
    method: str
    path: str
    query: str | None
    service_path: str
    client: ClientId
    service: ServiceId
    query_id: str
    request_id: str
    security_server: SecurityServerId | None
    represented_party: RepresentedParty | None
    headers: tuple[Header, ...]

    @classmethod
    def from_http(
        cls, method: str, target: bytes, headers: Iterable[Header], *, request_id: str, query_id: str
    ) -> RestRequest:
        """The request an information system sent, made into a part (WIRE 2.1).

        target: of the request line, origin or absolute form.  request_id: a fresh uuid.
        query_id: `<INSTANCE>-<fresh uuid>`, taken if the client sent no x-road-id of its own.
        Raises CallerError: `invalid_http_method`, `bad_request`, `invalid_client_identifier`.
        """
        if method not in VERBS:
            raise CallerError(f"no such method over X-Road: {method[:20]!r}", code="invalid_http_method")
        if target[:1] != b"/":
            target = _ABSOLUTE_FORM.sub(b"", target, count=1)
        try:
            return parse_rest_request(_request_part(method, target, headers, request_id, query_id))
        except PeerError as error:
            code = error.code if error.code == "invalid_client_identifier" else "bad_request"
            raise CallerError(error.message, code=code) from None

    def header(self, name: bytes) -> bytes | None:
        """The first header of that (lower-case) name."""
        return _find(self.headers, name)


def _request_part(
    method: str, target: bytes, headers: Iterable[Header], request_id: str, query_id: str
) -> bytes:
    kept = [b"%s\r\n%s\r\n" % (method.encode(), target)]
    has_query_id = False
    for name, value in headers:
        lower = name.lower()
        if lower in _DROPPED_FROM_REQUEST:
            continue
        has_query_id = has_query_id or lower == b"x-road-id"
        kept.append(_header_line(name, value))
    kept.append(b"x-road-request-id:%s\r\n" % request_id.encode())
    if not has_query_id:
        kept.append(b"x-road-id:%s\r\n" % query_id.encode())
    return b"".join(kept)


@dataclass(frozen=True, slots=True)
class RestResponse:
    """A REST response. `part` is the signed bytes; request_hash the raw digest of the request it answers."""

    part: bytes
    status: int
    reason: str
    client: ClientId
    service: ServiceId
    query_id: str
    request_id: str | None
    request_hash: bytes
    headers: tuple[Header, ...]

    @classmethod
    def from_http(
        cls,
        status: int,
        reason: bytes | str,
        headers: Iterable[Header],
        *,
        request: RestRequest,
        request_hash: bytes,
        request_id: str | None = None,
    ) -> RestResponse:
        """The service's answer to `request`, made into a part (WIRE 2.2).

        request_id: of the HTTP header x-road-request-id between the servers, if the peer sent one.
        Raises PeerError (`invalid_message`): a header that cannot stand in a part.
        """
        line = reason.encode() if isinstance(reason, str) else _utf8(reason)
        kept = [b"%d\r\n%s\r\n" % (status, line)]
        kept.extend(
            _header_line(name, value) for name, value in headers if name.lower() not in _DROPPED_FROM_RESPONSE
        )
        kept.append(
            b"x-road-id:%s\r\nx-road-client:%s\r\nx-road-service:%s\r\nx-road-request-id:%s\r\nx-road-request-hash:%s\r\n"
            % (
                request.query_id.encode(),
                _encoded(request.client),
                _encoded(request.service),
                (request_id or request.request_id).encode(),
                b64encode(request_hash),
            )
        )
        return parse_rest_response(b"".join(kept))

    def header(self, name: bytes) -> bytes | None:
        """The first header of that (lower-case) name."""
        return _find(self.headers, name)


def _find(headers: Iterable[Header], wanted: bytes) -> bytes | None:
    return next((value for name, value in headers if name.lower() == wanted), None)


def _utf8(value: bytes) -> bytes:
    """Parts are UTF-8; a header value that is not is taken for ISO-8859-1, as HTTP once said."""
    if not value.isascii():
        try:
            value.decode()
        except UnicodeDecodeError:
            return value.decode("iso-8859-1").encode()
    return value


def _header_line(name: bytes, value: bytes) -> bytes:
    value = value.strip(b" \t")
    if not value.isascii():
        value = _utf8(value)
    if not _HEADER_NAME.fullmatch(name) or _NOT_IN_VALUE.search(value):
        raise PeerError(
            "a header cannot stand in a REST message", code="invalid_message", header=repr(name[:50])
        )
    return b"%s:%s\r\n" % (name, value)


# --- reading ------------------------------------------------------------------------------------------------------


def _lines(part: bytes) -> list[bytes]:
    """The lines without their CRLF. Raises PeerError unless joining them gives `part` back and it is UTF-8 text."""
    lines = part.split(b"\r\n")
    ends = len(lines) - 1
    if ends < 2 or lines[ends] or part.count(b"\r") != ends or part.count(b"\n") != ends or b"\0" in part:
        raise PeerError("a REST message is lines ended by CRLF", code="invalid_message")
    if not part.isascii():
        try:
            part.decode()
        except UnicodeDecodeError:
            raise PeerError("a REST message is UTF-8 text", code="invalid_message") from None
    return lines


# Names seen before, in lower case: only such as may stand in a message. Bounded in number and length.
_names: dict[bytes, bytes] = {}


def _lower_name(name: bytes) -> bytes:
    """The name in lower case. Raises PeerError unless it may stand in a REST message (WIRE 2.1)."""
    lower = name.lower()
    if not _HEADER_NAME.fullmatch(name) or lower in DROPPED:
        raise _unfit("a header that may not stand in a REST message", name)
    if b"_" not in name and len(_names) < 4096 and len(name) <= 100:
        _names[name] = lower
    return lower


def _is_pretender(lower: bytes) -> bool:
    """CGI, WSGI and their kin give a service one variable for X-Road-Client and X_Road_Client."""
    return b"_" in lower and not lower.startswith(_OURS) and lower.replace(b"_", b"-").startswith(_OURS)


def _unfit(why: str, name: bytes, code: str = "invalid_message") -> PeerError:
    return PeerError(why, code=code, header=repr(name[:50]))


def _headers(lines: list[bytes], *, of_request: bool) -> tuple[tuple[Header, ...], dict[bytes, bytes]]:
    """All headers of lines 3 and on, and the x-road-* ones by lower-case name, the last repetition winning.

    Those that say who and what are not repeated: a service may take the first where the security servers take the last.
    """
    once = _ONCE_IN_REQUEST if of_request else _ONCE_IN_RESPONSE
    headers = []
    ours: dict[bytes, bytes] = {}
    for line in lines[2:-1]:
        name, colon, value = line.partition(b":")
        lower = _names.get(name)
        if lower is None:
            lower = _lower_name(name)
            if of_request and _is_pretender(lower):
                raise _unfit("a header that a service could take for one of X-Road's", name)
        if not colon:
            raise _unfit("a header line without a colon", name)
        headers.append((name, value))
        if lower.startswith(_OURS):
            if lower in ours and lower in once:
                code = "invalid_client_identifier" if lower == b"x-road-client" else "invalid_message"
                raise _unfit("a header of X-Road's that stands twice", name, code)
            ours[lower] = value
    return tuple(headers), ours


# Identifiers repeat from message to message; the caches are bounded in number, and long values go past them.
_CACHED_LENGTH = 256


def _client_id(value: bytes) -> ClientId:
    return (_read_client_id if len(value) <= _CACHED_LENGTH else _read_client_id.__wrapped__)(value)


def _service_id(value: bytes) -> ServiceId:
    return (_read_service_id if len(value) <= _CACHED_LENGTH else _read_service_id.__wrapped__)(value)


@lru_cache(maxsize=4096)
def _encoded(identifier: ClientId | ServiceId) -> bytes:
    return identifier.encode().encode()


@lru_cache(maxsize=4096)
def _read_client_id(value: bytes) -> ClientId:
    try:
        return ClientId.decode(value.decode())
    except ValueError:
        raise PeerError("x-road-client is unreadable", code="invalid_client_identifier") from None


@lru_cache(maxsize=4096)
def _read_service_id(value: bytes) -> ServiceId:
    """`instance/class/code/subsystem/service`: a REST service always belongs to a subsystem."""
    try:
        parts = decode_segments(value.decode())
    except ValueError as error:
        raise PeerError(f"the service identifier is unreadable: {error}", code="invalid_message") from None
    if len(parts) != 5 or not all(parts):
        raise PeerError("a REST service identifier has 5 parts", code="invalid_message")
    return ServiceId(ClientId(*parts[:4]), parts[4])


def _server_id(value: bytes) -> SecurityServerId:
    try:
        return SecurityServerId.decode(value.decode())
    except ValueError:
        raise PeerError("x-road-security-server is unreadable", code="invalid_message") from None


def _represented_party(value: bytes) -> RepresentedParty:
    try:
        parts = decode_segments(value.decode())
    except ValueError:
        parts = ()
    if len(parts) not in (1, 2) or not all(parts):
        raise PeerError("x-road-represented-party is [class/]code", code="invalid_message")
    return RepresentedParty(parts[0] if len(parts) == 2 else None, parts[-1])


def parse_rest_request(part: bytes) -> RestRequest:
    """Read a request part strictly (WIRE 2.1).

    Raises PeerError: `invalid_client_identifier` (x-road-client missing or unreadable), else `invalid_message`.
    """
    lines = _lines(part)
    method = _VERBS.get(lines[0])
    target = _TARGET.fullmatch(lines[1])
    if method is None or target is None:
        raise PeerError("the verb or the target of a REST request is unreadable", code="invalid_message")
    path, query = target.groups()
    pieces = path.split(b"/", 7)
    if len(pieces) < 7 or pieces[0] or pieces[1] != b"r1":
        raise PeerError(
            "not the path of a REST service: /r1/<service identifier>/...", code="invalid_message"
        )
    service = _service_id(b"/".join(pieces[2:7]))
    headers, ours = _headers(lines, of_request=True)
    client = ours.get(b"x-road-client")
    if client is None:
        raise PeerError("the client identifier is missing", code="invalid_client_identifier")
    server = ours.get(b"x-road-security-server")
    party = ours.get(b"x-road-represented-party")
    query_id = ours.get(b"x-road-id")
    if not query_id:
        raise PeerError("x-road-id is missing or empty", code="invalid_message")
    return RestRequest(
        part=part,
        method=method,
        path=path.decode(),
        query=None if query is None else query.decode(),
        service_path="/" + pieces[7].decode() if len(pieces) == 8 else "",
        client=_client_id(client),
        service=service,
        query_id=query_id.decode(),
        request_id=ours.get(b"x-road-request-id", b"").decode(),
        security_server=None if server is None else _server_id(server),
        represented_party=None if party is None else _represented_party(party),
        headers=headers,
    )


def parse_rest_response(part: bytes) -> RestResponse:
    """Read a response part strictly (WIRE 2.2). Raises PeerError (`invalid_message`, `invalid_client_identifier`)."""
    lines = _lines(part)
    if len(lines[0]) != 3 or not lines[0].isdigit() or not b"2" <= lines[0][:1] <= b"9":  # 1xx ends nothing
        raise PeerError("the status of a REST response is unreadable", code="invalid_message")
    headers, ours = _headers(lines, of_request=False)
    try:
        digest = b64decode(ours.get(b"x-road-request-hash", b""), validate=True)
    except (binascii.Error, ValueError):
        digest = b""
    query_id, client, service = (
        ours.get(name) for name in (b"x-road-id", b"x-road-client", b"x-road-service")
    )
    if not query_id or not digest or client is None or service is None:
        raise PeerError(
            "a REST response needs x-road-id, x-road-client, x-road-service and x-road-request-hash",
            code="invalid_message",
        )
    request_id = ours.get(b"x-road-request-id")
    return RestResponse(
        part=part,
        status=int(lines[0]),
        reason=lines[1].decode(),
        client=_client_id(client),
        service=_service_id(service),
        query_id=query_id.decode(),
        request_id=None if request_id is None else request_id.decode(),
        request_hash=digest,
        headers=headers,
    )


# --- what ties an answer to its request -----------------------------------------------------------------------------


def request_hash(part_digest: bytes, body_digest: bytes | None) -> bytes:
    """The value of x-road-request-hash, raw: of the part alone, or of both digests when there is a body (WIRE 2.3)."""
    return part_digest if body_digest is None else sha512(part_digest + body_digest).digest()


def ensure_consistent(request: RestRequest, response: RestResponse, digest: bytes) -> None:
    """The answer is the answer to this request; `digest` is the request's hash. Raises PeerError `inconsistent_response`."""
    if response.client != request.client:
        wrong = "client id"
    elif response.query_id != request.query_id:
        wrong = "message id"
    elif response.service != request.service:
        wrong = "service id"
    elif response.request_id != request.request_id:
        wrong = "message request id"
    elif response.request_hash != digest:
        wrong = "message hash"
    else:
        return
    raise PeerError(f"Response {wrong} does not match request message", code="inconsistent_response")


def loggable_part(message: RestRequest | RestResponse) -> bytes:
    """What is logged when body logging is off: no service path, no query, only x-road-* headers (WIRE 2.3)."""
    if isinstance(message, RestRequest):
        path = message.path[: len(message.path) - len(message.service_path)]
        first = f"{message.method}\r\n{path}\r\n".encode()
    else:
        first = f"{message.status}\r\n{message.reason}\r\n".encode()
    kept = [b"%s:%s\r\n" % header for header in message.headers if header[0].lower().startswith(b"x-road-")]
    return first + b"".join(kept)
