"""Reading certificates in every spelling global configurations use, and X-Road's question what they are for."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from sild.errors import PeerError
from sild.pki import (
    CertificateProfile,
    DigestAlgorithm,
    certificate_hash,
    certificate_sha1,
    der,
    is_auth_certificate,
    is_sign_certificate,
    ocsp_urls,
    read_certificate,
)
from support.pki import Pki, name

PKI = Pki()
CERTIFICATE = PKI.ca.certificate
DER = CERTIFICATE.public_bytes(Encoding.DER)
PEM = CERTIFICATE.public_bytes(Encoding.PEM)


@pytest.mark.parametrize(
    "data",
    [
        DER,
        PEM,
        b"text before\n" + PEM,
        PEM.replace(b" CERT", b" X509 CERT"),
        base64.b64encode(DER),
        base64.encodebytes(DER),
        base64.b64encode(PEM),
    ],
    ids=["der", "pem", "pem after text", "older label", "base64 of der", "base64 in lines", "base64 of pem"],
)
def test_every_spelling_reads_to_the_same_certificate(data: bytes) -> None:
    assert read_certificate(data) == CERTIFICATE


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x30",
        DER[:-1],
        DER + b"\x00",
        PEM[: len(PEM) // 2],
        base64.b64encode(b"no certificate"),
        b"\xff" * 99,
        DER.replace(b"\x0c\x04Test", b"\x03\x04Test"),  # a bit string for a name
    ],
)
def test_anything_else_is_an_incorrect_certificate(data: bytes) -> None:
    with pytest.raises(PeerError) as refused:
        read_certificate(data)
    assert refused.value.code == "incorrect_certificate"


def test_a_certificate_larger_than_any_needs_to_be_is_not_looked_at() -> None:
    with pytest.raises(PeerError, match="too large"):
        read_certificate(b"\x30" * 1_000_000)


@given(st.binary(max_size=600))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    try:
        read_certificate(data)
    except PeerError as refused:
        assert refused.code == "incorrect_certificate"


@given(st.integers(0, len(DER) - 1), st.integers(1, 255))
def test_a_changed_certificate_reads_or_is_refused(position: int, change: int) -> None:
    data = bytearray(DER)
    data[position] ^= change
    try:
        is_auth_certificate(read_certificate(bytes(data)))
    except PeerError as refused:
        assert refused.code == "incorrect_certificate"


def test_a_country_of_more_than_two_letters_is_read_in_silence() -> None:
    """X-Road's EJBCA profile has C=<instance>. Warnings are errors here."""
    common_name, country = b"\x06\x03\x55\x04\x03", b"\x06\x03\x55\x04\x06"
    assert common_name in DER
    read = read_certificate(DER.replace(common_name, country))
    assert [a.value for a in read.subject if a.oid == NameOID.COUNTRY_NAME] == ["Test CA"]


@pytest.mark.parametrize("first", [b"\x00", b"\xff"])
def test_a_serial_number_that_is_not_positive_is_read_in_silence(first: bytes) -> None:
    data = der(PKI.issue(CertificateProfile.SIGN, subject=name(CN="1"), serial_number=0x7F).certificate)
    serial = b"\x02\x01\x7f\x30"
    assert serial in data
    read = read_certificate(data.replace(serial, b"\x02\x01" + first + b"\x30", 1))
    with pytest.warns(CryptographyDeprecationWarning):
        assert read.serial_number == int.from_bytes(first, signed=True)


def test_hashes_are_of_the_der() -> None:
    assert der(CERTIFICATE) == DER
    assert certificate_hash(CERTIFICATE) == hashlib.sha256(DER).digest() == certificate_hash(DER)
    assert certificate_hash(CERTIFICATE, DigestAlgorithm.SHA512) == hashlib.sha512(DER).digest()
    assert certificate_sha1(CERTIFICATE) == hashlib.sha1(DER).digest()


@pytest.mark.parametrize(
    ("profile", "auth", "sign"),
    [
        (CertificateProfile.SIGN, False, True),
        (CertificateProfile.AUTH, True, False),
        (CertificateProfile.TLS, True, False),
        (CertificateProfile.ROOT_CA, False, False),
        (CertificateProfile.CONFIGURATION_SIGNER, True, True),
    ],
)
@pytest.mark.parametrize("kind", ["ec-p256", "rsa-2048"])
def test_a_profile_is_the_kind_x_road_takes_it_for(
    profile: CertificateProfile, auth: bool, sign: bool, kind: str
) -> None:
    certificate = Pki(kind).issue(profile, name(CN="kind")).certificate  # type: ignore[arg-type]  # a Literal by parametrize
    assert is_auth_certificate(certificate) is auth
    assert is_sign_certificate(certificate) is sign


def test_ocsp_addresses_come_from_the_certificate() -> None:
    issued = PKI.issue(CertificateProfile.SIGN, name(CN="aia"), ocsp_url="http://127.0.0.1:8888/ocsp")
    assert ocsp_urls(issued.certificate) == ("http://127.0.0.1:8888/ocsp",)
    assert ocsp_urls(CERTIFICATE) == ()


def test_the_reference_certificates_read(shared: Path) -> None:
    kinds = {
        file.name: (is_auth_certificate(certificate), is_sign_certificate(certificate))
        for file in sorted((shared / "certs").glob("*.pem"))
        for certificate in [read_certificate(file.read_bytes())]
    }
    assert len(kinds) == 10
    assert kinds["consumer.pem"] == (True, True)  # digitalSignature and nonRepudiation
    assert kinds["root-ca.pem"] == (False, False)  # no keyUsage at all
    assert read_certificate((shared / "certs/consumer-p12.der").read_bytes())
