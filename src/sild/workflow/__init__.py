"""Durable workflows: what takes longer than one transaction goes on after whatever death, each step remembered.

    workflows = await Workflows.open("sqlite:///workflows.sqlite", {"register": register})
    await workflows.start("case-17/register", "register", {"case": "case-17"})     # the same id again: once

    async def register(run: Run, argument):
        answer = await run.insist("registration", lambda: call(...))               # until the register answers
        await run.step("recorded", lambda: record(answer))

A thin room over DBOS (docs/adr/0026). SQLite for one process; PostgreSQL for several, which take up each other's work. Called by cases.

workflows.py  opened, started, cancelled       run.py  steps and waits       values.py  outcomes as JSON       executors.py  the dead
"""

from __future__ import annotations

from sild.workflow.run import Run
from sild.workflow.workflows import State, WorkflowFunction, Workflows

__all__ = ["Run", "State", "WorkflowFunction", "Workflows"]
