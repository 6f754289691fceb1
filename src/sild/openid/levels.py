"""Levels of assurance of eIDAS (Regulation 910/2014, article 8) as TARA spells them in `acr`."""

from __future__ import annotations

from enum import IntEnum

from sild.openid.errors import OpenIDError

__all__ = ["LevelOfAssurance"]


class LevelOfAssurance(IntEnum):
    """Ordered: a session fits a request when its level is at least the one asked for."""

    LOW = 1
    SUBSTANTIAL = 2
    HIGH = 3

    @property
    def acr(self) -> str:
        return self.name.lower()

    @classmethod
    def from_acr(cls, acr: str) -> LevelOfAssurance:
        """Raises OpenIDError (`invalid_request`)."""
        for level in cls:
            if level.acr == acr:
                return level
        raise OpenIDError("acr_values must be one of low, substantial, high")
