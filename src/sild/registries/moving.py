"""What a body does by itself when somebody's home has changed, and says about it: a record of its own, and word to the move's case.

Nobody asks it to. `residence.changed` brings the person's code and a day; what follows is the body's own affair, done once however
often the event comes, and tried again while another register does not answer. The record is a fact on the person (`home_change`),
on the body's own ground, with the register and message that caused it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime

from sild.events import Event
from sild.registries.kernel import FactKind, Provenance, Use

__all__ = ["HOME_CHANGED", "HOME_CHANGE_CONCEPT", "HOME_CHANGE_KIND", "NOTHING_HERE", "followed", "looks"]

HOME_CHANGED = "residence.changed"
HOME_CHANGE = "home_change"
HOME_CHANGE_CONCEPT = "person.home_change"
HOME_CHANGE_KIND = FactKind(
    HOME_CHANGE, HOME_CHANGE_CONCEPT, "What this body did when the person's home had changed"
)
NOTHING_HERE = "nothing_here"
"""The body holds nothing of the person: it keeps no record of them either."""


def looks(use: Use, event: Event) -> Iterator[tuple[str, datetime | None]]:
    """When a home is looked at: at once (None), and if it begins on a later day, on that day again. Each with the cause of its task."""
    yield event.id, None
    try:
        begins = date.fromisoformat(str(event.data.get("valid_from")))
    except ValueError:
        return
    if begins > use.today:
        yield f"{event.id}/{begins}", use.morning_of(begins)


def followed(
    use: Use,
    register: str,
    person: str,
    outcome: str,
    *,
    cause: str,
    source: str,
    basis: str,
    decision: str | None = None,
    silent: bool = False,
    about: str | None = None,
) -> None:
    """In the transaction of what was done. outcome: a word for what came of it.  cause: id of the event.  decision: record of it, if one was made.

    silent: nobody is told, for the person's sake.  about: of a body that does two things for one person, which one besides the first.
    Tells `<register>.home.followed`.
    """
    if outcome != NOTHING_HERE:
        use.facts.record(
            person,
            HOME_CHANGE,
            {"outcome": outcome, "decision": decision},
            valid_from=use.today,
            key=cause if about is None else f"{cause}/{about}",
            provenance=Provenance(source, basis, use.usage.message_id),
        )
    if not silent:
        said = {"outcome": outcome, "decision": decision, "case": use.usage.issue}
        if about is not None:
            said["about"] = about
        use.publish(f"{register}.home.followed", person, said)
