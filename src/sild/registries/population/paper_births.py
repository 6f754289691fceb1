"""A birth that an office wrote on paper under a number it had reserved: its record opened as by a hospital's notice.

The number is the notice's: the same paper again is the same birth. What people have to say about it (`reviews.py`) they say as of any notice.
"""

from __future__ import annotations

import hashlib
import json
from datetime import date, datetime, time
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from fastapi import FastAPI, Path, Response
from pydantic import Field

from sild.errors import CallerError
from sild.registries.identity_codes import Sex, parse_identity_code
from sild.registries.kernel import Kernel, Use
from sild.registries.kernel.asking import AtDesk
from sild.registries.kernel.http import Model, PersonalUsage
from sild.registries.kernel.matters import ensure_official
from sild.registries.population.birth_notice import PAPER, BirthNotice, RelatedName
from sild.registries.population.births import notice_outcome, take_notice
from sild.registries.profiles import profile

__all__ = ["PAPER_TITLES", "add_paper_paths", "settle_paper"]

PAPER_TITLES: dict[str, tuple[int, str]] = {
    "unknown_ground": (400, "No such ground of a birth"),
    "unknown_paper": (404, "No such paper"),
}
NUMBER = r"^[A-Z]-[0-9]{4}-[0-9]{6}$"
Words = Annotated[str, Field(min_length=1, max_length=100)]
Number = Annotated[str, Field(pattern=NUMBER, examples=["S-2026-000101"])]


class Named(Model):
    """A parent as the paper names them."""

    code: Annotated[str, Field(max_length=20)] | None = None
    given_names: Words | None = None
    family_name: Words | None = None

    def name(self) -> RelatedName:
        return RelatedName(self.code, self.family_name, self.given_names)


class BirthPaper(Model):
    number: Number = Field(description="That the office had reserved")
    country: Literal["EE", "VN"] = Field(description="Of the office, whose law says on which grounds")
    sex: Sex
    born: date
    hour: time | None = None
    order: Annotated[int, Field(ge=1, le=9)] | None = Field(default=None, description="Which of the twins")
    place: Words
    mother: Named
    father: Named | None = None
    ground: Annotated[str, Field(max_length=30)] = Field(
        description="Of the country's profile, `birth_grounds`"
    )
    attended_by: Words = Field(description="Who attended or testifies")
    given_names: Words | None = None
    family_name: Words | None = None


class PaperTaken(Model):
    outcome: Literal["RECORDED", "JOINED", "REPEATED", "REVIEW", "REFUSED", "STILLBORN"]
    child: str | None = Field(default=None, description="The child's identity code")
    review: str | None = Field(default=None, description="The case people have to decide")
    reasons: list[str] | None = None


def add_paper_paths(app: FastAPI, kernel: Kernel) -> None:
    @app.post(
        "/birth-papers",
        operation_id="takeBirthPaper",
        status_code=201,
        response_model_exclude_none=True,
        responses={200: {"model": PaperTaken, "description": "The paper came before, or the child is known"}},
    )
    def take(body: BirthPaper, usage: PersonalUsage, desk: AtDesk, response: Response) -> PaperTaken:
        """A birth an office wrote down under a reserved number, by the official who acts and is none of the family. Event: civil.child.recorded."""
        with kernel.used("takeBirthPaper", usage) as use:
            parents = [one.code for one in (body.mother, body.father) if one is not None and one.code]
            use.concerns(*parents)
            desk.ensure()
            ensure_official(usage, parents)
            answer = use.answered()
            if answer is None:
                answer = use.answer(take_notice(use, _notice(body, use.at)))
            response.status_code = 201 if answer["outcome"] == "RECORDED" else 200
            return PaperTaken(**answer)

    @app.get("/birth-papers/{number}", operation_id="getBirthPaper", response_model_exclude_none=True)
    def get_paper(number: Annotated[str, Path(max_length=20)], usage: PersonalUsage) -> PaperTaken:
        """What became of a paper that was told of."""
        with kernel.used("getBirthPaper", usage) as use:
            found = notice_outcome(use, _key(number))
            if found is None:
                raise CallerError("no paper with this number was told of", code="unknown_paper")
            return PaperTaken(**found)


def settle_paper(use: Use, notice: BirthNotice, child: str | None) -> None:
    """People have said what a doubtful paper is: the office that handed it in goes on with it. Event: civil.paper.settled."""
    if notice.is_paper:
        subject = child or notice.mother.code or notice.value
        use.publish("civil.paper.settled", subject, {"paper": notice.value})


def _key(number: str) -> str:
    return hashlib.sha256(f"{PAPER}|{number}".encode()).hexdigest()[:40]


def _notice(paper: BirthPaper, at: datetime) -> BirthNotice:
    """Raises CallerError (`unknown_ground`; `invalid_birth_notice`, a code of the other sex), InvalidIdentityCode."""
    law = profile(paper.country)
    if paper.ground not in {one.code for one in law.birth_grounds}:
        raise CallerError("the law knows no such ground of a birth", code="unknown_ground")
    mother, father = paper.mother.name(), paper.father.name() if paper.father is not None else None
    for parent, wanted in ((mother, "F"), (father, "M")):
        if parent is not None and parent.code and parse_identity_code(parent.code).sex != wanted:
            raise CallerError("a parent's code is of the other sex", code="invalid_birth_notice")
    said = json.dumps(paper.model_dump(mode="json"), sort_keys=True)
    hour = paper.hour
    return BirthNotice(
        system=PAPER,
        value=paper.number,
        sent_at=at,
        sex=paper.sex,
        born=paper.born,
        born_at=None if hour is None else datetime.combine(paper.born, hour, ZoneInfo(law.zone)),
        order=paper.order,
        stillborn=False,
        mother=mother,
        father=father,
        hospital=None,
        place=paper.place,
        digest=hashlib.sha256(said.encode()).hexdigest(),
        ground=paper.ground,
        attended_by=paper.attended_by,
        given_names=paper.given_names,
        family_name=paper.family_name,
    )
