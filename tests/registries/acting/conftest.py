"""Acting registers in a database of each kind, a clock set by hand, and what population and residence would tell."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from sild.errors import Unavailable
from sild.events import Event
from sild.registries.exchange import Because, Told
from sild.registries.kernel import Usage
from support.clock import SetClock as SetClock
from support.postgres import either_url as either_url
from support.postgres import postgresql as postgresql

POPULATION = "/SILD/GOV/70000002/population"
MOTHER, FATHER, CHILD, SISTER = "48901010015", "38702030027", "62603010039", "62301010015"
VN_MOTHER, VN_FATHER, VN_CHILD = "001190000001", "001088000002", "001326000003"
USAGE = Usage("SILD/GOV/70000001/portal", "message-1", user_id=f"EE{MOTHER}", issue="case-7", basis="PHS 10")
ANSWER = {
    "country": "EE",
    "contested_by": MOTHER,
    "language": "et",
    "view": "The income of June is missing",
    "reasons": "Juuni sissetulek on puudu.",
    "view_sha256": "c" * 64,
    "posture": "managed",
    "seconds": 61,
}
OVERTURNED = {"overturned": True, "answer": ANSWER}
"""How a contest ends, by the official who acts."""


@dataclass
class Others:
    """Answers as REGISTERS say that population and residence do. `down`: registers that do not answer now."""

    people: dict[str, dict[str, Any]] = field(default_factory=dict)
    divisions: dict[str, str] = field(default_factory=dict)
    streets: dict[str, str] = field(default_factory=dict)  # of homes that are dwellings with an address
    since: dict[str, str] = field(default_factory=dict)  # the day of a home
    guardians: dict[str, list[dict[str, Any]]] = field(default_factory=dict)  # of whom
    abroad: set[str] = field(default_factory=set)
    down: set[str] = field(default_factory=set)
    asked: list[tuple[str, str, Because]] = field(default_factory=list)
    sent: list[tuple[str, str, Mapping[str, Any], Because]] = field(default_factory=list)
    answers: list[Any] = field(default_factory=list)  # to what is sent: a body, or an error
    treasury: Callable[[Sequence[str], Mapping[str, Any], Because], Any] = lambda _path, _body, _why: {}

    def person(self, code: str, born: str, **more: Any) -> None:
        self.people[code] = {
            "code": code,
            "country": "VN" if len(code) == 12 else "EE",
            "sex": "F",
            "given_names": "Mari",
            "family_name": "Maasikas",
            "born": born,
            **more,
        }

    async def ask(self, register: str, path: Sequence[str], *, because: Because) -> Told:
        self.asked.append((register, "/".join(path), because))
        if register in self.down:
            raise Unavailable("down", code="network_error")
        return Told(self._answer(register, path), "m", f"SILD:GOV:1:{register}:{register}")

    def _answer(self, register: str, path: Sequence[str]) -> Any:
        code = path[1]
        if register == "population":
            if path[-1] == "children":
                own = [p for p in self.people.values() if code in (p.get("mother"), p.get("father"))]
                return {"items": own, "total": len(own)}
            if path[-1] == "guardians":
                return {"items": self.guardians.get(code, [])}
            return self.people.get(code)
        if path[0] == "households":
            home = self.divisions.get(code)
            together = [{"code": c} for c, place in self.divisions.items() if place == home]
            return {"household": "h", "members": together, "sealed": False} if home else None
        if code in self.abroad:
            return {"person": code, "level": "abroad", "country": "FI"}
        if code in self.divisions:
            unit = {"code": self.divisions[code], "name": "?"}
            street, since = self.streets.get(code), self.since.get(code)
            where = {} if street is None else {"address": {"street": street}}
            when = {} if since is None else {"valid_from": since}
            return {"person": code, "level": "dwelling", "division": unit, "now": [unit], **where, **when}
        return None

    async def send(
        self,
        register: str,
        path: Sequence[str],
        body: Mapping[str, Any],
        *,
        because: Because,
        content_type: str = "application/json",
    ) -> Told:
        self.sent.append((register, "/".join(path), body, because))
        if register in self.down:
            raise Unavailable("down", code="network_error")
        if register == "treasury":
            return Told(await asyncio.to_thread(self.treasury, path, body, because), "m", register)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return Told(answer, "m", register)


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def others() -> Others:
    """A family in Tallinn with a child of 2023 and a newborn, one in Hà Nội with a newborn."""
    others = Others()
    others.person(MOTHER, "1989-01-01")
    others.person(FATHER, "1987-02-03", sex="M")
    others.person(SISTER, "2023-01-01", mother=MOTHER, father=FATHER)
    others.person(CHILD, "2026-03-01", mother=MOTHER, father=FATHER)
    others.person(VN_MOTHER, "1990-01-01")
    others.person(VN_FATHER, "1988-01-01", sex="M")
    others.person(VN_CHILD, "2026-02-27", mother=VN_MOTHER, father=VN_FATHER)
    others.divisions = dict.fromkeys((MOTHER, FATHER, SISTER), "0784")
    others.divisions |= dict.fromkeys((VN_MOTHER, VN_FATHER), "00004")
    return others


@pytest.fixture
def database_url(either_url: str) -> str:
    return either_url


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "register"


def event(kind: str, subject: str, *, source: str = POPULATION, number: str = "", **data: Any) -> Event:
    return Event(
        id=number or str(uuid4()),
        source=source,
        type=kind,
        subject=subject,
        time=datetime(2026, 3, 2, 8, 0, tzinfo=UTC),
        data=data,
        extensions={"caseid": "case-7"},
    )


def at(time: datetime, told: Event) -> Event:
    """The event, of that moment."""
    return replace(told, time=time)


def day(text: str) -> date:
    return date.fromisoformat(text)
