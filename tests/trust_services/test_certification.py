"""What the authority certifies, what it refuses, and what it remembers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st
from trust_world import SettableClock, certificate_request

from sild.errors import CallerError
from sild.pki import (
    CertificateProfile,
    Revoked,
    is_auth_certificate,
    is_sign_certificate,
    ocsp_urls,
    verify_path,
)
from sild.trust_services import (
    CertificateNotFound,
    CertificateRequestRefused,
    IssuedCertificate,
    TrustServices,
)
from sild.trust_services.certification import read_certificate_request
from support.pki import NOW, name, private_key


@pytest.mark.parametrize("encoding", [Encoding.DER, Encoding.PEM])
@pytest.mark.parametrize(
    ("profile", "auth", "sign"),
    [
        (CertificateProfile.SIGN, False, True),
        (CertificateProfile.AUTH, True, False),
        (CertificateProfile.TLS, True, False),
    ],
)
def test_a_member_gets_what_its_profile_gives(
    services: TrustServices, profile: CertificateProfile, auth: bool, sign: bool, encoding: Encoding
) -> None:
    subject = name(C="FI", O="Member", CN="1234", SERIALNUMBER="DEV/SS0/COM")
    key = private_key("rsa-2048", "member")
    issued = services.issue(certificate_request(subject, key=key, encoding=encoding), profile)
    assert (issued.subject, issued.public_key()) == (subject, key.public_key())
    assert (is_auth_certificate(issued), is_sign_certificate(issued)) == (auth, sign)
    assert verify_path(issued, anchor=services.ca_certificate, at=NOW)
    assert ocsp_urls(issued) == ("http://127.0.0.1:8888/ocsp",)
    assert issued.serial_number.bit_length() > 64
    assert issued.not_valid_after_utc == NOW + timedelta(days=730)
    assert issued.not_valid_before_utc < NOW


def test_names_of_the_request_go_into_auth_and_tls_certificates_alone(services: TrustServices) -> None:
    request = certificate_request(dns_names=["server.example", "*.example"])
    for profile in (CertificateProfile.AUTH, CertificateProfile.TLS):
        found = services.issue(request, profile).extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        )
        assert found.value.get_values_for_type(x509.DNSName) == ["server.example", "*.example"]
    with pytest.raises(x509.ExtensionNotFound):
        services.issue(request, CertificateProfile.SIGN).extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        )
    given_names = services.issue(request, CertificateProfile.TLS, dns_names=["localhost", "127.0.0.1"])
    found = given_names.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert found.value.get_values_for_type(x509.DNSName) == ["localhost"]


def test_nothing_outlives_the_authority(services: TrustServices) -> None:
    issued = services.issue(certificate_request(), CertificateProfile.SIGN, validity=timedelta(days=365 * 99))
    assert issued.not_valid_after_utc == services.ca_certificate.not_valid_after_utc


def many_values() -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, "x")]
        + [x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, str(number)) for number in range(16)]
    )


@pytest.mark.parametrize(
    ("subject", "why"),
    [
        (x509.Name([]), "empty"),
        (many_values(), "too long"),
        (name(O="only an organisation"), "names nobody"),
        (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, c) for c in "ab"]), "twice"),
        (
            x509.Name(
                [x509.NameAttribute(NameOID.COMMON_NAME, "x"), x509.NameAttribute(NameOID.TITLE, "Dr")]
            ),
            "2.5.4.12",
        ),
        (name(CN="   "), "empty"),
        (name(CN="1234\n5678"), "control"),
        (name(CN="x\x00y"), "control"),
        (name(O="Test", CN="Test OCSP"), "authority's own"),
        (name(O="Test", CN="Test CA"), "authority's own"),
    ],
)
def test_subjects_that_are_refused(services: TrustServices, subject: x509.Name, why: str) -> None:
    with pytest.raises(CertificateRequestRefused, match=why):
        services.issue(certificate_request(subject), CertificateProfile.SIGN)


@pytest.mark.parametrize(
    ("make_key", "why"),
    [
        (lambda: rsa.generate_private_key(65537, 1024), "2048"),
        (lambda: ec.generate_private_key(ec.SECP256K1()), "curve"),
    ],
)
def test_keys_that_are_refused(
    services: TrustServices, make_key: Callable[[], rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey], why: str
) -> None:
    with pytest.raises(CertificateRequestRefused, match=why):
        services.issue(certificate_request(key=make_key()), CertificateProfile.SIGN)


def test_a_key_of_another_kind(services: TrustServices) -> None:
    builder = x509.CertificateSigningRequestBuilder().subject_name(name(CN="x"))
    request = builder.sign(ed25519.Ed25519PrivateKey.generate(), None).public_bytes(Encoding.DER)
    with pytest.raises(CertificateRequestRefused, match="RSA or"):
        services.issue(request, CertificateProfile.SIGN)


def test_a_request_signed_with_another_key(services: TrustServices) -> None:
    request = bytearray(certificate_request())
    request[request.index(b"1234")] ^= 1
    with pytest.raises(CertificateRequestRefused, match="own key"):
        services.issue(bytes(request), CertificateProfile.SIGN)


@pytest.mark.parametrize("profile", [p for p in CertificateProfile if p.name not in ("SIGN", "AUTH", "TLS")])
def test_profiles_not_given_to_members(services: TrustServices, profile: CertificateProfile) -> None:
    with pytest.raises(CertificateRequestRefused, match=profile.name):
        services.issue(certificate_request(), profile)


def test_names_that_are_none(services: TrustServices) -> None:
    for bad in (["not a host"], [""], ["a" * 300], ["x.example"] * 40):
        with pytest.raises(CertificateRequestRefused, match="alternative name"):
            services.issue(certificate_request(), CertificateProfile.TLS, dns_names=bad)


@pytest.mark.parametrize("data", [b"", b"junk", b"\x30" * 20_000, b"-----BEGIN CERTIFICATE REQUEST-----\n"])
def test_what_is_not_a_request(services: TrustServices, data: bytes) -> None:
    with pytest.raises(CertificateRequestRefused):
        services.issue(data, CertificateProfile.SIGN)
    assert len(services.certificates()) == 3


REQUEST = certificate_request(dns_names=["server.example"])


@pytest.mark.filterwarnings("ignore:.*:UserWarning")  # cryptography's, about names that are too long
@given(st.integers(0, len(REQUEST) - 1), st.integers(1, 255))
def test_no_changed_byte_gets_past_the_requests_own_signature(position: int, change: int) -> None:
    data = bytearray(REQUEST)
    data[position] ^= change
    with pytest.raises(CertificateRequestRefused):
        read_certificate_request(bytes(data))


@given(st.binary(max_size=300))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    with pytest.raises(CertificateRequestRefused):
        read_certificate_request(data)


def test_every_certificate_is_remembered(services: TrustServices) -> None:
    issued = services.issue(certificate_request(), CertificateProfile.SIGN, actor="desk")
    known = services.certificate(issued.serial_number)
    assert known == IssuedCertificate(
        serial_number=issued.serial_number,
        profile=CertificateProfile.SIGN,
        subject="CN=1234,O=Member",
        not_before=issued.not_valid_before_utc,
        not_after=issued.not_valid_after_utc,
        issued_at=NOW,
        der=issued.public_bytes(Encoding.DER),
        revoked=None,
    )
    assert {found.profile.name for found in services.certificates()} == {
        "ROOT_CA",
        "OCSP_RESPONDER",
        "TIMESTAMPING_AUTHORITY",
        "SIGN",
    }


def test_revoking_is_once_and_for_good(services: TrustServices, clock: SettableClock) -> None:
    serial = services.issue(certificate_request(), CertificateProfile.SIGN).serial_number
    first = services.revoke(serial, x509.ReasonFlags.key_compromise)
    assert first == Revoked(NOW, x509.ReasonFlags.key_compromise)
    clock.at += timedelta(days=1)
    assert services.revoke(serial) == first
    assert services.certificate(serial).revoked == first


def test_what_cannot_be_revoked(services: TrustServices) -> None:
    with pytest.raises(CertificateNotFound):
        services.revoke(1)
    with pytest.raises(CertificateNotFound):
        services.certificate(2**200)
    with pytest.raises(CallerError, match="removeFromCRL"):
        services.revoke(services.ca_certificate.serial_number, x509.ReasonFlags.remove_from_crl)


def test_there_is_a_request_for_every_example(tmp_path: Path) -> None:
    assert read_certificate_request(REQUEST).dns_names == ("server.example",)
