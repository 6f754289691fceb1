"""Paths of "this is wrong" and "somebody is missing": what people say of a register's facts, and how its officials answer."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

from fastapi import FastAPI, Path
from pydantic import Field

from sild.errors import CallerError
from sild.registries.kernel.asking import AtDesk, SaidByPerson
from sild.registries.kernel.corrections import (
    Dispute,
    FactKind,
    correct_disputed,
    dispute,
    disputed_fact,
    disputes,
    kind_of_matter,
    miss,
    read_dispute,
    refuse_dispute,
    settle_missing,
)
from sild.registries.kernel.facts import Fact, Json
from sild.registries.kernel.http import Model, PersonalUsage
from sild.registries.kernel.kernel import Kernel, Use
from sild.registries.kernel.matters import Matter, MatterFact, MatterSource, due_day, ensure_official
from sild.registries.kernel.matters_told import MatterKind

__all__ = [
    "DISPUTE_ACTIONS",
    "DISPUTE_TITLES",
    "Answering",
    "DisputeId",
    "NewPerson",
    "SpeakingFor",
    "add_dispute_paths",
    "ensure_others",
]

DISPUTE_TITLES: dict[str, tuple[int, str]] = {
    "person_is_known": (409, "The person is in this register"),
    "unknown_dispute": (404, "Unknown dispute"),
    "dispute_is_closed": (409, "The dispute was answered before"),
}
DISPUTE_ACTIONS = {
    "disputeFact": "A fact was disputed",
    "missPerson": "Somebody said that the person is missing here",
    "refuseDispute": "An official answered a dispute: the fact stands",
    "correctDisputed": "An official answered a dispute: the fact was corrected",
    "settleMissing": "Somebody missing was found",
}

DisputeId = Annotated[str, Path(max_length=64)]
Text = Annotated[str, Field(min_length=1, max_length=2_000)]


class NewDispute(Model):
    reason: Text
    proposed_value: Any = None


class MissingPerson(Model):
    person: str = Field(max_length=20, description="Identity code")
    reason: Text


class DisputeState(Model):
    id: str
    person: str
    fact: int = Field(description="The disputed fact's `origin`; 0: the person is missing")
    name: str
    state: str
    reason: str
    proposed_value: Any = None
    opened_at: datetime
    opened_by: str
    answer: str | None = None
    matter: MatterKind = Field(default="dispute", exclude=True)


class Disputes(Model):
    items: list[DisputeState]


class Answer(Model):
    reason: Text


class DisputeCorrection(Model):
    """text: what is right, as people write it.  reason: what that rests on."""

    text: Text
    reason: Text


class NewPerson(Model):
    """Who is entered now, from the documents they have. born: where the identity code does not say the day."""

    given_names: str = Field(default="", max_length=100)
    family_name: str = Field(default="", max_length=100)
    born: str = Field(default="", max_length=10)
    words: str = Field(default="", max_length=2_000, description="What the entry rests on")


Enter = Callable[[Use, str, NewPerson], None]
"""How the register enters somebody who was missing: by identity code. Raises CallerError (`invalid_value`)."""


SpeakingFor = Callable[[Use, str], Collection[str]]
"""Who may speak of what the register knows of somebody, or of a thing, besides themselves: codes, by what this register knows."""


Answering = Callable[[Use, Dispute], Iterable[MatterFact]]
"""What officials need besides of a dispute that waits: beyond the fact and what the person says."""


class Corrected(Model):
    """fact: id of the fact that says it better."""

    id: str
    state: str
    fact: int


def add_dispute_paths(
    app: FastAPI,
    kernel: Kernel,
    kinds: Mapping[str, FactKind],
    *,
    ensure_person: Callable[[Use, str], None],
    ensure_shown: Callable[[Use, int], None],
    corrected: Callable[[Use, Fact], None],
    worded: Callable[[Use, Fact], str | None],
    speaking_for: SpeakingFor,
    answering: Answering,
    enter: Enter | None = None,
) -> tuple[MatterSource, ...]:
    """What of it waits for officials. The arguments: as `add_fact_paths`; ensure_shown: raises for a fact this reader may not see."""
    _add_saying(app, kernel, kinds, ensure_person, ensure_shown, speaking_for)
    _add_answering(app, kernel, kinds, ensure_person, corrected, enter)
    return _that_wait(kernel, kinds, ensure_shown, worded, answering)


def _add_saying(
    app: FastAPI,
    kernel: Kernel,
    kinds: Mapping[str, FactKind],
    ensure_person: Callable[[Use, str], None],
    ensure_shown: Callable[[Use, int], None],
    speaking_for: SpeakingFor,
) -> None:
    @app.post("/facts/{fact_id}/dispute", operation_id="disputeFact", status_code=201)
    def dispute_fact(
        fact_id: Annotated[int, Path(ge=1, le=2**31 - 1)], body: NewDispute, usage: SaidByPerson
    ) -> DisputeState:
        """This is wrong, by one whom the fact is about: a case for the register's people. The fact stands, marked, until they answer."""
        with kernel.used("disputeFact", usage) as use:
            answer = use.answered()
            if answer is None:
                ensure_shown(use, fact_id)
                _ensure_own(use, fact_id, speaking_for)
                opened = dispute(use, fact_id, body.reason, body.proposed_value, kinds=kinds)
                answer = use.answer(asdict(opened))
            return DisputeState(**answer)

    @app.post("/unknown-persons", operation_id="missPerson", status_code=201)
    def miss_person(body: MissingPerson, usage: SaidByPerson) -> DisputeState:
        """Somebody who ought to be in this register is not: a case for its people, listed among the disputes."""
        with kernel.used("missPerson", usage) as use:
            use.concerns(body.person)
            answer = use.answered()
            if answer is None:
                if _is_known(use, body.person, ensure_person):
                    raise CallerError("the person is in this register", code="person_is_known")
                answer = use.answer(asdict(miss(use, body.person, body.reason)))
            return DisputeState(**answer)

    @app.get("/disputes", operation_id="getDisputes")
    def get_disputes(usage: PersonalUsage) -> Disputes:
        """Those that wait for an answer, oldest first."""
        with kernel.used("getDisputes", usage) as use:
            waiting = disputes(use)
            use.concerns(*(one.person for one in waiting))
            return Disputes(items=[DisputeState(**asdict(one)) for one in waiting])

    @app.get("/disputes/{dispute_id}", operation_id="getDispute")
    def get_dispute(dispute_id: DisputeId, usage: PersonalUsage) -> DisputeState:
        with kernel.used("getDispute", usage) as use:
            return DisputeState(**asdict(read_dispute(use, dispute_id)))


