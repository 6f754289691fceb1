"""For services: who is calling, on whose behalf, under which id, as the security server says it (PR-REST 4.3; WIRE 2.1, 2.3).

    app = FastAPI()
    app.add_middleware(XRoadMiddleware, open_paths=["/openapi.json"])

    @app.get("/persons/{code}")
    def person(code: str, caller: Annotated[XRoadCaller, Depends(xroad_caller)]): ...

Whose word each field is: `client` was authenticated by the provider's own security server, and `request_id` is the other server's;
the rest is the client's claim, signed by it. So the service must be reachable through its security server alone (a network
rule, or the server's TLS certificate); `security_servers` adds a check of the peer's address. Access rights are the server's.
A SOAP service has all of it in the message: `read_soap_request` and `soap_answer` (soap_service.py).

Importing this costs Starlette; `sild.adapter` itself does not.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from ipaddress import ip_address, ip_network

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sild.adapter.caller import XRoadCaller, read_caller
from sild.adapter.soap_service import (
    SOAP_CLIENT,
    SOAP_SERVER,
    SoapRequest,
    read_soap_request,
    soap_answer,
    soap_fault,
)
from sild.errors import CallerError
from sild.telemetry import get_logger
from sild.telemetry import request_id as logged_request_id
from sild.xroad import ServiceId

__all__ = [
    "SOAP_CLIENT",
    "SOAP_SERVER",
    "SoapRequest",
    "XRoadCaller",
    "XRoadMiddleware",
    "read_caller",
    "read_soap_request",
    "soap_answer",
    "soap_fault",
    "xroad_caller",
]

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


class XRoadMiddleware:
    """ASGI middleware: lets through what came through a security server, refuses the rest with an RFC 9457 problem.

    open_paths: exact paths, a mount's prefix included, that need no headers (the description, a health check).  service: put into `XRoadCaller.service`.
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
