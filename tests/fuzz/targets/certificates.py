"""DER: certificates, requests for them, their status, time-stamps; what authorities are asked and what they answer."""

from __future__ import annotations

from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from fuzz.target import Target
from sild.pki import (
    DigestAlgorithm,
    Good,
    OCSPResponder,
    TimeStampAuthority,
    build_ocsp_request,
    build_timestamp_request,
    certificate_hash,
    der,
    is_auth_certificate,
    is_sign_certificate,
    issuer_name_key,
    ocsp_response_for,
    ocsp_urls,
    parse_timestamp_response,
    parse_timestamp_token,
    read_certificate,
    subject_name_key,
    verify_ocsp_response,
    verify_path,
    verify_timestamp,
)
from sild.trust_services.certification import read_certificate_request
from support.pki import NOW, Pki, name, private_key

PKI = Pki()
RSA = Pki("rsa-2048", common_name="RSA CA")
MEMBER = PKI.sign_credential().certificate
AUTH = PKI.auth_credential().certificate
RESPONDER = OCSPResponder(PKI.ocsp.certificate, PKI.ocsp.key, PKI.ca.certificate)
AUTHORITY = TimeStampAuthority(PKI.tsa.certificate, PKI.tsa.key, "1.3.6.1.4.1.99999.1")
DATA = b"the bytes of a hash chain result"
IMPRINT = DigestAlgorithm.SHA512.digest(DATA)


def _certificate(data: bytes) -> None:
    certificate = read_certificate(data)
    is_sign_certificate(certificate)
    is_auth_certificate(certificate)
    ocsp_urls(certificate)
    certificate_hash(certificate)
    issuer_name_key(certificate)
    subject_name_key(certificate)
    verify_path(certificate, anchor=PKI.ca.certificate, intermediates=[certificate], at=NOW)


def _ocsp_response(data: bytes) -> None:
    ocsp_response_for(MEMBER, PKI.ca.certificate, [data])
    verify_ocsp_response(
        data,
        certificate=MEMBER,
        issuer=PKI.ca.certificate,
        responder_certificates=[PKI.ocsp.certificate],
        ca_certificates=[PKI.ca.certificate],
        at=NOW,
        freshness=timedelta(hours=1),
    )


def _ocsp_request(data: bytes) -> None:
    RESPONDER.answer(data, at=NOW, status_of=lambda _: Good(), validity=timedelta(hours=1))


def _stamp(data: bytes) -> None:
    parse_timestamp_token(data)
    verify_timestamp(data, data=DATA, tsa_certificates=[PKI.tsa.certificate])


def _stamp_seeds() -> list[bytes]:
    return [parse_timestamp_response(response) for response in _stamp_responses()]


def _stamp_responses() -> list[bytes]:
    return [AUTHORITY.answer(request, at=NOW, serial_number=4711) for request in _stamp_requests()]


def _stamp_requests() -> list[bytes]:
    return [
        build_timestamp_request(IMPRINT),
        build_timestamp_request(IMPRINT, nonce=12345678901234567890, cert_req=True, policy="1.3.6.1.4.1.99999.1"),
    ]  # fmt: skip


def _request_seeds() -> list[bytes]:
    builder = x509.CertificateSigningRequestBuilder().subject_name(name(C="FI", O="Member", CN="1"))
    names = x509.SubjectAlternativeName([x509.DNSName("ss.example"), x509.DNSName("*.example")])
    made = builder.add_extension(names, critical=False).sign(private_key("ec-p256", "csr"), hashes.SHA256())
    return [made.public_bytes(Encoding.DER), made.public_bytes(Encoding.PEM)]


TARGETS = (
    Target(
        "certificate",
        "der",
        _certificate,
        lambda: [der(one) for one in (MEMBER, AUTH, PKI.ca.certificate, PKI.tsa.certificate, RSA.sign_credential().certificate)],
        ["certs/*.pem", "certs/*.der", "wire/pki/*"],
    ),
    Target("certificate_request", "der", read_certificate_request, _request_seeds, max_bytes=16_384),
    Target(
        "ocsp_response",
        "der",
        _ocsp_response,
        lambda: [PKI.ocsp_response(MEMBER), PKI.ocsp_response(MEMBER, status="revoked", validity=None)],
    ),
    Target("ocsp_request", "der", _ocsp_request, lambda: [build_ocsp_request(MEMBER, PKI.ca.certificate)]),
    Target("timestamp_token", "der", _stamp, _stamp_seeds),
    Target("timestamp_response", "der", parse_timestamp_response, _stamp_responses),
    Target(
        "timestamp_request",
        "der",
        lambda data: AUTHORITY.answer(data, at=NOW, serial_number=1),
        _stamp_requests,
    ),
)  # fmt: skip
