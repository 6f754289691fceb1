"""Identity cards for tests: certificates of people who do not exist, and the token the Web eID extension makes with one.

The token's algorithm is written anew here, from the format's specification, so that the room is not tested with itself.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from sild.pki import CertificateProfile
from support.pki import Credential, KeyKind, Pki


def subject(code: str, given_name: str, surname: str, *, country: str = "EE") -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, country),
            x509.NameAttribute(NameOID.COMMON_NAME, f"{surname},{given_name},{code}"),
            x509.NameAttribute(NameOID.SURNAME, surname),
            x509.NameAttribute(NameOID.GIVEN_NAME, given_name),
            x509.NameAttribute(NameOID.SERIAL_NUMBER, f"PNO{country}-{code}"),
        ]
    )


@dataclass(frozen=True)
class IdentityCard:
    credential: Credential

    @classmethod
    def issue(
        cls,
        pki: Pki,
        code: str,
        given_name: str,
        surname: str,
        *,
        country: str = "EE",
        kind: KeyKind = "ec-p384",
    ) -> IdentityCard:
        name = subject(code, given_name, surname, country=country)
        return cls(pki.issue(CertificateProfile.AUTH, name, kind=kind))

    def token(self, origin: str, nonce: str, *, algorithm: str | None = None) -> bytes:
        """The JSON the extension hands to the page: hash(origin) + hash(nonce), signed."""
        key = self.credential.key
        algorithm = algorithm or (
            "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES384" if key.key_size == 384 else "ES256"
        )
        bits = algorithm[2:]
        digest = getattr(hashlib, f"sha{bits}")
        data = digest(origin.encode()).digest() + digest(nonce.encode()).digest()
        primitive = getattr(hashes, f"SHA{bits}")()
        if isinstance(key, ec.EllipticCurvePrivateKey):
            r, s = decode_dss_signature(key.sign(data, ec.ECDSA(primitive)))
            size = (key.key_size + 7) // 8
            signature = r.to_bytes(size, "big") + s.to_bytes(size, "big")
        elif algorithm.startswith("PS"):
            salt = padding.PSS(padding.MGF1(primitive), primitive.digest_size)
            signature = key.sign(data, salt, primitive)
        else:
            signature = key.sign(data, padding.PKCS1v15(), primitive)
        der = self.credential.certificate.public_bytes(Encoding.DER)
        token = {
            "unverifiedCertificate": base64.b64encode(der).decode(),
            "algorithm": algorithm,
            "signature": base64.b64encode(signature).decode(),
            "format": "web-eid:1.0",
            "appVersion": "https://web-eid.eu/web-eid-app/releases/v2.0.0",
        }
        return json.dumps(token).encode()
