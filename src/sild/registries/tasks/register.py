"""A register that acts by itself on other registers' events: what it takes, once, in any order; what it does next."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from sild.errors import CallerError
from sild.events import Event
from sild.registries.exchange import Ask
from sild.registries.kernel import Kernel, Use
from sild.registries.tasks.queue import Task, Tasks
from sild.registries.tasks.silence import ANNULLED, BEGIN, ENDED, ORDER, RESUME, SILENCING, Silence
from sild.registries.tasks.worker import Handler, Worker

__all__ = ["ActingRegister", "Effect"]

Effect = Callable[[Use, Event], None]


class ActingRegister(ABC):
    """silenced_types: patterns of own events.  silenced_kinds: own tasks.  Both wait for nobody after a silence."""

    def __init__(
        self, kernel: Kernel, *, silenced_types: Sequence[str], silenced_kinds: Sequence[str]
    ) -> None:
        self.kernel = kernel
        self.tasks = Tasks(kernel.engine)
        self.silence = Silence(self.tasks, kernel.outbox, silenced_types, silenced_kinds)

    def close(self) -> None:
        self.kernel.close()

    @abstractmethod
    def effects(self) -> Mapping[str, Effect]:
        """Type of event -> its effect, within one transaction."""

    @abstractmethod
    def silenced(self, use: Use, event: Event, reason: str) -> None:
        """What else ends with a silence. reason: `death`, `stillbirth`, `protection_order`."""

    def lives(self, use: Use, event: Event, since: datetime) -> None:  # noqa: B027 - of most nothing else ended
        """The subject's death was none: what else ended goes on. since: when it was heard of."""

    @abstractmethod
    def handlers(self, ask: Ask) -> Mapping[str, Handler]:
        """Kind of task -> what is done."""

    def worker(self, ask: Ask) -> Worker:
        own = {RESUME: self.silence.resume, BEGIN: self._order_begins}
        return Worker(self.kernel, self.tasks, {**self.handlers(ask), **own})

    async def _order_begins(self, task: Task) -> Callable[[Use], None]:
        def change(use: Use) -> None:
            if self.silence.begin(use, task.subject):
                source = str(task.about["source"])
                order = Event(task.cause, source, "civil.protection.ordered", task.subject, use.at)
                self.silenced(use, order, ORDER)

        return change

    def apply_event(self, event: Event, message_id: str) -> None:
        """Once, whatever the order. Raises CallerError (`event_not_taken`) for a type nobody here subscribed to."""
        effect = self.effects().get(event.type)
        if effect is None and event.type not in (*SILENCING, ANNULLED, ENDED):
            raise CallerError("this register takes no such events", code="event_not_taken")
        with self.kernel.applying(event, message_id) as use:
            if use is None:
                return
            if event.type in SILENCING:
                reason = self.silence.fall(use, event)
                if reason is not None:
                    self.silenced(use, event, reason)
            elif event.type == ANNULLED:
                since = self.silence.lift(use, event)
                if since is not None:
                    self.lives(use, event, since)
            elif event.type == ENDED:
                self.silence.end(use, event)
            elif effect is not None:
                effect(use, event)
