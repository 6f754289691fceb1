"""An algorithm before an auditor: others like this one, what changed with the rules, and its public entry against what really runs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from babel.numbers import format_decimal
from starlette.responses import Response

from sild.cases import HeldModel
from sild.decisions import shipped_algorithms
from sild.errors import CallerError, PeerError, PlatformError
from sild.i18n import format_month
from sild.portal.auditing import Auditing, part
from sild.portal.egress import Egress
from sild.portal.model_cards import ModelPages
from sild.portal.pages import Pages
from sild.portal.reality import Published, compare
from sild.portal.settings import DecisionSource
from sild.portal.visit import Visit
from sild.telemetry import get_logger

__all__ = ["AuditAlgorithm", "summed_running"]

log = get_logger("portal")


class AuditAlgorithm:
    """models: that are published, by name."""

    def __init__(
        self,
        pages: Pages,
        auditing: Auditing,
        egress: Egress,
        models: Mapping[str, HeldModel],
        model_pages: ModelPages,
    ) -> None:
        self._pages = pages
        self._auditing = auditing
        self._egress = egress
        self._model_pages = model_pages
        self._of_algorithm = {model.card.algorithm: name for name, model in models.items()}
        self._published = {
            name: Published(model.card.version, model.sha256) for name, model in models.items()
        }
        self._entries = shipped_algorithms()

    async def show(self, visit: Visit) -> Response:
        await self._auditing.mandates(visit)
        entry = self._entries.get(visit.call.parameters["algorithm"])
        if entry is None:
            raise CallerError("no such algorithm", code="not_found")
        sources = self._auditing.sources
        told = await asyncio.gather(*(self._of(visit, source, entry.id) for source in sources))
        answered = [one for one in told if isinstance(one, dict)]
        refused = [one for one in told if isinstance(one, str)]
        if not answered and refused:
            raise CallerError("a register refused", code=refused[0])
        try:
            running = summed_running([one["running"] for one in answered])
            lines = compare(
                entry,
                running,
                await self._egress.rows(),
                self._published,
                today=self._pages.today().isoformat(),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise PeerError("not what a register tells an auditor", code="bad_decision") from error
        values = {
            "entry": entry,
            "name": entry.name.in_language(visit.language),
            "human_intervention": entry.human_intervention.in_language(visit.language),
            "cohorts": [one for one in answered if one["cohorts"]["months"]],
            "silent": [source for source, one in zip(sources, told, strict=True) if one is None],
            "lines": sorted(lines, key=lambda line: ("differs", "unknown", "same").index(line.verdict)),
            "differing": sum(line.verdict == "differs" for line in lines),
            "alike": any(line.verdict == "same" for line in lines),
            "running": running,
            "drift": await self._model_pages.drift(self._of_algorithm.get(entry.id, ""), visit.language),
            "index": lambda value: format_decimal(value, "0.000", locale=visit.language),
            "month": lambda period: format_month(period, visit.language),
        }
        return self._pages.page(visit, "audit_algorithm.html", values)

    async def _of(
        self, visit: Visit, source: DecisionSource, algorithm: str
    ) -> Mapping[str, Any] | str | None:
        """What a register tells; the code of its refusal; None: it does not answer."""
        base = f"/supervision/algorithms/{part(algorithm)}"
        try:
            cohorts, running = await asyncio.gather(
                *(
                    self._auditing.ask(visit, source, "GET", f"{base}/{what}")
                    for what in ("cohorts", "running")
                )
            )
            return {"source": source, "cohorts": cohorts, "running": running}
        except CallerError as error:
            return error.code
        except PlatformError as error:
            log.warning("portal.register_failed", register=source.subsystem, reason=type(error).__name__)
            return None


def summed_running(told: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Over registers. Raises KeyError, TypeError, ValueError."""
    automation: dict[str, int] = {}
    for one in told:
        if not isinstance(one["automation"], Mapping):
            raise TypeError("not what a register tells")
        for step, count in one["automation"].items():
            automation[step] = automation.get(step, 0) + int(count)
    return {
        "automation": automation,
        "humans": sum(int(one["humans"]) for one in told),
        **{name: [each for one in told for each in one[name]] for name in ("packages", "models", "loaded")},
    }
