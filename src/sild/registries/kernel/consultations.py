"""What another office asks the body that keeps this register, from a case of its own: one question, one answer by an official here.

    asked by POST ──▶ OPEN ──answer──▶ ANSWERED, DECLINED
                        └──withdrawal (by who asked)──▶ WITHDRAWN

A consultation is a fact on the person it is about (name `consultation`, key its id, which the asker gives): what was asked, what was
disclosed with it, and what came of it, each saying with the message that said it. It waits for an official like any matter (`matters.py`);
the event `consultation.answered` tells the asker that there is an answer, and says none of it. Who may ask is an access right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Annotated, Any, Literal

from fastapi import FastAPI, Path
from pydantic import Field

from sild.errors import CallerError
from sild.registries.kernel.asking import AtDesk
from sild.registries.kernel.corrections import provenance
from sild.registries.kernel.http import Model, PersonalUsage
from sild.registries.kernel.kernel import Kernel, Use
from sild.registries.kernel.matters import Matter, MatterFact, MatterSource, ensure_official
from sild.registries.kernel.matters_told import matter_opened, matter_settled

__all__ = ["CONSULTATION", "CONSULTATION_ACTIONS", "CONSULTATION_TITLES", "add_consultation_paths"]

CONSULTATION = "consultation"
ANSWERED = "consultation.answered"
CONSULTATION_TITLES: dict[str, tuple[int, str]] = {
    "unknown_consultation": (404, "No such question of yours"),
    "consultation_is_closed": (409, "The question was answered or taken back before"),
}
CONSULTATION_ACTIONS = {
    "askConsultation": "Another office asked a question about a person",
    "answerConsultation": "An official answered another office's question",
    "getConsultation": "The office that asked read the answer",
    "withdrawConsultation": "The office that asked took its question back",
}

ConsultationId = Annotated[str, Path(pattern=r"^[0-9a-f-]{36}$")]
Line = Annotated[str, Field(max_length=1_000)]


class Disclosed(Model):
    """A line of the asking case, as its official saw it."""

    label: Line
    value: Line


class NewConsultation(Model):
    """person: whom it is about; null: nobody.  number: of the case, for people.  office: that asks, by language.  due: until when an answer is asked for."""

    id: Annotated[str, Field(pattern=r"^[0-9a-f-]{36}$")]
    person: str | None = Field(default=None, max_length=20)
    number: str = Field(max_length=50)
    office: Annotated[dict[Annotated[str, Field(max_length=10)], Line], Field(max_length=10)]
    question: Annotated[str, Field(min_length=1, max_length=4_000)]
    disclosed: Annotated[list[Disclosed], Field(max_length=100, default_factory=list)]
    due: date


class ConsultationAnswer(Model):
    outcome: Literal["answered", "declined"]
    answer: Annotated[str, Field(min_length=1, max_length=4_000)]


class ConsultationState(Model):
    """answer, official, answered_at: of an answered one. official: identity code of who answered."""

    id: str
    state: Literal["OPEN", "ANSWERED", "DECLINED", "WITHDRAWN"]
    answer: str | None = None
    official: str | None = None
    answered_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Consultation:
    """person: `""`: about nobody.  case: the asker's, by its id.  asked_by: `INSTANCE/CLASS/CODE/SUBSYSTEM`; asker: who acted there, with country."""

    id: str
    person: str
    state: str
    case: str
    number: str
    office: Mapping[str, str]
    question: str
    disclosed: tuple[tuple[str, str], ...]
    due: str
    asked_at: str
    asked_by: str
    asker: str
    answer: str | None = None
    official: str | None = None
    answered_at: str | None = None

    @property
    def persons(self) -> tuple[str, ...]:
        return (self.person,) if self.person else ()


def add_consultation_paths(app: FastAPI, kernel: Kernel) -> MatterSource:
    """What of them waits for officials. titles and actions: `CONSULTATION_TITLES`, `CONSULTATION_ACTIONS`."""

    @app.post("/consultations", operation_id="askConsultation", status_code=201)
    def ask(body: NewConsultation, usage: PersonalUsage, desk: AtDesk) -> ConsultationState:
        """An official of another office asks, from a case of theirs. Asked twice by one id, it is one question."""
        with kernel.used("askConsultation", usage) as use:
            desk.ensure()
            persons = () if body.person is None else (body.person,)
            use.concerns(*persons)
            answer = use.answered()
            if answer is None:
                ensure_official(usage, persons)
                answer = use.answer(_told(_ask(use, body)))
            return ConsultationState(**answer)

    @app.get("/consultations/{consultation}", operation_id="getConsultation")
    def get(consultation: ConsultationId, usage: PersonalUsage) -> ConsultationState:
        """For the information system that asked."""
        with kernel.used("getConsultation", usage) as use:
            return ConsultationState(**_told(_own(use, consultation)))

    @app.post("/consultations/{consultation}/withdrawal", operation_id="withdrawConsultation")
    def withdraw(consultation: ConsultationId, usage: PersonalUsage) -> ConsultationState:
        """Who asked needs no answer any more."""
        with kernel.used("withdrawConsultation", usage) as use:
            answer = use.answered()
            if answer is None:
                found = _own(use, consultation)
                answer = use.answer(_told(_end(use, found, "WITHDRAWN")))
            return ConsultationState(**answer)

    @app.post("/consultations/{consultation}/answer", operation_id="answerConsultation")
    def answer(
        consultation: ConsultationId, body: ConsultationAnswer, usage: PersonalUsage, desk: AtDesk
    ) -> ConsultationState:
        """An official of this body answers, whom it is not about and who did not ask. Event: `consultation.answered`."""
        with kernel.used("answerConsultation", usage) as use:
            desk.ensure()
            answer = use.answered()
            if answer is None:
                found = _find(use, consultation)
                use.concerns(*found.persons)
                ensure_official(usage, (*found.persons, found.asker, found.asker[2:]))
                ended = _end(use, found, body.outcome.upper(), body.answer, usage.actor)
                told = {"consultation": found.id, "case": found.case}
                use.publish(ANSWERED, (*found.persons, f"consultation/{found.id}")[0], told)
                answer = use.answer(_told(ended))
            return ConsultationState(**answer)

    return _that_wait()


