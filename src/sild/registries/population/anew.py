"""The registration of a birth that a contest overturned, or a correction reached, an official decides anew by hand.

What the decision itself decides: the names the child is entered with, what stands against the entry, and whether it is entered at all.
Who the parents are it does not decide: they say so themselves, or a court does. An entry that is taken back waits, without a name, as
before it was made; whoever was told that the child is born is not told a second time. Nothing that was ever known is lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from sild.decisions import DecisionRecord
from sild.errors import CallerError
from sild.registries.deciding import DECIDED_AGAIN, ByHand, Deciding, Otherwise, Ripples, record_by_hand
from sild.registries.kernel import Use, provenance
from sild.registries.kernel.facts import Json
from sild.registries.population.archiving import Archiving
from sild.registries.population.births import REGISTRATION
from sild.registries.population.certificates import revoke_certificates
from sild.registries.population.judging import DOUBTS, FORBIDDEN, OUTPUT, NewName, judge
from sild.registries.population.kinds import KINDS, is_name
from sild.registries.population.persons import index_name
from sild.registries.population.records import Birth
from sild.registries.population.registration import entry_by, read_birth

__all__ = ["Anew"]

NAMES = ("given_names", "family_name")
REGISTRABLE, BOUND = f"{OUTPUT}/registrable/ETERNITY", f"{OUTPUT}/bound/ETERNITY"
DEMANDED = frozenset(f"{OUTPUT}/{one}/ETERNITY" for one in FORBIDDEN)
"""Lines that are all true of what may be entered."""
OF_NAMES = frozenset(f"{OUTPUT}/{one}/ETERNITY" for one in FORBIDDEN if one.startswith(NAMES))
OWN = f"{OUTPUT}/child_is_alive/ETERNITY"
"""A death is registered, and no line of a birth."""
LINES = frozenset((REGISTRABLE, *NAMES, *(f"{OUTPUT}/{one}/ETERNITY" for one in DOUBTS))) | (DEMANDED - {OWN})
CONCEPTS = {kind.name: kind.concept for kind in KINDS}

Lines = Mapping[str, Json]


class Anew:
    """Works within the register's transactions."""

    def __init__(self, deciding: Deciding, archiving: Archiving) -> None:
        self._deciding = deciding
        self._archiving = archiving
        self._ripples = Ripples(deciding, {})
        deciding.decides_by_hand = self._by_hand

    def _by_hand(self, use: Use, old: DecisionRecord, hand: ByHand) -> DecisionRecord | None:
        """None: no entry stands by it (a name that was sent back is sent again), or the child is dead.

        Raises CallerError (`not_its_kind`): no name; lines that contradict one another.
        """
        entered = use.facts.saying(REGISTRATION, "decision", str(old.id))
        if not entered:
            return None
        child = entered[0].entity
        use.alone(f"birth/{child}")  # before the case, which the record holds
        birth = read_birth(use, child)
        if birth.decision != str(old.id) or birth.status not in ("REGISTERED", "UNNAMED"):
            return None
        before = self._ripples.outcome_of(use, old)
        follows = self._follows(use, birth, before, hand.values)
        after = {**before, **hand.values, **follows}
        known = set(hand.values) <= LINES
        if known and (after.get(REGISTRABLE) is True) != all(
            after[one] is True for one in DEMANDED & set(after)
        ):
            raise CallerError("what may be entered has nothing against it", code="not_its_kind")
        otherwise = Otherwise(lines=LINES, follows=follows)
        new = record_by_hand(self._deciding, use, old, hand, otherwise)
        if after[REGISTRABLE] is True:
            self._enter(use, birth, after, str(new.id), hand)
        else:
            _take_back(use, birth, str(new.id))
        index_name(use, child)
        revoke_certificates(use, [child])
        use.publish(DECIDED_AGAIN, child, {"decision": str(new.id), "supersedes": str(old.id)})
        return new

    def _follows(
        self, use: Use, birth: Birth, before: Lines, values: Mapping[str, str | int | bool]
    ) -> dict[str, str | int | bool | None]:
        """What other lines say by this: of another name what the law says of it, unless the official says it; and no rule makes this entry."""
        follows: dict[str, str | int | bool | None] = {BOUND: False} if BOUND in before else {}
        given = {
            name: values[name] for name in NAMES if values.get(name, before.get(name)) != before.get(name)
        }
        if not all(isinstance(name, str) and is_name(name) for name in given.values()):
            raise CallerError("a name is made of letters", code="not_its_kind")
        if given:
            given_names, family_name = (str(given.get(name, before.get(name))) for name in NAMES)
            judged = judge(self._deciding, use, birth, NewName(given_names, family_name))
            said = {
                f"{one.entity}/{one.variable}/{one.period}": one.value for one in judged.evaluation.values
            }
            follows |= {line: said.get(line) is True for line in OF_NAMES & set(before) if line not in values}
        return follows

    def _enter(self, use: Use, birth: Birth, said: Lines, decision: str, hand: ByHand) -> None:
        """With these names from the day of birth; the day of the entry stays what it was."""
        child = birth.child
        for name in NAMES:
            _say_name(use, child.code, name, str(said[name]), child.born)
        entry = entry_by(use, decision, registered_at=birth.registered_at)
        use.facts.record(child.code, REGISTRATION, entry, valid_from=child.born, provenance=provenance(use))
        operation = "decideAnew" if hand.occasion.role == "contest" else "endRipple"
        self._archiving.keep(use, read_birth(use, child.code), operation=operation)


def _take_back(use: Use, birth: Birth, decision: str) -> None:
    """No entry any more, and no name by it: the birth waits."""
    child = birth.child
    for name in NAMES:
        held = use.facts.fact(child.code, name, on=child.born)
        if held is not None:
            use.facts.retract(child.code, name, valid_from=child.born, valid_to=held.valid_to)
            _corrected(use, child.code, name, held.origin)
    waits = {"status": "UNNAMED", "decision": decision}
    use.facts.record(child.code, REGISTRATION, waits, valid_from=child.born, provenance=provenance(use))


def _say_name(use: Use, child: str, name: str, value: str, born: date) -> None:
    """Until the name was changed by something else, if it was."""
    held = use.facts.fact(child, name, on=born)
    if held is not None and held.value == value:
        return
    later = [one.valid_from for one in use.facts.history(child, name) if one.known_to is None]
    until = min((one for one in later if one > born), default=None)
    use.facts.record(child, name, value, valid_from=born, valid_to=until, provenance=provenance(use))
    if held is not None:
        _corrected(use, child, name, held.origin)


def _corrected(use: Use, child: str, name: str, origin: int) -> None:
    use.publish("fact.corrected", child, {"fact": origin, "name": name, "concept": CONCEPTS[name]})
