"""Replays that are kept, and the random sample of every night.

A sample's seed is published before it is drawn (`publish`), and the draw is a function of the seed and the hashes of all decisions
of the time: the first `size` by SHA-256 of `SEED/RECORD`. Nobody chooses what is looked at, and everybody can draw again.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import Connection, func, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from sild.decisions import tables
from sild.decisions.replay import ReplayReport
from sild.decisions.store import DecisionStore
from sild.errors import CallerError

__all__ = [
    "MatchRate",
    "Sample",
    "contested_unreplayed",
    "draw",
    "find_sample",
    "keep_replay",
    "match_rate",
    "mismatches",
    "publish_sample",
    "published_samples",
    "run_sample",
]


@dataclass(frozen=True, slots=True)
class Sample:
    """Of the decisions from `begins` until `ends`."""

    id: str
    seed: str
    published_at: datetime
    begins: datetime
    ends: datetime
    size: int


@dataclass(frozen=True, slots=True)
class MatchRate:
    matched: int
    mismatched: int
    impossible: int

    @property
    def percent(self) -> int | None:
        """Of those that could be told; None if none could. Rounded down, so that 100 means all."""
        told = self.matched + self.mismatched
        return 100 * self.matched // told if told else None


def publish_sample(
    store: DecisionStore, sample: str, *, begins: datetime, ends: datetime, size: int, seed: str | None = None
) -> Sample:
    """Fix and publish a sample to be drawn. seed: a fresh one if None. Raises CallerError (`sample_exists`)."""
    made = Sample(sample, seed or secrets.token_hex(16), store.clock(), begins, ends, size)
    with store.engine.begin() as connection:
        if connection.scalar(select(tables.samples.c.id).where(tables.samples.c.id == sample)) is not None:
            raise CallerError(f"the sample {sample[:60]} is published already", code="sample_exists")
        connection.execute(
            insert(tables.samples).values(
                id=made.id,
                seed=made.seed,
                published_at=made.published_at,
                begins=begins,
                ends=ends,
                size=size,
            )
        )
    return made


def find_sample(connection: Connection, sample: str) -> Sample:
    """Raises CallerError (`unknown_sample`)."""
    column = tables.samples.c
    query = select(column.id, column.seed, column.published_at, column.begins, column.ends, column.size)
    row = connection.execute(query.where(column.id == sample)).one_or_none()
    if row is None:
        raise CallerError(f"no sample {sample[:60]}", code="unknown_sample")
    return Sample(*row)


def published_samples(connection: Connection, *, limit: int = 50) -> list[Sample]:
    """The newest first: whoever publishes until a draw pleases leaves all of them here."""
    column = tables.samples.c
    query = select(column.id, column.seed, column.published_at, column.begins, column.ends, column.size)
    query = query.order_by(column.published_at.desc(), column.id).limit(limit)
    return [Sample(*row) for row in connection.execute(query)]


def draw(connection: Connection, sample: Sample) -> list[str]:
    """Ids of the decisions in it."""
    records = tables.records.c
    query = select(records.id, records.sha256).where(
        records.decided_at >= sample.begins, records.decided_at < sample.ends
    )
    rows = connection.execute(query).all()
    ranked = sorted(rows, key=lambda row: hashlib.sha256(f"{sample.seed}/{row.sha256}".encode()).digest())
    return [row.id for row in ranked[: sample.size]]


def keep_replay(
    store: DecisionStore,
    report: ReplayReport,
    *,
    sample: str | None = None,
    by: str | None = None,
    day: date | None = None,
) -> None:
    """Write down how a replay came out. What differs may be personal: only the node's name is kept.

    by: pseudonym of who asked for it, and on which day: the same result again adds nothing. None: each one counts.
    """
    said = report.to_json()
    if report.difference is not None:
        said["difference"] = {"node": report.difference["node"]}
    once = None if by is None else f"{report.decision}/{by}/{day}/{report.result}"
    with store.engine.begin() as connection:
        add = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
        row = {"record": report.decision, "sample": sample, "replayed_at": store.clock(), "result": report.result,
               "report": said, "once": once}  # fmt: skip
        connection.execute(add(tables.replays).values(row).on_conflict_do_nothing())


def run_sample(store: DecisionStore, sample: Sample, replay_one: Callable[[str], ReplayReport]) -> MatchRate:
    """Replay what was drawn and not replayed yet; after a kill the next call goes on.

    Raises CallerError (`sample_open`) before its time has ended: what is still to be decided cannot be drawn.
    """
    if store.clock() < sample.ends:
        raise CallerError("the time of this sample has not ended", code="sample_open")
    with store.engine.connect() as connection:
        done = set(
            connection.scalars(select(tables.replays.c.record).where(tables.replays.c.sample == sample.id))
        )
        wanted = [one for one in draw(connection, sample) if one not in done]
    for decision in wanted:
        keep_replay(store, replay_one(decision), sample=sample.id)
    with store.engine.connect() as connection:
        return match_rate(connection, sample=sample.id)


def contested_unreplayed(connection: Connection, *, limit: int = 200) -> list[str]:
    """Ids of decisions of which nobody has tried a replay since they were contested, the earliest contest first."""
    contest, replays = tables.contests.c, tables.replays.c
    since = select(replays.number).where(
        replays.record == contest.record, replays.replayed_at >= contest.contested_at
    )
    query = select(contest.record).where(~since.exists()).order_by(contest.contested_at).limit(limit)
    return list(dict.fromkeys(connection.scalars(query)))


def mismatches(connection: Connection, *, since: datetime) -> list[tuple[int, str]]:
    """Replays since then that gave another outcome, and of whose decision there is no later one: number and decision."""
    replays = tables.replays.c
    last = select(func.max(replays.number)).group_by(replays.record)
    query = select(replays.number, replays.record).where(
        replays.number.in_(last), replays.result == "mismatch", replays.replayed_at >= since
    )
    return [(row.number, row.record) for row in connection.execute(query.order_by(replays.number))]


def match_rate(
    connection: Connection,
    *,
    sample: str | None = None,
    algorithm: str | None = None,
    decision: UUID | str | None = None,
) -> MatchRate:
    """Of all replays that were kept, or of those asked for. Of an algorithm each decision counts once, as it last came out:

    whoever replays one a hundred times does not change the public figure.
    """
    replays = tables.replays.c
    query = select(replays.result, func.count()).group_by(replays.result)
    if sample is not None:
        query = query.where(replays.sample == sample)
    if decision is not None:
        query = query.where(replays.record == str(decision))
    if algorithm is not None:
        query = query.join(tables.records, tables.records.c.id == replays.record)
        query = query.where(tables.records.c.algorithm == algorithm)
        query = query.where(replays.number.in_(select(func.max(replays.number)).group_by(replays.record)))
    found = {row[0]: row[1] for row in connection.execute(query)}
    return MatchRate(found.get("match", 0), found.get("mismatch", 0), found.get("impossible", 0))
