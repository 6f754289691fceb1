"""Where in a package an act, its seal and the evidence of its decision stand: what sender and archive agree on. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sild.documents.metadata import Described, Happened
from sild.documents.packages import SubmittedFile, package_of
from sild.documents.statements import canonical_json

__all__ = ["ACT_FILE", "DECISION_FILE", "SEAL_FILE", "act_package"]

ACT_FILE = "representations/act/data/act.json"
SEAL_FILE = "representations/act/data/act.seal.json"
DECISION_FILE = "representations/act/data/decision.json"
SCHEMA_FILE = "schemas/act.schema.json"
README_FILE = "documentation/readme.txt"
JSON, TEXT = "application/json", "text/plain"
README = """\
act.json       the act, canonical JSON (RFC 8785), UTF-8; schemas/act.schema.json says what stands in it
act.seal.json  its seal: ECDSA on P-256 with SHA-256 over act.json, certificates in DER (base64)
decision.json  the decision behind it with all evidence, to be checked by verify_decision.py
METS.xml lists every file with its SHA-256; metadata/preservation/premis.xml says what happened to them.
"""

ACT_SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "An act of a register",
    "type": "object",
    "required": ["kind", "country", "persons", "decision"],
    "properties": {
        "kind": {"type": "string", "description": "Kind of record: how long it is kept"},
        "country": {"type": "string", "pattern": "^[A-Z]{2}$", "description": "Whose law it is made by"},
        "persons": {
            "type": "array",
            "items": {"type": "string"},
            "minItems": 1,
            "description": "Identity codes of those it is about",
        },
        "decision": {"type": ["string", "null"], "description": "Id of the record in decision.json"},
        "case": {"type": ["string", "null"], "description": "Number of the case it was made in"},
        "register": {"type": "string", "description": "INSTANCE/CLASS/CODE/SUBSYSTEM"},
        "registered_at": {"type": "string", "format": "date-time"},
        "messages": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["operation", "id"],
                "properties": {"operation": {"type": "string"}, "id": {"type": "string"}},
            },
            "description": "X-Road messages that made it: their evidence is in the message logs",
        },
    },
}


def act_package(
    about: Described,
    act: Mapping[str, Any],
    seal: bytes,
    decision: bytes | None,
    events: Sequence[Happened],
) -> bytes:
    """act: JSON; seal: of its canonical form.  decision: a bundle. Raises as `package_of` does."""
    files = [
        SubmittedFile(ACT_FILE, JSON, canonical_json(act)),
        SubmittedFile(SEAL_FILE, JSON, seal),
        SubmittedFile(SCHEMA_FILE, JSON, canonical_json(ACT_SCHEMA)),
        SubmittedFile(README_FILE, TEXT, README.encode()),
    ]
    if decision is not None:
        files.append(SubmittedFile(DECISION_FILE, JSON, decision))
    return package_of(about, files, events)
