"""An owner says that somebody does not live there: a month's notice, a hearing, a decision; then the commune is what remains.

Whether they live there an official finds, and writes down why; the rules guard notice, hearing and ownership (`ee-residence-removal`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date
from uuid import uuid4

from sild.decisions import Consideration, Hearing, OutcomeItem, Secret
from sild.errors import CallerError, Unavailable
from sild.registries.deciding import (
    Deciding,
    Judged,
    KnownFact,
    Look,
    Ruling,
    brought,
    human_step,
    reason_of,
)
from sild.registries.identity_codes import Country
from sild.registries.kernel import Fact, Use, provenance
from sild.registries.kernel.facts import Json
from sild.registries.profiles import profile
from sild.registries.residence.addresses import Dwelling, dwelling
from sild.registries.residence.entries import decided, feared_by
from sild.registries.residence.homes import RESIDENCE, owners_of, require_person
from sild.registries.residence.judging import PACK, article_of

__all__ = [
    "ALGORITHM",
    "PACKAGES",
    "REMOVED",
    "Removal",
    "decide_removal",
    "object_to_removal",
    "read_removal",
    "remove",
    "request_removal",
    "say_removal",
    "seal",
]

ALGORITHM = "residence-removal"
PACKAGES: dict[Country, str] = {"EE": "ee-residence-removal", "VN": "vn-residence-removal"}
REMOVED = "removal/removed/ETERNITY"
REMOVAL = "removal"
OUTPUT = "removal"


@dataclass(frozen=True, slots=True)
class Removal:
    """state: NOTICED, REMOVED or KEPT.  earliest_decision: when the resident's notice is over.  record: id of the record of the decision."""

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
    record: str | None = None


def request_removal(use: Use, *, person: str, dwelling_id: str, owner: str) -> Removal:
    """Asked twice, it is one request. Raises CallerError (`unknown_person`, `unknown_dwelling`, `not_an_owner`, `not_a_resident`, `is_an_owner`)."""
    require_person(use, person)
    use.alone(f"home/{person}")
    home = dwelling(use, dwelling_id)
    owners = {fact.key for fact in owners_of(use, dwelling_id, on=use.today)}
    if owner not in owners or owner != use.usage.principal:
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
    return say_removal(use, removal)


def read_removal(use: Use, removal_id: str) -> Removal:
    """Raises CallerError (`unknown_removal`)."""
    return Removal(**_fact(use, removal_id).value)


def object_to_removal(use: Use, removal_id: str, text: str) -> Removal:
    """What the resident says to it. Raises CallerError (`unknown_removal`, `removal_is_decided`, `not_yours`)."""
    removal = _open(use, removal_id)
    if use.usage.principal != removal.person:
        raise CallerError("the resident says this, or who represents them", code="not_yours")
    return say_removal(use, Removal(**{**asdict(removal), "objection": text}))


def decide_removal(
    use: Use, deciding: Deciding, removal_id: str, *, decision: str, reason: str, heard: bool, look: Look
) -> Removal:
    """decision: REMOVED or KEPT, by the official who acts. The record of it is made in this transaction.

    Raises CallerError (`unknown_removal`, `removal_is_decided`, `needs_a_person`, `notice_running`, `not_heard`), Unavailable (`rules_failed`).
    """
    removal = _open(use, removal_id)
    if use.usage.actor is None:
        raise CallerError("an official decides this", code="needs_a_person")
    if decision == "REMOVED":
        if use.today < date.fromisoformat(removal.earliest_decision):
            raise CallerError(f"the notice runs until {removal.earliest_decision}", code="notice_running")
        if not heard and removal.objection is None:
            raise CallerError("the resident is heard before the decision", code="not_heard")
    said = Removal(**{**asdict(removal), "state": decision, "reason": reason, "heard": heard})
    home = dwelling(use, removal.dwelling)
    judged = _judge(use, deciding, home, said)
    record = deciding.record(use, judged, _ruling(use, deciding, home, said, look))
    if judged.evaluation.value(OUTPUT, "removed", "ETERNITY") is True:
        remove(use, said, str(record.id))
    people = [removal.person, removal.owner]
    decided(use, str(record.id), {"of": REMOVAL, "removal": removal.id, "people": people}, dwelling=home.id)
    return say_removal(use, Removal(**{**asdict(said), "record": str(record.id)}))


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


