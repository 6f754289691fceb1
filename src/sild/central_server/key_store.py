"""The software token for configuration signing keys: one PKCS#12 file a key, all behind one PIN.

The PIN is in memory only while the token is logged in, and so are the keys. `softtoken.p12` holds a key of no use but to
tell a right PIN from a wrong one before any other key exists, as X-Road's software token does.
"""

from __future__ import annotations

import secrets
import threading
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from sild.central_server.records import KeyAlgorithm
from sild.errors import CallerError, Unavailable
from sild.pki import Certificate, PrivateKey, encrypt_key
from sild.private_files import write_private

__all__ = ["KeyStore"]

KDF_ROUNDS = 50_000
RSA_BITS = 2048
TOKEN_FILE = "softtoken.p12"  # noqa: S105  (a file's name)


class KeyStore:
    """Thread-safe. `directory` belongs to it alone and is readable by its owner alone."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._pin: bytes | None = None
        self._keys: dict[str, PrivateKey] = {}
        self._lock = threading.Lock()

    @property
    def initialised(self) -> bool:
        return (self._directory / TOKEN_FILE).exists()

    @property
    def logged_in(self) -> bool:
        return self._pin is not None

    def initialise(self, pin: str) -> None:
        """Set the PIN and log in; where one is set already, only log in.

        Raises CallerError (`token_incorrect_pin_format`, `pin_incorrect`), Unavailable (`io_error`).
        """
        if not pin:
            raise CallerError("the PIN is empty", code="token_incorrect_pin_format")
        if self.initialised:
            self.log_in(pin)
            return
        try:
            self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise Unavailable(f"{self._directory}: {error.strerror}", code="io_error") from error
        marker = ec.generate_private_key(ec.SECP256R1())
        self._write(TOKEN_FILE, _pack(marker, None, pin.encode()))
        self._pin = pin.encode()

    def log_in(self, pin: str) -> None:
        """Raises CallerError (`pin_incorrect`), Unavailable (`token_activation_failed`)."""
        self._read(TOKEN_FILE, pin.encode())
        self._pin = pin.encode()

    def log_out(self) -> None:
        with self._lock:
            self._pin = None
            self._keys.clear()

    def generate(self, algorithm: KeyAlgorithm) -> tuple[str, PrivateKey]:
        """A new key and its identifier; nothing is kept before `store`."""
        key: PrivateKey = (
            ec.generate_private_key(ec.SECP256R1())
            if algorithm == "EC"
            else rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)
        )
        return secrets.token_hex(20).upper(), key

    def store(self, key_id: str, key: PrivateKey, certificate: Certificate) -> None:
        """Raises CallerError (`token_not_active`), Unavailable (`io_error`)."""
        self._write(f"{key_id}.p12", _pack(key, certificate, self._require_pin()))
        with self._lock:
            self._keys[key_id] = key

    def holds(self, key_id: str) -> bool:
        return self.logged_in and (self._directory / f"{key_id}.p12").exists()

    def key(self, key_id: str) -> PrivateKey:
        """Raises CallerError (`token_not_active`), Unavailable (`key_not_found`: the file is gone or spoilt)."""
        pin = self._require_pin()
        with self._lock:
            key = self._keys.get(key_id)
            if key is None:
                key = self._keys[key_id] = self._read(f"{key_id}.p12", pin)
        return key

    def forget(self, key_id: str) -> None:
        with self._lock:
            self._keys.pop(key_id, None)
        (self._directory / f"{key_id}.p12").unlink(missing_ok=True)

    def _require_pin(self) -> bytes:
        if self._pin is None:
            raise CallerError("the software token is not logged in", code="token_not_active")
        return self._pin

    def _write(self, name: str, data: bytes) -> None:
        """Durable when it returns: the database must not name a key that a power failure takes away."""
        try:
            write_private(self._directory / name, data)
        except OSError as error:
            raise Unavailable(f"{name}: {error.strerror}", code="io_error") from error

    def _read(self, name: str, pin: bytes) -> PrivateKey:
        try:
            data = (self._directory / name).read_bytes()
        except OSError as error:
            raise Unavailable(f"{name}: {error.strerror}", code="key_not_found") from error
        try:
            key, _certificate, _others = pkcs12.load_key_and_certificates(data, pin)
        except ValueError as error:
            raise CallerError("the PIN is wrong", code="pin_incorrect") from error
        if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
            raise Unavailable(f"{name} holds no key that can sign", code="key_not_found")
        return key


def _pack(key: PrivateKey, certificate: Certificate | None, pin: bytes) -> bytes:
    return encrypt_key(key, pin, rounds=KDF_ROUNDS, name="key", certificate=certificate)
