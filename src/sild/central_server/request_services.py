"""The two services security servers send management requests to (WIRE 16; PR-MSERV 3).

    4001  POST /managementservice/           authCertReg, straight from any server that has the configuration
    4002  POST /managementservice/manage/    the other kinds, as an ordinary service of the management security server

The answer is a SOAP message, or HTTP 500 and a SOAP Fault whose detail is the number of the line in this server's log. What the
register itself refuses is `internal_error` with X-Road's administration code in the text, as the reference says it.

Who may connect: X-Road's port 4002 takes anybody, although a deletion carries no signature. Here it is told the TLS certificates of
the management security servers and takes no others (docs/adr/0016).
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Collection
from uuid import uuid4

from sild.central_server.central_server import CentralServer
from sild.central_server.errors import Conflict, NotFound
from sild.clock import Clock
from sild.errors import CallerError, PeerError, PlatformError, TrustError, Unavailable
from sild.http1 import BodyTooLarge, Handler, Header, Limits, Request, Responder, subscriber_of
from sild.pki import DigestAlgorithm, certificate_hash
from sild.telemetry import get_logger
from sild.xroad.faults import Fault, render_soap_fault
from sild.xroad.management import (
    MAX_REQUEST_BYTES,
    AuthCertRegistration,
    ManagementBody,
    parse_management_body,
    render_management_response,
    verify_management_request,
)

__all__ = ["REQUEST_LIMITS", "management_service", "registration_service"]

log = get_logger("central_server")

REQUEST_LIMITS = Limits(
    max_header_bytes=16 * 1024,
    header_timeout=15.0,
    idle_timeout=15.0,
    body_timeout=15.0,
    buffer_bytes=MAX_REQUEST_BYTES,
    max_connections=256,
    max_address_connections=64,
    handshake_timeout=15.0,
)
_AT_ONCE = 4
"""Requests parsed, verified and stored side by side; the others wait."""
_REMEMBERED_ADDRESSES = 10_000
_MINUTE = 60.0

_HEADERS: tuple[Header, ...] = (
    (b"Content-Type", b"text/xml;charset=UTF-8"),
    (b"Cache-Control", b"no-store"),
    (b"Pragma", b"no-cache"),
    (b"Expires", b"0"),
)


def registration_service(server: CentralServer, *, clock: Clock, requests_per_minute: int = 10) -> Handler:
    """Port 4001. requests_per_minute: from one address."""
    return _Service(
        server,
        clock,
        paths=(b"/managementservice", b"/managementservice/"),
        registrations=True,
        requests_per_minute=requests_per_minute,
    ).handle


def management_service(
    server: CentralServer,
    *,
    clock: Clock,
    client_certificates: Collection[bytes] | None,
    requests_per_minute: int = 100,
) -> Handler:
    """Port 4002. client_certificates: DER of the TLS certificates of the management security servers; None takes anybody.

    requests_per_minute: from one address, which is the management security server's: of the whole instance, that is.
    """
    return _Service(
        server,
        clock,
        paths=(b"/managementservice/manage", b"/managementservice/manage/"),
        registrations=False,
        requests_per_minute=requests_per_minute,
        client_hashes=None
        if client_certificates is None
        else frozenset(certificate_hash(der) for der in client_certificates),
    ).handle


class _Service:
    def __init__(
        self,
        server: CentralServer,
        clock: Clock,
        *,
        paths: tuple[bytes, ...],
        registrations: bool,
        requests_per_minute: int,
        client_hashes: frozenset[bytes] | None = None,
    ) -> None:
        self._server = server
        self._clock = clock
        self._paths = paths
        self._registrations = registrations
        self._client_hashes = client_hashes
        self._rate = _Rate(requests_per_minute, asyncio.get_running_loop().time)
        self._turn = asyncio.Semaphore(_AT_ONCE)

    async def handle(self, request: Request, responder: Responder) -> None:
        if request.origin_form.partition(b"?")[0] not in self._paths:
            await responder.send(404, [])
        elif request.method != "POST":
            await responder.send(405, [(b"Allow", b"POST")])
        elif not self._rate.admits(request.peer_address):
            await responder.send(429, [(b"Retry-After", b"60")])
        else:
            await responder.send(*await self._answer(request))

    async def _answer(self, request: Request) -> tuple[int, tuple[Header, ...], bytes]:
        detail = str(uuid4())
        try:
            self._ensure_client(request)
            content_type = (request.header(b"content-type") or b"").decode("latin-1")
            body = await _read(request)
            async with self._turn:
                answer = await asyncio.to_thread(self._process, content_type, body)
            return 200, _HEADERS, answer
        except Unavailable as error:
            log.refusal("management_request.refused", error, detail=detail, peer=request.peer_address)
            fault = Fault(error.code, "The central server cannot take requests now", detail)
        except PlatformError as error:
            log.refusal("management_request.refused", error, detail=detail, peer=request.peer_address)
            fault = Fault(error.code, error.message, detail)
        except Exception as error:  # noqa: BLE001 - the edge: what nobody foresaw is told without its text
            log.bug("management_request.failed", error, detail=detail)
            fault = Fault("internal_error", "internal error", detail)
        return 500, _HEADERS, render_soap_fault(fault)

    def _ensure_client(self, request: Request) -> None:
        if self._client_hashes is None:
            return
        certificate = None if request.tls is None else request.tls.certificate
        if certificate is None or certificate_hash(certificate) not in self._client_hashes:
            raise TrustError(
                "The client is no security server of the management services",
                code="ssl_authentication_failed",
            )

    def _process(self, content_type: str, body: bytes) -> bytes:
        """The answer's bytes. Runs in a thread: signatures and the database take their time."""
        read = parse_management_body(content_type, body)
        if isinstance(read.request, AuthCertRegistration) is not self._registrations:
            raise PeerError("The request is not one of this address", code="invalid_request")
        try:
            globalconf = self._server.global_configuration()
        except CallerError as error:
            raise Unavailable(error.message, code="internal_error") from error
        verify_management_request(read, globalconf, at=self._clock())
        number = 0 if _is_dry_run(read) else self._submit(read)
        return render_management_response(read.message, read.request, number).data

    def _submit(self, body: ManagementBody) -> int:
        try:
            with self._server.transaction(f"security server {body.request.server}"):
                record = self._server.submit_management_request(
                    body.request, message_digest=DigestAlgorithm.SHA256.digest(body.message.data)
                )
        except CallerError as error:
            status = 404 if isinstance(error, NotFound) else 409 if isinstance(error, Conflict) else 400
            raise CallerError(
                f"{error.code} with statusCode {status}", code="internal_error", reason=error.message
            ) from error
        log.info(
            "management_request.taken",
            request=record.id,
            kind=record.kind,
            status=record.status,
            security_server=str(body.request.server),
        )
        return record.id


def _is_dry_run(body: ManagementBody) -> bool:
    return isinstance(body.request, AuthCertRegistration) and body.request.dry_run


async def _read(request: Request) -> bytes:
    try:
        return await request.read(MAX_REQUEST_BYTES)
    except BodyTooLarge as error:
        raise PeerError(
            f"a management request has at most {MAX_REQUEST_BYTES} bytes", code="invalid_request"
        ) from error


class _Rate:
    """So many requests a minute from one address; the longest silent of too many addresses are forgotten.

    Of IPv6 a /64 counts as one: that is what one subscriber has, with an address for every request.
    """

    def __init__(self, per_minute: int, now: Callable[[], float]) -> None:
        self._per_minute = per_minute
        self._now = now
        self._seen: OrderedDict[str, deque[float]] = OrderedDict()

    def admits(self, address: str) -> bool:
        now, who = self._now(), subscriber_of(address)
        times = self._seen.setdefault(who, deque())
        self._seen.move_to_end(who)
        while times and times[0] <= now - _MINUTE:
            times.popleft()
        if len(self._seen) > _REMEMBERED_ADDRESSES:
            self._seen.popitem(last=False)
        if len(times) >= self._per_minute:
            return False
        times.append(now)
        return True
