"""A corrected fact reaches what was decided from it: found, decided again by rule, or listed for people with a day.

ripples = Ripples(deciding, {"person.date_of_birth": {"insured": ("persons/child/born/%",)}})
for ripple, record in ripples.open(use, correction): tasks.add(use, "ripple", ...)      # in the transaction of the event
ripples.settle(use, ripple, lambda decision: ...)                                       # in the transaction of the new decision

What people decided, what is contested and what was paid is left to people. The newest decision is the one that is looked at: of two
corrections that come one after the other, the later finds what the earlier made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sild.decisions import (
    DecisionRecord,
    OutcomeItem,
    Reason,
    Ripple,
    Sealed,
    end_ripple,
    find_ripple,
    has_open_contest,
    open_ripple,
    open_values,
)
from sild.errors import CallerError
from sild.events import Event
from sild.registries.deciding.deciding import Deciding
from sild.registries.deciding.words import reason_of
from sild.registries.identity_codes import parse_identity_code
from sild.registries.kernel import Use
from sild.registries.profiles import profile

__all__ = ["CORRECTED", "DECIDED_AGAIN", "Correction", "LeftToPeople", "RestsOn", "Ripples", "why_corrected"]

CORRECTED = "fact.corrected"
DECIDED_AGAIN = "decision.corrected"
"""Tells whom it is about, {decision, supersedes}."""
BY_RULE = 4
DEADLINE = "ripple.decide"

RestsOn = Mapping[str, Mapping[str, Sequence[str]]]
"""Concept of a fact -> role of whom it is about -> names of inputs that are made of it, with `%`."""


class LeftToPeople(CallerError):
    """A rule does not decide this again. `code` says why."""


@dataclass(frozen=True, slots=True)
class Correction:
    """cause: what told it, once.  subject: whose fact it is, a code.  fact: its origin in `source`.  names: the inputs it is about, of those of the concept; None: all."""

    cause: str
    source: str
    subject: str
    concept: str
    fact: str | None = None
    names: frozenset[str] | None = None

    @classmethod
    def told(cls, event: Event) -> Correction:
        """By the event `fact.corrected`."""
        fact = event.data.get("fact")
        return cls(
            cause=f"{event.source}#{event.id}",
            source=event.source,
            subject=event.subject,
            concept=str(event.data.get("concept", "")),
            fact=None if fact is None else str(fact),
        )


class Ripples:
    def __init__(self, deciding: Deciding, rests_on: RestsOn) -> None:
        self._deciding = deciding
        self._store = deciding.store
        self._rests_on = rests_on

    def open(self, use: Use, correction: Correction) -> list[tuple[str, DecisionRecord]]:
        """Id of the ripple and the decision it reaches: every one in force that rests on the fact, and has not heard of it from this cause."""
        found = []
        for record in self._affected(use, correction):
            ripple = open_ripple(
                use.connection,
                cause=correction.cause,
                decision=str(record.id),
                concept=correction.concept,
                source=correction.source,
                fact=correction.fact,
                at=use.at,
            )
            if ripple is not None:
                found.append((ripple, record))
        return found

    def _affected(self, use: Use, correction: Correction) -> Iterator[DecisionRecord]:
        subject = self._store.pseudonym(correction.subject)
        seen = set()
        for role, patterns in self._rests_on.get(correction.concept, {}).items():
            for name in patterns:
                for stored in self._store.built_on(use.connection, name=name, subject=subject):
                    record = stored.record
                    is_theirs = any((one.ref, one.role) == (subject, role) for one in record.subjects)
                    rests = correction.names is None or any(i.name in correction.names for i in record.inputs)
                    if is_theirs and rests and record.id not in seen:
                        seen.add(record.id)
                        yield record

    def settle(
        self, use: Use, ripple_id: str, again: Callable[[DecisionRecord], str | None], *, person: str
    ) -> Ripple:
        """Decide again, or list it. again: of the newest decision the id of the one that took its place; None: the outcome is the same.

        again may raise LeftToPeople. person: whose country's deadline counts.
        """
        connection = use.connection
        ripple = find_ripple(connection, ripple_id)
        if ripple.state != "waiting":
            return ripple
        newest = self._newest(use, ripple.decision)
        try:
            self._ensure_ours(use, newest)
            newer = again(newest)
        except LeftToPeople as reason:
            day = profile(parse_identity_code(person).country).deadline(DEADLINE, use.today)
            end_ripple(connection, ripple_id, "listed", reason=reason.code, due=day, at=use.at)
        else:
            if newer is None and str(newest.id) == ripple.decision:
                end_ripple(connection, ripple_id, "unchanged", at=use.at)
            else:
                end_ripple(connection, ripple_id, "redecided", newer=newer or str(newest.id), at=use.at)
        return find_ripple(connection, ripple_id)

    def _newest(self, use: Use, decision: str) -> DecisionRecord:
        while (newer := self._store.superseded_by(use.connection, decision)) is not None:
            decision = newer
        return self._store.find(use.connection, decision).record

    def _ensure_ours(self, use: Use, record: DecisionRecord) -> None:
        """Raises LeftToPeople: people decided it, or somebody contests it."""
        if record.kind != "rule" or record.automation < BY_RULE or record.discretion != "bound":
            raise LeftToPeople("an official decided this", code="discretion")
        if has_open_contest(use.connection, str(record.id)):
            raise LeftToPeople("it is being contested", code="contest")

    def outcome_of(self, use: Use, record: DecisionRecord) -> dict[str, Any]:
        """The record's outcome items by name, opened. Raises LeftToPeople (`shredded`): its values are no longer there."""
        opened = open_values(self._store, use.connection, str(record.id))
        found: dict[str, Any] = {}
        for item in record.outcome.items:
            found[item.name] = _opened(item, opened)
        return found


def _opened(item: OutcomeItem, opened: Mapping[str, Any]) -> Any:  # JSON
    if not isinstance(item.value, Sealed):
        return item.value
    if item.value.sealed not in opened:
        raise LeftToPeople("what the decision rested on was shredded", code="shredded")
    return opened[item.value.sealed].value


def why_corrected(article: str) -> Reason:
    """The reason that every decision made again has, before those of the rules."""
    return reason_of("state", "fact_corrected", article)
