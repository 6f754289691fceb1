"""The health insurance register's REST interface."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from fastapi import FastAPI, Path, Response
from pydantic import Field

from sild.registries.credentials import STATUS_LIST_TYPE
from sild.registries.deciding.http import DECISION_ACTIONS, DECISION_TITLES, add_decision_paths
from sild.registries.deciding.ripple_matters import ripples_that_wait
from sild.registries.insurance.register import COVER, InsuranceRegister
from sild.registries.insurance.rules import CARD
from sild.registries.kernel import FactKind
from sild.registries.kernel.asking import SaidByPerson
from sild.registries.kernel.fact_paths import FACT_ACTIONS, FACT_TITLES, add_fact_paths
from sild.registries.kernel.http import Concept, Model, PersonalUsage, SelfDescription, register_app
from sild.registries.moving import HOME_CHANGE_KIND
from sild.registries.sources import ensure_code

__all__ = ["make_app"]

DESCRIPTION = SelfDescription(
    "insurance",
    {
        "en": "Health insurance register",
        "et": "Ravikindlustuse register",
        "vi": "Cơ sở dữ liệu bảo hiểm y tế",
    },
    "Health Insurance Fund",
    (
        Concept("person.insurance_cover", "Health insurance cover of a person, with its days"),
        Concept("child.insurance_cover", "Health insurance cover of a child, from its birth"),
        Concept("person.insurance_card", "The card that proves the cover"),
        Concept(HOME_CHANGE_KIND.concept, HOME_CHANGE_KIND.description),
    ),
)
KINDS = (
    FactKind(COVER, "person.insurance_cover", "Health insurance cover of a person, with its days"),
    FactKind(
        CARD, "person.insurance_card", "The card that proves the cover, with its number, state and office"
    ),
    HOME_CHANGE_KIND,
)
TITLES = {
    **FACT_TITLES,
    "no_card": (404, "This person has no card"),
    "not_yours": (403, "The person has their card, or whoever represents them"),
    "card_revoked": (409, "The card was revoked"),
    "card_expired": (409, "The card is over"),
    "proof_not_valid": (400, "The wallet does not prove its key to this issuer"),
    "proof_used": (409, "The key proof was used before"),
}
ACTIONS = {
    "getFacts": "All data with their sources were looked up",
    "getCover": "Health insurance cover was looked up",
    "getCard": "The health insurance card was looked up",
    "bindCard": "The health insurance card was put in a wallet",
    "unbindCard": "The health insurance card in a wallet was ended",
    "printCard": "The health insurance card was printed",
}
ABOUT = {
    "getCover": ("person.insurance_cover",),
    "getCard": ("person.insurance_card",),
    "bindCard": ("person.insurance_card",),
    "unbindCard": ("person.insurance_card",),
    "printCard": ("person.insurance_card",),
}
Language = Literal["et", "vi", "en"]
Code = Annotated[str, Path(max_length=30, examples=["49001010005"])]


class Cover(Model):
    """Of one day. insured: False when there is no cover on it; then there is nothing else."""

    person: str
    on: date
    insured: bool
    kind: str | None = None
    valid_from: date | None = None
    valid_to: date | None = Field(default=None, description="The first day without cover")
    source: str | None = None
    basis: str | None = None
    fact: int | None = None
    decision: str | None = Field(default=None, description="Record of the cover: `/decisions/{id}`")


class Office(Model):
    """Who is competent for the card on the day of issue."""

    office: dict[str, str]
    unit: str
    name: str
    basis: str


class Card(Model):
    person: str
    name: str = Field(description="In the order of the person's country")
    born: date
    number: str
    state: str = Field(description="valid or revoked")
    cover_from: date
    valid_until: date = Field(description="The last day")
    issued_at: datetime
    office: Office | None = Field(default=None, description="None: the fund itself")
    credential: str = Field(description="SD-JWT VC, `application/dc+sd-jwt`, in compact form")
    presentation: str = Field(description="What the card's QR code shows of it")
    decision: str | None = Field(default=None, description="Record of the cover it proves: `/decisions/{id}`")
    in_wallet_since: datetime | None = Field(
        default=None, description="Since when whoever asks has it in a wallet"
    )


class Holder(Model):
    proof: str = Field(
        max_length=8_192,
        description="Key proof of the wallet, `openid4vci-proof+jwt`, for this issuer (ES256)",
    )
    nonce: str = Field(max_length=512, description="That the wallet was given to answer")


class Bound(Model):
    credential: str


def make_app(register: InsuranceRegister, *, url: str | None = None) -> FastAPI:
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
        shown=register.shown,
        matters=(ripples_that_wait(register.deciding),),
    )

    @app.get("/persons/{code}/cover", operation_id="getCover", response_model_exclude_none=True)
    def get_cover(code: Code, usage: PersonalUsage, on: date | None = None) -> Cover:
        """Is the person insured on a day (today)? A child is from its birth on, and not before."""
        day = on or register.kernel.today
        held = register.cover(code, usage, on=day)
        if held is None:
            return Cover(person=code, on=day, insured=False)
        return Cover(
            person=code,
            on=day,
            insured=True,
            kind=held.value["kind"],
            valid_from=held.valid_from,
            valid_to=held.valid_to,
            source=held.provenance.source,
            basis=held.provenance.basis,
            fact=held.origin,
            decision=held.value.get("decision"),
        )

    @app.get("/persons/{code}/card", operation_id="getCard", response_model_exclude_none=True)
    def get_card(code: Code, usage: PersonalUsage) -> Card:
        """The card and its credential."""
        held = register.card(code, usage)
        return Card(
            person=held.person,
            name=held.name,
            born=held.claims["birthdate"],
            number=held.number,
            state=held.state,
            cover_from=held.claims["cover_from"],
            valid_until=held.valid_until,
            issued_at=held.issued_at,
            office=Office(**held.office) if held.office else None,
            credential=held.credential,
            presentation=held.presentation,
            decision=held.decision,
            in_wallet_since=held.in_wallet_since,
        )

    @app.post("/persons/{code}/card/wallet", operation_id="bindCard")
    def bind_card(code: Code, holder: Holder, usage: SaidByPerson) -> Bound:
        """The card for the wallet of whoever says so: what they had in one before is revoked."""
        return Bound(credential=register.bind_card(code, holder.proof, holder.nonce, usage))

    @app.post("/persons/{code}/card/wallet/end", operation_id="unbindCard", status_code=204)
    def unbind_card(code: Code, usage: SaidByPerson) -> None:
        """What whoever says so has of the card in a wallet is revoked: a lost phone's, say."""
        register.unbind_card(code, usage)

    @app.get(
        "/persons/{code}/card/pdf",
        operation_id="printCard",
        response_class=Response,
        responses={200: {"content": {"application/pdf": {"schema": {"type": "string", "format": "binary"}}}}},
    )
    def print_card(code: Code, usage: PersonalUsage, language: Language = "et") -> Response:
        """The same on paper: sealed PDF of size A6, whose code holds a presentation of the credential."""
        return Response(register.paper(code, language, usage), media_type="application/pdf")

    @app.get("/status-list", operation_id="getStatusList")
    def get_status_list() -> Response:
        """Which cards were revoked: token status list, signed."""
        return Response(register.status_list(), media_type=STATUS_LIST_TYPE)

    @app.get("/issuer", operation_id="getIssuer")
    def get_issuer() -> dict[str, Any]:
        """The issuer of the cards and its keys: JWT VC issuer metadata."""
        return register.issuer.metadata()

    return app
