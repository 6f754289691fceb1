"""Believing a time-stamp: X-Road's rules and codes, one failure a test; asking the authority and its refusals."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.asn1 import GeneralizedTime, SetOf
from cryptography.hazmat.primitives import hashes
from hypothesis import given, settings
from hypothesis import strategies as st

from sild.errors import PeerError, PlatformError, TrustError
from sild.pki import (
    Certificate,
    CertificateProfile,
    DigestAlgorithm,
    PKIFailureInfo,
    SignatureAlgorithm,
    TimeStampAuthority,
    add_certificate_to_token,
    build_timestamp_request,
    der,
    parse_timestamp_response,
    parse_timestamp_token,
    sign_bytes,
    timestamp_refusal,
    verify_timestamp,
)
from sild.pki.asn1 import Algorithm, Extension, decode, encode, tlv, wrap
from sild.pki.timestamp import _signed_data
from sild.pki.timestamp_asn1 import (
    ID_MESSAGE_DIGEST,
    ID_SIGNED_DATA,
    ID_SIGNING_CERTIFICATE,
    ID_SIGNING_CERTIFICATE_V2,
    Attribute,
    ContentInfo,
    ESSCertID,
    SignedData,
    SignerInfo,
    SigningCertificate,
    TimeStampReq,
    TimeStampResp,
    TSTInfo,
)
from support.pki import NOW, TSA_POLICY, Credential, Pki, name, private_key

PKI = Pki()
DATA = b"the bytes of a hash chain result"
TSA = PKI.time_stamp_authority
TRUSTED = [PKI.tsa.certificate]


def token(
    *,
    authority: TimeStampAuthority = TSA,
    algorithm: DigestAlgorithm = DigestAlgorithm.SHA512,
    **asked: object,
) -> bytes:
    request = build_timestamp_request(algorithm.digest(DATA), algorithm, **asked)  # type: ignore[arg-type]  # passed through
    return parse_timestamp_response(authority.answer(request, at=NOW, serial_number=4711))


def refused(stamp: bytes, code: str, *, data: bytes = DATA, trusted: list[Certificate] = TRUSTED) -> str:
    with pytest.raises(TrustError) as error:
        verify_timestamp(stamp, data=data, tsa_certificates=trusted)
    assert error.value.code_path == code
    return error.value.message


@pytest.mark.parametrize("kind", ["ec-p256", "ec-p384", "rsa-2048"])
@pytest.mark.parametrize("algorithm", list(DigestAlgorithm))
def test_a_token_covers_its_data(kind: str, algorithm: DigestAlgorithm) -> None:
    pki = Pki(kind)  # type: ignore[arg-type]  # a Literal by parametrize
    stamp = token(authority=pki.time_stamp_authority, algorithm=algorithm)
    read = verify_timestamp(stamp, data=DATA, tsa_certificates=[pki.tsa.certificate])
    assert (read.gen_time, read.serial_number, read.policy, read.nonce) == (NOW, 4711, TSA_POLICY, None)
    assert (read.imprint_algorithm, read.imprint) == (algorithm, algorithm.digest(DATA))
    assert read.certificates == ()


def test_the_request_x_road_sends() -> None:
    read = decode(TimeStampReq, build_timestamp_request(bytes(64)))
    assert (read.version, read.req_policy, read.nonce, read.cert_req, read.extensions) == (
        1,
        None,
        None,
        None,
        None,
    )


def test_nonce_policy_and_certificates_are_as_asked() -> None:
    stamp = token(nonce=2**63, policy=TSA_POLICY, cert_req=True)
    read = verify_timestamp(stamp, data=DATA, tsa_certificates=TRUSTED, nonce=2**63)
    assert read.certificates == (der(PKI.tsa.certificate),)
    with pytest.raises(TrustError, match="another request"):
        verify_timestamp(stamp, data=DATA, tsa_certificates=TRUSTED, nonce=5)


def test_gen_time_keeps_milliseconds() -> None:
    request = build_timestamp_request(DigestAlgorithm.SHA512.digest(DATA))
    answer = TSA.answer(request, at=NOW.replace(microsecond=120_999), serial_number=1)
    assert parse_timestamp_token(parse_timestamp_response(answer)).gen_time == NOW.replace(
        microsecond=120_000
    )


def test_the_chain_goes_along_when_certificates_are_asked_for() -> None:
    authority = TimeStampAuthority(PKI.tsa.certificate, PKI.tsa.key, TSA_POLICY, [PKI.ca.certificate])
    read = parse_timestamp_token(token(authority=authority, cert_req=True))
    assert set(read.certificates) == {der(PKI.tsa.certificate), der(PKI.ca.certificate)}


def test_other_data() -> None:
    refused(token(), "malformed_signature", data=DATA + b"!")


def test_no_authority_is_approved() -> None:
    refused(token(), "internal_error", trusted=[])


def test_an_authority_that_is_not_approved() -> None:
    stranger = Pki(common_name="Strangers' CA")
    stamp = token(authority=stranger.time_stamp_authority, cert_req=True)
    assert "Could not find TSP certificate" in refused(stamp, "internal_error")


def test_another_key_under_the_authoritys_name() -> None:
    impostor = TimeStampAuthority(PKI.tsa.certificate, private_key("ec-p256", "tsa impostor"), TSA_POLICY)
    refused(token(authority=impostor), "timestamp_validation")


def test_another_certificate_of_the_same_issuer_and_number() -> None:
    twin = PKI.issue(
        CertificateProfile.TIMESTAMPING_AUTHORITY,
        name(CN="twin"),
        key=PKI.tsa.key,
        serial_number=PKI.tsa.certificate.serial_number,
    )
    assert "another signing certificate" in refused(
        token(), "timestamp_validation", trusted=[twin.certificate]
    )
    assert verify_timestamp(token(), data=DATA, tsa_certificates=[twin.certificate, *TRUSTED])


def authority_of(credential: Credential) -> TimeStampAuthority:
    return TimeStampAuthority(credential.certificate, credential.key, TSA_POLICY)


def test_a_certificate_that_is_not_for_time_stamping() -> None:
    wrong = PKI.tls_credential()
    assert "not for time-stamping" in refused(
        token(authority=authority_of(wrong)), "timestamp_validation", trusted=[wrong.certificate]
    )
    unsaid = (
        PKI.sign_credential()
    )  # no extended key usage at all: being listed is the trust, as in the reference
    stamp = token(authority=authority_of(unsaid))
    assert verify_timestamp(stamp, data=DATA, tsa_certificates=[unsaid.certificate])


def test_a_certificate_whose_time_was_over() -> None:
    old = PKI.issue(
        CertificateProfile.TIMESTAMPING_AUTHORITY, name(CN="old TSA"), not_after=NOW - timedelta(seconds=1)
    )
    assert "not valid then" in refused(
        token(authority=authority_of(old)), "timestamp_validation", trusted=[old.certificate]
    )


def resigned(change: Callable[[SignedData, SignerInfo], None], key: Credential = PKI.tsa) -> bytes:
    """A token changed inside and signed again over whatever its signed attributes then are."""
    signed_data = _signed_data(token())
    signer = decode(SignerInfo, encode(signed_data.signer_infos.as_list()[0]))
    change(signed_data, signer)
    attributes = sorted(encode(attribute) for attribute in signer.signed_attributes or [])
    signer.signature = sign_bytes(key.key, SignatureAlgorithm.ECDSA_SHA256, wrap(0x31, b"".join(attributes)))
    signed_data.signer_infos = SetOf([tlv(encode(signer))])
    return encode(ContentInfo(content_type=ID_SIGNED_DATA, content=tlv(encode(signed_data))))


def malformed(stamp: bytes) -> str:
    with pytest.raises(PeerError) as error:
        parse_timestamp_token(stamp)
    assert error.value.code_path == "timestamp_validation"
    return error.value.message


def test_the_content_is_bound_by_its_digest() -> None:
    def other_time(signed_data: SignedData, _signer: SignerInfo) -> None:
        info = decode(TSTInfo, signed_data.encap_content_info.content or b"")
        info.gen_time = GeneralizedTime(NOW - timedelta(days=1))
        signed_data.encap_content_info.content = encode(info)

    refused(resigned(other_time), "timestamp_validation")


@pytest.mark.parametrize("kind", [ID_MESSAGE_DIGEST, ID_SIGNING_CERTIFICATE_V2])
def test_a_signed_attribute_missing_or_doubled(kind: x509.ObjectIdentifier) -> None:
    def drop(_data: SignedData, signer: SignerInfo) -> None:
        signer.signed_attributes = [a for a in signer.signed_attributes or [] if a.kind != kind]

    def double(_data: SignedData, signer: SignerInfo) -> None:
        signer.signed_attributes = [
            a for a in signer.signed_attributes or [] for _ in range(1 + (a.kind == kind))
        ]

    assert "one is required" in malformed(resigned(drop))
    assert "one is required" in malformed(resigned(double))


def test_no_signed_attributes() -> None:
    def strip(_data: SignedData, signer: SignerInfo) -> None:
        signer.signed_attributes = None

    malformed(resigned(strip))


def test_two_signers_or_none() -> None:
    for signers in (0, 2):
        signed_data = _signed_data(token())
        one = decode(SignerInfo, encode(signed_data.signer_infos.as_list()[0]))
        infos = []
        for number in range(signers):
            one.version = number
            infos.append(tlv(encode(one)))
        signed_data.signer_infos = SetOf(infos)
        stamp = encode(ContentInfo(content_type=ID_SIGNED_DATA, content=tlv(encode(signed_data))))
        assert "exactly one signer" in malformed(stamp)


def test_an_unknown_critical_extension() -> None:
    def add(signed_data: SignedData, _signer: SignerInfo) -> None:
        info = decode(TSTInfo, signed_data.encap_content_info.content or b"")
        odd = Extension(extension_id=x509.ObjectIdentifier("1.2.3.4"), critical=True, value=b"\x05\x00")
        info.extensions = [odd]
        signed_data.encap_content_info.content = encode(info)

    assert "critical" in malformed(resigned(add))


def test_sha1_is_refused() -> None:
    def outdated(_data: SignedData, signer: SignerInfo) -> None:
        signer.digest_algorithm = tlv(encode(Algorithm(algorithm=x509.ObjectIdentifier("1.3.14.3.2.26"))))

    assert "outdated" in malformed(resigned(outdated))


def test_an_older_authoritys_sha1_name_of_its_certificate_will_do() -> None:
    """ESSCertID names by SHA-1; the certificate is already one we trust, the name only binds the token to it."""

    def older(hash_value: bytes) -> Callable[[SignedData, SignerInfo], None]:
        def change(_data: SignedData, signer: SignerInfo) -> None:
            kept = [a for a in signer.signed_attributes or [] if a.kind != ID_SIGNING_CERTIFICATE_V2]
            named = SigningCertificate(certificates=[ESSCertID(cert_hash=hash_value)])
            signer.signed_attributes = [
                *kept,
                Attribute(kind=ID_SIGNING_CERTIFICATE, values=SetOf([tlv(encode(named))])),
            ]

        return change

    sha1 = PKI.tsa.certificate.fingerprint(hashes.SHA1())
    assert verify_timestamp(resigned(older(sha1)), data=DATA, tsa_certificates=TRUSTED)
    assert "another signing" in refused(resigned(older(bytes(20))), "timestamp_validation")


def test_the_signer_may_be_named_by_its_key() -> None:
    identifier = PKI.tsa.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)

    def by_key(_data: SignedData, signer: SignerInfo) -> None:
        signer.sid = identifier.value.digest

    assert verify_timestamp(resigned(by_key), data=DATA, tsa_certificates=TRUSTED)


def test_ber_with_indefinite_lengths_is_read() -> None:
    """As older BouncyCastle-based authorities send it."""
    strict = token(cert_req=True)
    signed_data = encode(decode(ContentInfo, strict).content)
    inner = signed_data[4:] if signed_data[1] == 0x82 else signed_data[3:]
    oid = encode(Algorithm(algorithm=ID_SIGNED_DATA))[2:]
    ber = b"\x30\x80" + oid + b"\xa0\x80" + b"\x30\x80" + inner + b"\x00\x00" * 3
    assert verify_timestamp(ber, data=DATA, tsa_certificates=TRUSTED)
    answered = b"\x30\x80" + wrap(0x30, b"\x02\x01\x00") + ber + b"\x00\x00"
    assert parse_timestamp_response(answered) == strict


def test_the_certificate_is_added_once() -> None:
    bare = token()
    stamp = add_certificate_to_token(bare, PKI.tsa.certificate)
    assert parse_timestamp_token(stamp).certificates == (der(PKI.tsa.certificate),)
    assert add_certificate_to_token(stamp, PKI.tsa.certificate) == stamp
    both = add_certificate_to_token(stamp, PKI.ca.certificate)
    assert len(parse_timestamp_token(both).certificates) == 2
    for each in (stamp, both):
        assert (
            verify_timestamp(each, data=DATA, tsa_certificates=TRUSTED).imprint
            == parse_timestamp_token(bare).imprint
        )
    with pytest.raises(PeerError):
        add_certificate_to_token(b"junk", PKI.ca.certificate)


def failure(request: bytes) -> int:
    """The one PKIFailureInfo bit of the refusal."""
    response = decode(TimeStampResp, TSA.answer(request, at=NOW, serial_number=1))
    assert response.status.status == 2
    assert response.time_stamp_token is None
    assert response.status.fail_info is not None
    bits = response.status.fail_info.as_bytes()
    (bit,) = [bit for bit in range(8 * len(bits)) if bits[bit // 8] & (0x80 >> bit % 8)]
    return bit


def changed_request(**changes: object) -> bytes:
    request = decode(TimeStampReq, build_timestamp_request(bytes(64)))
    for field, value in changes.items():
        setattr(request, field, value)
    return encode(request)


def imprint(oid: str, size: int) -> bytes:
    request = decode(TimeStampReq, build_timestamp_request(bytes(64)))
    request.message_imprint.hash_algorithm = tlv(encode(Algorithm(algorithm=x509.ObjectIdentifier(oid))))
    request.message_imprint.hashed_message = bytes(size)
    return encode(request)


@pytest.mark.parametrize(
    ("request_der", "expected"),
    [
        (b"", PKIFailureInfo.BAD_DATA_FORMAT),
        (b"junk", PKIFailureInfo.BAD_DATA_FORMAT),
        (build_timestamp_request(bytes(64)) + b"\x00", PKIFailureInfo.BAD_DATA_FORMAT),
        (build_timestamp_request(bytes(64)) + bytes(20_000), PKIFailureInfo.BAD_DATA_FORMAT),
        (build_timestamp_request(bytes(63)), PKIFailureInfo.BAD_DATA_FORMAT),
        (changed_request(version=2), PKIFailureInfo.BAD_REQUEST),
        (imprint("1.3.14.3.2.26", 20), PKIFailureInfo.BAD_ALG),
        (imprint("1.2.3.4", 64), PKIFailureInfo.BAD_ALG),
        (build_timestamp_request(bytes(64), policy="1.2.3.4"), PKIFailureInfo.UNACCEPTED_POLICY),
        (
            changed_request(
                extensions=[Extension(extension_id=x509.ObjectIdentifier("1.2.3"), value=b"\x05\x00")]
            ),
            PKIFailureInfo.UNACCEPTED_EXTENSION,
        ),
    ],
)
def test_what_the_authority_does_not_stamp(request_der: bytes, expected: PKIFailureInfo) -> None:
    assert failure(request_der) == expected


@pytest.mark.parametrize("reason", list(PKIFailureInfo))
def test_a_refusal_is_told_to_the_asker(reason: PKIFailureInfo) -> None:
    with pytest.raises(PeerError) as error:
        parse_timestamp_response(timestamp_refusal(reason, "because"))
    assert error.value.code_path == "timestamper_failed"
    words = reason.name.lower().split("_")
    assert words[0] + "".join(word.capitalize() for word in words[1:]) in error.value.message


RESPONSE = TSA.answer(build_timestamp_request(DigestAlgorithm.SHA512.digest(DATA)), at=NOW, serial_number=1)
TOKEN = parse_timestamp_response(RESPONSE)


@given(st.integers(0, len(RESPONSE) - 1))
def test_a_cut_response(size: int) -> None:
    with pytest.raises(PeerError) as error:
        parse_timestamp_response(RESPONSE[:size])
    assert error.value.code_path == "timestamper_failed"


@given(st.binary(max_size=300))
def test_no_bytes_break_the_readers(data: bytes) -> None:
    for read in (parse_timestamp_response, parse_timestamp_token):
        with pytest.raises(PeerError):
            read(data)
    assert failure(data) == PKIFailureInfo.BAD_DATA_FORMAT


@settings(max_examples=400)
@given(st.integers(0, len(TOKEN) - 1), st.integers(1, 255))
def test_no_changed_byte_changes_what_is_believed(position: int, change: int) -> None:
    data = bytearray(TOKEN)
    data[position] ^= change
    try:
        read = verify_timestamp(bytes(data), data=DATA, tsa_certificates=TRUSTED)
    except PlatformError as error:
        assert error.code_path in ("timestamp_validation", "malformed_signature", "internal_error")
    else:  # only what no signature covers, such as version numbers of the envelope
        assert (read.gen_time, read.imprint) == (NOW, DigestAlgorithm.SHA512.digest(DATA))


@given(
    serial_number=st.integers(0, 2**159),
    nonce=st.none() | st.integers(0, 2**128),
    milliseconds=st.integers(0, 10**11),
    algorithm=st.sampled_from(list(DigestAlgorithm)),
    cert_req=st.booleans(),
)
def test_what_is_stamped_is_what_is_read(
    serial_number: int, nonce: int | None, milliseconds: int, algorithm: DigestAlgorithm, cert_req: bool
) -> None:
    at = NOW.replace(year=2021) + timedelta(milliseconds=milliseconds)
    request = build_timestamp_request(algorithm.digest(DATA), algorithm, nonce=nonce, cert_req=cert_req)
    stamp = parse_timestamp_response(TSA.answer(request, at=at, serial_number=serial_number))
    read = verify_timestamp(stamp, data=DATA, tsa_certificates=TRUSTED, nonce=nonce)
    assert (read.gen_time, read.serial_number, read.nonce) == (at, serial_number, nonce)
    assert bool(read.certificates) == cert_req
    assert encode(decode(ContentInfo, stamp)) == stamp
