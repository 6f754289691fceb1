"""The register's REST interface to homes: who lives where, who owns. Places are in http_places.py, moves in http_moves.py."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated, Literal

from fastapi import FastAPI, Path, Query
from pydantic import Field

from sild.errors import CallerError
from sild.registries.deciding.http import DECISION_ACTIONS, DECISION_TITLES, add_decision_paths
from sild.registries.deciding.ripple_matters import ripples_that_wait
from sild.registries.identity_codes import parse_company_code
from sild.registries.kernel import Fact, FactKind, Kernel, Use
from sild.registries.kernel.dispute_paths import NewPerson
from sild.registries.kernel.fact_paths import (
    FACT_ACTIONS,
    FACT_TITLES,
    KnownFacts,
    add_fact_paths,
    known_fact,
)
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
    know_person,
    owned_by,
    owners_of,
    require_person,
    residents_of,
)
from sild.registries.residence.http_leases import LEASE_TITLES, add_lease_paths
from sild.registries.residence.http_moves import MOVE_TITLES, add_move_paths
from sild.registries.residence.http_places import PLACE_TITLES, AddressState, Unit, add_place_paths, unit
from sild.registries.residence.leases import LEASE, check_lease, read_lease, said_of_lease
from sild.registries.residence.register import ResidenceRegister

__all__ = ["make_app"]

TITLES = {
    **FACT_TITLES,
    **PLACE_TITLES,
    **MOVE_TITLES,
    **LEASE_TITLES,
    **DECISION_TITLES,
    "invalid_company_code": (400, "Not a registry code"),
}
ACTIONS = {
    "getResidence": "The residence was looked up",
    "getResidences": "All residences were looked up",
    "getHousehold": "The household was looked up",
    "getOwners": "The owners of a dwelling were looked up",
    "getOwnDwellings": "Dwellings owned were looked up",
    "getCompanysDwellings": "Dwellings owned were looked up",
    "getCompanyFacts": "All data of a company with their sources were looked up",
    "getResidents": "How many live in a dwelling was looked up",
    "getFacts": "All data with their sources were looked up",
    "registerMove": "A move was registered",
    "returnMove": "A notice of moving was sent back",
    "getMove": "A move was looked up",
    "getLeases": "Leases were looked up",
    "enterLease": "A lease was entered",
    "leaseOut": "A lease was entered",
    "endLease": "The end of a lease was changed",
    "getLeasesGiven": "Leases of dwellings owned were looked up",
    "getCompanysLeasesGiven": "Leases of dwellings owned were looked up",
    "withdrawWord": "Somebody took back what they had said of a move",
    "requestRemoval": "An owner asked for a removal",
    "getRemoval": "A request for removal was looked up",
    "objectToRemoval": "The resident answered a request for removal",
    "decideRemoval": "A removal was decided",
    "settleOwners": "A dispute of owners was decided",
    "sealAddress": "The address was sealed",
    "getDeliveries": "Which bodies were told was looked up",
    "missPerson": "Somebody said that the person is missing here",
    "settleMissing": "Somebody missing was found",
    "disputeFact": "A fact was disputed",
    "correctFact": "A fact was corrected",
}
COMPANYS = "company.dwellings"
GIVEN = "dwelling.leases"
ABOUT = {
    "getResidence": ("person.residence",),
    "getResidences": ("person.residence",),
    "getHousehold": ("person.household",),
    "getOwners": ("dwelling.owners",),
    "getOwnDwellings": ("person.dwellings",),
    "getCompanysDwellings": (COMPANYS,),
    "getCompanyFacts": (COMPANYS,),
    "getResidents": ("dwelling.residents",),
    "registerMove": ("person.residence",),
    "returnMove": ("person.residence",),
    "getMove": ("person.residence",),
    "getLeases": ("person.leases",),
    "enterLease": ("person.leases",),
    "leaseOut": ("person.leases",),
    "endLease": ("person.leases",),
    "getLeasesGiven": (GIVEN,),
    "getCompanysLeasesGiven": (GIVEN,),
    "withdrawWord": ("person.residence",),
    "requestRemoval": ("person.residence",),
    "getRemoval": ("person.residence",),
    "objectToRemoval": ("person.residence",),
    "decideRemoval": ("person.residence",),
    "settleOwners": ("dwelling.owners",),
    "sealAddress": ("person.residence",),
}


SHARE = re.compile(r"[1-9][0-9]{0,5}/[1-9][0-9]{0,5}")
OWNERS = ("person", "company")


def _area(_entity: str, value: Json) -> None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 1 <= value <= 100_000:
        raise CallerError("square metres", code="invalid_value")


def _owner(_entity: str, value: Json) -> None:
    """None: who was said to own a part of it does not."""
    if value is None:
        return
    share = value.get("share") if isinstance(value, dict) else None
    if not isinstance(share, str) or SHARE.fullmatch(share) is None or value.get("kind") not in OWNERS:
        raise CallerError("kind and share (1/2) of an owner, or none", code="invalid_value")


def _read_share(text: str, before: Json) -> Json:
    """`1/2`; `0`: they own nothing of it."""
    return None if text.strip() == "0" else {**(before or {}), "share": text.strip()}


KINDS = (
    FactKind("residence", "person.residence", "Where the person lives: dwelling, commune or abroad"),
    FactKind("sealed", "person.sealed_address", "That nobody is told where the person lives"),
    FactKind("removal", "person.removal_request", "An owner's request to remove the person from a dwelling"),
    FactKind(
        "owner",
        "dwelling.owners",
        "Owners of a dwelling with their shares; key: code of a person or company",
        _owner,
        _read_share,
    ),
    FactKind(
        LEASE, "person.leases", "A dwelling the person rents, from and to when", check_lease, read_lease
    ),
    FactKind("floor_area", "dwelling.floor_area", "Floor area in m²", _area),
)
HELD_BESIDES = {
    "person.household": "Those who live together as one household",
    "person.dwellings": "Dwellings the person owns",
    COMPANYS: "Dwellings the company owns",
    GIVEN: "Leases of a dwelling, for who owns it",
    "dwelling.address": "National address data",
    "dwelling.residents": "How many live in a dwelling",
    "division.name": "Divisions with their dates, and what they became",
    "commune.competence": "Which office decides a matter at a place on a day",
}

BY_NAME = {kind.name: kind for kind in KINDS}

Code = Annotated[str, Path(max_length=20, description="Identity code")]
CompanyCode = Annotated[str, Path(max_length=20, description="Registry code", examples=["10001012"])]
DwellingId = Annotated[str, Path(max_length=20, examples=["EE-D0000001"])]


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
        actions={**FACT_ACTIONS, **DECISION_ACTIONS, **ACTIONS},
        kinds=ABOUT,
        apply_event=register.apply_event,
        url=url,
    )
    add_place_paths(app, kernel)
    _add_homes(app, kernel)
    _add_dwellings(app, kernel)
    _add_companies(app, kernel)
    add_move_paths(app, kernel, register.deciding)
    add_lease_paths(app, kernel)
    add_decision_paths(app, register.deciding)
    add_fact_paths(
        app,
        kernel,
        KINDS,
        ensure_person=require_person,
        shown=_shown,
        corrected=lambda use, fact: _corrected(register, use, fact),
        worded=_worded,
        speaking_for=lambda use, entity: {one.key for one in owners_of(use, entity, on=use.today)},
        matters=(ripples_that_wait(register.deciding),),
        enter=_enter,
    )
    return app


def _enter(use: Use, code: str, _said: NewPerson) -> None:
    """Somebody who may have a home here. Their names are the population register's."""
    know_person(use, code)


