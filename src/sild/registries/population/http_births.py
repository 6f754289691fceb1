"""Births: the hospital's notice, paternity, registration, and what people have to decide."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import FastAPI, Path, Query, Request, Response
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from sild.catalogue import NoticeKind
from sild.errors import CallerError
from sild.registries.deciding import Deciding
from sild.registries.deciding.http import OfficialLook
from sild.registries.identity_codes import Sex
from sild.registries.kernel import Kernel, Usage, Use
from sild.registries.kernel.asking import AtDesk, BeforeOfficial, SaidByPerson
from sild.registries.kernel.http import Model, PersonalUsage
from sild.registries.kernel.matters import ensure_official
from sild.registries.population.archiving import Archiving
from sild.registries.population.birth_notice import SignedNotice, parse_birth_notice, read_notice
from sild.registries.population.births import join_notice, record_child, take_notice
from sild.registries.population.http_notices import NOTICE_BODY, NOTICE_TITLES, read_notice_body
from sild.registries.population.judging import NewName
from sild.registries.population.paper_births import PAPER_TITLES, add_paper_paths, settle_paper
from sild.registries.population.persons import require_person
from sild.registries.population.protection import kept_birth
from sild.registries.population.records import Birth, Paternity, Presence
from sild.registries.population.registration import (
    acknowledge,
    births_of,
    read_birth,
    register_birth,
    return_birth,
)
from sild.registries.population.reviews import Review, about, close_review, open_reviews, read_review

if TYPE_CHECKING:
    from sild.registries.population.register import PopulationRegister

__all__ = ["BIRTH_TITLES", "add_birth_paths"]

BIRTH_TITLES: dict[str, tuple[int, str]] = {
    **PAPER_TITLES,
    **NOTICE_TITLES,
    "unknown_birth": (404, "Unknown birth"),
    "unknown_review": (404, "Unknown review"),
    "review_is_closed": (409, "The review was decided before"),
    "not_the_parent": (403, "Not said by the parent"),
    "paternity_not_needed": (409, "The father is known"),
    "paternity_settled": (409, "Paternity was answered before"),
    "fathers_differ": (409, "Another man was named"),
    "birth_not_registrable": (409, "The birth cannot be registered yet"),
    "already_registered": (409, "The birth is registered with another name"),
    "needs_a_person": (403, "An official decides this"),
    "unknown_reason": (400, "No such reason for a return"),
    "rules_failed": (503, "The rules do not run now"),
    "no_code_left": (503, "No identity code is left for this day"),
}

Code = Annotated[str, Path(max_length=20, description="Identity code")]
PersonCode = Annotated[str, Field(max_length=20, examples=["38001085718"])]
Name = Annotated[str, Field(min_length=1, max_length=100)]
Document = Literal["id_card", "passport", "residence_card", "driving_licence"]


class NoticeTaken(Model):
    outcome: Literal["RECORDED", "JOINED", "REPEATED", "REVIEW", "REFUSED", "STILLBORN"]
    child: str | None = Field(default=None, description="The child's identity code")
    review: str | None = Field(default=None, description="The case people have to decide")
    reasons: list[str] | None = None


class ParentSaid(Model):
    parent: str
    answer: Literal["ACKNOWLEDGED", "DENIED"]
    at: datetime
    before: Before | None = Field(
        default=None, description="The official who wrote it down; none: they said it themselves"
    )


class Before(Model):
    """What was said before an official."""

    official: str
    document: Document


class PaternityState(Model):
    status: Literal["NOT_NEEDED", "NONE_NAMED", "WAITING", "ACKNOWLEDGED", "DENIED"]
    father: str | None = None
    answers: list[ParentSaid]
    waiting_for: list[str]


class Fault(Model):
    code: str
    detail: str


class NotifiedBy(Model):
    """Of the hospital's notice; nothing of before notices were signed."""

    name: str
    profession: str
    licence: str | None = None
    signed_at: datetime


class BirthState(Model):
    child: str
    born: date
    born_at: datetime | None = None
    sex: Sex
    birth_place: str | None = None
    hospital: str | None = None
    notified: NotifiedBy | None = Field(default=None, description="Who signed the notice")
    multiple_birth: int | None = Field(default=None, description="Which of the twins")
    status: Literal["UNNAMED", "REGISTERED", "DEAD", "STILLBORN"]
    mother: str | None = None
    father: str | None = None
    claimed_father: str | None = Field(default=None, description="As the mother named him")
    given_names: str | None = None
    family_name: str | None = None
    registered_at: datetime | None = None
    decision: str | None = Field(default=None, description="Record of the registration: `/decisions/{id}`")
    paternity: PaternityState
    defects: list[Fault] = Field(description="What stands against registration, names aside")
    notes: list[Fault] = Field(description="What people should see")


