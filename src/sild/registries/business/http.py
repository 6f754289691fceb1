"""The REST interface of the business register."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import partial
from typing import Annotated, Literal

from fastapi import FastAPI, Path, Query
from pydantic import Field

from sild.errors import CallerError
from sild.registries.business.entries import BOARD_MEMBER, KINDS, Right, require_company
from sild.registries.business.holdings import SHAREHOLDING, Holding
from sild.registries.business.register import BusinessRegister
from sild.registries.business.register import Company as HeldCompany
from sild.registries.identity_codes import parse_company_code
from sild.registries.kernel import Fact, Use
from sild.registries.kernel.asking import AtDesk
from sild.registries.kernel.corrections import disputed_origins
from sild.registries.kernel.fact_paths import (
    FACT_ACTIONS,
    FACT_TITLES,
    KnownFacts,
    add_fact_paths,
    known_fact,
)
from sild.registries.kernel.http import Concept, Model, PersonalUsage, SelfDescription, register_app
from sild.registries.kernel.matters import ensure_official
from sild.registries.sources import ensure_code

__all__ = ["make_app"]

BOARD = "company.board"
DESCRIPTION = SelfDescription(
    "business",
    {
        "en": "Business register",
        "et": "Äriregister",
        "vi": "Cơ sở dữ liệu về đăng ký doanh nghiệp",
    },
    "Registrar of companies",
    (
        *(Concept(kind.concept, kind.description) for kind in KINDS),
        Concept(BOARD, "Who is on the board of a company, and since when"),
        Concept("company.shareholders", "Who holds which share of a company, since when"),
        Concept("person.companies", "Companies that the person represents, alone or with others"),
    ),
)
TITLES = {
    **FACT_TITLES,
    "invalid_company_code": (400, "Not a registry code"),
    "unknown_company": (404, "Unknown company"),
    "company_is_deleted": (409, "The company was deleted"),
    "already_a_member": (409, "The person is on this board"),
    "not_a_member": (409, "The person is not on this board"),
    "not_a_share": (400, "Not a share"),
    "too_many_shares": (409, "More than the whole company"),
    "holds_itself": (409, "A company holds no share of its own here"),
}
ACTIONS = {
    "getFacts": "All data with their sources were looked up",
    "getCompany": "The entry of a company was looked up",
    "getCompanyFacts": "All data of a company with their sources were looked up",
    "getCompaniesOf": "Which companies the person represents was looked up",
    "getHoldings": "Shares in companies were looked up",
    "getShareholders": "Shareholders of a company were looked up",
    "enterShare": "A share of a company was entered",
    "enterBoardMember": "A member of a board was entered",
    "strikeOffBoardMember": "A member of a board was struck off",
}
ENTRY = ("company.name", "company.status", "company.representation", BOARD)
ABOUT = {
    "getCompany": ENTRY,
    "getCompanyFacts": ENTRY,
    "getCompaniesOf": ("person.companies",),
    "getHoldings": ("person.shareholding",),
    "getShareholders": ("company.shareholders",),
    "enterShare": ("company.shareholders",),
    "enterBoardMember": (BOARD,),
    "strikeOffBoardMember": (BOARD,),
}
BY_NAME = {kind.name: kind for kind in KINDS}

CompanyPath = Annotated[str, Path(max_length=20, description="Registry code", examples=["10001012"])]
PersonPath = Annotated[str, Path(max_length=20, examples=["49001010005"])]
Name = Annotated[str, Field(min_length=1, max_length=200)]


class Entry(Model):
    """One fact of the company, with who said it and since when."""

    value: str
    valid_from: date
    source: str
    basis: str
    fact: int


class Member(Model):
    code: str
    name: str
    role: str
    since: date
    source: str
    fact: int


class Company(Model):
    code: str
    country: str
    name: Entry
    legal_form: Entry
    registered_office: Entry
    status: Entry
    representation: Entry
    board: list[Member]


class Represented(Model):
    """right: `sole`: the person alone; `joint`: all of the board together."""

    company: str
    country: str
    name: str
    role: str
    status: Literal["registered", "in_liquidation", "bankrupt", "deleted"]
    right: Literal["sole", "joint"]
    since: date
    fact: int


class Companies(Model):
    items: list[Represented]


class Held(Model):
    company: str
    country: str
    name: str
    share: str = Field(examples=["1/3"])
    through: str | None = Field(default=None, description="The company by which it is held")
    since: date
    fact: int


class HeldShares(Model):
    items: list[Held]


class Shareholder(Model):
    code: str
    name: str
    share: str = Field(examples=["1/3"])
    since: date
    source: str
    fact: int


class Shareholders(Model):
    items: list[Shareholder]


class NewShare(Model):
    holder: str = Field(max_length=20, description="Code of a person or company")
    name: Name
    share: str | None = Field(
        pattern=r"^[1-9][0-9]{0,5}/[1-9][0-9]{0,5}$", description="Of the whole; none: nothing any more"
    )
    since: date | None = Field(default=None, description="None: today")


class NewMember(Model):
    person: str = Field(max_length=20, description="Identity code")
    name: Name
    since: date | None = Field(default=None, description="None: today")


class Struck(Model):
    on: date | None = Field(
        default=None, description="The first day on which they are no member; none: today"
    )


def make_app(register: BusinessRegister, *, url: str | None = None) -> FastAPI:
    kernel = register.kernel
    app = register_app(
        kernel, DESCRIPTION, titles=TITLES, actions={**FACT_ACTIONS, **ACTIONS}, kinds=ABOUT, url=url
    )
    add_fact_paths(app, kernel, KINDS, ensure_person=ensure_code, shown=_that_are, worded=_as_persons)

    @app.get("/companies/{code}", operation_id="getCompany")
    def get_company(
        code: CompanyPath,
        usage: PersonalUsage,
        on: Annotated[date | None, Query(description="None: today")] = None,
    ) -> Company:
        """The entry, each part with its source and date, and the board."""
        return _company(register.company(code, usage, on=on))

    @app.get("/companies/{code}/facts", operation_id="getCompanyFacts", response_model_exclude_none=True)
    def get_company_facts(
        code: CompanyPath,
        usage: PersonalUsage,
        history: Annotated[bool, Query(description="Everything ever said, superseded or not")] = False,
    ) -> KnownFacts:
        """What the register knows of a company, the seats on its board too, as `/persons/{code}/facts` says it of people."""
        with kernel.used("getCompanyFacts", usage) as use:
            require_company(use, code)
            if history:
                found = (*use.facts.history(code), *use.facts.history_with(BOARD_MEMBER, code))
            else:
                board = use.facts.entities_with(BOARD_MEMBER, code, on=use.today)
                found = (*use.facts.current(code, on=use.today), *board)
            shown = [fact for fact in _that_are(use, found) if fact.name in BY_NAME]
            use.concerns(*{fact.entity for fact in shown if fact.name == BOARD_MEMBER})
            disputed = disputed_origins(use, code)
            items = [known_fact(fact, BY_NAME, disputed, _as_companys(fact)) for fact in shown]
            return KnownFacts(
                items=[
                    one.model_copy(update={"concept": BOARD}) if one.name == BOARD_MEMBER else one
                    for one in items
                ]
            )

    @app.get("/persons/{code}/companies", operation_id="getCompaniesOf")
    def get_companies_of(code: PersonPath, usage: PersonalUsage) -> Companies:
        """On whose boards the person is today, and whether they represent the company alone (ÄS § 181; Luật Doanh nghiệp 2020, Điều 12)."""
        return Companies(items=[_represented(one) for one in register.rights_of(code, usage)])

    @app.get("/persons/{code}/holdings", operation_id="getHoldings", response_model_exclude_none=True)
    def get_holdings(code: PersonPath, usage: PersonalUsage) -> HeldShares:
        """Of what companies the person, or company, holds a share today, also through companies it holds a share of."""
        return HeldShares(items=[_held(one) for one in register.holdings_of(code, usage)])

    @app.get("/companies/{code}/shareholders", operation_id="getShareholders")
    def get_shareholders(
        code: CompanyPath,
        usage: PersonalUsage,
        on: Annotated[date | None, Query(description="None: today")] = None,
    ) -> Shareholders:
        """Who holds which share of it."""
        return _shareholders(register.shareholders_of(code, usage, on=on))

    @app.post("/companies/{code}/shareholders", operation_id="enterShare", status_code=201)
    def enter_share(code: CompanyPath, body: NewShare, usage: PersonalUsage, desk: AtDesk) -> Shareholders:
        """By an official of the registrar's, or a system of its own: from that day they hold so much, or nothing."""
        ensure = partial(_ensure_registrar, kernel.system, usage, desk, body.holder)
        return _shareholders(
            register.enter_share(
                code, body.holder, body.name, body.share, usage, since=body.since, ensure=ensure
            )
        )

    @app.post("/companies/{code}/board-members", operation_id="enterBoardMember", status_code=201)
    def enter(code: CompanyPath, body: NewMember, usage: PersonalUsage, desk: AtDesk) -> Company:
        """By an official of the registrar's, or a system of its own: a member joins the board."""
        ensure = partial(_ensure_registrar, kernel.system, usage, desk, body.person)
        return _company(register.enter(code, body.person, body.name, usage, since=body.since, ensure=ensure))

    @app.post("/companies/{code}/board-members/{person}/end", operation_id="strikeOffBoardMember")
    def strike_off(
        code: CompanyPath, person: PersonPath, body: Struck, usage: PersonalUsage, desk: AtDesk
    ) -> Company:
        """By an official of the registrar's, or a system of its own: from that day the person represents the company no longer."""
        ensure = partial(_ensure_registrar, kernel.system, usage, desk, person)
        return _company(register.strike_off(code, person, usage, on=body.on, ensure=ensure))

    return app


