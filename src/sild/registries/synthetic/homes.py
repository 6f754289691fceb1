"""Dwellings: an address, a floor area, owners. Each belongs to one household, but some stand empty and may be moved into."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING

from sild.registries.identity_codes import Country
from sild.registries.synthetic.places import EE_PLACES, VN_PLACES, Place

if TYPE_CHECKING:
    from sild.registries.synthetic.people import SyntheticPerson

__all__ = ["COMPANIES", "HomeMaker", "Owner", "SyntheticHome", "synthetic_homes"]

EMPTY = 0.12  # empty dwellings, as a share of those lived in
COMPANIES = {
    "EE": (("10001012", "Kodumaja OÜ"), ("10001029", "Üürikorter AS")),
    "VN": (("0100001014", "Công ty TNHH Nhà Việt"), ("0100001021", "Công ty CP Căn hộ Hồng Hà")),
}
"""Landlords: registry code and name, as in the business register."""


@dataclass(frozen=True, slots=True)
class Owner:
    """code: of a person or a company.  name: of a company; people's names are the population register's.  share: `1/2`."""

    code: str
    share: str
    since: date
    name: str | None = None


@dataclass(slots=True, eq=False)
class SyntheticHome:
    """`number`: of the dwelling within its country, from 1.  `house_number`: of the house it is in.  `floor_area`: m²."""

    number: int
    house_number: int
    country: Country
    division: str
    region: str
    municipality: str
    street: str
    house: str
    apartment: str | None
    postal_code: str
    floor_area: float
    owners: tuple[Owner, ...] = field(default=(), repr=False)


class HomeMaker:
    """Homes nobody lives in yet, no two of them the same."""

    def __init__(self, randomness: random.Random, country: Country) -> None:
        self._random = randomness
        self._country = country
        self._houses: dict[tuple[str, str, str], int] = {}
        self._taken: set[tuple[int, str | None]] = set()

    def new(self, place: Place) -> SyntheticHome:
        street = self._random.choice(place.streets)
        in_house = place.town and self._random.random() < 0.7
        spread = 90
        while True:
            house = str(self._random.randint(1, spread))
            if self._country == "VN" and self._random.random() < 0.3:
                house = f"{house}/{self._random.randint(1, 40)}"  # a lane
            apartment = str(self._random.randint(1, 80)) if in_house else None
            key = (place.municipality, street, house)
            number = self._houses.get(key)
            alone = number is not None and ((number, None) in self._taken or apartment is None)
            if not alone and (number is None or (number, apartment) not in self._taken):
                break
            spread += 10  # a street that is full grows longer
        if number is None:
            number = self._houses[key] = len(self._houses) + 1
        self._taken.add((number, apartment))
        area = self._random.triangular(28, 110, 52) if in_house else self._random.triangular(45, 220, 95)
        return SyntheticHome(
            number=len(self._taken),
            house_number=number,
            country=self._country,
            division=place.division,
            region=place.region,
            municipality=place.municipality,
            street=street,
            house=house,
            apartment=apartment,
            postal_code=place.postal_code,
            floor_area=round(area, 1),
        )


def synthetic_homes(people: Sequence[SyntheticPerson], *, seed: int = 2026) -> list[SyntheticHome]:
    """The homes of `people`, with owners, and some empty ones. The same for the same arguments."""
    homes: list[SyntheticHome] = []
    for country in ("EE", "VN"):
        residents: dict[SyntheticHome, list[SyntheticPerson]] = {}
        for person in people:
            if person.country == country and person.home is not None:
                residents.setdefault(person.home, []).append(person)
        maker = _Owners(random.Random(f"{seed}/{country}/homes"), country, residents)  # noqa: S311  (nothing secret)
        homes.extend(maker.homes())
    return homes


class _Owners:
    def __init__(
        self,
        randomness: random.Random,
        country: Country,
        residents: dict[SyntheticHome, list[SyntheticPerson]],
    ) -> None:
        self._random = randomness
        self._country = country
        self._residents = residents
        self._adults = [
            person
            for people in residents.values()
            for person in people
            if person.moved_in is not None and (person.moved_in - person.born).days > 18 * 365
        ]

    def homes(self) -> Iterator[SyntheticHome]:
        for home, people in self._residents.items():
            home.owners = self._owners(people)
            yield home
        yield from self._empty()

    def _owners(self, people: list[SyntheticPerson]) -> tuple[Owner, ...]:
        """Mostly those who live there, a couple by halves; else a landlord."""
        grown = [p for p in people if p.moved_in is not None and (p.moved_in - p.born).days > 18 * 365]
        if not grown or self._random.random() < 0.25:
            return (self._landlord(),)
        first = grown[0]
        assert first.moved_in is not None
        if first.spouse in people and self._random.random() < 0.8:
            assert first.spouse is not None
            since = max(first.moved_in, first.spouse.moved_in or first.moved_in)
            return (Owner(first.code, "1/2", since), Owner(first.spouse.code, "1/2", since))
        return (Owner(first.code, "1/1", first.moved_in),)

    def _landlord(self) -> Owner:
        if self._random.random() < 0.3 or not self._adults:
            code, name = self._random.choice(COMPANIES[self._country])
            return Owner(code, "1/1", date(2010, 1, 1), name)
        owner = self._random.choice(self._adults)
        return Owner(owner.code, "1/1", owner.born + timedelta(days=19 * 365))

    def _empty(self) -> Iterator[SyntheticHome]:
        """Homes to move to: new houses, which no street has had before."""
        places = EE_PLACES if self._country == "EE" else VN_PLACES
        houses = max((home.house_number for home in self._residents), default=0)
        number = max((home.number for home in self._residents), default=0)
        for extra in range(1, max(len(places), round(EMPTY * len(self._residents))) + 1):
            place = places[(extra - 1) % len(places)]
            yield SyntheticHome(
                number=number + extra,
                house_number=houses + extra,
                country=self._country,
                division=place.division,
                region=place.region,
                municipality=place.municipality,
                street=self._random.choice(place.streets),
                house=f"{1_000 + extra}",
                apartment=None,
                postal_code=place.postal_code,
                floor_area=round(self._random.triangular(35, 140, 60), 1),
                owners=(self._landlord(),),
            )
