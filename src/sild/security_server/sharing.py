"""What the processes of one security server share, and what one of them does for all: workers of a machine, nodes of a cluster.

server configuration, keys     in their databases; each process looks for changes every few seconds
global configuration           a directory of the machine: one process downloads, the others take it up
OCSP responses                 one process of the cluster asks (`signer`)
time-stamps, archives          one process of the cluster makes them (`message_log`)
"""

from __future__ import annotations

import asyncio
import contextlib

from sild.clock import Clock
from sild.cluster import ClusterLock
from sild.configuration_client import ConfigurationClient
from sild.database import sqlite_url
from sild.errors import PlatformError
from sild.security_server.serverconf import ServerConf
from sild.signer import Signer
from sild.telemetry import get_logger

__all__ = ["ConfigurationDownload", "take_up_changes"]

TAKE_UP_SECONDS = 1.0

log = get_logger("security_server")


class ConfigurationDownload:
    """One process of a machine asks for the global configuration, the one that holds the lock beside its directory."""

    def __init__(self, client: ConfigurationClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._lock = ClusterLock(sqlite_url(client.directory), "download")

    async def begin(self) -> None:
        """What is on disk, and if it is this process that asks, or there is nothing valid, what can be had.

        Raises PlatformError as `ConfigurationClient.refresh`.
        """
        await self._client.restore()
        if await self._asks() or not self._is_valid():
            await self._client.refresh()

    async def run(self) -> None:
        """Until cancelled. While the one that asks cannot publish what it has got, each asks for itself."""
        while not await self._asks():
            try:
                await self._client.take_up()
                if not self._is_valid():
                    await self._client.refresh()
            except PlatformError as error:
                log.refusal("server.configuration_not_taken_up", error)
            await asyncio.sleep(TAKE_UP_SECONDS)
        await self._client.run()

    def close(self) -> None:
        """Let another process ask."""
        self._lock.release()

    async def _asks(self) -> bool:
        try:
            return await self._lock.hold() is not None
        except PlatformError as error:
            log.refusal("server.no_download_lock", error)
            return True

    def _is_valid(self) -> bool:
        with contextlib.suppress(PlatformError):
            if self._client.current is not None:
                self._client.current.ensure_valid(self._clock())
                return True
        return False


async def take_up_changes(serverconf: ServerConf, signer: Signer) -> bool:
    """What another process has changed in the databases of the configuration and of the signer, if it has. Raises nothing."""
    changed = False
    try:
        changed = await asyncio.to_thread(serverconf.reload_if_changed)
    except PlatformError as error:
        log.refusal("server.serverconf_not_reloaded", error)
    try:
        changed |= await signer.reload_if_changed()
    except PlatformError as error:
        log.refusal("server.signer_not_reloaded", error)
    return changed
