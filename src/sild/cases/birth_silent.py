"""Parents who say nothing about the name: when their time is over the office takes it up, and they may answer until it has decided.

Of one signed name an official registers that one; where nobody has chosen, the official does. Both are heard before, and told why.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

from sild.cases.birth_facts import declared, recorded
from sild.cases.birth_work import act
from sild.cases.case import Case, Taken
from sild.cases.process import Job, JobFunction, Work
from sild.catalogue import Defect

__all__ = [
    "GROUND",
    "LAPSED",
    "SILENT",
    "BirthSilent",
    "answer_by",
    "asked_in",
    "is_left_signed",
    "is_left_unnamed",
    "lapse_of",
    "still_lapsed",
    "unheard",
]

LAPSED = "LAPSED"
SILENT = "parent_silent"
"""What stands against a registration by rule then."""
GROUND = "name_by_office"


def answer_by(case: Case) -> date | None:
    """The last day on which the parents alone are waited for: the law's, or that of the newest question to them, if it is later."""
    said = recorded(case)
    if said is None:
        return None
    asked = [one.data.get("answer_by") for one in case.all("DECLARE", "RETURN", "PATERNITY")]
    return max([said.choose_by, *(date.fromisoformat(day) for day in asked if day)])


def asked_in(work: Work) -> dict[str, str]:
    """Of what a job says: until when whoever is asked by it is waited for, at least."""
    return {"answer_by": work.profile.deadline("birth.answer", work.profile.day(work.at)).isoformat()}


def lapse_of(case: Case, taken: Taken) -> tuple[Job, ...]:
    """Of a case that waits for parents from this action on."""
    last = answer_by(case)
    if last is None:
        return ()
    end = datetime.combine(last + timedelta(days=1), time(0), taken.at.tzinfo)
    return (Job("lapse", at=end, key=str(taken.seq)),)


def is_left_signed(case: Case) -> bool:
    """The office has to decide about a name that one parent has signed."""
    return case.status == LAPSED and declared(case) is not None


def is_left_unnamed(case: Case) -> bool:
    """Nobody has chosen a name in time."""
    return case.status == LAPSED and declared(case) is None


def still_lapsed(before: Case) -> bool:
    """Whether the office decided of itself what the register did not enter: it is its turn again."""
    lapsed, returned = before.last("LAPSE"), before.last("RETURN")
    if lapsed is None or (returned is not None and returned.seq > lapsed.seq):
        return False
    return all(taken.name not in ("COSIGN", "PROPOSE") for taken in before.since("LAPSE"))


def unheard(case: Case, values: Mapping[str, Any]) -> tuple[Defect, ...]:
    """Who decides in the parents' place says why, and how they were heard."""
    if case.status != LAPSED:
        return ()
    wanted = {"words": "missing", "hearing": "not_heard"}
    return tuple(Defect(name, reason) for name, reason in wanted.items() if not values.get(name))


class BirthSilent:
    def by_kind(self) -> Mapping[str, JobFunction]:
        return {"lapse": self.lapse}

    async def lapse(self, work: Work) -> None:
        await act(work, "lapse", "LAPSE", {"basis": work.profile.ground(GROUND)})
