"""J2, moving home: a resident says who moves where; owners and custodians answer; an official registers it (docs/journeys.md)."""

from __future__ import annotations

from sild.cases.process import OPENED, Process, Rule

__all__ = ["Move"]


class Move(Process):
    service = "move"
    opener = "resident"
    rules = (Rule("WITHDRAW", by=("resident",), when=(OPENED,), to="WITHDRAWN"),)
    closed = ("CLOSED", "WITHDRAWN")
