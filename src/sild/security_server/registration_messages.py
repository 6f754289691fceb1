"""Management requests as messages: written, signed, sent, answered (WIRE 16); what `registration` is built on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from sild.clock import Clock
from sild.errors import TrustError, Unavailable
from sild.http1 import TlsContext
from sild.security_server.crash_points import CrashPoints
from sild.security_server.random_names import boundary_letters, new_uuid
from sild.security_server.registration_journal import RegistrationJournal
from sild.security_server.registration_sending import post_pinned
from sild.security_server.serverconf import ServerConf
from sild.security_server.snapshot import ClientStatus
from sild.signer import CertificateInfo, DetachedSignature, Signer
from sild.xroad.faults import PeerFault, parse_soap_fault
from sild.xroad.globalconf import GlobalConf
from sild.xroad.identifiers import ClientId, SecurityServerId
from sild.xroad.management import (
    AuthCertRegistration,
    ClientDisabling,
    ClientEnabling,
    ClientRegistration,
    ClientRenaming,
    ManagementRequest,
    OwnerChange,
    Signing,
    management_body,
    parse_management_response,
    render_management_request,
    signing_of,
)
from sild.xroad.soap import SoapMessage, ensure_same_fields, parse_soap

__all__ = ["RequestMessage", "RequestMessages", "Wiring"]


@dataclass(frozen=True, slots=True)
class Wiring:
    """What registration needs of its server. own_port: host and port of 8443.  taken_up: returns when the process that serves
    it has seen what was changed here.  internal_certificate: DER, shown there by both ends.  tls: contexts that offer it."""

    clock: Clock
    serverconf: ServerConf
    signer: Signer
    globalconf: Callable[[], GlobalConf | None]
    own_port: Callable[[], tuple[str, int]]
    taken_up: Callable[[], Awaitable[None]]
    tls: Callable[[], TlsContext]
    internal_certificate: bytes
    crash: CrashPoints
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(frozen=True, slots=True)
class RequestMessage:
    """A request ready to be sent."""

    request: ManagementRequest
    soap: SoapMessage
    url: str
    pinned: bytes
    content_type: str
    body: bytes


class RequestMessages:
    """The base of `Registration`: a request becomes a message of the owner, and its answer a number."""

    def __init__(self, wiring: Wiring, actor: str = "system") -> None:
        self._wiring = wiring
        self._journal = RegistrationJournal(wiring.serverconf.acting_as(actor))

    @property
    def _server_id(self) -> SecurityServerId:
        return self._wiring.serverconf.snapshot.server_id

    @property
    def _management_provider(self) -> ClientId:
        return self._globalconf().private.management_service.management_request_service_provider_id

    def _globalconf(self) -> GlobalConf:
        globalconf = self._wiring.globalconf()
        if globalconf is None:
            raise TrustError("There is no global configuration yet", code="global_conf_outdated")
        globalconf.ensure_valid(self._wiring.clock())
        return globalconf

    def _soap(self, request: ManagementRequest) -> SoapMessage:
        data = render_management_request(
            request,
            sender=self._server_id.owner,
            provider=self._management_provider,
            query_id=new_uuid(),
        )
        message = parse_soap(data)
        assert isinstance(message, SoapMessage)
        return message

    async def _direct(self, request: AuthCertRegistration, info: CertificateInfo) -> RequestMessage:
        """Signed by the authentication key, which must be here, and by the owner."""
        service = self._globalconf().private.management_service
        pinned = service.auth_cert_reg_service_cert
        if pinned is None:
            raise TrustError(
                "the global configuration names no certificate of the registration service",
                code="ssl_authentication_failed",
            )
        soap, signer = self._soap(request), self._wiring.signer
        auth = await signer.sign_detached_as(info, soap.data)
        owner = await self._sign(self._server_id.owner, soap)
        content_type, body = _attached(soap, (auth, owner))
        return RequestMessage(
            request, soap, service.auth_cert_reg_service_address, pinned, content_type, body
        )

    async def _ordinary(self, request: ManagementRequest) -> RequestMessage:
        await self._ensure_owner_is_client()
        soap = self._soap(request)
        signers = [await self._sign(who, soap) for who in self._signers(request)]
        content_type, body = _attached(soap, signers)
        host, port = self._wiring.own_port()
        url = f"https://{f'[{host}]' if ':' in host else host}:{port}/"
        return RequestMessage(request, soap, url, self._wiring.internal_certificate, content_type, body)

    async def _sign(self, member: ClientId, soap: SoapMessage) -> DetachedSignature:
        """A certificate that has just been imported may still be without its OCSP response: then that is asked for."""
        signer = self._wiring.signer
        try:
            return await signer.sign_detached(member, soap.data)
        except Unavailable:
            await signer.ocsp.refresh_stale()
            return await signer.sign_detached(member, soap.data)

    async def _ensure_owner_is_client(self) -> None:
        owner = self._server_id.owner
        registered = self._globalconf().is_server_client(self._server_id, owner, self._wiring.clock())
        status = ClientStatus.REGISTERED if registered else ClientStatus.SAVED
        if await asyncio.to_thread(self._journal.add_owner, owner, status):
            await self._wiring.taken_up()

    def _signers(self, request: ManagementRequest) -> tuple[ClientId, ...]:
        """Whose signatures are attached."""
        match signing_of(request), request:
            case Signing.CLIENT, (
                ClientRegistration() | ClientDisabling() | ClientEnabling() | ClientRenaming() | OwnerChange()
            ):
                return (request.client,)
            case Signing.OWNER, _:
                return (self._server_id.owner,)
            case _:
                return ()

    # sending them

    async def _call(self, message: RequestMessage) -> int:
        """The central server's number. Raises PeerFault and what `post_pinned` raises."""
        answer = await post_pinned(
            message.url, message.content_type, message.body, tls=self._wiring.tls, pinned=message.pinned
        )
        fault = parse_soap_fault(answer.body)
        if fault is not None:
            raise PeerFault(fault)
        response, number = parse_management_response(answer.body)
        ensure_same_fields(message.soap, response)
        return number


def _attached(soap: SoapMessage, signatures: Sequence[DetachedSignature]) -> tuple[str, bytes]:
    """Content type and body; the OCSP response is about the last certificate."""
    if not signatures:
        return management_body(soap.data)
    return management_body(
        soap.data,
        signatures=[(each.algorithm.java_name, each.value) for each in signatures],
        certificates=[each.certificate for each in signatures],
        ocsp=signatures[-1].ocsp_response,
        boundary=f"xroad{boundary_letters()}",
    )
