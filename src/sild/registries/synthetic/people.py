"""Synthetic people, made anew the same way every time: three or four generations of families in two countries.

Founding couples of the 1930s to 1950s have children; these marry across families and have children in turn. Names, ages of
mothers, surnames after marriage, households and deaths follow the habits of each country. Nobody here exists; a code that
belongs to a living person does so by chance.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

from sild.registries.identity_codes import Country, Sex, estonia, vietnam
from sild.registries.synthetic.homes import HomeMaker, SyntheticHome
from sild.registries.synthetic.names import (
    EE_FAMILY,
    EE_FEMALE,
    EE_MALE,
    EE_RUSSIAN_FAMILY,
    EE_RUSSIAN_FEMALE,
    EE_RUSSIAN_MALE,
    VN_FAMILY,
    VN_FEMALE,
    VN_FEMALE_MIDDLE,
    VN_MALE,
    VN_MALE_MIDDLE,
)
from sild.registries.synthetic.places import EE_PLACES, FORMER_COMMUNES, VN_PLACES, Place

__all__ = ["AS_OF", "SyntheticPerson", "synthetic_people"]

AS_OF = date(2026, 1, 1)
"""The day on which they are as they are told; ages do not depend on when they are made."""

GENERATION_YEARS = 26
_SURVIVAL = ((60, 0.985), (70, 0.93), (80, 0.78), (90, 0.38), (100, 0.06), (200, 0.0))
"""Up to that age, this share is alive."""


@dataclass(slots=True, eq=False)
class SyntheticPerson:
    """`family_name`: the one borne now, `birth_name` until `married_on`.  `moved_in`: since when the home holds.

    `before`: a commune lived in until then, by its code of that time, and since when.  `guardian`: of a child without parents.
    """

    code: str
    country: Country
    sex: Sex
    family_name: str
    given_names: str
    born: date
    birth_place: str
    mother: SyntheticPerson | None
    father: SyntheticPerson | None
    russian: bool = False
    died: date | None = None
    home: SyntheticHome | None = None
    moved_in: date | None = None
    before: tuple[str, date] | None = None
    spouse: SyntheticPerson | None = field(default=None, repr=False)
    married_on: date | None = None
    birth_name: str | None = None
    guardian: SyntheticPerson | None = field(default=None, repr=False)


def synthetic_people(count: int = 4_000, *, seed: int = 2026) -> list[SyntheticPerson]:
    """About `count` people, half of each country, parents before children. The same for the same arguments."""
    people: list[SyntheticPerson] = []
    for country in ("EE", "VN"):
        maker = _Country(random.Random(f"{seed}/{country}"), country)  # noqa: S311  (nothing secret about it)
        people.extend(maker.people(count // 2))
    return people


class _Country:
    def __init__(self, randomness: random.Random, country: Country) -> None:
        self._random = randomness
        self._country = country
        self._codes: set[str] = set()
        self._places = EE_PLACES if country == "EE" else VN_PLACES
        self._weights = [place.weight for place in self._places]
        self._by_name = {place.municipality: place for place in self._places}
        self._homes = HomeMaker(randomness, country)

    def people(self, count: int) -> Iterator[SyntheticPerson]:
        """Generations until there are `count`; each person once, after its parents."""
        made = 0
        generation = list(self._founders(max(2, round(count / 6.2))))
        while generation:
            for person in generation:
                self._settle(person)
            for person in generation:
                self._give_guardian(person)
            yield from generation
            made += len(generation)
            if made >= count or generation[0].born.year > AS_OF.year - 16:
                return
            generation = list(self._children(generation))[: count - made]

    # --- people

    def _founders(self, couples: int) -> Iterator[SyntheticPerson]:
        for _ in range(couples):
            wife_born = self._day(1936, 1957)
            husband_born = wife_born - timedelta(days=self._random.randint(-700, 2200))
            russian = self._country == "EE" and self._random.random() < 0.24
            husband = self._person("M", husband_born, None, None, russian)
            wife = self._person("F", wife_born, None, None, russian)
            self._marry(husband, wife)
            yield husband
            yield wife

    def _children(self, parents: list[SyntheticPerson]) -> Iterator[SyntheticPerson]:
        """The next generation, married among itself where it is old enough."""
        children: list[SyntheticPerson] = []
        for mother in parents:
            if mother.sex == "F" and (mother.spouse is not None or self._random.random() < 0.25):
                children.extend(self._children_of(mother))
        children.sort(key=lambda child: child.born)
        self._match(children)
        yield from children

    def _children_of(self, mother: SyntheticPerson) -> Iterator[SyntheticPerson]:
        weights = (6, 16, 40, 26, 12) if mother.spouse is not None else (35, 45, 20, 0, 0)
        number = self._random.choices(range(5), weights)[0]
        born = mother.born + timedelta(days=round(365.25 * self._random.triangular(19, 38, GENERATION_YEARS)))
        for _ in range(number):
            if born >= AS_OF or (born - mother.born).days > 44 * 365:
                return
            sex: Sex = "M" if self._random.random() < 0.512 else "F"
            yield self._person(sex, born, mother, mother.spouse, mother.russian)
            born += timedelta(days=self._random.randint(500, 2400))

    def _match(self, people: list[SyntheticPerson]) -> None:
        """Marry neighbours in age who are not of one family."""
        adults = [p for p in people if p.born.year <= AS_OF.year - 20]
        men = [p for p in adults if p.sex == "M" and self._random.random() < 0.8]
        women = [p for p in adults if p.sex == "F" and self._random.random() < 0.85]
        for man, woman in zip(men, women, strict=False):
            related = man.mother is woman.mother
            if not related and abs((man.born - woman.born).days) < 12 * 365:
                self._marry(man, woman)

    def _marry(self, husband: SyntheticPerson, wife: SyntheticPerson) -> None:
        husband.spouse, wife.spouse = wife, husband
        younger = max(husband.born, wife.born)
        ends = [AS_OF, *(person.died for person in (husband, wife) if person.died is not None)]
        wedding = younger + timedelta(days=self._random.randint(19 * 365 + 30, 23 * 365))
        husband.married_on = wife.married_on = min(wedding, min(ends) - timedelta(days=1))
        if self._country == "EE" and self._random.random() < 0.72:  # in Vietnam a wife keeps her name
            wife.birth_name, wife.family_name = wife.family_name, self._woman_form(husband.family_name)

    def _person(
        self,
        sex: Sex,
        born: date,
        mother: SyntheticPerson | None,
        father: SyntheticPerson | None,
        russian: bool,
    ) -> SyntheticPerson:
        named_after = father or mother
        if named_after is None:
            family_name = self._family_name(sex, russian)
        else:
            family_name = self._inherited(named_after.family_name, sex)
        place = self._place() if mother is None or mother.home is None else self._place_of(mother)
        code = self._code(born, sex, place)
        person = SyntheticPerson(
            code=code,
            country=self._country,
            sex=sex,
            family_name=family_name,
            given_names=self._given_names(sex, russian),
            born=born,
            birth_place=place.region if self._country == "EE" else vietnam.PROVINCES[code[:3]],
            mother=mother,
            father=father,
            russian=russian,
        )
        age = (AS_OF - born).days // 365
        share = next(share for limit, share in _SURVIVAL if age < limit)
        if self._random.random() > share:
            lived = self._random.triangular(min(50, age), age, age) if age else 0
            person.died = born + timedelta(days=round(lived * 365.25))
            if person.died >= AS_OF:
                person.died = AS_OF - timedelta(days=self._random.randint(1, 300))
        return person

    def _code(self, born: date, sex: Sex, place: Place) -> str:
        """A new code; a Vietnamese one mostly names the province the mother lives in."""
        while True:
            if self._country == "EE":
                code = estonia.make(born, sex, self._random.randint(1, 999))
            else:
                province = place.code
                if self._random.random() < 0.4:
                    province = self._random.choices(tuple(vietnam.PROVINCES), _PROVINCE_WEIGHTS)[0]
                code = vietnam.make(province, born.year, sex, self._random.randint(0, 999_999))
            if code not in self._codes:
                self._codes.add(code)
                return code

    # --- names

    def _family_name(self, sex: Sex, russian: bool) -> str:
        if self._country == "VN":
            names, weights = zip(*VN_FAMILY, strict=True)
            return str(self._random.choices(names, weights)[0])
        if russian:
            man, woman = self._random.choice(EE_RUSSIAN_FAMILY)
            return woman if sex == "F" else man
        return self._frequent(EE_FAMILY)

    def _inherited(self, name: str, sex: Sex) -> str:
        """A child's surname: the parent's, in the form of its own sex."""
        for man, woman in EE_RUSSIAN_FAMILY:
            if name in (man, woman):
                return woman if sex == "F" else man
        return name

    def _woman_form(self, name: str) -> str:
        return self._inherited(name, "F")

    def _given_names(self, sex: Sex, russian: bool) -> str:
        if self._country == "VN":
            middle, given = (VN_FEMALE_MIDDLE, VN_FEMALE) if sex == "F" else (VN_MALE_MIDDLE, VN_MALE)
            first, last = self._random.choice(middle), self._frequent(given)
            return f"{first} {last}" if first != last else last
        if russian:
            return self._frequent(EE_RUSSIAN_FEMALE if sex == "F" else EE_RUSSIAN_MALE)
        name = self._frequent(EE_FEMALE if sex == "F" else EE_MALE)
        if self._random.random() < 0.12:
            second = self._frequent(EE_FEMALE if sex == "F" else EE_MALE)
            return name if second == name else f"{name}-{second}"
        return name

    def _frequent(self, names: tuple[str, ...]) -> str:
        """The front of a list is drawn more often."""
        return names[int(len(names) * self._random.random() ** 1.6)]

    # --- where they live

    def _settle(self, person: SyntheticPerson) -> None:
        """A home for those who live: with the mother while young, with the spouse, or one's own."""
        if person.died is not None:
            return
        spouse = person.spouse
        if spouse is not None and spouse.home is not None and self._random.random() < 0.95:
            assert person.married_on is not None
            person.home = spouse.home
            person.moved_in = max(spouse.moved_in or person.married_on, person.married_on)
            return
        age = (AS_OF - person.born).days / 365.25
        parents = (person.mother, person.father)
        parent = next((p for p in parents if p is not None and p.home is not None), None)
        at_home = age < 18 or (age < 27 and spouse is None and self._random.random() < 0.7)
        if parent is not None and parent.home is not None and at_home:
            person.home = parent.home
            person.moved_in = max(person.born, parent.moved_in or person.born)
            return
        place = self._place() if parent is None or self._random.random() < 0.4 else self._place_of(parent)
        person.home = self._homes.new(place)
        grown = min(person.born + timedelta(days=19 * 365), AS_OF - timedelta(days=1))
        if age < 18:  # an orphan, at home where it was born
            grown = person.born
        person.moved_in = grown + timedelta(days=self._random.randint(0, (AS_OF - grown).days - 1))
        if self._random.random() < 0.3:
            person.before = self._commune_before(person.born, person.moved_in)

    def _commune_before(self, born: date, moved_in: date) -> tuple[str, date] | None:
        code, began, ended = self._random.choice(FORMER_COMMUNES[self._country])
        since = max(born, began, moved_in - timedelta(days=self._random.randint(1_000, 4_000)))
        return (code, since) if since < min(moved_in, ended) else None

    def _give_guardian(self, person: SyntheticPerson) -> None:
        """A grandparent, or whoever of the parents' age is left in the family: nobody of seventeen is on their own."""
        if person.died is not None or (AS_OF - person.born).days >= 18 * 365:
            return
        parents = [parent for parent in (person.mother, person.father) if parent is not None]
        if not parents or any(parent.died is None for parent in parents):
            return
        elders = [
            elder for parent in parents for elder in (parent.mother, parent.father) if elder is not None
        ]
        person.guardian = next((elder for elder in elders if elder.died is None), None)

    def _place(self) -> Place:
        return self._random.choices(self._places, self._weights)[0]

    def _place_of(self, person: SyntheticPerson) -> Place:
        assert person.home is not None
        return self._by_name[person.home.municipality]

    def _day(self, first_year: int, last_year: int) -> date:
        start = date(first_year, 1, 1)
        return start + timedelta(days=self._random.randrange((date(last_year + 1, 1, 1) - start).days))


_PROVINCE_WEIGHTS = tuple(
    8 if name in ("Hà Nội", "Hồ Chí Minh") else 4 if name in ("Thanh Hóa", "Nghệ An", "Hải Phòng") else 1
    for name in vietnam.PROVINCES.values()
)
