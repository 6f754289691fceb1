"""The path on which an official has decided anew what they overturned. Imported late: FastAPI takes its time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from fastapi import FastAPI, Path
from pydantic import Field, model_validator

from sild.errors import CallerError
from sild.registries.deciding.anew import ByHand, decide_by_rule
from sild.registries.deciding.answers import official_of_contest
from sild.registries.deciding.deciding import Deciding
from sild.registries.deciding.looks import Look
from sild.registries.deciding.ripple import take_up
from sild.registries.identity_codes import Country
from sild.registries.kernel import Use
from sild.registries.kernel.asking import AtDesk
from sild.registries.kernel.http import Model, PersonalUsage

__all__ = ["ANEW_ACTIONS", "ANEW_TITLES", "add_anew_paths"]

ANEW_TITLES: dict[str, tuple[int, str]] = {
    "not_overturned": (409, "The decision was not overturned in this contest"),
    "superseded_already": (409, "Another decision has taken its place"),
    "not_by_hand": (409, "Nothing of this is decided by hand"),
    "not_an_outcome": (400, "Not a line of the outcome that rules gave"),
    "not_its_kind": (400, "Not a value that the rules give there"),
}
ANEW_ACTIONS = {"decideAnew": "A decision that was overturned was decided anew"}

Words = Annotated[str, Field(min_length=1, max_length=4_000)]


class Reasons(Model):
    et: Words
    vi: Words
    en: Words


class NewDecision(Model):
    """by: `rule`, from the facts as they are now, or `hand`; then with all that follows.

    values: of lines of the outcome, `mother/parental_benefit/ETERNITY`, those that are another; the rest stays as it was.
    considerations: what was weighed.  view_sha256: of what was on the screen.  posture: of the device.
    """

    by: Literal["rule", "hand"]
    country: Country
    contested_by: Annotated[str, Field(pattern=r"^[0-9]{11,12}$")]
    values: Annotated[Mapping[str, str | int | bool], Field(max_length=100)] = {}
    considerations: Annotated[str, Field(max_length=4_000)] = ""
    reasons: Reasons | None = None
    view_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    posture: Annotated[str, Field(max_length=20)] = ""
    seconds: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _whole(self) -> NewDecision:
        if self.by == "hand" and not (self.values and self.considerations.strip() and self.reasons):
            raise ValueError("by hand: values, what was weighed, and reasons in three languages")
        return self


class DecidedAnew(Model):
    """decision: that took the place of `supersedes`; null: the rules are at it, and `GET /decisions/{id}` tells what comes of it."""

    supersedes: str
    decision: str | None


def add_anew_paths(app: FastAPI, deciding: Deciding) -> None:
    """titles and actions: `ANEW_TITLES`, `ANEW_ACTIONS`."""

    @app.post("/decisions/{decision}/contests/{contest}/anew", operation_id="decideAnew")
    def decide_anew(
        decision: Annotated[str, Path(pattern=r"^[0-9a-f-]{36}$")],
        contest: Annotated[str, Path(max_length=100)],
        new: NewDecision,
        usage: PersonalUsage,
        desk: AtDesk,
    ) -> DecidedAnew:
        """From the case of the contest (`X-Road-Issue`) that overturned it, by an official who had no part in it."""
        with deciding.kernel.used("decideAnew", usage) as use:
            desk.ensure()
            said = use.answered()
            if said is None:
                said = {"decision": _decide(deciding, use, decision, contest, new)}
                use.answer(said)
            return DecidedAnew(supersedes=decision, decision=said["decision"])


def _decide(deciding: Deciding, use: Use, decision: str, contest: str, new: NewDecision) -> str | None:
    """The decision in its place; None: the rules are at it."""
    old = deciding.store.find(use.connection, decision).record
    official = official_of_contest(deciding, use, old, contest)
    use.concerns(new.contested_by)
    standing = deciding.store.standing(use.connection, decision)
    if standing != "overturned":
        code = "superseded_already" if standing == "superseded" else "not_overturned"
        raise CallerError(f"the decision {standing}", code=code)
    if new.by == "rule" or new.reasons is None:
        decide_by_rule(deciding, use, old, contest)
        return None
    hand = ByHand(
        official=official,
        country=new.country,
        values=new.values,
        considerations=new.considerations,
        reasons=new.reasons.model_dump(),
        look=Look(view_sha256=new.view_sha256, posture=new.posture, seconds=new.seconds),
    )
    record = deciding.decides_by_hand(use, old, hand)
    if record is None:
        raise CallerError("nothing of this is decided by hand", code="not_by_hand")
    take_up(deciding, use, decision, f"contest/{contest}")
    return str(record.id)
