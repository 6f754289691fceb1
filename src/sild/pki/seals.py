"""Whose seal is believed: one rule for all that bodies seal, decisions, acts, receipts and papers. A seal is a body's when

1 key        it is ES256: a key on P-256. That its signature fits the thing, each form of seal checks for itself.
2 use        the certificate's keyUsage says nonRepudiation; it is no authority's, nor one for time-stamps or OCSP answers.
3 body       its subject has one organizationIdentifier, and that is the body which the sealed thing names.
4 authority  the verifier named this very certificate, or it leads to one the verifier named. Whoever issues is an authority (CA,
             keyCertSign, within its path length, no name constraints), the one that was named, too: to believe a body's own
             certificate is not to let that body speak for others.
5 time       all certificates of that path were valid when it was sealed. When that was, a time-stamp over the signature value says,
             of an authority that the verifier named. Without one it is judged as of now, and of a certificate that has ended since
             nobody can tell whether the seal is older.

Revocation is not asked about: all of this is judged offline. Where the verifier names nobody, 1 to 3 and that the chain holds
together are checked, and whose it is remains unknown: anybody can issue a certificate in a body's name.

`examples/verify_decision.py` says the same with the standard library alone, of decisions and of the heads of their log, whose time is
the one in the record. tests/documents/test_seal_trust.py holds every door to one table of attacks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import Certificate
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from sild.errors import PeerError, TrustError
from sild.pki.certificates import extension, is_sign_certificate, key_usage, read_certificate
from sild.pki.path import verify_path
from sild.pki.timestamp import TimeStampToken, parse_timestamp_token, verify_timestamp

__all__ = ["SealedBy", "verify_seal"]

OTHER_PURPOSES = (ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.OCSP_SIGNING)


@dataclass(frozen=True, slots=True)
class SealedBy:
    """authority: organizationIdentifier of the certificate, `INSTANCE/CLASS/CODE`.  name: of the organisation, "" where there is none.

    trusted: False: cannot be told, because the verifier named nobody, or because the certificate has ended and no time-stamp says
    that the seal is older.  stamped_at: of the time-stamp over it; None: there is none.  stamp_is_trusted: of an authority the
    verifier named; any other proves nothing.
    """

    authority: str
    name: str
    trusted: bool
    stamped_at: datetime | None = None
    stamp_is_trusted: bool = False


def verify_seal(
    chain: Sequence[Certificate],
    named: Sequence[Certificate],
    *,
    body: str,
    at: datetime,
    value: bytes = b"",
    time_stamp: bytes | None = None,
) -> SealedBy:
    """Whether a seal, whose signature holds, is of `body`.

    chain: the certificate of the key, then whatever came along, in any order; not trusted.  named: by the verifier: authorities of
    seals and of time-stamps, or a body's own certificate.  body: named in the sealed thing.  at: when it is judged.
    value: the signature value, which the time-stamp is over (RFC 3161 token).
    Raises TrustError `bad_seal` (1, 2; the chain; a time-stamp of something else), `another_body` (3), `untrusted_seal` (4, 5).
    """
    first, others = chain[0], chain[1:]
    _ensure_for_seals(first)
    sealer = _only_attribute(first, NameOID.ORGANIZATION_IDENTIFIER)
    if sealer is None or sealer != body:
        raise TrustError(f"sealed by {sealer or 'nobody in particular'}, not by {body}", code="another_body")
    stamped_at, stamp_is_trusted = None, False
    if time_stamp is not None:
        stamped_at, stamp_is_trusted = _stamped(time_stamp, value, named)
    sealed_at = stamped_at if stamped_at is not None and stamp_is_trusted else None
    anchors = list(named) or list(others) or [first]
    leads = _leads(first, others, anchors, sealed_at or at)
    if not leads and (
        sealed_at is not None
        or at <= first.not_valid_after_utc
        or not _leads(first, others, anchors, first.not_valid_after_utc)
    ):
        if named:
            raise TrustError("certified by nobody you named, or not at that time", code="untrusted_seal")
        raise TrustError("the chain of the seal is broken", code="bad_seal")
    name = _only_attribute(first, NameOID.ORGANIZATION_NAME) or ""
    return SealedBy(sealer, name, leads and bool(named), stamped_at, stamp_is_trusted)


def _ensure_for_seals(certificate: Certificate) -> None:
    key = certificate.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise TrustError("a seal's key is on P-256", code="bad_seal")
    try:
        constraints = extension(certificate, x509.BasicConstraints)
        purposes = extension(certificate, x509.ExtendedKeyUsage) or ()
        is_for_seals = is_sign_certificate(certificate)
    except PeerError as error:
        raise TrustError(error.message, code="bad_seal") from error
    is_authority = constraints is not None and constraints.ca
    if not is_for_seals or is_authority or any(one in OTHER_PURPOSES for one in purposes):
        raise TrustError("the certificate is not for seals", code="bad_seal")


def _only_attribute(certificate: Certificate, kind: ObjectIdentifier) -> str | None:
    found = certificate.subject.get_attributes_for_oid(kind)
    return str(found[0].value) if len(found) == 1 else None


def _leads(
    certificate: Certificate, others: Sequence[Certificate], anchors: Sequence[Certificate], at: datetime
) -> bool:
    """To one of the anchors, with all certificates on the way and the anchor valid at that time."""
    for anchor in anchors:
        if not anchor.not_valid_before_utc <= at <= anchor.not_valid_after_utc:
            continue
        if anchor == certificate:
            return True
        try:
            path = verify_path(certificate, anchor=anchor, intermediates=others, at=at)
        except TrustError:
            continue
        if _may_certify(anchor, authorities_below=len(path) - 2):
            return True
    return False


def _may_certify(certificate: Certificate, *, authorities_below: int) -> bool:
    """What `verify_path` asks of those between, of the anchor as well."""
    try:
        constraints, usage = extension(certificate, x509.BasicConstraints), key_usage(certificate)
        is_narrowed = extension(certificate, x509.NameConstraints) is not None
    except PeerError:
        return False
    if constraints is None or not constraints.ca or is_narrowed:
        return False
    if constraints.path_length is not None and authorities_below > constraints.path_length:
        return False
    return usage is None or usage.key_cert_sign


def _stamped(token: bytes, value: bytes, named: Sequence[Certificate]) -> tuple[datetime, bool]:
    """When, and whether an authority that was named, or that leads to one, says so. Raises TrustError (`bad_seal`)."""
    try:
        parsed = parse_timestamp_token(token)
        held = [read_certificate(one) for one in parsed.certificates]
        signer = _stamp_signer(parsed, value, [*named, *held])
        purposes = extension(signer, x509.ExtendedKeyUsage)
    except (PeerError, TrustError) as error:
        raise TrustError(f"its time-stamp does not hold: {error.message}", code="bad_seal") from error
    if list(purposes or ()) != [
        ExtendedKeyUsageOID.TIME_STAMPING
    ]:  # RFC 3161 2.3: a body's key stamps nothing
        raise TrustError("its time-stamp is of no time-stamping authority", code="bad_seal")
    return parsed.gen_time, _leads(signer, held, named, parsed.gen_time)


def _stamp_signer(token: TimeStampToken, value: bytes, candidates: Sequence[Certificate]) -> Certificate:
    refusal = TrustError("its signer is not known", code="timestamp_validation")
    for certificate in candidates:
        try:
            verify_timestamp(token.der, data=value, tsa_certificates=[certificate])
        except TrustError as error:
            refusal = error
        else:
            return certificate
    raise refusal
