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
README_FILE = "documentation/readme.txt"
JSON, TEXT = "application/json", "text/plain"
README = """\
act.json       the act, canonical JSON (RFC 8785), UTF-8
act.seal.json  its seal: ECDSA on P-256 with SHA-256 over act.json, certificates in DER (base64)
decision.json  the decision behind it with all evidence, to be checked by verify_decision.py
METS.xml lists every file with its SHA-256; metadata/preservation/premis.xml says what happened to them.
"""


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
        SubmittedFile(README_FILE, TEXT, README.encode()),
    ]
    if decision is not None:
        files.append(SubmittedFile(DECISION_FILE, JSON, decision))
    return package_of(about, files, events)
