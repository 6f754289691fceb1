"""That a service lives: when it last worked for somebody, when its owner was last heard, by which channels people came to its end.

A case counts for the channel that took most of a person: `desk`, if an office brought it in on paper; `assisted`, if one act of it was a
clerk's on a mandate; `portal`, if people acted themselves; `proactive`, if nobody had to. Figures are of the last 90 days. Of fewer than
five cases of a channel nothing is told: it would be told of those few people.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from math import sqrt
from statistics import median
from typing import Any, Literal

from sqlalchemy import Connection, case, func, or_, select

from sild.cases.actor import ASSIST
from sild.cases.parts import Parts
from sild.cases.tables import actions, cases, offline_records
from sild.cases.waiting import STAFF
from sild.catalogue import PublicService

__all__ = ["ChannelFigures", "LiveProof", "live_proofs"]

WINDOW = timedelta(days=90)
OWNER_HEARD = timedelta(days=30)
FEWEST = 5
"""Cases of a channel from which its figures are told."""
WHOLE = 0.95
"""Share of cases that went online to their end, at its lower bound, from which a service is one that does."""
NOBODYS = (*STAFF, "state", "clerk")
"""Roles in which nobody acts for themselves."""

Channel = Literal["proactive", "portal", "assisted", "desk"]
CHANNELS: tuple[Channel, ...] = ("proactive", "portal", "assisted", "desk")


@dataclass(frozen=True, slots=True)
class ChannelFigures:
    """Of cases that ended in the window. returned: sent back to be mended at least once.  median_days: working days from a case's opening to its end."""

    channel: Channel
    closed: int
    returned: int
    median_days: float


@dataclass(frozen=True, slots=True)
class LiveProof:
    """last_case: when the newest case was opened; None: there was none.  cases, closed: opened and ended in the last 90 days.

    median_days: working days from opening to end, of those.  owner_heard: when the body last answered a message, one of its officials
    acted, or it published; None: never.  channels: of those with at least `FEWEST` cases.  online_least: the share of cases that went online
    (or of themselves) to their end, at the lower bound of Wilson's interval of 95 %; None: too few to tell.
    """

    service: str
    published_at: datetime | None
    last_case: datetime | None
    cases: int
    closed: int
    median_days: float | None
    owner_heard: datetime | None
    is_recent: bool
    is_owned: bool
    channels: tuple[ChannelFigures, ...]
    online_least: float | None

    @property
    def is_whole(self) -> bool | None:
        """Whether it is shown to be done online from beginning to end; None: not shown, of too few cases."""
        return None if self.online_least is None else self.online_least >= WHOLE


@dataclass(frozen=True, slots=True)
class _Ended:
    channel: Channel
    returned: bool
    days: int  # working days


def live_proofs(parts: Parts) -> tuple[LiveProof, ...]:
    """Of every service. Blocks."""
    now = parts.clock()
    since = now - WINDOW
    with parts.store.reading() as connection:
        acted = _acted(connection, since)
        ended = _ended(parts, connection, since)
        opened = {service: _opened(connection, service, since) for service in parts.services}
    return tuple(
        _proof(parts, service, now, opened[service.id], acted, ended.get(service.id, []))
        for service in parts.services.values()
    )


def _proof(
    parts: Parts,
    service: PublicService,
    now: datetime,
    opened: tuple[datetime | None, int],
    acted: Mapping[str, datetime],
    ended: Sequence[_Ended],
) -> LiveProof:
    published = parts.published.get(service.id)
    heard = (published, parts.calls.heard_of(service.owner), acted.get(service.id))
    owner_heard = max((at for at in heard if at is not None), default=None)
    newest, count = opened
    channels = [(channel, [one for one in ended if one.channel == channel]) for channel in CHANNELS]
    online = sum(one.channel in ("proactive", "portal") for one in ended)
    return LiveProof(
        service.id,
        published,
        newest,
        count,
        len(ended),
        _days(ended) if ended else None,
        owner_heard,
        is_recent=newest is not None and newest >= now - WINDOW,
        is_owned=owner_heard is not None and owner_heard >= now - OWNER_HEARD,
        channels=tuple(_figures(channel, of_it) for channel, of_it in channels if len(of_it) >= FEWEST),
        online_least=_least(online, len(ended)) if len(ended) >= FEWEST else None,
    )


def _figures(channel: Channel, ended: Sequence[_Ended]) -> ChannelFigures:
    return ChannelFigures(channel, len(ended), sum(one.returned for one in ended), _days(ended))


def _days(ended: Sequence[_Ended]) -> float:
    return round(float(median(one.days for one in ended)), 1)


def _least(online: int, of: int) -> float:
    """Lower bound of Wilson's interval for a share, at 95 %: three lucky cases prove nothing."""
    share, square = online / of, 1.96**2
    middle, spread = share + square / (2 * of), 1.96 * sqrt((share * (1 - share) + square / (4 * of)) / of)
    return (middle - spread) / (1 + square / of)


def _opened(connection: Connection, service: str, since: datetime) -> tuple[datetime | None, int]:
    """When the newest case was, and how many there were since then."""
    newest: datetime | None = connection.scalar(
        select(cases.c.opened_at)
        .where(cases.c.service == service)
        .order_by(cases.c.opened_at.desc())
        .limit(1)
    )
    late = (cases.c.service == service, cases.c.opened_at >= since)
    return newest, int(connection.scalar(select(func.count()).select_from(cases).where(*late)) or 0)


def _acted(connection: Connection, since: datetime) -> Mapping[str, datetime]:
    """When an official last acted in a case of each service that lives, or ended since then."""
    newest = (
        select(cases.c.service, func.max(actions.c.at).label("at"))
        .join_from(actions, cases, cases.c.id == actions.c.case)
        .where(actions.c.role.in_(STAFF), or_(cases.c.closed_at.is_(None), cases.c.closed_at >= since))
        .group_by(cases.c.service)
    )
    return {row.service: row.at for row in connection.execute(newest)}


def _ended(parts: Parts, connection: Connection, since: datetime) -> Mapping[str, list[_Ended]]:
    """By service, the cases that ended since then."""
    returns = {rule.name for process in parts.processes.values() for rule in process.rules if rule.is_return}
    query = (
        select(
            cases.c.service,
            cases.c.opened_at,
            cases.c.closed_at,
            func.max(case((actions.c.mandate.startswith(ASSIST), 1), else_=0)).label("assisted"),
            func.max(case((actions.c.role.in_(NOBODYS), 0), else_=1)).label("themselves"),
            func.max(case((actions.c.name.in_(returns), 1), else_=0)).label("returned"),
            func.max(case((offline_records.c.id.is_(None), 0), else_=1)).label("paper"),
        )
        .join_from(cases, actions, cases.c.id == actions.c.case)
        .outerjoin(offline_records, offline_records.c.case == cases.c.id)
        .where(cases.c.closed_at >= since)
        .group_by(cases.c.id, cases.c.service, cases.c.opened_at, cases.c.closed_at)
    )
    found: dict[str, list[_Ended]] = {}
    day, between = parts.store.today, cache(parts.profile.working_days.between)
    for row in connection.execute(query):
        days = between(day(row.opened_at), day(row.closed_at))
        found.setdefault(row.service, []).append(_Ended(_channel(row), bool(row.returned), days))
    return found


def _channel(row: Any) -> Channel:
    if row.paper:
        return "desk"
    if row.assisted:
        return "assisted"
    return "portal" if row.themselves else "proactive"
