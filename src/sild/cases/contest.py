"""Contest: a person says which line of a decision is wrong; an official who had no part in it answers by a day, with reasons.

    OPENED ──CONTEST──▶ SENT ──DISPUTE──▶ FACT ──SETTLE──▶ READY ──LOOK──▶ LOOKED ──UPHOLD──▶ UPHELD ──END──▶ CLOSED
                          ├──────BEGIN──────────────────────▲                  └──OVERTURN──▶ OVERTURNED ──END──▶ ANEW
                          └──REFUSE──▶ REFUSED        CLOSED ◀──SUPERSEDE── DECIDING ◀──BY_RULE, BY_HAND── ANEW ◀──LEFT── DECIDING

The register that decided is told first: it knows until when it can be contested, and refuses what is too late. A wrong fact goes to
the register that keeps it, and the case waits for its answer. The official sees the facts and the person's words without what was
decided, writes down what they make of it, and only then sees the decision and answers (DECISIONS.md, section 3).

What is overturned is decided anew before the case ends: the official has the rules decide from the facts as they are now, or decides by
hand. What the rules leave to people comes back to the official. Where neither can be (OTHERWISE, from ANEW to CLOSED), the official
ends the case, and says in every language what was done instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any
from urllib.parse import quote

from sild.cases.actor import Actor, Reader
from sild.cases.answered import when_late
from sild.cases.birth_facts import bare
from sild.cases.birth_work import act
from sild.cases.case import Case, Taken
from sild.cases.contest_anew import by_hand, given_by_hand, in_words, neither_way, new_decision
from sild.cases.contest_words import (
    LANGUAGES,
    LINES,
    SETTLED,
    every_fact,
    fact_line,
    is_of,
    is_told,
    is_under,
    left_words,
    name_of,
    name_of_unknown,
    says_as,
)
from sild.cases.decision_words import Worded, worded, written
from sild.cases.process import (
    OPENED,
    Asking,
    Effects,
    Given,
    Job,
    JobFunction,
    NewNotice,
    Opening,
    Process,
    Rule,
    Waiting,
    Work,
)
from sild.cases.refusals import UNPROVEN, Refused
from sild.cases.views import FactLine, Options
from sild.catalogue import Defect, Screen
from sild.decisions import sha256_of
from sild.errors import CallerError, PeerError, Unavailable
from sild.rules import register_concepts, shipped_packages

__all__ = ["Contest", "contest_of"]

STAFF = ("official", "supervisor")
GROUND = "contest"
AGAIN = timedelta(days=1)
"""How often a register is asked whether a fact was settled, and at last whether it was decided anew."""
TRIES = 30
THEMSELVES = ("person", "mother", "father")
"""Whom a line of a decision about them calls so who contests it."""
SOON = tuple(timedelta(seconds=seconds) for seconds in (2, 5, 15, 60, 600, 3600))
"""How often whether it was decided anew, at first: a rule needs the facts of other registers."""
A_WHILE = timedelta(minutes=1)
"""The official does not wait longer for a register that is to take a dispute."""


def contest_of(register: str, record: Mapping[str, Any], language: str, today: date) -> Opening:
    """register: that decided, `GOV/70000004/social`.  record: of the decision, as the register gave it to one it is about.

    Raises Refused (`contest_too_late`), CallerError (`bad_decision`).
    """
    try:
        remedy = record["remedy"]
        until = None if remedy is None else date.fromisoformat(remedy["deadline"])
        data = {
            "decision": str(record["id"]),
            "register": register,
            "step": str(record["step"]),
            "until": None if until is None else until.isoformat(),
            "language": language,
        }
    except (KeyError, TypeError, ValueError) as error:
        raise CallerError("not a decision record", code="bad_decision") from error
    if until is not None and today > until:
        raise Refused(f"it could be contested until {until}", code="contest_too_late")
    return Opening(data=data)


class Contest(Process):
    service = "contest"
    opener = "person"
    rules = (
        Rule(
            "CONTEST",
            by=("person",),
            when=(OPENED,),
            to="SENT",
            screen="contest.statement",
            once="case",
            says=("*/contestDecision", "*/disputeFact"),
        ),
        Rule("WITHDRAW", by=("person",), when=(OPENED,), to="WITHDRAWN", screen="contest.statement"),
        Rule("REFUSE", by=("state",), when=("SENT",), to="REFUSED"),
        Rule("BEGIN", by=("state",), when=("SENT",), to="READY"),
        Rule("DISPUTE", by=("state",), when=("SENT",), to="FACT"),
        Rule("ASK_AGAIN", by=("state",), when=("FACT",)),
        Rule("SETTLE", by=("state",), when=("FACT",), to="READY"),
        Rule("REMIND", by=("state",), when=("READY", "LOOKED", "FACT"), once="case"),
        Rule("LOOK", by=STAFF, when=("READY", "LOOKED"), to="LOOKED", screen="contest.look", decides=True),
        Rule("UPHOLD", by=STAFF, when=("LOOKED",), to="UPHELD", screen="contest.desk", decides=True),
        Rule("OVERTURN", by=STAFF, when=("LOOKED",), to="OVERTURNED", screen="contest.desk", decides=True),
        Rule("END", by=("state",), when=("UPHELD", "OVERTURNED"), once="case"),
        Rule("BY_RULE", by=STAFF, when=("ANEW",), to="DECIDING", screen="contest.anew", decides=True),
        Rule("BY_HAND", by=STAFF, when=("ANEW",), to="DECIDING", screen="contest.by_hand", decides=True),
        Rule("OTHERWISE", by=STAFF, when=("ANEW",), to="CLOSED", screen="contest.by_hand", decides=True),
        Rule("WAIT", by=("state",), when=("DECIDING",)),
        Rule("LEFT", by=("state",), when=("DECIDING",), to="ANEW"),
        Rule("SUPERSEDE", by=("state",), when=("ANEW", "DECIDING"), to="CLOSED"),
    )
    waiting = (
        Waiting("contest.statement", "person", (OPENED,)),
        Waiting("contest.look", "official", ("READY",), deadline="contest.answer"),
        Waiting("contest.look", "official", ("LOOKED",), optional=True),
        Waiting("contest.desk", "official", ("LOOKED",)),
        Waiting("contest.anew", "official", ("ANEW",), deadline="contest.answer"),
        Waiting("contest.by_hand", "official", ("ANEW",), deadline="contest.answer"),
    )
    closed = ("CLOSED", "REFUSED", "WITHDRAWN")

    async def opening(self, actor: Actor, asking: Asking) -> Opening:
        """It is begun from a decision (`contest_of`), never from nothing."""
        raise Refused("open the decision, and say there what is wrong", code="contest_from_decision")

    def status(self, status: str, taken: Taken, before: Case) -> str:
        if taken.name == "END":
            return "CLOSED" if status == "UPHELD" else "ANEW"
        return super().status(status, taken, before)

    # --- the person

    async def options(self, case: Case, screen: Screen, actor: Actor, asking: Asking) -> Options:
        found = await self._decision(case, actor.language, asking)
        if found is None:
            return {"facts": (), "outcome": ()}
        language = actor.language
        return {
            name: [(one.name[:200], f"{name_of(one, language)}: {written(one, language)}") for one in lines]
            for name, lines in (("facts", every_fact(found)), ("outcome", by_hand(found)))
        }

    async def check(
        self, case: Case, rule: Rule, values: Mapping[str, Any], actor: Actor, asking: Asking
    ) -> Given:
        match rule.name:
            case "CONTEST":
                if (
                    values["line"] == "fact"
                    and not values.get("fact")
                    and await self._has_facts(case, asking)
                ):
                    return Given(values, (Defect("fact", "missing"),))
                due = asking.profile.deadline("contest.answer", asking.profile.day(asking.now))
                whose = await self._child_of_line(case, values, actor, asking)
                said = {"due": due.isoformat(), **({} if whose is None else {"whose": whose})}
                return Given({**values, **said})
            case "LOOK":
                await self._ensure_fresh(case, actor, asking)
            case "UPHOLD" | "OVERTURN":
                await self._ensure_fresh(case, actor, asking)
                if not _looked(case, actor):
                    raise Refused("first the facts, then the decision", code="own_view_first")
                return Given({**values, **await self._seen(case, actor, asking)})
            case "BY_RULE" | "BY_HAND":
                await self._ensure_fresh(case, actor, asking)
                defects: tuple[Defect, ...] = ()
                if rule.name == "BY_HAND":
                    found = await self._decision(case, actor.language, asking)
                    values, defects = given_by_hand(values, () if found is None else by_hand(found))
                return Given({**values, **await self._seen(case, actor, asking)}, defects)
            case "OTHERWISE":
                await self._ensure_fresh(case, actor, asking)
                found = await self._decision(case, actor.language, asking)
                if found is None or not neither_way(case, by_hand(found)):
                    raise Refused("first by rule and by hand", code="still_to_be_decided")
                return Given({**values, **await self._seen(case, actor, asking)})
        return Given(values)

    async def _seen(self, case: Case, actor: Actor, asking: Asking) -> dict[str, Any]:
        """What was before the official when they answered, their device, and for how long, for the record of the answer."""
        shown = {
            "language": actor.language,
            "lines": [
                [line.concept, line.value]
                for of in ("outcome", "decision")
                for line in await self.facts(case, of, (), actor, asking) or ()
            ],
        }
        mine = (one for one in reversed(case.all("LOOK", "OVERTURN")) if one.person == actor.person)
        before = next(mine, None)
        return {
            "view_sha256": sha256_of(shown),
            "posture": actor.posture,
            "acr": actor.acr,
            "seconds": 0 if before is None else int((asking.now - before.at).total_seconds()),
            "view": "" if before is None else before.data["view"],
        }

    async def _child_of_line(
        self, case: Case, values: Mapping[str, Any], actor: Actor, asking: Asking
    ) -> str | None:
        """Code of the child whose line it is, where the decision tells it from the person's other children; its facts are disputed for it."""
        instance = _instance(values.get("fact")) if values["line"] == "fact" else None
        if instance is None or instance in THEMSELVES:
            return None
        found = await self._decision(case, "en", asking)
        path = f"/persons/{quote(bare(actor.acting_for), safe='')}/children"
        answer = await asking.get("population", path, basis=asking.profile.ground(GROUND))
        if found is None or answer is None:
            return None
        theirs = [one for one in answer.json["items"] if is_told(one, instance, found)]
        return str(theirs[0]["code"]) if len(theirs) == 1 else None

    def speaks_for(self, case: Case, rule: Rule, given: Mapping[str, Any]) -> Sequence[str]:
        """A child's line is the child's matter, said by who represents it."""
        return (given["whose"],) if "whose" in given else ()

    async def _has_facts(self, case: Case, asking: Asking) -> bool:
        found = await self._decision(case, "en", asking)
        return found is not None and bool(found.facts)

    async def _ensure_fresh(self, case: Case, actor: Actor, asking: Asking) -> None:
        """Nobody answers for what they decided. Raises Refused (`conflict_of_interest`, `register_down`)."""
        register = case.data["register"]
        answer = await asking.get(
            register, f"/decisions/{case.data['decision']}", basis=asking.profile.ground(GROUND)
        )
        if answer is None:
            raise Refused(f"{register} does not answer", code="register_down", register=register)
        if answer.json["took_part"]:
            raise Refused("you took part in the decision: somebody else answers", code="conflict_of_interest")

    def asks(self, case: Case, waiting: Waiting, person: str) -> bool:
        """The decision waits for who has looked at the facts; another may begin anew, with the facts."""
        if waiting.screen != "contest.desk":
            return True
        return any(taken.person == person for taken in case.all("LOOK"))

    # --- what follows

    def after(self, case: Case, taken: Taken) -> Effects:
        person = case.persons("person")[0]
        match taken.name:
            case "CONTEST":
                office = f"contest@{case.data['register'].split('/')[1]}"
                return Effects(jobs=(Job("tell"), when_late(taken)), office=office)
            case "REFUSE":
                reason = taken.data["reason"]
                why = "late" if reason == "too_late" else "again" if reason in UNPROVEN else "refused"
                return Effects(notices=(NewNotice(person, f"contest.told_{why}"),), cancel_jobs=("remind",))
            case "DISPUTE":
                return Effects(
                    notices=(NewNotice(person, "contest.told_fact"),),
                    jobs=(Job("settled", at=taken.at + AGAIN, key=str(taken.seq)),),
                )
            case "ASK_AGAIN":
                return Effects(jobs=(Job("settled", at=taken.at + AGAIN, key=str(taken.seq)),))
            case "BY_RULE" | "BY_HAND":
                return Effects(jobs=(Job("anew", {"official": taken.person}, key=str(taken.seq)),))
            case "WAIT":
                begun = (case.last("BY_RULE") or case.last("BY_HAND") or taken).seq
                pause = (*SOON, AGAIN)[
                    min(sum(one.seq > begun for one in case.all("WAIT")), len(SOON) + 1) - 1
                ]
                return Effects(jobs=(Job("newer", at=taken.at + pause, key=str(taken.seq)),))
            case "REMIND":
                return Effects(notices=(NewNotice(person, "contest.told_reminded"),))
            case "UPHOLD" | "OVERTURN":
                outcome = "upheld" if taken.name == "UPHOLD" else "overturned"
                return Effects(
                    jobs=(Job("end", {"overturned": taken.name == "OVERTURN", "official": taken.person}),),
                    notices=(NewNotice(person, f"contest.told_{outcome}"),),
                    cancel_jobs=("remind",),
                )
            case "SUPERSEDE":
                return Effects(notices=(NewNotice(person, "contest.told_newer"),))
            case "OTHERWISE":
                return Effects(notices=(NewNotice(person, "contest.told_otherwise"),))
        return Effects()

    def jobs(self) -> Mapping[str, JobFunction]:
        return {
            "tell": self.tell,
            "settled": self.settled,
            "remind": self.remind,
            "end": self.end,
            "anew": self.anew,
            "newer": self.newer,
        }

    async def tell(self, work: Work) -> None:
        """The register that decided hears of it, and counts it; a wrong fact goes to the register that keeps it."""
        case = _case(work)
        said, person, acting = case.given("CONTEST"), case.persons("person")[0], _contested_by(case)
        path = f"/decisions/{case.data['decision']}/contests"
        body = {"contest": case.id, "line": said["line"]}
        try:
            await work.call(
                "tell",
                case.data["register"],
                "POST",
                path,
                body,
                basis=work.profile.ground(GROUND),
                acting=acting,
                acting_for=person,
                says="contestDecision",
            )
        except CallerError as refusal:
            await act(work, "refused", "REFUSE", {"reason": refusal.code.rpartition(".")[2]})
            return
        if said["line"] == "fact" and said.get("fact"):
            opened = await self._dispute(work, case, person)
            if opened is not None:
                await act(work, "disputed", "DISPUTE", opened)
                return
        await act(work, "begun", "BEGIN", {})

    async def _dispute(self, work: Work, case: Case, person: str) -> Mapping[str, Any] | None:
        """Where the person may dispute this fact, their own or their child's, and there is but one it can be; otherwise the official sees to it.

        Which parent somebody is the decision does not say: what it says of both of them alike can be either's; nor which child.
        """
        said = case.given("CONTEST")
        path = f"/decisions/{case.data['decision']}"
        try:
            answer = await work.call(
                "decision",
                case.data["register"],
                "GET",
                path,
                basis=work.profile.ground(GROUND),
                acting=_contested_by(case),
                acting_for=person,
            )
            record = answer.json["record"]
            found = self._worded(answer.json, "en")
            line = next((one for one in every_fact(found) if one.name == said["fact"]), None)
            package = shipped_packages().get((record.get("rules") or {}).get("sha256", ""))
            instance, variable = said["fact"].split("/")[1:3]
            spec = None if package is None else package.facts.get(variable)
            if line is None or package is None or spec is None or not line.register:
                return None
            if spec.entity != package.person:
                return None  # of a group: made of facts of several people
            if sum(one.label == line.label and says_as(one, line) for one in every_fact(found)) != 1:
                return None
            fitting, child = [], said.get("whose")
            about = (child,) if child else await self._whose(work, instance, person, _contested_by(case))
            for number, whose in enumerate(about):
                facts = await work.call(
                    f"facts.{number}", line.register, "GET", f"/persons/{quote(whose, safe='')}/facts?history=true",
                    basis=work.profile.ground(GROUND), acting=_contested_by(case), acting_for=person, within=A_WHILE,
                )  # fmt: skip
                fitting += [
                    one for one in facts.json["items"]
                    if one.get("concept") in register_concepts(spec.concept)
                    and not one.get("known_to")
                    and (is_of(one, line) or (child is not None and is_under(one, line)))
                ]  # fmt: skip
            if len(fitting) != 1:
                return None
            path = f"/facts/{fitting[0]['fact']}/dispute"
            body = {"reason": said["statement"][:1000]}
            dispute = await work.call(
                "dispute",
                line.register,
                "POST",
                path,
                body,
                basis=work.profile.ground(GROUND),
                acting=_contested_by(case),
                acting_for=person,
                within=A_WHILE,
                says="disputeFact",
            )
            return {"register": line.register, "dispute": dispute.json["id"]}
        except (CallerError, PeerError, Unavailable, KeyError, IndexError, TypeError):
            return None

    async def _whose(self, work: Work, instance: str, person: str, acting: str) -> Sequence[str]:
        """Codes of whom the line can be about: whoever contests, or their children."""
        if instance in THEMSELVES:
            return (person,)
        path = f"/persons/{quote(person, safe='')}/children"
        answer = await work.call(
            "children",
            "population",
            "GET",
            path,
            basis=work.profile.ground(GROUND),
            acting=acting,
            acting_for=person,
            within=A_WHILE,
        )
        return [str(one["code"]) for one in answer.json["items"]]

    async def settled(self, work: Work) -> None:
        """Whether the register has corrected the fact, or said why it stands."""
        case = _case(work)
        asked = case.given("DISPUTE")
        path = f"/disputes/{quote(asked['dispute'], safe='')}"
        try:
            answer = await work.call("ask", asked["register"], "GET", path, basis=work.profile.ground(GROUND))
            state = str(answer.json["state"])
        except CallerError:
            state = "UNKNOWN"
        if state == "OPEN" and len(case.all("ASK_AGAIN")) < TRIES:
            await act(work, "again", "ASK_AGAIN", {})
        else:
            await act(work, "settled", "SETTLE", {"state": state})

    async def remind(self, work: Work) -> None:
        """Its day is over: the person is told, and the desk shows it as late."""
        await act(work, "reminded", "REMIND", {})

    async def end(self, work: Work) -> None:
        """The register counts how it ended, and hears it from the official."""
        case = _case(work)
        overturned = bool(work.arguments["overturned"])
        path = f"/decisions/{case.data['decision']}/contests/{case.id}/end"
        body = {"overturned": overturned, "answer": _answer(case, work.profile.country)}
        official = str(work.arguments["official"])
        told = await work.call(
            "end",
            case.data["register"],
            "POST",
            path,
            body,
            basis=work.profile.ground(GROUND),
            acting=official,
        )
        await act(work, "ended", "END", {})
        sealed = told.json.get("answer") if isinstance(told.json, dict) else None
        if sealed is not None:  # the answer is a decision of its own, and its notice was sent with the answer
            await work.brought("answer_brought", case.data["register"], str(sealed))
        if overturned:
            await self._found(work)

    async def anew(self, work: Work) -> None:
        """The register that decided hears how the official has it decided anew."""
        case = _case(work)
        path = f"/decisions/{case.data['decision']}/contests/{case.id}/anew"
        try:
            answer = await work.call(
                "anew",
                case.data["register"],
                "POST",
                path,
                new_decision(case, work.profile.country),
                basis=work.profile.ground(GROUND),
                acting=str(work.arguments["official"]),
            )
        except CallerError as refusal:
            code = refusal.code.rpartition(".")[2]
            if code != "superseded_already" or not await self._found(work):
                await act(work, "left", "LEFT", {"reason": code})
            return
        if answer.json["decision"] is None:
            await act(work, "waits", "WAIT", {})
        else:
            await act(work, "found", "SUPERSEDE", {"decision": answer.json["decision"]})

    async def newer(self, work: Work) -> None:
        """Whether the rules have decided anew, or leave it to people."""
        if not await self._found(work):
            await act(work, "waits", "WAIT", {})

    async def _found(self, work: Work) -> bool:
        """Whether anything came of it by now."""
        case = _case(work)
        path = f"/decisions/{case.data['decision']}"
        answer = await work.call(
            "newer", case.data["register"], "GET", path, basis=work.profile.ground(GROUND)
        )
        newer, left = answer.json["superseded_by"], answer.json.get("left")
        if newer is not None:
            await act(work, "found", "SUPERSEDE", {"decision": newer})
        elif left is not None:
            await act(work, "left", "LEFT", {"reason": left})
        return newer is not None or left is not None

    # --- what people see

    async def facts(
        self, case: Case, of: str, concepts: Sequence[str], actor: Actor, asking: Asking
    ) -> Sequence[FactLine] | None:
        """decision: what it rests on, and the person's words; outcome: what was decided, for who has said what the facts say."""
        may_know = _looked(case, actor) or case.has("OVERTURN")
        if of not in ("decision", "outcome") or (of == "outcome" and not may_know):
            return ()
        register = case.data["register"]
        found = await self._decision(case, actor.language, asking)
        if found is None:
            return [FactLine(f"contest.{of}", of, None, "register_down", register=register)]
        if of == "outcome":
            left = case.last("LEFT")
            return [
                *([FactLine("contest.left", of, left_words(left.data["reason"], actor.language))] if left else []),
                *(fact_line("contest.outcome", of, one, actor.language) for one in found.outcome),
                *(FactLine("contest.reason", of, f"{text} ({article})") for text, article in dict.fromkeys(found.reasons)),
            ]  # fmt: skip
        said = case.given("CONTEST")
        lines = [
            FactLine("contest.line", of, LINES[said["line"]].get(actor.language)) if said else None,
            FactLine("contest.statement", of, said["statement"]) if said else None,
            *(
                FactLine("contest.settled", of, SETTLED.get(one.data["state"], SETTLED["UNKNOWN"]).get(actor.language))
                for one in case.all("SETTLE")
            ),
            FactLine("contest.language", of, LANGUAGES.get(case.data["language"], case.data["language"])),
            *(
                fact_line("contest.fact", of, one, actor.language, said.get("fact") if said else None)
                for one in found.facts
            ),
            *(
                FactLine("contest.fact", of, None, "not_held", register=one.asked_of, label=name_of_unknown(one))
                for one in found.unknowns
            ),
        ]  # fmt: skip
        return [line for line in lines if line is not None]

    def results(self, case: Case, role: str, reader: Reader) -> Mapping[str, Any]:
        answer = case.last("UPHOLD") or case.last("OVERTURN")
        register = case.data["register"].rpartition("/")[2]
        decisions = [[register, case.data["decision"], _standing(case)]]
        if case.has("SUPERSEDE"):
            decisions.append([register, case.given("SUPERSEDE")["decision"], "newer"])
        found: dict[str, Any] = {"decisions": decisions} if role == "person" else {}
        if answer is not None:
            found |= {"answer": answer.name.lower(), "reasons": answer.data["reasons"]}
        if case.has("OTHERWISE"):
            found["instead"] = in_words(case.given("OTHERWISE"), case.data["language"])
        if case.has("REFUSE"):
            found["refusal"] = case.given("REFUSE")["reason"]
        return found

    async def _decision(self, case: Case, language: str, asking: Asking) -> Worded | None:
        """In the reader's language; None: the register does not answer."""
        answer = await asking.get(
            case.data["register"], f"/decisions/{case.data['decision']}", basis=asking.profile.ground(GROUND)
        )
        return None if answer is None else self._worded(answer.json, language)

    def _worded(self, opened: Mapping[str, Any], language: str) -> Worded:
        record = opened["record"]
        package = shipped_packages().get((record.get("rules") or {}).get("sha256", ""))
        return worded(record, opened["values"], package, language)


