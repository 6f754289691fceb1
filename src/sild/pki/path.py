"""Certification paths (RFC 5280 6), as far as X-Road's use of them goes.

The anchor is a certificate the global configuration names, usually the direct issuer. As in RFC 5280 6.1 an anchor's
own validity and extensions are not looked at: naming it is the trust. Revocation is not checked here (see ocsp.py).
Stricter than the reference: no SHA-1 or older digest in a certificate's signature. Narrower: name constraints and critical
policy constraints of an intermediate are refused, not evaluated.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.x509 import Certificate
from cryptography.x509.oid import ExtensionOID

from sild.errors import PeerError, TrustError, stage
from sild.pki.certificates import extension, key_usage

__all__ = ["is_issued_by", "verify_path"]

MAX_PATH_LENGTH = 8
MAX_SIGNATURE_CHECKS = 32
"""Enough for every sensible path; bounds what a peer's heap of look-alike intermediates can cost."""

WEAK_DIGESTS = (hashes.MD5, hashes.SHA1)

PROCESSED_EXTENSIONS = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
        ExtensionOID.CERTIFICATE_POLICIES,  # every policy is acceptable to us
    }
)


def verify_path(
    certificate: Certificate,
    *,
    anchor: Certificate,
    intermediates: Sequence[Certificate] = (),
    at: datetime,
) -> tuple[Certificate, ...]:
    """Build and check a path from `certificate` to `anchor` at the time `at`; gives it from leaf to anchor.

    intermediates: whatever the peer sent along, in any order; not trusted.
    Raises TrustError `cannot_create_cert_path.internal_error`, the code the reference gives for every failing path.
    """
    with stage("cannot_create_cert_path"):
        search = _Search(anchor, intermediates, at)
        path = search.up((certificate,))
        if path is None:
            raise TrustError(search.reason, code="internal_error", subject=_text(certificate.subject))
        return path


def is_issued_by(certificate: Certificate, issuer: Certificate) -> bool:
    """True when the names fit and `issuer`'s key signed `certificate` with a digest that is still sound."""
    try:
        digest = certificate.signature_hash_algorithm
        if isinstance(digest, WEAK_DIGESTS):
            return False
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


class _Search:
    """Depth first from the leaf; keeps the last reason for which a candidate was dropped."""

    def __init__(self, anchor: Certificate, intermediates: Sequence[Certificate], at: datetime) -> None:
        self.anchor = anchor
        self.intermediates = intermediates
        self.at = at
        self.reason = "no path to the trusted certification authority"
        self.checks_left = MAX_SIGNATURE_CHECKS

    def up(self, path: tuple[Certificate, ...]) -> tuple[Certificate, ...] | None:
        """`path`, leaf first, is checked but for its last certificate; continue it to the anchor."""
        last = path[-1]
        if not self._acceptable(last, below=len(path) - 1):
            return None
        if last.issuer == self.anchor.subject and self._issued(last, self.anchor):
            return (*path, self.anchor)
        if len(path) >= MAX_PATH_LENGTH:
            self.reason = "the path is too long"
            return None
        for candidate in self.intermediates:
            if last.issuer == candidate.subject and candidate not in path and self._issued(last, candidate):
                whole = self.up((*path, candidate))
                if whole is not None:
                    return whole
        return None

    def _issued(self, certificate: Certificate, issuer: Certificate) -> bool:
        if self.checks_left == 0:
            self.reason = "too many candidates for the path"
            return False
        self.checks_left -= 1
        if is_issued_by(certificate, issuer):
            return True
        self.reason = f"the signature on {_text(certificate.subject)} is not its issuer's"
        return False

    def _acceptable(self, certificate: Certificate, *, below: int) -> bool:
        """Validity, extensions and, for an issuer (`below` certificates under it), the right to issue: 6.1.3, 6.1.4."""
        try:
            fault = self._fault(certificate, below)
        except PeerError as error:
            fault = error.message
        if fault is not None:
            self.reason = f"{_text(certificate.subject)}: {fault}"
        return fault is None

    def _fault(self, certificate: Certificate, below: int) -> str | None:
        if self.at < certificate.not_valid_before_utc:
            return "not valid yet"
        if self.at > certificate.not_valid_after_utc:
            return "expired"
        constraints = extension(certificate, x509.BasicConstraints)
        for found in certificate.extensions:
            if found.critical and found.oid not in PROCESSED_EXTENSIONS:
                return f"unknown critical extension {found.oid.dotted_string}"
        if below == 0:
            return None
        usage = key_usage(certificate)
        if constraints is None or not constraints.ca:
            return "not a certification authority"
        if usage is not None and not usage.key_cert_sign:
            return "its key may not sign certificates"
        if (
            extension(certificate, x509.NameConstraints) is not None
        ):  # also one that is not critical, as it should be
            return "its name constraints cannot be evaluated"
        if constraints.path_length is not None and below - 1 > constraints.path_length:
            return "its path length is exceeded"
        return None


def _text(name: x509.Name) -> str:
    return name.rfc4514_string()[:200]
