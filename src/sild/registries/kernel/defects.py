"""A refusal that names everything that is wrong, so that nobody is sent back twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sild.errors import CallerError

__all__ = ["Defect", "Defects", "refuse_defects"]


@dataclass(frozen=True, slots=True)
class Defect:
    """code: a word for programs.  detail: a sentence for people.  pointer: where in what was sent (RFC 6901)."""

    code: str
    detail: str
    pointer: str = ""


class Defects(CallerError):
    """What was asked for cannot be done, and why: all of it."""

    def __init__(self, message: str, *, code: str, defects: Sequence[Defect]) -> None:
        super().__init__(message, code=code, defects=" ".join(defect.code for defect in defects))
        self.defects = tuple(defects)


def refuse_defects(message: str, *, code: str, defects: Sequence[Defect]) -> None:
    """Raises Defects when there are any."""
    if defects:
        raise Defects(message, code=code, defects=defects)
