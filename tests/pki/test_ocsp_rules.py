"""X-Road's rules for believing an OCSP response, one failure a test, with the code a peer sees."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.asn1 import BitString, Variant
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from hypothesis import given, settings
from hypothesis import strategies as st

from sild.errors import PeerError, PlatformError, TrustError
from sild.pki import (
    Certificate,
    CertificateProfile,
    DigestAlgorithm,
    Good,
    OCSPResponder,
    Revoked,
    SignatureAlgorithm,
    SingleResponse,
    algorithm_for,
    build_ocsp_request,
    ocsp_response_for,
    parse_ocsp_response,
    sign_bytes,
    verify_ocsp_response,
)
from sild.pki.asn1 import _pss_identifiers, decode, encode, tlv
from sild.pki.ocsp_asn1 import BasicOCSPResponse, OCSPRequest, ResponseData, RFC6960Response
from support.pki import NOT_AFTER, NOT_BEFORE, NOW, Credential, Pki, name, private_key

PKI = Pki()
MEMBER = PKI.sign_credential().certificate
OTHER = PKI.sign_credential(member_code="other").certificate
FRESHNESS = timedelta(hours=1)


def verify(
    response: bytes,
    *,
    certificate: Certificate = MEMBER,
    listed: Sequence[Certificate] = (PKI.ocsp.certificate,),
    authorities: Sequence[Certificate] = (PKI.ca.certificate,),
    at_offset: timedelta = timedelta(),
    check_next_update: bool = True,
) -> SingleResponse:
    return verify_ocsp_response(
        response,
        certificate=certificate,
        issuer=PKI.ca.certificate,
        responder_certificates=listed,
        ca_certificates=authorities,
        at=NOW + at_offset,
        freshness=FRESHNESS,
        check_next_update=check_next_update,
    )


def refused(response: bytes, code: str = "incorrect_validation_info", **arguments: object) -> str:
    with pytest.raises(TrustError) as error:
        verify(response, **arguments)  # type: ignore[arg-type]  # passed through
    assert error.value.code_path == code
    return error.value.message


def reference_response(
    *,
    certificate: Certificate = MEMBER,
    responder: Credential = PKI.ocsp,
    by: ocsp.OCSPResponderEncoding = ocsp.OCSPResponderEncoding.NAME,
    embedded: Sequence[Certificate] = (),
    digest: hashes.SHA256 | hashes.SHA384 | hashes.SHA512 | None = None,
    id_digest: hashes.HashAlgorithm | None = None,
    extensions: Sequence[tuple[x509.ExtensionType, bool]] = (),
) -> bytes:
    """A response made by cryptography's builder, not by ours."""
    builder = ocsp.OCSPResponseBuilder().add_response(
        certificate,
        PKI.ca.certificate,
        id_digest or hashes.SHA1(),
        ocsp.OCSPCertStatus.GOOD,
        NOW,
        None,
        None,
        None,
    )
    builder = builder.responder_id(by, responder.certificate)
    if embedded:
        builder = builder.certificates(list(embedded))
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(responder.key, digest or hashes.SHA256()).public_bytes(Encoding.DER)


def test_the_request_is_the_one_x_road_sends() -> None:
    expected = ocsp.OCSPRequestBuilder().add_certificate(MEMBER, PKI.ca.certificate, hashes.SHA1()).build()
    assert build_ocsp_request(MEMBER, PKI.ca.certificate) == expected.public_bytes(Encoding.DER)


@pytest.mark.parametrize("kind", ["ec-p256", "ec-p384", "rsa-2048"])
@pytest.mark.parametrize("by", list(ocsp.OCSPResponderEncoding))
def test_a_good_response(kind: str, by: ocsp.OCSPResponderEncoding) -> None:
    responder = PKI.issue(CertificateProfile.OCSP_RESPONDER, name(CN=f"OCSP {kind}"), kind=kind)  # type: ignore[arg-type]  # a Literal by parametrize
    for digest in (hashes.SHA256(), hashes.SHA384(), hashes.SHA512()):
        response = reference_response(responder=responder, by=by, digest=digest)
        single = verify(response, listed=[responder.certificate])
        assert (single.status, single.this_update, single.next_update) == (Good(), NOW, None)


def test_parsing_tells_what_is_said() -> None:
    parsed = parse_ocsp_response(PKI.ocsp_response(MEMBER, status="revoked"))
    assert parsed.produced_at == NOW
    assert parsed.singles[0].status == Revoked(NOW)
    assert parsed.singles[0].next_update == NOW + timedelta(hours=1)
    assert len(parsed.certificates) == 1


def test_revoked() -> None:
    assert "REVOKED" in refused(PKI.ocsp_response(MEMBER, status="revoked"), "cert_validation")


def test_unknown() -> None:
    assert "UNKNOWN" in refused(PKI.ocsp_response(MEMBER, status="unknown"), "cert_validation")


