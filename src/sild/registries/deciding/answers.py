"""The answer to a contest as a decision of its own: by the body that decided, under its seal, in the case of the contest.

A person decided it: whoever answers has looked at the facts without the outcome and said what they conclude (HMS § 76; the case
system sees to it), and both that view and the reasons stand in the record, sealed.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from sild.decisions import (
    Competence,
    DecisionRecord,
    Draft,
    HumanStep,
    Input,
    Outcome,
    OutcomeItem,
    Reason,
    Secret,
    Stored,
    hearing_of,
    planned_delivery,
    remedy_of,
)
from sild.errors import CallerError
from sild.registries.deciding.deciding import Deciding
from sild.registries.deciding.representing import representation_of
from sild.registries.identity_codes import Country
from sild.registries.kernel import Use
from sild.registries.kernel.http import Model
from sild.registries.profiles import profile

__all__ = ["ContestAnswer", "answer_of", "official_of_contest"]

PROCEDURE = "urn:sild:service:contest"
STEP = "contest"


class ContestAnswer(Model):
    """contested_by: identity code of whom the answer is for; others whom the decision is about read what comes of it, not the reasons.

    view: what the official concluded from the facts, before seeing the outcome.  reasons: of the answer, in `language`.

    view_sha256: of what was on the screen when they answered.  posture: of their device.  seconds: since they had seen the outcome.
    """

    country: Country
    contested_by: Annotated[str, Field(pattern=r"^[0-9]{11,12}$")]
    language: Literal["et", "vi", "en"]
    view: Annotated[str, Field(max_length=2_000)]
    reasons: Annotated[str, Field(min_length=1, max_length=4_000)]
    view_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    posture: Annotated[str, Field(max_length=20)]
    seconds: Annotated[int, Field(ge=0)]


def official_of_contest(deciding: Deciding, use: Use, contested: DecisionRecord, contest: str) -> str:
    """Who acts. Raises CallerError `unknown_contest`, `not_your_contest`: another case, nobody, who decided it, or one it is about."""
    if not deciding.store.is_contested(use.connection, contested.id, by=contest):
        raise CallerError("no such contest of this decision", code="unknown_contest")
    actor = use.usage.actor
    known = None if actor is None else deciding.store.pseudonym(actor)
    others = {one.ref for one in contested.subjects} | {step.official for step in contested.human}
    if use.usage.issue != contest or actor is None or known in others:
        raise CallerError(
            "answered in the case of the contest (X-Road-Issue), by an official who did not decide it",
            code="not_your_contest",
        )
    return actor


def answer_of(
    deciding: Deciding, use: Use, contested: Stored, contest: str, answer: ContestAnswer, *, overturned: bool
) -> Draft:
    """contested: the decision that is upheld or overturned; whoever asks is the official.

    Raises CallerError (`not_your_contest`): the decision is not about whom the answer is for.
    """
    record, law = contested.record, profile(answer.country)
    office = deciding.officials.office_of(use.usage.actor, use.today)
    heard = [one for one in deciding.store.contests_of(use.connection, record.id) if one[0] == contest]
    code = "contest_overturned" if overturned else "contest_upheld"
    article = law.ground("contest")
    reader = deciding.store.pseudonym(answer.contested_by)
    subjects = tuple(one for one in record.subjects if one.ref == reader)
    if not subjects:
        raise CallerError("the decision is about others", code="not_your_contest")
    return Draft(
        kind="human",
        automation=0,
        effect="correct" if overturned else "refuse",
        discretion="bound",
        authority=deciding.authority,
        competence=Competence(
            law=record.competence.law,
            article=article,
            delegation=None if office is None else office.order,
            division=None if office is None else office.division,
            valid_on=use.today,
        ),
        procedure=PROCEDURE,
        case=contest,
        step=STEP,
        subjects=subjects,
        representation=representation_of(deciding.store, use.usage),
        legal_basis=record.legal_basis,
        purpose=STEP,
        inputs=(
            Input(
                name="contested/decision",
                type="text",
                value=str(record.id),
                register=deciding.exchanged_by,
                valid_at=use.day_of(record.decided_at),
                quality="registered",
            ),
            Input(
                name="contested/record_sha256",
                type="text",
                value=record.sha256,
                register=deciding.exchanged_by,
                valid_at=use.day_of(record.decided_at),
                quality="registered",
            ),
        ),
        human=(
            HumanStep(
                official=deciding.store.pseudonym(use.usage.actor or ""),
                role="contest",
                qualification=None if office is None else office.qualification,
                device_posture=answer.posture,
                view_sha256=answer.view_sha256,
                provisional_view=Secret(secret=answer.view),
                action="override" if overturned else "confirm",
                reason_code=code,
                reason_text=Secret(secret=answer.reasons),
                seconds=answer.seconds,
            ),
        ),
        hearing=hearing_of(law, "correct" if overturned else "refuse", official=True, contests=heard),
        reasons=(
            Reason(
                code=code,
                article=article,
                inputs=("contested/decision",),
                text={answer.language: Secret(secret=answer.reasons)},
                origin="official",
            ),
        ),
        outcome=Outcome(
            type=STEP, items=(OutcomeItem(name="contest_overturned", type="bool", value=overturned),)
        ),
        remedy=remedy_of(law, use.today, deciding.authority),
        delivery=planned_delivery(),
        in_force=use.today,
        retention=record.retention,
    )
