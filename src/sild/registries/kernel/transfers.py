"""Data that leaves the country: another X-Road instance gets what an assessment on file says it may, until the day it says, and nothing else.

Whoever asks from another instance, or is told of events there, is in another jurisdiction: GDPR chapter V; Viet Nam's Law 91/2025 and
Decree 356/2025 want a transfer impact assessment (CTIA). Within the European Economic Area the entry names that (GDPR 1(3)).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase

from sild.errors import CallerError

__all__ = ["TELLING", "Transfer", "ensure_assessed"]

TELLING = "tell "
"""Before an event's type, the operation by which somebody is told of it."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """instance: X-Road's, of those who get data.  assessment: the dossier, or why none is needed.  until: the last day it counts.  operations: OpenAPI's `operationId`, `tell ` and an event's type; patterns with `*`."""

    instance: str
    assessment: str
    until: date
    operations: tuple[str, ...]


def ensure_assessed(assessed: Sequence[Transfer], system: str, client: str, operation: str, on: date) -> None:
    """system: whose data it is.  client: who gets it; both `INSTANCE/CLASS/...`. Raises CallerError (`transfer_not_assessed`)."""
    home, abroad = (name.strip("/").partition("/")[0] for name in (system, client))
    if home == abroad:
        return
    known = [
        one
        for one in assessed
        if one.instance == abroad and any(fnmatchcase(operation, pattern) for pattern in one.operations)
    ]
    if any(on <= one.until for one in known):
        return
    why = "has ended" if known else "is not there"
    raise CallerError(
        f"{operation} would take people's data to {abroad}, and the assessment of that transfer {why}: whoever keeps this register "
        "makes one and enters it in the settings (`transfers`)",
        code="transfer_not_assessed",
    )
