"""Ask why: a person asks a body why it looked at their data, and gets an answer by a day; a complaint about it goes to a superior.

The body's desk has it from when it is sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sild.cases.actor import Actor, Reader
from sild.cases.answered import AnsweredByADay, when_late
from sild.cases.case import Case, Taken
from sild.cases.process import OPENED, Asking, Effects, Given, NewNotice, Rule, Waiting
from sild.cases.refusals import Refused
from sild.cases.tracker import TrackerEntry
from sild.cases.views import FactLine

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


class AskWhy(AnsweredByADay):
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
        Rule("RESOLVE", by=("supervisor",), when=("COMPLAINED",), to="CLOSED", screen="ask_why.complaint"),
        Rule("WITHDRAW", by=("person",), to="CLOSED", screen="ask_why.question"),
    )
    waiting = (
        Waiting("ask_why.question", "person", (OPENED,)),
        Waiting("ask_why.desk", "official", ("ASKED", "REMINDED"), deadline="ask_why.answer"),
        Waiting("ask_why.answer", "person", ("ANSWERED",)),
        Waiting("ask_why.complaint", "supervisor", ("COMPLAINED",), deadline="ask_why.answer"),
    )

    async def check(
        self, case: Case, rule: Rule, values: Mapping[str, Any], actor: Actor, asking: Asking
    ) -> Given:
        answered = case.last("ANSWER")
        if rule.name == "RESOLVE" and answered is not None and answered.person == actor.person:
            raise Refused("you gave the answer: somebody else looks at it", code="conflict_of_interest")
        return await super().check(case, rule, values, actor, asking)

    def after(self, case: Case, taken: Taken) -> Effects:
        person = case.persons("person")[0]
        match taken.name:
            case "ASK":
                return Effects(jobs=(when_late(taken),), office=office_of(str(case.data["body"])))
            case "ANSWER":
                notice = NewNotice(person, "ask_why.answered", {"body": case.data.get("body", "")})
                return Effects(notices=(notice,), cancel_jobs=("remind",))
            case "REMIND":
                return Effects(
                    notices=(NewNotice(person, "ask_why.late", {"body": case.data.get("body", "")}),)
                )
            case "RESOLVE":
                notice = NewNotice(person, "ask_why.resolved", {"body": case.data.get("body", "")})
                return Effects(notices=(notice,))
            case "WITHDRAW":
                return Effects(cancel_jobs=("remind",))
        return Effects()

    async def facts(
        self, case: Case, of: str, concepts: Sequence[str], actor: Actor, asking: Asking
    ) -> Sequence[FactLine] | None:
        """The look that is asked about, and what was said of it until now."""
        if of != "look":
            return None
        look = case.data
        lines: list[tuple[str, Any]] = [
            ("day", asking.profile.day(datetime.fromisoformat(look["at"])).isoformat()),
            *((name, look.get(name)) for name in ("operation", "basis", "case", "message_id")),
            ("words", case.given("ASK").get("words")),
            ("answer", case.given("ANSWER").get("answer")),
            ("complaint", case.given("COMPLAIN").get("complaint")),
        ]
        return [
            FactLine(f"ask_why.{name}", of, value, register=str(look["register"]) if name == "day" else "")
            for name, value in lines
            if value and f"ask_why.{name}" in concepts
        ]

    def results(self, case: Case, role: str, reader: Reader) -> Mapping[str, Any]:
        return {
            "answer": case.given("ANSWER").get("answer"),
            "resolution": case.given("RESOLVE").get("answer"),
        }