def test_for_another_certificate() -> None:
    assert "does not apply" in refused(PKI.ocsp_response(OTHER))


def test_for_the_same_serial_number_of_another_ca() -> None:
    strangers = Pki(common_name="Strangers' CA")
    twin = strangers.issue(CertificateProfile.SIGN, name(CN="twin"), serial_number=MEMBER.serial_number)
    assert "does not apply" in refused(strangers.ocsp_response(twin.certificate))


def test_a_certid_by_another_digest_is_not_the_one_asked_for() -> None:
    assert "does not apply" in refused(reference_response(id_digest=hashes.SHA256()))


def test_the_edge_of_freshness() -> None:
    response = PKI.ocsp_response(MEMBER, validity=None)
    assert verify(response, at_offset=FRESHNESS)
    assert "too old" in refused(response, at_offset=FRESHNESS + timedelta(seconds=1))


def test_next_update_is_looked_at_unless_switched_off() -> None:
    response = PKI.ocsp_response(MEMBER, validity=timedelta(minutes=10))
    assert verify(response, at_offset=timedelta(minutes=10))
    assert "nextUpdate" in refused(response, at_offset=timedelta(minutes=10, seconds=1))
    assert verify(response, at_offset=timedelta(minutes=11), check_next_update=False)


def test_of_the_future() -> None:
    ahead = timedelta(days=1, minutes=5)  # what the recorded exchanges of reference servers need
    assert verify(PKI.ocsp_response(MEMBER, at=NOW + ahead))
    assert "future" in refused(PKI.ocsp_response(MEMBER, at=NOW + ahead + timedelta(seconds=1)))
    assert "future" in refused(PKI.ocsp_response(MEMBER, at=NOW + timedelta(days=3650)))


def test_a_responder_named_in_reverse_order() -> None:
    """The reference compares names as LDAP writes them and as X.500 does; its own test responder is named backwards."""
    responder = PKI.issue(CertificateProfile.OCSP_RESPONDER, name(O="Test", CN="OCSP backwards"))
    backwards = name(CN="OCSP backwards", O="Test")
    outer = decode(RFC6960Response, reference_response(responder=responder))
    assert outer.response_bytes is not None
    basic = decode(BasicOCSPResponse, outer.response_bytes.response)
    data = decode(ResponseData, encode(basic.tbs_response_data))
    data.responder_id = Variant(tlv(backwards.public_bytes()), "name")
    signed = encode(data)
    basic.tbs_response_data = tlv(signed)
    algorithm = algorithm_for(responder.key, DigestAlgorithm.SHA256)
    basic.signature = BitString(sign_bytes(responder.key, algorithm, signed), 0)
    outer.response_bytes.response = encode(basic)
    assert verify(encode(outer), listed=[responder.certificate]).status == Good()


def test_by_a_stranger() -> None:
    stranger = Pki(common_name="Strangers' CA").ocsp
    assert "not authorized" in refused(PKI.ocsp_response(MEMBER, responder=stranger))
    without_certificate = reference_response(responder=stranger)
    assert "Could not find" in refused(without_certificate)


def test_by_a_member_of_the_same_ca() -> None:
    member = PKI.sign_credential()
    assert "not authorized" in refused(PKI.ocsp_response(MEMBER, responder=member))


def test_by_a_delegate_that_is_not_listed() -> None:
    assert verify(PKI.ocsp_response(MEMBER), listed=[])


def test_by_a_delegate_whose_time_is_over() -> None:
    delegate = PKI.issue(
        CertificateProfile.OCSP_RESPONDER, name(CN="old OCSP"), not_after=NOW - timedelta(seconds=1)
    )
    assert "not authorized" in refused(PKI.ocsp_response(MEMBER, responder=delegate), listed=[])
    assert verify(PKI.ocsp_response(MEMBER, responder=delegate), listed=[delegate.certificate])


def test_by_the_ca_itself() -> None:
    assert verify(PKI.ocsp_response(MEMBER, responder=PKI.ca), listed=[])


def test_by_a_listed_responder_of_no_known_ca() -> None:
    stranger = Pki(common_name="Strangers' CA").ocsp
    assert verify(PKI.ocsp_response(MEMBER, responder=stranger), listed=[stranger.certificate])


def test_by_another_key_under_the_responders_name() -> None:
    impostor = Credential(PKI.ocsp.certificate, private_key("ec-p256", "ocsp impostor"))
    assert "Signature" in refused(PKI.ocsp_response(MEMBER, responder=impostor))
    assert "Signature" in refused(PKI.ocsp_response(MEMBER, responder=impostor), listed=[])


def test_a_responder_may_change_its_key_and_keep_its_name() -> None:
    old = PKI.ocsp
    new = PKI.issue(
        CertificateProfile.OCSP_RESPONDER, old.certificate.subject, key=private_key("ec-p256", "renewed")
    )
    assert verify(reference_response(responder=new), listed=[old.certificate, new.certificate])
    assert verify(reference_response(responder=new, embedded=[new.certificate]), listed=[old.certificate])


