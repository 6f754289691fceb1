"""What every country's code comes to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from sild.errors import CallerError

__all__ = ["Country", "IdentityCode", "InvalidIdentityCode", "Sex"]

Country = Literal["EE", "VN"]
Sex = Literal["F", "M"]


class InvalidIdentityCode(CallerError):
    """The text cannot be an identity code; the message says which rule it breaks, without repeating the code."""

    code = "invalid_identity_code"


@dataclass(frozen=True, slots=True)
class IdentityCode:
    """`born`: the date where the code tells it (EE), else nothing; `birth_year` is told by both."""

    text: str
    country: Country
    sex: Sex
    birth_year: int
    born: date | None

    def __str__(self) -> str:
        return self.text