def _instance(fact: object) -> str | None:
    """Of whom a line is, `child` of `persons/child/born/ETERNITY`."""
    parts = str(fact or "").split("/")
    return parts[1] if len(parts) > 2 else None


def _contested_by(case: Case) -> str:
    """Who said it: the person, or somebody for them."""
    said = case.last("CONTEST")
    assert said is not None
    return said.person


def _case(work: Work) -> Case:
    assert work.case is not None
    return work.case


def _standing(case: Case) -> str:
    """How the contested decision stands, by what the case knows."""
    if case.has("SUPERSEDE"):
        return "replaced"
    if case.has("OVERTURN"):
        return "overturned"
    return "upheld" if case.has("UPHOLD") else "contested"


def _answer(case: Case, country: str) -> dict[str, Any] | None:
    """For the record; None of a case that was answered before such records were kept."""
    answered = case.last("UPHOLD") or case.last("OVERTURN")
    if answered is None or "view_sha256" not in answered.data:
        return None
    kept = ("view", "reasons", "view_sha256", "posture", "seconds")
    said = {"country": country, "contested_by": bare(case.persons("person")[0])}
    return said | {"language": case.data["language"]} | {name: answered.data[name] for name in kept}


def _looked(case: Case, actor: Actor) -> bool:
    return any(taken.person == actor.person for taken in case.all("LOOK"))
