"""Decisions that a correction or a finding reached and no rule made again, as what waits for an official (`kernel/matters.py`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sild.decisions import Ripple, exported, find_ripple, list_ripples, open_values
from sild.errors import CallerError
from sild.registries.deciding.deciding import Deciding
from sild.registries.deciding.ripple import FINDING, QUEUE, REPLAY, RULES, people_of
from sild.registries.kernel import Use
from sild.registries.kernel.matters import Matter, MatterFact, MatterSource

__all__ = ["evidence_of", "ripples_that_wait"]


def ripples_that_wait(deciding: Deciding) -> MatterSource:
    def waiting(use: Use) -> Sequence[Matter]:
        found = list_ripples(use.connection, state="listed", limit=1_000)
        return [_matter(deciding, use, one, opened=False) for one in found]

    def find(use: Use, key: str) -> Matter | None:
        try:
            ripple = find_ripple(use.connection, key)
        except CallerError:
            return None
        return _matter(deciding, use, ripple, opened=True)

    return MatterSource("ripple", waiting, find)


def evidence_of(deciding: Deciding, use: Use, decision: str, persons: Sequence[str]) -> Mapping[str, Any]:
    """The record with its sealed values, for an official of the body that decided. Whom it is about sees who looked.

    persons: of whom the use says so already, by code; the others are named as the record has them.
    Raises CallerError (`officials_only`): it is about the one who acts.
    """
    found = deciding.store.find(use.connection, decision)
    use.concerns(
        *sorted({one.ref for one in found.record.subjects} - set(map(deciding.store.pseudonym, persons)))
    )
    actor = use.usage.actor
    if actor is None or deciding.store.pseudonym(actor) in {one.ref for one in found.record.subjects}:
        raise CallerError("an official sees to it, whom it is not about", code="officials_only")
    opened = open_values(deciding.store, use.connection, decision)
    return {
        "record": exported(use.connection, found),
        "values": {ref: one.value for ref, one in opened.items()},
    }


def _matter(deciding: Deciding, use: Use, ripple: Ripple, *, opened: bool) -> Matter:
    """opened: with the decision's values, for who looks at this one."""
    record = deciding.store.find(use.connection, ripple.decision).record
    persons = tuple(people_of(deciding, use, ripple.decision)) if opened else ()
    newer = deciding.store.superseded_by(use.connection, ripple.decision)
    facts = (
        MatterFact("listed_because", ripple.reason),
        MatterFact("reached_by", ripple.concept if ripple.concept in (FINDING, QUEUE, REPLAY, RULES) else None, about=ripple.concept, source=ripple.source),
        MatterFact("decision", ripple.decision),
        *((MatterFact("newer", newer),) if newer is not None else ()),
    )  # fmt: skip
    return Matter(
        kind="ripple",
        key=ripple.id,
        state="waiting" if ripple.state == "listed" else "ended",
        since=ripple.opened_at,
        due=ripple.due,
        persons=persons,
        case=record.case,
        evidence=evidence_of(deciding, use, ripple.decision, persons) if opened else None,
        facts=facts,
    )