def _add_answering(
    app: FastAPI,
    kernel: Kernel,
    kinds: Mapping[str, FactKind],
    ensure_person: Callable[[Use, str], None],
    corrected: Callable[[Use, Fact], None],
    enter: Enter | None,
) -> None:
    @app.post("/disputes/{dispute_id}/refusal", operation_id="refuseDispute")
    def refuse(dispute_id: DisputeId, body: Answer, usage: PersonalUsage, desk: AtDesk) -> DisputeState:
        """The fact stands, and why."""
        with kernel.used("refuseDispute", usage) as use:
            desk.ensure()
            answer = use.answered()
            if answer is None:
                ensure_others(use, dispute_id)
                answer = use.answer(asdict(refuse_dispute(use, dispute_id, body.reason)))
            return DisputeState(**answer)

    @app.post("/disputes/{dispute_id}/correction", operation_id="correctDisputed", status_code=201)
    def correct(
        dispute_id: DisputeId, body: DisputeCorrection, usage: PersonalUsage, desk: AtDesk
    ) -> Corrected:
        """The person was right: what the fact says from now on. Event: `fact.corrected`."""
        with kernel.used("correctDisputed", usage) as use:
            desk.ensure()
            answer = use.answered()
            if answer is None:
                ensure_others(use, dispute_id)
                better = correct_disputed(use, kinds, dispute_id, body.text, body.reason)
                corrected(use, better)
                answer = use.answer({"id": dispute_id, "state": "CORRECTED", "fact": better.id})
            return Corrected(**answer)

    @app.post("/disputes/{dispute_id}/known", operation_id="settleMissing")
    def settle(
        dispute_id: DisputeId, usage: PersonalUsage, desk: AtDesk, entered: NewPerson | None = None
    ) -> DisputeState:
        """Who was missing is in the register: entered by this, or before. Event: `person.known`. Not before: `unknown_person`."""
        with kernel.used("settleMissing", usage) as use:
            desk.ensure()
            answer = use.answered()
            if answer is None:
                ensure_others(use, dispute_id)
                person = read_dispute(use, dispute_id).person
                if enter is not None and entered is not None and not _is_known(use, person, ensure_person):
                    enter(use, person, entered)
                ensure_person(use, person)
                words = "" if entered is None else entered.words
                answer = use.answer(asdict(settle_missing(use, dispute_id, words=words)))
            return DisputeState(**answer)


