"""An owner says that somebody does not live there: a month's notice, a hearing, a decision; then the commune is what remains."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date
from uuid import uuid4

from sild.errors import CallerError
from sild.registries.kernel import Fact, Use, provenance
from sild.registries.profiles import profile
from sild.registries.residence.addresses import dwelling
from sild.registries.residence.homes import RESIDENCE, owners_of, require_person

__all__ = ["Removal", "decide_removal", "object_to_removal", "read_removal", "request_removal", "seal"]

REMOVAL = "removal"


@dataclass(frozen=True, slots=True)
class Removal:
    """state: NOTICED, REMOVED or KEPT.  earliest_decision: when the resident's notice is over."""

    id: str
    person: str
    dwelling: str
    owner: str
    state: str
    requested_on: str
    earliest_decision: str
    objection: str | None = None
    reason: str | None = None
    heard: bool = False


def request_removal(use: Use, *, person: str, dwelling_id: str, owner: str) -> Removal:
    """Asked twice, it is one request. Raises CallerError (`unknown_person`, `unknown_dwelling`, `not_an_owner`, `not_a_resident`, `is_an_owner`)."""
    require_person(use, person)
    use.alone(f"home/{person}")
    home = dwelling(use, dwelling_id)
    owners = {fact.key for fact in owners_of(use, dwelling_id, on=use.today)}
    if owner not in owners:
        raise CallerError("the owner asks for it", code="not_an_owner")
    if person in owners:
        raise CallerError("an owner is not removed from their own", code="is_an_owner")
    residence = use.facts.value(person, RESIDENCE, on=use.today)
    if residence is None or residence["dwelling"] != dwelling_id:
        raise CallerError("the person is not registered there", code="not_a_resident")
    for fact in use.facts.current(person, [REMOVAL], on=use.today):
        if (fact.value["dwelling"], fact.value["state"]) == (dwelling_id, "NOTICED"):
            return Removal(**fact.value)
    earliest = profile(home.address.country).deadline("move.removal_notice", use.today)
    removal = Removal(
        str(uuid4()), person, dwelling_id, owner, "NOTICED", use.today.isoformat(), earliest.isoformat()
    )
    return _say(use, removal)


def read_removal(use: Use, removal_id: str) -> Removal:
    """Raises CallerError (`unknown_removal`)."""
    return Removal(**_fact(use, removal_id).value)


def object_to_removal(use: Use, removal_id: str, text: str) -> Removal:
    """What the resident says to it. Raises CallerError (`unknown_removal`, `removal_is_decided`)."""
    removal = _open(use, removal_id)
    return _say(use, Removal(**{**asdict(removal), "objection": text}))


def decide_removal(use: Use, removal_id: str, *, decision: str, reason: str, heard: bool) -> Removal:
    """decision: REMOVED or KEPT. Raises CallerError (`unknown_removal`, `removal_is_decided`, `notice_running`, `not_heard`)."""
    removal = _open(use, removal_id)
    if decision == "REMOVED":
        if use.today < date.fromisoformat(removal.earliest_decision):
            raise CallerError(f"the notice runs until {removal.earliest_decision}", code="notice_running")
        if not heard and removal.objection is None:
            raise CallerError("the resident is heard before the decision", code="not_heard")
        _remove(use, removal)
    return _say(use, Removal(**{**asdict(removal), "state": decision, "reason": reason, "heard": heard}))


def seal(use: Use, *, person: str, valid_from: date, valid_to: date | None, order: str) -> Fact:
    """Tell nobody where the person lives. Raises CallerError (`unknown_person`, `empty_period`)."""
    require_person(use, person)
    return use.facts.record(
        person,
        "sealed",
        {"order": order},
        valid_from=valid_from,
        valid_to=valid_to,
        provenance=provenance(use),
    )


# --- inside


def _remove(use: Use, removal: Removal) -> None:
    """Unless they have moved meanwhile."""
    value = use.facts.value(removal.person, RESIDENCE, on=use.today)
    if value is None or value["dwelling"] != removal.dwelling:
        return
    commune = {**value, "level": "commune", "dwelling": None, "household": None, "move": None}
    use.facts.record(removal.person, RESIDENCE, commune, valid_from=use.today, provenance=provenance(use))
    use.publish("residence.removed", removal.person, {"valid_from": use.today.isoformat()})


def _fact(use: Use, removal_id: str) -> Fact:
    found = use.facts.entities_with(REMOVAL, removal_id, on=use.today)
    if not found:
        raise CallerError("no such request", code="unknown_removal")
    use.concerns(found[0].entity)
    return found[0]


def _open(use: Use, removal_id: str) -> Removal:
    use.alone(f"home/{_fact(use, removal_id).entity}")
    removal = Removal(**_fact(use, removal_id).value)
    if removal.state != "NOTICED":
        raise CallerError("it was decided before", code="removal_is_decided")
    return removal


def _say(use: Use, removal: Removal) -> Removal:
    use.facts.record(
        removal.person,
        REMOVAL,
        asdict(removal),
        key=removal.id,
        valid_from=use.today,
        provenance=provenance(use),
    )
    return removal
