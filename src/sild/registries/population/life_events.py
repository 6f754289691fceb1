"""Death, stillbirth, protection, guardianship: what others must know at once, and what must then be silent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

from sild.errors import CallerError
from sild.registries.kernel import Use, provenance
from sild.registries.kernel.facts import Json
from sild.registries.population.birth_notice import BirthNotice, Notified
from sild.registries.population.births import REGISTRATION
from sild.registries.population.death_notice import DeathNotice
from sild.registries.population.notifying import ensure_fresh, is_to_come
from sild.registries.population.one_child import bears_name
from sild.registries.population.orders import PROTECTION, SPEAKING, end_order, give_order, settle
from sild.registries.population.persons import (
    read_person,
    require_living,
    require_person,
)

__all__ = [
    "RELATIONS",
    "authors_of_death",
    "end_protection",
    "forget_authors",
    "keep_author",
    "order_protection",
    "record_death",
    "record_guardian",
    "record_stillbirth",
]

RELATIONS = ("spouse", "custody", "guardian")
"""What ends with a death, for both sides."""
NEWBORN = timedelta(days=7)
"""The perinatal period ends seven completed days after birth (WHO, ICD-10 volume 2, chapter 5)."""
SAID_BY = "said_by"
SILENCED = ("civil.child.recorded", "civil.paternity.*")
"""Events that would only be followed by a message to the family; what waits of them is never sent."""


def record_death(use: Use, notice: DeathNotice, notified: Notified, signer: str) -> dict[str, Json]:
    """signer: identity code. Raises CallerError (`unknown_person`, `already_dead`, `date_out_of_range`, `name_differs`, `notice_too_old`, `death_annulled`)."""
    person, died = notice.person, notice.died
    use.alone(f"person/{person}", f"birth/{person}")
    known = read_person(use, person)
    if not bears_name(use, person, notice.named):
        raise CallerError("the code is of somebody with another name", code="name_differs")
    if known.died is not None:
        if known.died == died:
            return {"person": person, "died": died.isoformat(), "recorded": False}
        raise CallerError("another day of death is recorded; correct it", code="already_dead")
    if use.facts.history(person, "death_notice", key=notice.key):
        raise CallerError("the death that this notice told of was annulled", code="death_annulled")
    is_future = notice.died_at is not None and is_to_come(notice.died_at, use.at)
    if is_future or not known.born <= died <= use.today:
        raise CallerError("a death is after birth and not in the future", code="date_out_of_range")
    ensure_fresh(notified, use.at)
    said = provenance(use)
    told = {"system": notice.system, "hospital": notice.hospital, "notified": notified.to_json()}
    use.facts.record(person, "died", died.isoformat(), valid_from=died, provenance=said)
    use.facts.record(person, "death_notice", told, key=notice.key, valid_from=died, provenance=said)
    if notice.place is not None:
        use.facts.record(person, "death_place", notice.place, valid_from=died, provenance=said)
    keep_author(use, person, signer)
    spoken_for = [link.entity for name in SPEAKING for link in use.facts.entities_with(name, person, on=died)]
    _end_relations(use, person, died)
    _fall_silent(use, person)
    use.publish("civil.death.registered", person, {"died": died.isoformat()})
    for child in spoken_for:
        settle(use, child)
    return {"person": person, "died": died.isoformat(), "recorded": True}


def keep_author(use: Use, person: str, author: str) -> None:
    """Who said that they died, by notice or by correcting the day: not shown to people, whom a notice tells a name and a profession."""
    told = provenance(use)
    use.facts.record(_death(person), SAID_BY, True, key=author, valid_from=use.today, provenance=told)


def authors_of_death(use: Use, person: str) -> frozenset[str]:
    """Of the death that is recorded."""
    return frozenset(one.key for one in use.facts.current(_death(person), [SAID_BY], on=use.today))


def forget_authors(use: Use, person: str) -> None:
    """The death is known no longer."""
    for author in authors_of_death(use, person):
        use.facts.retract(_death(person), SAID_BY, key=author, valid_from=date.min)


def record_stillbirth(use: Use, notice: BirthNotice, child: str, notified: Notified) -> dict[str, Json]:
    """child: one that had been recorded as living, by mistake, has no name yet, and is `NEWBORN` on the day of the signature.

    Raises CallerError (`unknown_person`, `unknown_birth`, `notice_too_old`, `not_a_newborn`).
    """
    mother = notice.mother.code
    use.alone(f"person/{child}", f"birth/{child}")
    known = read_person(use, child)
    registration = use.facts.value(child, REGISTRATION, on=use.today)
    if registration is None or known.mother is None or (known.mother, known.born) != (mother, notice.born):
        raise CallerError("no such birth of hers was notified", code="unknown_birth")
    if registration["status"] != "STILLBORN":
        ensure_fresh(notified, use.at)
        if registration["status"] != "UNNAMED" or use.day_of(notified.signed_at) > known.born + NEWBORN:
            raise CallerError(
                f"a child with a name, or older than {NEWBORN.days} days, was not born dead: give notice of its death",
                code="not_a_newborn",
            )
        said, born = provenance(use), known.born
        kept = replace(notice, notified=notified).stillbirth()
        use.facts.record(child, REGISTRATION, {"status": "STILLBORN"}, valid_from=born, provenance=said)
        use.facts.record(child, "stillbirth", kept, key=notice.key, valid_from=born, provenance=said)
        if known.died is None:
            use.facts.record(child, "died", born.isoformat(), valid_from=born, provenance=said)
        _fall_silent(use, child)
        use.publish("civil.stillbirth.recorded", child)
    return {"mother": mother, "child": child}


def order_protection(
    use: Use,
    *,
    protected: str,
    against: str,
    children: Sequence[str],
    valid_from: date,
    valid_to: date | None,
    order: str,
) -> dict[str, Json]:
    """From now on nobody tells `against` where `protected` and their minor children are, `children` (of any age) among them.

    uncovered: children whom the order does not name, and no order covers: of those who may speak for them nobody would be left.

    Raises CallerError (`unknown_person`, `not_a_child`).
    """
    if against in (protected, *children):
        raise CallerError("nobody is protected from themselves", code="bad_request")
    require_person(use, against)
    require_living(use, protected)
    for child in children:
        if read_person(use, child).mother != protected and read_person(use, child).father != protected:
            raise CallerError("a child of the protected person", code="not_a_child")
    concerned = give_order(
        use,
        order,
        protected=protected,
        against=against,
        children=children,
        begins=valid_from,
        ends=valid_to,
    )
    uncovered = _settled(use, concerned, again=order, since=min(valid_from, use.today))
    kept = [one for one in concerned if against in _kept_by(use, one, order)]
    return {
        "order": order,
        "protected": kept,
        "against": against,
        "valid_from": valid_from.isoformat(),
        "valid_to": valid_to.isoformat() if valid_to else None,
        "uncovered": uncovered,
    }


def end_protection(
    use: Use, *, protected: str, against: str, order: str, valid_to: date | None
) -> dict[str, Json]:
    """The authority that gave an order says that it ends before its last day, or that it ends. valid_to: the first day on which it
    holds no longer, today by default.

    Raises CallerError (`unknown_order`, `not_your_order`, `end_out_of_range`).
    """
    ends = valid_to or use.today
    concerned = end_order(use, order, protected=protected, against=against, ends=ends)
    return {
        "order": order,
        "protected": concerned,
        "against": against,
        "valid_to": ends.isoformat(),
        "uncovered": _settled(use, concerned),
    }


def _settled(
    use: Use, persons: Sequence[str], *, again: str | None = None, since: date | None = None
) -> list[str]:
    """Tell what follows of orders; which of these persons no order covers, for nobody would speak for them."""
    use.concerns(*persons)
    use.alone(*(f"protection/{person}" for person in persons))
    return [one for one in persons if settle(use, one, again=again, since=since)]


def _kept_by(use: Use, person: str, order: str) -> set[str]:
    found = use.facts.history(person, PROTECTION)
    return {one.key for one in found if one.known_to is None and one.value["order"] == order}


def record_guardian(
    use: Use, *, ward: str, guardian: str, kind: str, valid_from: date, valid_to: date | None
) -> dict[str, Json]:
    """kind: guardian or curator. Raises CallerError (`unknown_person`, `person_is_dead`, `bad_request`)."""
    if ward == guardian:
        raise CallerError("nobody is their own guardian", code="bad_request")
    require_living(use, ward)
    elder = require_living(use, guardian)
    if (valid_from - elder.born).days < 18 * 365:
        raise CallerError("a guardian is of age", code="bad_request")
    fact = use.facts.record(
        ward,
        "guardian",
        kind,
        key=guardian,
        valid_from=valid_from,
        valid_to=valid_to,
        provenance=provenance(use),
    )
    use.publish("civil.guardian.recorded", ward)
    settle(use, ward)
    return {"ward": ward, "guardian": guardian, "kind": kind, "fact": fact.id}


# --- inside


def _death(person: str) -> str:
    return f"death:{person}"


def _end_relations(use: Use, person: str, died: date) -> None:
    """Marriage, custody and guardianship end with the day after the death, for both sides."""
    end = died + timedelta(days=1)
    for fact in use.facts.current(person, RELATIONS, on=died):
        use.facts.retract(person, fact.name, key=fact.key, valid_from=end)
    for name in RELATIONS:
        for fact in use.facts.entities_with(name, person, on=died):
            use.concerns(fact.entity)
            use.facts.retract(fact.entity, name, key=person, valid_from=end)


def _fall_silent(use: Use, person: str) -> None:
    use.cancel_events(person, SILENCED)
