"""Kindergarten places of a commune for a year: an official decides; a model may say its number after the official said theirs.

    OPENED ──GATHER──▶ READY ──ESTIMATE──▶ ESTIMATED ──DECIDE──▶ DECIDED
                         ▲                     └─ decision `return` ─▶ RETURNED ──GATHER──▶ READY

The calendar opens a case for each commune and year. GATHER fetches the published statistics: counts, nobody's data. ESTIMATE keeps
the official's provisional view and, in the same transaction, what the model says: before that it is computed nowhere and sent to
nobody, and who has not written down a view of their own does not see it (DECISIONS.md, field 8; docs/models.md). DECIDE leaves a
decision record. With no model, or inputs it was not trained on, everything is the same without its number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from babel.numbers import format_decimal

from sild.cases.actor import Actor, Reader
from sild.cases.case import Case, Taken
from sild.cases.packs import Packs
from sild.cases.plan_models import HeldModel
from sild.cases.plan_record import draft_of
from sild.cases.plan_suggestion import drift_in, explained, suggestion_of
from sild.cases.process import (
    OPENED,
    Asking,
    Effects,
    Given,
    Job,
    JobFunction,
    Opening,
    Process,
    Rule,
    Waiting,
    Work,
)
from sild.cases.refusals import Refused
from sild.cases.views import Explained, FactLine
from sild.catalogue import Defect, Profile
from sild.decisions import sha256_of
from sild.errors import CallerError
from sild.i18n import Speaker, Texts

__all__ = ["KindergartenPlan"]

EDUCATION = "education"
CONCEPT = "commune.kindergarten_statistics"
YEARS = 5
DRIFT_YEARS = 4  # of all communes: what the features of one year are made from
MOST = 100_000
AGAIN = timedelta(days=1)
"""After a return the figures are fetched anew the next day: who keeps them has had time to look."""
DECIDE = "kindergarten_plan.decide"
STAFF = ("official", "supervisor")


class KindergartenPlan(Process):
    """communes: codes of the divisions whose places are planned here.  model: None: the desk works without it."""

    service = "kindergarten_plan"
    rules = (
        Rule("GATHER", by=("state",), when=(OPENED, "RETURNED"), to="READY"),
        Rule("ESTIMATE", by=STAFF, when=("READY", "ESTIMATED"), to="ESTIMATED", screen="kindergarten_plan.estimate"),
        Rule("DECIDE", by=STAFF, when=("ESTIMATED",), to="DECIDED", screen="kindergarten_plan.decide"),
    )  # fmt: skip
    waiting = (
        Waiting("kindergarten_plan.estimate", "official", ("READY",)),
        Waiting("kindergarten_plan.estimate", "official", ("ESTIMATED",), deadline="kindergarten_plan.decide"),
        Waiting("kindergarten_plan.decide", "official", ("ESTIMATED",), deadline="kindergarten_plan.decide"),
    )  # fmt: skip
    closed = ("DECIDED",)

    def __init__(
        self, packs: Packs, communes: Sequence[str], model: HeldModel | None, *, authority: str
    ) -> None:
        """authority: that decides, `SILD/GOV/70000005`. Raises CallerError (`no_legal_ground`)."""
        service = packs.services[self.service]
        self._service = service
        self._register = f"{service.owner}/{EDUCATION}"
        self._ground = service.ground_of(CONCEPT)
        self._communes = tuple(communes)
        self._model = model
        self._authority = authority
        self._profile = packs.profile
        self._screens = packs.screens
        self._texts = Texts(packs.profile.languages, packs.texts)

    # --- the state

    def due(self, profile: Profile, today: date) -> Mapping[str, Opening]:
        year = today.year + 1
        names = {division.code: division.name for division in profile.divisions}
        return {
            f"{code}/{year}": Opening(
                office=f"kindergarten@{code}",
                data={"commune": code, "name": names.get(code, code), "year": year},
            )
            for code in self._communes
        }

    def status(self, status: str, taken: Taken, before: Case) -> str:
        if taken.name == "DECIDE" and taken.data["decision"] == "return":
            return "RETURNED"
        return super().status(status, taken, before)

    def after(self, case: Case, taken: Taken) -> Effects:
        match taken.name:
            case "OPEN":
                return Effects(jobs=(Job("gather"),))
            case "DECIDE":
                again = taken.data["decision"] == "return"
                return Effects(
                    jobs=(Job("gather", at=taken.at + AGAIN, key=str(taken.seq)),) if again else (),
                    decision=lambda store: draft_of(
                        case,
                        taken,
                        store,
                        self._profile,
                        self._service,
                        self._screens[DECIDE],
                        self._authority,
                    ),
                )
        return Effects()

    def jobs(self) -> Mapping[str, JobFunction]:
        return {"gather": self.gather}

    async def gather(self, work: Work) -> None:
        """The commune's figures, and those of all to see whether they drifted. A register that is down is asked until it answers."""
        assert work.case is not None
        commune = work.case.data["commune"]
        told: dict[str, Any] = {"rows": [], "drift": [], "counted_on": None, "message_id": None}
        try:
            path = f"/places/statistics?commune={commune}&years={YEARS}"
            own = await work.call("own", EDUCATION, "GET", path, basis=self._ground)
            told |= {
                "rows": own.json["items"],
                "counted_on": own.json["counted_on"],
                "message_id": own.message_id,
            }
            path = f"/places/statistics?years={DRIFT_YEARS}"
            every = await work.call("every", EDUCATION, "GET", path, basis=self._ground)
            told["drift"] = drift_in(self._model, _with_history(every.json["items"], own.json["items"]))
        except CallerError as refusal:  # the register has no such figures; the official plans without them
            told["missing"] = refusal.code
        await work.act("gathered", "GATHER", told)

    # --- the official

    async def check(
        self, case: Case, rule: Rule, values: Mapping[str, Any], actor: Actor, asking: Asking
    ) -> Given:
        if rule.name == "ESTIMATE":
            return self._estimate(case, values, actor)
        return self._decide(case, values, actor)

    def _estimate(self, case: Case, values: Mapping[str, Any], actor: Actor) -> Given:
        """The view and, with it, what the model says; once for each official and set of figures."""
        if _own_view(case, actor.person) is not None:
            raise Refused("your view is kept already", code="already_done")
        places = _number(values["places"])
        if places is None:
            return Given({}, (Defect("places", "not_a_number"),))
        gathered = case.given("GATHER")
        told = suggestion_of(self._model, gathered["rows"], case.data["year"], gathered["drift"])
        view = {"places": places, "reason": values["reason"], "suggestion": told}
        return Given({**view, **self._screen(case, "kindergarten_plan.estimate", actor)})

    def _decide(self, case: Case, values: Mapping[str, Any], actor: Actor) -> Given:
        view = _own_view(case, actor.person)
        if view is None:
            raise Refused("first your own view, then the decision", code="own_view_first")
        decision, places = values["decision"], view.data["places"]
        if decision == "change":
            changed = _number(values.get("places", ""))
            if changed is None:
                return Given({}, (Defect("places", "not_a_number"),))
            if changed == places:
                return Given({}, (Defect("places", "not_changed"),))
            places = changed
        return Given(
            {
                "decision": decision,
                "places": None if decision == "return" else places,
                "reason_code": values["reason"],
                "considerations": values["considerations"],
                "provisional": view.data["places"],
                "provisional_reason": view.data["reason"],
                "suggestion": view.data["suggestion"],
                "estimate_view_sha256": view.data["view_sha256"],
                **self._screen(case, "kindergarten_plan.decide", actor),
            }
        )

    def _screen(self, case: Case, screen: str, actor: Actor) -> dict[str, Any]:
        """What was in front of the official: language, device, and the hash of facts and explanation as they were shown."""
        language = self._texts.choose([actor.language])
        of = "suggestion"
        shown = {
            "screen": screen,
            "version": self._screens[screen].version,
            "language": language,
            "facts": [[line.concept, line.value] for line in self._lines(case, actor)],
            "explained": _plain(self.explained(case, of, actor)) if screen.endswith("decide") else None,
        }
        return {"language": language, "posture": actor.posture, "view_sha256": sha256_of(shown)}

    # --- what is shown

    def explained(self, case: Case, of: str, actor: Actor) -> Explained | None:
        """Nothing for whoever has not written down their own view of these figures."""
        view = _own_view(case, actor.person)
        if view is None:
            return None
        language = self._texts.choose([actor.language])
        own, year = view.data["places"], case.data["year"]
        return explained(self._model, view.data["suggestion"], own, year, self._say(actor), language)

    def seen_by_office(self, case: Case, taken: Taken, actor: Actor) -> Mapping[str, Any]:
        """Another official's view and what the model said to it stay with them until it is decided."""
        return {} if taken.name == "ESTIMATE" and case.status not in self.closed else taken.data

    def asks(self, case: Case, waiting: Waiting, person: str) -> bool:
        return (_own_view(case, person) is None) == waiting.screen.endswith("estimate")

    async def facts(
        self, case: Case, of: str, concepts: Sequence[str], actor: Actor, asking: Asking
    ) -> Sequence[FactLine] | None:
        return [line for line in self._lines(case, actor) if line.concept in concepts]

    def _lines(self, case: Case, actor: Actor) -> list[FactLine]:
        language = self._texts.choose([actor.language])
        gathered = case.last("GATHER")
        counted_on = gathered.data["counted_on"] if gathered is not None else None
        known = self._profile.day(gathered.at).isoformat() if gathered is not None else None
        rows = gathered.data["rows"] if gathered is not None else []

        def number(value: int) -> str:
            return str(format_decimal(value, locale=language))

        def line(concept: str, value: str | None) -> FactLine:
            reason = None if value is not None else "register_down" if gathered is None else "not_held"
            return FactLine(
                f"plan.{concept}",
                "commune",
                value,
                reason,
                self._register,
                valid_from=counted_on,
                known_from=known,
                basis=self._ground,
            )

        what = f"{case.data['name']}, {case.data['year']}"
        lines = [FactLine("plan.commune", "commune", what, register=self._register)]
        now = max(rows, key=lambda row: row["year"]) if rows else None
        names = ("demand", "history", "places", "waiting", "births", "moves", "ages", "dwellings")
        if now is None:
            return lines + [line(name, None) for name in names]
        history = "; ".join(f"{row['year']}: {number(row['demand'])}" for row in rows)
        values = {
            "demand": number(now["demand"]),
            "history": history,
            "places": number(now["places"]),
            "waiting": number(now["waiting"]),
            "births": "; ".join(f"{row['year'] - 1}: {number(row['born'])}" for row in rows),
            "moves": f"+{number(now['moved_in'])} −{number(now['moved_out'])}",
            "ages": " · ".join(f"{age}: {number(count)}" for age, count in enumerate(now["ages"])),
            "dwellings": number(now["new_dwellings"]),
        }
        return lines + [line(name, values[name]) for name in names]

    def results(self, case: Case, role: str, reader: Reader) -> Mapping[str, Any]:
        decided = case.given("DECIDE")
        if not decided or case.status not in self.closed:
            return {}
        told = decided["suggestion"]
        return {
            "places": decided["places"],
            "provisional": decided["provisional"],
            "suggested": told.get("places"),
        }

    def _say(self, actor: Actor) -> Speaker:
        say = self._texts.speaker(self._texts.choose([actor.language]))
        return lambda key, **values: say(f"kindergarten_plan.{key}", **values)


def _own_view(case: Case, person: str) -> Taken | None:
    """The official's view of the newest figures."""
    return next((taken for taken in case.since("GATHER") if (taken.name, taken.person) == ("ESTIMATE", person)), None)  # fmt: skip


def _number(given: str) -> int | None:
    """`1 240` -> 1240; None for what is no number of places."""
    digits = "".join(given.split())
    good = digits.isascii() and digits.isdigit() and len(digits) <= 6
    return int(digits) if good and int(digits) <= MOST else None


def _with_history(every: Sequence[Mapping[str, Any]], own: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:  # fmt: skip
    """All communes' newest years, ours with its longer history."""
    ours = {(row["country"], row["commune"]) for row in own}
    return [*own, *(row for row in every if (row["country"], row["commune"]) not in ours)]


def _plain(told: Explained | None) -> Any:  # canonical JSON
    if told is None:
        return None
    return {
        "absent": told.absent,
        "base": [told.base_label, told.base],
        "parts": [[part.label, part.value, part.amount, part.spread] for part in told.parts],
        "total": [told.total_label, told.total],
        "interval": told.interval,
        "warnings": list(told.warnings),
        "shown": [list(pair) for pair in told.shown],
        "source": told.source,
    }
