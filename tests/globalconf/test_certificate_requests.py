"""The subject of a certificate request, per profile: what the reference asks for, and that it reads back as the member."""

from __future__ import annotations

import warnings

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from sild.errors import CallerError
from sild.xroad.globalconf import CertificateUse, client_id_of_subject, subject_for
from sild.xroad.globalconf.certificate_profiles import PROFILES
from sild.xroad.identifiers import ClientId, SecurityServerId

PACKAGE = "ee.ria.xroad.common.certificateprofile.impl."
OWNER = ClientId("DEV", "GOV", "70000001")
MEMBER = ClientId("DEV", "COM", "12345678")
SERVER = SecurityServerId(OWNER, "SS1")
NO_REQUESTS = PACKAGE + "SkEsteIdCertificateProfileInfoProvider"
PROFILES_WITH_REQUESTS = sorted(PROFILES.keys() - {NO_REQUESTS})


def subject(profile: str, use: CertificateUse, **values: str) -> x509.Name:
    given = {"member_name": "Õun OÜ", "country": "EE", "dns_name": "ss1.example"} | values
    return subject_for(
        profile if "." in profile else f"{PACKAGE}{profile}CertificateProfileInfoProvider",
        use,
        member=MEMBER,
        server=SERVER,
        **given,
    )


SHORT = {"countryName": "C", "organizationName": "O", "organizationalUnitName": "OU", "commonName": "CN"}


def text(name: x509.Name) -> str:
    return ", ".join(f"{SHORT.get(a.oid._name, a.oid._name)}={a.value!s}" for a in name)


@pytest.mark.parametrize(
    ("profile", "sign", "auth"),
    [
        ("Ejbca", "C=DEV, O=COM, CN=12345678", "C=DEV, CN=SS1"),
        (
            "FiVRK",
            "C=FI, O=Õun OÜ, serialNumber=DEV/SS1/COM, CN=12345678",
            "C=FI, O=Õun OÜ, serialNumber=DEV/SS1/GOV, CN=ss1.example",
        ),
        (
            "Is",
            "C=IS, O=DEV, OU=COM, CN=12345678, serialNumber=DEV/GOV/70000001/SS1",
            "C=IS, CN=ss1.example, serialNumber=DEV/GOV/70000001/SS1",
        ),
        (
            "Fo",
            "C=FO, O=DEV, OU=COM, CN=12345678, serialNumber=DEV/GOV/70000001/SS1",
            "C=FO, O=DEV, CN=DEV/GOV/70000001/SS1",
        ),
        (
            "Basic",
            "CN=Õun OÜ, O=Õun OÜ, businessCategory=COM, C=EE, serialNumber=12345678",
            "CN=ss1.example, serialNumber=70000001, C=EE, O=Õun OÜ",
        ),
        (
            "BasicACME",
            "C=EE, O=Õun OÜ, businessCategory=COM, serialNumber=12345678, CN=Õun OÜ",
            "C=EE, O=Õun OÜ, serialNumber=70000001, CN=ss1.example",
        ),
        ("SkKlass3", "serialNumber=12345678, CN=Õun OÜ", "serialNumber=70000001, CN=Õun OÜ"),
    ],
)
def test_the_references_fields(profile: str, sign: str, auth: str) -> None:
    assert text(subject(profile, "sign")) == sign
    assert text(subject(profile, "auth")) == auth


@pytest.mark.parametrize("profile", PROFILES_WITH_REQUESTS)
def test_it_reads_back_as_the_member(profile: str) -> None:
    """Through a request and its encoding, as an authority sees it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = subject(profile, "sign")
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    with warnings.catch_warnings():  # an instance identifier is no country of two letters
        warnings.simplefilter("ignore")
        read = x509.load_der_x509_csr(request.public_bytes(Encoding.DER)).subject
    assert client_id_of_subject(profile, read, "DEV") == MEMBER


def test_every_profile_is_covered() -> None:
    assert len(PROFILES_WITH_REQUESTS) == 7
    for profile in (NO_REQUESTS, "unknown", PACKAGE + "TestCertificateProfileInfoProvider"):
        with pytest.raises(CallerError, match="not known"):
            subject_for(profile, "sign", member=MEMBER, server=SERVER, member_name="x")


@pytest.mark.parametrize(
    ("profile", "use", "missing"),
    [
        ("Basic", "sign", "country"),
        ("Basic", "sign", "member_name"),
        ("Basic", "auth", "dns_name"),
        ("FiVRK", "auth", "dns_name"),
        ("Is", "auth", "dns_name"),
        ("SkKlass3", "sign", "member_name"),
    ],
)
def test_what_is_missing_is_named(profile: str, use: CertificateUse, missing: str) -> None:
    with pytest.raises(CallerError, match="wants"):
        subject(profile, use, **{missing: ""})
