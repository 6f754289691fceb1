"""Issuer names as Java's X500Principal writes them (values printed by OpenJDK 17, but for escapes RFC 2253 leaves free)."""

from __future__ import annotations

import base64

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from lxml import etree

from sild.pki import CertificateProfile, algorithm_for, sign_bytes
from sild.signatures import SignatureTemplate, parse_signature, verify_signature
from support.pki import NOW, Pki
from support.signed_messages import digest


def names() -> list[tuple[x509.Name, str | None]]:
    attribute = x509.NameAttribute
    return [
        (
            x509.Name(
                [
                    attribute(NameOID.COUNTRY_NAME, "EE"),
                    attribute(NameOID.ORGANIZATION_NAME, 'AS "Serti, Keskus" <x>'),
                    attribute(NameOID.COMMON_NAME, "a+b;c\\d & e"),
                ]
            ),
            'CN=a\\+b\\;c\\\\d & e,O=AS \\"Serti\\, Keskus\\" \\<x\\>,C=EE',
        ),
        (
            x509.Name([attribute(NameOID.COMMON_NAME, "Õun"), attribute(NameOID.SERIAL_NUMBER, "DEV/1")]),
            "2.5.4.5=#13054445562f31,CN=Õun",
        ),
        (
            x509.Name(
                [
                    attribute(NameOID.DOMAIN_COMPONENT, "ee"),
                    attribute(NameOID.STATE_OR_PROVINCE_NAME, "Harju"),
                    attribute(NameOID.LOCALITY_NAME, "Tallinn"),
                    attribute(NameOID.STREET_ADDRESS, "x"),
                    attribute(NameOID.USER_ID, "u"),
                    attribute(NameOID.ORGANIZATION_IDENTIFIER, "NTREE-1"),
                ]
            ),
            "2.5.4.97=#0c074e545245452d31,UID=u,STREET=x,L=Tallinn,ST=Harju,DC=ee",
        ),
        (x509.Name([attribute(NameOID.COMMON_NAME, "bell\a")]), "2.5.4.3=#0c0562656c6c07"),
        (x509.Name([attribute(NameOID.COMMON_NAME, "x" * 60), attribute(NameOID.TITLE, "é" * 60)]), None),
    ]


@pytest.mark.parametrize("number", range(5))
def test_names(number: int) -> None:
    """Whatever the issuer is called, the text is canonical and the signature good."""
    subject, expected = names()[number]
    pki = Pki()
    issuer = pki.issue(CertificateProfile.INTERMEDIATE_CA, subject)
    signer = pki.sign_credential(issuer=issuer)
    algorithm = algorithm_for(signer.key)
    template = SignatureTemplate(signer.certificate, ocsp_responses=[], algorithm=algorithm)
    prepared = template.prepare("/message.xml", digest(b"m"), signing_time=NOW)
    xml = prepared.complete(sign_bytes(signer.key, algorithm, prepared.to_be_signed))
    verify_signature(parse_signature(xml), parts={"/message.xml": b"m"})
    written = etree.fromstring(xml).findtext(".//{http://www.w3.org/2000/09/xmldsig#}X509IssuerName")
    if expected is None:
        value = base64.b16encode(("é" * 60).encode()).decode().lower()
        expected = f"2.5.4.12=#0c78{value},CN={'x' * 60}"
    assert written == expected
