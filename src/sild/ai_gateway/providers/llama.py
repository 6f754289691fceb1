"""A local model in a GGUF file through llama.cpp, in a process of its own.

A process, because llama.cpp is C++ that stops for nobody: one that takes too long is ended, one that crashes takes nothing with it.
It is started by the first question and asked one question at a time; lines of JSON go both ways (`llama_worker.py`).
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sild.ai_gateway.profiles import ProviderSettings
from sild.ai_gateway.providers.model import Ended, Prompt, ProviderFailed
from sild.errors import CallerError

__all__ = ["LlamaProvider"]

_LONGEST_LINE = 1024 * 1024
_WORKER = "sild.ai_gateway.providers.llama_worker"


class LlamaProvider:
    """file: GGUF."""

    def __init__(self, settings: ProviderSettings, file: Path) -> None:
        if find_spec("llama_cpp") is None:
            raise ModuleNotFoundError("No module named 'llama_cpp'", name="llama_cpp")
        if not file.is_file():
            raise CallerError(f"provider {settings.name}: no file {file}", code="model_missing")
        self._settings = settings
        self._file = file
        self._turn = asyncio.Lock()
        self._worker: asyncio.subprocess.Process | None = None

    def parameters(self, prompt: Prompt) -> Mapping[str, float | int]:
        found = {"max_tokens": prompt.most_tokens, "temperature": prompt.temperature, "seed": prompt.seed}
        return {name: value for name, value in found.items() if value is not None}

    async def ask(self, prompt: Prompt) -> AsyncGenerator[str | Ended, None]:
        async with self._turn:
            whole = False
            try:
                worker = await self._ready()
                request = {
                    "messages": [{"role": role, "content": text} for role, text in prompt.messages],
                    "schema": prompt.json_schema,
                    **self.parameters(prompt),
                }
                _stdin(worker).write(json.dumps(request).encode() + b"\n")
                await _stdin(worker).drain()
                async for line in _lines(worker):
                    if "error" in line:
                        whole = True
                        raise ProviderFailed(f"{self._settings.name}: {line['error']}", why="refused")
                    if "text" in line:
                        yield str(line["text"])
                        continue
                    whole = True
                    yield Ended(
                        self._file.name, line["input"], line["output"],
                        finish_reason="length" if line["finish"] == "length" else "stop",
                    )  # fmt: skip
                    return
                raise ProviderFailed(
                    f"{self._settings.name} ended in the middle of its answer", why="cut_off"
                )
            except (OSError, ValueError, KeyError) as error:
                raise ProviderFailed(f"{self._settings.name} cannot be run", why="down") from error
            finally:
                if not whole:  # it still works on an answer nobody waits for
                    await self._end()

    async def _ready(self) -> asyncio.subprocess.Process:
        if self._worker is None or self._worker.returncode is not None:
            self._worker = await asyncio.create_subprocess_exec(
                sys.executable, "-m", _WORKER, str(self._file),
                str(self._settings.context_tokens), str(self._settings.threads or len(os.sched_getaffinity(0))),
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
                limit=_LONGEST_LINE,
            )  # fmt: skip
        return self._worker

    async def _end(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            if worker.returncode is None:
                worker.kill()
            await worker.wait()

    async def close(self) -> None:
        await self._end()


def _stdin(worker: asyncio.subprocess.Process) -> asyncio.StreamWriter:
    assert worker.stdin is not None
    return worker.stdin


async def _lines(worker: asyncio.subprocess.Process) -> AsyncIterator[dict[str, Any]]:
    """JSON objects the worker writes, until it ends."""
    assert worker.stdout is not None
    while line := await worker.stdout.readline():
        yield json.loads(line)
