"""A record from a commune without connection that could not be merged: an official says what becomes of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sild.cases.case import Case
from sild.cases.process import OPENED, Process, Rule, Waiting

__all__ = ["OfflineConflict"]

DECIDERS = ("official", "supervisor")


class OfflineConflict(Process):
    service = "offline_conflict"
    rules = (
        Rule("DECIDE", by=DECIDERS, when=(OPENED,), to="CLOSED", screen="offline_conflict.desk", once="case"),
    )
    waiting = (Waiting("offline_conflict.desk", "official", (OPENED,)),)

    def results(self, case: Case, role: str) -> Mapping[str, Any]:
        return {**case.data, "decision": case.given("DECIDE").get("decision")}
