"""An office asks another body from a case of its own, and the answer comes back into the same case. Part of every case on a desk.

    CONSULT ──PASS_ON──▶ with the body ──REPLY──▶ answered, or declined with reasons
       └──TURN_AWAY──▶ not taken ├──OVERRUN──▶ late ──REPLY──▶
                                 └──GIVE_UP──▶ taken back

The question is a message to the register that the body keeps, with the case, the ground `consultation` of the profile and the official;
the body's official answers it at a desk of theirs, signed as everything there is, and the register tells that there is an answer. The
case's clocks stand meanwhile if the profile says so, until the question's own day at the latest: then it is late, and they run on. The
office decides whenever it can; a case that ends takes its open questions back, and an answer that comes after all is kept with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any, ClassVar
from uuid import NAMESPACE_URL, uuid5

from sild.cases.actor import Actor
from sild.cases.birth_work import act
from sild.cases.case import Case, Taken
from sild.cases.packs import Packs
from sild.cases.process import Asking, Effects, Given, Job, JobFunction, Part, Rule, Work
from sild.cases.refusals import Refused
from sild.cases.views import FactLine, Options, Question
from sild.catalogue import Screen
from sild.errors import CallerError, PlatformError
from sild.i18n import Texts, format_day

__all__ = ["ASK_SCREEN", "DROP_SCREEN", "Consulting", "questions_of"]

STAFF = ("official", "supervisor")
GROUND = DEADLINE = "consultation"
ASK_SCREEN, DROP_SCREEN = "consult.ask", "consult.drop"
ASKED = "consultation.answered"
NOBODY = "nobody"
A_WHILE = timedelta(minutes=1)
"""Whether there is an answer after all is asked no longer than this on the day after."""
MOST_SHOWN = 60
LONGEST = 500


def questions_of(case: Case) -> tuple[Question, ...]:
    """In the order they were asked. Pure."""
    found: dict[int, Question] = {}
    for taken in case.actions:
        if taken.name == "CONSULT":
            found[taken.seq] = _asked(case, taken)
        elif taken.name in ENDING and (one := _meant(found.values(), taken)) is not None:
            found[one.seq] = _after(one, taken)
    return tuple(found.values())


ENDING: Mapping[str, str] = {
    "PASS_ON": "asked",
    "TURN_AWAY": "turned_away",
    "REPLY": "answered",
    "OVERRUN": "late",
    "GIVE_UP": "given_up",
}


def _asked(case: Case, taken: Taken) -> Question:
    said = taken.data
    return Question(
        seq=taken.seq,
        key=str(uuid5(NAMESPACE_URL, f"urn:sild:consultation:{case.id}|{taken.seq}")),
        register=said["register"],
        about=said.get("about"),
        question=said["question"],
        disclosed=tuple(said["disclosed"]),
        due=date.fromisoformat(said["due"]),
        asker=taken.person,
        stops=bool(said["stops"]),
        begun=taken.at,
    )


def _meant(known: Any, taken: Taken) -> Question | None:  # Iterable[Question]
    """By its number, or as its body names it: nobody else answers for them."""
    said = taken.data
    if taken.name == "REPLY":
        whose = (said["key"], said["register"])
        return next((one for one in known if (one.key, one.register) == whose and one.answer is None), None)
    return next((one for one in known if one.seq == said["consult"] and one.is_open), None)


def _after(one: Question, taken: Taken) -> Question:
    if taken.name == "PASS_ON":
        return replace(one, state="asked")
    one = replace(one, ended=one.ended or taken.at)
    if taken.name != "REPLY":
        return replace(one, state=ENDING[taken.name])
    said = taken.data
    return replace(
        one,
        state=said["outcome"],
        answer=said["answer"],
        official=said["official"],
        answered_at=datetime.fromisoformat(said["answered_at"]),
    )


class Consulting(Part):
    """Not a service of its own: the case system lets it act in the cases of all (`follow`, `jobs`, `options`, `check`)."""

    service = "consultation"
    rules = (
        Rule("CONSULT", by=STAFF, screen=ASK_SCREEN),
        Rule("GIVE_UP", by=STAFF, screen=DROP_SCREEN),
        *(Rule(name, by=("state",), reopens=True) for name in ("PASS_ON", "TURN_AWAY", "REPLY", "OVERRUN")),
    )
    events: ClassVar[Mapping[str, str]] = {ASKED: "consult_heard"}

    def __init__(self, packs: Packs, registers: Mapping[str, str]) -> None:
        """registers: `GOV/70000006/residence` by name."""
        self._texts = Texts(packs.profile.languages, packs.texts)
        self._profile = packs.profile
        self._registers = registers
        self._titles = {name: service.title for name, service in packs.services.items()}
        self.is_offered = bool(packs.profile.consultation.bodies) and ASK_SCREEN in packs.screens

    def bodies(self, case: Case) -> dict[str, str]:
        """Whom the office may ask: register by its name, without those of its own body."""
        own = (case.office or "").rpartition("@")[2]
        names = self._profile.consultation.bodies
        known = {name: self._registers[name] for name in names if name in self._registers}
        return {name: address for name, address in known.items() if address.split("/")[1] != own}

    # --- the official

    def choices(self, case: Case, screen: Screen, actor: Actor, seen: Sequence[FactLine]) -> Options:
        """seen: what this official saw of the case last; no more than that can be disclosed."""
        language = self._texts.choose([actor.language])
        if screen.id == DROP_SCREEN:
            asked = [one for one in questions_of(case) if one.state in ("asked", "late")]
            return {"questions": [(str(one.seq), self._named(one, language)) for one in asked]}
        parties = [
            (
                one.person,
                f"{self._say(language, f'{case.service}.role.{one.role}') or one.role}: {one.person}",
            )
            for one in case.parties
        ]
        lines = (self._line(case, one, language) for one in seen if _is_plain(one.value))
        return {
            "bodies": [
                (name, self._say(language, f"consultation.body.{name}") or name) for name in self.bodies(case)
            ],
            "parties": [
                *dict(parties).items(),
                (NOBODY, self._say(language, "consultation.nobody") or NOBODY),
            ],
            "seen": [(line, line) for line in dict.fromkeys(lines)][:MOST_SHOWN],
        }

    def _line(self, case: Case, one: FactLine, language: str) -> str:
        label = one.label or self._say(language, f"{case.service}.concept.{one.concept}")
        label = label or self._say(language, f"concept.{one.concept}") or one.concept.rpartition(".")[2]
        return f"{label.replace('_', ' ')}: {' '.join(str(one.value).split())}"[:LONGEST]

    def _named(self, one: Question, language: str) -> str:
        body = next(
            (name for name, address in self._registers.items() if address == one.register), one.register
        )
        told = self._say(language, f"consultation.body.{body}") or body
        return f"{told}, {format_day(one.due, language)}: {one.question[:80]}"

    def _say(self, language: str, key: str) -> str | None:
        return self._texts.speaker(language)(key) if key in self._texts else None

    async def check(
        self, case: Case, rule: Rule, values: Mapping[str, Any], actor: Actor, asking: Asking
    ) -> Given:
        desk = {"acr": actor.acr, "posture": actor.posture}
        if rule.name == "GIVE_UP":
            return Given({"consult": int(values["consult"]), "words": values["words"], **desk})
        if any(one.state == "sent" for one in questions_of(case)):
            raise Refused("a question is still on its way", code="question_on_its_way")
        rules = asking.profile.consultation
        due = asking.profile.deadline(DEADLINE, asking.profile.day(asking.now))
        return Given(
            {
                "register": self._registers[values["body"]],
                "about": None if values["about"] == NOBODY else values["about"],
                "question": values["question"],
                "disclosed": values.get("disclosed") or [],
                "due": due.isoformat(),
                "stops": rules.stops,
                **desk,
            }
        )

    # --- what follows

    def follow(self, case: Case, taken: Taken, *, is_closed: bool) -> Effects:
        """Beside what the case's own process says. Pure."""
        match taken.name:
            case "CONSULT":
                return Effects(jobs=(Job("consult", {"consult": taken.seq}, key=str(taken.seq)),))
            case "PASS_ON":
                one = _question(case, taken.data["consult"])
                if not is_closed:
                    morning = datetime.combine(one.due + timedelta(days=1), time(0), tzinfo=taken.at.tzinfo)
                    told = {"consult": one.seq}
                    return Effects(jobs=(Job("consult_over", told, at=morning, key=str(one.seq)),))
            case "GIVE_UP":
                whose: dict[str, Any] = {"consult": taken.data["consult"], "official": taken.person}
                return Effects(jobs=(Job("consult_back", whose, key=str(taken.data["consult"])),))
        if not is_closed:
            return Effects()
        left = [one for one in questions_of(case) if one.state in ("asked", "late")]
        return Effects(
            jobs=tuple(Job("consult_back", {"consult": one.seq}, key=str(one.seq)) for one in left)
        )

    def jobs(self) -> Mapping[str, JobFunction]:
        return {
            "consult": self.ask,
            "consult_over": self.over,
            "consult_back": self.take_back,
            "consult_heard": self.heard,
        }

    async def ask(self, work: Work) -> None:
        """The question goes to the body; what its register does not take stands in the case with the reason."""
        assert work.case is not None
        seq = int(work.arguments["consult"])
        one = _question(work.case, seq)
        body = {
            "id": one.key,
            "person": one.about,
            "number": work.case.number,
            "office": self._office(work.case),
            "question": one.question,
            "disclosed": [
                {"label": label, "value": value} for label, _colon, value in (line.partition(": ") for line in one.disclosed)
            ],
            "due": one.due.isoformat(),
        }  # fmt: skip
        try:
            await work.call(
                "ask", one.register, "POST", "/consultations", body,
                basis=work.profile.ground(GROUND), acting=one.asker,
            )  # fmt: skip
        except CallerError as refusal:
            if refusal.code == "job_cancelled":
                raise
            reason = refusal.code.rpartition(".")[2]
            await act(work, "turned_away", "TURN_AWAY", {"consult": seq, "reason": reason})
            return
        await act(work, "passed_on", "PASS_ON", {"consult": seq})

    def _office(self, case: Case) -> Mapping[str, str]:
        """What asks, by language: the service, and where."""
        where = (case.office or "").rpartition("@")[2]
        names = {address.split("/")[1]: name for name, address in self._registers.items()}
        title = self._titles[case.service]

        def named(language: str) -> str:
            body = names.get(where)
            if body is not None:
                return self._say(language, f"consultation.body.{body}") or body
            return next((one.name for one in self._profile.divisions if one.code == where), where)

        return {language: f"{title[language]}, {named(language)}" for language in self._profile.languages}

    async def heard(self, work: Work) -> None:
        """The body's register says that there is an answer: it is fetched, and stands in the case that asked."""
        told = work.arguments["event"]
        register = str(told["source"]).strip("/").partition("/")[2]
        case, key = str(told["data"]["case"]), str(told["data"]["consultation"])
        try:
            answer = await work.call(
                "answer", register, "GET", f"/consultations/{key}",
                basis=work.profile.ground(GROUND), case=case,
            )  # fmt: skip
        except CallerError as refusal:
            if refusal.code == "job_cancelled":
                raise
            return  # no question of ours
        said = answer.json
        await act(
            work,
            "replied",
            "REPLY",
            {
                "key": key,
                "register": register,
                "outcome": said["state"].lower(),
                "answer": said["answer"],
                "official": said["official"],
                "answered_at": said["answered_at"],
            },
            case,
        )

    async def over(self, work: Work) -> None:
        """Its day is over. If the body has answered, the event says so; else the question is late, and the clocks run on."""
        assert work.case is not None
        one = _question(work.case, int(work.arguments["consult"]))
        try:
            answer = await work.call(
                "state", one.register, "GET", f"/consultations/{one.key}",
                basis=work.profile.ground(GROUND), within=A_WHILE,
            )  # fmt: skip
            state = str(answer.json["state"])
        except PlatformError as error:
            if error.code == "job_cancelled":
                raise
            state = "OPEN"
        if state == "OPEN":
            await act(work, "overrun", "OVERRUN", {"consult": one.seq})

    async def take_back(self, work: Work) -> None:
        """The body need not answer any more; what has ended there meanwhile is as well."""
        assert work.case is not None
        one = _question(work.case, int(work.arguments["consult"]))
        try:
            await work.call(
                "back", one.register, "POST", f"/consultations/{one.key}/withdrawal",
                basis=work.profile.ground(GROUND), acting=work.arguments.get("official"),
            )  # fmt: skip
        except CallerError as refusal:
            if refusal.code == "job_cancelled":
                raise


def _question(case: Case, seq: int) -> Question:
    return next(one for one in questions_of(case) if one.seq == seq)


def _is_plain(value: Any) -> bool:  # JSON
    return isinstance(value, str | int | float) and not isinstance(value, bool) and value != ""
