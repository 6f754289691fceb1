"""Asking one provider once: within its time, within its length, and only until its switch is thrown."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from sild.ai_gateway.breaker import Breaker
from sild.ai_gateway.profiles import ProviderSettings
from sild.ai_gateway.providers import Ended, ModelProvider, Prompt, ProviderFailed
from sild.ai_gateway.switches import KillSwitches
from sild.telemetry import get_logger

__all__ = ["Provider", "ask"]

log = get_logger("ai_gateway")

CHARACTERS_PER_TOKEN = 32
"""More than any language has: an answer beyond it comes from a provider that does not stop."""


@dataclass(frozen=True, slots=True)
class Provider:
    settings: ProviderSettings
    model: ModelProvider
    breaker: Breaker

    @property
    def name(self) -> str:
        return self.settings.name


async def ask(
    provider: Provider, prompt: Prompt, switches: KillSwitches, *, seconds: float
) -> AsyncGenerator[str | Ended, None]:
    """Texts, then `Ended`. Raises ProviderFailed. A task of its own reads, so that a slow reader of ours costs it no time."""
    if switches.is_off(provider.name, provider.settings.place):
        raise ProviderFailed(f"{provider.name} was switched off", why="killed")
    arrived: asyncio.Queue[str | Ended | ProviderFailed] = asyncio.Queue()
    reading = asyncio.create_task(_read(provider, prompt, arrived, seconds))
    watching = asyncio.create_task(_watch(provider, switches, reading, arrived))
    try:
        while True:
            item = await arrived.get()
            if isinstance(item, ProviderFailed):
                raise item
            yield item
            if isinstance(item, Ended):
                return
    finally:
        reading.cancel()
        watching.cancel()
        await asyncio.gather(reading, watching, return_exceptions=True)


async def _read(
    provider: Provider, prompt: Prompt, arrived: asyncio.Queue[str | Ended | ProviderFailed], seconds: float
) -> None:
    length, most = 0, prompt.most_tokens * CHARACTERS_PER_TOKEN
    try:
        async with asyncio.timeout(seconds), aclosing(provider.model.ask(prompt)) as answer:
            async for each in answer:
                length += len(each) if isinstance(each, str) else 0
                if length > most:
                    raise ProviderFailed(f"{provider.name} did not stop", why="nonsense")
                arrived.put_nowait(each)
                if isinstance(each, Ended):
                    return
        raise ProviderFailed(f"{provider.name} stopped in the middle", why="cut_off")
    except ProviderFailed as error:
        arrived.put_nowait(error)
    except TimeoutError:
        arrived.put_nowait(
            ProviderFailed(f"{provider.name} did not answer within {seconds:g} s", why="timeout")
        )
    except Exception as error:  # noqa: BLE001 - an SDK's mistake must not leave the caller waiting
        log.bug("provider.failed", error, provider=provider.name)
        arrived.put_nowait(ProviderFailed(f"{provider.name} answered what is no answer", why="nonsense"))


async def _watch(
    provider: Provider,
    switches: KillSwitches,
    reading: asyncio.Task[None],
    arrived: asyncio.Queue[str | Ended | ProviderFailed],
) -> None:
    await switches.wait_off(provider.name, provider.settings.place)
    reading.cancel()
    arrived.put_nowait(ProviderFailed(f"{provider.name} was switched off", why="killed"))
