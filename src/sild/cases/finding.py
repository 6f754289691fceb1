"""Finding: what an auditor found wrong with a decision; the body that decided answers by a day; everybody sees how it stands.

    OPENED ──WRITE──▶ SENT ──ANSWER──▶ ANSWERED ──CLOSE──▶ CLOSED
       │               ├─REMIND──▶ LATE ──▲    └──INSIST──▶ SENT (once)
       └──WITHDRAW──▶ WITHDRAWN

The auditor is a party of the case and acts at level high; officials of `finding@CODE` of the body answer. The register that decided
is told: it counts the finding, and says which decisions share what is wrong. When the body agrees, its official's answer has the
register look at each of them again (ripple); an answer that does not agree starts nothing. What the public reads is the title, how
it stands and what became of those decisions: the title holds no numbers that could be somebody's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select

from sild.cases.actor import Actor, Reader
from sild.cases.answered import AnsweredByADay, when_late
from sild.cases.birth_work import act
from sild.cases.case import Case, Taken
from sild.cases.parts import Parts
from sild.cases.process import (
    OPENED,
    Asking,
    Effects,
    Given,
    Job,
    JobFunction,
    NewNotice,
    Opening,
    Rule,
    Waiting,
    Work,
)
from sild.cases.refusals import Refused
from sild.cases.tables import cases
from sild.cases.views import FactLine, Options
from sild.catalogue import Defect, Screen
from sild.errors import CallerError

__all__ = ["Finding", "PublicFinding", "finding_of", "public_findings"]

STAFF = ("official", "supervisor")
UPHELD = ("decide_again", "mended")
"""Answers by which the body agrees: what the finding touches is looked at again."""
MOST_FACTS = 100
NUMBERS = re.compile(r"\d[\d\s.-]{5,}\d|\S+@\S+")
"""What could be somebody's: a code, an account, a telephone number, an address of mail."""
LISTED = 200
BECAME = ("redecided", "waiting", "unchanged")


