"""Leases of dwellings, as facts of the lessee: so that they see and dispute theirs as any other, and nobody asks them for a paper.

    of a person   lease {number, lessor}, key the dwelling: they rent it, from and to when (valid_from, valid_to)

Who owns the dwelling leases it out, on the day it is entered; a new owner takes its leases over. What a lease says besides stays between
the two. A value of None says that somebody of whom it was said rents nothing there.

An owner says it for themselves, or an official enters it. No lease ends in the past: what rested on it stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from sild.errors import CallerError
from sild.registries.kernel import Fact, Use, provenance
from sild.registries.kernel.facts import Json
from sild.registries.residence.addresses import dwelling
from sild.registries.residence.homes import is_sealed, owned_by, owners_of, require_person

__all__ = [
    "LEASE",
    "are_kept_apart",
    "end_lease",
    "enter_lease",
    "lease_number",
    "leases_given",
    "leases_of",
    "lessees_of",
    "said_of_lease",
]

LEASE = "lease"


def leases_of(use: Use, person: str) -> tuple[Fact, ...]:
    """That hold today or later. Key: the dwelling."""
    return _held(use, use.facts.history(person, LEASE))


def leases_given(use: Use, owner: str) -> tuple[Fact, ...]:
    """Of dwellings they own, that hold today or later; none of a lessee of whom this reader is not told where they live."""
    homes = [owned.entity for owned in owned_by(use, owner)]
    found = [fact for home in homes for fact in _held(use, use.facts.history_with(LEASE, home))]
    use.concerns(*(fact.entity for fact in found))
    return tuple(fact for fact in found if not is_sealed(use, fact.entity))


def lessees_of(use: Use, people: Sequence[str], dwelling_id: str, *, on: date) -> frozenset[str]:
    """Those of them who rent it on that day."""
    return frozenset(
        person for person in people if use.facts.value(person, LEASE, key=dwelling_id, on=on) is not None
    )


def are_kept_apart(use: Use, lessee: str, *others: str) -> bool:
    """Whether an order in force protects the lessee from one of them or from whoever acts, or one of them from the lessee."""
    near: dict[str, set[str | None]] = {one: {lessee} for one in others}
    near[lessee] = {*others, use.usage.actor, use.usage.principal}
    orders = use.facts.current_of(list(near), ["protection"], on=use.today)
    return any(not order.key or order.key in near[one] for one, found in orders.items() for order in found)


def enter_lease(
    use: Use,
    *,
    lessor: str,
    lessee: str,
    dwelling_id: str,
    number: str,
    valid_from: date,
    valid_to: date | None,
) -> Fact:
    """Said again for the same dwelling it takes the place of what was known of those days.

    Raises CallerError (`unknown_dwelling`, `not_an_owner`, `unknown_person`, `is_an_owner`, `person_is_dead`, `empty_period`).
    """
    use.concerns(lessor)
    use.alone(f"home/{dwelling_id}")
    home = dwelling(use, dwelling_id)
    owners = {owner.key for owner in owners_of(use, home.id, on=use.today)}
    if lessor not in owners:  # before anything of the lessee: nobody else learns who is known here
        raise CallerError("who owns it leases it out", code="not_an_owner")
    require_person(use, lessee)
    if lessee in owners:
        raise CallerError("who owns it rents nothing there", code="is_an_owner")
    if use.facts.value(lessee, "died", on=use.today) is not None:
        raise CallerError("the person is dead", code="person_is_dead")
    value = {"number": number, "lessor": lessor}
    return use.facts.record(
        lessee,
        LEASE,
        value,
        key=home.id,
        valid_from=valid_from,
        valid_to=valid_to,
        provenance=provenance(use),
    )


def end_lease(use: Use, fact_id: int, *, valid_to: date | None) -> Fact:
    """By who owns the dwelling now. valid_to: the first day on which it is over; None: no end is agreed.

    Raises CallerError (`unknown_lease`: there is none, it was said anew since, or who asks may not know of it; `not_an_owner`,
    `ends_in_the_past`, `empty_period`).
    """
    fact = use.facts.by_id(fact_id)
    if fact is None or fact.name != LEASE:
        raise CallerError("no such lease", code="unknown_lease")
    use.alone(f"home/{fact.key}")
    use.concerns(fact.entity)
    if is_sealed(use, fact.entity) or fact not in leases_of(use, fact.entity):
        raise CallerError("no such lease", code="unknown_lease")
    if use.usage.principal not in {owner.key for owner in owners_of(use, str(fact.key), on=use.today)}:
        raise CallerError("who owns it leases it out", code="not_an_owner")
    if valid_to is not None and valid_to <= use.today:
        raise CallerError("a lease ends today at the earliest", code="ends_in_the_past")
    said = use.facts.record(
        fact.entity,
        LEASE,
        fact.value,
        key=fact.key,
        valid_from=fact.valid_from,
        valid_to=valid_to,
        provenance=provenance(use),
    )
    if valid_to is not None and (fact.valid_to is None or fact.valid_to > valid_to):
        use.facts.retract(fact.entity, LEASE, key=fact.key, valid_from=valid_to, valid_to=fact.valid_to)
    return said


def lease_number(dwelling_id: str) -> str:
    """Of a lease that is there from the beginning."""
    return f"L-{dwelling_id}"


def said_of_lease(use: Use, fact: Fact) -> str | None:
    """In words: the dwelling, and the lease's number."""
    if fact.name != LEASE or fact.value is None:
        return None
    return f"{dwelling(use, str(fact.key)).text} ({fact.value['number']})"


def check_lease(_entity: str, value: Json) -> None:
    """What an official answers a dispute of it with: that there is none. Who rents is entered, not corrected."""
    if value is not None:
        raise CallerError("0: the person rents nothing there", code="invalid_value")


def read_lease(text: str, before: Json) -> Json:
    return None if text.strip() == "0" else before


def _held(use: Use, said: Sequence[Fact]) -> tuple[Fact, ...]:
    return tuple(
        fact
        for fact in said
        if fact.known_to is None
        and fact.value is not None
        and (fact.valid_to is None or fact.valid_to > use.today)
    )
