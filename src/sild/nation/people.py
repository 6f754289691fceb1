"""Test people of the demonstration: found among the synthetic people of every register, always the same ones.

Nobody here exists. Each is good for something in the journeys, and says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from sild.registries.synthetic import AS_OF, SyntheticPerson, synthetic_homes, synthetic_people

__all__ = ["TOWN", "OfficialRole", "TestPerson", "find_test_people"]

MUNICIPALITY = "70000005"
TARTU = "0793"
CONTESTED = {"social": "70000004", "insurance": "70000003", "education": "70000005"}
"""Bodies whose decisions officials answer contests of."""
TOWN = {"EE": TARTU, "VN": "00070"}
"""Where the desks of the demonstration are: Tartu, and the ward of Hoàn Kiếm."""


@dataclass(frozen=True, slots=True)
class OfficialRole:
    """role: in the identity provider, of the organisation (its member code).  authority: `birth@0793`, as cases know it."""

    role: str
    organisation: str
    authority: str


@dataclass(frozen=True, slots=True)
class TestPerson:
    """id: `married_mother`.  good_for: one sentence for people.  official: the desk they sit at."""

    id: str
    code: str
    country: str
    given_names: str
    family_name: str
    born: str
    good_for: str
    address: str = ""
    official: OfficialRole | None = None

    @property
    def subject(self) -> str:
        """As tokens and X-Road-UserId name them: `EE38001085718`."""
        return f"{self.country}{self.code}"

    @property
    def name(self) -> str:
        names = (self.given_names, self.family_name)
        return " ".join(names if self.country == "EE" else reversed(names))


GOOD_FOR: Mapping[str, str] = {
    "married_mother": "gives birth (J1); moves with the family (J2)",
    "married_father": "the other parent: signs too, needs to acknowledge nothing",
    "unmarried_mother": "gives birth (J1); both parents acknowledge paternity",
    "unmarried_father": "acknowledges paternity, or denies it",
    "single_mother": "gives birth without naming a father",
    "owner": "owns a dwelling somebody else may move to (J2): consents, refuses, or says nothing",
    "vn_mother": "a married mother of Vietnam",
    "vn_father": "her husband",
    "vn_owner": "owns a dwelling in Vietnam",
    "check_mother": "of the self-check: her child is born whenever it runs first",
    "check_father": "of the self-check: the other parent",
    "check_resident": "of the self-check: moves to another's house (J2)",
    "check_owner": "of the self-check: owns the house, and consents",
    "midwife": "writes the notice of birth in the ward; logs in nowhere",
    "birth_official": "registers births at the desk of Tartu",
    "residence_official": "registers residences at the desk of Tartu",
    "assistance_official": "answers what the assistant could not",
    "kindergarten_official": "plans kindergarten places at the desk of Tartu, and sees what a model says after their own number",
    "social_contest_official": "answers contests of family benefits; had no part in any",
    "insurance_contest_official": "answers contests of health insurance",
    "education_contest_official": "answers contests of kindergarten places",
    "vn_birth_official": "registers births at the desk of Hoàn Kiếm",
    "vn_residence_official": "registers residences at the desk of Hoàn Kiếm",
}


def find_test_people(count: int) -> dict[str, TestPerson]:
    """By id. count: of the synthetic people; of few, some roles find nobody and are left out."""
    people = synthetic_people(count)
    synthetic_homes(people)  # says who owns what
    found = dict(_Search(people).roles())
    return {role: _shown(role, found[role]) for role in GOOD_FOR if role in found}


class _Search:
    def __init__(self, people: list[SyntheticPerson]) -> None:
        self._people = [person for person in people if person.died is None and person.home is not None]
        self._children: dict[SyntheticPerson, list[SyntheticPerson]] = {}
        for person in people:
            for parent in (person.mother, person.father):
                if parent is not None:
                    self._children.setdefault(parent, []).append(person)
        self._taken: set[SyntheticPerson] = set()

    def roles(self) -> Iterator[tuple[str, SyntheticPerson]]:
        for country, prefix in (("EE", ""), ("VN", "vn_")):
            mother = self._first(partial(self._married_mother, country))
            if mother is not None and mother.spouse is not None:
                self._taken.add(mother.spouse)
                yield (f"{prefix}mother" if prefix else "married_mother"), mother
                yield (f"{prefix}father" if prefix else "married_father"), mother.spouse
            owner = self._first(partial(self._owner, country))
            if owner is not None:
                yield f"{prefix}owner", owner
            for role in ("birth_official", "residence_official"):
                official = self._first(partial(self._clerk, country))
                if official is not None:
                    yield f"{prefix}{role}", official
        yield from self._of_estonia_alone()
        mother = self._first(partial(self._married_mother, "EE"))
        if mother is not None and mother.spouse is not None:
            yield "check_mother", mother
            self._taken.add(mother.spouse)
            yield "check_father", mother.spouse
        for role, wanted in (
            ("check_resident", self._alone),
            ("check_owner", partial(self._owner, "EE")),
            ("assistance_official", partial(self._clerk, "EE")),
        ):
            found = self._first(wanted)
            if found is not None:
                yield role, found
        planner = self._first(partial(self._clerk, "EE"))
        if planner is not None:
            yield "kindergarten_official", planner
        for body in CONTESTED:
            official = self._first(partial(self._clerk, "EE"))
            if official is not None:
                yield f"{body}_contest_official", official

    def _of_estonia_alone(self) -> Iterator[tuple[str, SyntheticPerson]]:
        for role, wanted in (
            ("unmarried_mother", self._unmarried_mother),
            ("unmarried_father", self._unmarried_father),
            ("single_mother", self._single_mother),
            ("midwife", lambda p: p.sex == "F" and self._grown(p, "EE", 30, 60)),
        ):
            found = self._first(wanted)
            if found is not None:
                yield role, found

    def _first(self, wanted: Callable[[SyntheticPerson], bool]) -> SyntheticPerson | None:
        """One who lives where the desks are, if there is one."""
        fitting = [person for person in self._people if person not in self._taken and wanted(person)]
        found = next((person for person in fitting if _lives_in_town(person)), next(iter(fitting), None))
        if found is not None:
            self._taken.add(found)
        return found

    def _grown(self, person: SyntheticPerson, country: str, youngest: int, oldest: int) -> bool:
        age = (AS_OF - person.born).days // 365
        return person.country == country and youngest <= age <= oldest

    def _clerk(self, country: str, person: SyntheticPerson) -> bool:
        return self._grown(person, country, 35, 60) and _lives_in_town(person)

    def _married_mother(self, country: str, person: SyntheticPerson) -> bool:
        """With a child at home, and the husband there: a family that can move."""
        spouse = person.spouse
        children = self._children.get(person, [])
        return (
            person.sex == "F"
            and self._grown(person, country, 24, 38)
            and spouse is not None
            and spouse.died is None
            and spouse.home is person.home
            and any(
                child.died is None and child.father is spouse and child.home is person.home
                for child in children
            )
        )

    def _unmarried_mother(self, person: SyntheticPerson) -> bool:
        return (
            person.sex == "F"
            and person.spouse is None
            and self._grown(person, "EE", 22, 34)
            and not self._children.get(person)
        )

    def _unmarried_father(self, person: SyntheticPerson) -> bool:
        return person.sex == "M" and person.spouse is None and self._grown(person, "EE", 22, 38)

    def _single_mother(self, person: SyntheticPerson) -> bool:
        return (
            person.sex == "F"
            and person.spouse is None
            and self._grown(person, "EE", 20, 38)
            and bool(self._children.get(person))
        )

    def _alone(self, person: SyntheticPerson) -> bool:
        """Grown, with neither spouse nor children."""
        return person.spouse is None and not self._children.get(person) and self._grown(person, "EE", 25, 60)

    def _owner(self, country: str, person: SyntheticPerson) -> bool:
        """The only owner of the house they live in, with room for a lodger."""
        home = person.home
        return (
            home is not None
            and self._grown(person, country, 30, 70)
            and [owner.code for owner in home.owners] == [person.code]
            and home.apartment is None
            and home.floor_area > 60
        )


def _lives_in_town(person: SyntheticPerson) -> bool:
    return person.home is not None and person.home.division == TOWN[person.country]


def _shown(role: str, person: SyntheticPerson) -> TestPerson:
    official = None
    if role.endswith("_official"):
        matter = role.removeprefix("vn_").removesuffix("_official")
        place = "state" if matter == "assistance" else TOWN[person.country]
        authority = f"{matter}@{place}"
        if matter.endswith("_contest"):
            authority = f"contest@{CONTESTED[matter.removesuffix('_contest')]}"
        official = OfficialRole(role, MUNICIPALITY, authority)
    home = person.home
    return TestPerson(
        id=role,
        code=person.code,
        country=person.country,
        given_names=person.given_names,
        family_name=person.family_name,
        born=person.born.isoformat(),
        good_for=GOOD_FOR[role],
        address=f"{home.street} {home.house}, {home.municipality}" if home is not None else "",
        official=official,
    )
