"""What operational monitoring has recorded, by its columns."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from typing import Any

from world import Site

from sild.op_monitor import OperationalDataRecord, OperationalMonitor

Recorded = dict[str, Any]
SETTINGS = {
    "op_monitor": {"sending_interval_seconds": 600.0, "records_available_timestamp_offset_seconds": 0}
}
"""Records are written when `recorded` asks, and given out at once."""


async def recorded(site: Site) -> list[Recorded]:
    """Every record of a server, oldest first; what is not known is left out."""
    monitor = site.server.watch.monitor
    assert isinstance(monitor, OperationalMonitor)
    while site.server.message_log.under_way:  # the caller has its answer before the exchange has ended
        await asyncio.sleep(0.001)
    assert await monitor.flush()
    names = OperationalDataRecord._fields
    with closing(sqlite3.connect(site.server.settings.directory / "opmonitor.db")) as connection:
        rows = connection.execute(f"select {', '.join(names)} from operational_data order by id").fetchall()
    return [
        {name: value for name, value in zip(names, row, strict=True) if value is not None} for row in rows
    ]


async def last(site: Site) -> Recorded:
    return (await recorded(site))[-1]
