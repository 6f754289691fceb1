"""A disk that is really full: a small one, mounted for the one process (Linux, where user namespaces are allowed)."""

from __future__ import annotations

import contextlib
import shlex
import shutil
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

import pytest
from faults import error_of
from world import CLIENT, ECHO, Pair, Site, Spawned

from sild.http1 import Fetched, fetch

MIB = 1024 * 1024
SMALL_DISK = 'cp -a {dir} {copy} && mount -t tmpfs -o size=8m none {dir} && cp -a {copy}/. {dir} && exec "$@"'


def can_mount() -> bool:
    unshare = shutil.which("unshare")
    if unshare is None:
        return False
    tried = subprocess.run([unshare, "-rm", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True)
    return tried.returncode == 0


pytestmark = pytest.mark.skipif(not can_mount(), reason="no small disk can be mounted here")


class SmallDisk:
    """`site` as a process whose directory is a disk of 8 MiB; seen from outside through /proc."""

    def __init__(self, pair: Pair, site: Site, spawned: Spawned) -> None:
        self.pair = pair
        self.spawned = spawned
        self.directory = Path(f"/proc/{spawned.process.pid}/root{pair.world.directory / site.name}")
        self._filler = self.directory / "filler"

    @classmethod
    async def of(cls, pair: Pair, site: Site, **changed: Any) -> SmallDisk:
        directory = pair.world.directory / site.name
        words = {"dir": shlex.quote(str(directory)), "copy": shlex.quote(f"{directory}-copy")}
        prefix = ["unshare", "-rm", "sh", "-c", SMALL_DISK.format(**words), "sh"]
        return cls(pair, site, await pair.world.spawn(site, prefix=prefix, **changed))

    def fill(self) -> None:
        with contextlib.suppress(OSError), self._filler.open("ab", buffering=0) as file:
            for size in (64 * 1024, 4096, 1):
                with contextlib.suppress(OSError):
                    while file.write(bytes(size)):
                        pass

    def free(self) -> None:
        self._filler.unlink()

    def logged(self) -> list[tuple[str, bool]]:
        with contextlib.closing(sqlite3.connect(self.directory / "messagelog.db")) as connection:
            rows = connection.execute("select query_id, is_response from message_record")
            return [(query_id, bool(is_response)) for query_id, is_response in rows]


async def ask(url: str, body: bytes = b"question", query_id: str = "q") -> Fetched:
    headers = [(b"X-Road-Client", CLIENT.encode().encode()), (b"X-Road-Id", query_id.encode())]
    return await fetch(f"{url}/r1/{ECHO.encode()}", method="POST", body=body, headers=headers)


async def ask_until_refused(url: str) -> tuple[list[str], tuple[int, str]]:
    """Query ids that were answered, and the first refusal: what the log has allocated already takes a few more."""
    answered: list[str] = []
    for number in range(400):
        answer = await ask(url, b"x" * 20_000, f"q{number}")
        if answer.status != 200:
            return answered, error_of(answer)
        answered.append(f"q{number}")
    raise AssertionError("the disk is never full")


@pytest.mark.parametrize("whose", ["client", "provider"])
async def test_the_message_logs_disk_is_full(pair: Pair, whose: str) -> None:
    site = pair.consumer if whose == "client" else pair.provider
    disk = await SmallDisk.of(pair, site)
    url = disk.spawned.url if whose == "client" else pair.consumer.url
    disk.fill()
    answered, refused = await ask_until_refused(url)
    assert refused == (
        500,
        f"server.{whose.replace('provider', 'server')}proxy.logging_failed.database_error",
    )
    assert len(pair.echo.requests) <= len(answered) + 1
    logged = disk.logged()
    assert {(query_id, True) for query_id in answered} <= set(logged), "what was answered is logged"
    assert len([one for one in logged if not one[1]]) >= len(pair.echo.requests), "and what was acted on"
    assert '"fault": "Unavailable"' in disk.spawned.log.read_text(), "the log line says whose fault it is"
    disk.free()
    assert (await ask(url)).status == 200, "room on the disk is enough to go on"


@pytest.mark.parametrize(
    ("whose", "code"),
    [("client", "server.clientproxy.io_error"), ("provider", "server.serverproxy.service_failed.io_error")],
)
async def test_the_spools_disk_is_full(pair: Pair, whose: str, code: str) -> None:
    """A body longer than memory may hold finds no place: refused, acted on by nobody; and no path is told to anybody."""
    site = pair.consumer if whose == "client" else pair.provider
    directory = pair.world.directory / site.name
    disk = await SmallDisk.of(
        pair, site, spool_directory=directory, max_loggable_body_size=MIB, truncated_body_allowed=True
    )
    url = disk.spawned.url if whose == "client" else pair.consumer.url
    answer = await ask(url, b"x" * (9 * MIB))
    assert error_of(answer) == (500, code)
    assert str(directory).encode() not in answer.body
    assert pair.echo.requests == []
    assert disk.logged() == []
    assert (await ask(url)).status == 200
