"""A path is believed only as RFC 5280 6.1 says; every way of breaking one gives the reference's code."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from sild.errors import TrustError
from sild.pki import CertificateProfile, is_issued_by, read_certificate, verify_path
from support.pki import NOT_AFTER, NOT_BEFORE, NOW, Credential, Pki, name, private_key

PKI = Pki()
STRANGERS = Pki(common_name="Strangers' CA")


def refused(
    leaf: Credential, *, intermediates: tuple[Credential, ...] = (), anchor: Credential | None = None
) -> str:
    with pytest.raises(TrustError) as error:
        verify_path(
            leaf.certificate,
            anchor=(anchor or PKI.ca).certificate,
            intermediates=[credential.certificate for credential in intermediates],
            at=NOW,
        )
    assert error.value.code_path == "cannot_create_cert_path.internal_error"
    return error.value.message


@pytest.mark.parametrize("kind", ["ec-p256", "ec-p384", "rsa-2048"])
def test_a_leaf_of_the_anchor(kind: str) -> None:
    pki = Pki(kind)  # type: ignore[arg-type]  # a Literal by parametrize
    member = pki.sign_credential()
    assert verify_path(member.certificate, anchor=pki.ca.certificate, at=NOW) == (
        member.certificate,
        pki.ca.certificate,
    )


def test_intermediates_may_come_in_any_order_among_others() -> None:
    lower_parent = PKI.issue(CertificateProfile.ROOT_CA, name(CN="upper"))
    lower = PKI.issue(CertificateProfile.INTERMEDIATE_CA, name(CN="lower"), issuer=lower_parent)
    member = PKI.sign_credential(issuer=lower)
    path = verify_path(
        member.certificate,
        anchor=PKI.ca.certificate,
        intermediates=[STRANGERS.ca.certificate, lower.certificate, lower_parent.certificate],
        at=NOW,
    )
    assert path == (member.certificate, lower.certificate, lower_parent.certificate, PKI.ca.certificate)


def test_a_listed_intermediate_is_an_anchor_itself() -> None:
    intermediate = PKI.intermediate()
    member = PKI.sign_credential(issuer=intermediate)
    assert len(verify_path(member.certificate, anchor=intermediate.certificate, at=NOW)) == 2


def test_the_anchors_own_dates_are_not_looked_at() -> None:
    long_ago = NOT_BEFORE - timedelta(days=9), NOT_BEFORE
    ca = PKI.issue(CertificateProfile.ROOT_CA, name(CN="old"), not_before=long_ago[0], not_after=long_ago[1])
    assert verify_path(PKI.sign_credential(issuer=ca).certificate, anchor=ca.certificate, at=NOW)


def test_another_ca() -> None:
    refused(STRANGERS.sign_credential())


def test_another_ca_of_the_same_name() -> None:
    impostor_key = private_key("ec-p256", "impostor")
    impostor = Credential(PKI.ca.certificate, impostor_key)
    assert "signature" in refused(PKI.sign_credential(issuer=impostor))


def test_expired_and_not_valid_yet() -> None:
    assert "expired" in refused(PKI.sign_credential(not_after=NOW - timedelta(seconds=1)))
    assert "not valid yet" in refused(PKI.sign_credential(not_before=NOW + timedelta(seconds=1)))
    assert verify_path(
        PKI.sign_credential(not_before=NOW, not_after=NOW).certificate, anchor=PKI.ca.certificate, at=NOW
    )


def test_an_expired_intermediate() -> None:
    old = PKI.issue(
        CertificateProfile.INTERMEDIATE_CA, name(CN="expired CA"), not_after=NOW - timedelta(days=1)
    )
    assert "expired" in refused(PKI.sign_credential(issuer=old), intermediates=(old,))


def test_a_member_that_issues_certificates() -> None:
    member = PKI.sign_credential()
    forged = PKI.sign_credential(member_code="forged", issuer=member)
    assert "not a certification authority" in refused(forged, intermediates=(member,))


def test_a_path_longer_than_its_ca_allows() -> None:
    short = PKI.intermediate("path length 0")
    below = PKI.issue(CertificateProfile.INTERMEDIATE_CA, name(CN="one too many"), issuer=short)
    member = PKI.sign_credential(issuer=below)
    assert "path length" in refused(member, intermediates=(below, short))


def test_a_root_shown_as_a_members_certificate() -> None:
    intermediate = PKI.intermediate()
    assert refused(intermediate, anchor=intermediate)


def test_a_missing_intermediate() -> None:
    assert "no path" in refused(PKI.sign_credential(issuer=PKI.intermediate()))


def test_a_heap_of_look_alikes_costs_a_bounded_number_of_checks() -> None:
    lookalikes = tuple(
        PKI.issue(
            CertificateProfile.ROOT_CA, name(CN="ring"), issuer=Credential(PKI.ca.certificate, PKI.ca.key)
        )
        for _ in range(60)
    )
    stranger_key = private_key("ec-p256", "ring stranger")
    leaf = PKI.sign_credential(issuer=Credential(lookalikes[0].certificate, stranger_key))
    assert "too many" in refused(leaf, intermediates=lookalikes)


def test_two_cas_that_issue_each_other_end_somewhere() -> None:
    first_key, second_key = private_key("ec-p256", "loop 1"), private_key("ec-p256", "loop 2")
    first_name, second_name = name(CN="loop 1"), name(CN="loop 2")
    seed_second = PKI.issue(CertificateProfile.ROOT_CA, second_name, key=second_key)
    first = PKI.issue(CertificateProfile.ROOT_CA, first_name, key=first_key, issuer=seed_second)
    second = PKI.issue(CertificateProfile.ROOT_CA, second_name, key=second_key, issuer=first)
    refused(PKI.sign_credential(issuer=first), intermediates=(first, second))


def _leaf(
    *, critical: x509.ExtensionType | None = None, digest: hashes.HashAlgorithm | None = None
) -> Credential:
    key = private_key("rsa-2048", "odd leaf")
    ca = Pki("rsa-2048").ca
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(CN="odd"))
        .issuer_name(ca.certificate.subject)
        .public_key(key.public_key())
        .serial_number(99)
        .not_valid_before(NOT_BEFORE)
        .not_valid_after(NOT_AFTER)
    )
    if critical is not None:
        builder = builder.add_extension(critical, critical=True)
    return Credential(builder.sign(ca.key, digest or hashes.SHA256()), key)  # type: ignore[arg-type]  # narrower in cryptography


def test_an_unknown_critical_extension() -> None:
    odd = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
    assert "1.2.3.4" in refused(_leaf(critical=odd), anchor=Pki("rsa-2048").ca)


def test_an_intermediate_with_name_constraints_that_are_not_critical() -> None:
    """RFC 5280 4.2.1.10 wants them critical; one that forgot must not become unconstrained."""
    key = private_key("ec-p256", "constrained")
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(CN="constrained"))
        .issuer_name(PKI.ca.certificate.subject)
        .public_key(key.public_key())
        .serial_number(98)
        .not_valid_before(NOT_BEFORE)
        .not_valid_after(NOT_AFTER)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.NameConstraints([x509.DirectoryName(name(O="Elsewhere"))], None), critical=False)
    )
    constrained = Credential(builder.sign(PKI.ca.key, hashes.SHA256()), key)
    member = PKI.sign_credential(issuer=constrained)
    assert "name constraints" in refused(member, intermediates=(constrained,))


def test_a_sha1_signature_is_worth_nothing(shared: Path) -> None:
    certificate = read_certificate((shared / "certs/consumer.pem").read_bytes())
    root = read_certificate((shared / "certs/root-ca.pem").read_bytes())
    assert certificate.issuer == root.subject
    assert not is_issued_by(certificate, root)
