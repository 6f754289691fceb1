"""docs/op_monitor.md: its settings start a daemon that serves."""

from __future__ import annotations

import socket
from pathlib import Path

from sild.op_monitor import OperationalDataRecord, RemoteMonitor
from support.documented import DocumentedRun


async def test_daemon_of_the_page(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with DocumentedRun(tmp_path, changes={"2080": str(port)}) as run:
        run.page("op_monitor.md")
        remote = RemoteMonitor(f"http://127.0.0.1:{port}")
        remote.store(OperationalDataRecord("Producer", 1, 2, succeeded=True))
        assert await remote.flush()
        await remote.close()
    assert (tmp_path / "op-monitor" / "op-monitor.db").exists()
