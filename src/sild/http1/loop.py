"""The event loop: uvloop where it is installed, asyncio's own otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

__all__ = ["run"]

T = TypeVar("T")


def run(main: Coroutine[object, object, T], *, uvloop: bool = True) -> T:
    """Run a process's main coroutine. uvloop: False keeps to asyncio's loop even where uvloop is installed."""
    with asyncio.Runner(loop_factory=_loop_factory() if uvloop else None) as runner:
        return runner.run(main)


def _loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.Loop
