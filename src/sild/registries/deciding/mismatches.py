"""A replay that gave another outcome than the decision is a matter for an official, like what a corrected fact reached."""

from __future__ import annotations

from sild.decisions import open_ripple
from sild.events import Event
from sild.registries.deciding.deciding import Deciding
from sild.registries.deciding.ripple import REPLAY, list_for_people, people_of
from sild.registries.identity_codes import Country

__all__ = ["replay_mismatched"]

MISMATCH = "mismatch"


def replay_mismatched(deciding: Deciding, number: int, decision: str) -> None:
    """Once for each replay, `number`, however often it is told."""
    kernel = deciding.kernel
    told = Event(
        id=f"replay-{number}",
        source=kernel.system,
        type="decision.replayed",
        subject=decision,
        time=kernel.now,
    )
    with kernel.applying(told, told.id) as use:
        if use is None:
            return
        rules = deciding.store.find(use.connection, decision).record.rules
        package = None if rules is None else deciding.packages.get(rules.sha256)
        ripple = open_ripple(
            use.connection,
            cause=f"replay/{number}",
            decision=decision,
            concept=REPLAY,
            source=deciding.exchanged_by,
            fact=None,
            at=use.at,
        )
        if ripple is not None:
            country: Country = "VN" if package is not None and package.country == "VN" else "EE"
            list_for_people(use, ripple, MISMATCH, country, people_of(deciding, use, decision))