def _that_are(_use: Use, facts: Sequence[Fact]) -> Sequence[Fact]:
    """Without those that say that there is none."""
    return [fact for fact in facts if fact.value is not None]


def _ensure_registrar(system: str, usage: PersonalUsage, desk: AtDesk, person: str) -> None:
    """A person who acts is proved to be an official of the body that keeps the register, and enters nobody onto a board, nor off it, who
    is themselves. A machine is a system of that body (member of X-Road).

    Raises CallerError (`officials_only`, and as `Desk.ensure`), Unavailable.
    """
    registrar = system.strip("/").split("/")[:3]
    if usage.actor is None:
        if usage.client.strip("/").split("/")[:3] != registrar:
            raise CallerError("a system of the registrar's does this", code="officials_only")
        return
    desk.ensure()
    bodies = () if desk.person is None else [body for _role, body in desk.person.roles]
    if registrar[-1] not in bodies:
        raise CallerError("an official of the registrar's does this", code="officials_only")
    ensure_official(usage, (person,))


def _company(held: HeldCompany) -> Company:
    return Company(
        code=held.code,
        country=held.country,
        **{name: _entry(fact) for name, fact in held.facts.items()},
        board=[
            Member(
                code=seat.entity,
                name=seat.value["person"],
                role=seat.value["role"],
                since=seat.valid_from,
                source=seat.provenance.source,
                fact=seat.id,
            )
            for seat in held.board
        ],
    )