def _shown(use: Use, facts: Sequence[Fact]) -> Sequence[Fact]:
    """Facts with an address in them as sparingly as the address itself; a seal, to none but the person."""
    sealed = {fact.entity: is_sealed(use, fact.entity) for fact in facts}
    own = use.usage.actor
    return [
        fact
        for fact in facts
        if not sealed[fact.entity]
        and (fact.name != "sealed" or fact.entity == own)
        and (fact.name != LEASE or fact.value is not None)
    ]


def _corrected(register: ResidenceRegister, use: Use, fact: Fact) -> None:
    concept = next((kind.concept for kind in KINDS if kind.name == fact.name), "")
    register.anew.corrected(use, fact, concept)


def _worded(use: Use, fact: Fact) -> str | None:
    """A home by its address or its commune; a lease by its dwelling."""
    if fact.name == RESIDENCE:
        return _residence(home_said(use, fact), use.today).text
    return said_of_lease(use, fact)


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
                items=[_own_dwelling(use, fact) for fact in owned_by(use, code) if not is_sealed(use, code)]
            )


def _own_dwelling(use: Use, owned: Fact) -> OwnDwelling:
    return OwnDwelling(
        dwelling=owned.entity,
        text=dwelling(use, owned.entity).text,
        share=owned.value["share"],
        valid_from=owned.valid_from,
    )


def _add_companies(app: FastAPI, kernel: Kernel) -> None:
    """A company owns; it lives nowhere, and what it owns is kept from nobody by an order."""

    @app.get(
        "/companies/{code}/dwellings",
        operation_id="getCompanysDwellings",
        response_model_exclude_none=True,
    )
    def get_companys_dwellings(code: CompanyCode, usage: PersonalUsage) -> OwnDwellings:
        """Dwellings the company owns, whole or in part."""
        with kernel.used("getCompanysDwellings", usage) as use:
            use.concerns(parse_company_code(code).text)
            return OwnDwellings(items=[_own_dwelling(use, fact) for fact in owned_by(use, code)])

    @app.get("/companies/{code}/facts", operation_id="getCompanyFacts", response_model_exclude_none=True)
    def get_company_facts(
        code: CompanyCode,
        usage: PersonalUsage,
        history: Annotated[bool, Query(description="Everything ever said, superseded or not")] = False,
    ) -> KnownFacts:
        """What the register knows of a company: what it owns, as `/persons/{code}/facts` says it of people."""
        with kernel.used("getCompanyFacts", usage) as use:
            use.concerns(parse_company_code(code).text)
            found = use.facts.history_with("owner", code) if history else owned_by(use, code)
            items = [
                known_fact(fact, BY_NAME, text=f"{dwelling(use, fact.entity).text}, {fact.value['share']}")
                for fact in found
                if fact.value is not None
            ]
            return KnownFacts(items=[one.model_copy(update={"concept": COMPANYS}) for one in items])


def _add_dwellings(app: FastAPI, kernel: Kernel) -> None:
    @app.get("/dwellings/{dwelling_id}/owners", operation_id="getOwners", response_model_exclude_none=True)
    def get_owners(dwelling_id: DwellingId, usage: PersonalUsage, on: date | None = None) -> Owners:
        """Who owns it, with shares."""
        with kernel.used("getOwners", usage) as use:
            dwelling(use, dwelling_id)
            found = owners_of(use, dwelling_id, on=on or use.today)
            use.concerns(*(fact.key for fact in found))
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
