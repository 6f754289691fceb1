"""The register's REST interface to homes: who lives where, who owns, moves, removals. Places are in http_places.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated, Literal

from fastapi import FastAPI, Path, Query, Response
from pydantic import Field, model_validator

from sild.errors import CallerError
from sild.registries.kernel import Fact, FactKind, Kernel, Use
from sild.registries.kernel.fact_paths import FACT_TITLES, add_fact_paths
from sild.registries.kernel.facts import Json
from sild.registries.kernel.http import Concept, Model, PersonalUsage, SelfDescription, register_app
from sild.registries.residence.addresses import dwelling
from sild.registries.residence.divisions import division, division_on
from sild.registries.residence.homes import (
    RESIDENCE,
    Home,
    home_of,
    home_said,
    homes_of,
    household_of,
    is_sealed,
    owned_by,
    owners_of,
    require_person,
    residents_of,
)
from sild.registries.residence.http_places import PLACE_TITLES, AddressState, Unit, add_place_paths, unit
from sild.registries.residence.moves import Destination, NewMove, move, read_move, to_json
from sild.registries.residence.register import ResidenceRegister
from sild.registries.residence.removals import (
    decide_removal,
    object_to_removal,
    read_removal,
    request_removal,
    seal,
)

__all__ = ["make_app"]

TITLES = {
    **FACT_TITLES,
    **PLACE_TITLES,
    "move_not_registrable": (409, "The move cannot be registered"),
    "unknown_move": (404, "Unknown move"),
    "unknown_removal": (404, "Unknown request for removal"),
    "removal_is_decided": (409, "The request was decided before"),
    "notice_running": (409, "The resident's notice is running"),
    "not_heard": (409, "The resident was not heard"),
    "not_an_owner": (403, "Not an owner"),
    "is_an_owner": (409, "The person owns the dwelling"),
    "not_a_resident": (409, "The person is not registered there"),
}
ACTIONS = {
    "getResidence": "The residence was looked up",
    "getResidences": "All residences were looked up",
    "getHousehold": "The household was looked up",
    "getOwners": "The owners of a dwelling were looked up",
    "getOwnDwellings": "Dwellings owned were looked up",
    "getResidents": "How many live in a dwelling was looked up",
    "getFacts": "All data with their sources were looked up",
    "registerMove": "A move was registered",
    "getMove": "A move was looked up",
    "requestRemoval": "An owner asked for a removal",
    "getRemoval": "A request for removal was looked up",
    "objectToRemoval": "The resident answered a request for removal",
    "decideRemoval": "A removal was decided",
    "sealAddress": "The address was sealed",
    "getDeliveries": "Which bodies were told was looked up",
    "missPerson": "Somebody said that the person is missing here",
    "settleMissing": "Somebody missing was found",
    "disputeFact": "A fact was disputed",
    "correctFact": "A fact was corrected",
}
ABOUT = {
    "getResidence": ("person.residence",),
    "getResidences": ("person.residence",),
    "getHousehold": ("person.household",),
    "getOwners": ("dwelling.owners",),
    "getOwnDwellings": ("person.dwellings",),
    "getResidents": ("dwelling.residents",),
    "registerMove": ("person.residence",),
    "getMove": ("person.residence",),
    "requestRemoval": ("person.residence",),
    "getRemoval": ("person.residence",),
    "objectToRemoval": ("person.residence",),
    "decideRemoval": ("person.residence",),
    "sealAddress": ("person.residence",),
}


def _area(_entity: str, value: Json) -> None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 1 <= value <= 100_000:
        raise CallerError("square metres", code="invalid_value")


KINDS = (
    FactKind("residence", "person.residence", "Where the person lives: dwelling, commune or abroad"),
    FactKind("sealed", "person.sealed_address", "That nobody is told where the person lives"),
    FactKind("removal", "person.removal_request", "An owner's request to remove the person from a dwelling"),
    FactKind(
        "owner", "dwelling.owners", "Owners of a dwelling with their shares; key: code of a person or company"
    ),
    FactKind("floor_area", "dwelling.floor_area", "Floor area in m²", _area),
)
HELD_BESIDES = {
    "person.household": "Those who live together as one household",
    "person.dwellings": "Dwellings the person owns",
    "dwelling.address": "National address data",
    "dwelling.residents": "How many live in a dwelling",
    "division.name": "Divisions with their dates, and what they became",
    "commune.competence": "Which office decides a matter at a place on a day",
}

Code = Annotated[str, Path(max_length=20, description="Identity code")]
DwellingId = Annotated[str, Path(max_length=20, examples=["EE-D0000001"])]
Id = Annotated[str, Path(max_length=64)]
PersonCode = Annotated[str, Field(max_length=20)]
Text = Annotated[str, Field(min_length=1, max_length=2_000)]


class Residence(Model):
    person: str
    level: Literal["dwelling", "commune", "abroad", "sealed", "unknown", "none"]
    text: str | None = None
    address: AddressState | None = None
    dwelling: str | None = None
    division: Unit | None = Field(default=None, description="As it was called when the residence began")
    now: list[Unit] | None = Field(default=None, description="What the division is today")
    country: str | None = None
    household: str | None = None
    valid_from: date | None = None
    valid_to: date | None = None
    known_from: datetime | None = None
    source: str | None = None
    basis: str | None = None
    fact: int | None = None


class Residences(Model):
    items: list[Residence]


class Member(Model):
    code: str
    since: date


class Household(Model):
    household: str | None = None
    level: str
    dwelling: str | None = None
    text: str | None = None
    members: list[Member]
    sealed: bool = Field(description="Somebody is not told of")


class Owner(Model):
    kind: Literal["person", "company"]
    code: str
    name: str | None = Field(
        default=None, description="Of a company; people's names are the population register's"
    )
    share: str = Field(examples=["1/2"])
    valid_from: date
    fact: int


class Owners(Model):
    items: list[Owner]


class Residents(Model):
    dwelling: str
    count: int
    floor_area: float | None = Field(default=None, description="m²")
    capacity: int | None = Field(
        default=None, description="How many the law lets live there; none: it does not say"
    )


class OwnDwelling(Model):
    dwelling: str
    text: str
    share: str
    valid_from: date


class OwnDwellings(Model):
    items: list[OwnDwelling]


class Abroad(Model):
    country: str = Field(pattern=r"^[A-Z]{2}$", description="ISO 3166-1")
    address: str | None = Field(default=None, min_length=1, max_length=300)


class To(Model):
    """One of the three."""

    dwelling: str | None = Field(default=None, max_length=20)
    division: str | None = Field(default=None, max_length=10)
    abroad: Abroad | None = None

    @model_validator(mode="after")
    def _one(self) -> To:
        if sum(part is not None for part in (self.dwelling, self.division, self.abroad)) != 1:
            raise ValueError("one of dwelling, division, abroad")
        return self


class Consent(Model):
    kind: Literal["owner", "lease", "court"]
    owners: list[PersonCode] = Field(default=[], max_length=50)
    document: str | None = Field(default=None, min_length=1, max_length=200)


class MoveNotice(Model):
    people: list[PersonCode] = Field(min_length=1, max_length=20)
    to: To
    valid_from: date
    sent_on: date = Field(description="When the people sent it")
    consent: Consent | None = None
    custodians: dict[PersonCode, list[PersonCode]] = Field(
        default={}, max_length=20, description="Who consented for a minor"
    )
    joins: PersonCode | None = Field(default=None, description="Somebody whose household they join")


class MoveState(Model):
    id: str
    people: list[str]
    level: str
    text: str | None = None
    dwelling: str | None = None
    division: str | None = None
    country: str | None = None
    household: str | None = None
    valid_from: date
    sent_on: date
    merged: bool
    facts: dict[str, int]


class RemovalRequest(Model):
    person: PersonCode
    dwelling: str = Field(max_length=20)
    owner: PersonCode


class RemovalState(Model):
    id: str
    person: str
    dwelling: str
    owner: str
    state: Literal["NOTICED", "REMOVED", "KEPT"]
    requested_on: date
    earliest_decision: date
    objection: str | None = None
    reason: str | None = None
    heard: bool


class Objection(Model):
    text: Text


class RemovalDecision(Model):
    decision: Literal["REMOVED", "KEPT"]
    reason: Text
    heard: bool


class Sealing(Model):
    person: PersonCode
    valid_from: date
    valid_to: date | None = None
    order: str = Field(min_length=1, max_length=100)


class Sealed(Model):
    person: str
    fact: int


def make_app(register: ResidenceRegister, *, url: str | None = None) -> FastAPI:
    """The application over `register`. url: where its OpenAPI description says it is, if it should say so."""
    concepts = {kind.concept: kind.description for kind in KINDS} | HELD_BESIDES
    description = SelfDescription(
        name="residence",
        titles={"en": "Residence register", "et": "Elukohtade register", "vi": "Cơ sở dữ liệu cư trú"},
        publisher="Land and Address Board",
        concepts=[Concept(name, text) for name, text in concepts.items()],
    )
    kernel = register.kernel
    app = register_app(
        kernel,
        description,
        titles=TITLES,
        actions=ACTIONS,
        kinds=ABOUT,
        apply_event=register.apply_event,
        url=url,
    )
    add_place_paths(app, kernel)
    _add_homes(app, kernel)
    _add_dwellings(app, kernel)
    _add_moves(app, kernel)
    _add_removals(app, kernel)
    add_fact_paths(app, kernel, KINDS, ensure_person=require_person, shown=_shown, worded=_worded)
    return app


def _shown(use: Use, facts: Sequence[Fact]) -> Sequence[Fact]:
    """Facts with an address in them as sparingly as the address itself; a seal, to none but the person."""
    sealed = {fact.entity: is_sealed(use, fact.entity) for fact in facts}
    own = use.usage.actor
    return [
        fact for fact in facts if not sealed[fact.entity] and (fact.name != "sealed" or fact.entity == own)
    ]


def _worded(use: Use, fact: Fact) -> str | None:
    """A home by its address or its commune."""
    return _residence(home_said(use, fact), use.today).text if fact.name == RESIDENCE else None


def _add_homes(app: FastAPI, kernel: Kernel) -> None:
    @app.get("/persons/{code}/residence", operation_id="getResidence", response_model_exclude_none=True)
    def get_residence(
        code: Code,
        usage: PersonalUsage,
        on: Annotated[date | None, Query(description="None: today")] = None,
        known_at: Annotated[datetime | None, Query(description="As the register knew it then")] = None,
    ) -> Residence:
        """Where a person lives; sealed, when this reader is not told."""
        with kernel.used("getResidence", usage) as use:
            moment = kernel.aware(known_at) if known_at is not None else None
            return _residence(home_of(use, code, on=on or use.today, known_at=moment), use.today)

    @app.get("/persons/{code}/residences", operation_id="getResidences", response_model_exclude_none=True)
    def get_residences(code: Code, usage: PersonalUsage) -> Residences:
        """All there were, newest first; an old commune keeps its name and leads to what it is today."""
        with kernel.used("getResidences", usage) as use:
            return Residences(items=[_residence(home, use.today) for home in homes_of(use, code)])

    @app.get("/households/{code}", operation_id="getHousehold", response_model_exclude_none=True)
    def get_household(code: Code, usage: PersonalUsage) -> Household:
        """Those who live with the person as one household, the person first."""
        with kernel.used("getHousehold", usage) as use:
            home, members, hidden = household_of(use, code)
            return Household(
                household=home.household,
                level=home.level,
                dwelling=home.dwelling,
                text=home.text,
                members=[Member(code=fact.entity, since=fact.valid_from) for fact in members],
                sealed=hidden,
            )

    @app.get("/persons/{code}/dwellings", operation_id="getOwnDwellings", response_model_exclude_none=True)
    def get_own_dwellings(code: Code, usage: PersonalUsage) -> OwnDwellings:
        """Dwellings the person owns, whole or in part."""
        with kernel.used("getOwnDwellings", usage) as use:
            require_person(use, code)
            return OwnDwellings(
                items=[
                    OwnDwelling(
                        dwelling=fact.entity,
                        text=dwelling(use, fact.entity).text,
                        share=fact.value["share"],
                        valid_from=fact.valid_from,
                    )
                    for fact in owned_by(use, code)
                    if not is_sealed(use, code)
                ]
            )


def _add_dwellings(app: FastAPI, kernel: Kernel) -> None:
    @app.get("/dwellings/{dwelling_id}/owners", operation_id="getOwners", response_model_exclude_none=True)
    def get_owners(dwelling_id: DwellingId, usage: PersonalUsage, on: date | None = None) -> Owners:
        """Who owns it, with shares."""
        with kernel.used("getOwners", usage) as use:
            dwelling(use, dwelling_id)
            found = owners_of(use, dwelling_id, on=on or use.today)
            use.concerns(*(fact.key for fact in found if fact.value["kind"] == "person"))
            return Owners(
                items=[
                    Owner(**fact.value, code=fact.key, valid_from=fact.valid_from, fact=fact.id)
                    for fact in found
                ]
            )

    @app.get(
        "/dwellings/{dwelling_id}/residents", operation_id="getResidents", response_model_exclude_none=True
    )
    def get_residents(dwelling_id: DwellingId, usage: PersonalUsage, on: date | None = None) -> Residents:
        """How many live there, and how many may. Not who."""
        with kernel.used("getResidents", usage) as use:
            home = dwelling(use, dwelling_id)
            there = residents_of(use, dwelling_id, on=on or use.today)
            return Residents(
                dwelling=dwelling_id, count=len(there), floor_area=home.floor_area, capacity=home.capacity
            )


def _add_moves(app: FastAPI, kernel: Kernel) -> None:
    @app.post(
        "/moves",
        operation_id="registerMove",
        status_code=201,
        response_model=MoveState,
        response_model_exclude_none=True,
        responses={200: {"model": MoveState, "description": "Filed before: the first entry holds"}},
    )
    def post_move(body: MoveNotice, usage: PersonalUsage, response: Response) -> MoveState:
        """Several people at once, from a day on; all defects in one refusal. Event for each: residence.changed."""
        with kernel.used("registerMove", usage) as use:
            use.concerns(*body.people)
            answer, is_new = use.answered(), False
            if answer is None:
                entered = move(use, _new_move(body))
                is_new = not entered.merged
                answer = use.answer(to_json(entered))
            response.status_code = 201 if is_new else 200
            return MoveState(**answer)

    @app.get("/moves/{move_id}", operation_id="getMove", response_model_exclude_none=True)
    def get_move(move_id: Id, usage: PersonalUsage) -> MoveState:
        """A registration as it was entered."""
        with kernel.used("getMove", usage) as use:
            found = read_move(use, move_id)
            if any(is_sealed(use, person) for person in found.people):
                raise CallerError("no such move", code="unknown_move")
            return MoveState(**to_json(found))


def _add_removals(app: FastAPI, kernel: Kernel) -> None:
    @app.post("/removals", operation_id="requestRemoval", status_code=201, response_model_exclude_none=True)
    def post_removal(body: RemovalRequest, usage: PersonalUsage) -> RemovalState:
        """An owner says that the person does not live there: the resident's notice begins."""
        with kernel.used("requestRemoval", usage) as use:
            use.concerns(body.person, body.owner)
            answer = use.answered()
            if answer is None:
                removal = request_removal(
                    use, person=body.person, dwelling_id=body.dwelling, owner=body.owner
                )
                answer = use.answer(asdict(removal))
            return RemovalState(**answer)

    @app.get("/removals/{removal_id}", operation_id="getRemoval", response_model_exclude_none=True)
    def get_removal(removal_id: Id, usage: PersonalUsage) -> RemovalState:
        with kernel.used("getRemoval", usage) as use:
            return RemovalState(**asdict(read_removal(use, removal_id)))

    @app.post(
        "/removals/{removal_id}/objection", operation_id="objectToRemoval", response_model_exclude_none=True
    )
    def post_objection(removal_id: Id, body: Objection, usage: PersonalUsage) -> RemovalState:
        """What the resident says to it."""
        with kernel.used("objectToRemoval", usage) as use:
            answer = use.answered()
            if answer is None:
                answer = use.answer(asdict(object_to_removal(use, removal_id, body.text)))
            return RemovalState(**answer)

    @app.post(
        "/removals/{removal_id}/decision", operation_id="decideRemoval", response_model_exclude_none=True
    )
    def post_decision(removal_id: Id, body: RemovalDecision, usage: PersonalUsage) -> RemovalState:
        """Removed: the residence falls back to the commune. Event: residence.removed."""
        with kernel.used("decideRemoval", usage) as use:
            answer = use.answered()
            if answer is None:
                answer = use.answer(asdict(decide_removal(use, removal_id, **body.model_dump())))
            return RemovalState(**answer)

    @app.post("/sealings", operation_id="sealAddress", status_code=201)
    def post_sealing(body: Sealing, usage: PersonalUsage) -> Sealed:
        """From now on nobody but the person and the household is told the address."""
        with kernel.used("sealAddress", usage) as use:
            use.concerns(body.person)
            answer = use.answered()
            if answer is None:
                fact = seal(use, **body.model_dump())
                answer = use.answer({"person": body.person, "fact": fact.id})
            return Sealed(**answer)


