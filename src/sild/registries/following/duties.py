"""What a body keeps because somebody lives somewhere: one fact, worked out of the home, of everybody or of those who hold it already. Pure.

Sections of acts are for demonstration: verify them with the consolidated text before relying on them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final, Protocol

from sild.errors import CallerError, PeerError
from sild.registries.following.zones import zone_of
from sild.registries.identity_codes import Country
from sild.registries.kernel import FactKind
from sild.registries.kernel.facts import Json

__all__ = ["DUTIES", "ENDS", "Duty", "Electoral", "Home", "Parking", "Standing", "Tax", "read_home"]

Standing = dict[str, str | None]
ENDS: Final[Standing] = {}
"""What was held holds no longer."""


@dataclass(frozen=True, slots=True)
class Home:
    """division, name: of the smallest unit.  country: ISO 3166-1 alpha-2, of those who live abroad the one they told, if they did.

    street: None of a home that is entered to the level of the commune.
    """

    division: str | None
    name: str | None
    country: str | None
    since: date
    street: str | None = None


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
        address = body.get("address") if level == "dwelling" else None
        street = None if address is None else str(address["street"])
        return Home(str(unit["code"]), str(unit["name"]), person_country, since, street)
    except (KeyError, TypeError, ValueError):
        raise PeerError("not a residence", code="invalid_body") from None


class Duty(Protocol):
    """register: its name on the exchange and in events.  title, publisher: for people.  kind: the fact it keeps of each.

    asks_birth: whether the day of birth is asked for where a code does not tell it.  of_holders: only of those who hold the fact
    already, for the days on which they do; nobody else's home is asked for.
    """

    register: str
    title: Mapping[str, str]
    publisher: str
    kind: FactKind
    grounds: Mapping[Country, str]
    asks_birth: bool
    of_holders: bool

    def standing(self, home: Home, born: date | None, held: Standing | None) -> Standing | None:
        """What holds for who lives there and had `held`; None: that goes on; `ENDS`: it is over."""


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
    of_holders = False
    kind = FactKind(
        "tax_residence",
        "person.tax_residence",
        "Where the person is resident for tax: the country, and the commune that gets its part",
    )
    grounds: Mapping[Country, str] = {"EE": "TuMS § 6", "VN": "Luật Quản lý thuế 2019, Điều 33"}

    def standing(self, home: Home, born: date | None, held: Standing | None) -> Standing | None:
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
    of_holders = False
    kind = FactKind(
        "voting_place",
        "person.voting_place",
        "The commune whose council the person elects, and from which day",
    )
    grounds: Mapping[Country, str] = {"EE": "KOVVS § 5", "VN": "Luật Bầu cử 2015, Điều 29"}
    ages: Mapping[Country, int] = {"EE": 16, "VN": 18}
    """In years; KOVVS § 5, Luật Bầu cử 2015, Điều 2."""

    def standing(self, home: Home, born: date | None, held: Standing | None) -> Standing | None:
        if home.division is None or born is None:
            return None
        age = self.ages["VN" if home.country == "VN" else "EE"]
        return {"division": home.division, "name": home.name, "votes_from": _birthday(born, age).isoformat()}


PLATE = re.compile(r"[0-9A-Z](?:[0-9A-Z ]{0,8}[0-9A-Z])?")
"""As on the vehicle, in capitals: `123 ABC`."""


def _ensure_permit(_person: str, value: Json) -> None:
    """The plate alone is what an official writes (`_read_plate`): the zone follows from the home."""
    whole = isinstance(value, dict) and value.keys() == {"plate", "zone", "division", "name"}
    if (
        not whole
        or not all(isinstance(part, str) for part in value.values())
        or not PLATE.fullmatch(value["plate"])
    ):
        raise CallerError("the plate of a vehicle, like 123 ABC", code="invalid_value")


def _read_plate(text: str, before: Json) -> Json:
    return {**(before or {}), "plate": text.strip().upper()}


class Parking:
    """Residents' permits to park in a municipality's zones: it is for the zone of the holder's home, and for that municipality alone.

    Estonia's municipalities issue them; who holds one, of whatever country, holds it by that law.
    """

    register = "parking"
    title: Mapping[str, str] = {
        "en": "Register of residents' parking permits",
        "et": "Elanike parkimislubade register",
        "vi": "Cơ sở dữ liệu giấy phép đỗ xe của cư dân",
    }
    publisher = "Municipality"
    asks_birth = False
    of_holders = True
    kind = FactKind(
        "parking_permit",
        "person.parking_permit",
        "A vehicle the person may park as a resident, and in which zone",
        _ensure_permit,
        _read_plate,
    )
    grounds: Mapping[Country, str] = {"EE": "LS § 187", "VN": "LS § 187"}

    def standing(self, home: Home, born: date | None, held: Standing | None) -> Standing | None:
        """Of who holds none: none. In another municipality, abroad and outside the zones it is over."""
        if held is None:
            return None
        zone = zone_of(home.division, home.street)
        if zone is None or home.division != held["division"]:
            return ENDS
        return {**held, "zone": zone, "name": home.name}


DUTIES: Mapping[str, Duty] = {"tax": Tax(), "electoral": Electoral(), "parking": Parking()}


def _birthday(born: date, age: int) -> date:
    """Of the 29th of February the 1st of March."""
    if (born.month, born.day) == (2, 29):
        return date(born.year + age, 2, 29) if (born.year + age) % 4 == 0 else date(born.year + age, 3, 1)
    return born.replace(year=born.year + age)
