"""What is told of a child's wait, offer or place, as a fact: what stands now and what stood on each day, beside the row that is worked with.

Its place in the line is none: it follows from the others' and is computed when it is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

from sild.registries.education.queue import group_of, require_child
from sild.registries.education.rules import QUEUE, ground
from sild.registries.identity_codes import parse_identity_code
from sild.registries.kernel import Use
from sild.registries.kernel.facts import Json, Provenance

__all__ = ["place_value", "say_place"]


def say_place(use: Use, code: str, *, system: str) -> None:
    """From today on it is with the child as its row says; what was stays known. Call it when the row is as it will be.

    system: the register, which says so; on its own ground, by the message that it follows from.
    """
    child = require_child(use, code)
    value = place_value(
        state=child.state,
        joined_at=child.joined_at,
        reason=child.reason,
        kindergarten=None if child.wanted is None else group_of(use, child.wanted).name,
        group=child.wanted,
        any_nearby=child.any_nearby,
        wanted_from=child.wanted_from,
        review_on=child.review_on,
        decision=child.decision,
    )
    if use.facts.value(code, QUEUE, on=use.today) == value:
        return
    basis = ground(parse_identity_code(code).country)
    said = Provenance(system, basis, use.usage.message_id)
    use.facts.record(code, QUEUE, value, valid_from=use.today, provenance=said)


def place_value(
    *,
    state: str,
    joined_at: datetime,
    reason: str | None = None,
    kindergarten: str | None = None,
    group: int | None = None,
    any_nearby: bool = False,
    wanted_from: date | None = None,
    review_on: date | None = None,
    decision: str | None = None,
) -> Mapping[str, Json]:
    """The fact's value: its parts as named here, days and times in ISO 8601, those that there are.

    kindergarten: the name of the one wished for, offered or attended; `group` in it.  any_nearby: whichever has a place first.
    """
    value = {
        "state": state,
        "reason": reason,
        "kindergarten": kindergarten,
        "group": group,
        "any_nearby": any_nearby or None,
        "wanted_from": None if wanted_from is None else wanted_from.isoformat(),
        "joined_at": joined_at.isoformat(),
        "review_on": None if review_on is None else review_on.isoformat(),
        "decision": decision,
    }
    return {name: part for name, part in value.items() if part is not None}
