"""Ask why: a person asks a body why it looked at their data, and gets an answer by a day. The shortest process there is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

from sild.cases.actor import Actor
from sild.cases.case import Case, Taken
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
from sild.cases.tracker import TrackerEntry
from sild.errors import CallerError

__all__ = ["AskWhy", "office_of", "question"]


def office_of(body: str) -> str:
    """The authority that answers for a body's looks: its own oversight."""
    return f"oversight@{body}"


def question(entry: TrackerEntry) -> Mapping[str, Any]:
    """What is asked about, by value: the tracker may have forgotten it when the answer comes."""
    return {
        "at": entry.at.isoformat(),
        "body": entry.body,
        "system": entry.system,
        "operation": entry.operation,
        "register": entry.register,
        "basis": entry.basis,
        "case": entry.case,
        "message_id": entry.message_id,
    }


class AskWhy(Process):
    service = "ask_why"
    opener = "person"
    rules = (
        Rule("ASK", by=("person",), when=(OPENED,), to="ASKED", screen="ask_why.question", once="case"),
        Rule(
            "ANSWER",
            by=("official", "supervisor"),
            when=("ASKED", "REMINDED"),
            to="ANSWERED",
            screen="ask_why.desk",
        ),
        Rule("REMIND", by=("state",), when=("ASKED",), to="REMINDED", once="case"),
        Rule("CONTENT", by=("person",), when=("ANSWERED",), to="CLOSED", screen="ask_why.answer"),
        Rule(
            "COMPLAIN",
            by=("person",),
            when=("ANSWERED",),
            to="COMPLAINED",
            screen="ask_why.answer",
            once="case",
        ),
        Rule("WITHDRAW", by=("person",), to="CLOSED", screen="ask_why.question"),
    )
    waiting = (
        Waiting("ask_why.question", "person", (OPENED,)),
        Waiting("ask_why.desk", "official", ("ASKED", "REMINDED"), deadline="ask_why.answer"),
        Waiting("ask_why.answer", "person", ("ANSWERED",)),
    )

    async def check(
        self, case: Case, rule: Rule, values: Mapping[str, Any], actor: Actor, asking: Asking
    ) -> Given:
        if rule.name != "ASK":
            return Given(values)
        due = asking.profile.deadline("ask_why.answer", asking.now.date())
        return Given({**values, "due": due.isoformat()})

    def after(self, case: Case, taken: Taken) -> Effects:
        person = case.persons("person")[0]
        match taken.name:
            case "ASK":
                return Effects(jobs=(Job("remind", at=_morning_after(taken)),))
            case "ANSWER":
                notice = NewNotice(person, "ask_why.answered", {"body": case.data.get("body", "")})
                return Effects(notices=(notice,), cancel_jobs=("remind",))
            case "REMIND":
                return Effects(
                    notices=(NewNotice(person, "ask_why.late", {"body": case.data.get("body", "")}),)
                )
            case "WITHDRAW":
                return Effects(cancel_jobs=("remind",))
        return Effects()

    def jobs(self) -> Mapping[str, JobFunction]:
        return {"remind": self.remind}

    async def remind(self, work: Work) -> None:
        """Its day is over: the person is told, and oversight sees it on the desk as late."""
        try:
            await work.act("reminded", "REMIND")
        except CallerError as refused:
            if refused.code not in ("too_late", "case_closed", "already_done"):
                raise

    def results(self, case: Case, role: str) -> Mapping[str, Any]:
        return {"question": dict(case.data), "answer": case.given("ANSWER").get("answer")}


def _morning_after(taken: Taken) -> datetime:
    due = date.fromisoformat(taken.data["due"]) + timedelta(days=1)
    return datetime.combine(due, time(0), tzinfo=taken.at.tzinfo)
