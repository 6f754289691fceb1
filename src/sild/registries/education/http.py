"""The REST interface of the register of kindergarten places."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated, Literal

from fastapi import FastAPI, Path, Query
from pydantic import Field

from sild.registries.deciding.http import DECISION_ACTIONS, DECISION_TITLES, add_decision_paths
from sild.registries.deciding.ripple_matters import ripples_that_wait
from sild.registries.education.held import QUEUE_CONCEPT, QUEUE_KIND, in_words
from sild.registries.education.queue import Group as HeldGroup
from sild.registries.education.register import EducationRegister, Standing
from sild.registries.education.rules import RULE
from sild.registries.education.schooling import SCHOOL_CONCEPT, SCHOOL_KIND
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

DESCRIPTION = SelfDescription(
    "education",
    {
        "en": "Register of kindergarten places",
        "et": "Lasteaiakohtade register",
        "vi": "Cơ sở dữ liệu chỗ học mẫu giáo",
    },
    "Municipality",
    (
        Concept("commune.kindergarten_places", "Kindergartens of a commune and their free places"),
        Concept(
            "commune.kindergarten_statistics",
            "Births, moves, dwellings, queue and demand by commune and year",
        ),
        Concept(QUEUE_KIND.concept, QUEUE_KIND.description),
        Concept(SCHOOL_KIND.concept, SCHOOL_KIND.description),
        Concept(HOME_CHANGE_KIND.concept, HOME_CHANGE_KIND.description),
    ),
)
KINDS = (QUEUE_KIND, SCHOOL_KIND, HOME_CHANGE_KIND)
TITLES = {
    **FACT_TITLES,
    "not_in_queue": (404, "The child is not in the queue"),
    "unknown_kindergarten": (404, "No such kindergarten"),
    "unknown_commune": (404, "No statistics of such a commune"),
    "not_a_parent": (403, "A parent or guardian decides this"),
    "too_young": (409, "The child is too young on that day"),
    "no_group": (409, "No group is for this age"),
    "already_attending": (409, "The child attends a kindergarten"),
    "no_offer": (409, "No place is offered"),
}
ACTIONS = {
    "getFacts": "All data with their sources were looked up",
    "getQueue": "A child's place in the kindergarten queue was looked up",
    "getWishes": "What a wish for a kindergarten would come to was looked at",
    "wishPlace": "A kindergarten was wished for",
    "answerPlace": "An offered kindergarten place was answered",
    "leaveQueue": "A child left the kindergarten queue",
}
ABOUT = {**dict.fromkeys(ACTIONS, (QUEUE_CONCEPT,)), "getFacts": (QUEUE_CONCEPT, SCHOOL_CONCEPT)}
Code = Annotated[str, Path(max_length=30, examples=["62603010039"])]


class Group(Model):
    """age_to: not included."""

    id: int
    kindergarten: int
    name: str
    division: str
    age_from: int
    age_to: int
    capacity: int
    free: int


class Places(Model):
    items: list[Group]
    rule: dict[str, str]


class CommuneYear(Model):
    """Counts of one commune on 1 January of `year`; born, moved and built are of the year before. Synthetic.

    ages: children by age, 0 to 6.  new_dwellings: of two years.  demand: children whose parents want a place; waiting: without.
    """

    country: str
    commune: str
    province: str
    kind: Literal["urban", "rural"]
    year: int
    born: int
    moved_in: int
    moved_out: int
    ages: list[int]
    dwellings: int
    new_dwellings: int
    places: int
    waiting: int
    demand: int


class Statistics(Model):
    """counted_on: the day of the newest figures."""

    items: list[CommuneYear]
    counted_on: date


class Queue(Model):
    """place: from 1, of `waiting` children who want the same group; before there is a wish, in the commune.

    reason: of the wait, `no_wish`, `no_free_place` or `declined`.  review_on: when it will be looked at again.
    """

    child: str
    state: Literal["waiting", "offered", "attending", "left"]
    division: str | None
    joined_at: datetime
    place: int | None
    waiting: int
    group: Group | None
    wanted_from: date | None
    reason: str | None
    review_on: date | None
    decision: str | None = Field(
        default=None, description="Record of the offer, the wait or the place: `/decisions/{id}`"
    )
    rule: dict[str, str]


class Wish(Model):
    """kindergarten: `any`: of the commune where the child lives, whichever has a place first.

    wanted_from: the first day the child should attend; by default as soon as it may.
    """

    kindergarten: int | Literal["any"]
    wanted_from: date | None = None


class WishSeen(Model):
    """What a wish would come to now. kindergarten: as in `Wish`.  place: in its queue, of `waiting`, the child among them.

    offered: a place would be offered at once.
    """

    kindergarten: int | Literal["any"]
    name: str
    free: int
    place: int
    waiting: int
    offered: bool


class Wishes(Model):
    items: list[WishSeen]
    rule: dict[str, str]


class PlaceAnswer(Model):
    accept: bool = Field(description="False: the child waits on, the next one is asked")


def make_app(register: EducationRegister, *, url: str | None = None) -> FastAPI:
    app = register_app(
        register.kernel,
        DESCRIPTION,
        titles={**TITLES, **DECISION_TITLES},
        actions={**FACT_ACTIONS, **ACTIONS, **DECISION_ACTIONS},
        kinds=ABOUT,
        apply_event=register.apply_event,
        url=url,
    )

    add_decision_paths(app, register.deciding)
    add_fact_paths(
        app,
        register.kernel,
        KINDS,
        ensure_person=ensure_code,
        also=register.children_of,
        shown=register.shown,
        follows=register.in_line,
        worded=in_words,
        matters=(ripples_that_wait(register.deciding),),
        speaking_for=register.deciders_of,
    )

    @app.get("/places", operation_id="getPlaces")
    def get_places(
        usage: AnyUsage, commune: Annotated[str | None, Query(max_length=20, examples=["0784"])] = None
    ) -> Places:
        """Kindergartens, their groups and free places, and the rule by which they are given."""
        found = register.places(usage, commune=commune)
        return Places(items=[_group(group) for group in found], rule=RULE)

    @app.get("/places/statistics", operation_id="getStatistics")
    def get_statistics(
        usage: AnyUsage,
        commune: Annotated[str | None, Query(max_length=20, examples=["0793"])] = None,
        years: Annotated[int, Query(ge=1, le=20)] = 5,
    ) -> Statistics:
        """What drives demand, by commune and year: counts of the newest `years`; no data about persons."""
        found = register.statistics(usage, commune=commune, years=years)
        items = [CommuneYear(**{**asdict(row), "ages": list(row.ages)}) for row in found]
        return Statistics(items=items, counted_on=date(max(row.year for row in found), 1, 1))

    @app.get("/children/{code}/queue", operation_id="getQueue")
    def get_queue(code: Code, usage: PersonalUsage) -> Queue:
        """Where the child stands, by which rule, and when that will be looked at again."""
        return _queue(register.standing(code, usage))

    @app.get("/children/{code}/wishes", operation_id="getWishes")
    def get_wishes(code: Code, usage: PersonalUsage) -> Wishes:
        """For a parent, before they wish: the place in each queue by the rule as it would be now. Nothing is held for them."""
        items = [
            WishSeen(
                kindergarten="any" if one.any else one.group.kindergarten,
                name=one.group.name,
                free=one.group.free,
                place=one.place,
                waiting=one.waiting,
                offered=one.is_offered,
            )
            for one in register.foresee(code, usage)
        ]
        return Wishes(items=items, rule=RULE)

    @app.post("/children/{code}/wish", operation_id="wishPlace")
    def wish_place(code: Code, wish: Wish, usage: SaidByPerson) -> Queue:
        """A parent chooses a kindergarten, or another one; a free place is offered at once."""
        kindergarten = None if wish.kindergarten == "any" else wish.kindergarten
        return _queue(register.wish(code, kindergarten, wish.wanted_from, usage))

    @app.post("/children/{code}/place", operation_id="answerPlace")
    def answer_place(code: Code, answer: PlaceAnswer, usage: SaidByPerson) -> Queue:
        """A parent takes the place that is offered, or not."""
        return _queue(register.answer_offer(code, answer.accept, usage))

    @app.post("/children/{code}/leave", operation_id="leaveQueue")
    def leave_queue(code: Code, usage: SaidByPerson) -> Queue:
        """A parent takes the child out."""
        return _queue(register.leave(code, usage))

    return app


def _group(group: HeldGroup) -> Group:
    return Group(
        id=group.id,
        kindergarten=group.kindergarten,
        name=group.name,
        division=group.division,
        age_from=group.age_from,
        age_to=group.age_to,
        capacity=group.capacity,
        free=group.free,
    )


def _queue(standing: Standing) -> Queue:
    child = standing.child
    return Queue(
        child=child.child,
        state=child.state,
        division=child.division,
        joined_at=child.joined_at,
        place=standing.place,
        waiting=standing.waiting,
        group=_group(standing.group) if standing.group else None,
        wanted_from=child.wanted_from,
        reason=child.reason,
        review_on=child.review_on,
        decision=child.decision,
        rule=RULE,
    )
