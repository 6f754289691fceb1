"""A corrected fact, or a finding that was upheld, reaches decisions: each decided again by rule, or listed for people with a day.

ripples = Ripples(deciding, {"person.date_of_birth": {"insured": ("persons/child/born/%",)}})
for ripple, record in ripples.open(use, correction): tasks.add(use, "ripple", ...)      # in the transaction of the event
ripples.settle(use, ripple, lambda decision: ...)                                       # in the transaction of the new decision
deciding.decides_again = lambda use, ripple, record, cause: ...                         # of findings: see finding_ripple.py

What people decided, what is contested and what was paid is left to people. The newest decision is the one that is looked at: of two
corrections that come one after the other, the later finds what the earlier made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sild.decisions import (
    CONTEST,
    FINDING,
    RULES,
    DecisionRecord,
    OutcomeItem,
    Reason,
    Ripple,
    Sealed,
    end_ripple,
    find_ripple,
    has_open_contest,
    list_ripples,
    open_ripple,
    open_values,
)
from sild.errors import CallerError
from sild.events import Event
from sild.registries.deciding.deciding import Deciding
from sild.registries.deciding.words import reason_of
from sild.registries.identity_codes import Country, parse_identity_code
from sild.registries.kernel import Use, matter_opened, matter_settled
from sild.registries.profiles import profile

__all__ = [
    "CONTEST",
    "CORRECTED",
    "DECIDED_AGAIN",
    "FINDING",
    "QUEUE",
    "REPLAY",
    "RULES",
    "Correction",
    "LeftToPeople",
    "RestsOn",
    "Ripples",
    "leave_to_official",
    "line_of",
    "list_for_people",
    "people_of",
    "take_up",
    "why_again",
]

CORRECTED = "fact.corrected"
REPLAY = "replay"
"""In the place of a concept: replayed, the decision is another one (mismatches.py)."""
QUEUE = "queue"
"""In the place of a concept: a fact about somebody ahead in a queue was corrected, and the order with it."""
DECIDED_AGAIN = "decision.corrected"
"""Tells whom it is about, {decision, supersedes}."""
WHY = {
    FINDING: "finding_upheld",
    CONTEST: "contest_overturned",
    RULES: "rules_changed",
    QUEUE: "queue_corrected",
}
BY_RULE = 4
BY_PEOPLE_ONLY = "by_people"
TAKEN_UP = "taken_up"
"""How one ended that waited for the end of a contest: another goes on in its place."""
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
        self,
        use: Use,
        ripple_id: str,
        again: Callable[[DecisionRecord], str | None],
        *,
        person: str,
        family: Sequence[str] = (),
    ) -> Ripple:
        """Decide again, or list it. again: of the newest decision the id of the one that took its place; None: the outcome is the same.

        again may raise LeftToPeople. person: whose country's deadline counts.  family: who is told, besides, when people see to it.
        """
        connection = use.connection
        ripple = find_ripple(connection, ripple_id)
        if ripple.state != "waiting":
            return ripple
        newest = self._newest(use, ripple.decision)
        by_contest = ripple.concept == CONTEST
        try:
            if not by_contest:
                self._ensure_ours(use, newest)
            newer = again(newest) if not by_contest or str(newest.id) == ripple.decision else str(newest.id)
        except LeftToPeople as reason:
            if by_contest:
                leave_to_official(use, ripple_id, reason.code)
            else:
                list_for_people(
                    use, ripple_id, reason.code, parse_identity_code(person).country, [*family, person]
                )
        else:
            if newer is None and str(newest.id) == ripple.decision:
                end_ripple(connection, ripple_id, "unchanged", at=use.at)
            else:
                end_ripple(connection, ripple_id, "redecided", newer=newer or str(newest.id), at=use.at)
            if by_contest:
                take_up(self._deciding, use, ripple.decision, ripple.cause)
        return find_ripple(connection, ripple_id)

    def must_decide(self, use: Use, ripple: str) -> bool:
        """Though the rules give the same again: the decision was overturned, and does not stand."""
        return self.concept_of(use, ripple) == CONTEST

    def concept_of(self, use: Use, ripple: str) -> str:
        """Of the fact that was corrected; or `contest`, `finding`, in its place."""
        return find_ripple(use.connection, ripple).concept

    def _newest(self, use: Use, decision: str) -> DecisionRecord:
        return self._store.find(use.connection, line_of(self._deciding, use, decision)[-1]).record

    def _ensure_ours(self, use: Use, record: DecisionRecord) -> None:
        """Raises LeftToPeople: people decided it, or somebody contests it."""
        if record.kind != "rule" or record.automation < BY_RULE or record.discretion != "bound":
            raise LeftToPeople("an official decided this", code="discretion")
        overturned = self._store.standing(use.connection, record.id) == "overturned"
        if overturned or has_open_contest(use.connection, str(record.id)):
            raise LeftToPeople("it is being contested", code=CONTEST)

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


def take_up(deciding: Deciding, use: Use, decision: str, cause: str) -> None:
    """A contest of it has ended: corrections that waited for that reach what stands now, each under a cause of its own.

    While another contest is open they wait on; and while what was overturned is not decided anew. cause: of the contest.
    """
    store, connection = deciding.store, use.connection
    if store.standing(connection, decision) == "overturned" or has_open_contest(connection, decision):
        return
    for ripple in list_ripples(connection, state="listed", reason=CONTEST, limit=None):
        line = line_of(deciding, use, ripple.decision)
        if decision not in line:
            continue
        end_ripple(connection, ripple.id, "ended", reason=TAKEN_UP, at=use.at)
        matter_settled(use, "ripple", ripple.id, ())
        again = open_ripple(
            connection,
            cause=f"{cause}/{ripple.id}",
            decision=line[-1],
            concept=ripple.concept,
            source=ripple.source,
            fact=ripple.fact,
            at=use.at,
        )
        newest = store.find(connection, line[-1]).record
        if again is not None and not deciding.decides_again(use, again, newest, f"{cause}/{ripple.id}"):
            end_ripple(connection, again, "listed", reason=BY_PEOPLE_ONLY, due=ripple.due, at=use.at)
            matter_opened(use, "ripple", again, people_of(deciding, use, line[-1]))


def people_of(deciding: Deciding, use: Use, decision: str) -> Sequence[str]:
    """Codes of whom the decision is about, or what took its place, as the register knows them (`Deciding.people_of`)."""
    known = (deciding.people_of(use, one) for one in line_of(deciding, use, decision))
    return next((tuple(dict.fromkeys(codes)) for codes in known if codes), ())


def line_of(deciding: Deciding, use: Use, decision: str) -> list[str]:
    """It, and those that took its place one after the other."""
    found = [decision]
    while (newer := deciding.store.superseded_by(use.connection, found[-1])) is not None:
        found.append(newer)
    return found


def list_for_people(
    use: Use, ripple: str, reason: str, country: Country, persons: Sequence[str] = ()
) -> None:
    """A matter for an official. country: whose deadline counts.  persons: codes of whom it is about, where they are known."""
    day = profile(country).deadline(DEADLINE, use.today)
    end_ripple(use.connection, ripple, "listed", reason=reason, due=day, at=use.at)
    matter_opened(use, "ripple", ripple, persons)


def leave_to_official(use: Use, ripple: str, reason: str) -> None:
    """To the one who answers the contest: no matter of its own. Why is kept."""
    end_ripple(use.connection, ripple, "listed", reason=reason, at=use.at)
    end_ripple(use.connection, ripple, "ended", reason=reason, at=use.at)


def why_again(use: Use, ripple: str, article: str) -> Reason:
    """The reason that every decision made again has, before those of the rules."""
    code = WHY.get(find_ripple(use.connection, ripple).concept, "fact_corrected")
    return reason_of("state", code, article)
