"""What a key token must do. Keys live in tokens and never leave them; the software token is one kind, PKCS#11 another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Literal, Protocol

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from sild.errors import CallerError, Unavailable
from sild.pki import Certificate, PrivateKey, PublicKey, SignatureAlgorithm

__all__ = [
    "BatchSigning",
    "KeyAlgorithm",
    "KeyNotFound",
    "PinIncorrect",
    "TlsContext",
    "Token",
    "TokenKey",
    "TokenNotActive",
]

BatchSigning = Literal["never", "automatic", "always"]
"""never: one signature a message.  automatic: what waits while the token is busy is signed at once.  always: whenever two
messages come close together."""


class KeyAlgorithm(Enum):
    RSA_2048 = "rsa-2048"
    RSA_3072 = "rsa-3072"
    RSA_4096 = "rsa-4096"
    EC_P256 = "ec-p256"
    EC_P384 = "ec-p384"

    def generate(self) -> PrivateKey:
        if self in (KeyAlgorithm.EC_P256, KeyAlgorithm.EC_P384):
            return ec.generate_private_key(ec.SECP256R1() if self is KeyAlgorithm.EC_P256 else ec.SECP384R1())
        return rsa.generate_private_key(65537, int(self.value.removeprefix("rsa-")))


@dataclass(frozen=True, slots=True)
class TokenKey:
    """The public side of a key. key_id: the token's name for it, lower-case hex."""

    key_id: str
    label: str
    public_key: PublicKey


class TokenNotActive(Unavailable):
    """Nobody has given the token its PIN since it was started."""

    code = "token_not_active"


class PinIncorrect(CallerError):
    code = "pin_incorrect"


class KeyNotFound(CallerError):
    code = "key_not_found"


class TlsContext(Protocol):
    """What can be given a key: `ssl.SSLContext`, `sild.http1.TlsContext`."""

    def load_cert_chain(self, certfile: str, *, password: str) -> None: ...


class Token(Protocol):
    """Every method raises TokenNotActive before `login`, but `public_keys`, which shows what is public anyway."""

    @property
    def token_id(self) -> str: ...

    @property
    def is_active(self) -> bool: ...

    @property
    def batch_signing(self) -> BatchSigning: ...

    async def login(self, pin: str) -> None:
        """Raises PinIncorrect."""
        ...

    async def logout(self) -> None: ...

    @property
    def public_keys(self) -> Sequence[TokenKey]: ...

    async def generate_key(self, algorithm: KeyAlgorithm, label: str) -> TokenKey: ...

    async def delete_key(self, key_id: str) -> None:
        """Destroy the key for good. Raises KeyNotFound."""
        ...

    async def sign(self, key_id: str, algorithm: SignatureAlgorithm, data: bytes) -> bytes:
        """Sign `data`; EC signatures in DER. Raises KeyNotFound, Unavailable (`cannot_sign`)."""
        ...

    async def certificate_request(self, key_id: str, subject: x509.Name) -> bytes:
        """PKCS#10, DER. Raises KeyNotFound."""
        ...

    def load_tls_key(self, key_id: str, certificates: Sequence[Certificate], context: TlsContext) -> None:
        """Let `context` prove itself by this key and certificate chain (leaf first). Raises KeyNotFound."""
        ...
