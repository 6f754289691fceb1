"""Tokens, their keys, the certificates for them and the way a certificate goes from request to registration."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sild.errors import CallerError
from sild.pki import (
    Certificate,
    PublicKey,
    certificate_sha1,
    der,
    is_auth_certificate,
    is_sign_certificate,
    read_certificate,
)
from sild.signer.certificates import CertificateInfo, CertificateRequest, CertificateStatus, KeyUsage
from sild.signer.store import Store
from sild.signer.tokens import KeyNotFound, Token
from sild.telemetry import get_logger
from sild.xroad.globalconf import GlobalConf
from sild.xroad.identifiers import ClientId

__all__ = ["Keyring"]

log = get_logger("signer")


class Keyring:
    """What is known of a security server's keys. Kept in memory and in the signer's database."""

    def __init__(self, tokens: Sequence[Token], store: Store) -> None:
        self.tokens = {token.token_id: token for token in tokens}
        self._store = store
        self._certificates = store.certificates()
        self._listeners: list[Callable[[], None]] = []

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call `listener` after every change of certificates."""
        self._listeners.append(listener)

    def add_token(self, token: Token) -> None:
        """A token that has been found while the server runs."""
        self.tokens[token.token_id] = token
        self._changed()

    def token(self, token_id: str) -> Token:
        """Raises CallerError (`token_not_found`)."""
        try:
            return self.tokens[token_id]
        except KeyError:
            raise CallerError(f"there is no token {token_id!r}", code="token_not_found") from None

    def token_of(self, key_id: str) -> Token:
        """Of several that have the key (copies of a token) one that is active. Raises KeyNotFound."""
        holders = [
            token for token in self.tokens.values() if any(key.key_id == key_id for key in token.public_keys)
        ]
        if not holders:
            raise KeyNotFound(f"no token has the key {key_id}")
        return next((token for token in holders if token.is_active), holders[0])

    def public_key(self, key_id: str) -> PublicKey:
        """Raises KeyNotFound."""
        return next(key.public_key for key in self.token_of(key_id).public_keys if key.key_id == key_id)

    def certificates(
        self, *, member: ClientId | None = None, usage: KeyUsage | None = None
    ) -> tuple[CertificateInfo, ...]:
        """In the order of their import."""
        return tuple(
            info
            for info in self._certificates
            if (member is None or info.member == member.member) and (usage is None or info.usage is usage)
        )

    def certificate(self, sha1: str) -> CertificateInfo:
        """Raises CallerError (`cert_not_found`). sha1: lower-case hex."""
        for info in self._certificates:
            if info.sha1 == sha1:
                return info
        raise CallerError(f"there is no certificate {sha1}", code="cert_not_found")

    def requests(self) -> tuple[CertificateRequest, ...]:
        return self._store.requests()

    async def request_certificate(
        self,
        key_id: str,
        usage: KeyUsage,
        member: ClientId,
        subject: x509.Name,
        dns_names: Sequence[str] = (),
    ) -> bytes:
        """A PKCS#10 request (DER; `encode_request` for PEM), remembered until a certificate for the key comes. One key
        has one usage.

        member: who will sign with it, or the owner of the security server.  subject: see `subject_for` in
        `sild.xroad.globalconf`. Raises KeyNotFound, TokenNotActive, CallerError (`wrong_cert_usage`).
        """
        token = self.token_of(key_id)
        self._ensure_usage(key_id, usage)
        if usage is KeyUsage.AUTHENTICATION and not token.can_authenticate:
            raise CallerError(
                "an authentication key has to be in the software token", code="wrong_cert_usage"
            )
        request = await token.certificate_request(key_id, subject, dns_names)
        await asyncio.to_thread(self._store.add_request, key_id, usage, member.member, request)
        return request

    async def import_certificate(
        self,
        certificate: bytes | Certificate,
        *,
        member: ClientId | None = None,
        globalconf: GlobalConf | None = None,
        at: datetime | None = None,
        status: CertificateStatus = CertificateStatus.SAVED,
        is_active: bool = True,
    ) -> CertificateInfo:
        """Take in a certificate for a key of ours, DER or PEM.

        member: as in `request_certificate`; if not given, the request tells, or for a sign certificate its subject
        under `globalconf` at `at`. A sign certificate needs no registration of its own: import it as REGISTERED.
        Raises PeerError (`incorrect_certificate`: unreadable), KeyNotFound, CallerError (`cert_exists`,
        `wrong_cert_usage`, `bad_request`: whose it is cannot be told).
        """
        parsed = read_certificate(certificate) if isinstance(certificate, bytes) else certificate
        sha1 = certificate_sha1(der(parsed)).hex()
        if any(info.sha1 == sha1 for info in self._certificates):
            raise CallerError("the certificate is here already", code="cert_exists")
        key_id = self._key_for(parsed)
        usage = _usage_of(parsed)
        self._ensure_usage(key_id, usage)
        owner = member or self._member_for(key_id, parsed, usage, globalconf, at)
        await asyncio.to_thread(
            self._store.add_certificate,
            der(parsed),
            key_id=key_id,
            usage=usage,
            member=owner.member,
            status=status,
            is_active=is_active,
        )
        await self._reload()
        log.info("certificate.imported", certificate=sha1, usage=usage.value, member=str(owner.member))
        return self.certificate(sha1)

    async def set_status(self, sha1: str, status: CertificateStatus) -> None:
        """Raises CallerError (`cert_not_found`)."""
        self.certificate(sha1)
        await asyncio.to_thread(self._store.update_certificate, sha1, status=status.value)
        await self._reload()
        log.info("certificate.status", certificate=sha1, status=status.value)

    async def set_active(self, sha1: str, is_active: bool) -> None:
        """Raises CallerError (`cert_not_found`)."""
        self.certificate(sha1)
        await asyncio.to_thread(self._store.update_certificate, sha1, is_active=is_active)
        await self._reload()

    async def delete_certificate(self, sha1: str) -> None:
        """Forget the certificate; its key stays. Raises CallerError (`cert_not_found`)."""
        self.certificate(sha1)
        await asyncio.to_thread(self._store.delete_certificate, sha1)
        await self._reload()

    async def delete_request(self, request_id: int) -> None:
        await asyncio.to_thread(self._store.delete_request, request_id)

    async def reload(self, prepare: Callable[[Sequence[CertificateInfo]], Awaitable[object]]) -> None:
        """Take up what another process has changed in the signer's database. Raises Unavailable (`database_error`).

        prepare: called with all certificates before the new ones are used and those that have gone are not.
        """
        certificates = await asyncio.to_thread(self._store.certificates)
        if certificates != self._certificates:
            await prepare(certificates)
            self._certificates = certificates
            self._changed()

    async def _reload(self) -> None:
        self._certificates = await asyncio.to_thread(self._store.certificates)
        self._changed()

    def _changed(self) -> None:
        for listener in self._listeners:
            listener()

    def _key_for(self, certificate: Certificate) -> str:
        wanted = _spki(certificate.public_key())
        for token in self.tokens.values():
            for key in token.public_keys:
                if _spki(key.public_key) == wanted:
                    return key.key_id
        raise KeyNotFound("no token has the key of this certificate")

    def _member_for(
        self,
        key_id: str,
        certificate: Certificate,
        usage: KeyUsage,
        globalconf: GlobalConf | None,
        at: datetime | None,
    ) -> ClientId:
        requested = [request.member for request in self._store.requests() if request.key_id == key_id]
        if requested:
            return requested[-1]
        if usage is KeyUsage.SIGNING and globalconf is not None and at is not None:
            context = ClientId(globalconf.instance_identifier, "", "")
            return globalconf.client_id_of(certificate, context, at)
        raise CallerError("it must be said whose certificate this is", code="bad_request")

    def _ensure_usage(self, key_id: str, usage: KeyUsage) -> None:
        others = {info.usage for info in self._certificates if info.key_id == key_id}
        others |= {request.usage for request in self._store.requests() if request.key_id == key_id}
        if others - {usage}:
            raise CallerError(f"the key {key_id} is not for {usage.value}", code="wrong_cert_usage")


def _usage_of(certificate: Certificate) -> KeyUsage:
    if is_auth_certificate(certificate):
        return KeyUsage.AUTHENTICATION
    if is_sign_certificate(certificate):
        return KeyUsage.SIGNING
    raise CallerError("neither a sign nor an auth certificate", code="wrong_cert_usage")


def _spki(key: object) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined,no-any-return] # every public key has it
