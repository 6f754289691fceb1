"""What the auditor's pages share: the mandate, asked for anew at each request, and questions to the registers in its name.

A register asks the keeper of mandates itself before it answers; what is refused here early is refused there in any case, and only
there written down. So a page out of scope is asked for all the same, and the refusal shown.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from sild.clock import Clock
from sild.errors import CallerError, PeerError, PlatformError, Unavailable
from sild.portal.mandate_keeper import AuditMandate, MandateKeeper
from sild.portal.ports import Exchange
from sild.portal.settings import DecisionSource, PortalSettings
from sild.portal.visit import Visit

__all__ = ["AuditMandate", "Auditing", "NoMandate", "body_of"]

PATIENCE_SECONDS = 25.0
"""Of a register that asks the keeper of mandates, and perhaps two message logs, before it answers."""
KNOWN_FOR = timedelta(minutes=5)
MOST_KNOWN = 10_000
"""People of whom it is kept in mind whether a mandate stands: for a link on their home page, never for a look."""
LINK_SECONDS = 1.0
_ID = re.compile(r"[0-9a-f-]{36}")
_NOT_FOUND = ("unknown_decision", "unknown_release", "unknown_sample", "http_error", "not_found")


class NoMandate(CallerError):
    """Nobody looks at others' decisions without one."""

    code = "no_mandate"


class Auditing:
    """keeper: None: there are no mandates here, and so no auditors."""

    def __init__(
        self, exchange: Exchange, keeper: MandateKeeper | None, settings: PortalSettings, clock: Clock
    ) -> None:
        self._exchange = exchange
        self._keeper = keeper
        self._clock = clock
        self._known: dict[str, tuple[datetime, bool]] = {}
        self.sources = settings.decision_sources

    async def is_auditor(self, visit: Visit) -> bool:
        """Whether to show the way to the auditor's desk; it opens nothing. A keeper that is silent or slow shows none."""
        person, now = visit.person, self._clock()
        if self._keeper is None or person.representee is not None or person.acr != "high":
            return False
        until, known = self._known.get(person.person, (now, False))
        if now < until:
            return known
        try:
            async with asyncio.timeout(LINK_SECONDS):
                known = bool(await self._keeper.appointments(person.person))
        except (PlatformError, TimeoutError):
            return False
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        self._known[person.person] = (now + KNOWN_FOR, known)
        return known

    async def mandates(self, visit: Visit) -> tuple[AuditMandate, ...]:
        """Those that stand now. Raises NoMandate, CallerError (`level_too_low`), Unavailable."""
        person = visit.person
        if person.representee is not None:
            raise NoMandate("an auditor looks in their own name")
        if person.acr != "high":
            raise CallerError("an auditor logs in at level high", code="level_too_low")
        found = () if self._keeper is None else tuple(await self._keeper.appointments(person.person))
        if not found:
            raise NoMandate("no mandate stands")
        return found

    async def ask(
        self, visit: Visit, source: DecisionSource, method: str, path: str, body: Any = None
    ) -> Mapping[str, Any]:
        """JSON of a register, asked by the mandate that covers it. Raises Unavailable, PeerError, CallerError (`not_found` and the register's)."""
        mandate = chosen(await self.mandates(visit), source)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                answer = await self._exchange.call(
                    source.subsystem, method, path, body=body, case=mandate.scope.matter,
                    basis=mandate.scope.basis, acting=visit.person.person,
                )  # fmt: skip
        except TimeoutError as error:
            raise Unavailable(f"{source.subsystem} does not answer", code="timeout") from error
        except CallerError as error:
            code = error.code.rpartition(".")[2]
            raise CallerError(error.message, code="not_found" if code in _NOT_FOUND else code) from error
        if not isinstance(answer.json, dict):
            raise PeerError("not an answer to an auditor", code="bad_decision")
        return answer.json

    def named(self, visit: Visit) -> tuple[DecisionSource, str]:
        """Register and decision of the address. Raises CallerError (`not_found`)."""
        source, decision = self.source(visit), visit.call.parameters["decision"]
        if not _ID.fullmatch(decision):
            raise CallerError("no such decision", code="not_found")
        return source, decision

    def source(self, visit: Visit) -> DecisionSource:
        """Raises CallerError (`not_found`)."""
        name = visit.call.parameters["register"]
        found = next((one for one in self.sources if one.name == name), None)
        if found is None:
            raise CallerError("no such register", code="not_found")
        return found


def chosen(mandates: tuple[AuditMandate, ...], source: DecisionSource) -> AuditMandate:
    """The first that covers the body, or the first: then the register refuses, and writes it down."""
    return next((one for one in mandates if one.scope.covers_body(body_of(source))), mandates[0])


def body_of(source: DecisionSource) -> str:
    """`GOV/70000004/social` -> `GOV/70000004`."""
    return source.subsystem.rpartition("/")[0]


def part(text: str) -> str:
    return quote(text, safe="")
