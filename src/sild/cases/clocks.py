"""The clocks of a case as they stand on a day, computed from its actions (service levels, clock rule)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

from sild.cases.case import Case, Taken
from sild.cases.consulting import questions_of
from sild.cases.process import OPENED, Process
from sild.cases.views import ClockView
from sild.catalogue import Clock, ClockStop, Clockwork, Profile, PublicService

__all__ = ["HOLD", "RESUME", "clocks_of", "next_promise", "together"]

HOLD, RESUME = "HOLD", "RESUME"
"""Actions of the engine: a register does not answer, `{body, reason}`, and answers again."""

DayOf = Callable[[datetime], date]


def clocks_of(
    case: Case, service: PublicService, process: Process, profile: Profile, day_of: DayOf, today: date
) -> tuple[ClockView, ...]:
    """One for each clock of the service that every case has, in its order, and those of a status (`Clockwork.during`) that came."""
    path = _path(case, process)
    stops = _stops(path, case, process, day_of)
    views: dict[str, ClockView] = {}
    linked = profile.linked.get(service.id)
    for clockwork in service.clocks:
        if linked is not None and clockwork.id in linked.clocks and _first(case, linked.begins) is not None:
            clockwork = clockwork.model_copy(update={"begins": linked.begins})
        span = _span(clockwork, case, path, process)
        if span is None:
            continue
        begun, kept = span
        kept_on = day_of(kept.at) if kept is not None else None
        if begun is None:
            waits = kept_on is None and case.status not in process.closed and _will_begin(service, clockwork)
            expected = _expected(profile, service, clockwork, views, today) if waits else None
            is_next = waits and not any(clockwork.begins in one.ends for one in _of_every_case(service))
            views[clockwork.id] = ClockView(
                clockwork.id,
                clockwork.title,
                None,
                _standing(stops) if is_next else None,
                kept_on,
                expected=expected,
            )
            continue
        ended = process.ended(case, clockwork.id)
        ended_on = max(day_of(ended[0].at), day_of(begun.at)) if ended is not None else None
        on = ended_on or kept_on or today  # what was ended was answered then, whatever came of it later
        valid_at = day_of(begun.at)
        promise = _promise(
            profile, process.deadline(case, clockwork.deadline), day_of(case.opened_at), valid_at, stops, on
        )
        views[clockwork.id] = ClockView(
            clockwork.id,
            clockwork.title,
            promise,
            _standing(stops) if kept is None and ended is None else None,
            kept_on,
            on > promise,
            ended_on=ended_on if kept is None else None,
            ended_for=ended[1] if ended is not None and kept is None else None,
        )
    return tuple(views.values())


def together(
    clocks: Sequence[ClockView], service: PublicService, profile: Profile, today: date
) -> ClockView | None:
    """The one promise for what the profile links: the latest. None: it links nothing of the service."""
    linked = profile.linked.get(service.id)
    views = [view for view in clocks if linked is not None and view.id in linked.clocks]
    if linked is None or not views:
        return None
    promises = [view.promise for view in views if view.promise is not None]
    promise = max(promises) if len(promises) == len(views) else None
    kept = [day for view in views if (day := view.kept_on or view.ended_on) is not None]
    kept_on = max(kept) if len(kept) == len(views) else None
    expected = [day for view in views if (day := view.kept_on or view.promise or view.expected) is not None]
    return ClockView(
        f"{service.id}.linked",
        linked.title,
        promise,
        next((view.standing_for for view in views if view.standing_for is not None), None),
        kept_on,
        promise is not None and (kept_on or today) > promise,
        expected=max(expected) if promise is None and len(expected) == len(views) else None,
    )


def next_promise(clocks: tuple[ClockView, ...]) -> ClockView | None:
    """Of those that run, the one whose day comes first."""
    running = [
        clock for clock in clocks if clock.kept_on is None is clock.ended_on and clock.promise is not None
    ]
    return min(running, key=lambda clock: clock.promise or date.max, default=None)


def _standing(stops: Sequence[ClockStop]) -> str | None:
    """Reason of the stop that lasts."""
    return next((stop.reason for stop in stops if stop.end is None), None)


def _of_every_case(service: PublicService) -> list[Clockwork]:
    return [one for one in service.clocks if not one.during]


def _will_begin(service: PublicService, clock: Clockwork) -> bool:
    """Not a promise that only some cases make: it is the only one, or one of a chain."""
    clocks = _of_every_case(service)
    begins, ends = {one.begins for one in clocks}, {end for one in clocks for end in one.ends}
    return len(clocks) == 1 or clock.begins in ends or bool(begins & set(clock.ends))


def _expected(
    profile: Profile, service: PublicService, clock: Clockwork, views: Mapping[str, ClockView], today: date
) -> date:
    """Its promise if whatever it waits for came today, or when the clock before it ends. views: of the clocks before it.

    Before it is the one whose end is its beginning, or that of a status in which the case still is.
    """
    before = next(
        (views[one.id] for one in service.clocks if clock.begins in one.ends and one.id in views), None
    )
    linked = profile.linked.get(service.id)
    if linked is not None and clock.id in linked.clocks:
        before = None
    owed = [views[one.id] for one in service.clocks if one.during and one.id in views]
    begin = max([today, *(one.promise for one in owed if one.promise and one.kept_on is None)])
    if before is not None:
        begin = before.kept_on or max(before.promise or before.expected or today, today)
    return _promise(profile, clock.deadline, begin, begin, (), begin)


def _promise(
    profile: Profile, name: str, sent_at: date, valid_at: date, stops: tuple[ClockStop, ...], on: date
) -> date:
    deadline = profile.deadlines[name]
    if deadline.unit == "working_days":
        promise = Clock(deadline.value, sent_at, valid_at, stops).promise(profile.working_days, on)
        assert promise is not None
        return promise
    promised = profile.deadline(name, valid_at)
    stood = {
        day
        for stop in stops
        for day in _days(max(stop.begin, valid_at), min(stop.end or on, on))
        if stop.begin <= promised
    }
    return promised + timedelta(days=len(stood))


def _days(begin: date, end: date) -> list[date]:
    return [begin + timedelta(days=number) for number in range((end - begin).days)]


def _path(case: Case, process: Process) -> list[tuple[Taken, str]]:
    """Each action with the status it made."""
    before, path = replace(case, actions=(), status=OPENED), []
    for taken in case.actions:
        before = before.with_action(taken, process.status(before.status, taken, before))
        path.append((taken, before.status))
    return path


def _first(case: Case, name: str | None) -> Taken | None:
    return next((one for one in case.actions if one.name == name), None)


def _span(
    clock: Clockwork, case: Case, path: Sequence[tuple[Taken, str]], process: Process
) -> tuple[Taken | None, Taken | None] | None:
    """What began it, and what kept it. None: it is of a status in which the case never was, or which it left for something else."""
    if not clock.during:
        ends = (one for one in case.actions if one.name in clock.ends)
        return _first(case, clock.begins), next(
            (one for one in ends if process.keeps(case, clock.id, one)), None
        )
    begun: Taken | None = None
    left: Taken | None = None
    for taken, status in path:
        if status in clock.during:
            begun, left = (taken, None) if begun is None or left is not None else (begun, None)
        elif begun is not None and left is None:
            left = taken
    if begun is None or (left is not None and left.name not in clock.ends):
        return None
    return begun, left


def _stops(
    path: Sequence[tuple[Taken, str]], case: Case, process: Process, day_of: DayOf
) -> tuple[ClockStop, ...]:
    """A return lasts until the case leaves the status it made, by whatever action."""
    stops: list[ClockStop] = []
    returned: tuple[date, str, str] | None = None
    held: dict[str, date] = {}
    for taken, status in path:
        day = day_of(taken.at)
        if returned is not None and status != returned[2]:
            stops.append(ClockStop(returned[0], day, returned[1]))
            returned = None
        rule = process.rule(taken.name)
        if taken.name == HOLD:
            held.setdefault(taken.data["body"], day)
        elif taken.name == RESUME and taken.data["body"] in held:
            stops.append(ClockStop(held.pop(taken.data["body"]), day, "register_down"))
        elif rule is not None and rule.stops is not None and returned is None:
            returned = day, rule.stops, status
    if returned is not None:
        stops.append(ClockStop(returned[0], None, returned[1]))
    stops.extend(ClockStop(day, None, "register_down") for day in held.values())
    stops.extend(
        ClockStop(day_of(one.begun), day_of(one.ended) if one.ended else None, "other_body")
        for one in questions_of(case)
        if one.stops
    )
    return tuple(stops)
