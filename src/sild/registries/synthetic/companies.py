"""Companies with boards of the synthetic people; first of each country the landlords who own dwellings (homes.py)."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Literal

from sild.registries.identity_codes import Country
from sild.registries.identity_codes.companies import make_company_code
from sild.registries.synthetic.homes import COMPANIES

if TYPE_CHECKING:
    from sild.registries.synthetic.people import SyntheticPerson

__all__ = ["SyntheticCompany", "synthetic_companies"]

PEOPLE_TO_A_COMPANY = 20
FORMS: dict[Country, tuple[str, str]] = {"EE": ("OÜ", "AS"), "VN": ("TNHH", "CP")}
BEGINNINGS: dict[Country, tuple[str, ...]] = {
    "EE": ("Emajõe", "Tamme", "Põhja", "Kadaka", "Meretuule", "Linnu", "Vikerkaare", "Männi", "Kivi", "Aru"),
    "VN": ("Hoa Sen", "Sao Mai", "Bình Minh", "Thành Công", "Đại Phát", "Hồng Hà", "Tân Việt", "An Phú"),
}
TRADES: dict[Country, tuple[str, ...]] = {
    "EE": ("Ehitus", "Kaubandus", "Puit", "Tarkvara", "Veod", "Köök", "Trükk", "Metall", "Aed", "Optika"),
    "VN": ("Xây dựng", "Thương mại", "Phần mềm", "Vận tải", "Nội thất", "Thực phẩm", "In ấn", "Cơ khí"),
}
STATUSES = ("registered", "in_liquidation", "bankrupt", "deleted")
STATUS_WEIGHTS = (91, 4, 2, 3)
JOINT = 0.25  # of boards of several people, as a share
FIRST_NUMBER = 1_000


@dataclass(frozen=True, slots=True, eq=False)
class SyntheticCompany:
    """board: people and since when, one at least.  right: `sole`, every one of them alone, or `joint`, all together."""

    code: str
    country: Country
    name: str
    legal_form: str
    registered_office: str
    status: str
    right: Literal["sole", "joint"]
    founded: date
    board: tuple[tuple[SyntheticPerson, date], ...]


def synthetic_companies(people: Sequence[SyntheticPerson], *, seed: int = 2026) -> list[SyntheticCompany]:
    """A company to every twenty people, the landlords first. The same for the same arguments."""
    found: list[SyntheticCompany] = []
    for country in ("EE", "VN"):
        of_country = [person for person in people if person.country == country]
        maker = _Country(random.Random(f"{seed}/{country}/companies"), country, of_country)  # noqa: S311  (nothing secret)
        found.extend(maker.companies(max(len(COMPANIES[country]), len(of_country) // PEOPLE_TO_A_COMPANY)))
    return found


class _Country:
    def __init__(
        self, randomness: random.Random, country: Country, people: Sequence[SyntheticPerson]
    ) -> None:
        self._random = randomness
        self._country = country
        self._taken: set[tuple[str, str]] = set()
        self._grown = [
            person
            for person in people
            if person.died is None and person.home is not None and 1958 <= person.born.year <= 2000
        ]

    def companies(self, count: int) -> Iterator[SyntheticCompany]:
        if not self._grown:
            return
        for code, name in COMPANIES[self._country]:
            yield self._company(code, name, name.endswith(" AS") or " CP " in name, landlord=True)
        used = {code for code, _name in COMPANIES[self._country]}
        number = FIRST_NUMBER
        while len(used) < count:
            number += self._random.randint(1, 97)
            code = make_company_code(self._country, number)
            if code not in used:
                used.add(code)
                by_shares = self._random.random() < 0.12
                yield self._company(code, self._name(by_shares), by_shares)

    def _company(self, code: str, name: str, by_shares: bool, *, landlord: bool = False) -> SyntheticCompany:
        size = 3 if landlord else self._random.choices((1, 2, 3), (60, 28, 12))[0]
        board = self._random.sample(self._grown, min(size, len(self._grown)))
        youngest = max(person.born for person in board)
        founded = date(2008, 3, 1) if landlord else self._day(youngest)
        first = board[0].home
        assert first is not None
        joint = len(board) > 1 and not landlord and self._random.random() < JOINT
        return SyntheticCompany(
            code=code,
            country=self._country,
            name=name,
            legal_form=FORMS[self._country][by_shares],
            registered_office=f"{first.street} {first.house}, {first.municipality}",
            status="registered" if landlord else self._random.choices(STATUSES, STATUS_WEIGHTS)[0],
            right="joint" if joint else "sole",
            founded=founded,
            board=tuple((person, max(founded, _of_age(person))) for person in board),
        )

    def _name(self, by_shares: bool) -> str:
        """No two have one name; those that come late are called by a family, and at last by a number."""
        begins = self._random.choice(BEGINNINGS[self._country])
        trade = self._random.choice(TRADES[self._country])
        if (begins, trade) in self._taken:
            begins = self._random.choice(self._grown).family_name
        if (begins, trade) in self._taken:
            begins = f"{begins} {len(self._taken)}"
        self._taken.add((begins, trade))
        if self._country == "EE":
            return f"{begins} {trade} {'AS' if by_shares else 'OÜ'}"
        return f"Công ty {'CP' if by_shares else 'TNHH'} {trade} {begins}"

    def _day(self, youngest: date) -> date:
        first = max(date(1996, 1, 1), _after(youngest, 18))
        return first + timedelta(days=self._random.randrange(max(1, (date(2025, 6, 1) - first).days)))


def _of_age(person: SyntheticPerson) -> date:
    return _after(person.born, 18)


def _after(day: date, years: int) -> date:
    return date(day.year + years, day.month, min(day.day, 28))
