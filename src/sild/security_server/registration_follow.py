"""What the global configuration says of this server and its clients becomes their state here (X-Road's `GlobalConfChecker`).

Looked at when a configuration has arrived, when another process has changed the server configuration, and after every
management request's answer; a look that finds nothing new reads memory only. An expired configuration says nothing.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from sild.errors import PlatformError
from sild.pki import der
from sild.security_server.registration_journal import RegistrationJournal
from sild.security_server.registration_messages import Wiring
from sild.security_server.registration_states import (
    CERTIFICATE_STEPS,
    CLIENT_STEPS,
    followed_certificate,
    followed_client,
)
from sild.security_server.snapshot import ClientStatus, RequestOutcome, SentRequest
from sild.signer import CertificateInfo, KeyUsage
from sild.telemetry import get_logger
from sild.xroad.globalconf import GlobalConf
from sild.xroad.identifiers import ClientId, SecurityServerId

__all__ = ["RegistrationFollower"]

log = get_logger("security_server")


class RegistrationFollower:
    """`follow` brings this server's states in line; `run` does it whenever `wake` was called."""

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self._journal = RegistrationJournal(wiring.serverconf.acting_as("globalconf"))
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Something may have changed. From the event loop's thread."""
        self._woken.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            try:
                await self.follow()
            except PlatformError as error:
                log.refusal("registration.not_followed", error)
            except Exception as error:  # noqa: BLE001 - a bug in one look must not end all of them
                log.bug("registration.not_followed", error)

    async def follow(self) -> None:
        """Raises Unavailable (`database_error`)."""
        globalconf, at = self._wiring.globalconf(), self._wiring.clock()
        if globalconf is None or at > globalconf.valid_until:
            return
        async with self._wiring.lock:
            await self._follow_owner(globalconf)
            await self._follow_clients(globalconf)
            await self._follow_certificates(globalconf)
            await self._settle_requests(globalconf)

    @property
    def _server_id(self) -> SecurityServerId:
        return self._wiring.serverconf.snapshot.server_id

    def _requests(self, subject: str, outcome: RequestOutcome) -> set[str]:
        """Service codes of requests about `subject` that the configuration does not show yet."""
        pending = self._wiring.serverconf.snapshot.pending_requests
        return {each.service_code for each in pending if each.subject == subject and each.outcome is outcome}

    async def _follow_owner(self, globalconf: GlobalConf) -> None:
        """A server of our code that is not ours any more but a client member's, and has our certificate, is this one.

        The owner of a server that the configuration shows is its client, however it was registered: its services, those of
        monitoring, are asked as a member's.
        """
        at, server_id = self._wiring.clock(), self._server_id
        if globalconf.server(server_id, at) is None:
            for client in self._wiring.serverconf.snapshot.clients:
                candidate = replace(server_id, owner=client)
                if client.subsystem_code is None and self._has_our_certificate(globalconf, candidate):
                    await asyncio.to_thread(self._journal.set_owner, client)
                    log.info("registration.owner_changed", server=str(candidate))
                    return
        elif server_id.owner not in self._wiring.serverconf.snapshot.clients and await asyncio.to_thread(
            self._journal.add_owner, server_id.owner, ClientStatus.REGISTERED
        ):
            log.info("registration.owner_is_client", server=str(server_id))

    def _has_our_certificate(self, globalconf: GlobalConf, server_id: SecurityServerId) -> bool:
        certificates = self._wiring.signer.keyring.certificates(usage=KeyUsage.AUTHENTICATION)
        return any(self._is_registered(globalconf, info, server_id) for info in certificates)

    def _is_registered(
        self, globalconf: GlobalConf, info: CertificateInfo, server_id: SecurityServerId
    ) -> bool:
        server = globalconf.server_of_auth_certificate(der(info.certificate), self._wiring.clock())
        return server is not None and server.id == server_id

    async def _follow_clients(self, globalconf: GlobalConf) -> None:
        at = self._wiring.clock()
        for client, conf in self._wiring.serverconf.snapshot.clients.items():
            registered = globalconf.is_server_client(self._server_id, client, at)
            unanswered = self._requests(client.encode(), RequestOutcome.UNANSWERED) & CLIENT_STEPS.keys()
            now = followed_client(conf.status, registered=registered, unanswered=unanswered)
            if now is not conf.status and await asyncio.to_thread(
                self._journal.follow_client, client, conf.status, now
            ):
                log.info("registration.client", client=str(client), status=now.value)

    async def _follow_certificates(self, globalconf: GlobalConf) -> None:
        keyring, changed = self._wiring.signer.keyring, False
        for info in keyring.certificates(usage=KeyUsage.AUTHENTICATION):
            now = followed_certificate(
                info.status,
                registered=self._is_registered(globalconf, info, self._server_id),
                unanswered=self._requests(info.sha1, RequestOutcome.UNANSWERED) & CERTIFICATE_STEPS.keys(),
                submitted=self._requests(info.sha1, RequestOutcome.SUBMITTED) & CERTIFICATE_STEPS.keys(),
            )
            if now is not info.status:
                await keyring.set_status(info.sha1, now)
                await asyncio.to_thread(self._journal.note_certificate, info.sha1, now.value)
                changed = True
        if changed:  # a certificate that is registered now can be used when its status is known
            await self._wiring.signer.ocsp.refresh_stale()

    async def _settle_requests(self, globalconf: GlobalConf) -> None:
        for request in self._wiring.serverconf.snapshot.pending_requests:
            if self._is_in_effect(globalconf, request):
                await asyncio.to_thread(self._journal.in_effect, request.id)

    def _is_in_effect(self, globalconf: GlobalConf, request: SentRequest) -> bool:
        """Does the configuration show what was asked for?"""
        at, server_id = self._wiring.clock(), self._server_id
        server = globalconf.server(server_id, at)
        match request.service_code:
            case "clientReg" | "clientEnable":
                return globalconf.is_server_client(server_id, ClientId.decode(request.subject), at)
            case "clientDeletion" | "clientDisable":
                return not globalconf.is_server_client(server_id, ClientId.decode(request.subject), at)
            case "clientRename":
                return globalconf.subsystem_name(ClientId.decode(request.subject), at) == request.value
            case "authCertReg":
                return self._is_published(globalconf, request.subject)
            case "authCertDeletion":
                return not self._is_published(globalconf, request.subject)
            case "ownerChange":
                return request.value == server_id.owner.encode()
            case "addressChange":
                return server is not None and server.address == request.value
            case "maintenanceModeEnable" | "maintenanceModeDisable":
                wanted = request.service_code == "maintenanceModeEnable"
                return server is not None and (server.maintenance is not None) is wanted
            case _:
                return False

    def _is_published(self, globalconf: GlobalConf, sha1: str) -> bool:
        certificates = self._wiring.signer.keyring.certificates(usage=KeyUsage.AUTHENTICATION)
        return any(
            info.sha1 == sha1 and self._is_registered(globalconf, info, self._server_id)
            for info in certificates
        )
