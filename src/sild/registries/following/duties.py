"""What a body keeps because somebody lives somewhere: one fact, worked out of the home alone. Pure.

Sections of acts are for demonstration: verify them with the consolidated text before relying on them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from sild.errors import PeerError
from sild.registries.identity_codes import Country

__all__ = ["DUTIES", "Duty", "Electoral", "Home", "Standing", "Tax", "read_home"]

Standing = dict[str, str | None]


@dataclass(frozen=True, slots=True)
class Home:
    """division, name: of the smallest unit.  country: ISO 3166-1 alpha-2, of those who live abroad the one they told, if they did."""

    division: str | None
    name: str | None
    country: str | None
    since: date


def read_home(body: object, person_country: Country, on: date) -> Home | None:
    """The residence register's answer. None: sealed, not known, or nobody lives there.

    Raises PeerError (`invalid_body`): not a residence.
    """
    if body is None:
        return None
    if not isinstance(body, dict):
        raise PeerError("not a JSON object", code="invalid_body")
    level = body.get("level")
    try:
        since = date.fromisoformat(body["valid_from"]) if body.get("valid_from") else on
        if level == "abroad":
            return Home(None, None, body.get("country"), since)
        if level not in ("dwelling", "commune"):
            return None
        (unit, *_) = body.get("now") or [body["division"]]
        return Home(str(unit["code"]), str(unit["name"]), person_country, since)
    except (KeyError, TypeError, ValueError):
        raise PeerError("not a residence", code="invalid_body") from None


class Duty(Protocol):
    """register: its name on the exchange and in events.  title, publisher: for people.  fact, concept, description: what it keeps of each.

    asks_birth: whether the day of birth is asked for where a code does not tell it.
    """

    register: str
    title: Mapping[str, str]
    publisher: str
    fact: str
    concept: str
    description: str
    grounds: Mapping[Country, str]
    asks_birth: bool

    def standing(self, home: Home, born: date | None) -> Standing | None:
        """What holds for who lives there; None: what held before goes on."""


class Tax:
    """Residence for tax: part of an income tax goes to the commune in which a person lives; who moved abroad declares as such."""

    register = "tax"
    title: Mapping[str, str] = {
        "en": "Register of taxable persons",
        "et": "Maksukohustuslaste register",
        "vi": "Cơ sở dữ liệu người nộp thuế",
    }
    publisher = "Tax authority"
    asks_birth = False
    fact = "tax_residence"
    concept = "person.tax_residence"
    description = "Where the person is resident for tax: the country, and the commune that gets its part"
    grounds: Mapping[Country, str] = {"EE": "TuMS § 6", "VN": "Luật Quản lý thuế 2019, Điều 33"}

    def standing(self, home: Home, born: date | None) -> Standing | None:
        return {"country": home.country, "division": home.division, "name": home.name}


class Electoral:
    """The list of voters at local elections. Children stand in it with the day from which they vote, so nobody has to come of age here.

    Who moves abroad stays where they last lived.
    """

    register = "electoral"
    title: Mapping[str, str] = {
        "en": "List of voters at local elections",
        "et": "Kohalike valimiste valijate nimekiri",
        "vi": "Danh sách cử tri bầu cử địa phương",
    }
    publisher = "Electoral authority"
    asks_birth = True
    fact = "voting_place"
    concept = "person.voting_place"
    description = "The commune whose council the person elects, and from which day"
    grounds: Mapping[Country, str] = {"EE": "KOVVS § 5", "VN": "Luật Bầu cử 2015, Điều 29"}
    ages: Mapping[Country, int] = {"EE": 16, "VN": 18}
    """In years; KOVVS § 5, Luật Bầu cử 2015, Điều 2."""

    def standing(self, home: Home, born: date | None) -> Standing | None:
        if home.division is None or born is None:
            return None
        age = self.ages["VN" if home.country == "VN" else "EE"]
        return {"division": home.division, "name": home.name, "votes_from": _birthday(born, age).isoformat()}


DUTIES: Mapping[str, Duty] = {"tax": Tax(), "electoral": Electoral()}


def _birthday(born: date, age: int) -> date:
    """Of the 29th of February the 1st of March."""
    if (born.month, born.day) == (2, 29):
        return date(born.year + age, 2, 29) if (born.year + age) % 4 == 0 else date(born.year + age, 3, 1)
    return born.replace(year=born.year + age)
