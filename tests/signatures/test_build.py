"""What the template writes is canonical as it stands, and reads back as what was put in."""

from __future__ import annotations

import pytest
from lxml import etree

from sild.pki import DigestAlgorithm, algorithm_for, sign_bytes
from sild.signatures import SignatureTemplate, SignedPart, parse_signature, verify_signature
from support.pki import NOW, KeyKind, Pki
from support.signed_messages import MESSAGE, credential, digest, sign


@pytest.mark.parametrize("digest_algorithm", list(DigestAlgorithm))
@pytest.mark.parametrize(
    ("kind", "pss"), [("rsa-2048", False), ("rsa-2048", True), ("ec-p256", False), ("ec-p384", False)]
)
def test_every_algorithm(kind: KeyKind, pss: bool, digest_algorithm: DigestAlgorithm) -> None:
    xml = sign(kind=kind, pss=pss, digest_algorithm=digest_algorithm)
    signature = parse_signature(xml, strict_schema=True)
    verify_signature(signature, parts={"/message.xml": MESSAGE})
    assert signature.algorithm is algorithm_for(credential(kind)[1].key, digest_algorithm, pss=pss)
    assert signature.signing_certificate == credential(kind)[1].certificate
    assert signature.signing_time == NOW
    assert signature.references == (
        SignedPart("/message.xml", digest_algorithm.digest(MESSAGE), digest_algorithm),
    )


def test_text_is_canonical_as_written() -> None:
    """The whole document, not only what is signed: canonicalising it changes nothing but the declaration."""
    xml = sign()
    declaration = b'<?xml version="1.0" encoding="UTF-8" standalone="no"?>'
    assert declaration + etree.tostring(etree.fromstring(xml), method="c14n") == xml


def test_intermediate_certificates_travel_along() -> None:
    pki = Pki()
    intermediate = pki.intermediate()
    signer = pki.sign_credential(issuer=intermediate)
    responses = [
        pki.ocsp_response(signer.certificate, issuer=intermediate),
        pki.ocsp_response(intermediate.certificate),
    ]
    algorithm = algorithm_for(signer.key)
    template = SignatureTemplate(
        signer.certificate,
        ocsp_responses=responses,
        intermediates=[intermediate.certificate],
        algorithm=algorithm,
    )
    prepared = template.prepare("/message.xml", digest(MESSAGE), signing_time=NOW)
    xml = prepared.complete(sign_bytes(signer.key, algorithm, prepared.to_be_signed))
    signature = parse_signature(xml, strict_schema=True)
    verify_signature(signature, parts={"/message.xml": MESSAGE})
    assert signature.certificates == (intermediate.certificate,)
    assert signature.ocsp_responses == tuple(responses)


def test_a_part_given_by_its_digest() -> None:
    signature = parse_signature(sign(), strict_schema=True)
    verify_signature(signature, parts={"/message.xml": SignedPart("/message.xml", digest(MESSAGE))})


def test_a_digest_of_another_length_is_our_mistake() -> None:
    signer = credential("ec-p256")[1]
    template = SignatureTemplate(signer.certificate, ocsp_responses=[], algorithm=algorithm_for(signer.key))
    with pytest.raises(ValueError, match="another algorithm"):
        template.prepare("/message.xml", b"short", signing_time=NOW)
    with pytest.raises(ValueError, match="name of a part"):
        template.prepare('/message.xml"', digest(b""), signing_time=NOW)
