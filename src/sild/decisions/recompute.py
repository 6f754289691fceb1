"""A rule package has a new version: which decisions in force would come out otherwise by it, from the facts that they rest on.

DECISIONS.md, section 2: retroactive law is a new package and the list of what it affects. Each decision is looked at once for a package,
and what was found is written down with it, so whoever is killed goes on; what would be another becomes a ripple, which the register
takes up as it does what a corrected fact reached (`registries.deciding.rules_changed`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, Select, func, insert, select

from sild.decisions import tables
from sild.decisions.fields import Sealed
from sild.decisions.from_rules import asked_of, situation_of
from sild.decisions.record import DecisionRecord
from sild.decisions.replay import RunsRules
from sild.decisions.ripples import RULES, open_ripple
from sild.decisions.shredding import open_values
from sild.decisions.store import DecisionStore
from sild.errors import CallerError, PlatformError
from sild.rules import Evaluation, RulePackage, choices, outputs_of_choices, parse_package

__all__ = ["Recomputed", "Recomputing", "recompute"]

PAGE = 200
CHOICE = "choice"
"""Item of an outcome: which of the package's choices was taken."""

Found = Literal["same", "differs", "impossible"]


@dataclass(frozen=True, slots=True)
class Recomputed:
    """names: what would be otherwise, by name; or why it cannot be told: `shredded`, or the code of the rules' failure."""

    decision: str
    found: Found
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Recomputing:
    """How many decisions in force other versions of the package gave, and how many were looked at before."""

    total: int
    done: int


def recompute(
    store: DecisionStore, package: RulePackage, engine: RunsRules, *, keep: bool = True
) -> Iterator[Recomputing | Recomputed]:
    """First how much there is to do, then each decision, the oldest first. keep: write it down, and open the ripples; else nothing is.

    Those that were looked at before, kept, are not again.
    """
    query = _in_force(package.sha256)
    with store.engine.connect() as connection:
        packages = _versions(connection, package.name, package.sha256)
        total = _count(connection, query, packages)
        done = total - _count(connection, _new(query, package.sha256), packages) if keep else 0
    yield Recomputing(total, done)
    wanted, after = (_new(query, package.sha256) if keep else query), ""
    wanted = wanted.where(tables.records.c.package_sha256.in_(packages)).order_by(tables.records.c.id)
    olds = _Versions()
    while True:
        with store.engine.connect() as connection:
            page = connection.scalars(wanted.where(tables.records.c.id > after).limit(PAGE)).all()
        for decision in page:
            after = decision
            with store.engine.connect() as connection:
                found = _look(store, connection, decision, package, engine, olds)
            if keep:
                _write(store, package, found)
            yield found
        if len(page) < PAGE:
            return


def _in_force(sha256: str) -> Select[Any]:
    """Ids of what rules gave and nothing has taken the place of. sha256: of the package by which it is not."""
    newer = tables.records.alias()
    record = tables.records.c
    return select(record.id).where(
        record.package_sha256 != sha256, ~select(newer.c.id).where(newer.c.supersedes == record.id).exists()
    )


def _new(query: Select[Any], sha256: str) -> Select[Any]:
    seen = tables.recomputes.c
    return query.where(
        ~select(seen.record).where(seen.record == tables.records.c.id, seen.package == sha256).exists()
    )


def _versions(connection: Connection, name: str, sha256: str) -> list[str]:
    """Hashes of the other versions of a package, of those that decisions name."""
    column = tables.records.c.package_sha256
    known = connection.scalars(select(column).where(column.is_not(None), column != sha256).distinct()).all()
    found = []
    for one in known:
        content = connection.scalar(select(tables.records.c.content).where(column == one).limit(1))
        rules = DecisionRecord.model_validate_json(bytes(content or b"")).rules
        if rules is not None and rules.package == name:
            found.append(str(one))
    return found


def _count(connection: Connection, query: Select[Any], packages: list[str]) -> int:
    among = query.where(tables.records.c.package_sha256.in_(packages)).subquery()
    return connection.scalar(select(func.count()).select_from(among)) or 0


