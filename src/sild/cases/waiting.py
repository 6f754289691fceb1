"""What waits for somebody in a case. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from sild.cases.case import Case
from sild.cases.process import Process, Rule, Waiting

__all__ = ["STAFF", "is_possible", "waits_for", "waits_for_a_clerk"]

STAFF = ("official", "supervisor")


def waits_for(
    process: Process, case: Case, person: str, roles: Sequence[str], *, optional: bool = False
) -> list[Waiting]:
    """Screens that wait for this person in these roles; or those nobody waits for."""
    found = []
    for waiting in process.waiting:
        if waiting.optional != optional or waiting.role not in roles or case.status not in waiting.when:
            continue
        if not process.asks(case, waiting, person):
            continue
        done = [
            taken for taken in case.all(*waiting.until) if waiting.role in STAFF or taken.acting_for == person
        ]
        if not (waiting.until and done):
            found.append(waiting)
    return found


def waits_for_a_clerk(process: Process, case: Case, person: str) -> bool:
    """Whether there is still something that a clerk can do for the person."""
    return any(
        not rule.in_person
        for waiting in waits_for(process, case, person, case.roles_of(person))
        for rule in process.rules
        if rule.screen == waiting.screen and waiting.role in rule.by
    )


def is_possible(process: Process, case: Case, rule: Rule, person: str) -> str | None:
    """Why the action cannot be done by the person now, as a code of `Refused`; None: it can."""
    done = [taken for taken in case.all(rule.name) if rule.once == "case" or taken.acting_for == person]
    if rule.once is not None and done:
        return "already_done"
    if case.status in process.closed and not rule.reopens:
        return "case_closed"
    if rule.when and case.status not in rule.when:
        return "already_done" if case.has(rule.name) else "too_late"
    return None
