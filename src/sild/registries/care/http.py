"""The REST interface of the register of family doctors."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import FastAPI, Path, Query
from pydantic import Field

from sild.registries.care.register import PRACTICE, CareRegister
from sild.registries.care.register import Listing as HeldListing
from sild.registries.kernel import Fact, FactKind, Use
from sild.registries.kernel.asking import SaidByPerson
from sild.registries.kernel.fact_paths import FACT_ACTIONS, FACT_TITLES, add_fact_paths
from sild.registries.kernel.http import (
    AnyUsage,
    Concept,
    Model,
    PersonalUsage,
    SelfDescription,
    register_app,
)
from sild.registries.moving import HOME_CHANGE_KIND
from sild.registries.sources import ensure_code

__all__ = ["make_app"]

CONCEPT = "person.practice"
DESCRIPTION = SelfDescription(
    "care",
    {
        "en": "Lists of family doctors",
        "et": "Perearstide nimistud",
        "vi": "Nơi đăng ký khám chữa bệnh ban đầu",
    },
    "Health Insurance Fund",
    (
        Concept(CONCEPT, "The practice in whose list the person is"),
        Concept("commune.practices", "Practices of a commune, and how much room their lists have"),
        Concept(HOME_CHANGE_KIND.concept, HOME_CHANGE_KIND.description),
    ),
)
KINDS = (
    FactKind(PRACTICE, CONCEPT, "The practice in whose list the person is, from which day"),
    HOME_CHANGE_KIND,
)
TITLES = {
    **FACT_TITLES,
    "not_yours": (403, "The person chooses, or whoever represents them"),
    "unknown_practice": (404, "No such practice"),
    "list_is_full": (409, "The list of this practice is full"),
    "already_listed": (409, "The person is in this list"),
}
ACTIONS = {
    "getFacts": "All data with their sources were looked up",
    "getPractice": "The practice of the family doctor was looked up",
    "choosePractice": "A family doctor was chosen",
}
ABOUT = dict.fromkeys(ACTIONS, (CONCEPT,))
Code = Annotated[str, Path(max_length=30, examples=["49001010005"])]
PracticeId = Annotated[str, Field(pattern=r"^[A-Z]{2}-[A-Za-z0-9]{1,12}-[0-9]{1,4}$", examples=["EE-0793-2"])]


class Practice(Model):
    """free: how many more its list takes."""

    id: str
    name: str
    division: str
    free: int


class Practices(Model):
    items: list[Practice]


class Listed(Model):
    """Of a list: since when, and until which day (not included)."""

    practice: str
    name: str
    division: str
    valid_from: date
    valid_to: date | None = None
    source: str


class Listing(Model):
    """later: what was chosen and begins on its day."""

    person: str
    now: Listed | None = None
    later: Listed | None = None


class Choice(Model):
    practice: PracticeId


def make_app(register: CareRegister, *, url: str | None = None) -> FastAPI:
    app = register_app(
        register.kernel,
        DESCRIPTION,
        titles=TITLES,
        actions={**FACT_ACTIONS, **ACTIONS},
        kinds=ABOUT,
        apply_event=register.apply_event,
        url=url,
    )
    add_fact_paths(
        app, register.kernel, KINDS, ensure_person=ensure_code, shown=register.shown, worded=_worded
    )

    @app.get("/practices", operation_id="getPractices")
    def get_practices(
        usage: AnyUsage, division: Annotated[str, Query(max_length=20, examples=["0793"])]
    ) -> Practices:
        """Of a commune, the freest first."""
        found = register.practices(usage, division=division)
        return Practices(
            items=[Practice(id=one.id, name=one.name, division=one.division, free=one.free) for one in found]
        )

    @app.get("/persons/{code}/practice", operation_id="getPractice", response_model_exclude_none=True)
    def get_practice(code: Code, usage: PersonalUsage) -> Listing:
        """In whose list the person is."""
        return _listing(register.listing(code, usage))

    @app.post("/persons/{code}/practice", operation_id="choosePractice", response_model_exclude_none=True)
    def choose_practice(code: Code, body: Choice, usage: SaidByPerson) -> Listing:
        """Another list, from the first day of the next month; at once for who is in none. Event: care.practice.chosen."""
        return _listing(register.choose(code, body.practice, usage))

    return app


def _listing(held: HeldListing) -> Listing:
    return Listing(person=held.person, now=_listed(held.now), later=_listed(held.later))


def _listed(fact: Fact | None) -> Listed | None:
    if fact is None:
        return None
    return Listed(
        **fact.value, valid_from=fact.valid_from, valid_to=fact.valid_to, source=fact.provenance.source
    )


def _worded(_use: Use, fact: Fact) -> str | None:
    return str(fact.value["name"]) if fact.name == PRACTICE else None
