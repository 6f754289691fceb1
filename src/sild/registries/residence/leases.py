"""Leases of dwellings, as facts of the lessee: so that they see and dispute theirs as any other, and nobody asks them for a paper.

    of a person   lease {number, lessor}, key the dwelling: they rent it, from and to when (valid_from, valid_to)
                  untold_lease, as a lease: an owner said it whom an order kept from them that day, or them from the owner

Who owns the dwelling leases it out, on the day it is entered; a new owner takes its leases over. What a lease says besides stays between
the two. A value of None says that somebody of whom it was said rents nothing there.

An owner says it for themselves, or an official enters it. No lease ends in the past: what rested on it stands.

An untold lease is its owners' alone: they see and end it as any other, so that nothing tells them of the order. The lessee is shown
nothing of it, it lets nobody in, and it touches no lease that somebody else gave them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from sild.errors import CallerError
from sild.registries.kernel import Fact, Use, provenance
from sild.registries.kernel.facts import Json
from sild.registries.residence.addresses import dwelling
from sild.registries.residence.homes import owned_by, owners_of, require_person

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

LEASE, UNTOLD = "lease", "untold_lease"
DAY = timedelta(days=1)
CENTURY = 36_525 * DAY
FARTHEST_BACK, FARTHEST_AHEAD, LONGEST = CENTURY, 731 * DAY, CENTURY
"""Of the first day, before and after today; of a lease."""


def leases_of(use: Use, person: str) -> tuple[Fact, ...]:
    """That hold today or later. Key: the dwelling."""
    return tuple(fact for fact in _known(use, person, LEASE) if _ends_after(fact, use.today))


def leases_given(use: Use, owner: str) -> tuple[Fact, ...]:
    """Of dwellings they own, that hold today or later. Whom an order or a seal protects changes nothing of it: an owner would see the difference."""
    found = _given(use, [owned.entity for owned in owned_by(use, owner)])
    use.concerns(*(fact.entity for fact in found))
    return found


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
    """Said again for the same dwelling it takes the place of what was known of those days, and of what it cuts nothing is left after them.

    Raises CallerError (`unknown_dwelling`, `not_an_owner`, `unknown_person`, `is_an_owner`, `person_is_dead`, `empty_period`,
    `date_out_of_range`, `ends_in_the_past`: it would end a lease before today).
    """
    use.concerns(lessor)
    use.alone(f"home/{dwelling_id}")
    home = dwelling(use, dwelling_id)
    owners = {owner.key for owner in owners_of(use, home.id, on=use.today)}
    if lessor not in owners:  # before anything of the lessee: nobody else learns who is known here
        raise CallerError("who owns it leases it out", code="not_an_owner")
    _ensure_near(use.today, valid_from, valid_to)
    require_person(use, lessee)
    if lessee in owners:
        raise CallerError("who owns it rents nothing there", code="is_an_owner")
    if use.facts.value(lessee, "died", on=use.today) is not None:
        raise CallerError("the person is dead", code="person_is_dead")
    is_told = use.usage.principal != lessor or not are_kept_apart(use, lessee, lessor)
    value = {"number": number, "lessor": lessor}
    return _say(use, LEASE if is_told else UNTOLD, lessee, home.id, value, valid_from, valid_to)


def end_lease(use: Use, fact_id: int, *, valid_to: date | None) -> tuple[Fact, bool]:
    """By who owns the dwelling now; the lease as it was said last, and whether it still is one.

    valid_to: the first day on which it is over; None: no end is agreed. One that has not begun is withdrawn by its first day, or one before.

    Raises CallerError (`unknown_lease`: there is none of a dwelling of theirs, or it was said anew since; `ends_in_the_past`,
    `date_out_of_range`, `another_lease_follows`: the lessee has one there for some of the days that it would be longer).
    """
    fact = use.facts.by_id(fact_id)
    if fact is None or fact.name not in (LEASE, UNTOLD):
        raise CallerError("no such lease", code="unknown_lease")
    use.alone(f"home/{fact.key}")
    owners = {owner.key for owner in owners_of(use, str(fact.key), on=use.today)}
    if use.usage.principal not in owners or fact not in _given(use, [str(fact.key)]):
        raise CallerError(
            "no such lease", code="unknown_lease"
        )  # whoever does not own it learns nothing of it
    use.concerns(fact.entity)
    if valid_to is not None and valid_to <= use.today:
        raise CallerError("a lease ends today at the earliest", code="ends_in_the_past")
    _ensure_term(fact.valid_from, valid_to)
    home, begins = str(fact.key), fact.valid_from
    if any(_follows(fact, one) and _overlaps(one, begins, valid_to) for one in _given(use, [home])):
        raise CallerError("the lessee has another lease there after this one", code="another_lease_follows")
    if valid_to is not None and valid_to <= begins:
        use.facts.retract(fact.entity, fact.name, key=home, valid_from=begins, valid_to=fact.valid_to)
        return fact, False
    return _say(use, fact.name, fact.entity, home, fact.value, begins, valid_to), True


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


# --- inside


def _known(use: Use, person: str, name: str) -> tuple[Fact, ...]:
    """Leases of this name, of whatever days, as we know them now."""
    found = use.facts.history(person, name)
    return tuple(fact for fact in found if fact.known_to is None and fact.value is not None)


def _given(use: Use, homes: Sequence[str]) -> tuple[Fact, ...]:
    """Told or not, that hold today or later: as their owners know them."""
    found = [
        one for one in use.facts.standing_with((LEASE, UNTOLD), homes, on=use.today) if one.value is not None
    ]
    untold = [one for one in found if one.name == UNTOLD]
    return tuple(
        one for one in found if one.name == UNTOLD or not any(_takes_the_place(new, one) for new in untold)
    )


def _takes_the_place(untold: Fact, lease: Fact) -> bool:
    """Whether its owner said the lease anew for what is left of it, while an order kept the two apart."""
    of_one = (untold.entity, untold.key) == (lease.entity, lease.key) and _lessor(untold) == _lessor(lease)
    return of_one and _overlaps(untold, lease.valid_from, lease.valid_to)


def _follows(lease: Fact, other: Fact) -> bool:
    """Of the same lessee, in the same dwelling."""
    return other.entity == lease.entity and lease.valid_to is not None and other.valid_from >= lease.valid_to


def _say(use: Use, name: str, lessee: str, home: str, value: Json, begins: date, ends: date | None) -> Fact:
    """Of what it cuts nothing is left after it. Raises CallerError (`empty_period`, `ends_in_the_past`)."""
    if ends is not None and ends <= begins:
        raise CallerError("a lease is for at least one day", code="empty_period")
    cut = [
        old
        for old in (*_known(use, lessee, LEASE), *_known(use, lessee, UNTOLD))
        if old.key == home
        and _overlaps(old, begins, ends)
        and (old.name == name == LEASE or _lessor(old) == value["lessor"])
    ]
    if ends is not None and ends <= use.today and any(_ends_after(old, ends) for old in cut):
        raise CallerError("a lease ends today at the earliest", code="ends_in_the_past")
    for old in cut:
        _make_way(use, old, name, begins)
    return use.facts.record(
        lessee, name, value, key=home, valid_from=begins, valid_to=ends, provenance=provenance(use)
    )


def _make_way(use: Use, old: Fact, name: str, begins: date) -> None:
    """name: of the fact that takes the place of `old`. An untold one undoes nothing before tomorrow of what was told."""
    since = max(begins, old.valid_from)
    if name == UNTOLD and old.name == LEASE:
        since = max(since, use.today + DAY)
    if _ends_after(old, since):
        use.facts.retract(old.entity, old.name, key=old.key, valid_from=since, valid_to=old.valid_to)


def _lessor(lease: Fact) -> str:
    return str(lease.value["lessor"])


def _ensure_near(today: date, begins: date, ends: date | None) -> None:
    """Raises CallerError (`date_out_of_range`)."""
    if not today - FARTHEST_BACK <= begins <= today + FARTHEST_AHEAD:
        raise CallerError(
            "the first day lies more than a hundred years back or two ahead", code="date_out_of_range"
        )
    _ensure_term(begins, ends)


def _ensure_term(begins: date, ends: date | None) -> None:
    if ends is not None and ends - begins > LONGEST:
        raise CallerError("a lease with an end is for a hundred years at most", code="date_out_of_range")


def _overlaps(fact: Fact, begins: date, ends: date | None) -> bool:
    return _ends_after(fact, begins) and (ends is None or fact.valid_from < ends)


def _ends_after(fact: Fact, day: date) -> bool:
    return fact.valid_to is None or fact.valid_to > day
