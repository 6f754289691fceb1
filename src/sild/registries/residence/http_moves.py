"""Moving in and out: notices of moves, removals an owner asks for, addresses that are sealed."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import Annotated, Literal

from fastapi import FastAPI, Path, Response
from pydantic import Field, model_validator

from sild.errors import CallerError
from sild.registries.deciding import Deciding
from sild.registries.deciding.http import OfficialLook
from sild.registries.kernel import Kernel
from sild.registries.kernel.asking import AtDesk, CarriedWords, SaidByPerson
from sild.registries.kernel.http import Model, PersonalUsage
from sild.registries.kernel.words import Word, Words
from sild.registries.residence.disputes import Dispute, settle_owners
from sild.registries.residence.homes import is_sealed
from sild.registries.residence.judging import Destination, NewMove
from sild.registries.residence.moves import move, read_move, return_move, to_json
from sild.registries.residence.removals import (
    decide_removal,
    object_to_removal,
    read_removal,
    request_removal,
    seal,
)
from sild.registries.residence.words import CARRIED, SaidOfMove, take_back

__all__ = ["MOVE_TITLES", "add_move_paths"]

MOVE_TITLES: dict[str, tuple[int, str]] = {
    "move_not_registrable": (409, "The move cannot be registered"),
    "unknown_move": (404, "Unknown move"),
    "unknown_removal": (404, "Unknown request for removal"),
    "removal_is_decided": (409, "The request was decided before"),
    "notice_running": (409, "The resident's notice is running"),
    "not_heard": (409, "The resident was not heard"),
    "not_an_owner": (403, "Not an owner"),
    "not_yours": (403, "The resident says this"),
    "is_an_owner": (409, "The person owns the dwelling"),
    "not_a_resident": (409, "The person is not registered there"),
    "needs_a_person": (403, "An official decides this"),
    "unknown_reason": (400, "No such reason for a return"),
    "word_is_used": (409, "What was said has had its effect"),
    "rules_failed": (503, "The rules do not run now"),
}
"""Codes of these paths, for the register's own titles."""

Id = Annotated[str, Path(max_length=64)]
PersonCode = Annotated[str, Field(max_length=20)]
Text = Annotated[str, Field(min_length=1, max_length=2_000)]


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


class CarriedBy(Model):
    """What the people said, whom the message names, each word with the proof that it is theirs (docs/registries.md)."""

    people: list[PersonCode] = Field(default=[], max_length=20, description="Whom the notice named")
    notice: int = Field(
        default=1,
        ge=1,
        le=10_000,
        description="Which notice of the case; one sent again unchanged is the same",
    )
    said: list[Word] = Field(default=[], max_length=120)

    def heard(self, words: Words, operation: str) -> SaidOfMove:
        return SaidOfMove(tuple(self.people), words.hear(self.said, operation), self.notice)


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
    wanted: str | None = Field(
        default=None, max_length=20, description="The dwelling that was asked for, without an owner's word"
    )
    words: CarriedBy = CarriedBy()
    official: OfficialLook = OfficialLook()


class Return(MoveNotice):
    """The notice as it was sent, and why it goes back."""

    reasons: Annotated[list[Annotated[str, Field(max_length=60)]], Field(min_length=1, max_length=20)]


class Returned(Model):
    decision: str


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
    decision: str | None = Field(default=None, description="Record of the registration: `/decisions/{id}`")


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
    record: str | None = Field(default=None, description="Record of the decision: `/decisions/{id}`")


class Objection(Model):
    text: Text


class RemovalDecision(Model):
    decision: Literal["REMOVED", "KEPT"]
    reason: Text
    heard: bool
    official: OfficialLook = OfficialLook()


class OwnersDispute(Model):
    """What owners who differ said, and what the official found about it."""

    dwelling: str = Field(max_length=20)
    people: list[PersonCode] = Field(min_length=1, max_length=20, description="Who wants to live there")
    consented: list[PersonCode] = Field(max_length=50)
    refused: list[PersonCode] = Field(max_length=50)
    lets_live_there: bool = Field(description="An agreement or a judgment says so")
    document: str | None = Field(default=None, min_length=1, max_length=200, description="Its number")
    words: Text
    valid_from: date = Field(description="From when, as the owners were asked")
    carried: CarriedBy = CarriedBy()
    official: OfficialLook = OfficialLook()


class TakenBack(Model):
    word: Word


class Settled(Model):
    decision: str
    level: Literal["dwelling", "commune"]


class Sealing(Model):
    person: PersonCode
    valid_from: date
    valid_to: date | None = None
    order: str = Field(min_length=1, max_length=100)


class Sealed(Model):
    person: str
    fact: int


def add_move_paths(app: FastAPI, kernel: Kernel, deciding: Deciding) -> None:
    _add_moves(app, kernel, deciding)
    _add_removals(app, kernel, deciding)
    _add_disputes(app, kernel, deciding)


