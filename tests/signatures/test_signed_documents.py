"""Signatures of people: made, believed, agreed with by libxmlsec; and every way to be somebody else or sign something else."""

from __future__ import annotations

import io
from datetime import timedelta
from zipfile import ZipFile

import pytest

from sild.errors import PeerError, PlatformError, TrustError
from sild.pki import CertificateProfile
from sild.signatures import read_asice, read_signed_document, verify_signed_document
from support.personal import DOCUMENT, person_credential, signed_document
from support.pki import NOW, Pki, name
from support.second_opinion import confirm_signature

PKI, OTHER = Pki(), Pki(common_name="Other CA")
EVA = person_credential(PKI)
NAMED = [PKI.ca.certificate, PKI.tsa.certificate]


def test_a_person_signs_and_is_believed() -> None:
    whole = signed_document(PKI, EVA)
    found = verify_signed_document(whole, named=NAMED)
    assert (found.person, found.document, found.signed_at) == ("EE49001010015", DOCUMENT, NOW)
    assert whole == signed_document(PKI, EVA) or found.name == "statement.txt"
    signed = read_signed_document(whole)
    confirm_signature(signed.signature, {"statement.txt": DOCUMENT})
    for word in (
        b"SigningCertificateV2",
        b"SignatureTimeStamp",
        b"EncapsulatedOCSPValue",
        b"CertificateValues",
    ):
        assert word in signed.signature
    assert b"SignaturePolicyIdentifier" not in signed.signature
    with ZipFile(io.BytesIO(whole)) as archive:
        assert archive.namelist()[0] == "mimetype" and archive.infolist()[0].compress_type == 0
    with pytest.raises(PeerError):  # a message is another thing
        read_asice(io.BytesIO(whole))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"shown": DOCUMENT + b"and all I own"}, "invalid_signature_value"),
        ({"status": "revoked"}, "signer_not_good"),
        ({"status": "unknown"}, "signer_not_good"),
        ({"asked_at": NOW - timedelta(minutes=30)}, "signer_not_good"),  # good before it was signed
        ({"over": b"something else"}, "untrusted_stamp"),
        ({"stamper": OTHER}, "untrusted_stamp"),
        ({"attach": False}, "untrusted_stamp"),
    ],
    ids=[
        "other-document",
        "revoked",
        "unknown",
        "old-status",
        "stamp-of-else",
        "stranger-stamps",
        "no-stamp",
    ],
)
def test_what_is_not_as_it_was_signed(change: dict[str, object], code: str) -> None:
    with pytest.raises(PlatformError) as refused:
        verify_signed_document(signed_document(PKI, EVA, **change), named=NAMED)  # type: ignore[arg-type]
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("signer", "code"),
    [
        (person_credential(OTHER), "untrusted_signer"),
        (person_credential(PKI, O="Hospital"), "no_person"),
        (person_credential(PKI, number="49001010015"), "no_person"),
        (person_credential(PKI, number="NTREE-12345678"), "no_person"),
        (PKI.sign_credential("DEV", "COM", "1234"), "no_person"),
        (
            PKI.issue(CertificateProfile.AUTH, name(CN="x", SERIALNUMBER="PNOEE-49001010015")),
            "not_for_signatures",
        ),
        (
            PKI.issue(CertificateProfile.TLS, name(CN="x", SERIALNUMBER="PNOEE-49001010015")),
            "not_for_signatures",
        ),
        (PKI.tsa, "not_for_signatures"),
        (PKI.ca, "not_for_signatures"),
        (PKI.ocsp, "not_for_signatures"),
    ],
)
def test_keys_that_are_nobodys_signature(signer: object, code: str) -> None:
    with pytest.raises(TrustError) as refused:
        verify_signed_document(signed_document(PKI, signer), named=NAMED)  # type: ignore[arg-type]
    assert refused.value.code == code


def test_issued_by_who_may_not(tmp_path: object) -> None:
    """Somebody's own certificate certifies nobody else, named or not."""
    under = PKI.issue(CertificateProfile.SIGN, name(CN="y", SERIALNUMBER="PNOEE-60001019906"), issuer=EVA)
    for named in (NAMED, [*NAMED, EVA.certificate]):
        with pytest.raises(TrustError):
            verify_signed_document(signed_document(PKI, under), named=named)


def test_no_byte_can_be_changed() -> None:
    """Whatever bit is turned: refused, or the same document of the same person by the same time."""
    whole = signed_document(PKI, EVA)
    found = verify_signed_document(whole, named=NAMED)
    for position in range(0, len(whole), 37):
        changed = bytearray(whole)
        changed[position] ^= 1
        try:
            again = verify_signed_document(bytes(changed), named=NAMED)
        except PlatformError:
            continue
        assert (again.person, again.document, again.signed_at) == (
            found.person,
            found.document,
            found.signed_at,
        )


@pytest.mark.parametrize("entry", ["second.txt", "META-INF/signatures1.xml", "../up.txt"])
def test_something_else_in_the_container(entry: str) -> None:
    whole = io.BytesIO(signed_document(PKI, EVA))
    with ZipFile(whole, "a") as archive:
        archive.writestr(entry, b"x")
    with pytest.raises(PeerError) as refused:
        verify_signed_document(whole.getvalue(), named=NAMED)
    assert refused.value.code == "malformed_container"
