"""One certificate by ACME: a new key, its request, the authority's proof, the import (UG-SS 3.1.4, 3.2.4).

An order is written down before anything is made, and its key bears the order's name: whatever ends the process, `resume`
finds the key, the request and the authority's order as they were, and goes on with them. What the authority refuses for good
is undone: request and key are deleted.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import secrets
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cryptography import x509

from sild.acme_client.accounts import AccountKeys
from sild.acme_client.configuration import AcmeConfiguration
from sild.acme_client.errors import AcmeRefusal
from sild.acme_client.mail import Mail
from sild.acme_client.protocol import AcmeConnection, OrderGone, certificate_id
from sild.acme_client.settings import AcmeClientSettings
from sild.acme_client.store import Order, Store
from sild.clock import Clock
from sild.errors import CallerError, PeerError, PlatformError, TrustError, Unavailable
from sild.pki import Certificate, is_auth_certificate, is_sign_certificate, read_certificate
from sild.signer import CertificateInfo, CertificateStatus, KeyAlgorithm, KeyNotFound, Keyring, KeyUsage
from sild.telemetry import get_logger
from sild.xroad.globalconf import AcmeServer, ApprovedCA, GlobalConf, subject_for
from sild.xroad.identifiers import ClientId, SecurityServerId

__all__ = ["Ordering", "Wiring"]

log = get_logger("acme_client")

SOFTWARE_TOKEN = "softToken-0"  # noqa: S105 - its name
SPARE_SECONDS = 30.0  # beyond `order_timeout`, until another process may take an order over
PEM_END = b"-----END CERTIFICATE-----"


@dataclass(frozen=True, slots=True)
class Wiring:
    """What the client needs of its security server. globalconf: raises TrustError when there is no valid one."""

    settings: AcmeClientSettings
    configuration: AcmeConfiguration
    store: Store
    keys: AccountKeys
    mail: Mail
    keyring: Keyring
    server_id: Callable[[], SecurityServerId]
    globalconf: Callable[[], GlobalConf]
    clock: Clock


class Ordering:
    """Every method raises AcmeRefusal or CallerError (it will not work in this way), Unavailable (later), PeerError (an answer
    that is none)."""

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self._mine: set[str] = set()

    def authorities(self) -> tuple[ApprovedCA, ...]:
        """Those one can order from: of the own instance, with an ACME server."""
        globalconf = self._wiring.globalconf()
        approved = globalconf.approved_cas(globalconf.instance_identifier, self._wiring.clock())
        return tuple(ca for ca in approved if ca.acme_server is not None)

    def authority(self, name: str) -> tuple[ApprovedCA, AcmeServer]:
        """Raises AcmeRefusal."""
        for found in self.authorities():
            if found.name == name and found.acme_server is not None:
                return found, found.acme_server
        others = ", ".join(repr(found.name) for found in self.authorities())
        raise AcmeRefusal(
            f"{name!r} has no ACME server in the global configuration"
            + (f", but {others}" if others else "")
            + ": ask the operator of the instance, or request the certificate by hand"
        )

    async def order(
        self,
        authority: str,
        usage: KeyUsage,
        member: ClientId,
        *,
        dns_name: str | None = None,
        subject: x509.Name | None = None,
        algorithm: KeyAlgorithm | None = None,
        token_id: str = SOFTWARE_TOKEN,
        activate: bool | None = None,
        replaces: CertificateInfo | None = None,
    ) -> CertificateInfo:
        """Order, and wait for the certificate: a sign certificate is registered with that, an auth certificate is SAVED.

        authority: the name of the global configuration.  member: who signs with it; for an auth certificate the owner.
        dns_name: what is proven; by default this server's address.  subject: by default as the certificate profile has it.
        activate: put it to use without an administrator; by default the settings'.
        """
        found, _ = self.authority(authority)
        self._ensure_suitable(found, usage)
        settings, server = self._wiring.settings, self._wiring.server_id()
        member = server.owner if usage is KeyUsage.AUTHENTICATION else member.member
        name = dns_name or self.dns_name()
        _ensure_host_name(name)
        if activate is None:
            activate = (
                settings.activate_sign_certificates
                if usage is KeyUsage.SIGNING
                else settings.activate_auth_certificates
            )
        self._wiring.keyring.token(token_id)
        order = Order(
            id=secrets.token_hex(8),
            authority=authority,
            usage=usage,
            member=member,
            token_id=token_id,
            algorithm=algorithm or settings.key_algorithm,
            subject=_pairs(subject or self._subject(found, usage, member, name)),
            dns_name=name,
            activate=activate,
            replaces=None if replaces is None else replaces.sha1,
        )
        until = self._busy_until()
        await asyncio.to_thread(self._wiring.store.add_order, order, busy_until=until)
        log.info(
            "acme.order_begun", order=order.id, authority=authority, usage=usage.value, member=str(member)
        )
        return await self._work(order)

    def dns_name(self) -> str:
        """The name or address this server is reached by. Raises AcmeRefusal."""
        settings = self._wiring.settings
        if settings.dns_name is not None:
            return settings.dns_name
        server = self._wiring.globalconf().server(self._wiring.server_id(), self._wiring.clock())
        if server is None or not server.address:
            raise AcmeRefusal(
                "the global configuration has no address of this server yet: say `dns_name`, in the order or in [acme]"
            )
        return server.address

    def _subject(self, authority: ApprovedCA, usage: KeyUsage, member: ClientId, dns_name: str) -> x509.Name:
        globalconf, at = self._wiring.globalconf(), self._wiring.clock()
        return subject_for(
            authority.certificate_profile_info,
            "sign" if usage is KeyUsage.SIGNING else "auth",
            member=member,
            server=self._wiring.server_id(),
            member_name=globalconf.member_name(member, at) or member.member_code,
            country=self._wiring.settings.country,
            dns_name=dns_name,
        )

    def _ensure_suitable(self, authority: ApprovedCA, usage: KeyUsage) -> None:
        if authority.authentication_only and usage is KeyUsage.SIGNING:
            raise AcmeRefusal(f"{authority.name!r} is approved for authentication certificates only")

    async def resume(self) -> None:
        """Go on with first orders nobody works on, of this process's earlier life or of another server. Failures are logged.

        Those that renew a certificate are gone on with where it is looked at (`Renewal`).
        """
        for order in await asyncio.to_thread(self._wiring.store.orders):
            if order.replaces is None:
                try:
                    await self.go_on(order)
                except PlatformError as error:
                    log.refusal("acme.order_failed", error, order=order.id)

    async def go_on(self, order: Order) -> CertificateInfo | None:
        """Go on with an order that was interrupted; None while somebody works on it."""
        at = self._wiring.clock()
        if order.id in self._mine or not await asyncio.to_thread(
            self._wiring.store.claim_order, order.id, at=at, busy_until=self._busy_until()
        ):
            return None
        log.info("acme.order_resumed", order=order.id, authority=order.authority, usage=order.usage.value)
        return await self._work(order)

    async def cancel(self, order_id: str) -> None:
        """Give up an order that waits to be gone on with: its key and request are deleted."""
        await self._undo(order_id)

    async def pending(self) -> tuple[Order, ...]:
        """Orders that are under way or wait to be gone on with."""
        return await asyncio.to_thread(self._wiring.store.orders)

    # -- steps

    async def _work(self, order: Order) -> CertificateInfo:
        self._mine.add(order.id)
        try:
            info = await self._certificate(order)
        except (CallerError, TrustError, PeerError):
            await self._undo(order.id)
            raise
        except Unavailable:
            await asyncio.to_thread(self._wiring.store.release_order, order.id)
            raise
        finally:
            self._mine.discard(order.id)
        await asyncio.to_thread(self._wiring.store.finish_order, order, info.sha1)
        log.info(
            "acme.certificate_imported", order=order.id, certificate=info.sha1, usage=info.usage.value,
            member=str(info.member), not_after=info.certificate.not_valid_after_utc.isoformat(),
        )  # fmt: skip
        return info

    async def _certificate(self, order: Order) -> CertificateInfo:
        there = self._imported(order)
        if there is not None:
            return there
        order = await self._with_key(order)
        order = await self._with_request(order)
        chain = await asyncio.to_thread(self._ask, order)
        leaf = read_certificate(
            chain[: chain.index(PEM_END) + len(PEM_END)] + b"\n" if PEM_END in chain else chain
        )
        self._ensure_right(order, leaf)
        return await self._wiring.keyring.import_certificate(
            leaf,
            member=order.member,
            status=CertificateStatus.REGISTERED
            if order.usage is KeyUsage.SIGNING
            else CertificateStatus.SAVED,
            is_active=order.activate,
        )

    def _imported(self, order: Order) -> CertificateInfo | None:
        """The process may have ended after the import."""
        infos = self._wiring.keyring.certificates()
        return next((info for info in infos if info.key_id == order.key_id), None)

    async def _with_key(self, order: Order) -> Order:
        if order.key_id is not None:
            return order
        token, label = self._wiring.keyring.token(order.token_id), _label(order)
        made = next((key for key in token.public_keys if key.label == label), None)
        key = made or await token.generate_key(order.algorithm, label)
        await asyncio.to_thread(self._wiring.store.update_order, order.id, key_id=key.key_id)
        return replace(order, key_id=key.key_id)

    async def _with_request(self, order: Order) -> Order:
        if order.request is not None or order.key_id is None:
            return order
        request = await self._wiring.keyring.request_certificate(
            order.key_id, order.usage, order.member, _name(order.subject), (order.dns_name,)
        )
        await asyncio.to_thread(self._wiring.store.update_order, order.id, request=request)
        return replace(order, request=request)

    def _ask(self, order: Order) -> bytes:
        """All that is said to the authority; blocks."""
        wiring = self._wiring
        _, server = self.authority(order.authority)
        deadline = self._deadline()
        profile = (
            server.signing_certificate_profile_id
            if order.usage is KeyUsage.SIGNING
            else server.authentication_certificate_profile_id
        )
        tokens: list[str] = []

        def publish(token: str, content: str) -> None:
            tokens.append(token)
            wiring.store.add_challenge(token, content, at=wiring.clock(), until=self._busy_until())

        connection = AcmeConnection(server.directory_url, ca_certificates=wiring.settings.ca_certificates)
        try:
            self._open_account(connection, server, order)
            url = order.order_url
            while True:
                begun_now = url is None
                if url is None:
                    url = connection.begin_order(
                        order.dns_name, profile=profile, replaces=self._replaced(order.replaces)
                    )
                    wiring.store.update_order(order.id, order_url=url)
                try:
                    return connection.finish_order(
                        url, order.request or b"", publish=publish, profile=profile, deadline=deadline
                    )
                except OrderGone:
                    if begun_now:
                        raise PeerError(
                            "the authority gave an order up", code="acme.order_creation_failure"
                        ) from None
                    url = None
        finally:
            connection.close()
            for token in tokens:
                with contextlib.suppress(Unavailable):  # it ends by itself
                    wiring.store.delete_challenge(token)

    def _open_account(self, connection: AcmeConnection, server: AcmeServer, order: Order) -> None:
        wiring = self._wiring
        external = wiring.configuration.external_account(order.authority, order.member, order.usage)
        alias = external.alias if external is not None else str(order.member)
        key, known = wiring.keys.key(server.directory_url, alias)
        contact = wiring.mail.contact(order.member)
        url = connection.open_account(key, known, external, contact)
        if url != known:
            wiring.keys.set_url(server.directory_url, alias, url)

    def _replaced(self, sha1: str | None) -> str | None:
        try:
            return (
                None if sha1 is None else certificate_id(self._wiring.keyring.certificate(sha1).certificate)
            )
        except CallerError:  # deleted meanwhile
            return None

    def _ensure_right(self, order: Order, leaf: Certificate) -> None:
        """Raises PeerError, TrustError: an authority's mistake is to be found before the certificate is in use."""
        globalconf, at = self._wiring.globalconf(), self._wiring.clock()
        issuer = globalconf.issuer_of(leaf, globalconf.instance_identifier, at)
        if issuer.approved_ca.name != order.authority:
            raise PeerError(
                f"the certificate is by {issuer.approved_ca.name!r}, not by {order.authority!r}",
                code="acme.certificate_failure",
            )
        is_right = is_sign_certificate if order.usage is KeyUsage.SIGNING else is_auth_certificate
        if not is_right(leaf):
            raise PeerError(
                f"the authority issued a certificate that is not for {order.usage.value}: it has to be told the kind by the"
                " certificate profile ids of the global configuration, or by separate keys (auth-kid, sign-kid) in acme.yml",
                code="acme.certificate_failure",
            )
        if not leaf.not_valid_before_utc - timedelta(minutes=5) <= at <= leaf.not_valid_after_utc:
            raise PeerError("the certificate is not valid now", code="acme.certificate_failure")

    async def _undo(self, order_id: str) -> None:
        """Nothing of a refused order stays."""
        orders = await asyncio.to_thread(self._wiring.store.orders)
        order = next((found for found in orders if found.id == order_id), None)
        if order is None:
            return
        keyring = self._wiring.keyring
        for request in await asyncio.to_thread(keyring.requests):
            if order.key_id is not None and request.key_id == order.key_id:
                await keyring.delete_request(request.id)
        token = keyring.token(order.token_id)
        for key in token.public_keys:
            if key.label == _label(order):
                with contextlib.suppress(
                    KeyNotFound, Unavailable
                ):  # a token that is gone keeps a key that is of no use
                    await token.delete_key(key.key_id)
        await asyncio.to_thread(self._wiring.store.delete_order, order_id)

    def _deadline(self) -> datetime:
        return self._wiring.clock() + timedelta(seconds=self._wiring.settings.order_timeout)

    def _busy_until(self) -> datetime:
        return self._deadline() + timedelta(seconds=SPARE_SECONDS)


def _ensure_host_name(name: str) -> None:
    """As with X-Road: certificates are ordered for host names."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return
    raise AcmeRefusal(
        f"{name} is an address: say the host name of this server as `dns_name`, in the order or in [acme]"
    )


def _label(order: Order) -> str:
    return f"acme {order.id}"


def _pairs(name: x509.Name) -> tuple[tuple[str, str], ...]:
    return tuple((attribute.oid.dotted_string, str(attribute.value)) for attribute in name)


def _name(pairs: tuple[tuple[str, str], ...]) -> x509.Name:
    """Of any length: an instance identifier stands where X.520 wants a country of two letters."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return x509.Name(
            [x509.NameAttribute(x509.ObjectIdentifier(oid), value, _validate=False) for oid, value in pairs]
        )
