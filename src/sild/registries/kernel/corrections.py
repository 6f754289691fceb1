"""What people do about a wrong fact: they dispute it, and the register corrects it, or says why not.

A dispute is a fact itself, on the person it concerns: name `dispute`, key its id. A correction is a new saying about the same
days; the old one stays, superseded. The event `fact.corrected` names the fact by the id it was first said under (`origin`), so
that whoever built on it can find what follows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import uuid4

from sild.errors import CallerError
from sild.registries.kernel.facts import Fact, Json, Provenance
from sild.registries.kernel.kernel import Use
from sild.registries.kernel.matters_told import MatterKind, matter_opened, matter_settled

__all__ = [
    "DISPUTE",
    "Dispute",
    "FactKind",
    "close_corrected",
    "correct",
    "correct_disputed",
    "dispute",
    "disputed_fact",
    "disputed_origins",
    "disputes",
    "kind_of_matter",
    "miss",
    "provenance",
    "read_dispute",
    "refuse_dispute",
]

DISPUTE = "dispute"


@dataclass(frozen=True, slots=True)
class FactKind:
    """A name of facts. concept: what others call it, `person.date_of_birth`.  description: one sentence, in English.

    ensure: raises CallerError (`invalid_value`) for a value that cannot be; without it the fact is corrected by no one's word
    alone (a parent, a home: there is a procedure of its own for that).
    read: what an official writes as a value, given the value of before; raises CallerError (`invalid_value`).
    matter: what it is for officials when somebody disputes it.
    """

    name: str
    concept: str
    description: str
    ensure: Callable[[str, Json], None] | None = None  # of the entity and the value
    read: Callable[[str, Json], Json] = lambda text, _before: text
    matter: MatterKind = "dispute"


@dataclass(frozen=True, slots=True)
class Dispute:
    """state: OPEN, CORRECTED or REFUSED.  fact: the id under which the disputed fact was first said; 0: the person is missing."""

    id: str
    person: str
    fact: int
    name: str
    state: str
    reason: str
    proposed_value: Json
    opened_at: str
    opened_by: str
    answer: str | None
    matter: MatterKind = "dispute"


def dispute(
    use: Use, fact_id: int, reason: str, proposed_value: Json, *, kinds: Mapping[str, FactKind]
) -> Dispute:
    """Open a case about a fact. Disputed twice, it is one case. Raises CallerError (`unknown_fact`, `superseded_fact`)."""
    fact = _standing(use, fact_id)
    use.alone(f"fact/{fact.origin}")
    for known in _disputes_of(use, fact.entity):
        if known.fact == fact.origin and known.state == "OPEN":
            return known
    opened = {
        "fact": fact.origin,
        "name": fact.name,
        "state": "OPEN",
        "reason": reason,
        "proposed_value": proposed_value,
        "opened_at": use.at.isoformat(),
        "opened_by": use.usage.user_id or "",
        "answer": None,
        "matter": kinds[fact.name].matter if fact.name in kinds else "dispute",
    }
    return _open(use, fact.entity, opened)


def miss(use: Use, person: str, reason: str) -> Dispute:
    """Open a case about somebody who ought to be in this register and is not. Missed twice, it is one case."""
    use.alone(f"missing/{person}")
    for known in _disputes_of(use, person):
        if known.fact == 0 and known.state == "OPEN":
            return known
    opened = {
        "fact": 0,
        "name": "person",
        "state": "OPEN",
        "reason": reason,
        "proposed_value": None,
        "opened_at": use.at.isoformat(),
        "opened_by": use.usage.user_id or "",
        "answer": None,
    }
    return _open(use, person, opened)


def disputes(use: Use) -> tuple[Dispute, ...]:
    """Those that wait for the register's people, oldest first."""
    found = map(_dispute, use.facts.named(DISPUTE, on=use.today))
    return tuple(one for one in found if one.state == "OPEN")


def read_dispute(use: Use, dispute_id: str) -> Dispute:
    """Raises CallerError (`unknown_dispute`)."""
    found = use.facts.entities_with(DISPUTE, dispute_id, on=use.today)
    if not found:
        raise CallerError("no such dispute", code="unknown_dispute")
    use.concerns(found[0].entity)
    return _dispute(found[0])


def kind_of_matter(one: Dispute) -> MatterKind:
    return one.matter if one.fact else "missing_person"


def disputed_fact(use: Use, one: Dispute) -> Fact | None:
    """As the register knows it now: of what remains of it the latest days. None: it was taken back, or nobody is there."""
    if not one.fact:
        return None
    known = [fact for fact in use.facts.history(one.person, one.name) if fact.known_to is None]
    return max(
        (fact for fact in known if fact.origin == one.fact), key=lambda fact: fact.valid_from, default=None
    )


def refuse_dispute(use: Use, dispute_id: str, reason: str) -> Dispute:
    """The fact stands, and why. Raises CallerError (`unknown_dispute`, `dispute_is_closed`)."""
    return _close(use, dispute_id, "REFUSED", reason)


