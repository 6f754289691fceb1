"""Cover by rule: from birth as soon as it is registered, decided again when a fact under it was corrected, ended with the day of death.

Cover of a child whose code tells the date of birth begins in the transaction of the event; of others it is asked for first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from sild.decisions import DecisionRecord
from sild.errors import CallerError
from sild.events import Event
from sild.registries.deciding import (
    CORRECTED,
    DECIDED_AGAIN,
    ByHand,
    Correction,
    Deciding,
    Judged,
    KnownFact,
    LeftToPeople,
    Ripples,
    Ruling,
    record_by_hand,
    rests_on,
    why_again,
)
from sild.registries.exchange import Ask
from sild.registries.identity_codes import Country, parse_identity_code
from sild.registries.insurance.cards import Cards
from sild.registries.insurance.rules import COVER, ground
from sild.registries.kernel import Provenance, Use, provenance
from sild.registries.sources import PersonTold, Sources
from sild.registries.tasks import Effect, Handler, Held, Silence, Task, Tasks
from sild.telemetry import get_logger

__all__ = ["ALGORITHM", "PACKAGES", "Covering"]

log = get_logger("register")

ALGORITHM = "child-health-cover"
PACKAGES: dict[Country, str] = {"EE": "ee-health-cover", "VN": "vn-health-insurance"}
OUTPUTS = (("child", "cover_from", "ETERNITY"), ("child", "cover_until", "ETERNITY"))
ROLES = {"insured": ("child",)}


class Covering:
    """Works within the register's transactions."""

    def __init__(self, deciding: Deciding, tasks: Tasks, silence: Silence, cards: Cards) -> None:
        self._deciding = deciding
        self._tasks = tasks
        self._silence = silence
        self._cards = cards
        self._ripples = Ripples(deciding, rests_on(deciding.packages_named(PACKAGES.values()), ROLES))
        deciding.decides_again = self._reached
        deciding.decides_by_hand = self._by_hand
        deciding.people_of = _covered_by

    def effects(self) -> Mapping[str, Effect]:
        return {"civil.birth.registered": self._born, CORRECTED: self._corrected}

    def handlers(self, ask: Ask) -> Mapping[str, Handler]:
        sources = Sources(ask)

        async def told_of(task: Task) -> PersonTold:
            because = task.because(ground(parse_identity_code(task.subject).country))
            return await sources.person(task.subject, because)

        async def cover(task: Task) -> Callable[[Use], None]:
            child = await told_of(task)
            fact = _born_on(child.born, child.source, child.message_id, child.at)

            def change(use: Use) -> None:
                try:
                    judged = self._judge(use, child.code, fact)
                except CallerError as error:
                    raise Held("the rules give no answer", code=error.code) from error
                self._cover(use, child.code, judged, _parents(task.about), cause=task.cause)

            return change

        async def end_cover(task: Task) -> Callable[[Use], None]:
            person = await told_of(task)
            return lambda use: self._end(use, person.code, person.died or use.today)

        async def ripple(task: Task) -> Callable[[Use], None]:
            child = await told_of(task)
            return lambda use: self._cover_again(use, task.about["ripple"], child)

        return {"cover": cover, "end_cover": end_cover, "ripple": ripple}

    # --- from birth

    def _born(self, use: Use, event: Event) -> None:
        born = parse_identity_code(event.subject).born
        parents = _parents(event.data)
        about = {"parents": parents}
        if born is None:
            self._tasks.add(use, "cover", event.subject, cause=event.id, about=about)
            return
        try:
            judged = self._judge(
                use, event.subject, _born_on(born, event.source, use.usage.message_id, use.at)
            )
        except CallerError as error:  # no fault of the event: it is tried again, then people decide
            log.refusal("cover.not_judged", error)
            self._tasks.add(use, "cover", event.subject, cause=event.id, about=about)
        else:
            self._cover(use, event.subject, judged, parents, cause=event.id)

    def _judge(self, use: Use, person: str, born: KnownFact) -> Judged:
        """Raises CallerError as `Deciding.judge`."""
        package = PACKAGES[parse_identity_code(person).country]
        return self._deciding.judge(package, [born], at=use.today, outputs=list(OUTPUTS))

    def _cover(self, use: Use, person: str, judged: Judged, parents: Sequence[str], *, cause: str) -> None:
        """And what follows: the card; after a death that came first, the end."""
        silence = self._silence.reason(use, person)
        if silence == "stillbirth":
            return
        begins, ends = (judged.evaluation.value(*output) for output in OUTPUTS)
        if begins is None or ends is None:
            raise Held("the day of birth is not known", code="unknown_facts")
        record = self._deciding.record(use, judged, _ruling(person, parents))
        self._enter(use, person, judged, str(record.id))
        if silence is None:
            use.publish("insurance.cover.began", person, {"valid_from": begins, "decision": str(record.id)})
        self._tasks.add(use, "end_cover" if silence == "death" else "card", person, cause=cause)

    def _enter(self, use: Use, person: str, judged: Judged, decision: str) -> None:
        country = parse_identity_code(person).country
        begins, ends = (judged.evaluation.value(*output) for output in OUTPUTS)
        (fact,) = judged.facts
        source = fact.register or self._deciding.kernel.system
        use.facts.record(
            person,
            COVER,
            {"kind": "child", "country": country, "decision": decision},
            valid_from=date.fromisoformat(str(begins)),
            valid_to=date.fromisoformat(str(ends)),
            provenance=Provenance(source, ground(country), use.usage.message_id),
        )

    # --- a fact under it was corrected, or a finding reached it

    def _corrected(self, use: Use, event: Event) -> None:
        for ripple, record in self._ripples.open(use, Correction.told(event)):
            cause = f"{event.id}/{record.id}"
            self._tasks.add(use, "ripple", event.subject, cause=cause, about={"ripple": ripple})

    def _reached(self, use: Use, ripple: str, record: DecisionRecord, cause: str) -> bool:
        """By a finding: whoever has cover by this decision is asked about again."""
        for person in dict.fromkeys(_covered_by(use, str(record.id))):
            return self._tasks.add(
                use, "ripple", person, cause=cause, about={"ripple": ripple}, issue=record.case
            )
        return False

    def _cover_again(self, use: Use, ripple: str, child: PersonTold) -> None:
        """By the rules from the facts as they are now."""
        use.alone(f"card/{child.code}")
        fact = _born_on(child.born, child.source, child.message_id, child.at)

        def again(newest: DecisionRecord) -> str | None:
            if self._silence.reason(use, child.code) is not None:
                raise LeftToPeople("there is silence about the person", code="silence")
            try:
                judged = self._judge(use, child.code, fact)
            except CallerError as error:
                raise LeftToPeople("the rules give no answer", code="rules_failed") from error
            before = self._ripples.outcome_of(use, newest)
            if not self._ripples.must_decide(use, ripple) and all(
                before.get("/".join(one)) == judged.evaluation.value(*one) for one in OUTPUTS
            ):
                return None
            return self._cover_anew(use, child, judged, newest, ripple)

        self._ripples.settle(use, ripple, again, person=child.code)

    def _cover_anew(
        self, use: Use, child: PersonTold, judged: Judged, newest: DecisionRecord, ripple: str
    ) -> str:
        """In the place of the cover that was; a card that says otherwise is issued again."""
        ruling = replace(
            _ruling(child.code, child.parents),
            effect="correct",
            reasons=(why_again(use, ripple, newest.competence.article),),
            supersedes=str(newest.id),
            case=newest.case,
        )
        record = self._deciding.record(use, judged, ruling)
        for held in use.facts.history(child.code, COVER):
            if held.known_to is None and held.value.get("decision") == str(newest.id):
                use.facts.retract(child.code, COVER, valid_from=held.valid_from, valid_to=held.valid_to)
        self._enter(use, child.code, judged, str(record.id))
        self._cards.reissue(use, child)
        told = {"decision": str(record.id), "supersedes": str(newest.id)}
        use.publish(DECIDED_AGAIN, child.code, told)
        return str(record.id)

    def _by_hand(self, use: Use, old: DecisionRecord, hand: ByHand) -> DecisionRecord | None:
        """Other days of cover; the card says from when. None: nobody is covered by it, or there is silence about them."""
        person = next(iter(_covered_by(use, str(old.id))), None)
        if person is None:
            return None
        use.alone(f"card/{person}")  # before the case, which the record holds
        held = [one for one in use.facts.saying(COVER, "decision", str(old.id)) if one.entity == person]
        if not held or self._silence.reason(use, person) is not None:
            return None
        new = record_by_hand(self._deciding, use, old, hand)
        said = self._ripples.outcome_of(use, new)
        begins, ends = (date.fromisoformat(str(said["/".join(output)])) for output in OUTPUTS)
        if ends <= begins:
            raise CallerError("the cover ends after it begins", code="not_its_kind")
        for one in held:
            use.facts.retract(person, COVER, valid_from=one.valid_from, valid_to=one.valid_to)
        use.facts.record(
            person,
            COVER,
            {**held[0].value, "decision": str(new.id)},
            valid_from=begins,
            valid_to=ends,
            provenance=provenance(use),
        )
        self._cards.covers_from(use, person, begins)
        use.publish(DECIDED_AGAIN, person, {"decision": str(new.id), "supersedes": str(old.id)})
        return new

    # --- the end

    def silenced(self, use: Use, event: Event, reason: str) -> None:
        if reason == "stillbirth":  # there never was a person to cover
            use.facts.retract(event.subject, COVER, valid_from=date.min)
        else:
            self._tasks.add(use, "end_cover", event.subject, cause=event.id)

    def lives(self, use: Use, event: Event, since: datetime) -> None:
        """A death was none: the cover goes on; a child that was covered after it gets the card that it did not get."""
        person = event.subject
        self._tasks.cancel(use.connection, person, ["end_cover"], use.at, "annulled")
        use.facts.take_up(person, COVER, valid_from=date.min, since=since)
        held = use.facts.value(person, COVER, on=use.today)
        if held is not None and held.get("decision"):
            self._tasks.add(use, "card", person, cause=event.id)

    def _end(self, use: Use, person: str, died: date) -> None:
        """The cover holds on the day of death, and no longer."""
        held = use.facts.fact(person, COVER, on=died)
        if held is not None:
            use.facts.retract(person, COVER, valid_from=died + timedelta(days=1), valid_to=held.valid_to)


def _covered_by(use: Use, decision: str) -> Sequence[str]:
    return [one.entity for one in use.facts.saying(COVER, "decision", decision)]


def _ruling(person: str, parents: Sequence[str]) -> Ruling:
    return Ruling(
        country=parse_identity_code(person).country,
        effect="grant",
        step="cover",
        service="birth",
        algorithm=ALGORITHM,
        purpose="health insurance cover of a child",
        subjects=((person, "insured"), *((code, "parent") for code in parents)),
        outcome="health_insurance_cover",
    )


def _born_on(born: date, source: str, message_id: str, heard_at: datetime | None) -> KnownFact:
    """`valid_at` would tell the day that the value keeps sealed."""
    return KnownFact(
        "persons/child/born/ETERNITY",
        "date",
        born.isoformat(),
        register=source,
        message_id=message_id,
        fetched_at=heard_at,
    )


def _parents(said: Mapping[str, Any]) -> list[str]:
    """Whom else the event says it is to be told to."""
    found = said.get("parents")
    return [code for code in found if isinstance(code, str)] if isinstance(found, list) else []
