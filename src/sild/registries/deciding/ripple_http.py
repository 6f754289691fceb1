"""Paths of ripples: what a corrected fact or a finding reached, what of it waits for people, and how they ended it. Nobody's data, but whose work it is.

Closed by default: who may call them is an access right. Imported late: FastAPI takes its time.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any, Literal

from fastapi import FastAPI, Path, Query
from pydantic import Field, model_validator

from sild.decisions import DecisionRecord, Ripple, Sealed, end_ripple, find_ripple, list_ripples, open_values
from sild.errors import CallerError
from sild.registries.deciding.anew_http import Reasons
from sild.registries.deciding.deciding import Deciding
from sild.registries.deciding.looks import Look
from sild.registries.deciding.ripple import FINDING
from sild.registries.deciding.ripple_by_hand import RippleHearing, RippleNew, decide_ripple_by_hand
from sild.registries.identity_codes import Country
from sild.registries.kernel import Use, matter_settled
from sild.registries.kernel.asking import AtDesk
from sild.registries.kernel.http import Model, PersonalUsage

__all__ = ["RIPPLE_ACTIONS", "RIPPLE_TITLES", "Changed", "add_ripple_paths", "changed"]

RIPPLE_TITLES: dict[str, tuple[int, str]] = {
    "unknown_ripple": (404, "Unknown ripple"),
    "ripple_is_closed": (409, "The ripple was ended before"),
    "not_your_ripple": (
        403,
        "An official whom the decision is not about, and who had no part in it, ends it",
    ),
    "not_superseded": (409, "That decision did not take its place"),
    "is_contested": (409, "The decision is contested: whoever answers the contest decides anew"),
    "not_favourable": (409, "Somebody would get less, and was not heard"),
}
RIPPLE_ACTIONS = {
    "getRipples": "Decisions that rest on a corrected fact were listed",
    "endRipple": "An official saw to a decision that rests on a corrected fact",
}


class Changed(Model):
    """kind: `fact` or `outcome`.  before, after: null: it was not there, or nobody knew."""

    kind: Literal["fact", "outcome"]
    name: str
    before: Any = None
    after: Any = None


class RippleLine(Model):
    """reason: why it is listed: `contest`, `discretion`, `payment`, `silence`, `rules_failed`, `shredded`, `by_people`; or how it ended.

    finding: number of the auditor's finding that reached it; null: a corrected fact did (`concept`, `fact`).
    """

    id: str
    decision: str
    case: str
    step: str
    concept: str
    source: str
    fact: str | None
    finding: str | None = None
    state: Literal["waiting", "redecided", "unchanged", "listed", "ended"]
    reason: str | None
    opened_at: datetime
    due: date | None
    newer: str | None


class RippleLines(Model):
    items: list[RippleLine]


class Heard(Model):
    """way: they said something in the case of the matter (`answered`, `at`), or were asked there and were silent until the day (`asked`);
    the new decision is in everybody's favour; or it could not wait."""

    way: Literal["answered", "asked", "favourable", "urgent"]
    at: datetime | None = None


class NewOfRipple(Model):
    """As of a contest (`NewDecision`), by hand: values of lines of the outcome, what was weighed, reasons, and how those it is about were heard."""

    country: Country
    values: Annotated[Mapping[str, str | int | bool], Field(min_length=1, max_length=100)]
    considerations: Annotated[str, Field(min_length=1, max_length=4_000)]
    reasons: Reasons
    hearing: Heard
    view_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    posture: Annotated[str, Field(max_length=20)] = ""
    seconds: Annotated[int, Field(ge=0)] = 0


class RippleEnd(Model):
    """stands: the decision holds although the fact was corrected.  redecided: `decision` took its place.  by_hand: `new` takes it now."""

    outcome: Literal["stands", "redecided", "by_hand"]
    decision: Annotated[str, Field(pattern=r"^[0-9a-f-]{36}$")] | None = None
    new: NewOfRipple | None = None

    @model_validator(mode="after")
    def _whole(self) -> RippleEnd:
        if (self.outcome == "by_hand") != (self.new is not None):
            raise ValueError("by hand: the new decision, and otherwise none")
        return self


