"""J2's end: an owner says "this person does not live here"; a month's notice, a hearing, a decision (docs/journeys.md).

    OPENED ──REQUEST──▶ REQUESTED ──NOTIFY──▶ NOTICED ──MATURE──▶ READY ──DECIDE──▶ DECIDED ──CLOSE──▶ CLOSED
       ▲                     │                   OBJECT moves no status                 └──HALT──▶ READY
       └───── REFUSE ◀───────┘

The residence register keeps the request and its day; here people are asked and told. Who owns names who does not live there, and is
shown nobody's name. The one it is about is told at once, and answers until the decision.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from typing import Any, ClassVar

from sild.cases.actor import Actor, Reader
from sild.cases.birth_facts import POPULATION, RESIDENCE, bare
from sild.cases.birth_work import act
from sild.cases.case import Case, Party, Taken
from sild.cases.codes import is_company
from sild.cases.move_answers import look_of
from sild.cases.move_facts import office_of, ours
from sild.cases.packs import Packs
from sild.cases.process import (
    OPENED,
    Asking,
    Effects,
    Given,
    Job,
    JobFunction,
    NewNotice,
    Process,
    Rule,
    Waiting,
    Work,
)
from sild.cases.refusals import UNPROVEN
from sild.cases.views import FactLine, Options
from sild.catalogue import Defect, Screen
from sild.errors import CallerError
from sild.i18n import Speaker, Texts, format_day

__all__ = ["Removal"]

RUNNING = ("NOTICED", "READY")


class Removal(Process):
    service = "removal"
    opener = "owner"
    rules = (
        Rule("REQUEST", by=("owner",), when=(OPENED,), to="REQUESTED", screen="removal.request", acr="substantial", says=("residence/requestRemoval",)),
        Rule("WITHDRAW", by=("owner",), when=(OPENED,), to="CLOSED", screen="removal.request"),
        Rule("REFUSE", by=("state",), when=("REQUESTED",), to=OPENED),
        Rule("NOTIFY", by=("state",), when=("REQUESTED",), to="NOTICED"),
        Rule("OBJECT", by=("resident",), when=RUNNING, screen="removal.answer", acr="substantial", says=("residence/objectToRemoval",)),
        Rule("REFUSE_OBJECTION", by=("state",), when=RUNNING),
        Rule("MATURE", by=("state",), when=("NOTICED",), to="READY"),
        Rule("DECIDE", by=("official",), when=("READY",), to="DECIDED", screen="removal.desk", decides=True),
        Rule("HALT", by=("state",), when=("DECIDED",), to="READY"),
        Rule("CLOSE", by=("state",), when=("DECIDED",), to="CLOSED"),
        Rule("SILENCE", by=("state",), to="CLOSED"),
    )  # fmt: skip
    waiting = (
        Waiting("removal.request", "owner", (OPENED,)),
        Waiting("removal.answer", "resident", RUNNING, deadline="move.removal_notice"),
        Waiting("removal.desk", "official", ("READY",)),
    )
    silenced: ClassVar[Mapping[str, tuple[str, ...]]] = {"resident": ("death",)}
    visible: ClassVar[Mapping[str, tuple[str, ...]]] = {"official": ("owner", "resident")}
    closed = ("CLOSED",)

    def __init__(self, packs: Packs) -> None:
        """packs: with the service, whose grounds every message cites, and its texts. Raises CallerError (`no_legal_ground`)."""
        service = packs.services[self.service]
        self._owned = service.ground_of("person.dwellings")
        self._home = service.ground_of("person.residence")
        self._texts = Texts(packs.profile.languages, packs.texts)

    def asks(self, case: Case, waiting: Waiting, person: str) -> bool:
        """A resident, until the register has their answer: one that was not proved is theirs to send again."""
        if waiting.role != "resident":
            return True
        said = case.all("OBJECT", "REFUSE_OBJECTION")
        return not said or said[-1].name == "REFUSE_OBJECTION"

    async def check(
        self, case: Case, rule: Rule, values: Mapping[str, Any], actor: Actor, asking: Asking
    ) -> Given:
        match rule.name:
            case "REQUEST":
                code = str(values["person"])
                given = {"dwelling": values["dwelling"], "person": ours(code, asking.profile)}
                plain = code.isascii() and code.isalnum()
                return Given(given, () if plain else (Defect("person", "not_a_code"),))
            case "OBJECT":
                return Given({"text": values["text"]})
            case "DECIDE":
                look = look_of(case, str(rule.screen), actor, asking.now)
                decided = self._decided(case, values)
                return Given({**decided.data, "look": look}, decided.defects)
        return Given({})

    def _decided(self, case: Case, values: Mapping[str, Any]) -> Given:
        """Nobody is removed unheard: they answered, or the official wrote down the hearing."""
        unheard = not values.get("hearing") and not case.has("OBJECT")
        wrong = unheard and values["decision"] == "REMOVED"
        given = {name: values.get(name) for name in ("decision", "reason", "hearing")}
        return Given(given, (Defect("hearing", "not_heard"),) if wrong else ())

    def after(self, case: Case, taken: Taken) -> Effects:
        match taken.name:
            case "REQUEST":
                return Effects(jobs=(Job("request", {"acting": taken.person}, key=str(taken.seq)),))
            case "REFUSE":
                return Effects(notices=_to(case, "owner", "refused", reason=taken.data["reason"]))
            case "NOTIFY":
                return _noticed(taken)
            case "OBJECT":
                objection = Job(
                    "object", {"text": taken.data["text"], "acting": taken.person}, key=str(taken.seq)
                )
                return Effects(jobs=(objection,))
            case "REFUSE_OBJECTION":
                return Effects(notices=_to(case, "resident", "say_again"))
            case "DECIDE":
                return Effects(jobs=(Job("decide", {"acting": taken.person}, key=str(taken.seq)),))
            case "CLOSE":
                text = taken.data["state"].lower()
                return Effects(
                    notices=(*_to(case, "owner", text), *_to(case, "resident", f"resident_{text}"))
                )
        return Effects()

    # --- what takes time

    def jobs(self) -> Mapping[str, JobFunction]:
        return {"request": self.request, "object": self.object, "mature": self.mature, "decide": self.decide}

    async def request(self, work: Work) -> None:
        """The register takes the request, or says why not; the owner learns no more than that."""
        case = _case(work)
        asked = case.given("REQUEST")
        body = {
            "person": bare(asked["person"]),
            "dwelling": asked["dwelling"],
            "owner": bare(case.persons("owner")[0]),
        }
        try:
            answer = await work.call(
                "removal",
                RESIDENCE,
                "POST",
                "/removals",
                body,
                basis=self._home,
                acting=str(work.arguments["acting"]),
                acting_for=case.persons("owner")[0],
                says="requestRemoval",
            )
        except CallerError as refusal:
            hidden = refusal.code in ("unknown_person", "invalid_identity_code", "not_a_resident")
            await act(work, "refused", "REFUSE", {"reason": "not_a_resident" if hidden else refusal.code})
            return
        path = f"/dwellings/{asked['dwelling']}"
        home = (await work.call("dwelling", RESIDENCE, "GET", path, basis=self._home)).json
        said = {name: answer.json[name] for name in ("id", "requested_on", "earliest_decision")}
        told = {
            **said,
            "person": asked["person"],
            "text": home["text"],
            "office": office_of(work.profile, home["division"], work.profile.day(work.at)),
        }
        await act(work, "noticed", "NOTIFY", told)

    async def object(self, work: Work) -> None:
        case = _case(work)
        removal = case.given("NOTIFY")["id"]
        body = {"text": work.arguments["text"]}
        path, acting = f"/removals/{removal}/objection", str(work.arguments["acting"])
        try:
            await work.call(
                "objection",
                RESIDENCE,
                "POST",
                path,
                body,
                basis=self._home,
                acting=acting,
                acting_for=case.persons("resident")[0],
                says="objectToRemoval",
            )
        except CallerError as refusal:
            if refusal.code in UNPROVEN:
                await act(work, "unproven", "REFUSE_OBJECTION", {"reason": refusal.code})
            # else decided meanwhile; the case has the words all the same

    async def mature(self, work: Work) -> None:
        await act(work, "mature", "MATURE", {})

    async def decide(self, work: Work) -> None:
        """The decision is the official's, and the register's entry says so."""
        case = _case(work)
        decided = case.given("DECIDE")
        heard = bool(decided["hearing"]) or case.has("OBJECT")
        body = {
            "decision": decided["decision"],
            "reason": decided["reason"],
            "heard": heard,
            "official": decided.get("look") or {},
        }
        path = f"/removals/{case.given('NOTIFY')['id']}/decision"
        acting = str(work.arguments["acting"])
        try:
            answer = await work.call(
                "decision", RESIDENCE, "POST", path, body, basis=self._home, acting=acting
            )
        except CallerError as refusal:
            await act(work, "halt", "HALT", {"reason": refusal.code})
            return
        said = {"state": answer.json["state"], "reason": decided["reason"]}
        await act(work, "closed", "CLOSE", {**said, "decision": answer.json.get("record")})

    # --- what is shown

    async def options(self, case: Case, screen: Screen, actor: Actor, asking: Asking) -> Options:
        """The owner's own dwellings: a person's, or a company's."""
        kind = "companies" if is_company(actor.acting_for) else "persons"
        path = f"/{kind}/{bare(actor.acting_for)}/dwellings"
        answer = await asking.get(RESIDENCE, path, basis=self._owned)
        homes = answer.json["items"] if answer is not None else []
        return {"dwellings": [(home["dwelling"], home["text"]) for home in homes]}

    async def suggested(self, case: Case, screen: Screen, actor: Actor) -> Mapping[str, Sequence[str]]:
        """What the register refused stands there again."""
        if screen.id != "removal.request":
            return {}
        return {name: [str(value)] for name, value in case.given("REQUEST").items()}

    async def facts(
        self, case: Case, of: str, concepts: Sequence[str], actor: Actor, asking: Asking
    ) -> Sequence[FactLine] | None:
        say = self._say(actor)
        if of == "refused":
            reason = case.given("REFUSE").get("reason")
            key = "say_again" if reason in UNPROVEN else reason
            return [FactLine("removal.refused", of, say(f"reason.{key}"))] if reason else []
        told = case.given("NOTIFY")
        if of != "request" or not told:
            return []
        language = self._texts.choose([actor.language])
        lines = [FactLine("removal.dwelling", of, told["text"], register=RESIDENCE)]
        for name, key in (
            ("removal.requested_on", "requested_on"),
            ("removal.earliest", "earliest_decision"),
        ):
            lines.append(FactLine(name, of, format_day(date.fromisoformat(told[key]), language)))
        if "removal.person" in concepts:
            path = f"/persons/{bare(told['person'])}"
            answer = await asking.get(POPULATION, path, basis=self._home)
            name = answer.json["full_name"] if answer is not None else told["person"]
            lines.append(FactLine("removal.person", of, name, register=POPULATION))
            if case.has("OBJECT"):
                lines.append(
                    FactLine("removal.objection", of, case.given("OBJECT")["text"], source="resident")
                )
        return lines

    def _say(self, actor: Actor) -> Speaker:
        say = self._texts.speaker(self._texts.choose([actor.language]))
        return lambda key, **values: say(f"removal.{key}", **values)

    def shown(self, case: Case, taken: Taken, role: str, reader: Reader) -> Mapping[str, Any]:
        """Each party reads the reasons of the decision, and the day; what the other said, the office alone."""
        wanted = {
            "CLOSE": ("state", "reason"),
            "NOTIFY": ("requested_on", "earliest_decision"),
            "REFUSE": ("reason",),
        }
        return {name: taken.data[name] for name in wanted.get(taken.name, ()) if name in taken.data}

    def results(self, case: Case, role: str, reader: Reader) -> Mapping[str, Any]:
        return {name: value for name, value in case.given("CLOSE").items() if name != "decision"}


def _noticed(taken: Taken) -> Effects:
    """The resident becomes a party and hears of it; the notice runs from today."""
    told = taken.data
    begins = datetime.combine(date.fromisoformat(told["earliest_decision"]), time(0), taken.at.tzinfo)
    values = {"until": told["earliest_decision"]}
    return Effects(
        parties=(Party("resident", told["person"]),),
        office=told["office"],
        jobs=(Job("mature", at=begins),),
        notices=(NewNotice(told["person"], "removal.notice.asked", values),),
    )


def _to(case: Case, role: str, text: str, **values: Any) -> tuple[NewNotice, ...]:  # of the text's places
    return tuple(NewNotice(person, f"removal.notice.{text}", values) for person in case.persons(role))


def _case(work: Work) -> Case:
    assert work.case is not None
    return work.case