def remove(use: Use, removal: Removal, decision: str) -> None:
    """From today the commune is their home, until the next that is entered. Event: `residence.removed`. Who has moved meanwhile stays there."""
    held = use.facts.fact(removal.person, RESIDENCE, on=use.today)
    if held is None or held.value["dwelling"] != removal.dwelling:
        return
    gone = {"level": "commune", "dwelling": None, "household": None, "move": None, "decision": decision}
    use.facts.record(
        removal.person,
        RESIDENCE,
        {**held.value, **gone},
        valid_from=use.today,
        valid_to=held.valid_to,
        provenance=provenance(use),
    )
    use.publish("residence.removed", removal.person, {"valid_from": use.today.isoformat()})


# --- the decision


def _judge(use: Use, deciding: Deciding, home: Dwelling, removal: Removal) -> Judged:
    package = PACKAGES[home.address.country]
    outputs = [(OUTPUT, variable, "ETERNITY") for variable in deciding.package(package).outputs]
    facts = tuple(_facts(use, deciding, removal))
    try:
        return deciding.judge(package, facts, at=use.today, outputs=outputs)
    except CallerError as error:
        raise Unavailable("the rules of removal do not run", code="rules_failed") from error


def _facts(use: Use, deciding: Deciding, removal: Removal) -> Iterator[KnownFact]:
    own, message = deciding.kernel.system, use.usage.message_id
    owning = owners_of(use, removal.dwelling, on=use.today)
    owners = {fact.key for fact in owning}
    home = use.facts.fact(removal.person, RESIDENCE, on=use.today)
    value = None if home is None else home.value
    said_here = [
        fact
        for fact in use.facts.current(removal.person, [REMOVAL], on=use.today)
        if fact.value["id"] == removal.id
    ]
    rows: dict[str, Json] = {
        "asked_by_owner": removal.owner in owners,
        "still_there": value is not None and value["dwelling"] == removal.dwelling,
        "notice_over": use.today >= date.fromisoformat(removal.earliest_decision),
        "answered": removal.objection is not None,
    }
    by = {
        "asked_by_owner": [one for one in owning if one.key == removal.owner],
        "still_there": [] if home is None else [home],
        "answered": said_here if removal.objection is not None else [],
    }
    found = {"heard": removal.heard, "gone": removal.state == "REMOVED"}
    place = "removals/removal"
    yield KnownFact(f"{place}/resident", "role", ["resident"], register=own, in_clear=True)
    is_owner = removal.person in owners
    mine = brought((one for one in owning if one.key == removal.person), own)
    yield KnownFact(
        "persons/resident/is_owner/ETERNITY", "bool", is_owner, register=own, valid_at=use.today, **mine
    )
    for name, said in rows.items():
        told = brought(by.get(name, ()), own)
        yield KnownFact(f"{place}/{name}/ETERNITY", "bool", said, register=own, valid_at=use.today, **told)
    for name, said in found.items():
        yield KnownFact(
            f"{place}/{name}/ETERNITY",
            "bool",
            said,
            register=own,
            message_id=message,
            asserted_by="official",
        )


def _ruling(use: Use, deciding: Deciding, home: Dwelling, removal: Removal, look: Look) -> Ruling:
    """What the other said the office alone reads: each party reads the reasons, and that the resident had their say."""
    country, official = home.address.country, use.usage.actor or ""
    law, words = profile(country), removal.reason or ""
    article = article_of(deciding, PACKAGES[country], "removed")
    removed = removal.state == "REMOVED"
    shown = {"removal": removal.id, "objection": removal.objection, "heard": removal.heard}
    feared = feared_by(use, [removal.person])
    parties = ((removal.person, "resident"), (removal.owner, "owner"))
    return Ruling(
        country=country,
        effect="correct" if removed else "refuse",
        step=REMOVAL,
        service=REMOVAL,
        algorithm=ALGORITHM,
        purpose="removal of somebody from a dwelling",
        subjects=tuple((code, role) for code, role in parties if code not in feared),
        outcome="residence.removal",
        items=(OutcomeItem(name="place", type="text", value=Secret(secret=home.text)),),
        reasons=(reason_of(PACK, "removal_found", article, origin="official", said=words),),
        human=(human_step(deciding, official, look, "confirm" if removed else "change", shown=shown),),
        considerations=(
            Consideration(code=REMOVAL, article=law.ground("discretion"), text=Secret(secret=words)),
        ),
        hearing=Hearing(
            required=True,
            notice_id=removal.id,
            answer_id=removal.id if removal.objection is not None or removal.heard else None,
        ),
    )


# --- inside


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


def say_removal(use: Use, removal: Removal) -> Removal:
    """From today this is what the register knows of it."""
    use.facts.record(
        removal.person,
        REMOVAL,
        asdict(removal),
        key=removal.id,
        valid_from=use.today,
        provenance=provenance(use),
    )
    return removal
