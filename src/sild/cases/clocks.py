"""The clocks of a case as they stand on a day, computed from its actions (service levels, clock rule)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta

from sild.cases.case import Case, Taken
from sild.cases.consulting import questions_of
from sild.cases.process import Process
from sild.cases.views import ClockView
from sild.catalogue import Clock, ClockStop, Profile, PublicService

__all__ = ["HOLD", "RESUME", "clocks_of", "next_promise"]

HOLD, RESUME = "HOLD", "RESUME"
"""Actions of the engine: a register does not answer, `{body, reason}`, and answers again."""

DayOf = Callable[[datetime], date]


def clocks_of(
    case: Case, service: PublicService, process: Process, profile: Profile, day_of: DayOf, today: date
) -> tuple[ClockView, ...]:
    """One for each clock of the service, in its order."""
    stops = _stops(case, process, day_of)
    views: list[ClockView] = []
    for clockwork in service.clocks:
        begun, kept = _first(case, clockwork.begins), _first(case, clockwork.ends)
        kept_on = day_of(kept.at) if kept is not None else None
        if begun is None:
            waits = kept_on is None and case.status not in process.closed and _will_begin(service, len(views))
            expected = _expected(profile, service, views, today) if waits else None
            is_next = waits and clockwork.begins not in {one.ends for one in service.clocks}
            views.append(
                ClockView(
                    clockwork.id,
                    clockwork.title,
                    None,
                    _standing(stops) if is_next else None,
                    kept_on,
                    expected=expected,
                )
            )
            continue
        ended = process.ended(case, clockwork.id)
        ended_on = max(day_of(ended[0].at), day_of(begun.at)) if ended is not None else None
        on = ended_on or kept_on or today  # what was ended was answered then, whatever came of it later
        valid_at = day_of(begun.at)
        promise = _promise(
            profile, process.deadline(case, clockwork.deadline), day_of(case.opened_at), valid_at, stops, on
        )
        views.append(
            ClockView(
                clockwork.id,
                clockwork.title,
                promise,
                _standing(stops) if kept is None and ended is None else None,
                kept_on,
                on > promise,
                ended_on=ended_on if kept is None else None,
                ended_for=ended[1] if ended is not None and kept is None else None,
            )
        )
    return tuple(views)


def next_promise(clocks: tuple[ClockView, ...]) -> ClockView | None:
    """Of those that run, the one whose day comes first."""
    running = [
        clock for clock in clocks if clock.kept_on is None is clock.ended_on and clock.promise is not None
    ]
    return min(running, key=lambda clock: clock.promise or date.max, default=None)


def _standing(stops: Sequence[ClockStop]) -> str | None:
    """Reason of the stop that lasts."""
    return next((stop.reason for stop in stops if stop.end is None), None)


def _will_begin(service: PublicService, number: int) -> bool:
    """Not a promise that only some cases make: it is the only one, or one of a chain."""
    clocks = service.clocks
    begins, ends = {one.begins for one in clocks}, {one.ends for one in clocks}
    return len(clocks) == 1 or clocks[number].begins in ends or clocks[number].ends in begins


def _expected(profile: Profile, service: PublicService, views: Sequence[ClockView], today: date) -> date:
    """Of the clock after those of `views`: its promise if whatever it waits for came today, or when the clock before it ends.

    Before it is the one whose end is its beginning.
    """
    waiting = service.clocks[len(views)]
    before = next(
        (view for one, view in zip(service.clocks, views, strict=False) if one.ends == waiting.begins), None
    )
    begin = today
    if before is not None:
        begin = before.kept_on or max(before.promise or before.expected or today, today)
    return _promise(profile, waiting.deadline, begin, begin, (), begin)


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


def _stops(case: Case, process: Process, day_of: DayOf) -> tuple[ClockStop, ...]:
    stops: list[ClockStop] = []
    returned: tuple[date, str] | None = None
    held: dict[str, date] = {}
    for taken in case.actions:
        day = day_of(taken.at)
        rule = process.rule(taken.name)
        if taken.name == HOLD:
            held.setdefault(taken.data["body"], day)
        elif taken.name == RESUME and taken.data["body"] in held:
            stops.append(ClockStop(held.pop(taken.data["body"]), day, "register_down"))
        elif rule is not None and rule.stops is not None and returned is None:
            returned = day, rule.stops
        elif rule is not None and rule.resumes and returned is not None:
            stops.append(ClockStop(returned[0], day, returned[1]))
            returned = None
    if returned is not None:
        stops.append(ClockStop(returned[0], None, returned[1]))
    stops.extend(ClockStop(day, None, "register_down") for day in held.values())
    stops.extend(
        ClockStop(day_of(one.begun), day_of(one.ended) if one.ended else None, "other_body")
        for one in questions_of(case)
        if one.stops
    )
    return tuple(stops)


def _first(case: Case, name: str) -> Taken | None:
    return next((taken for taken in case.actions if taken.name == name), None)