def ensure_others(use: Use, dispute_id: str) -> None:
    """Answered by nobody whom it is about, nor who opened it for them. Raises CallerError (`unknown_dispute`, `officials_only`)."""
    one = read_dispute(use, dispute_id)
    ensure_official(use.usage, (one.person, one.opened_by.removeprefix("EE").removeprefix("VN")))


def _ensure_own(use: Use, fact_id: int, speaking_for: SpeakingFor) -> None:
    """That it is about whoever says so, or whom they represent: of any other nobody learns whether it exists. Whose it is sees the try.

    Raises CallerError (`unknown_fact`).
    """
    fact, own = use.facts.by_id(fact_id), use.usage.own
    if fact is None or not (own & {fact.entity, fact.key} or own & {*speaking_for(use, fact.entity)}):
        if fact is not None:
            use.concerns(fact.entity)
        raise CallerError("no such fact", code="unknown_fact")


def _is_known(use: Use, person: str, ensure_person: Callable[[Use, str], None]) -> bool:
    try:
        ensure_person(use, person)
    except CallerError as error:
        if error.code != "unknown_person":
            raise
        return False
    return True


def _that_wait(
    kernel: Kernel,
    kinds: Mapping[str, FactKind],
    ensure_shown: Callable[[Use, int], None],
    worded: Callable[[Use, Fact], str | None],
    answering: Answering,
) -> tuple[MatterSource, ...]:
    def matter(use: Use, one: Dispute) -> Matter:
        since = datetime.fromisoformat(one.opened_at)
        return Matter(
            kind=kind_of_matter(one),
            key=one.id,
            state="waiting" if one.state == "OPEN" else "ended",
            since=since,
            due=due_day([one.person], since.astimezone(kernel.zone).date()),
            persons=(one.person,),
            said=one.reason,
            facts=tuple(facts(use, one)),
        )

    def facts(use: Use, one: Dispute) -> Iterator[MatterFact]:
        fact = disputed_fact(use, one)
        shown = fact is None or is_shown(use, fact)
        if fact is None:
            yield MatterFact("person", one.person)
        else:
            said, kind = fact.provenance, kinds.get(fact.name)
            yield MatterFact(
                "fact",
                (worded(use, fact) or _plain(fact.value)) if shown else None,
                about=kind.concept if kind is not None else fact.name,
                source=said.source,
                basis=said.basis,
                valid_from=fact.valid_from,
            )
        if one.proposed_value is not None:
            yield MatterFact("proposed", _plain(one.proposed_value) if shown else None)
        yield from answering(use, one)

    def is_shown(use: Use, fact: Fact) -> bool:
        """What is kept from this very official (an address under seal) is kept from them here, too."""
        try:
            ensure_shown(use, fact.id)
        except CallerError:
            return False
        return True

    def source(kind: MatterKind) -> MatterSource:
        def waiting(use: Use) -> list[Matter]:
            return [matter(use, one) for one in disputes(use) if kind_of_matter(one) == kind]

        def find(use: Use, key: str) -> Matter | None:
            try:
                one = read_dispute(use, key)
            except CallerError:
                return None
            return matter(use, one) if kind_of_matter(one) == kind else None

        return MatterSource(kind, waiting, find)

    matters = dict.fromkeys(("dispute", *(kind.matter for kind in kinds.values()), "missing_person"))
    return tuple(map(source, matters))


def _plain(value: Json) -> str:
    """A value without words of its own: its parts, one after the other."""
    if isinstance(value, dict):
        return ", ".join(_plain(part) for part in value.values() if part is not None)
    return str(value)
