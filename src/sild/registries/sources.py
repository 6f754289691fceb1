"""What population and residence tell the other registers, read from their answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sild.errors import PeerError, Unavailable
from sild.registries.exchange import Ask, Because
from sild.registries.identity_codes import parse_identity_code
from sild.registries.kernel import Use

__all__ = ["Guardian", "GuardiansTold", "HomeTold", "PersonTold", "Sources", "ensure_code"]


@dataclass(frozen=True, slots=True)
class PersonTold:
    """Of a person, from the population register. Names are empty until the birth is registered."""

    code: str
    country: str
    sex: str
    given_names: str
    family_name: str
    born: date
    died: date | None
    mother: str | None
    father: str | None
    source: str
    message_id: str
    at: datetime | None = None

    @property
    def parents(self) -> tuple[str, ...]:
        return tuple(code for code in (self.mother, self.father) if code)


@dataclass(frozen=True, slots=True)
class Guardian:
    """until: the first day on which they are not; None: no such day is known."""

    code: str
    until: date | None


@dataclass(frozen=True, slots=True)
class GuardiansTold:
    """Who is guardian of a person today."""

    guardians: tuple[Guardian, ...]
    source: str
    message_id: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class HomeTold:
    """division: code of the smallest unit; None: abroad, sealed, or not known.  street: None, too, of a home that is known to the commune alone.

    since: None where no day is told.
    """

    division: str | None
    source: str
    message_id: str
    at: datetime | None = None
    street: str | None = None
    since: date | None = None
    is_abroad: bool = False


class Sources:
    """Raises PeerError for an answer that is not what the register's description says; else as `Ask` does."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    async def person(self, code: str, because: Because) -> PersonTold:
        """Raises Unavailable (`unknown_person`): events may come before what they tell of can be asked for."""
        told = await self._ask.ask("population", ["persons", code], because=because)
        if told.body is None:
            raise Unavailable("the population register does not know the person yet", code="unknown_person")
        body = _mapping(told.body)
        try:
            return PersonTold(
                code=str(body["code"]),
                country=str(body["country"]),
                sex=str(body["sex"]),
                given_names=str(body.get("given_names") or ""),
                family_name=str(body.get("family_name") or ""),
                born=date.fromisoformat(body["born"]),
                died=date.fromisoformat(body["died"]) if body.get("died") else None,
                mother=body.get("mother"),
                father=body.get("father"),
                source=told.source,
                message_id=told.message_id,
                at=told.at,
            )
        except (KeyError, TypeError, ValueError):
            raise PeerError("not a person", code="invalid_body") from None

    async def children(self, code: str, because: Because) -> tuple[tuple[str, date], ...]:
        """A person's living children: code and date of birth, eldest first."""
        told = await self._ask.ask("population", ["persons", code, "children"], because=because)
        try:
            items = [item for item in _mapping(told.body)["items"] if not item.get("died")]
            return tuple(sorted((str(i["code"]), date.fromisoformat(i["born"])) for i in items))
        except (KeyError, TypeError, ValueError, AttributeError):
            raise PeerError("not a list of children", code="invalid_body") from None

    async def guardians(self, code: str, because: Because) -> GuardiansTold:
        """By the population register: with a guardian's own day of leaving, if it names one."""
        told = await self._ask.ask("population", ["persons", code, "guardians"], because=because)
        try:
            found = tuple(
                Guardian(str(one["code"]), date.fromisoformat(one["until"]) if one.get("until") else None)
                for one in _mapping(told.body)["items"]
                if not one.get("died")
            )
        except (KeyError, TypeError, ValueError, AttributeError):
            raise PeerError("not a list of guardians", code="invalid_body") from None
        return GuardiansTold(found, told.source, told.message_id, told.at)

    async def division(self, code: str, because: Because) -> str | None:
        """Code of the smallest unit a person lives in today; None: abroad, sealed, or not known."""
        return (await self.home(code, because)).division

    async def home(self, code: str, because: Because) -> HomeTold:
        told = await self._ask.ask("residence", ["persons", code, "residence"], because=because)
        division = _division(told.body)
        body = {} if told.body is None else _mapping(told.body)
        return HomeTold(
            division,
            told.source,
            told.message_id,
            told.at,
            street=_street(body),
            since=_since(body),
            is_abroad=body.get("level") == "abroad",
        )

    async def lives_abroad(self, code: str, because: Because) -> bool:
        told = await self._ask.ask("residence", ["persons", code, "residence"], because=because)
        return told.body is not None and _mapping(told.body).get("level") == "abroad"

    async def division_of_child(self, child: PersonTold, because: Because) -> str | None:
        """Where the child lives; before its own residence is entered, where a parent does, the mother first."""
        return (await self.home_of_child(child, because)).division

    async def home_of_child(self, child: PersonTold, because: Because) -> HomeTold:
        """The same, with who said so; of a child whose home nobody knows, what was said of its own."""
        own = await self.home(child.code, because)
        if own.division is not None:
            return own
        for code in child.parents:
            found = await self.home(code, because)
            if found.division is not None:
                return found
        return own

    async def household(self, code: str, because: Because) -> tuple[str, ...] | None:
        """Who lives with the person, the person too; None when the register does not know."""
        told = await self._ask.ask("residence", ["households", code], because=because)
        if told.body is None or _mapping(told.body).get("sealed"):
            return None
        try:
            return tuple(str(member["code"]) for member in told.body["members"])
        except (KeyError, TypeError):
            raise PeerError("not a household", code="invalid_body") from None


def _division(residence: Any) -> str | None:
    if residence is None:
        return None
    body = _mapping(residence)
    if body.get("level") not in ("dwelling", "commune"):
        return None
    units = body.get("now") or ([body["division"]] if body.get("division") else [])
    try:
        return str(units[0]["code"]) if units else None
    except (KeyError, TypeError, IndexError):
        raise PeerError("not a residence", code="invalid_body") from None


def _street(body: Mapping[str, Any]) -> str | None:
    if body.get("level") != "dwelling" or body.get("address") is None:
        return None
    try:
        return str(body["address"]["street"])
    except (KeyError, TypeError):
        raise PeerError("not an address", code="invalid_body") from None


def _since(body: Mapping[str, Any]) -> date | None:
    try:
        return date.fromisoformat(body["valid_from"]) if body.get("valid_from") else None
    except (TypeError, ValueError):
        raise PeerError("not a day", code="invalid_body") from None


def _mapping(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise PeerError("not a JSON object", code="invalid_body")
    return body


def ensure_code(use: Use, code: str) -> None:
    """Of a register that does not know who lives: any identity code may be asked about. Raises InvalidIdentityCode."""
    parse_identity_code(code)
    use.concerns(code)
