"""Rules of cover, dated and cited. Pure. Sections are for demonstration: verify them with the consolidated text."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sild.registries.identity_codes import Country

__all__ = ["ChildCover", "card_number", "cover_of_child", "ground"]

GROUNDS: dict[Country, str] = {"EE": "RaKS § 5", "VN": "Luật BHYT 2008, Điều 12"}
CHILD_UNTIL: dict[Country, int] = {"EE": 19, "VN": 6}
"""Age on which a child's cover ends: RaKS § 5 (4) 2); Luật BHYT Điều 12, khoản 3."""


@dataclass(frozen=True, slots=True)
class ChildCover:
    """valid_to: the first day without."""

    valid_from: date
    valid_to: date
    basis: str


def ground(country: Country) -> str:
    """The legal ground on which the fund asks other registers."""
    return GROUNDS[country]


def cover_of_child(country: Country, born: date) -> ChildCover:
    """From the day of birth; before it there is none, whatever was asked."""
    year = born.year + CHILD_UNTIL[country]
    leap_day = (born.month, born.day) == (2, 29)
    until = date(year, 3, 1) if leap_day else born.replace(year=year)
    return ChildCover(born, until, GROUNDS[country])


def card_number(country: Country, serial: int) -> str:
    """EE: 20 digits, the issuer's 80233 in front, as on the European card.  VN: 15 characters, `TE1` for children under six."""
    if country == "EE":
        return f"80233{serial:015d}"
    return f"TE101{serial:010d}"