def _entry(fact: Fact) -> Entry:
    said = fact.provenance
    return Entry(
        value=fact.value, valid_from=fact.valid_from, source=said.source, basis=said.basis, fact=fact.id
    )


def _represented(one: Right) -> Represented:
    return Represented(
        company=one.company,
        country=one.country,
        name=one.name,
        role=one.role,
        status=one.status,  # type: ignore[arg-type]  # the closed set of `entries.STATUSES`
        right=one.right,
        since=one.seat.valid_from,
        fact=one.seat.id,
    )


def _held(one: Holding) -> Held:
    fact = one.fact
    return Held(
        company=one.company,
        country=parse_company_code(one.company).country,
        name=fact.value["company"],
        share=fact.value["share"],
        through=one.through,
        since=fact.valid_from,
        fact=fact.id,
    )


def _shareholders(found: Sequence[Fact]) -> Shareholders:
    return Shareholders(
        items=[
            Shareholder(
                code=fact.entity,
                name=fact.value["holder"],
                share=fact.value["share"],
                since=fact.valid_from,
                source=fact.provenance.source,
                fact=fact.id,
            )
            for fact in found
        ]
    )


def _as_persons(_use: Use, fact: Fact) -> str | None:
    """Of a seat on a board, whose; of a share, how much of what."""
    if fact.name == SHAREHOLDING and fact.value is not None:
        return f"{fact.value['share']}, {fact.value['company']} ({fact.key})"
    seated = fact.name == BOARD_MEMBER and fact.value is not None
    return f"{fact.value['company']} ({fact.key})" if seated else None


def _as_companys(fact: Fact) -> str | None:
    """Of a seat on a board, who sits there."""
    return f"{fact.value['person']} ({fact.entity})" if fact.name == BOARD_MEMBER else None