def close_corrected(use: Use, dispute_id: str, reason: str) -> Dispute:
    """The register knows better by now, by a procedure of its own. Raises as `refuse_dispute`."""
    return _close(use, dispute_id, "CORRECTED", reason)


def correct_disputed(
    use: Use, kinds: Mapping[str, FactKind], dispute_id: str, text: str, reason: str
) -> Fact:
    """What is right instead, as an official writes it. Raises CallerError as `correct`, and `dispute_is_closed`."""
    one = read_dispute(use, dispute_id)
    if one.state != "OPEN":
        raise CallerError("the dispute was answered before", code="dispute_is_closed")
    fact, kind = disputed_fact(use, one), kinds.get(one.name)
    if fact is None or kind is None:
        raise CallerError("the register knows better by now", code="superseded_fact")
    return correct(use, kinds, fact.id, kind.read(text, fact.value), reason, dispute_id=dispute_id)


def correct(
    use: Use,
    kinds: Mapping[str, FactKind],
    fact_id: int,
    value: Json,
    reason: str,
    *,
    valid_from: date | None = None,
    valid_to: date | None = None,
    dispute_id: str | None = None,
) -> Fact:
    """Say better what a fact says, for its own days or for others; the new fact.

    Raises CallerError (`unknown_fact`, `superseded_fact`, `not_correctable`, `invalid_value`, `unknown_dispute`).
    """
    fact = _standing(use, fact_id)
    use.alone(f"fact/{fact.origin}")
    fact = _standing(use, fact_id)
    kind = kinds.get(fact.name)
    if kind is None or kind.ensure is None:
        raise CallerError(f"{fact.name} is not corrected this way", code="not_correctable")
    kind.ensure(fact.entity, value)
    if dispute_id is not None:
        if read_dispute(use, dispute_id).fact != fact.origin:
            raise CallerError("the dispute is about another fact", code="unknown_dispute")
        _close(use, dispute_id, "CORRECTED", reason)
    corrected = use.facts.record(
        fact.entity,
        fact.name,
        value,
        key=fact.key,
        valid_from=valid_from or fact.valid_from,
        valid_to=valid_to or fact.valid_to,
        provenance=provenance(use),
    )
    use.publish(
        "fact.corrected", fact.entity, {"fact": fact.origin, "name": fact.name, "concept": kind.concept}
    )
    return corrected


def disputed_origins(use: Use, entity: str) -> frozenset[int]:
    """Facts of `entity` about which a dispute is open, by `origin`."""
    return frozenset(one.fact for one in _disputes_of(use, entity) if one.state == "OPEN")


def provenance(use: Use) -> Provenance:
    """Of what this very message says."""
    usage = use.usage
    return Provenance(usage.client, (usage.basis or "")[:200], usage.message_id)


# --- inside


def _open(use: Use, person: str, opened: Json) -> Dispute:
    said = use.facts.record(
        person, DISPUTE, opened, key=str(uuid4()), valid_from=use.today, provenance=provenance(use)
    )
    found = _dispute(said)
    matter_opened(use, kind_of_matter(found), found.id, [person])
    return found


def _standing(use: Use, fact_id: int) -> Fact:
    fact = use.facts.by_id(fact_id)
    if fact is None or fact.name == DISPUTE:
        raise CallerError("no such fact", code="unknown_fact")
    use.concerns(fact.entity)
    if fact.known_to is not None:
        raise CallerError("the register knows better by now", code="superseded_fact")
    return fact


def _disputes_of(use: Use, entity: str) -> Sequence[Dispute]:
    return [_dispute(fact) for fact in use.facts.current(entity, [DISPUTE], on=use.today)]


def settle_missing(use: Use, dispute_id: str, *, words: str = "") -> Dispute:
    """The person who was missing is in the register now; who asked hears of it. Event: `person.known`.

    Raises CallerError (`unknown_dispute`, `dispute_is_closed`).
    """
    if read_dispute(use, dispute_id).fact != 0:
        raise CallerError("nobody was missing in this dispute", code="unknown_dispute")
    closed = _close(use, dispute_id, "CORRECTED", words or "the person is in the register")
    use.publish("person.known", closed.person)
    return closed


def _close(use: Use, dispute_id: str, state: str, answer: str) -> Dispute:
    use.alone(f"dispute/{dispute_id}")
    found = use.facts.entities_with(DISPUTE, dispute_id, on=use.today)
    if not found:
        raise CallerError("no such dispute", code="unknown_dispute")
    (fact,) = found
    use.concerns(fact.entity)
    if fact.value["state"] != "OPEN":
        raise CallerError("the dispute was answered before", code="dispute_is_closed")
    closed = use.facts.record(
        fact.entity,
        DISPUTE,
        {**fact.value, "state": state, "answer": answer},
        key=dispute_id,
        valid_from=use.today,
        provenance=provenance(use),
    )
    ended = _dispute(closed)
    matter_settled(use, kind_of_matter(ended), ended.id, [ended.person])
    return ended


def _dispute(fact: Fact) -> Dispute:
    return Dispute(id=fact.key, person=fact.entity, **fact.value)
