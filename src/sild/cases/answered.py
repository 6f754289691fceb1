"""What an office answers by a day: the day is set when it is asked, and once it is over the person is told."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

from sild.cases.actor import Actor
from sild.cases.case import Case, Taken
from sild.cases.process import Asking, Given, Job, JobFunction, Process, Rule, Work
from sild.errors import CallerError

__all__ = ["AnsweredByADay", "when_late"]

IDLE = ("too_late", "case_closed", "already_done")


class AnsweredByADay(Process):
    """A process with ASK, whose answer is due by the profile's `SERVICE.answer`, and REMIND, which the state does after it."""

    async def check(
        self, case: Case, rule: Rule, values: Mapping[str, Any], actor: Actor, asking: Asking
    ) -> Given:
        if rule.name != "ASK":
            return Given(values)
        due = asking.profile.deadline(f"{self.service}.answer", asking.profile.day(asking.now))
        return Given({**values, "due": due.isoformat()})

    def jobs(self) -> Mapping[str, JobFunction]:
        return {"remind": self.remind}

    async def remind(self, work: Work) -> None:
        """Its day is over: the person is told, and the desk shows it as late."""
        try:
            await work.act("reminded", "REMIND")
        except CallerError as refused:
            if refused.code not in IDLE:
                raise


def when_late(asked: Taken) -> Job:
    """The reminder of what was asked, on the morning after its `due` day."""
    morning = date.fromisoformat(asked.data["due"]) + timedelta(days=1)
    return Job("remind", at=datetime.combine(morning, time(0), tzinfo=asked.at.tzinfo))
