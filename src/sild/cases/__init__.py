"""Cases: what a state does for a person, from the first word to the result, and nothing twice.

    class Birth(Process): ...                        # a process: rules, jobs (process.py says how; ask_why.py is the shortest)
    system = await CaseSystem.open(directory, url, ...)
    await system.act(case, "DECLARE", actor, given, key=form_key)

Actions are append-only and a case's status is a fold over them. What takes time is a durable job (room `workflow`). Other bodies
are asked over the exchange alone, each message with case, ground and person acting. Called by the portal and the nation.

process.py  what a process is          case.py  a case, folded        actor.py  who acts        views.py  what screens show
"""

from __future__ import annotations

from sild.cases.actor import AUTOMATIC, STATE, Actor
from sild.cases.case import Case, Party, Taken
from sild.cases.process import (
    OPENED,
    Asking,
    Effects,
    ExchangeAnswer,
    Given,
    Job,
    NewNotice,
    Opening,
    Process,
    Rule,
    Waiting,
    Work,
)
from sild.cases.refusals import Refused

__all__ = [
    "AUTOMATIC",
    "OPENED",
    "STATE",
    "Actor",
    "Asking",
    "Case",
    "Effects",
    "ExchangeAnswer",
    "Given",
    "Job",
    "NewNotice",
    "Opening",
    "Party",
    "Process",
    "Refused",
    "Rule",
    "Taken",
    "Waiting",
    "Work",
]
