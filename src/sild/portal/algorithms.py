"""The public register of algorithms: what decides or helps to, with figures asked of the registers while one looks; open data of it.

Entries are `packs/*/algorithms/*.yaml`; their forms for other registers (MinBZK 1.0.0, ATRS 3) are made of the same. Of contests
only counts are told, and none below `SMALLEST`: a small group could be somebody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from babel.numbers import format_decimal, format_percent
from starlette.responses import JSONResponse, Response

from sild.cases import AUTOMATIC, worded, written
from sild.clock import Clock
from sild.decisions import AlgorithmEntry, Figures, atrs_json, minbzk_json
from sild.errors import CallerError, PeerError, PlatformError
from sild.portal.algorithm_watch import AlgorithmWatch
from sild.portal.egress import Egress
from sild.portal.model_cards import ModelPages
from sild.portal.pages import Pages
from sild.portal.ports import Exchange
from sild.portal.settings import PortalSettings
from sild.portal.visit import Visit
from sild.rules import shipped_packages
from sild.telemetry import get_logger

__all__ = ["SMALLEST", "AlgorithmPages"]

log = get_logger("portal")

SMALLEST = 5
KEPT = timedelta(minutes=1)
"""How long figures stand before the registers are asked again; everybody may look, as often as they like."""
PATIENCE_SECONDS = 5.0
BASIS = "EU 2024/1689 71"
COUNTS = ("decisions", "automatic", "overridden", "with_unknowns", "contested", "contests_open", "overturned",
          "superseded", "replays_matched", "replays_mismatched", "replays_impossible")  # fmt: skip
LATER_COUNTS = ("findings", "findings_open", "ripples", "ripples_open")
"""Which a register of an earlier version does not tell."""
SHOWN = ("automatic", "override", "unknown", "contest", "overturn", "replay_match")


class AlgorithmPages:
    def __init__(
        self,
        pages: Pages,
        exchange: Exchange,
        settings: PortalSettings,
        clock: Clock,
        egress: Egress,
        entries: Mapping[str, AlgorithmEntry],
        watch: AlgorithmWatch,
        model_pages: ModelPages,
    ) -> None:
        self._pages = pages
        self._exchange = exchange
        self._sources = settings.decision_sources
        self._url = settings.url
        self._clock = clock
        self._egress = egress
        self._known: dict[str, tuple[datetime, Figures | None, tuple[str, ...]]] = {}
        self._entries = entries
        self._packages = shipped_packages()
        self._watch = watch
        self._models = model_pages

    async def listed(self, visit: Visit) -> Response:
        rows = await asyncio.gather(*(self._row(entry) for entry in self._entries.values()))
        return self._pages.page(visit, "algorithms.html", {"rows": rows})

    async def one(self, visit: Visit) -> Response:
        entry = self._find(visit)
        figures, silent = await self._figures(entry.id)
        values = {
            "entry": entry,
            "figures": None if figures is None else figures.to_json(),
            "egress": await self._egress.by_class(entry.id),
            "shares": SHOWN,
            "specimens": [self._worded(one, visit.language) for one in self._specimens_of(entry)],
            "written": lambda line: written(line, visit.language),
            "compared": self._watch.compared.get(entry.id),
            "silent": silent,
            "sections": ("purpose_and_impact", "considerations", "human_intervention", "rights", "appeals", "data",
                         "technical_operation", "risk_management", "oversight"),
            "percent": lambda text: format_percent(Decimal(text) / 100, "0.0%", locale=visit.language),
            "in_language": lambda words: words.in_language(visit.language),
            "model": await self._models.state(entry.id, visit.language),
            "number": lambda value, digits: _number(value, digits, visit.language),
        }  # fmt: skip
        return self._pages.page(visit, "algorithm.html", values)

    async def exported(self, visit: Visit) -> Response:
        """format: `minbzk` or `atrs`."""
        entry = self._find(visit)
        match visit.call.query.get("format", "minbzk"):
            case "minbzk":
                found = minbzk_json(entry, visit.language, base=self._url)
            case "atrs":
                figures, _silent = await self._figures(entry.id)
                egress = await self._egress.by_class(entry.id)
                specimens = [one["statement"] for one in self._specimens_of(entry)]
                model = await self._models.state(entry.id, visit.language)
                found = atrs_json(
                    entry,
                    visit.language,
                    figures=figures,
                    egress=egress,
                    specimens=specimens,
                    model=None if model is None else model.to_json(),
                )
            case _:
                raise CallerError("format is minbzk or atrs", code="not_found")
        return JSONResponse(found, headers={"Cross-Origin-Resource-Policy": "cross-origin"})

    def _worded(self, found: Mapping[str, Any], language: str) -> Mapping[str, Any]:
        """Raises PeerError (`bad_specimen`)."""
        told = found["statement"]
        try:
            record = {
                **told,
                "outcome": {"items": told["outcome"]},
                "legal_basis": (),
                "counterfactual": (),
            }
            package = self._packages.get(told["rules"]["sha256"])
            words = worded(record, {}, package, language)
        except (KeyError, TypeError, ValueError) as error:
            raise PeerError("not a specimen", code="bad_specimen") from error
        title = str(told["rules"]["package"])
        if package is not None:
            title = next((text for tag, text in package.title.items() if tag == language), title)
        return {"name": told["rules"]["package"], "title": title, "words": words, "says": told["says"]}

    async def specimen(self, visit: Visit) -> Response:
        """As the register sealed it: statement and seal, to be kept and checked."""
        entry, name = self._find(visit), visit.call.parameters["package"]
        found = self._watch.specimens.get(name) if name in entry.packages else None
        if found is None:
            raise CallerError("no such specimen", code="not_found")
        told = {"statement": found["statement"], "seal": found["seal"]}
        return JSONResponse(told, headers={"Cross-Origin-Resource-Policy": "cross-origin"})

    async def contests(self, _visit: Visit) -> Response:
        """Counts by algorithm. null: fewer than `suppressed_below`, or (with `registers_silent`) not known now."""
        rows = await asyncio.gather(*(self._row(entry) for entry in self._entries.values()))
        told = {
            "suppressed_below": SMALLEST,
            "at": self._clock().isoformat(),
            "algorithms": [_open(row["entry"], row["figures"], row["silent"]) for row in rows],
        }
        return JSONResponse(told, headers={"Cross-Origin-Resource-Policy": "cross-origin"})

    async def _row(self, entry: AlgorithmEntry) -> Mapping[str, Any]:
        figures, silent = await self._figures(entry.id)
        return {"entry": entry, "figures": figures, "silent": silent}

    def _find(self, visit: Visit) -> AlgorithmEntry:
        found = self._entries.get(visit.call.parameters["algorithm"])
        if found is None:
            raise CallerError("no such algorithm", code="not_found")
        return found

    async def _figures(self, algorithm: str) -> tuple[Figures | None, tuple[str, ...]]:
        """Sums over the registers that decide, and those that did not answer; None: none did."""
        now = self._clock()
        until, figures, silent = self._known.get(algorithm, (now, None, ()))
        if now < until:
            return figures, silent
        answers = await asyncio.gather(*(self._ask(source.subsystem, algorithm) for source in self._sources))
        silent = tuple(
            source.subsystem for source, answer in zip(self._sources, answers, strict=True) if answer is None
        )
        told = [answer for answer in answers if answer is not None]
        figures = _sum(algorithm, told) if told else None
        self._known[algorithm] = (now + KEPT, figures, silent)
        return figures, silent

    def _specimens_of(self, entry: AlgorithmEntry) -> list[Mapping[str, Any]]:
        """Of each of its packages that a register has shown."""
        shown = self._watch.specimens
        return [shown[name] for name in entry.packages if name in shown]

    async def _ask(self, register: str, algorithm: str) -> Mapping[str, Any] | None:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                answer = await self._exchange.call(
                    register,
                    "GET",
                    f"/algorithms/{algorithm}/figures",
                    case=None,
                    basis=BASIS,
                    acting=AUTOMATIC,
                )
            told = answer.json
            return (
                told
                if isinstance(told, dict) and all(isinstance(told[name], int) for name in COUNTS)
                else None
            )
        except (PlatformError, TimeoutError, KeyError) as error:
            log.warning("portal.no_figures", register=register, reason=type(error).__name__)
            return None


def _number(value: float, digits: int, language: str) -> str:
    text = str(format_decimal(abs(value), f"0.{'0' * digits}", locale=language))
    return ("−" if value < 0 and text.strip("0.,") else "") + text


def _sum(algorithm: str, told: list[Mapping[str, Any]]) -> Figures:
    """first_at, last_at, package_sha256: of the registers that decided by it."""
    used = [one for one in told if one["decisions"]]
    days = sorted(str(one[name]) for one in used for name in ("first_at", "last_at") if one.get(name))
    packages = [one.get("package_sha256") for one in used]
    return Figures(
        algorithm=algorithm,
        **{name: sum(int(one[name]) for one in told) for name in COUNTS},
        **{name: sum(int(one.get(name) or 0) for one in told) for name in LATER_COUNTS},
        package_sha256=packages[-1] if packages else None,
        first_at=days[0] if days else None,
        last_at=days[-1] if days else None,
    )


def _open(entry: AlgorithmEntry, figures: Figures | None, silent: tuple[str, ...]) -> Mapping[str, Any]:
    """What a difference of two counts would tell is as small as they are: if one is kept back, all that depends on it are."""

    def told(count: int) -> int | None:
        return count if count == 0 or count >= SMALLEST else None

    ended = None if figures is None else figures.contested - figures.contests_open
    known: dict[str, int | None] = {"decisions": None, "contests": None, "ended": None, "overturned": None}
    if figures is not None and ended is not None:
        known = {"decisions": told(figures.decisions), "contests": told(figures.contested)}
        whole = known["contests"] is not None and told(figures.contests_open) is not None
        known["ended"] = told(ended) if whole else None
        split = known["ended"] is not None and told(ended - figures.overturned) is not None
        known["overturned"] = told(figures.overturned) if split else None
    return {
        "algorithm": entry.id,
        "organization": entry.organization.in_language("en"),
        **known,
        "registers_silent": list(silent),
    }
