"""Decisions about me: from every register that decides, over the exchange; one of them line by line, decided again, its evidence.

A person reads in their own name, or in the name of whom they act for. A register that does not answer is named. That something
is wrong begins a case (sild.cases.contest).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any
from urllib.parse import quote

from starlette.responses import Response

from sild.cases import DecisionLine, register_code, worded, written
from sild.decisions import canonical_json, verifier_file
from sild.errors import CallerError, PeerError, Unavailable
from sild.i18n import format_month
from sild.portal.edge import redirect
from sild.portal.pages import Pages
from sild.portal.ports import Cases, Exchange
from sild.portal.receipts import form_key
from sild.portal.settings import DecisionSource, PortalSettings
from sild.portal.visit import Visit
from sild.rules import shipped_packages
from sild.telemetry import get_logger

__all__ = ["DecisionPages"]

log = get_logger("portal")

PATIENCE_SECONDS = 8.0
CORRECTED = "correct"
"""Effect of a decision that was made again because a fact under it was corrected."""
REPLAY_SECONDS = 20.0
"""The rules run, and the message logs of other bodies are asked meanwhile."""

_ID = re.compile(r"[0-9a-f-]{36}")


class DecisionPages:
    def __init__(self, pages: Pages, cases: Cases, exchange: Exchange, settings: PortalSettings) -> None:
        self._pages = pages
        self._cases = cases
        self._exchange = exchange
        self._sources = settings.decision_sources
        self._basis = settings.own_data_basis
        self._packages = shipped_packages()

    async def listed(self, visit: Visit) -> Response:
        registers = await asyncio.gather(*(self._of(source, visit) for source in self._sources))
        return self._pages.page(visit, "decisions.html", {"registers": registers})

    async def one(self, visit: Visit) -> Response:
        return await self._page(visit, None)

    async def again(self, visit: Visit) -> Response:
        """Decides it anew from the same facts by the same rules, and says what came of it."""
        form_key(visit)
        source, decision = self._named(visit)
        report = await self._ask(source, visit, f"/decisions/{decision}/replay", patience=REPLAY_SECONDS)
        return await self._page(visit, report)

    async def bundle(self, visit: Visit) -> Response:
        """All evidence in one file, with the reader's own values open, as the stand-alone verifier reads it."""
        source, decision = self._named(visit)
        bundle = await self._ask(source, visit, f"/decisions/{decision}/bundle")
        headers = {"Content-Disposition": f'attachment; filename="decision-{decision[:13]}.json"'}
        return Response(canonical_json(bundle) + b"\n", media_type="application/json", headers=headers)

    async def verifier(self, _visit: Visit) -> Response:
        """The program that checks a bundle anywhere: one file on Python's standard library."""
        content = await asyncio.to_thread(verifier_file().read_bytes)
        headers = {"Content-Disposition": 'attachment; filename="verify_decision.py"'}
        return Response(content, media_type="text/x-python", headers=headers)

    async def wrong(self, visit: Visit) -> Response:
        """Begins the contest, or goes on with the one there is."""
        form_key(visit)
        source, decision = self._named(visit)
        opened = await self._ask(source, visit, f"/decisions/{decision}")
        record = opened["record"]
        if record.get("remedy") and opened.get(
            "contest_until"
        ):  # for this person, not for whom it reached at once
            record = {**record, "remedy": {**record["remedy"], "deadline": opened["contest_until"]}}
        case = await self._cases.contest(visit.person, source.subsystem, record)
        view = await self._cases.view(case, visit.person)
        if view.tasks:
            return redirect(f"/cases/{case}/screens/{view.tasks[0].screen}")
        return redirect(f"/cases/{case}")

    async def _page(self, visit: Visit, report: Mapping[str, Any] | None) -> Response:
        source, decision = self._named(visit)
        shown = f"/decisions/{decision}?shown={quote(visit.language, safe='')}"
        opened = await self._ask(source, visit, shown)
        record, language = opened["record"], visit.language
        try:
            package = self._packages.get((record.get("rules") or {}).get("sha256", ""))
            words = worded(record, opened["values"], package, language)
            remedy = record["remedy"]
            last = date.fromisoformat(opened.get("contest_until") or remedy["deadline"]) if remedy else None
        except (KeyError, TypeError, ValueError) as error:
            raise PeerError("not a decision record", code="bad_decision") from error
        values = {
            "record": record,
            "told": words,
            "source": source,
            "register": source.name,
            "package": package,
            "last": last,
            "runs_from": remedy.get("runs_from") if remedy and opened.get("reached") else None,
            "reached": opened.get("reached"),
            "deliveries": [one for one in opened.get("deliveries") or () if one["mine"]],
            "effect_now": opened.get("effect_now"),
            "in_time": last is None or self._pages.today() <= last,
            "superseded_by": opened.get("superseded_by"),
            "contested": _contested(record),
            "report": report,
            "changed": _changed((*words.outcome, *words.facts), opened.get("changed") or ())
            if record.get("effect") == CORRECTED
            else (),
            "broken": [one for one in (report or {}).get("steps", ()) if one["verdict"] == "broken"],
            "shown": lambda line: line.value if isinstance(line.value, list) else written(line, language),
            "month": lambda period: _months(period, language),
        }
        return self._pages.page(visit, "decision.html", values)

    async def _of(self, source: DecisionSource, visit: Visit) -> Mapping[str, Any]:
        """The register's decisions about the person, or why there are none to show."""
        found: dict[str, Any] = {"title": source.title, "register": source.name, "lines": (), "reason": None}
        try:
            path = f"/persons/{quote(register_code(visit.person.acting_for), safe='')}/decisions"
            answer = await self._ask(source, visit, path)
            return found | {"lines": list(answer["items"])}
        except (Unavailable, PeerError, KeyError, TypeError) as error:
            log.warning("portal.register_failed", register=source.subsystem, reason=type(error).__name__)
            return found | {"reason": "register_down"}
        except CallerError as error:
            if error.code.endswith(("not_found", "unknown_person")):
                return found
            log.refusal("portal.register_refused", error, register=source.subsystem)
            return found | {"reason": "register_refused"}

    async def _ask(
        self, source: DecisionSource, visit: Visit, path: str, *, patience: float = PATIENCE_SECONDS
    ) -> Any:  # JSON of a register
        """Raises Unavailable, PeerError, CallerError (`not_found`)."""
        try:
            async with asyncio.timeout(patience):
                answer = await self._exchange.call(
                    source.subsystem,
                    "GET",
                    path,
                    case=self._pages.own_look(visit),
                    basis=self._basis,
                    acting=visit.person.person if visit.is_company else visit.person.acting_for,
                    represented=visit.person.acting_for if visit.is_company else None,
                )
        except TimeoutError as error:
            raise Unavailable(f"{source.subsystem} does not answer", code="timeout") from error
        except CallerError as error:
            if error.code.endswith("unknown_decision"):
                raise CallerError("no such decision", code="not_found") from error
            raise
        if not isinstance(answer.json, dict):
            raise PeerError("not a decision", code="bad_decision")
        if path.startswith("/decisions/") and answer.json.get("opened") is False:
            raise CallerError("a decision about somebody else", code="not_found")
        return answer.json

    def _named(self, visit: Visit) -> tuple[DecisionSource, str]:
        name, decision = (visit.call.parameters[part] for part in ("register", "decision"))
        source = next((one for one in self._sources if one.name == name), None)
        if source is None or not _ID.fullmatch(decision):
            raise CallerError("no such decision", code="not_found")
        return source, decision


def _months(period: str, language: str) -> str:
    """`2026`, `2026-03`, `2025-04/2026-03`."""
    return " – ".join(one if len(one) != 7 else format_month(one, language) for one in period.split("/"))


def _changed(
    told: Iterable[DecisionLine], changes: Iterable[Mapping[str, Any]]
) -> list[tuple[DecisionLine, DecisionLine]]:
    """What is another way than in the decision before: as it is now, and as it was. What is no longer there is not shown."""
    lines = {part.name: part for line in told for part in (*line.parts, line)}
    return [
        (lines[one["name"]], replace(lines[one["name"]], value=one["before"], is_sealed=False, parts=()))
        for one in changes
        if one["name"] in lines and lines[one["name"]].value is not None
    ]


def _contested(record: Mapping[str, Any]) -> str | None:
    """Of an answer to a contest, the decision it is about."""
    named = (str(one["value"]) for one in record["inputs"] if one["name"] == "contested/decision")
    return next((one for one in named if _ID.fullmatch(one)), None)
