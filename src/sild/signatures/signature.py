"""What a signature says, once read: the value that `parse_signature` makes and `verify_signature` judges."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sild.pki import Certificate, SignatureAlgorithm
from sild.signatures.hash_chains import SignedPart

MALFORMED = "malformed_signature"


@dataclass(frozen=True, slots=True)
class SignatureLimits:
    """A signature with two time-stamped OCSP responses of RSA-4096 responders is 20 KB; each reference is one part."""

    max_bytes: int = 1024 * 1024
    max_references: int = 64


DEFAULT_LIMITS = SignatureLimits()


@dataclass(frozen=True, slots=True)
class Signature:
    """A parsed signature. Nothing in it may be believed before `verify_signature` and the certificate's verification.

    references: the parts the signature covers, with the digests it declares for them.
    signed_info, signed_properties: canonical forms, in place. signed_properties_reference: declared digest of the second.
    signature_value: decoded; r||s for EC keys. This is also what a single time-stamp covers.
    ocsp_responses: DER, the signing certificate's first; may be empty, which no verification may accept.
    certificates: intermediates the signature brings along, their declared digests compared.
    timestamp: DER TimeStampToken of a single time-stamp.
    """

    signing_certificate: Certificate
    algorithm: SignatureAlgorithm
    references: tuple[SignedPart, ...]
    signed_info: bytes
    signature_value: bytes
    signed_properties: bytes
    signed_properties_reference: SignedPart
    signing_time: datetime | None
    ocsp_responses: tuple[bytes, ...]
    certificates: tuple[Certificate, ...]
    timestamp: bytes | None

    def covers(self, uri: str) -> bool:
        """Whether the signature has a reference to the part of this name."""
        for reference in self.references:  # noqa: SIM110 - asked for each message: a generator costs more than the answer
            if reference.uri == uri:
                return True
        return False
