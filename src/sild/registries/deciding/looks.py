"""An official's step in a decision: what they had before them, what they did, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sild.decisions import HumanStep, Secret, sha256_of
from sild.registries.deciding.deciding import Deciding

__all__ = ["Look", "human_step"]


@dataclass(frozen=True, slots=True)
class Look:
    """view_sha256: of what was on the screen; None: what the register itself tells of the matter.  posture: of the device.

    seconds: from taking the case to deciding.  words: of their own.
    """

    view_sha256: str | None = None
    posture: str | None = None
    seconds: int = 0
    words: str = ""


def human_step(
    deciding: Deciding,
    official: str,
    look: Look,
    action: Literal["confirm", "change", "return", "override"],
    *,
    shown: Mapping[str, Any],  # JSON
    reason_code: str | None = None,
) -> HumanStep:
    """official: code.  shown: what the register tells of the matter."""
    office = deciding.officials.office_of(official, deciding.kernel.today)
    return HumanStep(
        official=deciding.store.pseudonym(official),
        role="official",
        qualification=None if office is None else office.qualification,
        device_posture=look.posture,
        view_sha256=look.view_sha256 or sha256_of(shown),
        action=action,
        reason_code=reason_code,
        reason_text=Secret(secret=look.words) if look.words else None,
        seconds=look.seconds,
    )
