"""libxmlsec and asn1crypto agree with what is made here; that they can tell is shown with the reference's samples."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
import xmlsec

from sild.pki import DigestAlgorithm, algorithm_for, sign_bytes
from sild.signatures import (
    AsicContainer,
    Attachment,
    SignatureTemplate,
    SignedPart,
    build_hash_chains,
    write_asice,
)
from support.pki import NOW, KeyKind
from support.second_opinion import confirm_container, confirm_hash_chain, confirm_signature
from support.signed_messages import MESSAGE, SIGNED_SAMPLES, Recorded, credential, digest, sign


@pytest.mark.parametrize("name", SIGNED_SAMPLES)
def test_samples(name: str, sample: Callable[[str], Recorded]) -> None:
    recorded = sample(name)
    confirm_signature(recorded.signature, recorded.parts)
    for part in ("/message.xml", "/sig-hashchainresult.xml"):
        if part.encode() in recorded.signature:
            with pytest.raises(xmlsec.Error):
                confirm_signature(recorded.signature, {**recorded.parts, part: recorded.parts[part] + b"\n"})


def test_sample_containers(shared: Path) -> None:
    for name in ("valid-signed-message", "valid-non-batch-rest"):
        confirm_container(shared / f"asice/{name}.asice")


@pytest.mark.parametrize(
    "name", ["wrong-message", "invalid-signed-hashchain", "invalid-incorrect-references"]
)
def test_bad_sample_containers(name: str, shared: Path) -> None:
    with pytest.raises((xmlsec.Error, AssertionError, KeyError)):
        confirm_container(shared / f"asice/{name}.asice")


@pytest.mark.parametrize("digest_algorithm", list(DigestAlgorithm))
@pytest.mark.parametrize(
    ("kind", "pss"), [("rsa-2048", False), ("rsa-2048", True), ("ec-p256", False), ("ec-p384", False)]
)
def test_signatures_made_here(kind: KeyKind, pss: bool, digest_algorithm: DigestAlgorithm) -> None:
    xml = sign(kind=kind, pss=pss, digest_algorithm=digest_algorithm)
    confirm_signature(xml, {"/message.xml": MESSAGE})
    with pytest.raises(xmlsec.Error):
        confirm_signature(xml, {"/message.xml": MESSAGE[:-1]})


@pytest.mark.parametrize("messages", [2, 3, 5, 8])
@pytest.mark.parametrize("attachments", [0, 1, 3])
def test_batch_containers_made_here(messages: int, attachments: int) -> None:
    """A batch signed with one signature, and their signatures time-stamped with one tree."""
    pki, signer = credential("ec-p256")
    contents = [[f"{m} {part}".encode() for part in range(attachments + 1)] for m in range(messages)]
    names = ["/message.xml", *(f"/attachment{n}" for n in range(1, attachments + 1))]
    parts = [
        [SignedPart(name, digest(part)) for name, part in zip(names, content, strict=True)]
        for content in contents
    ]
    chains = build_hash_chains(parts)
    algorithm = algorithm_for(signer.key)
    template = SignatureTemplate(
        signer.certificate, ocsp_responses=[pki.ocsp_response(signer.certificate)], algorithm=algorithm
    )
    prepared = template.prepare("/sig-hashchainresult.xml", digest(chains.result), signing_time=NOW)
    xml = prepared.complete(sign_bytes(signer.key, algorithm, prepared.to_be_signed))
    stamped = build_hash_chains(
        [[SignedPart("/META-INF/signatures.xml", digest(xml))]] * messages, file_name="/ts-hashchain.xml"
    )
    for content, chain, ts_chain in zip(contents, chains.chains, stamped.chains, strict=True):
        file = io.BytesIO()
        container = AsicContainer(
            message=content[0],
            signature=xml,
            hash_chain_result=chains.result,
            hash_chain=chain,
            timestamp=b"token",
            ts_hash_chain_result=stamped.result,
            ts_hash_chain=ts_chain,
            attachments=tuple(Attachment.of_bytes(n, data) for n, data in enumerate(content[1:], 1)),
        )
        write_asice(container, file, at=NOW)
        confirm_container(file)
        files = {name: data for name, data in container.files.items() if isinstance(data, bytes)}
        covered = confirm_hash_chain(
            chains.result, {**files, **dict(zip(names[1:], content[1:], strict=True))}
        )
        assert covered == set(names)
