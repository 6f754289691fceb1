"""What a notice in FHIR R4 is signed as: one form for whoever signs it and whoever checks. Pure.

https://hl7.org/fhir/R4/datatypes.html#Signature, https://hl7.org/fhir/R4/json.html#canonical
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

__all__ = [
    "AUTHORS_SIGNATURE",
    "DEATH_NAME",
    "FHIR_JSON",
    "IDENTITY_SYSTEMS",
    "PURPOSES",
    "SIGNED_NAME",
    "XML_SIGNATURE",
    "canonical_bundle",
]

FHIR_JSON = "application/fhir+json"
XML_SIGNATURE = "application/signature+xml"
PURPOSES = "urn:iso-astm:E1762-95:2013"
AUTHORS_SIGNATURE = "1.2.840.10065.1.12.1.1"
"""Of `PURPOSES`: what the signature of whoever wrote the notice is for; in Signature.type, and as CommitmentTypeIndication."""
SIGNED_NAME = "birth-notice.json"
"""By which the signature refers to the Bundle of a birth, or a stillbirth."""
DEATH_NAME = "death-notice.json"
"""And of a death: what was signed as the one is never taken as the other."""
IDENTITY_SYSTEMS: Mapping[str, str] = {
    "EE": "https://fhir.ee/sid/pid/est/ni",
    "VN": "urn:sild:sid:VN:ni",
}
NOT_SIGNED = ("id", "meta", "signature")


def canonical_bundle(bundle: Mapping[str, Any]) -> bytes:
    """What is signed: all of a Bundle but `id`, `meta` and `signature`, members in order of their names, no white space, UTF-8."""
    said = {name: value for name, value in bundle.items() if name not in NOT_SIGNED}
    return json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
