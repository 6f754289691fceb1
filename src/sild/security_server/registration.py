"""Registration of this server and its clients at the central server, by management requests (WIRE 16, UG-SS 3-6).

    number = await server.registration.register_auth_certificate("ss1.example.org")
    number = await server.registration.register_client(client, name="Population register")

Each method sends one request and answers the central server's number for it. What then becomes of it (it may wait for a
registrar) is seen in the global configuration: `registration_follow` keeps the states here in line with that.
A request is written down before it leaves. If no answer comes, its outcome is unknown; the state stays as it was and the
request may be made again: the central server refuses a second one while the first waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from sild.errors import CallerError, PlatformError
from sild.pki import der
from sild.security_server.registration_messages import RequestMessage, RequestMessages
from sild.security_server.registration_sending import (
    ALREADY_THERE,
    NOT_THERE,
    OutcomeUnknown,
    RequestRefused,
    is_certain,
    last_word,
)
from sild.security_server.registration_states import (
    CERTIFICATE_STEPS,
    CLIENT_STEPS,
    DELETABLE_CERTIFICATES,
    DELETABLE_CLIENTS,
)
from sild.security_server.snapshot import ClientStatus, RequestOutcome, SentRequest
from sild.signer import (
    CertificateInfo,
    CertificateStatus,
    KeyUsage,
)
from sild.telemetry import get_logger
from sild.xroad.globalconf import SecurityServer as PublishedServer
from sild.xroad.identifiers import ClientId
from sild.xroad.management import (
    AddressChange,
    AuthCertDeletion,
    AuthCertRegistration,
    ClientDeletion,
    ClientDisabling,
    ClientEnabling,
    ClientRegistration,
    ClientRenaming,
    MaintenanceModeDisabling,
    MaintenanceModeEnabling,
    OwnerChange,
    service_code_of,
)

__all__ = ["Registration"]

log = get_logger("security_server")

_CLIENT_FAMILY = tuple(CLIENT_STEPS)
_CERTIFICATE_FAMILY = tuple(CERTIFICATE_STEPS)
_MAINTENANCE_FAMILY = ("maintenanceModeEnable", "maintenanceModeDisable")


class Registration(RequestMessages):
    """Every method raises CallerError (`action_not_possible` and X-Road's other codes: not in this state; `RequestRefused`: the
    fault that came back), TrustError (`global_conf_outdated`), or Unavailable (the outcome is unknown)."""

    def acting_as(self, actor: str) -> Registration:
        """The same, its changes audited under another name."""
        return Registration(self._wiring, actor)

    # the server and its authentication certificates

    async def register_auth_certificate(
        self, address: str, sha1: str | None = None, *, dry_run: bool = False
    ) -> int:
        """Ask for the registration of an authentication certificate (with the first one, of this server).

        address: where peers reach this server, host name or IP address.  sha1: hex; None is the only one that is SAVED.
        dry_run: the central server checks everything and does nothing; the answer is 0.
        """
        info = self._certificate(sha1)
        self._ensure_certificate_state(info, CERTIFICATE_STEPS["authCertReg"].source, "register")
        request = AuthCertRegistration(self._server_id, address, der(info.certificate), dry_run)
        message = await self._direct(request, info)
        if dry_run:
            try:
                return await self._call(message)
            except PlatformError as error:
                raise RequestRefused(error) from error
        return await self._submit_for_certificate(info, message, value=address)

    async def delete_auth_certificate(self, sha1: str) -> int:
        """Ask for the deletion of a registered certificate. When it is the one in use the request goes out under it.

        When the central server knows nothing of it (it was declined), a certificate whose registration was in progress is
        SAVED again, another one may be removed here, and the refusal is raised.
        """
        info = self._certificate(sha1)
        self._ensure_certificate_state(info, CERTIFICATE_STEPS["authCertDeletion"].source, "unregister")
        was_waiting = info.status is CertificateStatus.REGISTRATION_IN_PROGRESS
        unknown = CertificateStatus.SAVED if was_waiting else CertificateStatus.DELETION_IN_PROGRESS
        message = await self._ordinary(AuthCertDeletion(self._server_id, der(info.certificate)))
        return await self._submit_for_certificate(info, message, unknown=unknown)

    async def mark_auth_certificate_for_deletion(self, sha1: str) -> None:
        """DELETION_IN_PROGRESS without asking: for a certificate whose deletion cannot be asked for any more."""
        info = self._certificate(sha1)
        step = CERTIFICATE_STEPS["authCertDeletion"]
        self._ensure_certificate_state(info, step.source, "mark for deletion")
        await self._set_certificate_status(info, step.to)

    async def remove_auth_certificate(self, sha1: str) -> None:
        """Forget a certificate that is not registered; its key stays in the token."""
        info = self._certificate(sha1)
        self._ensure_certificate_state(info, DELETABLE_CERTIFICATES, "remove")
        await self._wiring.signer.keyring.delete_certificate(info.sha1)
        await asyncio.to_thread(self._journal.forget, info.sha1, _CERTIFICATE_FAMILY)

    # clients

    async def register_client(self, client: ClientId, *, name: str | None = None) -> int:
        """Ask that `client`, SAVED here, be registered at this server. name: of the subsystem, if it has none yet."""
        self._ensure_client_state(client, "clientReg")
        if client == self._server_id.owner:
            raise CallerError(
                f"{client} owns this server: it is registered with it", code="cannot_register_owner"
            )
        globalconf = self._globalconf()
        if client.instance_identifier != globalconf.instance_identifier:
            raise CallerError(f"{client} is of another instance", code="invalid_instance_identifier")
        classes = globalconf.shared(globalconf.instance_identifier, self._wiring.clock()).member_classes
        if client.member_class not in {each.code for each in classes}:
            raise CallerError(f"no member class {client.member_class}", code="invalid_member_class")
        return await self._submit_for_client(ClientRegistration(self._server_id, client, name), value=name)

    async def unregister_client(self, client: ClientId) -> int:
        """Ask that the registration, or a request for it that still waits, be deleted. Then `delete_client` is possible.

        When the central server knows of none (it was declined), a client whose registration was in progress is SAVED again
        and the refusal is raised.
        """
        was = self._ensure_client_state(client, "clientDeletion")
        if client == self._server_id.owner:
            raise CallerError("the owner cannot be unregistered", code="cannot_unregister_owner")
        unknown = ClientStatus.SAVED if was is ClientStatus.REGISTRATION_IN_PROGRESS else None
        return await self._submit_for_client(ClientDeletion(self._server_id, client), unknown=unknown)

    async def delete_client(self, client: ClientId) -> None:
        """Forget a client that is not registered, with its services, rights, groups and certificates."""
        if client == self._server_id.owner:
            raise CallerError("the owner cannot be deleted", code="cannot_delete_owner")
        status = self._client_status(client)
        if status not in DELETABLE_CLIENTS:
            raise _not_possible(f"a client cannot be deleted while it is {status.value}")
        await asyncio.to_thread(self._journal.delete_client, client, _CLIENT_FAMILY)

    async def disable_client(self, client: ClientId) -> int:
        """Ask that the client be left out of the configuration; its registration stays. Effective at once."""
        self._ensure_client_state(client, "clientDisable")
        if client == self._management_provider:
            raise CallerError(
                f"{client} provides the management services",
                code="forbidden_disable_management_service_client",
            )
        return await self._submit_for_client(ClientDisabling(self._server_id, client))

    async def enable_client(self, client: ClientId) -> int:
        self._ensure_client_state(client, "clientEnable")
        return await self._submit_for_client(ClientEnabling(self._server_id, client))

    async def rename_client(self, client: ClientId, name: str) -> int:
        """Ask for another name of a registered subsystem. Effective at once."""
        if client.subsystem_code is None:
            raise _not_possible("only a subsystem can be renamed")
        if self._client_status(client) is not ClientStatus.REGISTERED:
            raise _not_possible("only a registered client can be renamed; the name is given at registration")
        if name == self._globalconf().subsystem_name(client, self._wiring.clock()):
            raise CallerError(f"{client} has that name", code="invalid_client_name")
        if any(each.value == name for each in self._submitted("clientRename", client.encode())):
            raise CallerError(f"{client} is being renamed so", code="client_rename_already_submitted")
        message = await self._ordinary(ClientRenaming(self._server_id, client, name))
        return await self._submit(message, client.encode(), value=name)

    # the server itself

    async def change_owner(self, owner: ClientId) -> int:
        """Ask that a registered member of this server become its owner. Waits for a registrar; then the server has another
        identifier here too, and the former owner is a client."""
        if owner.subsystem_code is not None:
            raise _not_possible("only a member can own a server")
        if owner == self._server_id.owner:
            raise CallerError(f"{owner} owns this server", code="member_already_owner")
        if self._client_status(owner) is not ClientStatus.REGISTERED:
            raise _not_possible("only a registered client can become the owner")
        message = await self._ordinary(OwnerChange(self._server_id, owner))
        return await self._submit(message, "", value=owner.encode())

    async def change_address(self, address: str) -> int:
        """Ask that peers be told another address, host name or IP address. Effective at once."""
        if address == self._published_server().address:
            raise CallerError(f"{address} is the address now", code="same_address_change_request")
        if any(each.value == address for each in self._submitted("addressChange", "")):
            raise CallerError(
                f"the address is being changed to {address}", code="duplicate_address_change_request"
            )
        message = await self._ordinary(AddressChange(self._server_id, address))
        return await self._submit(message, "", value=address)

    async def enable_maintenance_mode(self, message: str | None = None) -> int:
        """Ask that peers be told to leave this server alone, with a message for them. Effective at once."""
        if self._management_provider in self._wiring.serverconf.snapshot.clients:
            raise CallerError(
                "this server serves the management services",
                code="forbidden_enable_maintenance_mode_for_management_service",
            )
        return await self._change_maintenance(
            MaintenanceModeEnabling(self._server_id, message), value=message
        )

    async def disable_maintenance_mode(self) -> int:
        return await self._change_maintenance(MaintenanceModeDisabling(self._server_id))

    async def _change_maintenance(
        self, request: MaintenanceModeEnabling | MaintenanceModeDisabling, *, value: str | None = None
    ) -> int:
        wanted = isinstance(request, MaintenanceModeEnabling)
        under_way = [each for code in _MAINTENANCE_FAMILY for each in self._submitted(code, "")]
        if any(each.service_code == service_code_of(request) for each in under_way):
            raise CallerError("that is under way", code="duplicate_maintenance_mode_change_request")
        if not under_way and (self._published_server().maintenance is not None) is wanted:
            word = "already_enabled_maintenance_mode" if wanted else "already_disabled_maintenance_mode"
            raise CallerError("maintenance mode is so already", code=word)
        message = await self._ordinary(request)
        return await self._submit(message, "", value=value, supersedes=_MAINTENANCE_FAMILY)

    # what stands

    @property
    def requests(self) -> tuple[SentRequest, ...]:
        """All management requests of this server, oldest first. Reads the database."""
        return self._wiring.serverconf.management_requests()

    def _submitted(self, code: str, subject: str) -> list[SentRequest]:
        """What the central server has for sure and the configuration does not show yet."""
        return [
            each
            for each in self._wiring.serverconf.snapshot.pending_requests
            if (each.service_code, each.subject, each.outcome) == (code, subject, RequestOutcome.SUBMITTED)
        ]

    def _published_server(self) -> PublishedServer:
        server = self._globalconf().server(self._server_id, self._wiring.clock())
        if server is None:
            raise _not_possible("this server is not registered")
        return server

    def _client_status(self, client: ClientId) -> ClientStatus:
        found = self._wiring.serverconf.snapshot.clients.get(client)
        if found is None:
            raise CallerError(f"{client} is no client of this security server", code="client_not_found")
        return found.status

    def _ensure_client_state(self, client: ClientId, code: str) -> ClientStatus:
        status = self._client_status(client)
        if status not in CLIENT_STEPS[code].source:
            raise _not_possible(f"{code} is not possible for a client that is {status.value}")
        return status

    def _certificate(self, sha1: str | None) -> CertificateInfo:
        keyring = self._wiring.signer.keyring
        if sha1 is None:
            certificates = keyring.certificates(usage=KeyUsage.AUTHENTICATION)
            saved = [info for info in certificates if info.status is CertificateStatus.SAVED]
            if len(saved) != 1:
                raise CallerError(_which_certificate(saved), code="cert_not_found")
            return saved[0]
        info = keyring.certificate(sha1.lower())
        if info.usage is not KeyUsage.AUTHENTICATION:
            raise CallerError("sign certificates need no registration", code="wrong_cert_usage")
        return info

    def _ensure_certificate_state(
        self, info: CertificateInfo, allowed: frozenset[CertificateStatus], action: str
    ) -> None:
        if info.status not in allowed:
            raise _not_possible(f"cannot {action} a certificate that is {info.status.value}")

    # making messages
    # sending them

    async def _submit_for_client(
        self,
        request: ClientRegistration | ClientDeletion | ClientDisabling | ClientEnabling,
        *,
        value: str | None = None,
        unknown: ClientStatus | None = None,
    ) -> int:
        """unknown: the client's state when the central server knows nothing of it."""
        client, step = request.client, CLIENT_STEPS[service_code_of(request)]
        return await self._submit(
            await self._ordinary(request),
            client.encode(),
            value=value,
            supersedes=_CLIENT_FAMILY,
            client=(client, step.to),
            unknown=unknown,
        )

    async def _submit_for_certificate(
        self,
        info: CertificateInfo,
        message: RequestMessage,
        *,
        value: str | None = None,
        unknown: CertificateStatus | None = None,
    ) -> int:
        """unknown: as above, the certificate's."""
        step = CERTIFICATE_STEPS[service_code_of(message.request)]
        try:
            number = await self._submit(message, info.sha1, value=value, supersedes=_CERTIFICATE_FAMILY)
        except RequestRefused as refused:
            word = last_word(refused.code)
            if word in ALREADY_THERE:
                await self._set_certificate_status(info, step.to)
            elif word in NOT_THERE and unknown is not None:
                await asyncio.to_thread(self._journal.forget, info.sha1, _CERTIFICATE_FAMILY)
                await self._set_certificate_status(info, unknown)
            raise
        await self._set_certificate_status(info, step.to)
        return number

    async def _submit(
        self,
        message: RequestMessage,
        subject: str,
        *,
        value: str | None = None,
        supersedes: Sequence[str] = (),
        client: tuple[ClientId, ClientStatus] | None = None,
        unknown: ClientStatus | None = None,
    ) -> int:
        """Write down, send, write down what came of it.

        client: its state once the request is taken.  unknown: its state when the central server knows nothing of it.
        """
        journal, crash, code = self._journal, self._wiring.crash, service_code_of(message.request)
        async with self._wiring.lock:
            row = await asyncio.to_thread(journal.begin, code, subject, value)
            crash.reach("registration.request_recorded")
            try:
                number = await self._call(message)
            except PlatformError as error:
                told = RequestRefused(error) if is_certain(error) else OutcomeUnknown(error)
                await asyncio.to_thread(self._failed, row, told, client, unknown)
                raise told from error
            crash.reach("registration.request_answered")
            await asyncio.to_thread(
                journal.submitted, row, number, supersedes=supersedes or (code,), client=client
            )
        log.info("registration.submitted", request=code, subject=subject, number=number)
        return number

    def _failed(
        self,
        row: int,
        told: RequestRefused | OutcomeUnknown,
        client: tuple[ClientId, ClientStatus] | None,
        unknown: ClientStatus | None,
    ) -> None:
        """Note what came instead of an answer, and the client's state if that tells a better one."""
        if isinstance(told, OutcomeUnknown):
            log.refusal("registration.unanswered", told)
            self._journal.unanswered(row, told.code, told.message)
            return
        log.refusal("registration.refused", told)
        word = last_word(told.code)
        if client is not None and word in ALREADY_THERE:
            self._journal.refused(row, told.code, told.message, client=client)
        elif client is not None and unknown is not None and word in NOT_THERE:
            self._journal.refused(
                row, told.code, told.message, client=(client[0], unknown), supersedes=_CLIENT_FAMILY
            )
        else:
            self._journal.refused(row, told.code, told.message)

    async def _set_certificate_status(self, info: CertificateInfo, status: CertificateStatus) -> None:
        await self._wiring.signer.keyring.set_status(info.sha1, status)
        await asyncio.to_thread(self._journal.note_certificate, info.sha1, status.value)


def _not_possible(why: str) -> CallerError:
    return CallerError(why, code="action_not_possible")


def _which_certificate(saved: list[CertificateInfo]) -> str:
    if not saved:
        return "no authentication certificate waits for registration: order one, or request and import it; `states` shows those here"
    return f"several authentication certificates wait for registration, say which: {', '.join(info.sha1 for info in saved)}"
