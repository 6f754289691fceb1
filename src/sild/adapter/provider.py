"""For services: who is calling, on whose behalf, under which id, as the security server says it (PR-REST 4.3; WIRE 2.1, 2.3).

    app = FastAPI()
    app.add_middleware(XRoadMiddleware, open_paths=["/openapi.json"])

    @app.get("/persons/{code}")
    def person(code: str, caller: Annotated[XRoadCaller, Depends(xroad_caller)]): ...

Whose word each field is: `client` was authenticated by the provider's own security server, and `request_id` is the other server's;
the rest is the client's claim, signed by it. So the service must be reachable through its security server alone (a network
rule, or the server's TLS certificate); `security_servers` adds a check of the peer's address. Access rights are the server's.

Importing this costs Starlette; `sild.adapter` itself does not.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sild.adapter.context import HEADER_NAMES
from sild.errors import CallerError
from sild.telemetry import get_logger
from sild.telemetry import request_id as logged_request_id
from sild.xroad import ClientId, ServiceId
from sild.xroad.identifiers import decode_segments
from sild.xroad.rest import RepresentedParty
from sild.xroad.soap import SoapMessage

__all__ = ["XRoadCaller", "XRoadMiddleware", "read_caller", "soap_caller", "xroad_caller"]

log = get_logger("adapter")

SCOPE_KEY = "sild.xroad_caller"
PROBLEM = "application/problem+json"
TITLES = {
    "missing_x_road_header": (400, "The request did not come through a security server"),
    "duplicate_header_field": (400, "An X-Road header stands twice"),
    "invalid_client_identifier": (400, "The service client is unreadable"),
    "bad_request": (400, "An X-Road header is unreadable"),
    "unknown_peer": (403, "The request did not come from the security server"),
}
"""Error code -> status and title of the problem; its type is `urn:sild:adapter:<code>`."""

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
    """Read the headers of a REST request. Raises CallerError with a code of `TITLES`.

    A header that stands twice is refused: the security server goes by the last X-Road-Client, and frameworks by the first, so that
    a client could pass for another.
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
    """The same of a SOAP request that `sild.xroad.soap.parse_soap` has read; answer it with `build_response`."""
    return XRoadCaller(
        client=message.client,
        query_id=message.query_id,
        request_id=None,
        service=message.service,
        user_id=message.user_id,
        issue=message.issue,
        represented_party=message.represented_party,
    )


class XRoadMiddleware:
    """ASGI middleware: lets through what came through a security server, refuses the rest with an RFC 9457 problem.

    open_paths: exact paths that need no headers (the description, a health check).  service: put into `XRoadCaller.service`.
    security_servers: addresses or networks that requests may come from; empty leaves that to the network.
    Request and answer pass untouched; log lines of `sild.telemetry` inside carry the request id.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        open_paths: Sequence[str] = (),
        service: ServiceId | None = None,
        security_servers: Sequence[str] = (),
    ) -> None:
        self._app = app
        self._open_paths = frozenset(open_paths)
        self._service = service
        self._comes_from_us = _peer_check(security_servers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or scope["path"] in self._open_paths:
            await self._app(scope, receive, send)
            return
        try:
            if scope["type"] == "websocket":
                raise CallerError("X-Road carries no web sockets", code="missing_x_road_header")
            self._comes_from_us(scope)
            caller = read_caller(scope["headers"], service=self._service)
        except CallerError as error:
            log.refusal("adapter.provider_refused", error)
            await (_close_websocket(send) if scope["type"] == "websocket" else _refuse(send, error))
            return
        with logged_request_id(caller.request_id or caller.query_id):
            await self._app({**scope, SCOPE_KEY: caller}, receive, send)


def xroad_caller(connection: HTTPConnection) -> XRoadCaller:
    """The caller of this request: a dependency for FastAPI, a plain function for Starlette. Needs XRoadMiddleware."""
    caller = connection.scope.get(SCOPE_KEY)
    if not isinstance(caller, XRoadCaller):
        raise RuntimeError("no X-Road caller: XRoadMiddleware is not in front of this path")
    return caller


def _peer_check(security_servers: Sequence[str]) -> Callable[[Mapping[str, object]], None]:
    networks = [ip_network(text, strict=False) for text in security_servers]

    def check(scope: Mapping[str, object]) -> None:
        peer = scope.get("client")
        try:
            address = ip_address(peer[0]) if isinstance(peer, tuple | list) else None
        except ValueError:
            address = None
        if address is None or not any(address in network for network in networks):
            raise CallerError("the peer is not the security server", code="unknown_peer")

    return check if networks else lambda _scope: None


async def _refuse(send: Send, error: CallerError) -> None:
    status, title = TITLES[error.code]
    body = json.dumps(
        {"type": f"urn:sild:adapter:{error.code}", "title": title, "status": status, "detail": error.message}
    ).encode()
    start: Message = {
        "type": "http.response.start",
        "status": status,
        "headers": [(b"content-type", PROBLEM.encode()), (b"content-length", str(len(body)).encode())],
    }
    await send(start)
    await send({"type": "http.response.body", "body": body})


async def _close_websocket(send: Send) -> None:
    await send({"type": "websocket.close", "code": 1008})