class Births(Model):
    items: list[BirthState]


class PaternityAnswer(Model):
    parent: PersonCode = Field(description="Who says it: the mother, or the man himself")
    father: PersonCode
    answer: Literal["ACKNOWLEDGED", "DENIED"]
    custody: Literal["joint", "mother"] = "joint"
    mandate: str | None = Field(default=None, max_length=100, description="By which somebody else says it")


class PaternityBefore(Model):
    """What a parent said before the official who acts."""

    parent: PersonCode = Field(description="Who stood before the official: the mother, or the man himself")
    father: PersonCode
    answer: Literal["ACKNOWLEDGED", "DENIED"]
    custody: Literal["joint", "mother"] = "joint"
    document: Document = Field(description="What they were known by; its number stays with the office")


class Registration(Model):
    given_names: Name
    family_name: Name
    without_father: bool = Field(default=False, description="Although a man was named and has not answered")
    signed_by: list[PersonCode] | None = Field(
        default=None,
        description="Parents who signed the name; a rule alone enters what all living parents signed",
    )
    left_to_office: bool = Field(
        default=False, description="The parents did not settle the name in time; they were heard in the case"
    )
    official: OfficialLook = OfficialLook()

    def name(self) -> NewName:
        signed = None if self.signed_by is None else tuple(self.signed_by)
        return NewName(self.given_names, self.family_name, self.without_father, signed, self.left_to_office)


class Return(Registration):
    """The name as it was sent, and why it goes back."""

    reasons: Annotated[list[Annotated[str, Field(max_length=60)]], Field(min_length=1, max_length=20)]


class Returned(Model):
    child: str
    decision: str


class Registered(Model):
    child: str
    given_names: str
    family_name: str
    registered_at: datetime
    mother: str | None = None
    father: str | None = None
    decision: str | None = Field(default=None, description="Record of the decision: `/decisions/{id}`")


class ReviewState(Model):
    id: str
    kind: Literal["BIRTH_NOTICE"] = "BIRTH_NOTICE"
    reasons: list[str]
    candidates: list[str] = Field(description="Children it may be about")
    notice: dict[str, Any]
    state: Literal["OPEN", "CLOSED"]
    opened_at: datetime
    decision: str | None = None
    child: str | None = None
    words: str = Field(default="", description="Of whoever decided")


class Reviews(Model):
    items: list[ReviewState]


class Decision(Model):
    decision: Literal["DISTINCT", "SAME", "REFUSED"] = Field(
        description="Another child; the same as `child`; no birth at all"
    )
    child: PersonCode | None = None
    words: Annotated[str, Field(max_length=2_000)] = ""


def add_birth_paths(app: FastAPI, register: PopulationRegister) -> None:
    kernel = register.kernel
    _add_notices(app, register)
    add_paper_paths(app, kernel)
    _add_births(app, kernel)
    _add_registration(app, kernel, register.deciding, register.archiving)
    _add_reviews(app, kernel)


def _add_notices(app: FastAPI, register: PopulationRegister) -> None:
    @app.post(
        "/birth-notices",
        operation_id="takeBirthNotice",
        status_code=201,
        response_model=NoticeTaken,
        response_model_exclude_none=True,
        openapi_extra=NOTICE_BODY,
        responses={
            200: {"model": NoticeTaken, "description": "The notice came before"},
            202: {"model": NoticeTaken, "description": "People decide"},
        },
    )
    async def take(request: Request, response: Response, usage: PersonalUsage) -> NoticeTaken:
        """A hospital's notice: Bundle of Patient, RelatedPerson, Encounter, signed by who gives it. Event: civil.child.recorded."""
        signed = parse_birth_notice(await read_notice_body(request, "invalid_birth_notice"))
        taken = await run_in_threadpool(_take, register, signed, usage)
        response.status_code = {"REPEATED": 200, "JOINED": 200, "REFUSED": 200, "REVIEW": 202}.get(
            taken.outcome, 201
        )
        return taken