def _new_move(body: MoveNotice) -> NewMove:
    abroad, consent = body.to.abroad, body.consent
    return NewMove(
        people=tuple(dict.fromkeys(body.people)),
        to=Destination(
            dwelling=body.to.dwelling,
            division=body.to.division,
            country=abroad.country if abroad else None,
            address=abroad.address if abroad else None,
        ),
        valid_from=body.valid_from,
        sent_on=body.sent_on,
        consent_kind=consent.kind if consent else None,
        consent_owners=tuple(consent.owners) if consent else (),
        document=consent.document if consent else None,
        custodians=body.custodians,
        joins=body.joins,
    )


def _residence(home: Home, today: date) -> Residence:
    fact = home.fact
    if fact is None:
        return Residence(person=home.person, level=home.level)  # type: ignore[arg-type]  # the closed set of `Home`
    return Residence(
        person=home.person,
        level=home.level,  # type: ignore[arg-type]  # the closed set of `Home`
        text=home.text or (division(home.division).name if home.division else home.country),
        address=AddressState(**asdict(home.address), text=home.address.text()) if home.address else None,
        dwelling=home.dwelling,
        division=unit(division(home.division)) if home.division else None,
        now=[unit(one) for one in division_on(home.division, today)] if home.division else None,
        country=home.country,
        household=home.household,
        valid_from=fact.valid_from,
        valid_to=fact.valid_to,
        known_from=fact.known_from,
        source=fact.provenance.source,
        basis=fact.provenance.basis,
        fact=fact.id,
    )
