"""When certificates are renewed, and how a new one takes over (UG-SS 24, RFC 9773).

Once an interval, by one process of those that share a database, for every registered certificate whose authority has an ACME
server. A row of the database says of each when it is due, what went wrong last, and which certificate came in its place; the
rest is seen from the certificates themselves, so a restart forgets nothing and repeats nothing.

    due -> a new key and certificate -> auth: registration -> active (if so set) -> the old one goes out of use
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from sild.acme_client.ordering import Ordering, Wiring
from sild.acme_client.protocol import AcmeConnection, RenewalWindow
from sild.acme_client.store import RenewalRow
from sild.cluster import ClusterLock
from sild.errors import PlatformError
from sild.pki import PublicKey
from sild.signer import (
    CertificateInfo,
    CertificateState,
    CertificateStatus,
    KeyAlgorithm,
    KeyNotFound,
    KeyUsage,
)
from sild.telemetry import get_logger
from sild.xroad.globalconf import AcmeServer, ApprovedCA

__all__ = ["Progress", "Renewal", "RenewalState"]

log = get_logger("acme_client")

Register = Callable[[str, str], Awaitable[object]]


class Progress(Enum):
    """UG-SS 24's words."""

    NOT_APPLICABLE = "N/A"
    IN_PROGRESS = "Renewal in progress"
    ERROR = "Renewal error"
    PLANNED = "Next planned renewal on"


@dataclass(frozen=True, slots=True)
class RenewalState:
    """How a certificate's renewal stands, for administrators."""

    info: CertificateInfo
    progress: Progress
    next_at: datetime | None
    error: str | None
    renewed_by: str | None


