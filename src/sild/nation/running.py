"""What runs until a nation stops: ended in the reverse order of its start, and watched meanwhile, since none of it may end by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from sild.asgi import ApplicationServer, serve_application
from sild.errors import Unavailable

if TYPE_CHECKING:
    from starlette.types import ASGIApp

__all__ = ["HOST", "Running"]

HOST = "127.0.0.1"


class Running:
    """opened: what is closed at the end, the last first. Names are what people call a part."""

    def __init__(self, opened: AsyncExitStack) -> None:
        self.opened = opened
        self._failure: asyncio.Future[Unavailable] = asyncio.get_running_loop().create_future()
        self._stopping = False

    async def stop(self) -> None:
        """Safe to call twice."""
        self._stopping = True
        await self.opened.aclose()

    async def serve(self, name: str, application: ASGIApp, port: int) -> ApplicationServer:
        server = await serve_application(application, HOST, port)
        self.opened.push_async_callback(server.close)
        self._watch(name, server.ended)
        return server

    def run(self, name: str, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work, name=name)
        self._watch(name, task)

        async def end() -> None:
            task.cancel()
            await asyncio.wait([task])

        self.opened.push_async_callback(end)

    async def failure(self) -> Unavailable:
        """Waits until a part ends by itself, and says which. It may never."""
        return await asyncio.shield(self._failure)

    def _watch(self, name: str, work: asyncio.Task[None]) -> None:
        work.add_done_callback(lambda done: self._ended(name, done))

    def _ended(self, name: str, done: asyncio.Task[None]) -> None:
        if self._stopping or done.cancelled() or self._failure.done():
            return
        self._failure.set_result(Unavailable(f"{name} has ended: {done.exception() or 'by itself'}"))
