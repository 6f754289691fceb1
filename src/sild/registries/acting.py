"""A register at work beside its application: its events go out, and what it still has to do gets done.

await act(register, xroad_client, services={"population": ServiceId(...)}, events_url=None)
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Mapping
from datetime import timedelta
from functools import partial
from typing import Any, Protocol, runtime_checkable

from sild.adapter import AsyncXRoadClient
from sild.decisions import Checkpointer, NightlyReplay, Stamp
from sild.events import open_dispatcher
from sild.registries.deciding import (
    Deciding,
    MandatesOverExchange,
    Supervision,
    TakesUpRules,
    replay_mismatched,
)
from sild.registries.exchange import Ask, Exchange, event_delivery
from sild.registries.kernel import Kernel
from sild.registries.message_logs import from_threads, own_log
from sild.registries.tasks import Worker
from sild.xroad import ServiceId

__all__ = ["HasKernel", "act", "stamp_decisions"]


class HasKernel(Protocol):
    """Any register."""

    @property
    def kernel(self) -> Kernel: ...


@runtime_checkable
class Decides(Protocol):
    """A register that leaves records of decisions."""

    @property
    def deciding(self) -> Deciding: ...


@runtime_checkable
class StampsLater(Protocol):
    """One that stamps what had to go without."""

    async def stamp_receipts(self, stamp: Stamp, *, interval: timedelta) -> None: ...


@runtime_checkable
class Works(Protocol):
    """A register that does by itself what waits."""

    def worker(self, ask: Ask) -> Worker: ...


async def act(
    register: HasKernel,
    client: AsyncXRoadClient,
    *,
    services: Mapping[str, ServiceId] | None = None,
    events_url: str | None = None,
    stamp: Stamp | None = None,
    checkpoints: timedelta = timedelta(seconds=60),
    keeper: ServiceId | None = None,
    askers: Collection[str] = (),
) -> None:
    """Until cancelled. client: the register's own subsystem at its security server.  services: of the registers it asks, and of those whose events it takes, by name.

    events_url: see `sild.events.open_dispatcher`.  stamp: of the heads of its decisions, of its papers and receipts; None: they are sealed and not time-stamped.
    keeper: who knows what auditors may look at; None: none may.  askers: information systems through which they look.
    checkpoints: how often there is a new head, and a sample of the day before is replayed once that day is over.
    """
    kernel, loop = register.kernel, asyncio.get_running_loop()
    deliver = event_delivery(client, kernel.telling)
    sender = open_dispatcher(kernel.outbox, deliver, system=kernel.system, events_url=events_url)
    kernel.logged = own_log(client, loop)
    kernel.tellers = {name: service.client_id.encode() for name, service in (services or {}).items()}
    kernel.wake = lambda: _soon(loop, sender.wake)
    work: list[Coroutine[Any, Any, None]] = [sender.run()]
    if isinstance(register, Works):
        worker = register.worker(Exchange(client, services or {}, clock=lambda: kernel.now))
        work.append(worker.run())
    if isinstance(register, Decides):
        register.deciding.logs = from_threads(register.deciding.exchanged_by, client, loop)
        work.append(TakesUpRules(register.deciding, checkpoints).run())
        if keeper is not None:
            mandates = MandatesOverExchange(client, keeper, loop)
            register.deciding.supervision = Supervision(frozenset(askers), mandates)
    work.append(stamp_decisions(register, stamp, checkpoints=checkpoints))
    await asyncio.gather(*work)


async def stamp_decisions(register: HasKernel, stamp: Stamp | None, *, checkpoints: timedelta) -> None:
    """Heads of the log of decisions, papers and receipts; and the nightly sample of replays. Until cancelled; where there is nothing
    of these: nothing."""
    if stamp is None:
        return
    work: list[Coroutine[Any, Any, None]] = []
    register.kernel.stamp = stamp
    if isinstance(register, StampsLater):
        work.append(register.stamp_receipts(stamp, interval=checkpoints))
    if isinstance(register, Decides):
        deciding, origin = register.deciding, register.kernel.system.strip("/")
        work.append(Checkpointer(deciding.store, stamp, origin=origin, interval=checkpoints).run())
        work.append(
            NightlyReplay(
                deciding.store, deciding.replay, mismatched=partial(replay_mismatched, deciding)
            ).run()
        )
    await asyncio.gather(*work)


def _soon(loop: asyncio.AbstractEventLoop, wake: Callable[[], None]) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(wake)
