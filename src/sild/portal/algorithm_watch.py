"""The register of algorithms held against the running system, and specimens asked for, at the start and every day; alarms of the AI gateway, four times a minute.

What is found becomes a matter for the officials who see to it (`Cases.tell_of_algorithms`), told once; a difference that is gone is
over by itself, and only when every register and the gateway have answered: what nobody told is no proof. The public page of an
algorithm says when it was last compared and how it came out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sild.cases import AUTOMATIC, MatterOfAlgorithms
from sild.clock import Clock
from sild.decisions import AlgorithmEntry
from sild.errors import PlatformError
from sild.portal.audit_algorithm import summed_running
from sild.portal.egress import Egress
from sild.portal.ports import Cases, Exchange
from sild.portal.reality import Compared, Published, compare
from sild.telemetry import get_logger

__all__ = ["AlgorithmWatch", "LastCompared"]

log = get_logger("portal")

BASIS = "EU 2024/1689 72"
PATIENCE_SECONDS = 20.0
COMPARED = timedelta(days=1)
AGAIN = timedelta(minutes=5)
"""After a look to which not everybody answered."""
LISTENED = 15.0
"""Seconds between two looks for alarms."""
FIRST_AFTER = 45.0
"""Seconds: registers that have just been started are not asked for everything at once."""
FIELDS: Mapping[str, str] = {
    "civil": "population",
    "residence": "residence",
    "social": "social",
    "health": "insurance",
    "education": "education",
}
"""Pack -> the register that decides in that field."""
COUNTS = ("status", "humans", "alone", "abroad")
"""Lines that are numbers: another number is the same difference still."""


@dataclass(frozen=True, slots=True)
class LastCompared:
    """lines: of the entry.  silent: subsystems that did not answer, and `gateway`."""

    at: datetime
    lines: Sequence[Compared]
    silent: Sequence[str]

    @property
    def differing(self) -> int:
        return sum(line.verdict == "differs" for line in self.lines)


class AlgorithmWatch:
    """sources: subsystems that decide.  models: published, by name.  packs: of each entry, the pack it lies in."""

    def __init__(
        self,
        entries: Mapping[str, AlgorithmEntry],
        cases: Cases,
        exchange: Exchange,
        sources: Sequence[str],
        egress: Egress,
        models: Mapping[str, Published],
        clock: Clock,
        packs: Mapping[str, str],
    ) -> None:
        self._entries = entries
        self._cases = cases
        self._exchange = exchange
        self._sources = tuple(sources)
        self._egress = egress
        self._models = models
        self._packs = packs
        self._clock = clock
        self.compared: dict[str, LastCompared] = {}
        self.specimens: dict[str, Mapping[str, Any]] = {}
        """By rule package: `statement` and `seal`, as a register gave them."""

    async def run(self) -> None:
        """Until cancelled; a failure is logged, and the next round comes."""
        due = self._clock() + timedelta(seconds=FIRST_AFTER)
        while True:
            try:
                await self.listen()
                if self._clock() >= due:
                    due = self._clock() + (COMPARED if await self.look() else AGAIN)
            except PlatformError as error:
                log.refusal("portal.algorithms_not_watched", error)
            except Exception as error:  # noqa: BLE001  the next round must come
                log.bug("portal.algorithms_not_watched", error)
            await asyncio.sleep(LISTENED)

    async def look(self) -> bool:
        """Compare every entry; whether everybody answered. Raises Unavailable (the cases' database)."""
        rows = await self._egress.rows()
        found = [await self._compare(entry, rows) for entry in self._entries.values()]
        matters = [one for matters in found for one in matters]
        await self._cases.tell_of_algorithms(matters)
        whole = not any(one.silent for one in self.compared.values())
        if whole:
            await self._cases.differences_are([one.key for one in matters])
        return whole

    async def listen(self) -> None:
        """Alarms of the gateway. Raises Unavailable."""
        alarms = await self._egress.alarms()
        if alarms:
            await self._cases.tell_of_algorithms([_matter_of(alarm) for alarm in alarms])

    async def _compare(
        self, entry: AlgorithmEntry, rows: Sequence[Mapping[str, Any]] | None
    ) -> list[MatterOfAlgorithms]:
        told = await asyncio.gather(*(self._running(source, entry.id) for source in self._sources))
        silent = [source for source, one in zip(self._sources, told, strict=True) if one is None]
        if rows is None and self._egress.is_there:
            silent.append("gateway")
        at = self._clock()
        running = summed_running([one for one in told if one is not None])
        lines = compare(entry, running, rows, self._models, today=at.date().isoformat())
        self.compared[entry.id] = LastCompared(at, lines, silent)
        await self._show(entry, told)
        differing = [line for line in lines if line.verdict == "differs"]
        if differing:
            log.error(
                "portal.algorithm_differs", algorithm=entry.id, lines=", ".join(one.what for one in differing)
            )
        return [_difference(entry, line, at) for line in differing]

    async def _show(self, entry: AlgorithmEntry, told: Sequence[Mapping[str, Any] | None]) -> None:
        """A specimen of each package, of the body that has decided by the entry, else that decides in its field.

        What was shown before stays while nobody answers.
        """
        decided = {source: _decisions(one) for source, one in zip(self._sources, told, strict=True)}
        field = FIELDS.get(self._packs.get(entry.id, ""), "")
        order = sorted(self._sources, key=lambda one: (-decided[one], one.rpartition("/")[2] != field))
        for package in entry.packages:
            for source in order:
                shown = await self._told(source, f"/rules/{package}/specimen")
                if shown is not None and _is_specimen(shown):
                    self.specimens[package] = shown
                    break

    async def _running(self, register: str, algorithm: str) -> Mapping[str, Any] | None:
        """None: it does not answer, or not what registers tell."""
        told = await self._told(register, f"/algorithms/{algorithm}/running")
        try:
            if told is not None:
                summed_running([told])
            return told
        except (KeyError, TypeError, ValueError) as error:
            log.warning("portal.register_failed", register=register, reason=type(error).__name__)
            return None

    async def _told(self, register: str, path: str) -> Mapping[str, Any] | None:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                answer = await self._exchange.call(
                    register, "GET", path, case=None, basis=BASIS, acting=AUTOMATIC
                )
            return answer.json if isinstance(answer.json, dict) else None
        except (PlatformError, TimeoutError) as error:
            log.warning("portal.register_failed", register=register, reason=type(error).__name__)
            return None


def _decisions(running: Mapping[str, Any] | None) -> int:
    return 0 if running is None else sum(int(count) for count in running["automation"].values())


def _is_specimen(told: Mapping[str, Any]) -> bool:
    statement = told.get("statement")
    return (
        isinstance(statement, dict)
        and statement.get("kind") == "specimen"
        and isinstance(told.get("seal"), dict)
    )


def _difference(entry: AlgorithmEntry, line: Compared, at: datetime) -> MatterOfAlgorithms:
    key = f"{entry.id}/{line.what}" if line.what in COUNTS else f"{entry.id}/{line.what}/{line.found}"
    lines = {
        "algorithm": entry.id,
        "what": line.what,
        "said": line.said,
        "found": line.found,
        "at": at.isoformat(),
    }
    return MatterOfAlgorithms("difference", key, lines)


def _matter_of(alarm: Mapping[str, str | None]) -> MatterOfAlgorithms:
    """alarm: as the gateway's report of the day has it."""
    named = {"class": "data_class", "id": "alarm"}
    lines = {named.get(name, name): value for name, value in alarm.items() if value is not None}
    return MatterOfAlgorithms("canary", lines["alarm"], lines)
