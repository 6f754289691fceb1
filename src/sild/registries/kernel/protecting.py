"""Whom an order keeps away: the one rule by which every register tells, or does not tell, of somebody whom an order protects.

A register knows which orders protect somebody today, and who is near to them: who lives with them, who may decide for them. The rule says
the rest, closed by default. That an order covers the children of whom it protects, named or not, is said by the population register.
"""

from __future__ import annotations

from collections.abc import Collection

from sild.registries.kernel.usage import Usage

__all__ = ["is_kept_from"]


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
