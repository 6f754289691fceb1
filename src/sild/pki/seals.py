"""Whose seal is believed: one rule for all that bodies seal, decisions, acts, receipts and papers. A seal is a body's when

1 key        it is ES256: a key on P-256. That its signature fits the thing, each form of seal checks for itself.
2 use        the certificate's keyUsage says nonRepudiation; it is no authority's, nor one for time-stamps or OCSP answers.
3 body       its subject has one organizationIdentifier, and that is the body which the sealed thing names.
4 authority  the verifier named this very certificate, or it leads to one the verifier named. Whoever issues is an authority (CA,
             keyCertSign, within its path length, no name constraints), the one that was named, too: to believe a body's own
             certificate is not to let that body speak for others.
             What came along is that path and what certifies it further up, each by the next, and nothing else.
5 time       all these certificates were valid when it was sealed. When that was, a time-stamp over the signature value says,
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
from sild.pki.asn1 import wrap
from sild.pki.certificates import der, extension, is_sign_certificate, key_usage
from sild.pki.path import is_issued_by, verify_path
from sild.pki.sole_signer import certificates_of_sole_signer
from sild.pki.timestamp import verify_timestamp

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

    chain: the certificate of the key, then those that came along, in any order; not trusted.  named: by the verifier: authorities of
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
        stamped_at, stamp_is_trusted = stamped(time_stamp, value, named)
    sealed_at = stamped_at if stamped_at is not None and stamp_is_trusted else None
    path = _in_order(first, others)
    anchors = list(named) or path[-1:]
    leads = _leads(path, anchors, sealed_at or at)
    if not leads and (
        sealed_at is not None
        or at <= first.not_valid_after_utc
        or not _leads(path, anchors, first.not_valid_after_utc)
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


def _in_order(first: Certificate, others: Sequence[Certificate]) -> list[Certificate]:
    """Each certified by the next; empty if there are some that certify nothing here, or one twice, or one with another spelling."""
    path, rest = [first], list(others)
    if not all(_has_whole_signature(one) for one in (first, *others)):
        return []
    while rest:
        below = len(path) - 1
        above = [
            one
            for one in rest
            if is_issued_by(path[-1], one) and one not in path and may_certify(one, authorities_below=below)
        ]
        if not above:
            return []
        path.append(above[0])
        rest.remove(above[0])
    return path


def _leads(path: Sequence[Certificate], anchors: Sequence[Certificate], at: datetime) -> bool:
    """To one of the anchors, with all certificates of the path and the anchor valid at that time, and none of them left unchecked."""
    if not path or not all(_is_valid(one, at) for one in path):
        return False
    first, top = path[0], path[-1]
    valid = [one for one in anchors if _is_valid(one, at)]
    if top not in valid and not any(is_issued_by(top, one) for one in (top, *valid)):
        return False
    for anchor in valid:
        if anchor == first:
            return True
        try:
            found = verify_path(first, anchor=anchor, intermediates=path[1:], at=at)
        except TrustError:
            continue
        if may_certify(anchor, authorities_below=len(found) - 2):
            return True
    return False


def _has_whole_signature(certificate: Certificate) -> bool:
    """Of octets: a signature that ends with zero bits can be had as a bit string without them, too, and is as good for a library."""
    return der(certificate).endswith(wrap(0x03, b"\0" + certificate.signature))


def _is_valid(certificate: Certificate, at: datetime) -> bool:
    return certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc


def may_certify(certificate: Certificate, *, authorities_below: int) -> bool:
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


def stamped(token: bytes, value: bytes, named: Sequence[Certificate]) -> tuple[datetime, bool]:
    """When, and whether an authority that was named, or that leads to one, says so. Raises TrustError (`bad_seal`)."""
    try:
        signer, *others = certificates_of_sole_signer(token)
        parsed = verify_timestamp(token, data=value, tsa_certificates=[signer])
        purposes = extension(signer, x509.ExtendedKeyUsage)
    except (PeerError, TrustError) as error:
        raise TrustError(f"its time-stamp does not hold: {error.message}", code="bad_seal") from error
    if list(purposes or ()) != [
        ExtendedKeyUsageOID.TIME_STAMPING
    ]:  # RFC 3161 2.3: a body's key stamps nothing
        raise TrustError("its time-stamp is of no time-stamping authority", code="bad_seal")
    path = _in_order(signer, others)
    if not _leads(path, [*named, *path[-1:]], parsed.gen_time):
        raise TrustError("its time-stamp holds certificates that lead nowhere", code="bad_seal")
    return parsed.gen_time, _leads(path, named, parsed.gen_time)
