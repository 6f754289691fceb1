"""A hardware token: smart card, USB token, HSM partition (PKCS#11 v2.40). Keys are made in it and stay in it.

Everything is done in the thread of its library (`pkcs11_module`). One session is open while the token is logged in; a token
pulled out and put back, or a library begun anew, is noticed at the next signature, which then logs in again by itself.
The PIN stays in memory for this, and stands in no log line and no message.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import pkcs11
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from pkcs11.types import SignMixin

from sild.errors import CallerError, PlatformError, Unavailable
from sild.pki import Certificate, SignatureAlgorithm
from sild.signer.devices import Pkcs11Device
from sild.signer.pkcs10 import assemble_request, request_info
from sild.signer.pkcs11_errors import STALE
from sild.signer.pkcs11_keys import HeldKey, attribute_mapper, destroy_key, find_keys, generate_key, sign_with
from sild.signer.pkcs11_module import Found, Pkcs11Module
from sild.signer.tokens import (
    BatchSigning,
    KeyAlgorithm,
    KeyNotFound,
    PinIncorrect,
    TlsContext,
    TokenKey,
    TokenNotActive,
    TokenNotAvailable,
)
from sild.telemetry import get_logger

__all__ = ["Pkcs11Token"]

log = get_logger("signer")

Result = TypeVar("Result")


class Pkcs11Token:
    """Implements `Token`. Made by `HardwareTokens`, which finds it and tells it when it is gone or back (`seen`).

    is_available: the device is there.  is_active: and somebody has logged in.
    """

    def __init__(self, module: Pkcs11Module, device_name: str, device: Pkcs11Device, found: Found) -> None:
        self.device_name = device_name
        self.device = device
        self.serial_number = found.serial_number
        self.label = found.label
        self._module = module
        self._token_id = device.token_id(device_name, found.slot_id, found.serial_number, found.label)
        self._found = found
        self._generation = module.generation
        self._available = True
        self._pin: str | None = None
        self._session: pkcs11.Session | None = None
        self._keys: dict[str, HeldKey] = {}
        self._on_lost: Callable[[], None] = lambda: None

    @property
    def token_id(self) -> str:
        return self._token_id

    @property
    def is_available(self) -> bool:
        return self._available

    @property
    def is_logged_in(self) -> bool:
        """Whether it has been given its PIN, even if it is not there now."""
        return self._pin is not None

    @property
    def is_active(self) -> bool:
        return self._available and self._pin is not None

    @property
    def batch_signing(self) -> BatchSigning:
        return "automatic" if self.device.batch_signing_enabled else "never"

    @property
    def signs_with_pss(self) -> bool:
        return self.device.signs_with_pss

    @property
    def can_authenticate(self) -> bool:
        return False

    @property
    def is_read_only(self) -> bool:
        return self.device.read_only or pkcs11.TokenFlag.WRITE_PROTECTED in self._found.flags

    @property
    def accepts_guesses(self) -> bool:
        """False when one more wrong PIN would lock the token, or it is locked: nobody but a person should try."""
        return not self._found.flags & (
            pkcs11.TokenFlag.USER_PIN_FINAL_TRY | pkcs11.TokenFlag.USER_PIN_LOCKED
        )

    @property
    def public_keys(self) -> Sequence[TokenKey]:
        return tuple(key.public for key in list(self._keys.values()))

    # presence

    def on_lost(self, listener: Callable[[], None]) -> None:
        """Call `listener` when a call finds that the token is gone."""
        self._on_lost = listener

    async def seen(self, found: Found | None) -> None:
        """The device list as it is now has the token, or has it no longer."""
        if found is None:
            if self._available:
                self._available = False
                log.warning("token.lost", token=self.token_id)
            return
        if self._available and self._generation == self._module.generation:
            return
        self._found = found
        if self._pin is not None:
            try:
                await self._module.run(self._restore)
            except PinIncorrect as error:
                self._pin = (
                    None  # it was changed meanwhile: every further try brings the token nearer to its lock
                )
                log.refusal("token.not_restored", error, token=self.token_id)
            except PlatformError as error:
                self._available = False
                log.refusal("token.not_restored", error, token=self.token_id)
                return
        else:
            await self.read_public_keys()
        self._available = True
        log.info("token.available", token=self.token_id, active=self.is_active)

    async def read_public_keys(self) -> None:
        """Look at what the token shows without a PIN. Raises Unavailable."""
        self._keys = await self._module.run(self._look)

    # login

    async def login(self, pin: str) -> None:
        if self._pin is not None:
            await self.logout()
        await self._call(lambda: self._log_in(pin))
        self._pin = pin
        self._available = True
        log.info("token.activated", token=self.token_id, keys=len(self._keys))

    async def logout(self) -> None:
        self._pin = None
        await self._module.run(self._log_out)
        log.info("token.deactivated", token=self.token_id)

    # keys

    async def generate_key(self, algorithm: KeyAlgorithm, label: str) -> TokenKey:
        """Raises CallerError (`token_readonly`), TokenNotActive, Unavailable (`failed_to_generate_private_key`)."""
        self._ensure_writable()
        return await self._call(lambda: self._generate(algorithm, label))

    async def delete_key(self, key_id: str) -> None:
        """Raises CallerError (`token_readonly`) too."""
        self._ensure_writable()
        await self._call(lambda: self._delete(key_id))

    async def sign(self, key_id: str, algorithm: SignatureAlgorithm, data: bytes) -> bytes:
        self._ensure_active()
        return await self._call(lambda: self._sign(key_id, algorithm, data))

    async def certificate_request(
        self, key_id: str, subject: x509.Name, dns_names: Sequence[str] = ()
    ) -> bytes:
        self._ensure_active()
        public_key = self._held(key_id).public.public_key
        algorithm = SignatureAlgorithm.ECDSA_SHA256
        if isinstance(public_key, rsa.RSAPublicKey):
            pss = self.signs_with_pss
            algorithm = SignatureAlgorithm.RSA_PSS_SHA256 if pss else SignatureAlgorithm.RSA_SHA256
        info = request_info(subject, public_key, dns_names)
        return assemble_request(info, algorithm, await self.sign(key_id, algorithm, info))

    def load_tls_key(self, key_id: str, certificates: Sequence[Certificate], context: TlsContext) -> None:
        """Refused: TLS needs the key inside OpenSSL, and it does not leave the token. So it is with X-Road."""
        raise CallerError("the key of port 5500 has to be in the software token", code="wrong_cert_usage")

    def _ensure_writable(self) -> None:
        self._ensure_active()
        if self.is_read_only:
            raise CallerError(f"token {self.token_id} is read-only", code="token_readonly")

    def _ensure_active(self) -> None:
        if self._pin is None:
            raise TokenNotActive(f"token {self.token_id} is not logged in")

    def _held(self, key_id: str) -> HeldKey:
        try:
            return self._keys[key_id]
        except KeyError:
            raise KeyNotFound(f"token {self.token_id} has no key {key_id}") from None

    async def _call(self, work: Callable[[], Result]) -> Result:
        """In the library's thread; a token found gone is marked so, that others may be chosen at once."""
        try:
            return await self._module.run(work)
        except Unavailable as error:
            if error.code in (TokenNotAvailable.code, "hsm_non_operational") and self._available:
                self._available = False
                log.refusal("token.lost", error, token=self.token_id)
                self._on_lost()
            raise

    # in the library's thread

    def _sign(self, key_id: str, algorithm: SignatureAlgorithm, data: bytes) -> bytes:
        if self.device.sign_verify_pin:
            return self._sign_with_pin(key_id, algorithm, data)
        try:
            return self._sign_in(self._current_session(), key_id, algorithm, data)
        except STALE:
            self._restore()
        return self._sign_in(self._current_session(), key_id, algorithm, data)

    def _sign_in(
        self, session: pkcs11.Session, key_id: str, algorithm: SignatureAlgorithm, data: bytes
    ) -> bytes:
        key = self._held(key_id)
        if key.private is None:
            self._keys = find_keys(session, logged_in=True)
            key = self._held(key_id)
        if key.private is None:
            raise KeyNotFound(f"token {self.token_id} has no key {key_id}")
        return sign_with(key, key.private, algorithm, data, pss=self.signs_with_pss, pin=None)

    def _sign_with_pin(self, key_id: str, algorithm: SignatureAlgorithm, data: bytes) -> bytes:
        """Log in, sign, log out: a card that wants its PIN for every signature."""
        if self._pin is None:
            raise TokenNotActive(f"token {self.token_id} is not logged in")
        try:
            session = self._open(self._pin)
        except STALE:
            self._found = self._find()
            session = self._open(self._pin)
        try:
            key = find_keys(session, logged_in=True).get(key_id)
            if key is None or key.private is None:
                raise KeyNotFound(f"token {self.token_id} has no key {key_id}")
            pin = self._pin if _asks_for_pin(key.private) else None
            return sign_with(key, key.private, algorithm, data, pss=self.signs_with_pss, pin=pin)
        finally:
            session.close()

    def _generate(self, algorithm: KeyAlgorithm, label: str) -> TokenKey:
        with _Writing(self) as session:
            try:
                key, object_id = generate_key(session, algorithm, label, self.device)
            except (pkcs11.MechanismInvalid, pkcs11.KeySizeRange, pkcs11.DomainParamsInvalid) as error:
                name = type(error).__name__
            else:
                self._keys = find_keys(session, logged_in=True)
                if key.key_id in self._keys:
                    return key
                destroy_key(session, object_id)
                name = "the key cannot be found again"
        raise Unavailable(f"no key was made: {name}", code="failed_to_generate_private_key")

    def _delete(self, key_id: str) -> None:
        with _Writing(self) as session:
            destroy_key(session, self._held(key_id).object_id)
            del self._keys[key_id]

    def _current_session(self) -> pkcs11.Session:
        """Of this generation of the library: handles of an older one may mean somebody else's objects."""
        if self._session is None or self._generation != self._module.generation:
            self._restore()
        assert self._session is not None
        return self._session

    def _restore(self) -> None:
        """Find the token, wherever it is, and log in again. Raises PKCS11Error, TokenNotActive."""
        if self._pin is None:
            raise TokenNotActive(f"token {self.token_id} is not logged in")
        if self._generation == self._module.generation:
            self._close()
        self._session = None
        self._log_in(self._pin)
        log.info("token.restored", token=self.token_id)

    def _find(self) -> Found:
        for found in self._module.found(self.device.slot_ids):
            if (found.serial_number, found.label) == (self.serial_number, self.label):
                return found
        raise pkcs11.TokenNotPresent

    def _log_in(self, pin: str) -> None:
        self._found = self._find()
        session = self._open(pin)
        self._generation = self._module.generation
        self._keys = find_keys(session, logged_in=True)
        if self.device.sign_verify_pin:
            session.close()
        else:
            self._session = session

    def _log_out(self) -> None:
        if self._generation == self._module.generation:
            self._close()
        self._session = None
        self._keys = {id_: HeldKey(key.public, key.object_id, None) for id_, key in self._keys.items()}

    def _close(self) -> None:
        if self._session is not None:
            try:
                self._session.close()  # which logs out, for that is how it was opened
            except pkcs11.PKCS11Error:
                pass  # the token is out, and with it the session

    def _look(self) -> dict[str, HeldKey]:
        session = self._open(None)
        try:
            return find_keys(session, logged_in=False)
        finally:
            session.close()

    def _open(self, pin: str | None, *, writing: bool = False) -> pkcs11.Session:
        return self._found.token.open(rw=writing, user_pin=pin, attribute_mapper=attribute_mapper())


class _Writing:
    """A session that may write, beside the one that is logged in: a login is the token's, not a session's."""

    def __init__(self, token: Pkcs11Token) -> None:
        self._token = token
        self._session: pkcs11.Session | None = None

    def __enter__(self) -> pkcs11.Session:
        token = self._token
        if token.device.sign_verify_pin:
            self._session = token._open(token._pin, writing=True)
        else:
            token._current_session()
            self._session = token._open(None, writing=True)
        return self._session

    def __exit__(self, *_: object) -> None:
        assert self._session is not None
        self._session.close()


def _asks_for_pin(private: SignMixin) -> bool:
    try:
        return bool(private[pkcs11.Attribute.ALWAYS_AUTHENTICATE])
    except pkcs11.PKCS11Error:
        return False
