"""The pytest plugin: the fixture `nation`, a whole country on loopback for tests of information systems.

    def test_our_client(nation):
        answer = our_client(nation.client_url, as_client=nation.client).get_person(nation.people[0]["code"])

One nation serves a test session; it starts with the first test that asks for it and runs beside the tests in a thread.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

if TYPE_CHECKING:
    from sild.nation import Nation

__all__ = ["RunningNation", "nation"]

T = TypeVar("T")
START_SECONDS = 60
PEOPLE = 500


class RunningNation:
    """A nation in a thread of its own. `description` is what its nation.json holds."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="nation", daemon=True)
        self._thread.start()
        try:
            self.nation: Nation = self.run(_start(directory))
        except BaseException:
            self._end()
            raise
        self.description: dict[str, Any] = self.nation.description

    def run(self, work: Coroutine[object, object, T]) -> T:
        """Run `work` on the nation's event loop and wait for it: for administration in the middle of a test."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(START_SECONDS)

    @property
    def client(self) -> str:
        """The subsystem that may call the register, as the header X-Road-Client says it."""
        return str(self.description["example"]["client"])

    @property
    def client_url(self) -> str:
        """Base address of the client's security server: `<client_url>/r1/...`."""
        return str(self.description["security_servers"][1]["addresses"]["client_http"])

    @property
    def service_path(self) -> str:
        """Path of the population register on any security server: `/r1/SILD/GOV/70000002/population/persons`."""
        return str(self.description["services"][0]["path"])

    @property
    def people(self) -> list[dict[str, str]]:
        """Some of the register's people: `code`, `name` and more."""
        return list(self.description["test_people"])

    def stop(self) -> None:
        try:
            self.run(self.nation.stop())
        finally:
            self._end()

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _start(directory: Path) -> Nation:
    from dataclasses import replace

    from sild.nation import DEMO, Nation  # late: half a second that tests without a nation need not pay

    return await Nation.start(directory, plan=replace(DEMO, people=PEOPLE))


@pytest.fixture(scope="session")
def nation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNation]:
    """A running X-Road instance: central server, trust services, two security servers, a population register."""
    running = RunningNation(tmp_path_factory.mktemp("nation"))
    yield running
    running.stop()
