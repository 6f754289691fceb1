"""A record from a commune without connection that could not be merged: an official says what becomes of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sild.cases.case import Case, Party, Taken
from sild.cases.process import OPENED, Effects, Job, JobFunction, Opening, Process, Rule, Waiting, Work

__all__ = ["OfflineConflict"]

DECIDERS = ("official", "supervisor")


class OfflineConflict(Process):
    service = "offline_conflict"
    rules = (
        Rule("DECIDE", by=DECIDERS, when=(OPENED,), to="CLOSED", screen="offline_conflict.desk", once="case"),
    )
    waiting = (Waiting("offline_conflict.desk", "official", (OPENED,)),)

    def after(self, case: Case, taken: Taken) -> Effects:
        if taken.name == "DECIDE" and taken.data.get("decision") == "distinct":
            return Effects(jobs=(Job("open_anew", {"decided_by": taken.person}),))
        return Effects()

    def jobs(self) -> Mapping[str, JobFunction]:
        return {"open_anew": _open_anew}

    def results(self, case: Case, role: str) -> Mapping[str, Any]:
        shown = {name: value for name, value in case.data.items() if name != "service"}
        return {**shown, "decision": case.given("DECIDE").get("decision")}


async def _open_anew(work: Work) -> None:
    """The matter of its own that was written down, as a case under a new number; the paper's number stays in what it knows."""
    assert work.case is not None
    said = work.case.data
    kept = {name: said[name] for name in ("offline", "number", "subject", "parties", "content", "service")}
    data = {**kept, "reasons": [], "conflict": work.case.id, **work.arguments}
    parties = tuple(Party(role, person) for role, person in said["parties"])
    opening = Opening(parties, work.case.office, data)
    await work.open("open", said["service"], opening, data=work.case.given("OPEN"))
