"""WIRE 8.3, 18: an attachment behind a hash chain. The reference calls a missing or altered one "unverified" and goes on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sild.errors import PlatformError
from sild.pki import DigestAlgorithm, TimeStampAuthority, build_timestamp_request, parse_timestamp_response
from sild.signatures import AsicContainer, Attachment, add_timestamp, signature_value_bytes
from sild.xroad.evidence import verify_container
from support.pki import NOW
from support.two_members import REQUEST, TwoMembers


@pytest.fixture(scope="module")
def world() -> TwoMembers:
    return TwoMembers()


def container(world: TwoMembers, *attachments: bytes) -> AsicContainer:
    """As the message log gives it out, with a single time-stamp inside the signature."""
    sealed = world.seal(REQUEST, *attachments)
    imprint = DigestAlgorithm.SHA512.digest(signature_value_bytes(sealed.signature))
    authority = TimeStampAuthority(world.pki.tsa.certificate, world.pki.tsa.key, "1.2.3")
    token = parse_timestamp_response(
        authority.answer(build_timestamp_request(imprint), at=NOW, serial_number=1)
    )
    return AsicContainer(
        message=sealed.message,
        signature=add_timestamp(sealed.signature, token),
        hash_chain_result=sealed.hash_chain_result,
        hash_chain=sealed.hash_chain,
        attachments=tuple(Attachment.of_bytes(n, data) for n, data in enumerate(attachments, 1)),
    )


def refusal(world: TwoMembers, evidence: AsicContainer) -> str:
    with pytest.raises(PlatformError) as caught:
        verify_container(evidence, world.globalconf)
    return caught.value.code_path


def test_the_honest_one(world: TwoMembers) -> None:
    report = verify_container(container(world, b"one", b"two"), world.globalconf)
    assert [(r.uri, r.verified) for r in report.references] == [
        ("/sig-hashchainresult.xml", True),
        ("/message.xml", True),
        ("/attachment1", True),
        ("/attachment2", True),
    ]
    assert report.remarks == []
    assert report.at == NOW


def test_an_altered_attachment(world: TwoMembers) -> None:
    evidence = container(world, b"one", b"two")
    altered = replace(
        evidence, attachments=(Attachment.of_bytes(1, b"one"), Attachment.of_bytes(2, b"other"))
    )
    assert refusal(world, altered) == "malformed_signature.invalid_hash_chain_ref"


def test_exchanged_attachments(world: TwoMembers) -> None:
    evidence = container(world, b"one", b"two")
    exchanged = replace(
        evidence, attachments=(Attachment.of_bytes(1, b"two"), Attachment.of_bytes(2, b"one"))
    )
    assert refusal(world, exchanged) == "malformed_signature.invalid_hash_chain_ref"


def test_a_missing_attachment_is_said_to_be_unverified(world: TwoMembers) -> None:
    """Bodies need not be logged, so absence is no refusal; but it is said."""
    evidence = replace(container(world, b"one", b"two"), attachments=(Attachment.of_bytes(1, b"one"),))
    report = verify_container(evidence, world.globalconf)
    assert [r.uri for r in report.references if not r.verified] == ["/attachment2"]
    assert "/attachment2" in report.remarks[0]


def test_an_attachment_nobody_signed(world: TwoMembers) -> None:
    extra = Attachment.of_bytes(3, b"three")
    evidence = container(world, b"one", b"two")
    added = replace(evidence, attachments=(*evidence.attachments, extra))
    assert refusal(world, added) == "malformed_signature.hashchain_unused_inputs"
    plain = replace(container(world), attachments=(Attachment.of_bytes(1, b"one"),))
    assert refusal(world, plain) == "malformed_signature"


def test_the_chain_is_missing(world: TwoMembers) -> None:
    evidence = container(world, b"one")
    assert refusal(world, replace(evidence, hash_chain_result=None)) == "invalid_signature_value"
    assert refusal(world, replace(evidence, hash_chain=None)) == "malformed_signature.invalid_reference"
