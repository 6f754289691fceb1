"""The decision record of a plan of places: facts, both numbers, what was on the screen, for how long, and who decided."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

from sild.cases.case import Case, Taken
from sild.catalogue import Profile, PublicService, Screen
from sild.decisions import (
    Algorithm,
    Competence,
    Consideration,
    DecisionStore,
    Draft,
    HumanStep,
    Input,
    LegalBasis,
    ModelCall,
    Office,
    Outcome,
    OutcomeItem,
    Reason,
    Secret,
    Subject,
    Unknown,
    hearing_of,
    office_by_law,
    planned_delivery,
    remedy_of,
    retention_of,
    sha256_of,
)

__all__ = ["ALGORITHM", "draft_of"]

ALGORITHM = "kindergarten-demand"
PROCEDURE = "urn:sild:service:kindergarten_plan"
FIELDS = ("demand", "places", "waiting", "born", "moved_in", "moved_out", "new_dwellings", "dwellings")


def draft_of(
    case: Case,
    taken: Taken,
    store: DecisionStore,
    profile: Profile,
    service: PublicService,
    screen: Screen,
    authority: str,
) -> Draft:
    """taken: DECIDE.  screen: on which it was decided.  authority: `SILD/GOV/70000005`, as in the certificate of its seal.

    Pure but for the pseudonyms. The subject is the commune: nobody's data are in it.
    """
    today = profile.day(taken.at)
    office = office_by_law(profile, f"{service.authority}@{case.data['commune']}", today)
    decided, told = taken.data, taken.data["suggestion"]
    assisted = told["kind"] == "number"
    call_id = f"{case.id}/{taken.seq}/model"
    returned = decided["decision"] == "return"
    effect: Literal["hold", "grant"] = "hold" if returned else "grant"
    law = service.legal_resources[0]
    return Draft(
        kind="model_assisted" if assisted else "human",
        automation=2 if assisted else 0,
        effect=effect,
        discretion="structured",
        authority=authority,
        competence=Competence(
            law=law.title,
            article=law.article,
            delegation=office.order,
            division=case.data["commune"],
            valid_on=today,
        ),
        procedure=PROCEDURE,
        case=case.id,
        step=taken.name,
        algorithm=Algorithm(id=ALGORITHM, version=str(told["model"]["version"])) if assisted else None,
        subjects=(Subject(ref=store.pseudonym(f"commune/{case.data['commune']}"), role="commune"),),
        legal_basis=(
            LegalBasis(instrument=law.title, article=law.article, version_date=law.version_date, uri=law.uri),
        ),
        purpose="kindergarten_plan",
        inputs=(*_facts(case), *((_model_input(told, call_id),) if assisted else ())),
        unknowns=_unknowns(case),
        model_calls=(_model_call(told, call_id),) if assisted else (),
        human=tuple(_human(case, taken, store, office)),
        considerations=(
            Consideration(
                code="provisional",
                article=profile.ground("discretion"),
                text=Secret(secret=decided["provisional_reason"]),
            ),
            Consideration(
                code="final",
                article=profile.ground("discretion"),
                text=Secret(secret=decided["considerations"]),
            ),
        ),
        hearing=hearing_of(profile, effect, official=True),
        reasons=(
            Reason(
                code=decided["reason_code"],
                article=law.article,
                text=_reason(screen, decided["reason_code"], decided["considerations"]),
                origin="official",
            ),
        ),
        outcome=Outcome(
            type="kindergarten_plan",
            items=()
            if returned
            else (OutcomeItem(name=f"places {case.data['year']}", type="int", value=decided["places"]),),
        ),
        remedy=remedy_of(profile, today, authority) if "challenge" in profile.remedies else None,
        delivery=planned_delivery(),
        in_force=today,
        retention=retention_of(profile, today),
    )


def _reason(screen: Screen, code: str, said: str) -> dict[str, Secret]:
    """The reason that was chosen, as the screen has it in each language, and the official's own words, in theirs."""
    label = next(
        option.label
        for field in screen.fields()
        if field.name == "reason"
        for option in field.options
        if option.value == code
    )
    return {language: Secret(secret=f"{text}: {said}") for language, text in label.items()}


