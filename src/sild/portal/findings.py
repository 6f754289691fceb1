"""What auditors have found, for everybody: a title, whom it is about, how it stands, and what became of the decisions it touches.

Nobody's data. What became of them the registers say while one looks: a finding that the body upheld has its counts there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from starlette.responses import JSONResponse, Response

from sild.cases import AUTOMATIC, PublicFinding
from sild.clock import Clock
from sild.decisions import shipped_algorithms
from sild.errors import PlatformError
from sild.portal.pages import Pages
from sild.portal.ports import Cases, Exchange
from sild.portal.visit import Visit
from sild.telemetry import get_logger

__all__ = ["Became", "FindingPages"]

log = get_logger("portal")

KEPT = timedelta(minutes=1)
"""How long counts stand before a register is asked again; everybody may look, as often as they like."""
PATIENCE_SECONDS = 5.0
BASIS = "EU 2024/1689 71"


@dataclass(frozen=True, slots=True)
class Became:
    """Of the decisions that an upheld finding touches: decided anew, waiting for a rule or people, looked at and as they were."""

    redecided: int
    waiting: int
    unchanged: int


class FindingPages:
    def __init__(self, pages: Pages, cases: Cases, exchange: Exchange, clock: Clock) -> None:
        self._pages = pages
        self._cases = cases
        self._exchange = exchange
        self._clock = clock
        self._known: dict[str, tuple[datetime, Mapping[str, Became] | None]] = {}
        self._names = {name: entry.name for name, entry in shipped_algorithms().items()}

    async def listed(self, visit: Visit) -> Response:
        found = await self._cases.findings()
        became, silent = await self._became(found)
        names = {name: words.in_language(visit.language) for name, words in self._names.items()}
        values = {"findings": found, "became": became, "silent": silent, "names": names}
        return self._pages.page(visit, "findings.html", values)

    async def data(self, _visit: Visit) -> Response:
        """Open data of the same. became: null: not upheld, or its register does not answer."""
        listed = await self._cases.findings()
        became, _silent = await self._became(listed)
        found: list[dict[str, Any]] = [asdict(one) for one in listed]
        for one in found:
            known = became.get(one["number"])
            one |= {"found_at": one["found_at"].isoformat(), "due": one["due"].isoformat()}
            one["became"] = None if known is None else asdict(known)
        return JSONResponse({"findings": found}, headers={"Cross-Origin-Resource-Policy": "cross-origin"})

    async def _became(self, found: Sequence[PublicFinding]) -> tuple[Mapping[str, Became], frozenset[str]]:
        """By number; and the registers that did not answer."""
        registers = sorted({one.body for one in found})
        answers = await asyncio.gather(*(self._of(register) for register in registers))
        told = dict(zip(registers, answers, strict=True))
        known = {
            one.number: of_register[one.number]
            for one in found
            if (of_register := told[one.body]) is not None and one.number in of_register
        }
        return known, frozenset(register for register, answer in told.items() if answer is None)

    async def _of(self, register: str) -> Mapping[str, Became] | None:
        """None: it does not answer."""
        now = self._clock()
        until, known = self._known.get(register, (now, None))
        if now < until:
            return known
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                answer = await self._exchange.call(
                    register, "GET", "/findings", case=None, basis=BASIS, acting=AUTOMATIC
                )
            known = {
                str(one["number"]): Became(*(int(one[name]) for name in Became.__slots__))
                for one in answer.json["items"]
            }
        except (PlatformError, TimeoutError, KeyError, TypeError, ValueError) as error:
            log.warning("portal.no_findings", register=register, reason=type(error).__name__)
            known = None
        self._known[register] = (now + KEPT, known)
        return known
