"""What the register gives of a person, and of a birth."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sild.registries.identity_codes import Country, Sex
from sild.registries.kernel import Defect
from sild.registries.kernel.facts import Json

__all__ = ["Birth", "Page", "Paternity", "Person", "Presence", "Related", "grown_up"]


@dataclass(frozen=True, slots=True)
class Person:
    """`mother`, `father`, `spouse`: identity codes, where they are known.  status: LIVING, DEAD or UNNAMED (a child)."""

    code: str
    country: Country
    sex: Sex
    family_name: str | None
    given_names: str | None
    born: date
    died: date | None
    birth_place: str | None
    citizenships: tuple[str, ...]
    mother: str | None
    father: str | None
    spouse: str | None

    @property
    def full_name(self) -> str:
        """In the order of the person's country; nothing for a child without a name."""
        names = (self.given_names, self.family_name)
        ordered = reversed(names) if self.country == "VN" else names
        return " ".join(name for name in ordered if name)

    @property
    def status(self) -> str:
        if self.died is not None:
            return "DEAD"
        return "LIVING" if self.given_names else "UNNAMED"


@dataclass(frozen=True, slots=True)
class Related:
    """Somebody to somebody.  relation: mother, father, child, spouse, sibling, guardian or ward.  custody: of or by them.
    until: of a guardian, the first day on which they are not."""

    person: Person
    relation: str
    since: date
    fact: int
    custody: bool = False
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Page:
    persons: tuple[Person, ...]
    total: int


@dataclass(frozen=True, slots=True)
class Presence:
    """Before whom something was said. official: who wrote it down.  document: the kind of what they were known by; its number stays with the office."""

    official: str
    document: str


@dataclass(frozen=True, slots=True)
class Paternity:
    """status: NOT_NEEDED (married), NONE_NAMED, WAITING, ACKNOWLEDGED, DENIED.  answers: {parent, answer, at} each, and `before` (Presence)."""

    status: str
    father: str | None
    answers: tuple[dict[str, Json], ...]
    waiting_for: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Birth:
    """status: UNNAMED, REGISTERED, DEAD, STILLBORN.  defects: what stands against registration now, names aside.

    notes: what people should see though it stands against nothing.  decision: id of the record that registered it.
    """

    child: Person
    status: str
    notice: dict[str, Json]
    paternity: Paternity
    defects: tuple[Defect, ...]
    notes: tuple[Defect, ...]
    registered_at: str | None
    decision: str | None


def grown_up(born: date) -> date:
    """The day somebody is eighteen."""
    return (
        date(born.year + 18, 3, 1) if (born.month, born.day) == (2, 29) else born.replace(year=born.year + 18)
    )
