"""Totals of the processes of one server: each counts in a file mapped into its memory, and whoever is asked reads them all.

A file is rows of `KEY_BYTES` for the key (JSON) and eight bytes for each figure; a row without a key ends them. What one
process adds the others see at once, and it is still there when it has been killed: no counter ever runs backwards. The kernel
writes such files when it likes; they need not outlive the machine.
"""

from __future__ import annotations

import json
import mmap
import os
import time
from pathlib import Path

from sild.security_server.exchange_totals import FIGURES, IN_FLIGHT, ExchangeTotals, Figures, Key
from sild.telemetry import get_logger

__all__ = ["SharedTotals"]

log = get_logger("security_server")

KEY_BYTES = 256
ROW_BYTES = KEY_BYTES + 8 * FIGURES
MOST_ROWS = 1024  # far more kinds than a server meets; the file has only the blocks that are written


class SharedTotals:
    """directory: the processes'. Who starts them empties it.  Raises OSError."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._directory = directory
        self._path = directory / f"{os.getpid()}-{time.time_ns()}.totals"
        with self._path.open("xb+") as file:
            os.fchmod(file.fileno(), 0o600)
            file.truncate(ROW_BYTES * MOST_ROWS)
            self._memory = memoryview(mmap.mmap(file.fileno(), ROW_BYTES * MOST_ROWS))
        self._rows = 0

    def new_figures(self, key: Key) -> Figures:
        """A row of the file. When it is full, or the key too long, figures the others do not see."""
        name = json.dumps(key).encode()
        if self._rows == MOST_ROWS or len(name) >= KEY_BYTES:
            return memoryview(bytearray(8 * FIGURES)).cast("d")
        begin = self._rows * ROW_BYTES
        self._rows += 1
        self._memory[begin : begin + len(name)] = name
        return self._memory[begin + KEY_BYTES : begin + ROW_BYTES].cast("d")

    def everyones(self) -> tuple[ExchangeTotals, int]:
        """The sum, and over how many processes that still live."""
        totals, living = ExchangeTotals(), 0
        for path in self._directory.glob("*.totals"):
            try:
                data = path.read_bytes()
                is_alive = _is_alive(int(path.name.partition("-")[0]))
                for key, figures in _rows(data):
                    if is_alive or key != IN_FLIGHT:  # what the dead had in flight has ended
                        totals.add(key, figures)
            except (OSError, ValueError, TypeError) as error:
                log.bug("metrics.sibling_not_read", error, file=path.name)
                continue
            living += is_alive
        return totals, living


def _rows(data: bytes) -> list[tuple[Key, Figures]]:
    rows: list[tuple[Key, Figures]] = []
    for begin in range(0, len(data) - ROW_BYTES + 1, ROW_BYTES):
        name = data[begin : begin + KEY_BYTES].rstrip(b"\0")
        if not name:
            break
        figures = memoryview(data[begin + KEY_BYTES : begin + ROW_BYTES]).cast("d")
        rows.append((tuple(json.loads(name)), figures))
    return rows


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
