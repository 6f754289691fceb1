"""Homes as decisions enter them: who reads the record of it, whose word it rests on, and which entries a decision made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from sqlalchemy.dialects import postgresql, sqlite

from sild.registries.kernel import Fact, Use, provenance
from sild.registries.kernel.facts import Json
from sild.registries.residence.homes import RESIDENCE, owners_of
from sild.registries.residence.judging import Destination, NewMove
from sild.registries.residence.tables import residents

__all__ = [
    "CHANGED",
    "consent_of",
    "decided",
    "decided_by",
    "enter_homes",
    "feared_by",
    "is_at",
    "subjects_of",
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
    if asked.consent_kind in ("lease", "court") and asked.document is not None:
        return asked.consent_kind, strangers
    return "joins" if first_home else "none", strangers


def feared_by(use: Use, people: Sequence[str]) -> frozenset[str]:
    """From whom one of them is protected: nobody tells them anything."""
    orders = use.facts.current_of(people, ["protection"], on=use.today)
    return frozenset(order.key for found in orders.values() for order in found)


def subjects_of(use: Use, asked: NewMove, *, staying: Sequence[str]) -> list[tuple[str, str]]:
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


def decided(use: Use, decision: str, what: Mapping[str, Json]) -> None:
    """So that what a decision did is found by its id."""
    use.facts.record(
        f"decision:{decision}", DECIDED, dict(what), valid_from=use.today, provenance=provenance(use)
    )


def decided_by(use: Use, decision: str) -> Mapping[str, Json]:
    """What was said of it then; nothing of a decision that made no entry."""
    return dict(use.facts.value(f"decision:{decision}", DECIDED, on=use.today) or {})


def _find_in(use: Use, dwelling_id: str, person: str) -> None:
    insert = sqlite.insert if use.connection.dialect.name == "sqlite" else postgresql.insert
    row = {"dwelling": dwelling_id, "person": person}
    use.connection.execute(insert(residents).values(row).on_conflict_do_nothing())