def _that_wait() -> MatterSource:
    def waiting(use: Use) -> Sequence[Matter]:
        found = [
            _read(fact.entity, fact.key, fact.value) for fact in use.facts.named(CONSULTATION, on=use.today)
        ]
        return [_matter(one) for one in found if one.state == "OPEN"]

    def find(use: Use, key: str) -> Matter | None:
        try:
            return _matter(_find(use, key))
        except CallerError:
            return None

    return MatterSource("consultation", waiting, find)


def _matter(one: Consultation) -> Matter:
    return Matter(
        kind="consultation",
        key=one.id,
        state="waiting" if one.state == "OPEN" else "ended",
        since=datetime.fromisoformat(one.asked_at),
        due=date.fromisoformat(one.due),
        persons=one.persons,
        case=one.case,
        facts=(
            *(MatterFact("asked_by", office, about=language) for language, office in one.office.items()),
            MatterFact("number", one.number),
            *(MatterFact("about_person", person) for person in one.persons),
            MatterFact("question", one.question),
            *(MatterFact("disclosed", value, about=label) for label, value in one.disclosed),
            MatterFact("answer_by", one.due),
        ),
    )


def _ask(use: Use, asked: NewConsultation) -> Consultation:
    use.alone(f"consultation/{asked.id}")
    known = use.facts.entities_with(CONSULTATION, asked.id, on=use.today)
    if known:  # the same question in another message
        return _own(use, asked.id)
    new = Consultation(
        id=asked.id,
        person=asked.person or "",
        state="OPEN",
        case=use.usage.issue or "",
        number=asked.number,
        office=asked.office,
        question=asked.question,
        disclosed=tuple((line.label, line.value) for line in asked.disclosed),
        due=asked.due.isoformat(),
        asked_at=use.at.isoformat(),
        asked_by=use.usage.client,
        asker=use.usage.user_id or "",
    )
    _say(use, new)
    matter_opened(use, "consultation", new.id, new.persons)
    return new


def _end(
    use: Use, one: Consultation, state: str, answer: str | None = None, official: str | None = None
) -> Consultation:
    """official: who answered. Raises CallerError (`consultation_is_closed`)."""
    use.alone(f"consultation/{one.id}")
    found = _find(use, one.id)
    if found.state != "OPEN":
        raise CallerError("the question was answered or taken back before", code="consultation_is_closed")
    answered_at = None if answer is None else use.at.isoformat()
    ended = replace(found, state=state, answer=answer, official=official, answered_at=answered_at)
    _say(use, ended)
    matter_settled(use, "consultation", one.id, one.persons)
    return ended


def _own(use: Use, key: str) -> Consultation:
    """Of the system that asks now. Raises CallerError (`unknown_consultation`): others' questions are none."""
    found = _find(use, key)
    if found.asked_by != use.usage.client:
        raise CallerError("no such question", code="unknown_consultation")
    use.concerns(*found.persons)
    return found


def _find(use: Use, key: str) -> Consultation:
    facts = use.facts.entities_with(CONSULTATION, key, on=use.today)
    if not facts:
        raise CallerError("no such question", code="unknown_consultation")
    return _read(facts[0].entity, key, facts[0].value)


def _say(use: Use, one: Consultation) -> None:
    said = {name: value for name, value in _fields(one).items() if name not in ("id", "person")}
    entity = one.person or f"consultation/{one.id}"
    use.facts.record(entity, CONSULTATION, said, key=one.id, valid_from=use.today, provenance=provenance(use))


def _read(entity: str, key: str, value: Any) -> Consultation:  # JSON, as `_say` kept it
    person = "" if entity.startswith("consultation/") else entity
    disclosed = tuple((label, said) for label, said in value["disclosed"])
    return Consultation(**{**value, "id": key, "person": person, "disclosed": disclosed})


def _fields(one: Consultation) -> dict[str, Any]:
    found = asdict(one)
    return {**found, "disclosed": [list(line) for line in one.disclosed]}


def _told(one: Consultation) -> dict[str, Any]:
    return {name: getattr(one, name) for name in ("id", "state", "answer", "official", "answered_at")}
