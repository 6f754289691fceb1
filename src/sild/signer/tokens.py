"""What a key token must do. Keys live in tokens and never leave them; the software token is one kind, PKCS#11 another."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Literal, Protocol

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

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
    "TokenNotAvailable",
    "key_id_of",
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

    @property
    def curve(self) -> ec.EllipticCurve | None:
        """None for RSA."""
        return {KeyAlgorithm.EC_P256: ec.SECP256R1(), KeyAlgorithm.EC_P384: ec.SECP384R1()}.get(self)

    @property
    def rsa_bits(self) -> int:
        """Of an RSA key."""
        return int(self.value.removeprefix("rsa-"))

    def generate(self) -> PrivateKey:
        if self.curve is not None:
            return ec.generate_private_key(self.curve)
        return rsa.generate_private_key(65537, self.rsa_bits)


@dataclass(frozen=True, slots=True)
class TokenKey:
    """The public side of a key. key_id: `key_id_of` its public key, so the same on every copy of a token."""

    key_id: str
    label: str
    public_key: PublicKey


def key_id_of(public_key: PublicKey) -> str:
    """The first 20 bytes of SHA-256 over the SubjectPublicKeyInfo, in lower-case hex."""
    spki = public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(spki).hexdigest()[:40]


class TokenNotActive(Unavailable):
    """Nobody has given the token its PIN since it was started."""

    code = "token_not_active"


class TokenNotAvailable(Unavailable):
    """A hardware token has been pulled out or cannot be reached."""

    code = "token_not_available"


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

    @property
    def signs_with_pss(self) -> bool:
        """Its RSA keys sign by RSASSA-PSS, not by PKCS#1 v1.5."""
        ...

    @property
    def can_authenticate(self) -> bool:
        """Its keys can serve TLS (`load_tls_key`)."""
        ...

    async def login(self, pin: str) -> None:
        """Raises PinIncorrect, TokenNotAvailable, CallerError (`token_not_initialized`, `login_failed`)."""
        ...

    async def logout(self) -> None: ...

    @property
    def public_keys(self) -> Sequence[TokenKey]: ...

    async def generate_key(self, algorithm: KeyAlgorithm, label: str) -> TokenKey: ...

    async def delete_key(self, key_id: str) -> None:
        """Destroy the key for good. Raises KeyNotFound."""
        ...

    async def sign(self, key_id: str, algorithm: SignatureAlgorithm, data: bytes) -> bytes:
        """Sign `data`; EC signatures in DER. Raises KeyNotFound, TokenNotAvailable, Unavailable (`cannot_sign`,
        `hsm_non_operational`, `unsupported_sign_algorithm`)."""
        ...

    async def certificate_request(
        self, key_id: str, subject: x509.Name, dns_names: Sequence[str] = ()
    ) -> bytes:
        """PKCS#10, DER, signed by the key; `dns_names` become a subjectAltName. Raises KeyNotFound."""
        ...

    def load_tls_key(self, key_id: str, certificates: Sequence[Certificate], context: TlsContext) -> None:
        """Let `context` prove itself by this key and certificate chain (leaf first). Raises KeyNotFound, CallerError
        (`wrong_cert_usage`: not `can_authenticate`)."""
        ...
