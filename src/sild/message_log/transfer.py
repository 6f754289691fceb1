"""The command that ships archive files, run after archiving (UG-SS 11.2): an argument vector, never a shell's line."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sild.errors import Unavailable

__all__ = ["ArchiveTransfer"]

FILES, DIRECTORY = "{files}", "{directory}"
MAX_FILES = 500  # at once: an argument vector has an end
MAX_SAID = 4096


@dataclass(frozen=True, slots=True)
class ArchiveTransfer:
    """command: program and arguments. An argument `{files}` stands for the paths of all files to be shipped,
    `{directory}` for the archive directory; without either the program finds them itself, as X-Road's scripts do.
    seconds: after which a transfer has failed."""

    command: tuple[str, ...]
    seconds: float = 3600.0

    async def run(self, directory: Path, names: Sequence[str]) -> None:
        """Ship `names`. Raises Unavailable (`io_error`) unless the program ends with status 0; it is killed
        when cancelled, and whatever it started with it."""
        for start in range(0, len(names), MAX_FILES):
            files = [str(directory / name) for name in names[start : start + MAX_FILES]]
            await self._run([part for argument in self.command for part in _fill(argument, directory, files)])
            if FILES not in self.command:
                return

    async def _run(self, arguments: Sequence[str]) -> None:
        nowhere = asyncio.subprocess.DEVNULL
        try:
            process = await asyncio.create_subprocess_exec(
                *arguments,
                stdin=nowhere,
                stdout=nowhere,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,  # a script's own programs are ended with it
            )
        except OSError as error:
            raise Unavailable(f"{arguments[0]}: {error.strerror or error}", code="io_error") from error
        try:
            said = await asyncio.wait_for(_last_words(process), self.seconds)
        except TimeoutError:
            raise Unavailable(
                f"{arguments[0]} takes longer than {self.seconds:g} s", code="io_error"
            ) from None
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
        if process.returncode:
            status = process.returncode
            raise Unavailable(
                f"{arguments[0]} ended with status {status}: {said}", code="io_error", status=status
            )


def _fill(argument: str, directory: Path, files: Sequence[str]) -> Sequence[str]:
    return files if argument == FILES else [argument.replace(DIRECTORY, str(directory))]


async def _last_words(process: asyncio.subprocess.Process) -> str:
    """Until the end; what it said last on its standard error."""
    said = b""
    assert process.stderr is not None
    while piece := await process.stderr.read(MAX_SAID):
        said = (said + piece)[-MAX_SAID:]
    await process.wait()
    return " ".join(said.decode(errors="replace").split())
