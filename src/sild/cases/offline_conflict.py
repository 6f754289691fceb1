"""A record from a commune without connection that could not be merged: an official says what becomes of it.

A matter of its own is of somebody of its own: when whom the paper names has a live case, the official says who it really is about, or that
it is the same. So there are never two live cases of one birth, and each case is registered as its own child.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sild.cases.actor import Actor, Reader
from sild.cases.case import Case, Party, Taken
from sild.cases.codes import plain
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
from sild.cases.views import FactLine
from sild.catalogue import Defect
from sild.errors import CallerError

__all__ = ["OfflineConflict"]

DECIDERS = ("official", "supervisor")
WRITTEN = ("given_names", "family_name")
"""Of what stands on the paper, by the names its service gave them."""


class OfflineConflict(Process):
    service = "offline_conflict"
    rules = (
        Rule("DECIDE", by=DECIDERS, when=(OPENED,), to="CLOSED", screen="offline_conflict.desk"),
        Rule("TURN_BACK", by=("state",), when=("CLOSED",), to=OPENED, reopens=True),
    )
    waiting = (Waiting("offline_conflict.desk", "official", (OPENED,)),)

    async def facts(
        self, case: Case, of: str, concepts: Sequence[str], actor: Actor, asking: Asking
    ) -> Sequence[FactLine] | None:
        """What the paper says, and each reason why it does not fit."""
        if of != "paper":
            return ()
        written, said = case.data["content"], case.given("OPEN")
        back = {"subject_has_case": True} if case.has("TURN_BACK") else {}
        lines = (
            {name: written.get(name) for name in WRITTEN} | dict.fromkeys(case.data["reasons"], True) | back
        )
        lines |= {name: case.data[name] for name in ("number", "subject")}
        lines["registered_on"] = written.get("registered_on") or str(said["registered_at"])[:10]
        told = {f"offline_conflict.{name}": value for name, value in lines.items() if value}
        return [FactLine(concept, of, told[concept]) for concept in concepts if concept in told]

    async def check(
        self, case: Case, rule: Rule, values: Mapping[str, Any], actor: Actor, asking: Asking
    ) -> Given:
        """Another matter of somebody who has a live case needs the code of whom it is about."""
        of_another = plain(str(values.get("subject") or "").strip(), asking.profile.country)
        is_open = "subject_has_case" in case.data["reasons"] or case.has("TURN_BACK")
        if values["decision"] == "distinct" and is_open and of_another in ("", case.data["subject"]):
            return Given(values, (Defect("subject", "has_case"),))
        return Given({**values, "subject": of_another or None})

    def after(self, case: Case, taken: Taken) -> Effects:
        if taken.name == "DECIDE" and taken.data.get("decision") == "distinct":
            arguments = {"decided_by": taken.person, "subject": taken.data.get("subject")}
            return Effects(jobs=(Job("open_anew", arguments, key=str(taken.seq)),))
        return Effects()

    def jobs(self) -> Mapping[str, JobFunction]:
        return {"open_anew": _open_anew}

    def results(self, case: Case, role: str, reader: Reader) -> Mapping[str, Any]:
        shown = {name: case.data[name] for name in ("number", "subject")}
        return {**shown, "decision": case.given("DECIDE").get("decision")}


async def _open_anew(work: Work) -> None:
    """The matter of its own that was written down, as a case under a new number; the paper's number stays in what it knows.

    Of somebody who has a live case by now it goes back to the official.
    """
    assert work.case is not None
    said = work.case.data
    kept = {name: said[name] for name in ("offline", "number", "content", "service")}
    named, subject = said["subject"], work.arguments.get("subject") or said["subject"]
    parties = tuple(Party(role, subject if person == named else person) for role, person in said["parties"])
    data = {
        **kept,
        "subject": subject,
        "parties": [[party.role, party.person] for party in parties],
        "reasons": [],
        "conflict": work.case.id,
        "decided_by": work.arguments["decided_by"],
    }
    opening = Opening(parties, work.case.office, data, subject)
    try:
        await work.open("open", said["service"], opening, data=work.case.given("OPEN"))
    except CallerError as refused:
        if refused.code != "has_case":
            raise
        await work.act("back", "TURN_BACK", {"reason": "subject_has_case"})
