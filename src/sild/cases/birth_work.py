"""What the jobs of a case of birth share: which case, which child, and an action that may have become idle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sild.cases.birth_facts import Recorded, bare, child_of, known, recorded
from sild.cases.case import Case
from sild.cases.process import Work
from sild.errors import CallerError

__all__ = ["act", "case_of", "child_in", "known_in", "spoken_by"]


async def case_of(work: Work, service: str) -> str | None:
    """The case a job is about: its own, or the one of the event's child; None: there is none that lives."""
    if work.case is not None:
        return work.case.id
    found = await work.cases("case", service, known(child_in(work), work.profile.country))
    return found[0] if found else None


def child_in(work: Work) -> str:
    """The child's code as registers write it."""
    return bare(child_of(work.case) if work.case is not None else str(work.arguments["event"]["subject"]))


def known_in(work: Work) -> tuple[Case, Recorded]:
    assert work.case is not None
    said = recorded(work.case)
    assert said is not None
    return work.case, said


def spoken_by(work: Work) -> tuple[str, str]:
    """Who acted, and whose word it is: a clerk may say it for a parent."""
    acting = str(work.arguments["acting"])
    return acting, str(work.arguments.get("for", acting))


async def act(
    work: Work,
    step: str,
    action: str,
    data: Mapping[str, Any],
    case: str | None = None,
    *,
    only_of: str | None = None,
) -> bool:
    """Whether the process took it. What was done before, or has become idle, is no failure."""
    try:
        await work.act(step, action, data, case=case, only_of=only_of)
    except CallerError as refusal:
        if refusal.code == "job_cancelled":
            raise  # silence fell: the job does nothing more
        return False
    return True
