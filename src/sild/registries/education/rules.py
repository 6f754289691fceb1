"""The published rule by which places are given, and when a child is old enough. Pure. Verify sections before relying on them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from sild.registries.identity_codes import Country

__all__ = ["RULE", "Waiting", "age_in_years", "earliest", "ground", "in_order"]

GROUNDS: dict[Country, str] = {"EE": "KELS § 10", "VN": "NĐ 105/2020/NĐ-CP"}
EARLIEST_MONTHS: dict[Country, int] = {"EE": 18, "VN": 3}

RULE = {
    "et": "Enne tulevad lapsed, kes elavad omavalitsuses; siis need, kelle õde või vend käib samas lasteaias; siis järjekorda "
    "võtmise aja järgi; siis vanem laps.",
    "vi": "Trước hết là trẻ cư trú trong xã, phường; sau đó trẻ có anh chị em học cùng trường; sau đó theo thời điểm vào hàng chờ; "
    "sau đó trẻ lớn tuổi hơn.",
    "en": "Children who live in the commune come first; then those with a sibling in the same kindergarten; then by the time of "
    "joining the queue; then the older child.",
}
"""As published, by language."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """One child that waits for a group. resident: of the kindergarten's commune.  sibling: in the same kindergarten."""

    child: str
    resident: bool
    sibling: bool
    joined_at: datetime
    born: date


def ground(country: Country) -> str:
    """The legal ground on which the municipality asks other registers."""
    return GROUNDS[country]


def in_order(waiting: Iterable[Waiting]) -> list[Waiting]:
    """First comes who gets the next place."""
    return sorted(waiting, key=lambda w: (not w.resident, not w.sibling, w.joined_at, w.born, w.child))


def earliest(country: Country, born: date) -> date:
    """The first day on which the child may attend."""
    count = 12 * born.year + born.month - 1 + EARLIEST_MONTHS[country]
    return date(count // 12, count % 12 + 1, min(born.day, 28))


def age_in_years(born: date, on: date) -> int:
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day))