class Renewal:
    """register: asks for the registration of an auth certificate, given this server's address and the certificate's SHA-1.
    states: of all certificates."""

    def __init__(
        self,
        wiring: Wiring,
        ordering: Ordering,
        *,
        register: Register,
        states: Callable[[], tuple[CertificateState, ...]],
    ) -> None:
        self._wiring = wiring
        self._ordering = ordering
        self._register = register
        self._states = states
        self._lock = ClusterLock(wiring.store.engine, "acme-renewal")

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                if await self._lock.hold() is not None:
                    await self.round()
            except PlatformError as error:
                log.refusal("acme.renewal_round_failed", error)
            except Exception as error:  # noqa: BLE001 - the next round may do better
                log.bug("acme.renewal_round_failed", error)
            await asyncio.sleep(self._wiring.settings.renewal_interval * random.uniform(0.9, 1.1))  # noqa: S311

    def close(self) -> None:
        self._lock.release()

    async def round(self) -> None:
        """Look at everything once. Failures of one certificate are its own, logged and told by mail.

        Raises TrustError (no valid global configuration), Unavailable (the database).
        """
        self._wiring.globalconf()
        await self._ordering.resume()
        rows = await asyncio.to_thread(self._wiring.store.renewals)
        certificates = {info.sha1: info for info in self._wiring.keyring.certificates()}
        for sha1 in rows.keys() - certificates.keys():
            await asyncio.to_thread(self._wiring.store.delete_renewal, sha1)
        for info in certificates.values():
            if info.status is not CertificateStatus.REGISTERED:
                continue
            row = rows.get(info.sha1) or RenewalRow(info.sha1)
            if row.renewed_by is not None and row.renewed_by not in certificates:
                row = RenewalRow(info.sha1)  # the new one was deleted
            await self._guarded(info, row, certificates.get(row.renewed_by or ""))

    async def state(self) -> tuple[RenewalState, ...]:
        rows = await asyncio.to_thread(self._wiring.store.renewals)
        return tuple(
            _state(info, rows.get(info.sha1), self._authority(info) is not None)
            for info in self._wiring.keyring.certificates()
        )

    async def _guarded(self, info: CertificateInfo, row: RenewalRow, new: CertificateInfo | None) -> None:
        at = self._wiring.clock()
        if row.retry_at is not None and at < row.retry_at:
            return
        try:
            row = await (self._renew(info, row) if new is None else self._follow(info, new, row))
        except PlatformError as error:
            await self._failed(info, row, error)
        else:
            await self._keep(replace(row, retry_at=None, failures=0, error=None))

    async def _failed(self, info: CertificateInfo, row: RenewalRow, error: PlatformError) -> None:
        settings, at = self._wiring.settings, self._wiring.clock()
        rows = await asyncio.to_thread(self._wiring.store.renewals)
        row = rows.get(info.sha1, row)  # what had been achieved before
        wait = min(settings.retry_first * 2 ** min(row.failures, 20), settings.retry_most)
        later = at + timedelta(seconds=wait * random.uniform(0.8, 1.2))  # noqa: S311 - spreads load, hides nothing
        log.refusal(
            "acme.renewal_failed",
            error,
            certificate=info.sha1,
            usage=info.usage.value,
            failures=row.failures + 1,
        )
        await self._keep(replace(row, retry_at=later, failures=row.failures + 1, error=error.message))
        if row.error != error.message:  # once for each reason
            await self._wiring.mail.tell(
                info.member,
                f"Renewal of a certificate failed: {info.usage.value}, {info.member}",
                f"The {info.usage.value} certificate {info.sha1} of {info.member} could not be renewed:\n{error.message}\n"
                f"It ends on {info.certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC. It will be tried again.",
                success=False,
            )

    async def _keep(self, row: RenewalRow) -> None:
        await asyncio.to_thread(self._wiring.store.set_renewal, row)

    # -- due

    async def _renew(self, info: CertificateInfo, row: RenewalRow) -> RenewalRow:
        found = self._authority(info)
        if found is None or not self._wiring.settings.renewal:
            return row
        authority, server = found
        row = await self._planned(info, row, server)
        if row.next_at is None or self._wiring.clock() < row.next_at:
            return row
        if not self._was_in_use(info):
            return row
        await self._keep(row)
        new = await self._ordered(info, authority)
        if new is None:
            return row
        log.info("acme.renewed", certificate=info.sha1, new_certificate=new.sha1, usage=info.usage.value)
        row = replace(row, renewed_by=new.sha1)
        await self._wiring.mail.tell(
            info.member,
            f"A certificate was renewed: {info.usage.value}, {info.member}",
            f"The {info.usage.value} certificate {info.sha1} of {info.member} was renewed.\n"
            f"The new one, {new.sha1}, ends on {new.certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC.",
            success=True,
        )
        return await self._follow(info, new, row)

    async def _ordered(self, info: CertificateInfo, authority: ApprovedCA) -> CertificateInfo | None:
        """By an order that was begun before, if there is one: its key is not made twice. None: another process has it."""
        for order in await self._ordering.pending():
            if order.replaces == info.sha1:
                return await self._ordering.go_on(order)
        return await self._ordering.order(
            authority.name,
            info.usage,
            info.member,
            dns_name=_dns_name(info) or self._ordering.dns_name(),
            subject=info.certificate.subject,
            algorithm=_algorithm(self._wiring.keyring.public_key(info.key_id)),
            token_id=self._wiring.keyring.token_of(info.key_id).token_id,
            replaces=info,
        )

    def _was_in_use(self, info: CertificateInfo) -> bool:
        """One that was put out of use, or whose key is gone, is not renewed."""
        try:
            return info.is_active and self._wiring.keyring.token_of(info.key_id) is not None
        except KeyNotFound:
            return False

    async def _planned(self, info: CertificateInfo, row: RenewalRow, server: AcmeServer) -> RenewalRow:
        """When it is due: as the authority says, else a while before its end. A time once drawn stays while the window does."""
        at = self._wiring.clock()
        if row.next_at is not None and row.ask_again_at is not None and at < row.ask_again_at:
            return row
        certificate = info.certificate
        life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
        before = min(timedelta(seconds=self._wiring.settings.renewal_before_expiry), life / 3)
        planned = certificate.not_valid_after_utc - before
        again = at + timedelta(hours=6)
        try:
            window = await asyncio.to_thread(self._window, info, server)
        except PlatformError as error:
            log.refusal("acme.renewal_info_failed", error, certificate=info.sha1)
        else:
            if window is not None:
                again = window.ask_again_at
                if row.next_at is not None and window.start <= row.next_at <= window.end:
                    planned = row.next_at
                else:
                    planned = window.start + (window.end - window.start) * random.random()  # noqa: S311
        if row.next_at != planned:
            log.info("acme.renewal_planned", certificate=info.sha1, at=planned.isoformat())
        return replace(row, next_at=planned, ask_again_at=again)

    def _window(self, info: CertificateInfo, server: AcmeServer) -> RenewalWindow | None:
        connection = AcmeConnection(
            server.directory_url, ca_certificates=self._wiring.settings.ca_certificates
        )
        try:
            return connection.renewal_window(info.certificate)
        finally:
            connection.close()

    def _authority(self, info: CertificateInfo) -> tuple[ApprovedCA, AcmeServer] | None:
        """None: by hand."""
        try:
            globalconf = self._wiring.globalconf()
            issuer = globalconf.issuer_of(
                info.certificate, globalconf.instance_identifier, self._wiring.clock()
            )
        except PlatformError:
            return None
        server = issuer.approved_ca.acme_server
        return None if server is None else (issuer.approved_ca, server)

    # -- taking over

    async def _follow(self, old: CertificateInfo, new: CertificateInfo, row: RenewalRow) -> RenewalRow:
        if new.status is CertificateStatus.SAVED and new.usage is KeyUsage.AUTHENTICATION:
            server = self._wiring.globalconf().server(self._wiring.server_id(), self._wiring.clock())
            address = server.address if server is not None and server.address else self._ordering.dns_name()
            await self._register(address, new.sha1)
            log.info("acme.registration_asked", certificate=new.sha1)
            return row
        if not old.is_active or not new.is_active:
            return row
        state = next((state for state in self._states() if state.info.sha1 == new.sha1), None)
        if state is None or not state.is_usable:
            return replace(row, switch_at=None)
        at = self._wiring.clock()
        if row.switch_at is None:
            # peers have to learn of a new authentication certificate; a signature brings its certificate along
            delay = self._wiring.settings.switch_delay if new.usage is KeyUsage.AUTHENTICATION else 0.0
            row = replace(row, switch_at=at + timedelta(seconds=delay))
        if row.switch_at is not None and at >= row.switch_at:
            await self._wiring.keyring.set_active(old.sha1, False)
            log.info("acme.switched", certificate=old.sha1, new_certificate=new.sha1, usage=new.usage.value)
            await self._wiring.mail.tell(
                new.member,
                f"A renewed certificate is in use: {new.usage.value}, {new.member}",
                f"The {new.usage.value} certificate {new.sha1} of {new.member} is in use; {old.sha1} no longer is.\n"
                "The old one, and its registration, can be deleted.",
                success=True,
            )
        return row


def _state(info: CertificateInfo, row: RenewalRow | None, has_authority: bool) -> RenewalState:
    progress = Progress.PLANNED
    if info.status is not CertificateStatus.REGISTERED or not has_authority:
        progress = Progress.NOT_APPLICABLE
    elif row is not None and row.error is not None:
        progress = Progress.ERROR
    elif row is not None and row.renewed_by is not None:
        progress = Progress.IN_PROGRESS
    known = row or RenewalRow(info.sha1)
    return RenewalState(info, progress, known.next_at, known.error, known.renewed_by)


def _dns_name(info: CertificateInfo) -> str | None:
    """The first name the old certificate has, as with X-Road."""
    try:
        names = info.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return None
    return next(iter(names.get_values_for_type(x509.DNSName)), None)


def _algorithm(key: PublicKey) -> KeyAlgorithm:
    """A new key like the old one."""
    name = f"rsa-{key.key_size}" if isinstance(key, rsa.RSAPublicKey) else f"ec-p{key.curve.key_size}"
    try:
        return KeyAlgorithm(name)
    except ValueError:
        return KeyAlgorithm.RSA_3072 if isinstance(key, rsa.RSAPublicKey) else KeyAlgorithm.EC_P384