def test_a_match_behind_another_certificate_counts() -> None:
    response = _two([(OTHER, Good()), (MEMBER, Good())])
    assert verify(response).status == Good()
    assert verify(response, certificate=OTHER).status == Good()


def test_a_second_statement_that_is_not_good_counts() -> None:
    refused(_two([(MEMBER, Good()), (MEMBER, Revoked(NOW))]), "cert_validation")


def _two(statements: list[tuple[Certificate, Good | Revoked]]) -> bytes:
    requests = [decode(OCSPRequest, build_ocsp_request(about, PKI.ca.certificate)) for about, _ in statements]
    requests[0].tbs_request.request_list = [request.tbs_request.request_list[0] for request in requests]
    statuses = iter([status for _, status in statements])
    return OCSPResponder(PKI.ocsp.certificate, PKI.ocsp.key, PKI.ca.certificate).answer(
        encode(requests[0]), at=NOW, status_of=lambda _serial: next(statuses), validity=None
    )


def test_an_unknown_critical_extension() -> None:
    odd = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
    assert verify(reference_response(extensions=[(odd, False)]))
    with pytest.raises(PeerError, match=r"1\.2\.3\.4"):
        verify(reference_response(extensions=[(odd, True)]))


@pytest.mark.parametrize("status", [s for s in ocsp.OCSPResponseStatus if s.value])
def test_an_error_status(status: ocsp.OCSPResponseStatus) -> None:
    response = ocsp.OCSPResponseBuilder.build_unsuccessful(status).public_bytes(Encoding.DER)
    with pytest.raises(PeerError) as error:
        verify(response)
    assert error.value.code_path == "incorrect_validation_info"
    assert status.name.replace("_", "").lower() in error.value.message.lower()


def test_the_response_for_a_certificate_among_several() -> None:
    mine, others = PKI.ocsp_response(MEMBER), PKI.ocsp_response(OTHER)
    assert ocsp_response_for(MEMBER, PKI.ca.certificate, [b"junk", others, mine]) == mine
    assert ocsp_response_for(MEMBER, PKI.ca.certificate, [others]) is None


RESPONSE = PKI.ocsp_response(MEMBER)


@given(st.integers(0, len(RESPONSE) - 1))
def test_a_cut_response_is_a_peers_error(size: int) -> None:
    with pytest.raises(PeerError):
        parse_ocsp_response(RESPONSE[:size])


@given(st.binary(min_size=1, max_size=20))
def test_a_longer_response_is_a_peers_error(more: bytes) -> None:
    with pytest.raises(PeerError):
        parse_ocsp_response(RESPONSE + more)


def test_an_oversized_response_is_not_read() -> None:
    with pytest.raises(PeerError, match="larger"):
        parse_ocsp_response(RESPONSE + bytes(20_000))


@given(st.binary(max_size=300))
def test_no_bytes_break_the_parser(data: bytes) -> None:
    with pytest.raises(PeerError):
        parse_ocsp_response(data)


@settings(max_examples=400)
@given(st.integers(0, len(RESPONSE) - 1), st.integers(1, 255))
def test_no_changed_byte_changes_what_is_believed(position: int, change: int) -> None:
    data = bytearray(RESPONSE)
    data[position] ^= change
    signed = RESPONSE.index(parse_ocsp_response(RESPONSE).signed)
    inside = signed <= position < signed + len(parse_ocsp_response(RESPONSE).signed)
    try:
        single = verify(bytes(data))
    except PlatformError as error:
        assert error.code_path == "incorrect_validation_info"
    else:  # bytes outside the signed part, such as the certificate sent along, which is not needed
        assert not inside
        assert single == parse_ocsp_response(RESPONSE).singles[0]


def test_rsa_pss_is_understood() -> None:
    """Made with OpenSSL's parameters by hand: cryptography's builder does not sign OCSP with PSS."""
    responder = PKI.issue(CertificateProfile.OCSP_RESPONDER, name(CN="pss"), kind="rsa-2048")
    outer = decode(RFC6960Response, reference_response(responder=responder))
    assert outer.response_bytes is not None
    basic = decode(BasicOCSPResponse, outer.response_bytes.response)
    algorithm = SignatureAlgorithm.RSA_PSS_SHA256
    basic.signature = BitString(sign_bytes(responder.key, algorithm, encode(basic.tbs_response_data)), 0)
    for identifier in _pss_identifiers(algorithm.digest_algorithm):
        basic.signature_algorithm = tlv(identifier)
        outer.response_bytes.response = encode(basic)
        assert verify(encode(outer), listed=[responder.certificate]).status == Good()


def test_the_dates_of_the_world_fit() -> None:
    assert NOT_BEFORE < NOW < NOT_AFTER