def _take(register: PopulationRegister, signed: SignedNotice, usage: Usage) -> NoticeTaken:
    kernel = register.kernel
    with kernel.used("takeBirthNotice", usage) as use:
        use.concerns(*signed.notice.told_of)  # of a refusal, too
        kind: NoticeKind = "stillbirth" if signed.notice.stillborn else "birth"
        notified = register.notified(use, signed, kind, about=next(iter(signed.notice.told_of), None))
        if signed.notice.stillborn and signed.child is not None:
            raise CallerError("of a child that was recorded as living: /stillbirths", code="another_notice")
        answer = use.answered()
        if answer is None:
            answer = use.answer(take_notice(use, replace(signed.notice, notified=notified)))
        elif answer["outcome"] == "RECORDED":
            answer = {**answer, "outcome": "REPEATED"}
        return NoticeTaken(**answer)


def _add_births(app: FastAPI, kernel: Kernel) -> None:
    @app.get("/births/{child}", operation_id="getBirth", response_model_exclude_none=True)
    def get_birth(child: Code, usage: PersonalUsage) -> BirthState:
        """What is known of a birth, and everything that stands against its registration."""
        with kernel.used("getBirth", usage) as use:
            return _birth(kept_birth(use, read_birth(use, child)))

    @app.get("/births", operation_id="getBirths", response_model_exclude_none=True)
    def get_births(usage: PersonalUsage, parent: Annotated[str, Query(max_length=20)]) -> Births:
        """Births that were notified, of a mother, a father, or a man a notice names."""
        with kernel.used("getBirths", usage) as use:
            return Births(items=[_birth(kept_birth(use, birth)) for birth in births_of(use, parent)])

    @app.post("/births/{child}/paternity", operation_id="answerPaternity", response_model_exclude_none=True)
    def answer_paternity(child: Code, body: PaternityAnswer, usage: SaidByPerson) -> PaternityState:
        """One parent's acknowledgement or denial. Event when both have acknowledged: civil.paternity.acknowledged."""
        with kernel.used("answerPaternity", usage) as use:
            require_person(use, child)
            use.concerns(body.parent, body.father)
            answer = use.answered()
            if answer is None:
                said = acknowledge(use, child, **body.model_dump())
                answer = use.answer(_paternity(said).model_dump(mode="json"))
            return PaternityState(**answer)

    @app.post(
        "/births/{child}/paternity/before-official",
        operation_id="recordPaternity",
        response_model_exclude_none=True,
    )
    def record_paternity(
        child: Code, body: PaternityBefore, usage: PersonalUsage, desk: BeforeOfficial
    ) -> PaternityState:
        """What a parent said before the official who acts, and is none of the family. Event when both have acknowledged: civil.paternity.acknowledged."""
        with kernel.used("recordPaternity", usage) as use:
            use.concerns(child, body.parent, body.father)
            desk.ensure_for("recordPaternity")
            require_person(use, child)
            mother = read_birth(use, child).child.mother or body.parent
            use.concerns(mother)
            ensure_official(usage, (child, body.parent, body.father, mother))
            answer = use.answered()
            if answer is None:
                before = Presence(usage.user_id or "", body.document)
                said = body.model_dump(exclude={"document"})
                state = acknowledge(use, child, **said, before=before)
                answer = use.answer(_paternity(state).model_dump(mode="json"))
            return PaternityState(**answer)


def _add_registration(app: FastAPI, kernel: Kernel, deciding: Deciding, archiving: Archiving) -> None:
    @app.post(
        "/births/{child}/registration",
        operation_id="registerBirth",
        status_code=201,
        response_model=Registered,
        response_model_exclude_none=True,
        responses={200: {"model": Registered, "description": "It was registered with this name before"}},
    )
    def register(
        child: Code, body: Registration, usage: PersonalUsage, desk: AtDesk, response: Response
    ) -> Registered:
        """Enter the birth with its name, when nothing stands against it: by rule, or by the official who acts. Event: civil.birth.registered."""
        with kernel.used("registerBirth", usage) as use:
            desk.ensure_if(usage.actor is not None)
            require_person(use, child)
            answer, is_new = use.answered(), False
            if answer is None:
                birth, is_new = register_birth(use, deciding, child, body.name(), body.official.look())
                if is_new:
                    archiving.keep(use, birth)
                answer = use.answer(_registered(birth).model_dump(mode="json"))
            response.status_code = 201 if is_new else 200
            return Registered(**answer)

    @app.post("/births/{child}/return", operation_id="returnBirth")
    def send_back(child: Code, body: Return, usage: PersonalUsage, desk: AtDesk) -> Returned:
        """The official who acts sends the name back to the parents, with reasons: a decision with its record."""
        with kernel.used("returnBirth", usage) as use:
            desk.ensure_if(usage.actor is not None)
            require_person(use, child)
            answer = use.answered()
            if answer is None:
                made = return_birth(use, deciding, child, body.name(), body.reasons, body.official.look())
                answer = use.answer({"child": child, "decision": made})
            return Returned(**answer)


