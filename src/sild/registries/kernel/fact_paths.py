"""Paths every register of persons has: what it knows of one with source and date, "this is wrong", and the correction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated, Any

from fastapi import FastAPI, Path, Query
from pydantic import Field

from sild.errors import CallerError
from sild.registries.kernel.corrections import (
    DISPUTE,
    FactKind,
    correct,
    dispute,
    disputed_origins,
    disputes,
    miss,
    read_dispute,
    refuse_dispute,
    settle_missing,
)
from sild.registries.kernel.facts import Fact
from sild.registries.kernel.http import Model, PersonalUsage
from sild.registries.kernel.kernel import Kernel, Use

__all__ = ["FACT_TITLES", "KnownFact", "add_fact_paths", "known_fact"]

FACT_TITLES: dict[str, tuple[int, str]] = {
    "person_is_known": (409, "The person is in this register"),
    "unknown_fact": (404, "Unknown fact"),
    "unknown_dispute": (404, "Unknown dispute"),
    "superseded_fact": (409, "The fact was superseded"),
    "dispute_is_closed": (409, "The dispute was answered before"),
    "not_correctable": (409, "The fact has a procedure of its own"),
    "invalid_value": (400, "The value cannot be"),
    "empty_period": (400, "The period is empty"),
}
"""Codes of these paths, for the register's own titles."""

FactId = Annotated[int, Path(ge=1, le=2**31 - 1)]
DisputeId = Annotated[str, Path(max_length=64)]
Text = Annotated[str, Field(min_length=1, max_length=2_000)]


class KnownFact(Model):
    """What the register knows, since when, and who said so."""

    fact: int
    origin: int = Field(description="The id under which it was first said")
    entity: str
    name: str
    key: str = ""
    concept: str | None = None
    value: Any = Field(description="JSON, by name of the fact")
    text: str | None = Field(
        default=None, description="The value as people read it, where it consists of codes"
    )
    valid_from: date
    valid_to: date | None = Field(default=None, description="The first day on which it is no longer true")
    known_from: datetime
    known_to: datetime | None = None
    source: str
    basis: str
    message_id: str | None = None
    disputed: bool = False


class KnownFacts(Model):
    items: list[KnownFact]


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


class Disputes(Model):
    items: list[DisputeState]


class Answer(Model):
    reason: Text


class Correction(Model):
    value: Any
    reason: Text
    valid_from: date | None = None
    valid_to: date | None = None
    dispute: str | None = Field(default=None, max_length=64)


def known_fact(
    fact: Fact,
    kinds: Mapping[str, FactKind],
    disputed: frozenset[int] = frozenset(),
    text: str | None = None,
) -> KnownFact:
    kind = kinds.get(fact.name)
    said = fact.provenance
    return KnownFact(
        fact=fact.id,
        origin=fact.origin,
        entity=fact.entity,
        name=fact.name,
        key=fact.key,
        concept=kind.concept if kind else None,
        value=fact.value,
        text=text,
        valid_from=fact.valid_from,
        valid_to=fact.valid_to,
        known_from=fact.known_from,
        known_to=fact.known_to,
        source=said.source,
        basis=said.basis,
        message_id=said.message_id,
        disputed=fact.origin in disputed,
    )


