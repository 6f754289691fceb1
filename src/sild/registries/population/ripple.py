"""A fact under the registration of a birth was corrected here: the rules are asked again, and what they now say otherwise is for people.

A birth that is entered is not struck out by a rule: the child has had its name since.
"""

from __future__ import annotations

from sild.decisions import DecisionRecord
from sild.errors import CallerError, Unavailable
from sild.registries.deciding import Correction, Deciding, Judged, LeftToPeople, Ripples, rests_on
from sild.registries.kernel import Fact, Use
from sild.registries.population.judging import PACKAGES, NewName, facts_of
from sild.registries.population.records import Birth
from sild.registries.population.registration import births_of, read_birth

__all__ = ["corrected_under_births"]

ROLES = {"child": ("child",), "parent": ("mother", "father")}


def corrected_under_births(deciding: Deciding, use: Use, fact: Fact, concept: str) -> None:
    """In the transaction of the correction. concept: of the fact that was corrected."""
    system = deciding.kernel.system
    cause = f"{system}#{use.usage.message_id}"
    ripples = Ripples(deciding, rests_on(deciding.packages_named(PACKAGES.values()), ROLES))
    for ripple, _record in ripples.open(
        use, Correction(cause, system, fact.entity, concept, str(fact.origin))
    ):

        def again(newest: DecisionRecord) -> str | None:
            judged = _judge_again(deciding, use, fact.entity, newest)
            before = ripples.outcome_of(use, newest)
            said = {
                f"{one.entity}/{one.variable}/{one.period}": one.value for one in judged.evaluation.values
            }
            if any(before.get(name) != value for name, value in said.items()):
                raise LeftToPeople("the birth is entered: a rule does not strike it out", code="entered")
            return None

        ripples.settle(use, ripple, again, person=fact.entity)


def _judge_again(deciding: Deciding, use: Use, person: str, newest: DecisionRecord) -> Judged:
    """By what the register knows now, and what people said then. Raises LeftToPeople."""
    birth = _birth_of(use, person, str(newest.id))
    if birth is None:
        raise LeftToPeople("that birth is not entered by this decision any more", code="entered")
    try:
        said = [fact for fact in deciding.rested_on(use, str(newest.id)) if fact.asserted_by != "register"]
        name = NewName(birth.child.given_names or "", birth.child.family_name or "")
        now = {fact.path: fact for fact in facts_of(deciding, use, birth, name)}
        facts = tuple((now | {fact.path: fact for fact in said}).values())
        package = PACKAGES[birth.child.country]
        outputs = [("birth", variable, "ETERNITY") for variable in deciding.package(package).outputs]
        return deciding.judge(package, facts, at=use.today, outputs=outputs)
    except (CallerError, Unavailable) as error:
        code = "shredded" if error.code == "shredded" else "rules_failed"
        raise LeftToPeople("the rules give no answer", code=code) from error


def _birth_of(use: Use, person: str, decision: str) -> Birth | None:
    """Of the person, or of a child of theirs."""
    found = list(births_of(use, person))
    try:
        found.append(read_birth(use, person))
    except CallerError:
        pass  # not born here: a parent
    return next((birth for birth in found if birth.decision == decision), None)
