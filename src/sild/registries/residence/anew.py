"""What a contest overturned, or a corrected fact reached, is decided anew; the homes follow the newer decision.

By rule a registration: from what people said then and what the register knows now. The same outcome is entered by the new decision; what
the rules would now forbid a rule does not strike out: people have lived there since. By hand a registration, a removal or a dispute:
an entry that is taken back leaves what was known before it, from the day it was true. Nothing that was ever known is lost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sild.decisions import DecisionRecord, OutcomeItem, Sealed, open_ripple, open_values
from sild.errors import CallerError, Unavailable
from sild.registries.deciding import (
    DECIDED_AGAIN,
    ByHand,
    Deciding,
    Judged,
    KnownFact,
    LeftToPeople,
    Look,
    Ripples,
    record_by_hand,
    why_again,
)
from sild.registries.identity_codes import Country
from sild.registries.kernel import Fact, Use
from sild.registries.kernel.facts import Json
from sild.registries.residence import removals
from sild.registries.residence.addresses import dwelling
from sild.registries.residence.disputes import TO_DWELLING
from sild.registries.residence.entries import (
    consent_of,
    decided,
    decided_about,
    decided_by,
    enter_homes,
    entries_of,
    say_by,
    subjects_of,
    take_back,
)
from sild.registries.residence.homes import is_known
from sild.registries.residence.judging import NewMove, judge_again, registered
from sild.registries.residence.removals import REMOVED, read_removal

__all__ = ["Anew"]

REGISTERED = "move/registrable/ETERNITY"
EXACT = "move/to_dwelling/ETERNITY"
ENTERED = "entered"
"""Why a rule leaves it to people: somebody has lived there by it."""


class Anew:
    """Works within the register's transactions."""

    def __init__(self, deciding: Deciding) -> None:
        self._deciding = deciding
        self._ripples = Ripples(deciding, {})
        deciding.decides_again = self._reached
        deciding.decides_by_hand = self._by_hand
        deciding.people_of = lambda use, decision: decided_by(use, decision).get("people", ())

    # --- a fact of a dwelling was corrected

    def corrected(self, use: Use, fact: Fact, concept: str) -> None:
        """In the transaction of the correction: owners and size of a dwelling are under what was decided about it."""
        system, store = self._deciding.kernel.system, self._deciding.store
        for decision in decided_about(use, fact.entity):
            if store.superseded_by(use.connection, decision) is not None:
                continue
            record = store.find(use.connection, decision).record
            if not self._rests_on(record, concept):
                continue
            cause = f"{system}#{use.usage.message_id}"
            ripple = open_ripple(
                use.connection,
                cause=cause,
                decision=decision,
                concept=concept,
                source=system,
                fact=str(fact.origin),
                at=use.at,
            )
            if ripple is not None:
                self._settle(use, ripple, record)

    def _rests_on(self, record: DecisionRecord, concept: str) -> bool:
        package = None if record.rules is None else self._deciding.packages.get(record.rules.sha256)
        variables = {
            name for name, fact in (package.facts if package else {}).items() if fact.concept == concept
        }
        return any(one.name.split("/")[-2] in variables for one in record.inputs if one.name.count("/") == 3)

    # --- by rule

    def _reached(self, use: Use, ripple: str, record: DecisionRecord, _cause: str) -> bool:
        """By a contest or a finding: a registration is judged again at once."""
        if decided_by(use, str(record.id)).get("of") != "move":
            return False
        self._settle(use, ripple, record)
        return True

    def _settle(self, use: Use, ripple: str, record: DecisionRecord) -> None:
        people = decided_by(use, str(record.id)).get("people") or []

        def again(newest: DecisionRecord) -> str | None:
            return self._again(use, ripple, newest)

        self._ripples.settle(use, ripple, again, person=people[0], family=people[1:])

    def _again(self, use: Use, ripple: str, newest: DecisionRecord) -> str | None:
        what = decided_by(use, str(newest.id))
        if what.get("of") != "move":
            raise LeftToPeople("people decide this", code="by_people")
        asked, people = NewMove.from_json(what["asked"]), what["people"]
        use.alone(*(f"home/{one}" for one in people))
        judged = self._judged_now(use, newest, asked)
        before = self._ripples.outcome_of(use, newest)
        said = {f"{one.entity}/{one.variable}/{one.period}": one.value for one in judged.evaluation.values}
        if any(before.get(name) != value for name, value in said.items()):
            raise LeftToPeople("the home is entered: a rule does not strike it out", code=ENTERED)
        if not self._ripples.must_decide(use, ripple):
            return None
        return self._same_anew(use, ripple, newest, judged, asked, what)

    def _judged_now(self, use: Use, newest: DecisionRecord, asked: NewMove) -> Judged:
        """By what the register knows now of dwelling and people, and what people said then. Raises LeftToPeople."""
        try:
            facts = self._deciding.rested_on(use, str(newest.id))
            package = "" if newest.rules is None else newest.rules.package
            return judge_again(self._deciding, use, package, [self._now(use, one, asked) for one in facts])
        except (CallerError, Unavailable) as error:
            code = "shredded" if error.code == "shredded" else "rules_failed"
            raise LeftToPeople("the rules give no answer", code=code) from error

    def _now(self, use: Use, fact: KnownFact, asked: NewMove) -> KnownFact:
        parts = fact.path.split("/")
        match parts[-2]:
            case "consent" if asked.to.dwelling is not None:
                value: Json = consent_of(use, asked, first_home=fact.value == "joins")[0]
            case "stranger_consents" if asked.to.dwelling is not None:
                value = consent_of(use, asked, first_home=False)[1]
            case "floor_area" if asked.to.dwelling is not None:
                value = int(dwelling(use, asked.to.dwelling, on=asked.valid_from).floor_area or 0)
            case "known":
                value = is_known(use, asked.people[int(parts[1].rpartition("-")[2]) - 1])
            case _:
                return fact
        return replace(fact, value=value)

    def _same_anew(
        self,
        use: Use,
        ripple: str,
        newest: DecisionRecord,
        judged: Judged,
        asked: NewMove,
        what: Mapping[str, Any],
    ) -> str:
        """What was overturned does not stand, though the rules say the same: the homes are by the new decision."""
        country: Country = "VN" if judged.package.country == "VN" else "EE"
        entries = entries_of(use, what["people"][0], str(newest.id))
        level = str(entries[0].value["level"]) if entries else "dwelling"
        ruling = replace(
            registered(self._deciding, use, country, asked, (), Look(), level=level, text=None),
            effect="correct",
            items=self._items(use, newest),
            subjects=tuple(subjects_of(use, asked, staying=set(asked.people) - set(what["people"]))),
            human=(),
            reasons=(why_again(use, ripple, newest.competence.article),),
            supersedes=str(newest.id),
            case=newest.case,
        )
        record = self._deciding.record(use, judged, ruling)
        say_by(use, what["people"], str(newest.id), str(record.id))
        self._follow(use, newest, record, what, asked.dwelling)
        return str(record.id)

    def _items(self, use: Use, record: DecisionRecord) -> tuple[OutcomeItem, ...]:
        """Those that no rule gave, opened."""
        opened = open_values(self._deciding.store, use.connection, str(record.id))
        return tuple(
            OutcomeItem.model_validate(
                one.model_dump()
                | {
                    "value": {"secret": opened[one.value.sealed].value}
                    if isinstance(one.value, Sealed)
                    else one.value
                }
            )
            for one in record.outcome.items
            if one.name.count("/") != 2
        )

    # --- by hand

    def _by_hand(self, use: Use, old: DecisionRecord, hand: ByHand) -> DecisionRecord | None:
        """None: a notice that was sent back is sent again, and not decided by hand."""
        what = decided_by(use, str(old.id))
        if not what:
            return None
        use.alone(*(f"home/{one}" for one in what["people"]))
        match what["of"]:
            case "removal":
                return self._removal_by_hand(use, old, hand, what)
            case "dispute":
                return self._dispute_by_hand(use, old, hand, what)
        return self._move_by_hand(use, old, hand, what)

    def _move_by_hand(
        self, use: Use, old: DecisionRecord, hand: ByHand, what: Mapping[str, Any]
    ) -> DecisionRecord:
        """Taken back; or entered to the dwelling, or no further than its commune; or as it was."""
        asked, people = NewMove.from_json(what["asked"]), what["people"]
        new = record_by_hand(self._deciding, use, old, hand)
        before, after = (self._outcome(use, one) for one in (old, new))
        if after.get(REGISTERED) is not True:
            take_back(use, people, str(old.id))
        elif after.get(EXACT) != before.get(EXACT) and asked.dwelling is not None:
            self._exactly(use, people, str(old.id), str(new.id), asked, exact=after.get(EXACT) is True)
        else:
            say_by(use, people, str(old.id), str(new.id))
        self._follow(use, old, new, what, asked.dwelling)
        return new

    def _exactly(
        self, use: Use, people: Sequence[str], old: str, new: str, asked: NewMove, *, exact: bool
    ) -> None:
        """The same home on the same days, to the dwelling or to its commune."""
        assert asked.dwelling is not None
        home = dwelling(use, asked.dwelling)
        for person in people:
            for entry in entries_of(use, person, old):
                said = {**entry.value, "decision": new, "division": home.address.division}
                said |= (
                    {"level": "dwelling", "dwelling": home.id}
                    if exact
                    else {"level": "commune", "dwelling": None}
                )
                enter_homes(use, [person], said, entry.valid_from, entry.valid_to)

    def _removal_by_hand(
        self, use: Use, old: DecisionRecord, hand: ByHand, what: Mapping[str, Any]
    ) -> DecisionRecord:
        """Not removed: the home is what it was, from the day it was; removed: from today the commune is."""
        removal = read_removal(use, what["removal"])
        new = record_by_hand(self._deciding, use, old, hand)
        before, after = (self._outcome(use, one).get(REMOVED) for one in (old, new))
        if before is True and after is not True:
            take_back(use, [removal.person], str(old.id))
        elif after is True and before is not True:
            removals.remove(use, removal, str(new.id))
        else:
            say_by(use, [removal.person], str(old.id), str(new.id))
        state = "REMOVED" if after is True else "KEPT"
        said: dict[str, Any] = {"state": state, "record": str(new.id), "reason": hand.reasons["en"]}
        removals.say_removal(use, replace(removal, **said))
        self._follow(use, old, new, what, removal.dwelling)
        return new

    def _dispute_by_hand(
        self, use: Use, old: DecisionRecord, hand: ByHand, what: Mapping[str, Any]
    ) -> DecisionRecord:
        """And what was registered on it, in the same case, to the same level."""
        new = record_by_hand(self._deciding, use, old, hand)
        exact = self._outcome(use, new).get(TO_DWELLING)
        self._follow(use, old, new, what, what["dwelling"])
        for decision in decided_about(use, what["dwelling"]):
            store = self._deciding.store
            entered = decided_by(use, decision)
            if entered.get("dispute") != str(old.id) or store.superseded_by(use.connection, decision):
                continue
            record = store.find(use.connection, decision).record
            if self._outcome(use, record).get(EXACT) != exact:
                moved = replace(hand, values={EXACT: exact is True})
                self._move_by_hand(use, record, moved, {**entered, "dispute": str(new.id)})
        return new

    def _outcome(self, use: Use, record: DecisionRecord) -> dict[str, Any]:
        return self._ripples.outcome_of(use, record)

    def _follow(
        self,
        use: Use,
        old: DecisionRecord,
        new: DecisionRecord,
        what: Mapping[str, Any],
        of_dwelling: str | None,
    ) -> None:
        """The new decision is found as the old one was, and whom it is about is told."""
        decided(use, str(new.id), what, dwelling=of_dwelling)
        for person in dict.fromkeys(what["people"]):
            use.publish(DECIDED_AGAIN, person, {"decision": str(new.id), "supersedes": str(old.id)})
