"""A superior gives a case to an official of whom the population register cannot say whether they are close to anybody in it.

    decision refused ──▶ RELEASE {unchecked: true} ──ASSIGN──▶ the official takes it and decides; the superior has answered for it

Part of every case on a desk. Whoever is found to be close to a party is no official whom anybody may assign.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sild.cases.actor import Actor
from sild.cases.case import Case
from sild.cases.process import Asking, Given, Part, Rule
from sild.cases.refusals import Refused
from sild.cases.views import Options

__all__ = ["ASSIGN_SCREEN", "Assigning", "is_assigned", "unchecked"]

ASSIGN_SCREEN = "desk.assign"


def unchecked(case: Case) -> tuple[str, ...]:
    """Officials who could not be checked, and whom nobody has assigned since. Pure."""
    found: dict[str, None] = {}
    for taken in case.all("RELEASE", "ASSIGN"):
        if taken.name == "ASSIGN":
            found.pop(taken.data["official"], None)
        elif taken.data.get("unchecked"):
            found[taken.person] = None
        elif taken.data.get("conflict"):
            found.pop(taken.person, None)
    return tuple(found)


def is_assigned(case: Case, official: str) -> bool:
    """Pure."""
    return any(taken.data["official"] == official for taken in case.all("ASSIGN"))


class Assigning(Part):
    service = "assigning"
    rules = (Rule("ASSIGN", by=("supervisor",), screen=ASSIGN_SCREEN),)

    def choices(self, case: Case) -> Options:
        return {"unchecked": [(code, code) for code in unchecked(case)]}

    async def check(
        self, case: Case, rule: Rule, values: Mapping[str, Any], actor: Actor, asking: Asking
    ) -> Given:
        if values["official"] == actor.person:
            raise Refused("nobody assigns themselves", code="conflict_of_interest")
        return Given(values)
