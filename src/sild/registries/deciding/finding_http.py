"""Paths of findings that the body answers: an official upholds one, and anybody asks what became of what it touched. Counts, nobody's data.

Closed by default: who may call them is an access right. Imported late: FastAPI takes its time.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, Path
from pydantic import Field

from sild.decisions import Became, became_of_findings
from sild.errors import CallerError
from sild.registries.deciding.deciding import Deciding
from sild.registries.deciding.finding_ripple import enter_page, uphold
from sild.registries.identity_codes import Country
from sild.registries.kernel import Usage
from sild.registries.kernel.asking import AtDesk
from sild.registries.kernel.http import AnyUsage, Model, PersonalUsage

__all__ = ["FINDING_ACTIONS", "FINDING_TITLES", "add_finding_paths"]

FINDING_TITLES: dict[str, tuple[int, str]] = {
    "not_your_finding": (403, "An official of the body upholds it, in its own case; no auditor does"),
}
FINDING_ACTIONS = {"upholdFinding": "A body agreed with a finding: what it touches is looked at again"}

FindingId = Annotated[str, Path(max_length=100)]


class Upheld(Model):
    """answer: which of the body's answers, from 1.  number: of the finding's case, for people.  after: of the page before."""

    answer: Annotated[int, Field(ge=1, le=9)]
    number: Annotated[str, Field(min_length=1, max_length=40)]
    country: Country
    after: Annotated[str, Field(pattern=r"^[0-9a-f-]{36}$")] | None = None


class Entered(Model):
    """entered: decisions that this page brought in; fewer than it has, or none, when it came before.  next: `after` of the next page."""

    entered: int
    next: str | None


class BecameOf(Model):
    """number: of the finding's case.  redecided: another decision took the place.  waiting: for a rule or for people.  unchanged: looked at, and as they were."""

    number: str
    redecided: int
    waiting: int
    unchanged: int


class BecameOfAll(Model):
    items: list[BecameOf]


def add_finding_paths(app: FastAPI, deciding: Deciding) -> None:
    """titles and actions: `FINDING_TITLES`, `FINDING_ACTIONS`."""

    @app.post("/findings/{finding}/upheld", operation_id="upholdFinding")
    def upheld(finding: FindingId, given: Upheld, usage: PersonalUsage, desk: AtDesk) -> Entered:
        """By an official of the body, in the finding's case (`X-Road-Issue`): the decisions it touches are entered, a page at a time."""
        is_auditor = _is_auditor(deciding, usage)
        with deciding.kernel.used("upholdFinding", usage) as use:
            desk.ensure()
            said = use.answered()
            if said is None:
                if is_auditor:
                    raise CallerError(
                        "who supervises the body does not answer for it", code="not_your_finding"
                    )
                found = uphold(deciding, use, finding, answer=given.answer, number=given.number)
                entered, after = enter_page(deciding, use, found, after=given.after, country=given.country)
                said = {"entered": entered, "next": after}
                use.answer(said)
            return Entered(**said)

    @app.get("/findings", operation_id="getUpheldFindings")
    def everything(usage: AnyUsage) -> BecameOfAll:
        """The newest first."""
        with deciding.kernel.used("getUpheldFindings", usage) as use:
            return BecameOfAll(items=[_told(one) for one in became_of_findings(use.connection)])

    @app.get("/findings/{finding}", operation_id="getUpheldFinding")
    def one(finding: FindingId, usage: AnyUsage) -> BecameOf:
        with deciding.kernel.used("getUpheldFinding", usage) as use:
            found = became_of_findings(use.connection, finding)
            if not found:
                raise CallerError("no such finding is upheld", code="unknown_finding")
            return _told(found[0])


def _told(one: Became) -> BecameOf:
    return BecameOf(number=one.number, redecided=one.redecided, waiting=one.waiting, unchanged=one.unchanged)


def _is_auditor(deciding: Deciding, usage: Usage) -> bool:
    """Whether the one who acts has a mandate over this body now. Asks the keeper: before the use begins. Raises Unavailable."""
    supervision, person = deciding.supervision, usage.user_id
    if supervision is None or usage.actor is None or person is None or usage.issue is None:
        return False
    body = "/".join(deciding.authority.split("/")[1:3])
    return any(one.scope.covers_body(body) for one in supervision.mandates.of(person, usage.issue))
