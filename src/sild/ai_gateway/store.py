"""All SQL of the gateway. Blocking: in threads of the caller's. Raises Unavailable (`ledger_unavailable`) when the database is away:
what cannot be logged is not asked."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, RowMapping, and_, exists, func, insert, select, text, update
from sqlalchemy.exc import DBAPIError

from sild.ai_gateway.canaries import Canary
from sild.ai_gateway.classes import DataClass
from sild.ai_gateway.errors import BudgetSpent
from sild.ai_gateway.tables import alarms, attempts, calls, canaries, keys, outcomes, switches
from sild.database import open_database
from sild.errors import Unavailable

__all__ = ["Alarm", "Attempt", "Call", "GatewayKey", "Outcome", "Store", "Switch"]

_MIGRATIONS = Path(__file__).parent / "migrations"
ALL_ABROAD = "*"


@dataclass(frozen=True, slots=True)
class GatewayKey:
    """What a key may do; the key itself is kept as its SHA-256 (hex) alone."""

    id: str
    sha256: str
    purpose: str
    algorithm: str
    templates: tuple[str, ...]
    tokens_per_day: int
    calls_per_minute: int
    made_at: datetime
    made_by: str
    expires: date | None = None
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A row of the ledger, written before anything goes out. verdict: abroad (may go there), local, refused."""

    id: str
    at: datetime
    key: str
    purpose: str
    algorithm: str
    template: str
    template_version: str
    template_sha256: str
    classes: tuple[DataClass, ...]
    hits: tuple[str, ...]
    redactions: int
    verdict: str
    reason: str | None
    reserved_tokens: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """One asking of one provider, written before it is asked."""

    call: str
    number: int
    at: datetime
    provider: str
    kind: str
    place: str
    region: str
    contract: str | None
    model: str
    parameters: Mapping[str, float | int]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended, and with number 0 how the call did. output_sha256: of what was handed over, UTF-8."""

    call: str
    number: int
    at: datetime
    status: str
    reported_version: str | None
    input_tokens: int
    output_tokens: int
    milliseconds: int
    output_sha256: str | None
    links_removed: int


@dataclass(frozen=True, slots=True)
class Alarm:
    """A canary was heard. stage: `request` (nothing was sent), `answer` (it was handed to nobody).  data_class: of the canary.

    provider: whose answer it was.  switched_off: what was switched off at once, `*` for every one abroad.
    """

    id: str
    at: datetime
    call: str
    stage: str
    data_class: str
    algorithm: str
    purpose: str
    template: str
    provider: str | None = None
    switched_off: str | None = None


@dataclass(frozen=True, slots=True)
class Switch:
    """provider: its name, or `*` for every one abroad."""

    provider: str
    off: bool
    at: datetime
    by: str
    reason: str


class Store:
    """url: SQLAlchemy's."""

    def __init__(self, url: str) -> None:
        self._engine = open_database(url, _MIGRATIONS)
        self._budgets = threading.Lock()

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def _begin(self) -> Iterator[Connection]:
        try:
            with self._engine.begin() as connection:
                yield connection
        except DBAPIError as error:
            raise Unavailable(
                "the ledger cannot be written: nothing is asked", code="ledger_unavailable"
            ) from error

    # keys

    def add_key(self, key: GatewayKey) -> None:
        with self._begin() as connection:
            connection.execute(insert(keys).values(**asdict(key) | {"templates": list(key.templates)}))

    def find_key(self, sha256: str) -> GatewayKey | None:
        with self._begin() as connection:
            row = connection.execute(select(keys).where(keys.c.sha256 == sha256)).mappings().first()
        return None if row is None else _key(row)

    def all_keys(self) -> list[GatewayKey]:
        with self._begin() as connection:
            return [_key(row) for row in connection.execute(select(keys).order_by(keys.c.made_at)).mappings()]

    def revoke_key(self, key_id: str, at: datetime) -> bool:
        """False when there is none, or it was revoked before."""
        wanted = and_(keys.c.id == key_id, keys.c.revoked_at.is_(None))
        with self._begin() as connection:
            return connection.execute(update(keys).where(wanted).values(revoked_at=at)).rowcount == 1

    # the ledger

    def open_call(self, call: Call, key: GatewayKey, alarm: Alarm | None = None) -> None:
        """Write `call`, unless its key's budget is spent: both are one transaction. Raises BudgetSpent, the call then refused.

        alarm: that goes with it.
        """
        with self._budgets, self._begin() as connection:
            if connection.dialect.name == "postgresql":  # other processes of the gateway
                lock = text("SELECT pg_advisory_xact_lock(hashtext(:key))")
                connection.execute(lock, {"key": f"ai_budget {key.id}"})
            spent = None if call.verdict == "refused" else _spent(connection, call, key)
            values = asdict(call) | {
                "day": call.at.date(),
                "classes": list(call.classes),
                "hits": list(call.hits),
            }
            if spent is not None:
                values |= {"verdict": "refused", "reason": "budget_spent", "reserved_tokens": 0}
            connection.execute(insert(calls).values(**values))
            _raise_alarm(connection, alarm)
        if spent is not None:
            raise spent

    def open_attempt(self, attempt: Attempt) -> None:
        with self._begin() as connection:
            connection.execute(
                insert(attempts).values(**asdict(attempt) | {"parameters": dict(attempt.parameters)})
            )

    def close_attempt(self, outcome: Outcome, alarm: Alarm | None = None) -> None:
        """alarm: that goes with it."""
        with self._begin() as connection:
            connection.execute(insert(outcomes).values(**asdict(outcome)))
            _raise_alarm(connection, alarm)

    def ledger(self, *, since: date, until: date) -> list[dict[str, Any]]:  # rows as the database has them
        """Calls of these days (UTC), both included, each with its attempts and their outcomes."""
        with self._begin() as connection:
            wanted = calls.c.day.between(since, until)
            over = and_(outcomes.c.call == calls.c.id, outcomes.c.number == 0)
            ended = (
                select(calls, outcomes.c.status, outcomes.c.output_sha256)
                .outerjoin(outcomes, over)
                .where(wanted)
            )
            found = [
                dict(row) | {"attempts": []}
                for row in connection.execute(ended.order_by(calls.c.at, calls.c.id)).mappings()
            ]
            by_id = {row["id"]: row for row in found}
            joined = (
                select(attempts, *(outcomes.c[name].label(f"outcome_{name}") for name in _OUTCOME))
                .join(calls, calls.c.id == attempts.c.call)
                .outerjoin(
                    outcomes,
                    and_(outcomes.c.call == attempts.c.call, outcomes.c.number == attempts.c.number),
                )
                .where(wanted)
                .order_by(attempts.c.call, attempts.c.number)
            )
            for row in connection.execute(joined).mappings():
                by_id[row["call"]]["attempts"].append(dict(row))
        return found

    # canaries

    def add_canaries(self, batch: Sequence[Canary]) -> None:
        """A new set takes the place of those before."""
        with self._begin() as connection:
            connection.execute(
                update(canaries).where(canaries.c.given_up_at.is_(None)).values(given_up_at=batch[0].made_at)
            )
            connection.execute(insert(canaries), [asdict(each) for each in batch])

    def canaries(self) -> list[Canary]:
        """All that were ever planted, the oldest first."""
        with self._begin() as connection:
            query = select(canaries).order_by(canaries.c.made_at, canaries.c.id)
            return [Canary(**row) for row in connection.execute(query).mappings()]

    def alarms(self, *, since: date, until: date) -> list[Alarm]:
        """Of these days (UTC), both included, the oldest first."""
        with self._begin() as connection:
            query = (
                select(alarms).where(alarms.c.day.between(since, until)).order_by(alarms.c.at, alarms.c.id)
            )
            rows = connection.execute(query).mappings().all()
        return [Alarm(**{name: row[name] for name in _ALARM}) for row in rows]

    # kill switches

    def throw(self, switch: Switch) -> None:
        with self._begin() as connection:
            connection.execute(insert(switches).values(**asdict(switch)))

    def switched_off(self) -> frozenset[str]:
        """Names of providers that must not be asked; `*` for all abroad."""
        newest = select(func.max(switches.c.number)).group_by(switches.c.provider)
        wanted = select(switches.c.provider).where(switches.c.number.in_(newest), switches.c.off)
        with self._begin() as connection:
            return frozenset(connection.execute(wanted).scalars())

    def switch_history(self) -> list[Switch]:
        with self._begin() as connection:
            rows: Sequence[Any] = connection.execute(select(switches).order_by(switches.c.number)).all()
        return [Switch(row.provider, row.off, row.at, row.by, row.reason) for row in rows]


