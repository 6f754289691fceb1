"""The signer: signatures of the server's members, and the server's own authentication key."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sild.clock import Clock, system_clock
from sild.errors import PlatformError, Unavailable, stage
from sild.pki import Certificate, DigestAlgorithm, SignatureAlgorithm, algorithm_for, der
from sild.signatures import SignatureTemplate, SignedPart
from sild.signer.certificates import CertificateInfo, CertificateStatus, KeyUsage
from sild.signer.keyring import Keyring
from sild.signer.ocsp import GoodResponse, OcspCache
from sild.signer.signing import SignedMessage, SigningQueue
from sild.signer.software_token import SoftwareToken
from sild.signer.status import CertificateState, state_of, warn_of_expiry
from sild.signer.store import Store
from sild.signer.tokens import KeyNotFound, TlsContext, Token
from sild.xroad.globalconf import GlobalConf
from sild.xroad.identifiers import ClientId

if TYPE_CHECKING:
    from sild.http1 import Fetch

__all__ = ["DetachedSignature", "Signer", "TlsCredentials"]


@dataclass(frozen=True, slots=True)
class TlsCredentials:
    """The security server's authentication key for TLS, to be used but not to be had.

    certificates: what the peer is sent, leaf first, without the root.  ocsp_responses: DER, one for each of them.
    """

    info: CertificateInfo
    certificates: tuple[Certificate, ...]
    ocsp_responses: tuple[bytes, ...]
    _token: Token

    def load_into(self, context: TlsContext) -> None:
        """Make `context` prove itself by this key. Raises TokenNotActive, KeyNotFound."""
        self._token.load_tls_key(self.info.key_id, self.certificates, context)


@dataclass(frozen=True, slots=True)
class DetachedSignature:
    """Over bytes as they are (management requests, WIRE 16). value: EC signatures in DER.  certificate: DER of the
    signer's.  ocsp_response: DER about it, None where none was asked for."""

    algorithm: SignatureAlgorithm
    value: bytes
    certificate: bytes
    ocsp_response: bytes | None = None


@dataclass(frozen=True, slots=True)
class _Usable:
    """A certificate that may be shown now, with its response and its token; until a peer would refuse it."""

    info: CertificateInfo
    token: Token
    ocsp_response: bytes
    until: datetime


@dataclass(frozen=True, slots=True)
class _Choice:
    """A member's signing certificate and what was made from it."""

    usable: _Usable
    template: SignatureTemplate
    queue: SigningQueue
    globalconf: GlobalConf
    since: datetime

    def holds(self, globalconf: GlobalConf | None, at: datetime) -> bool:
        return (
            self.globalconf is globalconf
            and self.since <= at < self.usable.until
            and self.usable.token.is_active
        )


