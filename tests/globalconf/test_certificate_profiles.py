"""Subject of a sign certificate to member, per profile: X-Road's cases and the corners where readers part ways."""

import json
import warnings
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from sild.errors import TrustError
from sild.pki import read_certificate
from sild.xroad.globalconf import client_id_of_subject

PACKAGE = "ee.ria.xroad.common.certificateprofile.impl."
OIDS = {
    "C": NameOID.COUNTRY_NAME,
    "O": NameOID.ORGANIZATION_NAME,
    "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "CN": NameOID.COMMON_NAME,
    "ST": NameOID.STATE_OR_PROVINCE_NAME,
    "serialNumber": NameOID.SERIAL_NUMBER,
    "businessCategory": NameOID.BUSINESS_CATEGORY,
    "2.5.4.97": NameOID.ORGANIZATION_IDENTIFIER,
}


def subject(text: str) -> x509.Name:
    pairs = (part.split("=", 1) for part in text.split(", "))
    with warnings.catch_warnings():  # an instance identifier is no country, and longer than one
        warnings.simplefilter("ignore")
        return x509.Name([x509.NameAttribute(OIDS[k], v, _validate=False) for k, v in pairs])


def test_x_roads_cases(shared: Path) -> None:
    cases = json.loads((shared / "certs/profile-cases.json").read_text())["cases"]
    assert len(cases) > 20
    for case in cases:
        if "certificate" in case:
            name = read_certificate((shared / case["certificate"]).read_bytes()).subject
        else:
            name = subject(case["subject"])
        try:
            found = client_id_of_subject(case["profile"], name, case["inst"]).encode()
        except TrustError:
            found = None
        assert found == case["expect"], case


def code(profile: str, text: str) -> str:
    with pytest.raises(TrustError) as refused:
        client_id_of_subject(PACKAGE + profile, subject(text), "DEV")
    return refused.value.code


def test_an_unknown_profile() -> None:
    assert code("TestCertificateProfileInfoProvider", "CN=1") == "internal_error"


@pytest.mark.parametrize(
    ("profile", "text"),
    [
        ("Ejbca", "O=COM, CN=1"),
        ("Ejbca", "C=DE, CN=1"),
        ("Ejbca", "C=DE, O=COM"),
        ("FiVRK", "C=EE, O=Org, CN=1, serialNumber=DEV/SS/COM"),
        ("FiVRK", "C=FI, CN=1, serialNumber=DEV/SS/COM"),
        ("FiVRK", "C=FI, O=Org, serialNumber=DEV/SS/COM"),
        ("FiVRK", "C=FI, O=Org, CN=1, serialNumber=DEV/SS/COM/x"),
        ("FiVRK", "C=FI, O=Org, CN=1, serialNumber=DEV/SS"),
        ("FiVRK", "C=FI, O=Org, CN=1, serialNumber=DEV/SS/"),
        ("FiVRK", "C=EE, O=DEV, OU=COM, CN=1"),
        ("Is", "C=IS, O=DEV, OU=COM, CN=1"),
        ("Is", "C=EE, O=DEV, OU=COM, CN=1, serialNumber=x"),
        ("Fo", "C=FO, O=DEV, OU=COM, CN=1"),
        ("Basic", "serialNumber=1"),
        ("BasicACME", "businessCategory=COM"),
    ],
)
def test_a_subject_that_does_not_tell(profile: str, text: str) -> None:
    assert code(f"{profile}CertificateProfileInfoProvider", text) == "incorrect_certificate"


@pytest.mark.parametrize(
    "text", ["2.5.4.97=NTREE-", "serialNumber=123456789", "serialNumber=١٢٣٤٥٦٧٨", "serialNumber=1234567a"]
)
def test_a_malformed_register_code(text: str) -> None:
    assert code("SkKlass3CertificateProfileInfoProvider", text) == "invalid_certificate"
    assert code("SkKlass3CertificateProfileInfoProvider", "serialNumber=01234567") == "internal_error"


def test_iceland() -> None:
    profile = PACKAGE + "IsCertificateProfileInfoProvider"
    assert (
        client_id_of_subject(profile, subject("C=IS, O=DEV, OU=COM, CN=1, serialNumber=x"), "ZZ").encode()
        == "DEV/COM/1"
    )
    assert client_id_of_subject(profile, subject("C=DEV, O=COM, CN=1"), "ZZ").encode() == "DEV/COM/1"


def test_of_an_attribute_given_twice_the_last_counts() -> None:
    """The reference takes the first of the name's RFC 2253 text, which is in reverse order."""
    profile = PACKAGE + "EjbcaCertificateProfileInfoProvider"
    assert client_id_of_subject(profile, subject("CN=1, C=DEV, O=COM, CN=2"), "ZZ").member_code == "2"


def test_a_value_is_taken_from_its_own_attribute_in_a_multi_valued_rdn() -> None:
    rdn = x509.RelativeDistinguishedName(
        [
            x509.NameAttribute(NameOID.BUSINESS_CATEGORY, "COM"),
            x509.NameAttribute(NameOID.SERIAL_NUMBER, "1234"),
        ]
    )
    profile = PACKAGE + "BasicCertificateProfileInfoProvider"
    assert client_id_of_subject(profile, x509.Name([rdn]), "DEV").encode() == "DEV/COM/1234"
