"""Keys in PKCS#12 files, one a key, all behind one PIN (RFC 7292). The files are in a directory, or in the signer's database.

    token.p12          a key that is never used: opening it proves the PIN, also when there is no other key
    <key id>.p12       a private key
    <key id>.json      its label and public key, readable before the PIN is given

The files are encrypted with AES-256 under a key derived from the PIN (PBKDF2-HMAC-SHA-256). The PIN is kept in memory while
the token is active, to write further keys, and stands in no log line and no message.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import secrets
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    PublicFormat,
    load_der_public_key,
    pkcs12,
)

from sild.errors import CallerError, Unavailable
from sild.pki import Certificate, PrivateKey, SignatureAlgorithm, encrypt_key, sign_bytes
from sild.signer.token_files import DirectoryFiles, TokenFiles
from sild.signer.tokens import (
    BatchSigning,
    KeyAlgorithm,
    KeyNotFound,
    PinIncorrect,
    TlsContext,
    TokenKey,
    TokenNotActive,
    key_id_of,
)
from sild.telemetry import get_logger

__all__ = ["SoftwareToken"]

KDF_ROUNDS = 100_000
# larger keys sign for over a millisecond: in a thread, so that the event loop goes on
MAX_INLINE_RSA_BITS = 3072
DEFAULT_NAME = "softToken-0"  # the name X-Road gives its own
PIN_FILE = "token.p12"

log = get_logger("signer")


class SoftwareToken:
    """Implements `Token`. `initialize` once, then `login` after every start. files: the directory they are in, or where else."""

    def __init__(
        self, files: Path | TokenFiles, *, token_id: str = DEFAULT_NAME, batch_signing: BatchSigning = "never"
    ) -> None:
        self._files: TokenFiles = DirectoryFiles(files) if isinstance(files, Path) else files
        self._token_id = token_id
        self._batch_signing: BatchSigning = batch_signing
        self._pin: bytes | None = None
        self._private: dict[str, PrivateKey] = {}
        names = self._files.names()
        self._initialized = PIN_FILE in names
        self._public = {key.key_id: key for key in self._read_public(names)}

    @property
    def token_id(self) -> str:
        return self._token_id

    @property
    def label(self) -> str:
        return self._token_id

    @property
    def accepts_guesses(self) -> bool:
        return self.is_initialized

    @property
    def is_active(self) -> bool:
        return self._pin is not None

    @property
    def is_initialized(self) -> bool:
        """Asked anew while it is not, which blocks: another process may have done it."""
        if not self._initialized:
            self._initialized = PIN_FILE in self._files.names()
        return self._initialized

    @property
    def batch_signing(self) -> BatchSigning:
        return self._batch_signing

    @property
    def signs_with_pss(self) -> bool:
        return False

    @property
    def can_authenticate(self) -> bool:
        return True

    async def initialize(self, pin: str) -> None:
        """Give the token its PIN, once. Raises CallerError (`token_pin_policy_failure`, `bad_request`)."""
        if self.is_initialized:
            raise CallerError("the token is initialized already", code="bad_request")
        if not pin:
            raise CallerError("a PIN is needed", code="token_pin_policy_failure")
        key = KeyAlgorithm.EC_P256.generate()
        proof = await asyncio.to_thread(_pkcs12, PIN_FILE, key, pin.encode())
        if not await asyncio.to_thread(self._files.add, {PIN_FILE: proof}):
            raise CallerError("the token is initialized already", code="bad_request")

    async def login(self, pin: str) -> None:
        """Raises PinIncorrect, or CallerError (`token_not_initialized`)."""
        if not self.is_initialized:
            raise CallerError("the token is not initialized", code="token_not_initialized")
        private = await asyncio.to_thread(self._open_all, pin.encode())
        self._private, self._pin = private, pin.encode()
        log.info("token.activated", token=self.token_id, keys=len(private))

    async def logout(self) -> None:
        self._private, self._pin = {}, None
        log.info("token.deactivated", token=self.token_id)

    @property
    def public_keys(self) -> Sequence[TokenKey]:
        return tuple(self._public.values())

    async def generate_key(self, algorithm: KeyAlgorithm, label: str) -> TokenKey:
        """Raises TokenNotActive, Unavailable (`failed_to_generate_private_key`: the disk)."""
        pin = self._pin
        if pin is None:
            raise TokenNotActive(f"token {self.token_id} is not logged in")
        private = await asyncio.to_thread(algorithm.generate)
        key = TokenKey(key_id_of(private.public_key()), label, private.public_key())
        try:
            await asyncio.to_thread(self._store, key, private, pin)
        except Unavailable as error:
            raise Unavailable(
                f"the key cannot be stored: {error.message}", code="failed_to_generate_private_key"
            ) from error
        self._public[key.key_id] = key
        self._private[key.key_id] = private
        return key

    async def delete_key(self, key_id: str) -> None:
        self._key(key_id)
        del self._public[key_id], self._private[key_id]
        await asyncio.to_thread(self._files.delete, f"{key_id}.json", f"{key_id}.p12")

    async def reload(self) -> None:
        """Take up keys another process has made or deleted. Raises PinIncorrect, Unavailable; then nothing has changed."""
        names = await asyncio.to_thread(self._files.names)
        found = {name.removesuffix(".json") for name in names if name.endswith(".json")}
        new = found - self._public.keys()
        for key_id in self._public.keys() - found:
            del self._public[key_id]
            self._private.pop(key_id, None)
        if not new:
            return
        public = await asyncio.to_thread(list, self._read_public(f"{key_id}.json" for key_id in sorted(new)))
        if self._pin is not None:
            self._private |= await asyncio.to_thread(self._open, [key.key_id for key in public], self._pin)
        self._public |= {key.key_id: key for key in public}

    async def sign(self, key_id: str, algorithm: SignatureAlgorithm, data: bytes) -> bytes:
        key = self._key(key_id)
        try:
            if isinstance(key, rsa.RSAPrivateKey) and key.key_size > MAX_INLINE_RSA_BITS:
                return await asyncio.to_thread(sign_bytes, key, algorithm, data)
            return sign_bytes(key, algorithm, data)
        except ValueError as error:
            raise Unavailable(str(error), code="cannot_sign") from error

    async def certificate_request(
        self, key_id: str, subject: x509.Name, dns_names: Sequence[str] = ()
    ) -> bytes:
        builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
        if dns_names:
            names = x509.SubjectAlternativeName([x509.DNSName(name) for name in dns_names])
            builder = builder.add_extension(names, critical=False)
        request = await asyncio.to_thread(builder.sign, self._key(key_id), hashes.SHA256())
        return request.public_bytes(Encoding.DER)

    def load_tls_key(self, key_id: str, certificates: Sequence[Certificate], context: TlsContext) -> None:
        """OpenSSL reads keys from files only: it gets one in memory, encrypted under a password used once."""
        password = secrets.token_urlsafe(32)
        key = self._key(key_id).private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(password.encode())
        )
        chain = b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates)
        with _memory_file(chain + key) as path:
            context.load_cert_chain(path, password=password)

    def _key(self, key_id: str) -> PrivateKey:
        if self._pin is None:
            raise TokenNotActive(f"token {self.token_id} is not logged in")
        try:
            return self._private[key_id]
        except KeyError:
            raise KeyNotFound(f"token {self.token_id} has no key {key_id}") from None

    def _open_all(self, pin: bytes) -> dict[str, PrivateKey]:
        _open_key(PIN_FILE, self._files.read(PIN_FILE), pin)
        return self._open(self._public, pin)

    def _open(self, key_ids: Iterable[str], pin: bytes) -> dict[str, PrivateKey]:
        names = {key_id: f"{key_id}.p12" for key_id in key_ids}
        return {key_id: _open_key(name, self._files.read(name), pin) for key_id, name in names.items()}

    def _store(self, key: TokenKey, private: PrivateKey, pin: bytes) -> None:
        name = f"{key.key_id}.p12"
        self._files.add({name: _pkcs12(name, private, pin), f"{key.key_id}.json": _public_file(key)})

    def _read_public(self, names: Iterable[str]) -> Iterator[TokenKey]:
        for name in sorted(names):
            if not name.endswith(".json"):
                continue
            values = json.loads(self._files.read(name))
            public_key = load_der_public_key(base64.b64decode(values["public_key"]))
            if isinstance(public_key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
                yield TokenKey(name.removesuffix(".json"), str(values["label"]), public_key)


def _pkcs12(name: str, key: PrivateKey, pin: bytes) -> bytes:
    return encrypt_key(key, pin, rounds=KDF_ROUNDS, name=name)


def _open_key(name: str, data: bytes, pin: bytes) -> PrivateKey:
    """PKCS#12's MAC says whether the PIN is right; OpenSSL compares it in constant time."""
    try:
        key, _, _ = pkcs12.load_key_and_certificates(data, pin)
    except ValueError:
        raise PinIncorrect("PIN incorrect") from None
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise Unavailable(f"{name} holds no RSA or EC key", code="token_not_available")
    return key


def _public_file(key: TokenKey) -> bytes:
    spki = key.public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return json.dumps({"label": key.label, "public_key": base64.b64encode(spki).decode()}).encode()


@contextlib.contextmanager
def _memory_file(data: bytes) -> Iterator[str]:
    """The path of a file of `data` that is on no disk where the system can do that (Linux), else private and short-lived."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("sild", os.MFD_CLOEXEC)
        try:
            os.write(descriptor, data)
            yield f"/proc/self/fd/{descriptor}"
        finally:
            os.close(descriptor)
        return
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        yield file.name
