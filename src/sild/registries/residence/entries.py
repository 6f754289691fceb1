"""Homes as decisions enter them: who reads the record of it, whose word it rests on, and which entries a decision made."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, timedelta

from sqlalchemy.dialects import postgresql, sqlite

from sild.registries.kernel import Fact, Provenance, Use, provenance
from sild.registries.kernel.facts import Json
from sild.registries.residence.homes import RESIDENCE, owners_of
from sild.registries.residence.judging import Destination, NewMove
from sild.registries.residence.leases import lessees_of
from sild.registries.residence.tables import residents

__all__ = [
    "CHANGED",
    "consent_of",
    "decided",
    "decided_about",
    "decided_by",
    "enter_homes",
    "entries_of",
    "feared_by",
    "is_at",
    "say_by",
    "subjects_of",
    "take_back",
]

CHANGED = "residence.changed"
DECIDED = "decided"


def is_at(fact: Fact, to: Destination) -> bool:
    """Whether a home is that place."""
    value = fact.value
    if to.dwelling is not None:
        return bool(value["dwelling"] == to.dwelling)
    if to.division is not None:
        return bool(value["level"] == "commune" and value["division"] == to.division)
    return bool(value["level"] == "abroad" and value["country"] == to.country)


def consent_of(use: Use, asked: NewMove, *, first_home: bool) -> tuple[str, bool]:
    """Whose word lets them live in the dwelling: `own`, `owner`, `lease`, `court`, `joins` or `none`; and whether a stranger consented."""
    if asked.to.dwelling is None:
        return "none", False
    owners = {fact.key for fact in owners_of(use, asked.to.dwelling, on=asked.valid_from)}
    strangers = any(owner not in owners for owner in asked.consent_owners)
    if owners & set(asked.people):
        return "own", strangers
    if owners & set(asked.consent_owners):
        return "owner", strangers
    if _come_with_lessees(use, asked, asked.to.dwelling):
        return "lease", strangers
    if asked.consent_kind in ("lease", "court") and asked.document is not None:
        return asked.consent_kind, strangers
    return "joins" if first_home else "none", strangers


def _come_with_lessees(use: Use, asked: NewMove, dwelling_id: str) -> bool:
    """Whether each who moves rents it, lives in one household with a lessee who moves, or is in the custody of one: a lease brings no others."""
    lessees = lessees_of(use, asked.people, dwelling_id, on=asked.valid_from)
    if not lessees:
        return False
    homes = use.facts.values_of(asked.people, [RESIDENCE], on=asked.valid_from - timedelta(days=1))
    household = {person: (homes[person].get(RESIDENCE) or {}).get("household") for person in asked.people}
    theirs = {household[lessee] for lessee in lessees} - {None}
    return all(
        person in lessees or household[person] in theirs or lessees & set(asked.custodians.get(person, ()))
        for person in asked.people
    )


def feared_by(use: Use, people: Sequence[str]) -> frozenset[str]:
    """From whom one of them is protected: nobody tells them anything."""
    orders = use.facts.current_of(people, ["protection"], on=use.today)
    return frozenset(order.key for found in orders.values() for order in found)


def subjects_of(use: Use, asked: NewMove, *, staying: Collection[str]) -> list[tuple[str, str]]:
    """Who moves; and of children who live with them, whoever has custody and lives there, too. They read the record, with the address."""
    moving = [person for person in asked.people if person not in staying]
    feared = feared_by(use, asked.people)
    return [
        *((person, "resident") for person in moving),
        *((one, "custodian") for one in _custodians(use, asked, moving) if one not in feared),
    ]


def _custodians(use: Use, asked: NewMove, moving: Sequence[str]) -> Iterator[str]:
    named = dict.fromkeys(code for child in moving for code in asked.custodians.get(child, ()))
    others = [code for code in named if code not in asked.people]
    homes = use.facts.current_of(others, [RESIDENCE], on=asked.valid_from)
    for code in others:
        if any(is_at(home, asked.to) for home in homes[code]):
            yield code


def enter_homes(
    use: Use, people: Sequence[str], value: Mapping[str, Json], valid_from: date, valid_to: date | None = None
) -> dict[str, int]:
    """The fact of each. Event for each: `residence.changed`."""
    said, facts = provenance(use), {}
    for person in people:
        fact = use.facts.record(
            person, RESIDENCE, dict(value), valid_from=valid_from, valid_to=valid_to, provenance=said
        )
        facts[person] = fact.id
        if value["dwelling"] is not None:
            _find_in(use, value["dwelling"], person)
        use.publish(CHANGED, person, {"valid_from": valid_from.isoformat()})
    return facts


def decided(use: Use, decision: str, what: Mapping[str, Json], *, dwelling: str | None) -> None:
    """So that what a decision did is found by its id, and by the dwelling that it is about. what: says in `of` what was decided."""
    said = provenance(use)
    use.facts.record(f"decision:{decision}", DECIDED, dict(what), valid_from=use.today, provenance=said)
    if dwelling is not None:
        use.facts.record(dwelling, DECIDED, True, key=decision, valid_from=use.today, provenance=said)


def decided_by(use: Use, decision: str) -> Mapping[str, Json]:
    """What was said of it then; nothing of a decision that made no entry."""
    return dict(use.facts.value(f"decision:{decision}", DECIDED, on=use.today) or {})


def decided_about(use: Use, dwelling: str) -> list[str]:
    """Decisions about homes in a dwelling, those that another took the place of, too."""
    return [fact.key for fact in use.facts.current(dwelling, [DECIDED], on=use.today)]


def entries_of(use: Use, person: str, decision: str) -> list[Fact]:
    """What of a home the register knows by a decision."""
    known = (fact for fact in use.facts.history(person, RESIDENCE) if fact.known_to is None)
    return [fact for fact in known if fact.value.get("decision") == decision]


def take_back(use: Use, people: Sequence[str], decision: str) -> list[str]:
    """What a decision entered is no longer known, and what was known before it is known again, from the day it was true; whose home that changes.

    Where nothing was known nothing is. What was entered since stays. Event for each: `residence.changed`.
    """
    changed = []
    for person in people:
        for entry in entries_of(use, person, decision):
            before = _known_before(use, entry)
            use.facts.retract(person, RESIDENCE, valid_from=entry.valid_from, valid_to=entry.valid_to)
            for home in before:
                _know_again(use, home, entry)
            use.publish(CHANGED, person, {"valid_from": entry.valid_from.isoformat()})
            changed.append(person)
    return changed


def say_by(use: Use, people: Sequence[str], old: str, new: str) -> None:
    """The same homes, by the decision that took the place of the old one."""
    for person in people:
        for entry in entries_of(use, person, old):
            use.facts.record(
                person,
                RESIDENCE,
                {**entry.value, "decision": new},
                valid_from=entry.valid_from,
                valid_to=entry.valid_to,
                provenance=provenance(use),
            )


def _known_before(use: Use, entry: Fact) -> list[Fact]:
    """Homes on the days of an entry as they were known just before it was first said."""
    first = use.facts.by_id(entry.origin)
    assert first is not None
    return [
        fact
        for fact in use.facts.history(entry.entity, RESIDENCE)
        if fact.id < first.id
        and (fact.known_to is None or fact.known_to >= first.known_from)
        and (fact.valid_to is None or fact.valid_to > entry.valid_from)
        and (entry.valid_to is None or fact.valid_from < entry.valid_to)
    ]


def _know_again(use: Use, home: Fact, entry: Fact) -> None:
    """From its own first day, if it is known until the day on which the entry began."""
    begins = max(home.valid_from, entry.valid_from)
    until = [fact for fact in use.facts.history(home.entity, RESIDENCE) if fact.known_to is None]
    begins = next(
        (fact.valid_from for fact in until if fact.valid_to == begins and fact.origin == home.origin), begins
    )
    ends = min((day for day in (home.valid_to, entry.valid_to) if day is not None), default=None)
    said = Provenance(home.provenance.source, home.provenance.basis, use.usage.message_id)
    use.facts.record(home.entity, RESIDENCE, home.value, valid_from=begins, valid_to=ends, provenance=said)


def _find_in(use: Use, dwelling_id: str, person: str) -> None:
    insert = sqlite.insert if use.connection.dialect.name == "sqlite" else postgresql.insert
    row = {"dwelling": dwelling_id, "person": person}
    use.connection.execute(insert(residents).values(row).on_conflict_do_nothing())
