"""What waits for a person in a register, whatever it is: one shape, told by an event when it begins to wait and when it no longer does.

    matter_opened(use, "dispute", dispute.id, [dispute.person])        # in the transaction in which it begins to wait
    add_matter_paths(app, kernel, [MatterSource("dispute", waiting, find)])

The event names the matter and whom it is about, and says nothing else. What it is a desk reads: `GET /matters/{kind}/{key}`, for the
official who acts, at level high, on a managed device, proved by the identity provider (`AtDesk`), and for none of those it is about; and so
it is when they decide. Closed by default: which information system has a desk is an access right.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Annotated, Any, Literal

from fastapi import FastAPI, Path

from sild.errors import CallerError
from sild.registries.identity_codes import (
    Country,
    InvalidCompanyCode,
    InvalidIdentityCode,
    parse_company_code,
    parse_identity_code,
)
from sild.registries.kernel.asking import AtDesk
from sild.registries.kernel.http import Model, PersonalUsage
from sild.registries.kernel.kernel import Kernel, Use
from sild.registries.kernel.matters_told import MatterKind
from sild.registries.kernel.proving import Desk
from sild.registries.kernel.usage import Usage
from sild.registries.profiles import profile

__all__ = [
    "MATTER_ACTIONS",
    "MATTER_TITLES",
    "Matter",
    "MatterFact",
    "MatterSource",
    "add_matter_paths",
    "due_day",
    "ensure_official",
]

MATTER_TITLES: dict[str, tuple[int, str]] = {
    "unknown_matter": (404, "No such matter"),
}
MATTER_ACTIONS = {
    "getMatters": "Matters that wait for an official were listed",
    "getMatter": "An official looked at a matter of the register",
}
DEADLINE = "register_matter.decide"


@dataclass(frozen=True, slots=True)
class MatterFact:
    """name: a word of the register's, such as `reason`.  value: for people, or a code.  about: the concept it is of.  The rest: of the fact that says so."""

    name: str
    value: str | None
    about: str = ""
    source: str = ""
    basis: str = ""
    valid_from: date | None = None


@dataclass(frozen=True, slots=True)
class Matter:
    """state: `waiting`, or `ended` by whatever.  said: by the person, in their words.  case: in which it arose.  due: until when people see to it.

    persons: codes of whom it is about.  evidence: {record, values} of the decision it is about, opened, as `GET /decisions/{id}` gives it.
    """

    kind: MatterKind
    key: str
    state: Literal["waiting", "ended"]
    since: datetime
    due: date | None
    persons: tuple[str, ...] = ()
    said: str = ""
    case: str | None = None
    evidence: Mapping[str, Any] | None = None  # JSON
    facts: tuple[MatterFact, ...] = ()


@dataclass(frozen=True, slots=True)
class MatterSource:
    """waiting: all of the kind, the oldest first.  find: one, also when it has ended; None: there is none."""

    kind: MatterKind
    waiting: Callable[[Use], Sequence[Matter]]
    find: Callable[[Use, str], Matter | None]


class MatterLine(Model):
    """What waits, without a word about whom: that is read matter by matter."""

    id: str
    kind: MatterKind
    since: datetime
    due: date | None


class MatterLines(Model):
    items: list[MatterLine]


class MatterFactState(Model):
    name: str
    value: str | None
    about: str = ""
    source: str = ""
    basis: str = ""
    valid_from: date | None = None


class MatterState(Model):
    id: str
    kind: MatterKind
    state: Literal["waiting", "ended"]
    since: datetime
    due: date | None
    persons: list[str]
    said: str
    case: str | None
    evidence: dict[str, Any] | None
    facts: list[MatterFactState]


def add_matter_paths(app: FastAPI, kernel: Kernel, sources: Sequence[MatterSource]) -> None:
    """titles and actions: `MATTER_TITLES`, `MATTER_ACTIONS`."""
    by_kind = {source.kind: source for source in sources}

    @app.get("/matters", operation_id="getMatters")
    def get_matters(usage: PersonalUsage, desk: AtDesk) -> MatterLines:
        """Everything that waits for an official, the first due first. Nobody's data, but whose work it is."""
        with kernel.used("getMatters", usage) as use:
            _ensure_desk(usage, desk)
            found = [matter for source in sources for matter in source.waiting(use)]
            return MatterLines(items=[_line(one) for one in sorted(found, key=_by_day)])

    @app.get("/matters/{kind}/{key}", operation_id="getMatter")
    def get_matter(
        kind: Annotated[str, Path(max_length=30)],
        key: Annotated[str, Path(max_length=64)],
        usage: PersonalUsage,
        desk: AtDesk,
    ) -> MatterState:
        with kernel.used("getMatter", usage) as use:
            _ensure_desk(usage, desk)
            source = next((one for name, one in by_kind.items() if name == kind), None)
            found = None if source is None else source.find(use, key)
            if found is None:
                raise CallerError("no such matter", code="unknown_matter")
            use.concerns(*found.persons)
            ensure_official(usage, found.persons)
            return MatterState(
                **_line(found).model_dump(),
                state=found.state,
                persons=list(found.persons),
                said=found.said,
                case=found.case,
                evidence=None if found.evidence is None else dict(found.evidence),
                facts=[MatterFactState(**asdict(fact)) for fact in found.facts],
            )


def ensure_official(usage: Usage, persons: Sequence[str]) -> None:
    """Nobody sees to what is about themselves, and no machine does. Raises CallerError (`officials_only`)."""
    if usage.actor is None or {usage.actor, usage.principal} & set(persons):
        raise CallerError("an official sees to it, whom it is not about", code="officials_only")


def due_day(persons: Sequence[str], since: date) -> date:
    """By the deadline `register_matter.decide` of the country of the first whose code says which; Estonia's otherwise."""
    known = (country for country in map(_country_of, persons) if country is not None)
    return profile(next(known, "EE")).deadline(DEADLINE, since)


def _country_of(code: str) -> Country | None:
    """Of a person or a company."""
    try:
        return parse_identity_code(code).country
    except InvalidIdentityCode:
        pass
    try:
        return parse_company_code(code).country
    except InvalidCompanyCode:
        return None


def _ensure_desk(usage: Usage, desk: Desk) -> None:
    desk.ensure(acts=False)
    if usage.actor is None:
        raise CallerError("an official sees to it", code="officials_only")


def _by_day(matter: Matter) -> tuple[date, datetime]:
    return matter.due or date.max, matter.since


def _line(matter: Matter) -> MatterLine:
    return MatterLine(id=f"{matter.kind}/{matter.key}", kind=matter.kind, since=matter.since, due=matter.due)
