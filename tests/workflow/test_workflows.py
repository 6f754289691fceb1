"""Steps, refusals, waits and ends of workflows, on both databases."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from sild.errors import CallerError, Unavailable
from sild.workflow import State, Workflows
from sild.workflow.executors import Executors

QUICK = timedelta(milliseconds=50)


async def until(workflows, workflow_id, state, seconds=15):
    async with asyncio.timeout(seconds):
        while await workflows.state(workflow_id) is not state:
            await asyncio.sleep(0.02)


async def test_a_workflow_is_started_once(url):
    done = []

    async def count(run, argument):
        async def step():
            done.append(argument["n"])
            return

        await run.step("count", step)

    workflows = await Workflows.open(url, {"count": count})
    try:
        assert await workflows.state("a") is None
        await asyncio.gather(*(workflows.start("a", "count", {"n": n}) for n in range(5)))
        await until(workflows, "a", State.DONE)
        await workflows.start("a", "count", {"n": 9})
        await asyncio.sleep(0.1)
        assert len(done) == 1
        with pytest.raises(KeyError):
            await workflows.start("b", "unknown", {})
    finally:
        await workflows.close()


async def test_a_refusal_is_remembered_with_all_it_says(url):
    caught = []

    async def refused(run, argument):
        async def step():
            raise CallerError("no such thing", code="unknown_thing", status=404)

        for name in ("first", "second"):
            try:
                await run.step(name, step)
            except CallerError as error:
                caught.append((error.code, error.message, error.detail))

    async with opened(url, {"refused": refused}) as workflows:
        await workflows.start("a", "refused", None)
        await until(workflows, "a", State.DONE)
    assert caught == [("unknown_thing", "no such thing", {"status": 404})] * 2


async def test_what_is_unavailable_is_asked_again_until_it_answers(url):
    tries, told = [], []

    async def waits(error, at):
        told.append(error.code)

    async def asks(run, argument):
        async def step():
            tries.append(1)
            if len(tries) < 3:
                raise Unavailable("down", code="register_down")
            return {"answer": 42}

        answer = await run.insist("ask", step, waits=waits)
        assert answer == {"answer": 42}

    async with opened(url, {"asks": asks}) as workflows:
        await workflows.start("a", "asks", None)
        await until(workflows, "a", State.DONE)
    assert len(tries) == 3 and told == ["register_down"] * 2


async def test_insisting_ends_when_its_time_is_over(url):
    async def asks(run, argument):
        async def step():
            raise Unavailable("down", code="register_down")

        with pytest.raises(Unavailable):
            await run.insist("ask", step, within=timedelta(milliseconds=20))

    async with opened(url, {"asks": asks}) as workflows:
        await workflows.start("a", "asks", None)
        await until(workflows, "a", State.DONE)


async def test_a_pause_survives_a_restart_and_can_be_ended(url):
    up = []
    tries = []

    async def asks(run, argument):
        async def step():
            tries.append(1)
            if not up:
                raise Unavailable("down", code="register_down", retry_after=600)
            return

        await run.insist("ask", step)

    async with opened(url, {"asks": asks}) as workflows:
        await workflows.start("a", "asks", None)
        async with asyncio.timeout(10):
            while not tries:
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.3)
    up.append(1)
    async with opened(url, {"asks": asks}) as workflows:
        await asyncio.sleep(1.5)
        assert (
            len(tries) == 1 and await workflows.state("a") is State.RUNNING
        )  # ten minutes, not from the beginning
        await workflows.try_again("a")
        await until(workflows, "a", State.DONE)
    assert len(tries) == 2


async def test_a_cancelled_workflow_does_no_further_step(url):
    steps = []
    go = asyncio.Event()

    async def long(run, argument):
        async def first():
            steps.append("first")
            await go.wait()

        async def second():
            steps.append("second")

        await run.step("first", first)
        await run.step("second", second)

    async with opened(url, {"long": long}) as workflows:
        await workflows.start("a", "long", None)
        async with asyncio.timeout(10):
            while not steps:
                await asyncio.sleep(0.01)
        await workflows.cancel("a")
        go.set()
        await until(workflows, "a", State.CANCELLED)
        await asyncio.sleep(0.2)
    assert steps == ["first"]


async def test_a_bug_ends_the_workflow_and_is_seen(url):
    async def wrong(run, argument):
        async def step():
            raise ZeroDivisionError

        await run.step("wrong", step)

    async with opened(url, {"wrong": wrong}) as workflows:
        await workflows.start("a", "wrong", None)
        await until(workflows, "a", State.FAILED)


async def test_one_process_alone_works_on_a_file(tmp_path):
    url = f"sqlite:///{tmp_path}/workflows.sqlite"
    async with opened(url, {}):
        with pytest.raises(Unavailable) as refused:
            await Workflows.open(url, {})
    assert refused.value.code == "workflows_in_use"
    async with opened(url, {}):
        pass


async def test_what_a_killed_process_was_starting_is_waited_for_and_nobody_else(tmp_path):
    """Between fork and exec it has the files of the dead, and with them the lock."""
    url = f"sqlite:///{tmp_path}/workflows.sqlite"
    other = Executors(url, "workflows")
    other.enter()
    with pytest.raises(Unavailable) as refused:
        await Workflows.open(url, {})
    assert refused.value.code == "workflows_in_use"
    asyncio.get_running_loop().call_later(0.2, other.leave)
    async with opened(url, {}):
        pass


class opened:
    """The workflows, quick to try again, closed at the end."""

    def __init__(self, url, functions):
        self._url, self._functions = url, functions

    async def __aenter__(self):
        self._workflows = await Workflows.open(self._url, self._functions, first_pause=QUICK)
        return self._workflows

    async def __aexit__(self, *raised):
        await self._workflows.close()
