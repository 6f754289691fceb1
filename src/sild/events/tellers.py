"""Whose word a type of event is: what `civil.death.registered` says is the population register's to say, and nobody else's."""

from __future__ import annotations

from collections.abc import Mapping

from sild.errors import CallerError
from sild.events.event import Event

__all__ = ["ensure_known_teller", "teller_of"]

TELLERS = {"civil": "population"}
"""Where a type begins otherwise than with the name of the register that tells it."""
COMMON = frozenset({"consultation", "decision", "fact", "matter", "person"})
"""What any register tells of its own: what waits for people there, what it decided, corrected, and was asked."""


def teller_of(event_type: str) -> str | None:
    """The register's name; None: any register tells it."""
    first = event_type.partition(".")[0]
    return None if first in COMMON else TELLERS.get(first, first)


def ensure_known_teller(event: Event, registers: Mapping[str, str]) -> None:
    """registers: `INSTANCE/CLASS/CODE/SUBSYSTEM` by name, all that tell anything here.

    Raises CallerError (`invalid_event`): of nobody known, or another register's word.
    """
    name, sender = teller_of(event.type), event.source.removeprefix("/")
    if sender not in (registers.values() if name is None else [registers.get(name)]):
        raise CallerError(
            f"the event's type is not its sender's: {event.type[:100]} of {sender[:200]}",
            code="invalid_event",
        )
