"""Paths every register of persons has: what it knows of one with source and date, "this is wrong", and the correction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any

from fastapi import FastAPI, Path, Query
from pydantic import Field

from sild.errors import CallerError
from sild.registries.kernel.asking import AtDesk
from sild.registries.kernel.consultations import (
    CONSULTATION_ACTIONS,
    CONSULTATION_TITLES,
    add_consultation_paths,
)
from sild.registries.kernel.corrections import DISPUTE, FactKind, correct, disputed_origins
from sild.registries.kernel.dispute_paths import (
    DISPUTE_ACTIONS,
    DISPUTE_TITLES,
    Answering,
    NewPerson,
    SpeakingFor,
    add_dispute_paths,
)
from sild.registries.kernel.facts import Fact, Json
from sild.registries.kernel.http import Model, PersonalUsage
from sild.registries.kernel.kernel import Kernel, Use
from sild.registries.kernel.matters import MATTER_ACTIONS, MATTER_TITLES, MatterSource, add_matter_paths

__all__ = ["FACT_ACTIONS", "FACT_TITLES", "KnownFact", "add_fact_paths", "known_fact"]

FACT_TITLES: dict[str, tuple[int, str]] = {
    **DISPUTE_TITLES,
    **CONSULTATION_TITLES,
    **MATTER_TITLES,
    "unknown_fact": (404, "Unknown fact"),
    "superseded_fact": (409, "The fact was superseded"),
    "not_correctable": (409, "The fact has a procedure of its own"),
    "invalid_value": (400, "The value cannot be"),
    "empty_period": (400, "The period is empty"),
}
"""Codes of these paths, for the register's own titles."""
FACT_ACTIONS = {**DISPUTE_ACTIONS, **CONSULTATION_ACTIONS, **MATTER_ACTIONS}
"""What these operations are called for people."""

FactId = Annotated[int, Path(ge=1, le=2**31 - 1)]
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
    follows: dict[str, Any] | None = Field(
        default=None,
        description="What follows from it and from other facts at this very moment; no fact itself",
    )


class KnownFacts(Model):
    items: list[KnownFact]


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
    follows: Mapping[str, Json] | None = None,
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
        follows=None if follows is None else dict(follows),
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
    also: Callable[[Use, str], Mapping[str, frozenset[str]]] = lambda _use, _code: {},
    follows: Callable[[Use, Fact], Mapping[str, Json] | None] = lambda _use, _fact: None,
    matters: Sequence[MatterSource] = (),
    speaking_for: SpeakingFor = lambda _use, _entity: (),
    answering: Answering = lambda _use, _dispute: (),
    enter: Callable[[Use, str, NewPerson], None] | None = None,
) -> None:
    """ensure_person: raises what the register says of codes it does not know.  shown: leaves out what this reader may not see.

    corrected: brings up to date what the register made from the fact.  worded: what a value of codes means, for people.

    also: whose facts else are shown with a person's, and which: names by entity.  follows: what is computed from one that holds now.

    speaking_for: who disputes facts of somebody, or of a thing, besides themselves.

    answering: what officials need besides of a dispute that waits.

    matters: what waits for people here besides disputes and the missing.  enter: how somebody missing is entered.
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
            moment = kernel.aware(known_at) if known_at is not None else None
            of_now = known_at is None and on in (None, use.today)
            items: list[KnownFact] = []
            for entity, names in {code: frozenset(by_name), **also(use, code)}.items():
                if entity != code:
                    use.concerns(entity)
                if history:
                    found = use.facts.history(entity)
                else:
                    found = use.facts.current(entity, on=on or use.today, known_at=moment)
                visible = shown(use, [fact for fact in found if fact.name in names])
                disputed = disputed_origins(use, entity)
                for fact in visible:
                    holds = of_now and fact.known_to is None and fact.is_true_on(use.today)
                    now = follows(use, fact) if holds else None
                    items.append(known_fact(fact, by_name, disputed, worded(use, fact), now))
            return KnownFacts(items=items)

    @app.post("/facts/{fact_id}/correction", operation_id="correctFact", status_code=201)
    def correct_fact(fact_id: FactId, body: Correction, usage: PersonalUsage, desk: AtDesk) -> KnownFact:
        """A better saying about the same days; the old one stays, superseded. Event: `fact.corrected`."""
        with kernel.used("correctFact", usage) as use:
            desk.ensure_if(usage.actor is not None)
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

    disputed = add_dispute_paths(
        app,
        kernel,
        by_name,
        ensure_person=ensure_person,
        ensure_shown=_ensure_shown,
        corrected=corrected,
        worded=worded,
        speaking_for=speaking_for,
        answering=answering,
        enter=enter,
    )
    add_matter_paths(app, kernel, (*disputed, add_consultation_paths(app, kernel), *matters))
