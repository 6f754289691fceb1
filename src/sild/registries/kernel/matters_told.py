"""The two events of what waits for a person in a register (`matters.py`): it begins to wait, it no longer does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from sild.registries.kernel.kernel import Use

__all__ = ["MATTER_OPENED", "MATTER_SETTLED", "MatterKind", "matter_opened", "matter_settled"]

MATTER_OPENED = "matter.opened"
MATTER_SETTLED = "matter.settled"

MatterKind = Literal[
    "held_offer", "dispute", "disputed_death", "missing_person", "review", "ripple", "consultation"
]


def matter_opened(use: Use, kind: MatterKind, key: str, persons: Sequence[str]) -> None:
    """persons: whom it is about, of whom nobody and no relative decides; empty: the register does not know them by name."""
    _tell(use, MATTER_OPENED, kind, key, persons)


def matter_settled(use: Use, kind: MatterKind, key: str, persons: Sequence[str]) -> None:
    """It waits no more, whoever ended it."""
    _tell(use, MATTER_SETTLED, kind, key, persons)


def _tell(use: Use, event_type: str, kind: MatterKind, key: str, persons: Sequence[str]) -> None:
    subject = persons[0] if persons else f"{kind}/{key}"
    use.publish(event_type, subject, {"kind": kind, "key": key, "persons": list(persons)})
