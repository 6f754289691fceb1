"""Whom an order keeps away: the one rule by which every register tells, or does not tell, of somebody whom an order protects.

A register knows which orders protect somebody today, and who is near to them: who lives with them, who may decide for them. The rule says
the rest, closed by default. That an order covers the children of whom it protects, named or not, is said by the population register.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime

from sild.events import Event
from sild.registries.kernel.corrections import provenance
from sild.registries.kernel.facts import days_left
from sild.registries.kernel.kernel import Use
from sild.registries.kernel.usage import Usage

__all__ = ["days_said_last", "is_kept_from"]

SAID = "protection_said"
"""When it was last said whether the other (the key) is kept from the person on these days."""


def days_said_last(
    use: Use, event: Event, against: str, begins: date, ends: date | None
) -> list[tuple[date, date | None]]:
    """Of the days of an event about an order those of which nothing later was heard; from now on they are said by it.

    Events may come late, and each says all that is to be known of its days: whoever takes them in this way knows the same in any order.
    """
    if ends is not None and ends <= begins:
        return []
    known = [fact for fact in use.facts.history(event.subject, SAID, key=against) if fact.known_to is None]
    later = [fact for fact in known if datetime.fromisoformat(fact.value) > event.time]
    days = list(days_left(begins, ends, later))
    for begin, end in days:
        use.facts.record(
            event.subject,
            SAID,
            event.time.isoformat(),
            key=against,
            valid_from=begin,
            valid_to=end,
            provenance=provenance(use),
        )
    return days


def is_kept_from(
    usage: Usage, person: str, against: Collection[str | None], near: Collection[str] = ()
) -> bool:
    """Whether this reader is not told. against: codes of whom orders in force keep from the person; None: nobody said whom.

    Under an order: no machine, for what it decides could tell; not whom it is against, nor who acts for them, nor, when nobody said whom,
    anybody near; of those who act for another only who is near, for a power of attorney may be of anybody.
    """
    if not against:
        return False
    actor, principal = usage.actor, usage.principal
    if actor is None or actor in against or principal in against:
        return True
    if actor == person:
        return False
    return (None in against and actor in near) or (principal != actor and actor not in near)
