"""The REST interface of a register that follows people's homes: what it keeps of a person, on a day."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from fastapi import FastAPI, Path

from sild.registries.following.duties import Duty
from sild.registries.following.register import FollowingRegister
from sild.registries.kernel import Fact, Use
from sild.registries.kernel.fact_paths import FACT_ACTIONS, FACT_TITLES, add_fact_paths
from sild.registries.kernel.http import Concept, Model, PersonalUsage, SelfDescription, register_app
from sild.registries.moving import HOME_CHANGE_KIND
from sild.registries.sources import ensure_code

__all__ = ["make_app"]

ACTIONS = {
    "getFacts": "All data with their sources were looked up",
    "getStanding": "What follows from the person's home was looked up",
}
Code = Annotated[str, Path(max_length=30, examples=["49001010005"])]


class Standing(Model):
    """Of one day. value: None when nothing is known of it."""

    person: str
    on: date
    value: Any = None
    valid_from: date | None = None
    source: str | None = None
    basis: str | None = None
    fact: int | None = None


def make_app(register: FollowingRegister, *, url: str | None = None) -> FastAPI:
    duty = register.duty
    app = register_app(
        register.kernel,
        _description(duty),
        titles=FACT_TITLES,
        actions={**FACT_ACTIONS, **ACTIONS},
        kinds={"getStanding": (duty.kind.concept,)},
        apply_event=register.apply_event,
        url=url,
    )
    kinds = (duty.kind, HOME_CHANGE_KIND)
    add_fact_paths(app, register.kernel, kinds, ensure_person=ensure_code, worded=_worded)

    @app.get("/persons/{code}/standing", operation_id="getStanding", response_model_exclude_none=True)
    def get_standing(code: Code, usage: PersonalUsage, on: date | None = None) -> Standing:
        """What this body keeps of the person, as it holds on a day (today)."""
        day = on or register.kernel.today
        held = register.standing(code, usage, on=day)
        if held is None:
            return Standing(person=code, on=day)
        return Standing(
            person=code,
            on=day,
            value=held.value,
            valid_from=held.valid_from,
            source=held.provenance.source,
            basis=held.provenance.basis,
            fact=held.origin,
        )

    return app


def _description(duty: Duty) -> SelfDescription:
    return SelfDescription(
        duty.register,
        dict(duty.title),
        duty.publisher,
        (
            Concept(duty.kind.concept, duty.kind.description),
            Concept(HOME_CHANGE_KIND.concept, HOME_CHANGE_KIND.description),
        ),
    )


def _worded(_use: Use, fact: Fact) -> str | None:
    """The place by its name; of those who live abroad, the country; of a permit the vehicle and the zone, too."""
    value = fact.value
    if not isinstance(value, dict) or "division" not in value:
        return None
    if "plate" in value:
        return ", ".join(str(value[part]) for part in ("plate", "zone", "name"))
    return value.get("name") or value.get("country")