def add_fact_paths(
    app: FastAPI,
    kernel: Kernel,
    kinds: Sequence[FactKind],
    *,
    ensure_person: Callable[[Use, str], None],
    shown: Callable[[Use, Sequence[Fact]], Sequence[Fact]] = lambda _use, facts: facts,
    corrected: Callable[[Use, Fact], None] = lambda _use, _fact: None,
    worded: Callable[[Use, Fact], str | None] = lambda _use, _fact: None,
) -> None:
    """ensure_person: raises what the register says of codes it does not know.  shown: leaves out what this reader may not see.

    corrected: brings up to date what the register made from the fact.  worded: what a value of codes means, for people.
    """
    by_name = {kind.name: kind for kind in kinds}

    @app.get("/persons/{code}/facts", operation_id="getFacts", response_model_exclude_none=True)
    def get_facts(
        code: Annotated[str, Path(max_length=20)],
        usage: PersonalUsage,
        on: Annotated[date | None, Query(description="True on this day; none: today")] = None,
        known_at: Annotated[datetime | None, Query(description="As the register knew it then")] = None,
        history: Annotated[bool, Query(description="Everything ever said, superseded or not")] = False,
    ) -> KnownFacts:
        """What the register knows of a person, each fact with its source, its dates and its ground."""
        with kernel.used("getFacts", usage) as use:
            ensure_person(use, code)
            if history:
                found = use.facts.history(code)
            else:
                moment = kernel.aware(known_at) if known_at is not None else None
                found = use.facts.current(code, on=on or use.today, known_at=moment)
            visible = shown(use, [fact for fact in found if fact.name in by_name])
            disputed = disputed_origins(use, code)
            return KnownFacts(
                items=[known_fact(fact, by_name, disputed, worded(use, fact)) for fact in visible]
            )

    @app.post("/facts/{fact_id}/dispute", operation_id="disputeFact", status_code=201)
    def dispute_fact(fact_id: FactId, body: NewDispute, usage: PersonalUsage) -> DisputeState:
        """This is wrong: a case for the register's people. The fact stands, marked, until they answer."""
        with kernel.used("disputeFact", usage) as use:
            answer = use.answered()
            if answer is None:
                _ensure_shown(use, fact_id)
                opened = dispute(use, fact_id, body.reason, body.proposed_value)
                answer = use.answer(asdict(opened))
            return DisputeState(**answer)

    @app.post("/unknown-persons", operation_id="missPerson", status_code=201)
    def miss_person(body: MissingPerson, usage: PersonalUsage) -> DisputeState:
        """Somebody who ought to be in this register is not: a case for its people, listed among the disputes."""
        with kernel.used("missPerson", usage) as use:
            use.concerns(body.person)
            answer = use.answered()
            if answer is None:
                _ensure_unknown(use, body.person)
                answer = use.answer(asdict(miss(use, body.person, body.reason)))
            return DisputeState(**answer)

    def _ensure_unknown(use: Use, person: str) -> None:
        try:
            ensure_person(use, person)
        except CallerError as error:
            if error.code != "unknown_person":
                raise
            return
        raise CallerError("the person is in this register", code="person_is_known")

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

    @app.post("/disputes/{dispute_id}/refusal", operation_id="refuseDispute")
    def refuse(dispute_id: DisputeId, body: Answer, usage: PersonalUsage) -> DisputeState:
        """The fact stands, and why."""
        with kernel.used("refuseDispute", usage) as use:
            answer = use.answered()
            if answer is None:
                answer = use.answer(asdict(refuse_dispute(use, dispute_id, body.reason)))
            return DisputeState(**answer)

    @app.post("/disputes/{dispute_id}/known", operation_id="settleMissing")
    def settle(dispute_id: DisputeId, usage: PersonalUsage) -> DisputeState:
        """Who was missing has been entered, by the register's own procedure. Event: `person.known`. Not before: `unknown_person`."""
        with kernel.used("settleMissing", usage) as use:
            answer = use.answered()
            if answer is None:
                ensure_person(use, read_dispute(use, dispute_id).person)
                answer = use.answer(asdict(settle_missing(use, dispute_id)))
            return DisputeState(**answer)

    @app.post("/facts/{fact_id}/correction", operation_id="correctFact", status_code=201)
    def correct_fact(fact_id: FactId, body: Correction, usage: PersonalUsage) -> KnownFact:
        """A better saying about the same days; the old one stays, superseded. Event: `fact.corrected`."""
        with kernel.used("correctFact", usage) as use:
            answer = use.answered()
            if answer is None:
                _ensure_shown(use, fact_id)
                better = correct(
                    use,
                    by_name,
                    fact_id,
                    body.value,
                    body.reason,
                    valid_from=body.valid_from,
                    valid_to=body.valid_to,
                    dispute_id=body.dispute,
                )
                corrected(use, better)
                answer = use.answer(known_fact(better, by_name).model_dump(mode="json"))
            return KnownFact(**answer)

    def _ensure_shown(use: Use, fact_id: int) -> None:
        """Nobody learns of a fact's existence by asking about it."""
        fact = use.facts.by_id(fact_id)
        if fact is None or fact.name not in by_name or fact.name == DISPUTE or not shown(use, [fact]):
            raise CallerError("no such fact", code="unknown_fact")
