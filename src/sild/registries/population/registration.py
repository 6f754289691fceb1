"""From a recorded child to a registered birth: who the father is, and the name.

The mother's husband is the father (nothing is asked of them). Else mother and father both acknowledge; when one of them
denies, this branch stops and the others go on. The first name that is registered holds; whoever sends another is told.
An entry that was taken back (anew.py) is made again the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace

from sild.errors import CallerError
from sild.registries.deciding import DECIDED_AGAIN, Deciding, Look
from sild.registries.kernel import Defect, Fact, Use, provenance, refuse_defects
from sild.registries.kernel.facts import Json
from sild.registries.population.birth_notice import PAPER
from sild.registries.population.births import BIRTH_NOTICE, REGISTRATION
from sild.registries.population.judging import (
    NewName,
    defects_of,
    judge,
    registered,
    returned,
    returned_by,
    subjects_of,
)
from sild.registries.population.orders import settle
from sild.registries.population.persons import (
    index_name,
    read_person,
    read_persons,
    require_living,
    require_person,
)
from sild.registries.population.records import Birth, Paternity, Person, Presence, grown_up

__all__ = [
    "acknowledge",
    "births_of",
    "entry_by",
    "people_of_registration",
    "read_birth",
    "register_birth",
    "return_birth",
]

PATERNITY = "paternity"


def read_birth(use: Use, child: str) -> Birth:
    """Raises InvalidIdentityCode, CallerError (`unknown_person`, `unknown_birth`)."""
    person = read_person(use, child)
    facts = use.facts.current(child, [BIRTH_NOTICE, REGISTRATION, PATERNITY], on=use.today)
    notices = [fact.value for fact in facts if fact.name == BIRTH_NOTICE]
    registration = next((fact.value for fact in facts if fact.name == REGISTRATION), None)
    if registration is None:
        raise CallerError("no birth of this person was notified here", code="unknown_birth")
    notice = _said_together(notices)
    paternity = _paternity(person, notice, [fact for fact in facts if fact.name == PATERNITY])
    status = registration["status"]
    if person.died is not None and status != "STILLBORN":
        status = "DEAD"
    return Birth(
        child=person,
        status=status,
        notice=notice,
        paternity=paternity,
        defects=_defects(status, paternity),
        notes=_notes(person, notice, paternity),
        registered_at=registration.get("registered_at"),
        decision=registration.get("decision"),
    )


def births_of(use: Use, parent: str) -> tuple[Birth, ...]:
    """Births that were notified here, of a mother, of a father, or of a man a notice names; youngest first."""
    require_person(use, parent)
    found = {link.entity for link in use.facts.entities_with("parent", parent, on=use.today)}
    found |= {fact.entity for fact in use.facts.entities_with("claimed_father", parent, on=use.today)}
    known = use.facts.current_of(sorted(found), [REGISTRATION], on=use.today)
    births = [read_birth(use, child) for child, facts in known.items() if facts]
    return tuple(sorted(births, key=lambda birth: (birth.child.born, birth.child.code), reverse=True))


def _said_together(notices: Sequence[dict[str, Json]]) -> dict[str, Json]:
    """What a hospital and an office's paper say of one child; where both do, the hospital's holds."""
    ordered = sorted(notices, key=lambda notice: notice["system"] != PAPER)
    return {name: value for notice in ordered for name, value in notice.items() if value is not None}


# --- paternity


def acknowledge(
    use: Use,
    child: str,
    *,
    parent: str,
    father: str,
    answer: str,
    custody: str,
    mandate: str | None = None,
    before: Presence | None = None,
) -> Paternity:
    """What one parent says, once. answer: ACKNOWLEDGED or DENIED.  custody: `joint` or `mother`, as the mother wants it.

    before: the official they said it before, who acts; None: they say it themselves.  Raises CallerError (`unknown_birth`, `not_the_parent`, `paternity_not_needed`, `paternity_settled`, `fathers_differ`,
    `unknown_person`, `person_is_dead`).
    """
    use.alone(f"birth/{child}")
    birth = read_birth(use, child)
    so_far = birth.paternity
    if before is None:
        _ensure_acting(use, parent)
    if birth.status in ("DEAD", "STILLBORN"):
        raise CallerError("the child is dead", code="person_is_dead")
    if so_far.status == "NOT_NEEDED":
        raise CallerError("the mother's husband is the father", code="paternity_not_needed")
    if parent not in (birth.child.mother, father):
        raise CallerError("neither the mother nor the man named", code="not_the_parent")
    said_before = next((said for said in so_far.answers if said["parent"] == parent), None)
    if said_before is not None and (said_before["answer"], said_before["father"]) == (answer, father):
        return so_far
    if so_far.status in ("ACKNOWLEDGED", "DENIED") or said_before is not None:
        raise CallerError("this was answered before; a court can change it", code="paternity_settled")
    if so_far.father not in (None, father):
        raise CallerError("another man was named", code="fathers_differ")
    man = require_living(use, father)
    if man.sex != "M":
        raise CallerError("a father is a man", code="fathers_differ")
    value = {
        "parent": parent,
        "father": father,
        "answer": answer,
        "custody": custody,
        "at": use.at.isoformat(),
        "by": use.usage.user_id,
        "mandate": mandate,
        **({} if before is None else {"before": asdict(before)}),
    }
    born = birth.child.born
    use.facts.record(child, PATERNITY, value, key=parent, valid_from=born, provenance=provenance(use))
    after = read_birth(use, child).paternity
    if after.status == "ACKNOWLEDGED":
        _become_father(use, birth.child, father, after)
    return after


def _become_father(use: Use, child: Person, father: str, paternity: Paternity) -> None:
    said = provenance(use)
    use.facts.record(child.code, "parent", "father", key=father, valid_from=child.born, provenance=said)
    wanted = next((a["custody"] for a in paternity.answers if a["parent"] == child.mother), "joint")
    if wanted == "joint":
        for parent in (child.mother, father):
            assert parent is not None
            use.facts.record(
                child.code,
                "custody",
                "joint",
                key=parent,
                valid_from=child.born,
                valid_to=grown_up(child.born),
                provenance=said,
            )
    use.publish("civil.paternity.acknowledged", child.code)
    settle(use, child.code)


def _ensure_acting(use: Use, parent: str) -> None:
    """The parent in person, or who is proved to represent them; by which mandate is kept with the answer."""
    if use.usage.principal != parent:
        raise CallerError("a parent says this in person", code="not_the_parent")


def _paternity(child: Person, notice: dict[str, Json], said: Sequence[Fact]) -> Paternity:
    claimed = (notice.get("father") or {}).get("code")
    answers = tuple(fact.value for fact in said)
    if not answers and child.father is not None:
        return Paternity("NOT_NEEDED", child.father, (), ())
    father = claimed or next((answer["father"] for answer in answers), None)
    if any(answer["answer"] == "DENIED" for answer in answers):
        return Paternity("DENIED", father, answers, ())
    if father is None:
        return Paternity("NONE_NAMED", None, (), ())
    given = {answer["parent"] for answer in answers}
    waiting = tuple(parent for parent in (child.mother, father) if parent is not None and parent not in given)
    return Paternity("WAITING" if waiting else "ACKNOWLEDGED", father, answers, waiting)


# --- registration


def register_birth(use: Use, deciding: Deciding, child: str, name: NewName, look: Look) -> tuple[Birth, bool]:
    """Enter the birth with its name; also: is it entered just now? The same names again are no second entry.

    Whoever acts decides; nobody: the rule, or it refuses. The record of the decision is made in this transaction.
    Raises Defects (`birth_not_registrable`), CallerError (`unknown_birth`, `already_registered`), Unavailable (`rules_failed`).
    """
    use.alone(f"birth/{child}")
    birth = read_birth(use, child)
    person = birth.child
    if birth.status == "REGISTERED":
        if (person.given_names, person.family_name) == (name.given_names, name.family_name):
            return birth, False
        raise CallerError(
            f"the child was registered as {person.full_name}; the first name holds", code="already_registered"
        )
    judged = judge(deciding, use, birth, name)
    refuse_defects(
        "the birth cannot be registered yet",
        code="birth_not_registrable",
        defects=defects_of(judged, by_rule=use.usage.actor is None),
    )
    ruling = registered(deciding, use, birth, name, look)
    if birth.decision is not None:  # by which the entry was taken back
        before = deciding.store.find(use.connection, birth.decision).record
        ruling = replace(ruling, supersedes=birth.decision, case=before.case)
    record = deciding.record(use, judged, ruling)
    _enter(use, person, name, str(record.id), again=birth.decision)
    return read_birth(use, child), True


def people_of_registration(use: Use, decision: str) -> Sequence[str]:
    """The child whose birth was entered by it, and the parents."""
    children = [one.entity for one in use.facts.saying(REGISTRATION, "decision", decision)]
    found = read_persons(use, children)
    return [code for one in found for code in (one.code, one.mother, one.father) if code is not None]


def entry_by(use: Use, decision: str, *, registered_at: str | None = None) -> dict[str, Json]:
    """registered_at: of an entry that was there before."""
    return {
        "status": "REGISTERED",
        "registered_at": registered_at or use.at.isoformat(),
        "by": use.usage.user_id,
        "decision": decision,
    }


def _enter(use: Use, person: Person, name: NewName, decision: str, *, again: str | None) -> None:
    """again: decision by which it was taken back: who follows a birth followed it then, and is not told that another is born."""
    said, child = provenance(use), person.code
    parents = read_persons(use, [code for code in (person.mother, person.father) if code is not None])
    entry = entry_by(use, decision)
    for fact, value in (
        ("given_names", name.given_names),
        ("family_name", name.family_name),
        (REGISTRATION, entry),
    ):
        use.facts.record(child, fact, value, valid_from=person.born, provenance=said)
    for country in sorted({country for parent in parents for country in parent.citizenships}):
        use.facts.record(child, "citizenship", True, key=country, valid_from=person.born, provenance=said)
    index_name(use, child)
    if again is not None:
        use.publish(DECIDED_AGAIN, child, {"decision": decision, "supersedes": again})
        return
    told = [code for code, role in subjects_of(use, person) if role == "parent"]
    use.publish("civil.birth.registered", child, {"parents": told})


def return_birth(
    use: Use, deciding: Deciding, child: str, name: NewName, reasons: Sequence[str], look: Look
) -> str:
    """An official sends the name back to the parents, and why; the id of the record.

    Raises CallerError (`unknown_birth`, `already_registered`, `needs_a_person`, `unknown_reason`), Unavailable (`rules_failed`).
    """
    use.alone(f"birth/{child}")
    birth = read_birth(use, child)
    official = returned_by(use)
    if birth.status != "UNNAMED":
        raise CallerError("the birth is registered, or there is nobody to name", code="already_registered")
    judged = judge(deciding, use, birth, name)
    try:
        ruling = returned(deciding, use, birth, reasons, look, official)
    except KeyError as error:
        raise CallerError("a return for a reason that there is not", code="unknown_reason") from error
    return str(deciding.record(use, judged, ruling).id)


def _defects(status: str, paternity: Paternity) -> tuple[Defect, ...]:
    found = []
    if status in ("DEAD", "STILLBORN"):
        found.append(Defect("child_is_dead", "the child is dead: people register this, in silence"))
    if paternity.status == "WAITING":
        found.append(
            Defect("paternity_open", "a man is named as the father and not both parents have answered")
        )
    return tuple(found)


def _notes(child: Person, notice: dict[str, Json], paternity: Paternity) -> tuple[Defect, ...]:
    claimed = (notice.get("father") or {}).get("code")
    if paternity.status == "NOT_NEEDED" and claimed not in (None, child.father):
        return (Defect("another_father_named", "the notice names another man than the mother's husband"),)
    return ()
