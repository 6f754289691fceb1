"""What a person signs, made by hand: a certificate, a document and a container with every part replaceable."""

from __future__ import annotations

from datetime import datetime, timedelta

from sild.pki import CertificateProfile, DigestAlgorithm, SignatureAlgorithm, sign_bytes
from sild.signatures import (
    DocumentPart,
    SignedDocument,
    add_evidence,
    prepare_baseline,
    stamped_bytes,
    write_signed_document,
)
from support.pki import NOW, Credential, Pki, name

DOCUMENT = "Isaduse omaksvõtt\n\nEva Tamm, EE49001010015\n".encode()


def person_credential(pki: Pki, number: str = "PNOEE-49001010015", **more: str) -> Credential:
    subject = name(C="EE", CN="TAMM,EVA,49001010015", GN="EVA", SN="TAMM", SERIALNUMBER=number, **more)
    return pki.issue(CertificateProfile.SIGN, subject)


def signed_document(
    pki: Pki,
    signer: Credential,
    *,
    document: bytes = DOCUMENT,
    shown: bytes | None = None,
    stamper: Pki | None = None,
    status: str = "good",
    asked_at: datetime = NOW + timedelta(seconds=1),
    stamped_at: datetime = NOW,
    over: bytes | None = None,
    attach: bool = True,
) -> bytes:
    """shown: what lies in the container instead of what was signed.  over: what the time-stamp covers instead."""
    part = DocumentPart("statement.txt", "text/plain", DigestAlgorithm.SHA256.digest(document))
    prepared = prepare_baseline(signer.certificate, part, signing_time=NOW)
    xml = prepared.complete(sign_bytes(signer.key, SignatureAlgorithm.ECDSA_SHA256, prepared.to_be_signed))
    if attach:
        token = (stamper or pki).timestamp(
            stamped_bytes(xml) if over is None else over, at=stamped_at, algorithm=DigestAlgorithm.SHA256
        )
        answer = pki.ocsp_response(signer.certificate, status=status, at=asked_at)
        xml = add_evidence(xml, time_stamp=token, certificates=signer.chain, ocsp_responses=[answer])
    return write_signed_document(
        SignedDocument("statement.txt", "text/plain", document if shown is None else shown, xml), at=NOW
    )
