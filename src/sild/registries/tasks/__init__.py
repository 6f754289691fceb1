"""What a register still has to do: written with the event that asks for it, done once, until it is done, held or cancelled.

tasks.add(use, "card", child, cause=event.id)             # in the transaction of the event
await register.worker(ask).run()                          # asks others, then one transaction: the effect, and the task's end
silence.fall(use, event)                                  # nothing that waits about the child happens any more

Between receipt and effect a register asks other registers, which takes time and may fail; a transaction must not wait for it.
So the event leaves a row, the answers are gathered outside, and the effect is one transaction that also ends the row. Called by
registers. A country's one rule stands above all: after a death, a stillbirth or a protection order no waiting notice is sent.
"""

from __future__ import annotations

from pathlib import Path

from sild.registries.tasks.queue import Task, Tasks, TaskState
from sild.registries.tasks.register import ActingRegister, Effect
from sild.registries.tasks.silence import SILENCING, Silence, silence_key
from sild.registries.tasks.worker import Handler, Held, Worker

__all__ = [
    "SILENCING",
    "TASK_MIGRATIONS",
    "ActingRegister",
    "Effect",
    "Handler",
    "Held",
    "Silence",
    "Task",
    "TaskState",
    "Tasks",
    "Worker",
    "silence_key",
]

TASK_MIGRATIONS = Path(__file__).parent / "migrations"
