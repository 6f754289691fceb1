"""Notices of births and deaths as professionals sign them: a Bundle's signature with real keys, certificates and time-stamps, and who may notify."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sild.pki import DigestAlgorithm, SignatureAlgorithm, sign_bytes
from sild.registries.fhir import (
    AUTHORS_SIGNATURE,
    DEATH_NAME,
    FHIR_JSON,
    IDENTITY_SYSTEMS,
    PURPOSES,
    SIGNED_NAME,
    XML_SIGNATURE,
    canonical_bundle,
)
from sild.registries.population.notifying import Notifier, Notifying
from sild.signatures import (
    DocumentPart,
    SignedDocument,
    add_evidence,
    prepare_baseline,
    stamped_bytes,
    write_signed_document,
)
from support.personal import person_credential
from support.pki import Pki

MIDWIFE = "48901010015"
DOCTOR = "37203030015"
STRANGER = "49001010012"
HOSPITAL = "SILD/COM/90000001"
OTHER_HOSPITAL = "SILD/COM/90000002"
SENT_BY = f"{HOSPITAL}/hospital"
PKI = Pki(common_name="People's CA")
NAMED = (PKI.ca.certificate, PKI.tsa.certificate)
LISTED = (
    Notifier(MIDWIFE, "Tiina Ämm", HOSPITAL, licence="N04512"),
    Notifier(MIDWIFE, "Tiina Ämm", OTHER_HOSPITAL, licence="N04512"),
    Notifier(DOCTOR, "Rein Arst", HOSPITAL, "doctor", licence="D02211"),
)


def notifying() -> Notifying:
    return Notifying(LISTED, NAMED)


def signed_bundle(
    bundle: Mapping[str, Any],
    *,
    at: datetime,
    person: str = MIDWIFE,
    who: str | None = None,
    over: Mapping[str, Any] | None = None,
    name: str = SIGNED_NAME,
    pki: Pki = PKI,
    status: str = "good",
) -> dict[str, Any]:
    """at: of the time-stamp.  who: named in the Bundle instead of who signs.  over: another Bundle, which is signed instead."""
    xades = _signed(canonical_bundle(over or bundle), at, person, name, pki, status).signature
    return {
        **bundle,
        "signature": {
            "type": [{"system": PURPOSES, "code": AUTHORS_SIGNATURE}],
            "when": at.isoformat(),
            "who": {"identifier": {"system": IDENTITY_SYSTEMS["EE"], "value": who or person}},
            "targetFormat": FHIR_JSON,
            "sigFormat": XML_SIGNATURE,
            "data": base64.b64encode(xades).decode(),
        },
    }


def signed_death(notice: Mapping[str, Any], *, at: datetime, **said: Any) -> dict[str, Any]:
    """As `signed_bundle`, by the doctor."""
    return signed_bundle(notice, at=at, **{"person": DOCTOR, "name": DEATH_NAME, **said})


def container(
    bundle: Mapping[str, Any], *, at: datetime, person: str = MIDWIFE, name: str = SIGNED_NAME
) -> bytes:
    """What the signing service's client makes of her yes: ASiC-E."""
    return write_signed_document(_signed(canonical_bundle(bundle), at, person, name, PKI, "good"), at=at)


def _signed(content: bytes, at: datetime, person: str, name: str, pki: Pki, status: str) -> SignedDocument:
    signer = person_credential(pki, f"PNOEE-{person}")
    part = DocumentPart(name, FHIR_JSON, DigestAlgorithm.SHA256.digest(content))
    prepared = prepare_baseline(signer.certificate, part, signing_time=at, commitment=AUTHORS_SIGNATURE)
    xml = prepared.complete(sign_bytes(signer.key, SignatureAlgorithm.ECDSA_SHA256, prepared.to_be_signed))
    stamp = pki.timestamp(stamped_bytes(xml), at=at, algorithm=DigestAlgorithm.SHA256)
    answer = pki.ocsp_response(signer.certificate, status=status, at=at + timedelta(seconds=1))  # type: ignore[arg-type]
    whole = add_evidence(xml, time_stamp=stamp, certificates=signer.chain, ocsp_responses=[answer])
    return SignedDocument(name, FHIR_JSON, content, whole)