def finding_of(
    register: str, record: Mapping[str, Any], *, basis: str, matter: str, language: str
) -> Opening:
    """register: that decided, `GOV/70000004/social`.  record: as it gave it to the auditor.  basis, matter: of their mandate.

    Raises CallerError (`bad_decision`).
    """
    try:
        algorithm = (record.get("algorithm") or {}).get("id")
        named = [str(one["name"]) for one in record["inputs"] if one["type"] not in ("role", "instance")]
        data = {
            "decision": str(record["id"]),
            "register": register,
            "algorithm": algorithm,
            "facts": named[:MOST_FACTS],
            "basis": basis,
            "matter": matter,
            "language": language,
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise CallerError("not a decision record", code="bad_decision") from error
    return Opening(data=data)


@dataclass(frozen=True, slots=True)
class PublicFinding:
    """What everybody may know. status: SENT, LATE, ANSWERED or CLOSED.  result: of a closed one, `mended` or `unfounded`.

    affected: decisions that share what is wrong; None: the register has not said yet.
    """

    number: str
    body: str
    algorithm: str | None
    title: str
    severity: str
    about: str
    status: str
    found_at: datetime
    due: date
    result: str | None
    affected: int | None


def public_findings(parts: Parts) -> list[PublicFinding]:
    """The newest first; what an auditor has not sent is none."""
    with parts.store.reading() as connection:
        query = select(cases.c.id).where(cases.c.service == Finding.service)
        ids = connection.scalars(query.order_by(cases.c.opened_at.desc()).limit(LISTED)).all()
        found = [parts.store.find(connection, one) for one in ids]
    return [_public(case) for case in found if case is not None and case.has("WRITE")]


def _public(case: Case) -> PublicFinding:
    written = case.given("WRITE")
    closed, told = case.last("CLOSE"), case.last("COUNT")
    return PublicFinding(
        number=case.number,
        body=case.data["register"],
        algorithm=case.data["algorithm"],
        title=written["title"],
        severity=written["severity"],
        about=written["about"],
        status=case.status,
        found_at=next(one.at for one in case.actions if one.name == "WRITE"),
        due=date.fromisoformat(_newest_due(case)),
        result=None if closed is None else closed.data["result"],
        affected=None if told is None else told.data["affected"],
    )


class Finding(AnsweredByADay):
    service = "finding"
    opener = "auditor"
    rules = (
        Rule(
            "WRITE",
            by=("auditor",),
            when=(OPENED,),
            to="SENT",
            screen="finding.write",
            acr="high",
            once="case",
        ),
        Rule("WITHDRAW", by=("auditor",), when=(OPENED,), to="WITHDRAWN", screen="finding.write"),
        Rule("COUNT", by=("state",), when=("SENT", "LATE", "ANSWERED"), once="case"),
        Rule("RIPPLE", by=("state",), when=("SENT", "LATE", "ANSWERED", "CLOSED"), reopens=True),
        Rule("REMIND", by=("state",), when=("SENT",), to="LATE"),
        Rule("ANSWER", by=STAFF, when=("SENT", "LATE"), to="ANSWERED", screen="finding.desk", decides=True),
        Rule(
            "INSIST",
            by=("auditor",),
            when=("ANSWERED",),
            to="SENT",
            screen="finding.close",
            acr="high",
            once="case",
        ),
        Rule("CLOSE", by=("auditor",), when=("ANSWERED",), to="CLOSED", screen="finding.close", acr="high"),
    )
    waiting = (
        Waiting("finding.write", "auditor", (OPENED,)),
        Waiting("finding.desk", "official", ("SENT", "LATE"), deadline="finding.answer"),
        Waiting("finding.close", "auditor", ("ANSWERED",)),
    )
    closed = ("CLOSED", "WITHDRAWN")

    async def opening(self, actor: Actor, asking: Asking) -> Opening:
        """It is begun from a decision (`finding_of`), never from nothing."""
        raise Refused("open the decision, and write there what you found", code="finding_from_decision")

    async def options(self, case: Case, screen: Screen, actor: Actor, asking: Asking) -> Options:
        return {"facts": [(name, name) for name in case.data["facts"]]}

    async def check(
        self, case: Case, rule: Rule, values: Mapping[str, Any], actor: Actor, asking: Asking
    ) -> Given:
        if rule.name == "ANSWER":
            return Given({**values, "acr": actor.acr, "posture": actor.posture})
        if rule.name not in ("WRITE", "INSIST"):
            return Given(values)
        defects = []
        if rule.name == "WRITE":
            if NUMBERS.search(values["title"]):
                defects.append(Defect("title", "could_be_somebodys"))
            if values["about"] == "input" and not values.get("fact"):
                defects.append(Defect("fact", "missing"))
        elif not values.get("words"):
            defects.append(Defect("words", "missing"))
        due = asking.profile.deadline("finding.answer", asking.profile.day(asking.now))
        return Given({**values, "due": due.isoformat()}, tuple(defects))

    # --- what follows

    def after(self, case: Case, taken: Taken) -> Effects:
        auditor = case.persons("auditor")[0]
        match taken.name:
            case "WRITE":
                office = f"finding@{case.data['register'].split('/')[1]}"
                return Effects(jobs=(Job("count"), when_late(taken)), office=office)
            case "COUNT":
                return Effects(jobs=_upheld(case))
            case "INSIST":
                return Effects(jobs=(when_late(taken),))
            case "REMIND":
                return Effects(notices=(NewNotice(auditor, "finding.told_late"),))
            case "ANSWER":
                is_upheld = taken.data["outcome"] in UPHELD and case.has("COUNT")
                return Effects(
                    jobs=_upheld(case) if is_upheld else (),
                    notices=(NewNotice(auditor, "finding.told_answered"),),
                    cancel_jobs=("remind",),
                )
            case "CLOSE":
                return Effects(jobs=(Job("end", {"upheld": taken.data["result"] == "mended"}),))
        return Effects()

    def jobs(self) -> Mapping[str, JobFunction]:
        return {**super().jobs(), "count": self.count, "ripple": self.ripple, "end": self.end}

    async def count(self, work: Work) -> None:
        """The register counts it, and says how many decisions share what is wrong, and which of them lie in the mandate.

        What it refuses is written down.
        """
        case = _case(work)
        written = case.given("WRITE")
        body = {"finding": case.id, "about": written["about"], "name": written.get("fact")}
        path = f"/supervision/decisions/{case.data['decision']}/findings"
        try:
            answer = await work.call(
                "count", case.data["register"], "POST", path, body,
                basis=case.data["basis"], acting=case.persons("auditor")[0],
            )  # fmt: skip
            told = {
                "affected": int(answer.json["affected"]),
                "decisions": [str(one) for one in answer.json["decisions"]],
            }
        except CallerError as refusal:
            told = {"affected": 0, "decisions": [], "refusal": refusal.code.rpartition(".")[2]}
        await work.act("counted", "COUNT", told)

    async def ripple(self, work: Work) -> None:
        """The register enters every decision that the finding touches, on the word of the official who answered, page by page."""
        case = _case(work)
        path = f"/findings/{case.id}/upheld"
        body = {"answer": work.arguments["answer"], "number": case.number, "country": work.profile.country}
        entered, after, page = 0, "", 0
        try:
            while page == 0 or after:
                answer = await work.call(
                    f"page-{page}", case.data["register"], "POST", path, {**body, "after": after or None},
                    basis=case.data["basis"], acting=str(work.arguments["official"]),
                )  # fmt: skip
                entered, page = entered + int(answer.json["entered"]), page + 1
                last, after = after, str(answer.json["next"] or "")
                if after and after <= last:  # pages go forward; a register that goes in circles is left
                    break
            told: dict[str, Any] = {"entered": entered}
        except CallerError as refusal:
            told = {"entered": entered, "refusal": refusal.code.rpartition(".")[2]}
        await act(work, "rippled", "RIPPLE", told)

    async def end(self, work: Work) -> None:
        """It is open no more. A mandate that has ended meanwhile changes nothing about what the case says."""
        case = _case(work)
        path = f"/supervision/decisions/{case.data['decision']}/findings/{case.id}/end"
        try:
            await work.call(
                "end", case.data["register"], "POST", path, {"upheld": bool(work.arguments["upheld"])},
                basis=case.data["basis"], acting=case.persons("auditor")[0],
            )  # fmt: skip
        except CallerError:
            return

    # --- what people see

    async def facts(
        self, case: Case, of: str, concepts: Sequence[str], actor: Actor, asking: Asking
    ) -> Sequence[FactLine] | None:
        if of != "finding":
            return ()
        written, told = case.given("WRITE"), case.last("COUNT")
        answer = case.last("ANSWER")
        lines: list[tuple[str, Any]] = [
            ("decision", case.data["decision"]),
            ("matter", case.data["matter"]),
            ("title", written.get("title")),
            ("fact", written.get("fact")),
            ("statement", written.get("statement")),
            ("affected", None if told is None else str(told.data["affected"])),
            (
                "decisions",
                None if told is None or not told.data["decisions"] else "\n".join(told.data["decisions"]),
            ),
            *(("insisted", taken.data["words"]) for taken in case.all("INSIST")),
            ("answer", None if answer is None else answer.data["answer"]),
        ]
        found = [FactLine(f"finding.{name}", of, value) for name, value in lines if value is not None]
        return [*found, *await self._became(case, of, asking)]

    async def _became(self, case: Case, of: str, asking: Asking) -> Sequence[FactLine]:
        """What came of the decisions it touches, once the body has agreed; as the register says now."""
        if not case.has("RIPPLE"):
            return ()
        register = case.data["register"]
        answer = await asking.get(register, f"/findings/{case.id}", basis=case.data["basis"])
        if answer is None:
            down = asking.failed(register)
            return (
                [FactLine("finding.redecided", of, None, "register_down", register=register)] if down else ()
            )
        return [FactLine(f"finding.{name}", of, str(answer.json[name])) for name in BECAME]

    def results(self, case: Case, role: str, reader: Reader) -> Mapping[str, Any]:
        """decisions_affected: their ids, for the auditor's list."""
        found: dict[str, Any] = {}
        if case.has("COUNT"):
            found["affected"] = case.given("COUNT")["affected"]
        if case.has("ANSWER"):
            given = case.given("ANSWER")
            found |= {"outcome": given["outcome"], "answer": given["answer"]}
        if case.has("CLOSE"):
            found["result"] = case.given("CLOSE")["result"]
        return found


def _upheld(case: Case) -> tuple[Job, ...]:
    """The body's newest answer, if it agrees, as a job for the register; each once."""
    agreed = [one for one in case.all("ANSWER") if one.data["outcome"] in UPHELD]
    if not agreed:
        return ()
    told = {"answer": len(agreed), "official": agreed[-1].person}
    return (Job("ripple", told, key=str(len(agreed))),)


def _newest_due(case: Case) -> str:
    newest = case.last("INSIST") or case.last("WRITE")
    assert newest is not None
    return str(newest.data["due"])


def _case(work: Work) -> Case:
    assert work.case is not None
    return work.case