class Signer:
    """store: the signer's database, or its SQLAlchemy URL; several processes may share it.  globalconf: the configuration in force, None before the first.
    pss: RSA signatures as RSASSA-PSS instead of PKCS#1 v1.5.  warning: how long before its end a certificate is warned of.
    """

    def __init__(
        self,
        tokens: Sequence[Token],
        store: Store | str,
        *,
        globalconf: Callable[[], GlobalConf | None],
        fetch: Fetch,
        clock: Clock = system_clock,
        pss: bool = False,
        digest_algorithm: DigestAlgorithm = DigestAlgorithm.SHA512,
        warning: timedelta = timedelta(days=30),
    ) -> None:
        self._store = Store(store) if isinstance(store, str) else store
        self._seen = self._store.change_count()
        self.keyring = Keyring(tokens, self._store)
        self.ocsp = OcspCache(
            self._store,
            certificates=self.keyring.certificates,
            globalconf=globalconf,
            fetch=fetch,
            clock=clock,
        )
        self._globalconf = globalconf
        self._clock = clock
        self._pss = pss
        self._digest_algorithm = digest_algorithm
        self._warning = warning
        self._choices: dict[ClientId, _Choice] = {}
        self._queues: dict[tuple[str, str], SigningQueue] = {}
        self.keyring.on_change(self._forget)
        self.keyring.on_change(self.ocsp.wake)  # a new certificate is of use when its status is known
        self.ocsp.on_change(self._forget)

    async def run(self) -> None:
        """Keep OCSP responses fresh, and warn of certificates that end, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.ocsp.run())
            group.create_task(warn_of_expiry(self.certificate_states))

    async def reload_if_changed(self) -> bool:
        """Take up what another process has changed: keys, certificates, OCSP responses.

        Raises Unavailable (`database_error`), PinIncorrect; what was there stays in use.
        """
        change = await asyncio.to_thread(self._store.change_count)
        if change == self._seen:
            return False
        for token in self.keyring.tokens.values():
            if isinstance(token, SoftwareToken):
                await token.reload()
        await self.ocsp.reload()
        await self.keyring.reload(
            self.ocsp.ask_about_new
        )  # a new one is used with its status, the old one until then
        self._seen = change
        return True

    def ensure_database(self) -> None:
        """Raises Unavailable (`database_error`). Blocks."""
        self._store.change_count()

    def close(self) -> None:
        self.ocsp.close()
        self._store.close()

    def _forget(self) -> None:
        self._choices.clear()

    def certificate_states(self, *, at: datetime | None = None) -> tuple[CertificateState, ...]:
        """How every certificate of ours stands, in the order of import."""
        at = self._clock() if at is None else at
        return tuple(self._state(info, at) for info in self.keyring.certificates())

    def _state(self, info: CertificateInfo, at: datetime) -> CertificateState:
        try:
            token = self.keyring.token_of(info.key_id)
        except KeyNotFound:
            token = None
        return state_of(
            info,
            at=at,
            warning=self._warning,
            ensure_good=lambda info: self._good(info, at),
            token=None if token is None else (token.token_id, token.is_active),
        )

    def _good(self, info: CertificateInfo, at: datetime) -> GoodResponse:
        globalconf = self._globalconf()
        if globalconf is None:
            raise Unavailable("there is no global configuration yet", code="global_conf_outdated")
        return self.ocsp.good(info, globalconf, at)

    # -- signatures ----------------------------------------------------------------------------------------------------

    async def sign_message(
        self, member: ClientId, parts: Sequence[SignedPart], *, at: datetime | None = None
    ) -> SignedMessage:
        """Sign a message of `member` (or of one of its subsystems): `/message.xml` first, then `/attachment1` ..

        Raises Unavailable: `cannot_create_signature` when there is nothing to sign with, else what the token said below
        that stage. A token that turns out to be gone is replaced by another of the member's, if there is one.
        """
        at = self._clock() if at is None else at
        choice = self._choice(member, at)
        try:
            return await choice.queue.sign(choice.template, parts, at)
        except Unavailable:
            other = None if choice.usable.token.is_active else self._other_choice(member, at)
            if other is None:
                raise
        return await other.queue.sign(other.template, parts, at)

    def sign_certificate_for(self, member: ClientId, *, at: datetime | None = None) -> CertificateInfo:
        """The certificate `sign_message` would use: the first active registered one with a good OCSP response (WIRE 6.1).

        Raises Unavailable (`cannot_create_signature`).
        """
        return self._choice(member, self._clock() if at is None else at).usable.info

    async def sign_detached(
        self, member: ClientId, data: bytes, *, at: datetime | None = None
    ) -> DetachedSignature:
        """Sign `data` with the certificate `sign_message` would use. Raises Unavailable (`cannot_create_signature`)."""
        usable = self._choice(member, self._clock() if at is None else at).usable
        signature = await self.sign_detached_as(usable.info, data)
        return replace(signature, ocsp_response=usable.ocsp_response)

    async def sign_detached_as(self, info: CertificateInfo, data: bytes) -> DetachedSignature:
        """Sign `data` with the key of one certificate, in whatever state it is: an authentication certificate proves that
        its key is here before it is registered. Raises Unavailable, stage `cannot_create_signature`; KeyNotFound."""
        with stage("cannot_create_signature"):
            token = self.keyring.token_of(info.key_id)
            key = self.keyring.public_key(info.key_id)
            algorithm = algorithm_for(key, self._digest_algorithm, pss=self._pss or token.signs_with_pss)
            value = await token.sign(info.key_id, algorithm, data)
        return DetachedSignature(algorithm, value, der(info.certificate))

    def _choice(self, client: ClientId, at: datetime) -> _Choice:
        globalconf = self._globalconf()
        choice = self._choices.get(client)
        if choice is not None and choice.holds(globalconf, at):
            return choice
        certificates = self.keyring.certificates(member=client, usage=KeyUsage.SIGNING)
        try:
            globalconf, usable = self._first_usable(certificates, globalconf, at)
        except Unavailable as error:
            raise Unavailable(
                f"Failed to get signing info for member '{client.member}': {error.message}",
                code="cannot_create_signature",
            ) from error
        if choice is not None and choice.usable.ocsp_response == usable.ocsp_response:
            template = choice.template
        else:
            template = self._template(usable)
        choice = _Choice(usable, template, self._queue(usable), globalconf, at)
        self._choices[client] = choice
        return choice

    def _other_choice(self, client: ClientId, at: datetime) -> _Choice | None:
        try:
            return self._choice(client, at)
        except Unavailable:
            return None

    def _template(self, usable: _Usable) -> SignatureTemplate:
        public_key = self.keyring.public_key(usable.info.key_id)
        pss = self._pss or usable.token.signs_with_pss
        algorithm = algorithm_for(public_key, self._digest_algorithm, pss=pss)
        return SignatureTemplate(
            usable.info.certificate,
            ocsp_responses=[usable.ocsp_response],
            algorithm=algorithm,
            digest_algorithm=self._digest_algorithm,
        )

    def _queue(self, usable: _Usable) -> SigningQueue:
        place = (usable.token.token_id, usable.info.key_id)
        if place not in self._queues:
            self._queues[place] = SigningQueue(usable.token, usable.info.key_id)
        return self._queues[place]

    # -- the server's own key ------------------------------------------------------------------------------------------

    def tls_credentials(self, *, at: datetime | None = None) -> TlsCredentials:
        """The authentication certificate in use, chosen as sign certificates are.

        Raises Unavailable (`ssl_authentication_failed`): the security server has none that a peer would accept now.
        """
        certificates = self.keyring.certificates(usage=KeyUsage.AUTHENTICATION)
        at = self._clock() if at is None else at
        try:
            _, usable = self._first_usable(certificates, self._globalconf(), at)
        except Unavailable as error:
            raise Unavailable(
                f"the security server has no valid authentication certificate: {error.message}",
                code="ssl_authentication_failed",
            ) from error
        return TlsCredentials(usable.info, (usable.info.certificate,), (usable.ocsp_response,), usable.token)

    async def ocsp_response(self, sha1: str) -> bytes | None:
        """The response about a certificate of ours, for port 5577; fetched now if there is none yet.

        sha1: of the certificate's DER, hex. None for a certificate that is not ours or of which nothing can be learnt.
        """
        known = self.ocsp.get(sha1.lower())
        if known is not None:
            return known
        try:
            return await self.ocsp.fetch(self.keyring.certificate(sha1.lower()))
        except PlatformError:
            return None

    # -- choosing ------------------------------------------------------------------------------------------------------

    def _first_usable(
        self, certificates: Sequence[CertificateInfo], globalconf: GlobalConf | None, at: datetime
    ) -> tuple[GlobalConf, _Usable]:
        """Raises Unavailable that tells what is wrong with the last one."""
        if globalconf is None:
            raise Unavailable("there is no global configuration yet")
        problem = "there is no certificate"
        for info in certificates:
            try:
                return globalconf, self._usable(info, globalconf, at)
            except PlatformError as error:
                problem = f"certificate {info.sha1}: {error.message}"
        raise Unavailable(problem)

    def _usable(self, info: CertificateInfo, globalconf: GlobalConf, at: datetime) -> _Usable:
        if not info.is_active:
            raise Unavailable("it is not active")
        if info.status is not CertificateStatus.REGISTERED:
            raise Unavailable(f"it is not registered but {info.status.value}")
        if not info.certificate.not_valid_before_utc <= at <= info.certificate.not_valid_after_utc:
            raise Unavailable("it is not valid now")
        token = self.keyring.token_of(info.key_id)
        if not token.is_active:
            raise Unavailable(f"token {token.token_id} is not logged in")
        good = self.ocsp.good(info, globalconf, at)
        return _Usable(info, token, good.der, good.until)
