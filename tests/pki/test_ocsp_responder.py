"""The responder answers as a function of request, time, key and status source; bad requests get the protocol's errors."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from hypothesis import given
from hypothesis import strategies as st

from sild.errors import Unavailable
from sild.pki import (
    Certificate,
    CertificateStatus,
    Good,
    OCSPError,
    OCSPResponder,
    Revoked,
    Unknown,
    build_ocsp_request,
    ocsp_error,
    parse_ocsp_response,
)
from sild.pki.asn1 import decode, encode
from sild.pki.ocsp_asn1 import OCSPRequest
from support.pki import NOW, Pki

PKI = Pki()
MEMBER = PKI.sign_credential().certificate
RESPONDER = OCSPResponder(PKI.ocsp.certificate, PKI.ocsp.key, PKI.ca.certificate)
REQUEST = build_ocsp_request(MEMBER, PKI.ca.certificate)


def answer(request: bytes, status: CertificateStatus = Good()) -> ocsp.OCSPResponse:  # frozen
    data = RESPONDER.answer(
        request, at=NOW.replace(microsecond=9), status_of=lambda _serial: status, validity=timedelta(hours=8)
    )
    return ocsp.load_der_ocsp_response(data)


def build(
    certificate: Certificate = MEMBER,
    issuer: Certificate = PKI.ca.certificate,
    digest: hashes.HashAlgorithm | None = None,
    nonce: bytes | None = None,
    extra: tuple[x509.ExtensionType, bool] | None = None,
) -> bytes:
    builder = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, digest or hashes.SHA1())
    if nonce is not None:
        builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
    if extra is not None:
        builder = builder.add_extension(extra[0], critical=extra[1])
    return builder.build().public_bytes(Encoding.DER)


def test_good() -> None:
    response = answer(REQUEST)
    assert response.certificate_status == ocsp.OCSPCertStatus.GOOD
    assert response.serial_number == MEMBER.serial_number
    assert (response.this_update_utc, response.produced_at_utc) == (NOW, NOW)
    assert response.next_update_utc == NOW + timedelta(hours=8)
    assert response.certificates == [PKI.ocsp.certificate]
    assert (
        response.responder_key_hash
        == x509.SubjectKeyIdentifier.from_public_key(PKI.ocsp.key.public_key()).digest
    )


@pytest.mark.parametrize("reason", [None, *(r for r in x509.ReasonFlags)])
def test_revoked_with_time_and_reason(reason: x509.ReasonFlags | None) -> None:
    response = answer(REQUEST, Revoked(NOW - timedelta(days=1), reason))
    assert response.certificate_status == ocsp.OCSPCertStatus.REVOKED
    assert response.revocation_time_utc == NOW - timedelta(days=1)
    assert response.revocation_reason == reason


def test_unknown() -> None:
    assert answer(REQUEST, Unknown()).certificate_status == ocsp.OCSPCertStatus.UNKNOWN


@pytest.mark.parametrize("digest", [hashes.SHA1(), hashes.SHA256(), hashes.SHA384(), hashes.SHA512()])
def test_the_certid_comes_back_in_the_digest_it_was_asked_by(digest: hashes.HashAlgorithm) -> None:
    response = answer(build(digest=digest))
    assert response.hash_algorithm.name == digest.name
    assert response.certificate_status == ocsp.OCSPCertStatus.GOOD


def test_a_certid_digest_nobody_uses_is_not_ours() -> None:
    assert answer(build(digest=hashes.SHA224())).response_status == ocsp.OCSPResponseStatus.UNAUTHORIZED


def test_the_nonce_comes_back() -> None:
    nonce = answer(build(nonce=b"n" * 32)).extensions.get_extension_for_class(x509.OCSPNonce)
    assert nonce.value.nonce == b"n" * 32
    assert not nonce.critical
    assert answer(build(nonce=b"n" * 128)).response_status == ocsp.OCSPResponseStatus.SUCCESSFUL


@pytest.mark.parametrize("length", [129, 5000])
def test_a_nonce_of_a_wrong_length(length: int) -> None:
    assert answer(build(nonce=b"n" * length)).response_status == ocsp.OCSPResponseStatus.MALFORMED_REQUEST


def test_another_ca() -> None:
    other = Pki(common_name="Strangers' CA")
    request = build(other.sign_credential().certificate, other.ca.certificate)
    assert answer(request).response_status == ocsp.OCSPResponseStatus.UNAUTHORIZED


def test_unknown_extensions() -> None:
    odd = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
    assert answer(build(extra=(odd, False))).response_status == ocsp.OCSPResponseStatus.SUCCESSFUL
    assert answer(build(extra=(odd, True))).response_status == ocsp.OCSPResponseStatus.MALFORMED_REQUEST


def test_a_status_source_that_is_busy() -> None:
    def busy(_serial: int) -> CertificateStatus:
        raise Unavailable("the database is locked")

    data = RESPONDER.answer(REQUEST, at=NOW, status_of=busy, validity=None)
    assert data == ocsp_error(OCSPError.TRY_LATER)


@pytest.mark.parametrize("error", list(OCSPError))
def test_error_responses_are_the_standards(error: OCSPError) -> None:
    assert ocsp.load_der_ocsp_response(ocsp_error(error)).response_status.value == error.value


def test_the_ca_may_answer_itself() -> None:
    own = OCSPResponder(PKI.ca.certificate, PKI.ca.key, PKI.ca.certificate)
    data = own.answer(REQUEST, at=NOW, status_of=lambda _serial: Good(), validity=None)
    response = ocsp.load_der_ocsp_response(data)
    assert (response.certificates, response.next_update_utc) == ([], None)


def many(count: int) -> bytes:
    request = decode(OCSPRequest, REQUEST)
    request.tbs_request.request_list = request.tbs_request.request_list * count
    return encode(request)


def test_several_at_once_and_too_many() -> None:
    assert len(list(answer(many(64)).responses)) == 64
    for request in (many(0), many(65), many(5000)):
        assert answer(request).response_status == ocsp.OCSPResponseStatus.MALFORMED_REQUEST


@given(st.binary(max_size=200))
def test_no_bytes_break_the_responder(data: bytes) -> None:
    assert answer(data).response_status == ocsp.OCSPResponseStatus.MALFORMED_REQUEST


@given(st.integers(0, len(REQUEST) - 1), st.integers(1, 255))
def test_a_changed_request_gets_a_status_or_an_error(position: int, change: int) -> None:
    data = bytearray(REQUEST)
    data[position] ^= change
    assert answer(bytes(data)).response_status in (
        ocsp.OCSPResponseStatus.SUCCESSFUL,
        ocsp.OCSPResponseStatus.MALFORMED_REQUEST,
        ocsp.OCSPResponseStatus.UNAUTHORIZED,
    )


@given(
    serial_number=st.integers(1, 2**159),
    seconds=st.integers(0, 10**9),
    validity=st.none() | st.integers(1, 10**7),
    status=st.sampled_from([Good(), Unknown(), Revoked(NOW), Revoked(NOW, x509.ReasonFlags.ca_compromise)]),
)
def test_what_is_answered_is_what_is_read(
    serial_number: int, seconds: int, validity: int | None, status: CertificateStatus
) -> None:
    request = decode(OCSPRequest, REQUEST)
    request.tbs_request.request_list[0].cert_id.serial_number = serial_number
    at = NOW + timedelta(seconds=seconds)
    asked: list[int] = []

    def status_of(serial: int) -> CertificateStatus:
        asked.append(serial)
        return status

    lasting = None if validity is None else timedelta(seconds=validity)
    parsed = parse_ocsp_response(
        RESPONDER.answer(encode(request), at=at, status_of=status_of, validity=lasting)
    )
    (single,) = parsed.singles
    assert asked == [serial_number]
    assert single.certificate_key is not None
    assert single.certificate_key[2] == serial_number
    assert (single.status, single.this_update) == (status, at)
    assert single.next_update == (None if lasting is None else at + lasting)
