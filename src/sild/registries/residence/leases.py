"""Leases of dwellings, as facts of the lessee: so that they see and dispute theirs as any other, and nobody asks them for a paper.

    of a person   lease {number, lessor}, key the dwelling: they rent it, from and to when (valid_from, valid_to)

Who owns the dwelling leases it out, on the day it is entered; a new owner takes its leases over. What a lease says besides stays between
the two. A value of None says that somebody of whom it was said rents nothing there.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from sild.errors import CallerError
from sild.registries.kernel import Fact, Use, provenance
from sild.registries.kernel.facts import Json
from sild.registries.residence.addresses import dwelling
from sild.registries.residence.homes import owners_of, require_person

__all__ = ["LEASE", "enter_lease", "has_lease", "lease_number", "leases_of", "said_of_lease"]

LEASE = "lease"


def leases_of(use: Use, person: str) -> tuple[Fact, ...]:
    """That hold today or later. Key: the dwelling."""
    known = (fact for fact in use.facts.history(person, LEASE) if fact.known_to is None)
    return tuple(
        fact
        for fact in known
        if fact.value is not None and (fact.valid_to is None or fact.valid_to > use.today)
    )


def has_lease(use: Use, people: Sequence[str], dwelling_id: str, *, on: date) -> bool:
    """Whether one of them rents it on that day."""
    return any(use.facts.value(person, LEASE, key=dwelling_id, on=on) is not None for person in people)


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

    Raises CallerError (`unknown_person`, `unknown_dwelling`, `not_an_owner`, `empty_period`).
    """
    require_person(use, lessee)
    use.concerns(lessor)
    use.alone(f"home/{dwelling_id}")
    home = dwelling(use, dwelling_id)
    if lessor not in {owner.key for owner in owners_of(use, home.id, on=use.today)}:
        raise CallerError("who owns it leases it out", code="not_an_owner")
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