class _Versions:
    """Packages as they were kept with the decisions, read once."""

    def __init__(self) -> None:
        self._read: dict[str, RulePackage | None] = {}

    def of(self, store: DecisionStore, connection: Connection, sha256: str) -> RulePackage | None:
        if sha256 not in self._read:
            files = store.package_files(connection, sha256)
            try:
                self._read[sha256] = parse_package(files) if files else None
            except PlatformError:
                self._read[sha256] = None
        return self._read[sha256]


def _look(
    store: DecisionStore,
    connection: Connection,
    decision: str,
    package: RulePackage,
    engine: RunsRules,
    olds: _Versions,
) -> Recomputed:
    record = store.find(connection, decision).record
    opened = {ref: one.value for ref, one in open_values(store, connection, decision).items()}
    facts = [(one.name, _value(one.value, opened)) for one in record.inputs]
    if any(isinstance(value, Sealed) for _, value in facts):
        return Recomputed(decision, "impossible", ("shredded",))
    recorded = {one.name: _value(one.value, opened) for one in record.outcome.items}
    if any(isinstance(value, Sealed) for value in recorded.values()):
        return Recomputed(decision, "impossible", ("shredded",))
    situation, day = situation_of(facts), record.competence.valid_on
    asked = [one for one in asked_of(record) if one[1] in package.outputs]
    gone = [name for name in recorded if name.count("/") >= 2 and name.split("/")[1] not in package.outputs]
    try:
        fresh = engine.evaluate(package, situation, asked, at=day)
        said = {f"{one.entity}/{one.variable}/{one.period}": one.value for one in fresh.values}
        names = [*gone, *(name for name, value in said.items() if recorded.get(name) != value)]
        old = olds.of(store, connection, record.rules.sha256) if record.rules is not None else None
        taken = recorded.get(CHOICE)
        if taken is not None and old is not None:
            names += _of_choice(engine, old, package, situation, str(taken), record)
    except CallerError as error:
        return Recomputed(decision, "impossible", (error.code,))
    return Recomputed(decision, "differs" if names else "same", tuple(dict.fromkeys(names)))


def _of_choice(
    engine: RunsRules,
    old: RulePackage,
    new: RulePackage,
    situation: dict[str, Any],
    taken: str,
    record: DecisionRecord,
) -> list[str]:
    """What of the choice that was taken would be otherwise, and its record does not say: the days for which it is given, whose it is."""
    before, after = (
        _items(engine, package, situation, taken, record) for package in (old, new)
    )  # each benefit to each receiver
    if after is None or before is None:
        return [f"{CHOICE}/{taken}"] if before is not None else []
    return [
        f"{CHOICE}/{taken}/{key}"
        for key in dict.fromkeys((*before, *after))
        if before.get(key) != after.get(key)
    ]


def _items(
    engine: RunsRules, package: RulePackage, situation: dict[str, Any], taken: str, record: DecisionRecord
) -> dict[str, tuple[str | None, ...]] | None:
    evaluation: Evaluation = engine.evaluate(
        package, situation, outputs_of_choices(package, situation), at=record.competence.valid_on
    )
    for choice in choices(package, situation, evaluation):
        if choice.id == taken:
            return {
                f"{one.benefit}/{one.receiver}/{one.valid_from}": (
                    one.amount,
                    one.currency,
                    one.per,
                    one.valid_to,
                )
                for one in choice.items
            }
    return None


def _value(value: Any, opened: Mapping[str, Any]) -> Any:
    """A sealed value that was shredded stays sealed."""
    return opened.get(value.sealed, value) if isinstance(value, Sealed) else value


def _write(store: DecisionStore, package: RulePackage, found: Recomputed) -> None:
    """With the ripple of what would be otherwise, or cannot be told, in one transaction."""
    at = store.clock()
    with store.engine.begin() as connection:
        connection.execute(
            insert(tables.recomputes).values(
                package=package.sha256,
                record=found.decision,
                found=found.found,
                names=list(found.names),
                at=at,
            )
        )
        if found.found != "same":
            open_ripple(
                connection,
                cause=f"package/{package.sha256}",
                decision=found.decision,
                concept=RULES,
                source=package.name,
                fact=package.version,
                at=at,
            )
