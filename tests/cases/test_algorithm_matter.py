"""A matter of the algorithms: told once, seen to by a day with words, over by itself when the difference is gone, told again later."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from sild.cases import ALGORITHM_OFFICE, AlgorithmMatter, CaseSystem, MatterOfAlgorithms, Refused

from .registers import REGISTERS
from .world import MARI, OFFICIAL, SYSTEM, World

WATCHER = replace(OFFICIAL, authority=ALGORITHM_OFFICE)
HEARD = MatterOfAlgorithms(
    "canary",
    "a1",
    {"alarm": "a1", "stage": "answer", "data_class": "tax", "provider": "openai-eu", "switched_off": "*",
     "at": "2026-03-02T09:00:00+00:00"},
)  # fmt: skip
DIFFERS = MatterOfAlgorithms(
    "difference",
    "family-benefits/package_hash/abc",
    {"algorithm": "family-benefits", "what": "package_hash", "said": "—", "found": "abc"},
)
SEEN_TO = {"outcome": ["mended"], "words": ["The old file was put back."]}


class Matters(World):
    async def start(self) -> None:
        self.cases = CaseSystem.open(
            self.directory, system=SYSTEM, exchange=self.registers, packs=self.packs,
            processes=[AlgorithmMatter(self.packs)], registers=REGISTERS, clock=self.clock,
            first_pause=timedelta(milliseconds=20),
        )  # fmt: skip
        await self.cases.start()

    async def waiting(self, count: int) -> list[str]:
        """On the desk, once their days are set."""
        for _ in range(500):
            found = [item for item in await self.cases.desk(WATCHER) if item.promise is not None]
            if len(found) == count:
                return [item.case for item in found]
            await asyncio.sleep(0.02)
        raise AssertionError(f"{count} were to wait")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Matters]:
    async with Matters(tmp_path) as world:
        yield world


async def test_an_alarm_waits_once_and_says_what_happened_in_words(world: Matters) -> None:
    for _ in range(3):
        await world.cases.tell_of_algorithms([HEARD])
    [case] = await world.waiting(1)
    for language, words in (
        ("en", ["A planted mark was stopped", "In a model's answer: nobody was given it", "tax", "every provider abroad"]),
        ("et", ["maksusaladus", "kõik välismaised pakkujad"]),
        ("vi", ["bí mật thuế", "mọi nhà cung cấp nước ngoài"]),
    ):  # fmt: skip
        work = await world.cases.fill(case, "algorithm_matter.desk", replace(WATCHER, language=language))
        values = [str(line.value) for line in work.facts]
        assert set(words) <= set(values), values
    for stranger in (OFFICIAL, MARI):
        with pytest.raises(Refused):
            await world.cases.view(case, stranger)
    await world.act(case, "SEE_TO", WATCHER, {**SEEN_TO, "outcome": ["stays_off"]})
    assert (await world.cases.view(case, WATCHER)).is_closed
    await world.cases.tell_of_algorithms([HEARD])
    assert await world.cases.desk(WATCHER) == (), "one alarm is one matter, for ever"


async def test_what_nothing_was_switched_off_for_cannot_stay_off(world: Matters) -> None:
    await world.cases.tell_of_algorithms([DIFFERS])
    [case] = await world.waiting(1)
    with pytest.raises(Refused) as refused:
        await world.act(case, "SEE_TO", WATCHER, {**SEEN_TO, "outcome": ["stays_off"]})
    assert "nothing_switched_off" in str(refused.value.defects)


async def test_a_difference_that_is_gone_is_over_and_an_alarm_is_not(world: Matters) -> None:
    await world.cases.tell_of_algorithms([HEARD, DIFFERS])
    await world.waiting(2)
    await world.cases.differences_are([DIFFERS.key])
    await world.waiting(2)
    await world.cases.differences_are([])
    [left] = await world.waiting(1)
    assert (await world.cases.view(left, WATCHER)).results["kind"] == "canary"
    await world.cases.tell_of_algorithms([DIFFERS])
    await world.waiting(2)  # back again: at once, nobody had closed it


async def test_one_that_is_there_still_a_month_after_it_was_closed_is_told_again(world: Matters) -> None:
    await world.cases.tell_of_algorithms([DIFFERS])
    [case] = await world.waiting(1)
    await world.act(case, "SEE_TO", WATCHER, SEEN_TO)
    world.later(days=29)
    await world.cases.tell_of_algorithms([DIFFERS])
    assert await world.cases.desk(WATCHER) == ()
    world.later(days=2)
    await world.cases.tell_of_algorithms([DIFFERS])
    assert await world.waiting(1) != [case]


async def test_late(world: Matters) -> None:
    await world.cases.tell_of_algorithms([HEARD])
    [case] = await world.waiting(1)
    world.later(days=10)
    world.cases._parts.jobs.wake()
    await world.until(case, "LATE", WATCHER)
    await world.act(case, "SEE_TO", WATCHER, SEEN_TO)
