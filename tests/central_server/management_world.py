"""Valid management requests, signed, to change one thing in; and both services on loopback with real TLS."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import uuid4

from central_world import INSTANCE, MANAGEMENT, OTHER, SetClock

from sild.central_server import REQUEST_LIMITS, CentralServer, management_service, registration_service
from sild.http1 import Fetched, fetch, serve, service_client_context
from sild.pki import SignatureAlgorithm, algorithm_for, der, sign_bytes
from sild.xroad.faults import Fault, parse_soap_fault
from sild.xroad.identifiers import ClientId, SecurityServerId
from sild.xroad.management import (
    AuthCertRegistration,
    ManagementRequest,
    management_body,
    parse_management_response,
    render_management_request,
)
from support.pki import Credential, Pki

NEW_SERVER = SecurityServerId(OTHER, "SS1")


@dataclass(frozen=True)
class Signed:
    """A request about to be sent: replace a field, then `body()`."""

    soap: bytes
    signers: tuple[tuple[Credential, SignatureAlgorithm], ...] = ()
    certificates: tuple[bytes, ...] = ()
    ocsp: bytes | None = None
    signed_bytes: bytes | None = None

    def body(self) -> tuple[str, bytes]:
        data = self.soap if self.signed_bytes is None else self.signed_bytes
        return management_body(
            self.soap,
            signatures=[
                (algorithm.java_name, sign_bytes(signer.key, algorithm, data))
                for signer, algorithm in self.signers
            ],
            certificates=self.certificates,
            ocsp=self.ocsp,
            boundary="xroad" + uuid4().hex if self.signers else None,
        )


class Requests:
    """Requests of the servers and members of `central_world`."""

    def __init__(self, pki: Pki, clock: SetClock) -> None:
        self.pki = pki
        self.clock = clock
        self.auth = pki.auth_credential(INSTANCE, "GOV", "5678", "SS1")
        self._members: dict[ClientId, Credential] = {}

    def member(self, client: ClientId) -> Credential:
        """Its sign certificate, always the same."""
        if client.member not in self._members:
            self._members[client.member] = self.pki.sign_credential(
                INSTANCE, client.member_class, client.member_code
            )
        return self._members[client.member]

    def soap(self, request: ManagementRequest, **more: ClientId) -> bytes:
        parties = {"sender": request.server.owner, "provider": MANAGEMENT, **more}
        return render_management_request(request, query_id=str(uuid4()), **parties)

    def registration(self, *, address: str = "ss1.example.org", dry_run: bool = False) -> Signed:
        request = AuthCertRegistration(NEW_SERVER, address, der(self.auth.certificate), dry_run)
        return self.signed(self.soap(request), self.auth, self.member(OTHER))

    def by_client(self, request: ManagementRequest, signer: ClientId | None = None) -> Signed:
        client = signer or getattr(request, "client", request.server.owner)
        return self.signed(self.soap(request), self.member(client))

    def signed(self, soap: bytes, *signers: Credential) -> Signed:
        return Signed(
            soap,
            tuple((signer, algorithm_for(signer.key.public_key())) for signer in signers),
            tuple(der(signer.certificate) for signer in signers),
            self.ocsp(signers[-1]),
        )

    def ocsp(self, signer: Credential) -> bytes:
        return self.pki.ocsp_response(signer.certificate, at=self.clock.at)


class Services:
    """Clients of both services."""

    def __init__(self, registration: str, management: str, internal: Credential) -> None:
        self.registration = registration
        self.management = management
        self.internal = internal

    async def register(self, signed: Signed | tuple[str, bytes]) -> int | Fault:
        return _read(await self.post(self.registration, signed))

    async def manage(self, signed: Signed | tuple[str, bytes]) -> int | Fault:
        return _read(await self.post(self.management, signed))

    async def post(
        self,
        url: str,
        signed: Signed | tuple[str, bytes],
        *,
        as_client: Credential | None = None,
        anonymous: bool = False,
        method: str = "POST",
    ) -> Fetched:
        content_type, body = signed.body() if isinstance(signed, Signed) else signed
        tls = service_client_context()
        if not anonymous:
            shown = as_client or self.internal
            tls.use_key(shown.key, [shown.certificate])
        headers = [(b"Content-Type", content_type.encode())]
        return await fetch(url, method=method, body=body, headers=headers, tls=tls)


def _read(answer: Fetched) -> int | Fault:
    assert answer.header(b"cache-control") == b"no-store"
    fault = parse_soap_fault(answer.body)
    if fault is not None:
        assert answer.status == 500
        return fault
    assert answer.status == 200
    return parse_management_response(answer.body)[1]


@asynccontextmanager
async def services(
    server: CentralServer, pki: Pki, clock: SetClock, *, per_minute: int = 1000
) -> AsyncIterator[Services]:
    internal = pki.tls_credential("ss0.example.org")
    tls = server.management_service_tls()
    register = registration_service(server, clock=clock, requests_per_minute=per_minute)
    manage = management_service(
        server,
        clock=clock,
        client_certificates=[der(internal.certificate)],
        requests_per_minute=per_minute,
    )
    handlers = (("managementservice/", register), ("managementservice/manage/", manage))
    running = [
        await serve(handler, "127.0.0.1", 0, tls=tls, limits=REQUEST_LIMITS) for _, handler in handlers
    ]
    urls = [
        f"https://127.0.0.1:{listener.port}/{path}"
        for listener, (path, _) in zip(running, handlers, strict=True)
    ]
    try:
        yield Services(urls[0], urls[1], internal)
    finally:
        for listener in running:
            await listener.close(grace=1.0)