def _facts(case: Case) -> list[Input]:
    gathered = case.last("GATHER")
    if gathered is None:
        return []
    return [
        Input(
            name=f"communes/{row['commune']}/{field}/{row['year']}",
            type="int",
            value=row[field],
            register="education",
            message_id=gathered.data["message_id"],
            valid_at=date(row["year"], 1, 1),
            fetched_at=gathered.at,
            quality="registered",
        )
        for row in gathered.data["rows"]
        for field in FIELDS
    ]


def _unknowns(case: Case) -> tuple[Unknown, ...]:
    missing = case.given("GATHER").get("missing")
    return (Unknown(name="statistics", asked_of="education", blocking=False),) if missing else ()


def _said(told: Any) -> list[str]:  # a suggestion
    """What the model said, as it stands in the record: number, interval, and each term's part, in places."""
    parts = [f"{part['term']}={part['tenths'] / 10:.1f}" for part in told["parts"]]
    return [
        f"places={told['total'] / 10:.1f}",
        f"low={told['low']}",
        f"high={told['high']}",
        f"base={told['base'] / 10:.1f}",
        f"intercept={told['intercept'] / 10:.1f}",
        *parts,
    ]


def _model_input(told: Any, call_id: str) -> Input:  # a suggestion
    return Input(
        name=f"models/{ALGORITHM}/places",
        type="list",
        value=_said(told),
        message_id=call_id,
        asserted_by="model",
        quality=", ".join(f"{one['feature']} {one['level']}" for one in told["drift"]) or "in range",
    )


def _model_call(told: Any, call_id: str) -> ModelCall:  # a suggestion
    model = told["model"]
    return ModelCall(
        call_id=call_id,
        purpose="kindergarten_plan",
        provider="sild",
        model=model["id"],
        reported_version=str(model["version"]),
        location="own process",
        parameters={f"feature.{name}": value for name, value in told["features"].items()},
        template_id=f"{model['id']}/{model['version']}/model.json",
        template_sha256=model["sha256"],
        input_classes=("statistics",),
        output_sha256=sha256_of(_said(told)),
        validation="in_range",
        used_as_input=True,
    )


def _human(case: Case, taken: Taken, store: DecisionStore, office: Office) -> list[HumanStep]:
    """Both looks: at the facts alone, and with the suggestion. seconds: by the server's clock, from when each could be seen."""
    decided = taken.data
    view = next(
        one for one in reversed(case.actions) if one.name == "ESTIMATE" and one.person == taken.person
    )
    begun = max(
        (
            one.at
            for one in case.actions
            if one.seq < view.seq
            and (one.name == "GATHER" or (one.name == "TAKE" and one.person == view.person))
        ),
        default=view.at,
    )
    official = store.pseudonym(taken.person)
    return [
        HumanStep(
            official=official,
            role=view.role,
            qualification=office.qualification,
            device_posture=view.data["posture"],
            view_sha256=decided["estimate_view_sha256"],
            provisional_view=decided["provisional"],
            action="confirm",
            reason_code="provisional_view",
            reason_text=Secret(secret=decided["provisional_reason"]),
            seconds=int((view.at - begun).total_seconds()),
        ),
        HumanStep(
            official=official,
            role=taken.role,
            qualification=office.qualification,
            device_posture=decided["posture"],
            view_sha256=decided["view_sha256"],
            provisional_view=decided["provisional"],
            action=decided["decision"],
            reason_code=decided["reason_code"],
            reason_text=Secret(secret=decided["considerations"]),
            seconds=int((taken.at - view.at).total_seconds()),
        ),
    ]