_OUTCOME = ("status", "reported_version", "input_tokens", "output_tokens", "milliseconds", "output_sha256")


_ALARM = tuple(each.name for each in fields(Alarm))


def _raise_alarm(connection: Connection, alarm: Alarm | None) -> None:
    """With its switch: what is written down was done."""
    if alarm is None:
        return
    connection.execute(insert(alarms).values(**asdict(alarm), day=alarm.at.date()))
    if alarm.switched_off is not None:
        row = Switch(alarm.switched_off, True, alarm.at, "canary", f"alarm {alarm.id}")
        connection.execute(insert(switches).values(**asdict(row)))


def _key(row: RowMapping) -> GatewayKey:
    return GatewayKey(**{**row, "templates": tuple(row["templates"])})


def _spent(connection: Connection, call: Call, key: GatewayKey) -> BudgetSpent | None:
    """Calls still open count what they reserved: what a killed process had asked was asked."""
    mine = calls.c.key == key.id
    recently = and_(mine, calls.c.at > call.at - timedelta(minutes=1), calls.c.verdict != "refused")
    if connection.scalars(select(func.count()).where(recently)).one() >= key.calls_per_minute:
        return BudgetSpent(f"more than {key.calls_per_minute} calls in a minute", retry_after=60)
    today = and_(mine, calls.c.day == call.at.date(), calls.c.verdict != "refused")
    ends = outcomes.alias()
    closed = exists().where(ends.c.call == calls.c.id, ends.c.number == 0)
    reserved = connection.scalar(select(func.sum(calls.c.reserved_tokens)).where(today, ~closed)) or 0
    used = select(func.sum(outcomes.c.input_tokens + outcomes.c.output_tokens)).join(
        calls, calls.c.id == outcomes.c.call
    )
    total = reserved + (connection.scalar(used.where(today, closed, outcomes.c.number > 0)) or 0)
    if total + call.reserved_tokens > key.tokens_per_day:
        return BudgetSpent(f"today's {key.tokens_per_day} tokens are used or reserved")
    return None
