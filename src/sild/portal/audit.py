"""The auditor's desk: what the mandate says, a decision by its number, samples whose seed was published before, releases of others."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from starlette.responses import JSONResponse, Response

from sild.cases import AUTOMATIC
from sild.decisions import shipped_algorithms
from sild.errors import CallerError, PlatformError
from sild.i18n import format_month
from sild.portal.auditing import Auditing, body_of, chosen, part
from sild.portal.edge import redirect
from sild.portal.pages import Pages
from sild.portal.ports import Cases, Exchange
from sild.portal.receipts import form_key
from sild.portal.settings import DecisionSource
from sild.portal.visit import Visit
from sild.telemetry import get_logger

__all__ = ["AuditPages"]

log = get_logger("portal")

BASIS = "EU 2024/1689 71"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")
_NUMBER = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")


class AuditPages:
    def __init__(self, pages: Pages, cases: Cases, exchange: Exchange, auditing: Auditing) -> None:
        self._pages = pages
        self._cases = cases
        self._exchange = exchange
        self._auditing = auditing
        self._algorithms = {name: entry.name for name, entry in shipped_algorithms().items()}

    async def home(self, visit: Visit) -> Response:
        return await self._home(visit)

    async def _home(
        self, visit: Visit, *, missing: str = "", refusal: str = "", status: int = 200
    ) -> Response:
        mandates = await self._auditing.mandates(visit)
        covered = [
            one for one in self._auditing.sources if chosen(mandates, one).scope.covers_body(body_of(one))
        ]
        registers = await asyncio.gather(*(self._register(visit, source) for source in covered))
        own = [one for one in (await self._cases.home(visit.person)).cases if one.service == "finding"]
        values = {
            "mandates": mandates, "registers": registers, "own": own, "missing": missing, "refusal": refusal,
            "may_open": any("withheld" in one.scope.classes for one in mandates),
            "today": self._pages.today().isoformat(),
            "algorithms": {name: words.in_language(visit.language) for name, words in self._algorithms.items()},
            "services": {one.id: self._pages.text(one.title, visit.language) for one in self._cases.services()},
        }  # fmt: skip
        return self._pages.page(visit, "audit.html", values, status=status)

    async def _register(self, visit: Visit, source: DecisionSource) -> Mapping[str, Any]:
        """What a register shows an auditor at first, or why it does not."""
        found: dict[str, Any] = {
            "source": source,
            "reason": None,
            "latest": (),
            "samples": (),
            "releases": (),
            "may_sample": False,
        }
        try:
            told = await self._auditing.ask(visit, source, "GET", "/supervision/overview")
            lists = {name: list(told[name]) for name in ("latest", "samples", "releases")}
            return found | lists | {"may_sample": told.get("may_sample") is True}
        except CallerError as error:
            log.refusal("portal.register_refused", error, register=source.subsystem)
            return found | {"reason": error.code}
        except (PlatformError, KeyError, TypeError) as error:
            log.warning("portal.register_failed", register=source.subsystem, reason=type(error).__name__)
            return found | {"reason": "register_down"}

    async def withheld(self, visit: Visit) -> Response:
        """The tally of reads that the law keeps from people, opened now: the register writes down who looked, and tells everybody."""
        form_key(visit)
        source = self._auditing.source(visit)
        told = await self._auditing.ask(visit, source, "GET", "/supervision/withheld")
        values = {
            "source": source,
            "told": told,
            "total": sum(int(one["reads"]) for one in told["items"]),
            "month": lambda period: format_month(period, visit.language),
        }
        return self._pages.page(visit, "audit_withheld.html", values)

    async def openings(self, _visit: Visit) -> Response:
        """Open data: when each register's tally of withheld reads was opened, for which body that supervises, in which file."""
        answers = await asyncio.gather(
            *(self._public(source, "/tally-openings") for source in self._auditing.sources)
        )
        told = {
            source.subsystem: answer for source, answer in zip(self._auditing.sources, answers, strict=True)
        }
        return JSONResponse(told, headers={"Cross-Origin-Resource-Policy": "cross-origin"})

    async def find(self, visit: Visit) -> Response:
        """By its number, in whichever register has it. Only registers whose answer is yes or a refusal are told apart."""
        await self._auditing.mandates(visit)
        number = visit.call.query.get("number", "").strip().lower()
        if not _NUMBER.fullmatch(number):
            return await self._home(visit, missing=number or "?", status=404)
        answers = await asyncio.gather(
            *(self._has(visit, source, number) for source in self._auditing.sources)
        )
        found = next(
            (source for source, code in zip(self._auditing.sources, answers, strict=True) if code is None),
            None,
        )
        if found is not None:
            return redirect(f"/audit/decisions/{found.name}/{number}")
        refused = [code for code in answers if code not in ("not_found", None)]
        if refused:
            raise CallerError("a register refused", code=str(refused[0]))
        return await self._home(visit, missing=number, status=404)

    async def _has(self, visit: Visit, source: DecisionSource, number: str) -> str | None:
        """None: it is here. Otherwise why it is not shown."""
        try:
            await self._auditing.ask(visit, source, "GET", f"/supervision/decisions/{number}")
        except CallerError as error:
            return error.code
        except PlatformError as error:
            log.warning("portal.register_failed", register=source.subsystem, reason=type(error).__name__)
            return "unavailable"
        return None

    # --- samples

    async def sample(self, visit: Visit) -> Response:
        source, name = self._auditing.source(visit), visit.call.parameters["sample"]
        if not _NAME.fullmatch(name):
            raise CallerError("no such sample", code="not_found")
        drawn = await self._auditing.ask(visit, source, "GET", f"/supervision/samples/{part(name)}")
        return self._pages.page(visit, "audit_sample.html", {"source": source, "sample": drawn})

    async def publish(self, visit: Visit) -> Response:
        """A new sample: its seed is public from now on, and it is drawn when its days are over."""
        form_key(visit)
        form = {name: values[-1].strip() for name, values in visit.call.form.items()}
        try:
            name, size = form.get("name", ""), int(form.get("size", ""))
            days = {
                day: date.fromisoformat(form.get(day, "")).isoformat() for day in ("first_day", "last_day")
            }
            if not _NAME.fullmatch(name) or not 1 <= size <= 100 or days["last_day"] < days["first_day"]:
                raise ValueError
        except ValueError:
            return await self._home(visit, refusal="sample_wrong", status=422)
        body = {"name": name, "size": size, **days}
        await self._auditing.ask(visit, self._auditing.source(visit), "POST", "/supervision/samples", body)
        return redirect("/audit")

    async def samples(self, _visit: Visit) -> Response:
        """Open data: all samples with their seeds, of every register; whoever has the hashes can draw them again."""
        answers = await asyncio.gather(
            *(self._public(source, "/samples") for source in self._auditing.sources)
        )
        told = {
            source.subsystem: answer for source, answer in zip(self._auditing.sources, answers, strict=True)
        }
        return JSONResponse(told, headers={"Cross-Origin-Resource-Policy": "cross-origin"})

    async def _public(self, source: DecisionSource, path: str) -> list[Any] | None:
        try:
            answer = await self._exchange.call(
                source.subsystem, "GET", path, case=None, basis=BASIS, acting=AUTOMATIC
            )
            return list(answer.json["items"])
        except (PlatformError, KeyError, TypeError):
            return None

    # --- four eyes

    async def answer_release(self, visit: Visit) -> Response:
        form_key(visit)
        granted = visit.call.form.get("do", [""])[-1]
        if granted not in ("grant", "refuse"):
            raise CallerError("grant it or refuse it", code="bad_form")
        path = f"/supervision/releases/{part(visit.call.parameters['release'])}/answer"
        source = self._auditing.source(visit)
        await self._auditing.ask(visit, source, "POST", path, {"granted": granted == "grant"})
        return redirect("/audit")