def add_ripple_paths(app: FastAPI, deciding: Deciding) -> None:
    """titles and actions: `RIPPLE_TITLES`, `RIPPLE_ACTIONS`."""

    @app.get("/ripples", operation_id="getRipples")
    def get_ripples(
        usage: PersonalUsage,
        state: Literal["waiting", "redecided", "unchanged", "listed", "ended"] = "listed",
        decision: Annotated[str | None, Query(max_length=36)] = None,
        limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    ) -> RippleLines:
        """Those that wait for people, unless another state is asked for; the oldest first."""
        with deciding.kernel.used("getRipples", usage) as use:
            found = list_ripples(use.connection, state=state, decision=decision, limit=limit)
            return RippleLines(items=[_line(deciding, use, one) for one in found])

    @app.post("/ripples/{ripple}/end", operation_id="endRipple")
    def end(
        ripple: Annotated[str, Path(max_length=36)], end: RippleEnd, usage: PersonalUsage, desk: AtDesk
    ) -> RippleLine:
        """The official who acts has seen to it: the decision stands, another took its place, or they decide anew by hand (`newer`)."""
        with deciding.kernel.used("endRipple", usage) as use:
            desk.ensure()
            found = find_ripple(use.connection, ripple)
            if use.answered() is None:
                _end(deciding, use, found, end)
                use.answer({})
            return _line(deciding, use, find_ripple(use.connection, ripple))


def _end(deciding: Deciding, use: Use, ripple: Ripple, end: RippleEnd) -> None:
    store, actor = deciding.store, use.usage.actor
    record = store.find(use.connection, ripple.decision).record
    official = None if actor is None else store.pseudonym(actor)
    others = {subject.ref for subject in record.subjects} | {step.official for step in record.human}
    use.concerns(*(subject.ref for subject in record.subjects))
    if official is None or official in others:
        raise CallerError(
            "an official ends it, whom the decision is not about, and who did not decide it",
            code="not_your_ripple",
        )
    newer = end.decision if end.outcome == "redecided" else None
    if end.outcome == "redecided" and store.superseded_by(use.connection, record.id) != newer:
        raise CallerError("that decision did not take its place", code="not_superseded")
    if end.new is not None:
        if ripple.state != "listed":
            raise CallerError("the ripple was ended before", code="ripple_is_closed")
        newer = str(decide_ripple_by_hand(deciding, use, ripple, actor or "", _new(end.new)).id)
    end_ripple(
        use.connection,
        ripple.id,
        "ended",
        reason="stands" if newer is None else "redecided",
        newer=newer,
        official=official,
        at=use.at,
    )
    matter_settled(use, "ripple", ripple.id, ())


def _new(new: NewOfRipple) -> RippleNew:
    return RippleNew(
        country=new.country,
        values=new.values,
        considerations=new.considerations,
        reasons=new.reasons.model_dump(),
        hearing=RippleHearing(new.hearing.way, new.hearing.at),
        look=Look(view_sha256=new.view_sha256, posture=new.posture, seconds=new.seconds),
    )


def _line(deciding: Deciding, use: Use, ripple: Ripple) -> RippleLine:
    record = deciding.store.find(use.connection, ripple.decision).record
    return RippleLine(
        id=ripple.id,
        decision=ripple.decision,
        case=record.case,
        step=record.step,
        concept=ripple.concept,
        source=ripple.source,
        fact=None if ripple.concept == FINDING else ripple.fact,
        finding=ripple.fact if ripple.concept == FINDING else None,
        state=ripple.state,
        reason=ripple.reason,
        opened_at=ripple.opened_at,
        due=ripple.due,
        newer=ripple.newer,
    )


def changed(deciding: Deciding, use: Use, record: DecisionRecord) -> list[Changed]:
    """What is another way than in the decision that this one took the place of; for who may read both. What was shredded is left out."""
    if record.supersedes is None:
        return []
    old = deciding.store.find(use.connection, record.supersedes).record
    if not {one.ref for one in record.subjects} <= {one.ref for one in old.subjects}:
        return []  # somebody reads this one who may not read that one
    before, after = (_told(deciding, use, one) for one in (old, record))
    return [
        Changed(kind=key[0], name=key[1], before=before.get(key), after=after.get(key))
        for key in dict.fromkeys((*before, *after))
        if before.get(key) != after.get(key)
    ]


def _told(deciding: Deciding, use: Use, record: DecisionRecord) -> dict[tuple[Any, str], Any]:
    opened = open_values(deciding.store, use.connection, str(record.id))
    values = (
        *(("fact", one.name, one.value) for one in record.inputs),
        *(("outcome", one.name, one.value) for one in record.outcome.items),
    )
    return {
        (kind, name): opened[value.sealed].value if isinstance(value, Sealed) else value
        for kind, name, value in values
        if not isinstance(value, Sealed) or value.sealed in opened
    }
