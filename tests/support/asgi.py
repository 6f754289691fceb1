"""An ASGI application served for real on a free loopback port, in a thread of its own.

with serving(app) as site:
    site.get("/internalconf?version=6")     # Answer(status, headers, body)
    site.url                                 # http://127.0.0.1:34567
"""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPConnection
from typing import Any

import uvicorn


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Message
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Site:
    host: str
    port: int

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def request(
        self, method: str, target: str, *, body: bytes | None = None, headers: Mapping[str, str] = {}
    ) -> Answer:
        """The target goes out as it is given."""
        connection = HTTPConnection(self.host, self.port, timeout=10)
        try:
            connection.request(method, target, body=body, headers=dict(headers))
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def get(self, target: str, **headers: str) -> Answer:
        """`get("/x", x_road_client="DEV/...")` sends the header X-Road-Client."""
        return self.request(
            "GET", target, headers={name.replace("_", "-"): value for name, value in headers.items()}
        )

    def post(self, target: str, content: object, **headers: str) -> Answer:
        """JSON."""
        return self.request(
            "POST",
            target,
            body=json.dumps(content).encode(),
            headers={
                "Content-Type": "application/json",
                **{name.replace("_", "-"): value for name, value in headers.items()},
            },
        )


class _Server(uvicorn.Server):
    """uvicorn looks ten times a second whether it should end; this one is told."""

    async def main_loop(self) -> None:
        self._loop, self._told = asyncio.get_running_loop(), asyncio.Event()
        counter = 0
        while not self.should_exit:
            counter = (counter + 1) % 864_000
            if await self.on_tick(counter):
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(self._told.wait(), 0.1)

    def end(self) -> None:
        self.should_exit = True
        if hasattr(self, "_loop"):
            self._loop.call_soon_threadsafe(self._told.set)


@contextmanager
def serving(app: Any, bound: socket.socket | None = None) -> Iterator[Site]:
    """bound: a listening socket, for an application that has to know its address beforehand."""
    bound = bound or socket.create_server(("127.0.0.1", 0))
    server = _Server(uvicorn.Config(app, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, args=([bound],), daemon=True)
    thread.start()
    try:
        host, port = bound.getsockname()
        yield Site(host, port)
    finally:
        server.end()
        thread.join(10)
        bound.close()
