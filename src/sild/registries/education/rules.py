"""What the published rule compares, and its words; the fact of how it stands with a child. It is the rule package of the child's country that decides. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sild.registries.identity_codes import Country

__all__ = ["QUEUE", "RULE", "Waiting", "age_in_years", "ground"]

QUEUE = "kindergarten_queue"
GROUNDS: dict[Country, str] = {"EE": "KELS § 10", "VN": "NĐ 105/2020/NĐ-CP"}

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
    """One child that waits for a group. resident: of the kindergarten's commune.  sibling: in the same kindergarten.

    by_hand: id of the message in which an official put it where such a child stands; then that is what these say.
    """

    child: str
    resident: bool
    sibling: bool
    joined_at: datetime
    born: date
    by_hand: str | None = None

    @property
    def compared(self) -> tuple[tuple[str, str, bool | str, bool | int], ...]:
        """Name, type, value and rank of what the rule compares, one after the other: the lowest ranks first. The codes come last."""
        return (
            ("resident", "bool", self.resident, not self.resident),
            ("sibling", "bool", self.sibling, not self.sibling),
            (
                "joined_at",
                "instant",
                self.joined_at.isoformat(),
                round(self.joined_at.timestamp() * 1_000_000),
            ),
            ("born", "date", self.born.isoformat(), self.born.toordinal()),
        )

    @property
    def expected(self) -> tuple[tuple[bool | int, ...], str]:
        """Ascending in the order that the rule is expected to give: it tells whom to ask about, and places nobody."""
        return tuple(rank for *_, rank in self.compared), self.child


def ground(country: Country) -> str:
    """The legal ground on which the municipality asks other registers."""
    return GROUNDS[country]


def age_in_years(born: date, on: date) -> int:
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day))