def _add_moves(app: FastAPI, kernel: Kernel, deciding: Deciding) -> None:
    @app.post(
        "/moves",
        operation_id="registerMove",
        status_code=201,
        response_model=MoveState,
        response_model_exclude_none=True,
        responses={200: {"model": MoveState, "description": "Filed before: the first entry holds"}},
    )
    def post_move(
        body: MoveNotice, usage: PersonalUsage, desk: AtDesk, words: CarriedWords, response: Response
    ) -> MoveState:
        """Several people at once, from a day on; all defects in one refusal: by rule, or by the official who acts. Event for each: residence.changed.

        Whose word it takes is proved; a child's first home takes nobody's.
        """
        said = body.words.heard(words, "registerMove")
        with kernel.used("registerMove", usage) as use:
            desk.ensure_if(usage.actor is not None)
            use.concerns(*body.people)
            answer, is_new = use.answered(), False
            if answer is None:
                entered = move(use, deciding, _new_move(body), said, body.official.look())
                is_new = not entered.merged
                answer = use.answer(to_json(entered))
            response.status_code = 201 if is_new else 200
            return MoveState(**answer)

    @app.post("/moves/return", operation_id="returnMove")
    def send_back(body: Return, usage: PersonalUsage, desk: AtDesk, words: CarriedWords) -> Returned:
        """The official who acts sends the notice back to who sent it, with reasons: a decision with its record. What is not proved nobody has said."""
        said = body.words.heard(words, "registerMove")
        with kernel.used("returnMove", usage) as use:
            desk.ensure()
            use.concerns(*body.people)
            answer = use.answered()
            if answer is None:
                made = return_move(use, deciding, _new_move(body), said, body.reasons, body.official.look())
                answer = use.answer({"decision": made})
            return Returned(**answer)

    @app.post("/words/withdrawal", operation_id="withdrawWord", status_code=204)
    def withdraw_word(body: TakenBack, usage: SaidByPerson, words: CarriedWords) -> None:
        """Whoever said it takes it back, before anything was done on it: nothing is done on it any more."""
        said = words.hear([body.word], *CARRIED)
        with kernel.used("withdrawWord", usage) as use:
            answer = use.answered()
            if answer is None:
                take_back(use, said)
                use.answer({})

    @app.get("/moves/{move_id}", operation_id="getMove", response_model_exclude_none=True)
    def get_move(move_id: Id, usage: PersonalUsage) -> MoveState:
        """A registration as it was entered."""
        with kernel.used("getMove", usage) as use:
            found = read_move(use, move_id)
            if any(is_sealed(use, person) for person in found.people):
                raise CallerError("no such move", code="unknown_move")
            return MoveState(**to_json(found))


def _add_removals(app: FastAPI, kernel: Kernel, deciding: Deciding) -> None:
    @app.post("/removals", operation_id="requestRemoval", status_code=201, response_model_exclude_none=True)
    def post_removal(body: RemovalRequest, usage: SaidByPerson) -> RemovalState:
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
        """Where somebody's address is sealed there is none, but for them and whoever lives with them."""
        with kernel.used("getRemoval", usage) as use:
            found = read_removal(use, removal_id)
            if is_sealed(use, found.person):
                raise CallerError("no such request", code="unknown_removal")
            return RemovalState(**asdict(found))

    @app.post(
        "/removals/{removal_id}/objection", operation_id="objectToRemoval", response_model_exclude_none=True
    )
    def post_objection(removal_id: Id, body: Objection, usage: SaidByPerson) -> RemovalState:
        """What the resident says to it."""
        with kernel.used("objectToRemoval", usage) as use:
            answer = use.answered()
            if answer is None:
                answer = use.answer(asdict(object_to_removal(use, removal_id, body.text)))
            return RemovalState(**answer)

    @app.post(
        "/removals/{removal_id}/decision", operation_id="decideRemoval", response_model_exclude_none=True
    )
    def post_decision(
        removal_id: Id, body: RemovalDecision, usage: PersonalUsage, desk: AtDesk
    ) -> RemovalState:
        """By the official who acts. Removed: the residence falls back to the commune. Event: residence.removed."""
        with kernel.used("decideRemoval", usage) as use:
            desk.ensure()
            answer = use.answered()
            if answer is None:
                said, look = body.model_dump(exclude={"official"}), body.official.look()
                answer = use.answer(asdict(decide_removal(use, deciding, removal_id, **said, look=look)))
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


def _add_disputes(app: FastAPI, kernel: Kernel, deciding: Deciding) -> None:
    @app.post("/owner-disputes", operation_id="settleOwners")
    def settle(body: OwnersDispute, usage: PersonalUsage, desk: AtDesk, words: CarriedWords) -> Settled:
        """The official who acts says what counts, owners of a dwelling being of two minds about who may live there: a decision with its record."""
        heard = body.carried.heard(words, "settleOwners")
        with kernel.used("settleOwners", usage) as use:
            desk.ensure()
            use.concerns(*body.people, *body.consented, *body.refused)
            answer = use.answered()
            if answer is None:
                said = body.model_dump(exclude={"official", "carried"})
                decision, level = settle_owners(use, deciding, Dispute(**said), heard, body.official.look())
                answer = use.answer({"decision": decision, "level": level})
            return Settled(**answer)


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
        wanted=body.wanted,
    )
