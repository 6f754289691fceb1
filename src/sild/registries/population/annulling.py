"""Somebody who is recorded as dead lives: two officials say so, each in words of their own, and the death is known no longer.

    `died` is disputed ──the first official (PROPOSED)──▶ waits for another ──the second──▶ annulled: `civil.death.annulled`
                                   └── either of them may let the death stand, or correct its day (`corrections.py`)

What the register knew stays known of its time. What ended with the death is true again from the day on which it ended, as if it never
had, but for a marriage beside which there is another by now. What no rule restores is a task that people see to (`annulled`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Literal

from sild.errors import CallerError
from sild.registries.kernel import Fact, Use, matter_opened, provenance
from sild.registries.kernel.corrections import (
    Dispute,
    close_corrected,
    disputed_fact,
    kind_of_matter,
    read_dispute,
)
from sild.registries.kernel.facts import Json
from sild.registries.kernel.matters import MatterFact
from sild.registries.population.births import REGISTRATION
from sild.registries.population.life_events import RELATIONS, authors_of_death, forget_authors
from sild.registries.population.orders import SPEAKING, settle
from sild.registries.population.persons import read_person
from sild.registries.tasks import Handler, Held, Task, Tasks

__all__ = ["ANNULLED", "annul_death", "before_officials", "seen_to_by_people"]

ANNULLED = "civil.death.annulled"
DIED_CONCEPT = "person.date_of_death"
PROPOSAL = "annulment"
OF_DEATH = ("died", "death_notice", "death_place")
TASK = "annulled"

Left = Literal["married_again", "guardian_since"]


def annul_death(use: Use, tasks: Tasks, dispute_id: str, words: str) -> tuple[dict[str, Json], Fact | None]:
    """The word of one official; the second, of another, annuls the death. The fact that was annulled; None: it waits for the second.

    Raises CallerError (`unknown_dispute`, `dispute_is_closed`, `superseded_fact`, `not_a_death`, `said_it_yourself`,
    `same_official`).
    """
    one = read_dispute(use, dispute_id)
    use.alone(f"person/{one.person}", f"birth/{one.person}", f"annulment/{one.id}")
    one = read_dispute(use, dispute_id)
    if one.name != "died":
        raise CallerError("what is disputed is no death", code="not_a_death")
    if one.state != "OPEN":
        raise CallerError("the dispute was answered before", code="dispute_is_closed")
    died = disputed_fact(use, one)
    if died is None:
        raise CallerError("the register knows better by now", code="superseded_fact")
    registration = use.facts.value(one.person, REGISTRATION, on=use.today)
    if registration is not None and registration["status"] == "STILLBORN":
        raise CallerError("a child born dead has not died", code="not_a_death")
    if use.usage.actor in authors_of_death(use, one.person):
        raise CallerError("who said that somebody died does not annul it", code="said_it_yourself")
    first = _proposal(use, one)
    if first is None:
        _propose(use, one, words)
        return {"id": one.id, "state": "OPEN"}, None
    if first.value["official"] == use.usage.actor:
        raise CallerError("another official confirms it", code="same_official")
    close_corrected(use, one.id, words)
    _annul(use, tasks, one.person, died, {"reason": words, "proposed": first.value["reason"]})
    return {"id": one.id, "state": "CORRECTED"}, died


def before_officials(use: Use, one: Dispute) -> Iterator[MatterFact]:
    """Of a disputed death: who the person is, who gave notice, and to the second official that another says the person lives, and why."""
    if kind_of_matter(one) != "disputed_death":
        return
    yield MatterFact("person", one.person)
    yield MatterFact("person_name", read_person(use, one.person).full_name or None)
    for fact in use.facts.current(one.person, ["death_notice"], on=use.today):
        signed = (fact.value["notified"]["name"], fact.value["hospital"])
        yield MatterFact("death_notified_by", ", ".join(filter(None, signed)), valid_from=fact.valid_from)
    first = _proposal(use, one)
    if first is not None:
        yield MatterFact("annulment", first.value["reason"], about=DIED_CONCEPT, valid_from=first.valid_from)


def seen_to_by_people() -> Mapping[str, Handler]:
    """Tasks about what no rule restores: `person`, and why."""

    async def annulled(task: Task) -> Callable[[Use], None]:
        raise Held("what ended with a death that was none is for people", code=str(task.about["because"]))

    return {TASK: annulled}


# --- inside


def _proposal(use: Use, one: Dispute) -> Fact | None:
    return use.facts.fact(f"annulment:{one.id}", PROPOSAL, on=use.today)


def _propose(use: Use, one: Dispute, words: str) -> None:
    """It waits on for somebody else: who has a desk is told once more."""
    said = {"official": use.usage.actor, "reason": words}
    use.facts.record(f"annulment:{one.id}", PROPOSAL, said, valid_from=use.today, provenance=provenance(use))
    matter_opened(use, kind_of_matter(one), one.id, [one.person])


def _annul(use: Use, tasks: Tasks, person: str, died: Fact, said: Mapping[str, Json]) -> None:
    first = _first_said(use, died)
    for name in OF_DEATH:
        for fact in use.facts.history(person, name):
            if fact.known_to is None:
                use.facts.retract(
                    person, name, key=fact.key, valid_from=fact.valid_from, valid_to=fact.valid_to
                )
    forget_authors(use, person)
    use.facts.record(
        person,
        "death_annulled",
        {**said, "died": died.value},
        valid_from=use.today,
        key=str(died.origin),
        provenance=provenance(use),
    )
    registration = use.facts.value(person, REGISTRATION, on=use.today)
    end = date.fromisoformat(first.value) + timedelta(days=1)
    left = [*_marriages(use, person, end, first.known_from), *_children(use, person, end, first.known_from)]
    spoken_for = [
        link.entity for name in SPEAKING for link in use.facts.entities_with(name, person, on=use.today)
    ]
    told = {"fact": died.origin, "name": "died", "concept": DIED_CONCEPT}
    use.publish("fact.corrected", person, told)
    event = use.publish(ANNULLED, person, {"died": died.value})
    if registration is not None and registration["status"] == "UNNAMED":
        use.publish("civil.child.recorded", person)  # what the death kept back; who heard of it does nothing
    for one in dict.fromkeys((person, *spoken_for)):
        settle(use, one)
    for because, other in dict.fromkeys(left):
        tasks.add(
            use,
            TASK,
            person,
            cause=f"{event.id}/{because}/{other}",
            about={"because": because, "with": other},
        )


def _first_said(use: Use, died: Fact) -> Fact:
    """As the notice said it, whatever corrections of the day came since: what ended by it ended then."""
    said = use.facts.history(died.entity, "died")
    first = died
    for one in reversed(said):
        if one.id < first.id and one.known_to == first.known_from:
            first = one
    return first


def _marriages(use: Use, person: str, end: date, since: datetime) -> Iterator[tuple[Left, str]]:
    """Not beside another that one of the two has entered since; what ended by a divorce since then stays ended."""
    spouses = {fact.key for fact in use.facts.history(person, "spouse")}
    for other in sorted(spouses):
        use.concerns(other)
        if any(_is_married(use, one, end, besides=two) for one, two in ((person, other), (other, person))):
            yield "married_again", other
            continue
        for one, two in ((person, other), (other, person)):
            use.facts.take_up(one, "spouse", key=two, valid_from=end, since=since)


def _is_married(use: Use, person: str, since: date, *, besides: str) -> bool:
    known = (fact for fact in use.facts.history(person, "spouse") if fact.known_to is None)
    return any(one.key != besides and (one.valid_to is None or one.valid_to > since) for one in known)


def _children(use: Use, person: str, end: date, since: datetime) -> Iterator[tuple[Left, str]]:
    """Custody and guardianship, of the person and over them. A guardian whom a court has appointed since stays until it says otherwise."""
    for name in RELATIONS:
        if name == "spouse":
            continue
        use.facts.take_up(person, name, valid_from=end, since=since)
        for other in dict.fromkeys(fact.entity for fact in use.facts.history_with(name, person)):
            if not use.facts.take_up(other, name, key=person, valid_from=end, since=since):
                continue
            use.concerns(other)
            guardians = use.facts.current(other, ["guardian"], on=use.today)
            if any(one.key != person and one.known_from >= since for one in guardians):
                yield "guardian_since", other
