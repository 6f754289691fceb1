"""Assistance: what the portal's assistant could not settle goes to an official, with the whole dialogue, and is answered by a day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sild.cases.actor import Actor, Reader
from sild.cases.answered import AnsweredByADay, when_late
from sild.cases.case import Case, Taken
from sild.cases.process import OPENED, Asking, Effects, NewNotice, Rule, Waiting
from sild.cases.views import FactLine

__all__ = ["ASSISTANCE_OFFICE", "Assistance", "dialogue_data"]

ASSISTANCE_OFFICE = "assistance@state"
"""The authority whose officials answer: one desk, which passes on what is another body's. It sees a case once it is signed."""
MAX_TURNS = 40
MAX_SIGNS = 4_000


def dialogue_data(turns: Sequence[tuple[str, str]]) -> Mapping[str, Any]:
    """turns: (asked, answered), plain text. By value: what the portal forgets, the case keeps. The newest ones, if there are many."""
    return {"dialogue": [[asked[:MAX_SIGNS], answered[:MAX_SIGNS]] for asked, answered in turns[-MAX_TURNS:]]}


class Assistance(AnsweredByADay):
    service = "assistance"
    opener = "person"
    rules = (
        Rule("ASK", by=("person",), when=(OPENED,), to="ASKED", screen="assistance.question", once="case"),
        Rule(
            "ANSWER",
            by=("official", "supervisor"),
            when=("ASKED", "REMINDED"),
            to="ANSWERED",
            screen="assistance.desk",
        ),
        Rule("REMIND", by=("state",), when=("ASKED",), to="REMINDED", once="case"),
        Rule("CONTENT", by=("person",), when=("ANSWERED",), to="CLOSED", screen="assistance.answer"),
        Rule(
            "AGAIN", by=("person",), when=("ANSWERED",), to="ASKED", screen="assistance.answer", once="case"
        ),
        Rule("WITHDRAW", by=("person",), when=(OPENED,), to="CLOSED", screen="assistance.question"),
    )
    waiting = (
        Waiting("assistance.question", "person", (OPENED,)),
        Waiting("assistance.desk", "official", ("ASKED", "REMINDED"), deadline="assistance.answer"),
        Waiting("assistance.answer", "person", ("ANSWERED",)),
    )

    def after(self, case: Case, taken: Taken) -> Effects:
        person = case.persons("person")[0]
        match taken.name:
            case "ASK":
                return Effects(jobs=(when_late(taken),), office=ASSISTANCE_OFFICE)
            case "ANSWER":
                return Effects(notices=(NewNotice(person, "assistance.answered"),), cancel_jobs=("remind",))
            case "REMIND":
                return Effects(notices=(NewNotice(person, "assistance.late"),))
        return Effects()

    async def facts(
        self, case: Case, of: str, concepts: Sequence[str], actor: Actor, asking: Asking
    ) -> Sequence[FactLine] | None:
        """The dialogue, turn by turn; what was said beside it; the answer."""
        if of != "dialogue":
            return None
        lines = [("dialogue.words", case.given("ASK").get("words"))]
        for asked, answered in case.data.get("dialogue", ()):
            lines += [("dialogue.asked", asked), ("dialogue.answered", answered)]
        lines.append(("dialogue.reply", case.given("ANSWER").get("answer")))
        return [FactLine(concept, of, value) for concept, value in lines if value and concept in concepts]

    def results(self, case: Case, role: str, reader: Reader) -> Mapping[str, Any]:
        answer = case.given("ANSWER").get("answer")
        return {} if answer is None else {"answer": answer}