def _add_reviews(app: FastAPI, kernel: Kernel) -> None:
    @app.get("/reviews", operation_id="getReviews", response_model_exclude_none=True)
    def get_reviews(usage: PersonalUsage) -> Reviews:
        """Notices that people have to decide on, oldest first."""
        with kernel.used("getReviews", usage) as use:
            found = open_reviews(use)
            use.concerns(*(child for review in found for child in review.candidates))
            return Reviews(items=[_review(review) for review in found])

    @app.get("/reviews/{review_id}", operation_id="getReview", response_model_exclude_none=True)
    def get_review(review_id: Annotated[str, Path(max_length=64)], usage: PersonalUsage) -> ReviewState:
        with kernel.used("getReview", usage) as use:
            return _review(read_review(use, review_id))

    @app.post("/reviews/{review_id}/decision", operation_id="decideReview", response_model_exclude_none=True)
    def decide(
        review_id: Annotated[str, Path(max_length=64)], body: Decision, usage: PersonalUsage, desk: AtDesk
    ) -> ReviewState:
        """One child or two: only people say. A distinct child is recorded now. Event: civil.child.recorded."""
        with kernel.used("decideReview", usage) as use:
            desk.ensure()
            return _answered(use, lambda: _decide(use, review_id, body))


def _decide(use: Use, review_id: str, body: Decision) -> ReviewState:
    use.alone(f"review/{review_id}")
    review = read_review(use, review_id)
    ensure_official(use.usage, about(review))
    if review.state != "OPEN":
        raise CallerError("the review was decided before", code="review_is_closed")
    child = body.child
    if body.decision == "SAME":
        if child not in review.candidates:
            raise CallerError("one of the candidates", code="bad_request")
    elif body.decision == "DISTINCT":
        mother = read_notice(review.notice).mother.code
        if mother is None:
            raise CallerError("without the mother's code no child is recorded", code="unknown_person")
        require_person(use, mother)
        use.alone(f"births/{mother}")
        child = record_child(use, read_notice(review.notice))
    child = child if body.decision != "REFUSED" else None
    notice = read_notice(review.notice)
    if body.decision == "SAME" and child is not None and notice.is_paper:
        join_notice(use, child, notice)
    settle_paper(use, notice, child)
    return _review(close_review(use, review, body.decision, child, words=body.words))


def _answered(use: Use, act: Callable[[], ReviewState]) -> ReviewState:
    answer = use.answered()
    if answer is None:
        answer = use.answer(act().model_dump(mode="json"))
    return ReviewState(**answer)


def _birth(birth: Birth) -> BirthState:
    child, notice = birth.child, birth.notice
    return BirthState(
        child=child.code,
        born=child.born,
        born_at=notice.get("born_at"),
        sex=child.sex,
        birth_place=child.birth_place,
        hospital=notice.get("hospital"),
        notified=notice.get("notified"),
        multiple_birth=notice.get("order"),
        status=birth.status,  # type: ignore[arg-type]  # the closed set of `Birth`
        mother=child.mother,
        father=child.father,
        claimed_father=(notice.get("father") or {}).get("code"),
        given_names=child.given_names,
        family_name=child.family_name,
        registered_at=birth.registered_at,  # type: ignore[arg-type]  # ISO text, which pydantic reads
        decision=birth.decision,
        paternity=_paternity(birth.paternity),
        defects=[Fault(code=defect.code, detail=defect.detail) for defect in birth.defects],
        notes=[Fault(code=note.code, detail=note.detail) for note in birth.notes],
    )


def _paternity(paternity: Paternity) -> PaternityState:
    return PaternityState(
        status=paternity.status,  # type: ignore[arg-type]  # the closed set of `Paternity`
        father=paternity.father,
        answers=[
            ParentSaid.model_validate({name: said.get(name) for name in ParentSaid.model_fields})
            for said in paternity.answers
        ],
        waiting_for=list(paternity.waiting_for),
    )


def _registered(birth: Birth) -> Registered:
    child = birth.child
    return Registered(
        child=child.code,
        given_names=child.given_names or "",
        family_name=child.family_name or "",
        registered_at=birth.registered_at,  # type: ignore[arg-type]  # ISO text, which pydantic reads
        mother=child.mother,
        father=child.father,
        decision=birth.decision,
    )


def _review(review: Review) -> ReviewState:
    return ReviewState(**asdict(review))
