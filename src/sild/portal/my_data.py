"""My data: what every register holds about a person, each fact with its source and date, and a way to say that it is wrong.

The registers are asked side by side over the exchange, in the person's own name and on the ground of their right to know;
one that does not answer is named.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import quote

from starlette.responses import Response

from sild.cases import register_code
from sild.errors import CallerError, PeerError, Unavailable
from sild.portal.own_facts import Sayer, own_lines, split
from sild.portal.pages import Pages
from sild.portal.ports import Exchange
from sild.portal.receipts import Receipts, form_key
from sild.portal.settings import FactSource, PortalSettings
from sild.portal.visit import Visit
from sild.portal.vouching import SessionVoucher
from sild.telemetry import get_logger

__all__ = ["MyData"]

log = get_logger("portal")

PATIENCE_SECONDS = 8.0
BEFORE = 12
"""Lines of what was before, of one register, on the page of all."""


class MyData:
    def __init__(
        self,
        pages: Pages,
        exchange: Exchange,
        receipts: Receipts,
        settings: PortalSettings,
        voucher: SessionVoucher,
    ) -> None:
        self._pages = pages
        self._voucher = voucher
        self._exchange = exchange
        self._receipts = receipts
        self._sources = settings.fact_sources
        self._decides = {source.subsystem: source.name for source in settings.decision_sources}
        self._papers = settings.paper_sources
        self._basis = settings.own_data_basis

    async def show(self, visit: Visit) -> Response:
        """All registers, each with what holds and the newest of what was before; `?register=social`: one, with all of it.

        Of a company, those that hold something of companies.
        """
        wanted = visit.call.query.get("register", "")
        sources = self._sources
        if visit.is_company:  # its own register, which says of a person the least, first
            sources = tuple(one for one in reversed(sources) if one.company_path is not None)
        one = [source for source in sources if wanted and source.name == wanted]
        registers = await asyncio.gather(*(self._ask(source, visit, bool(one)) for source in one or sources))
        papers = () if visit.is_company else self._papers
        values = {"registers": registers, "papers": papers, "one": bool(one), "ground": self._basis}
        return self._pages.page(visit, "my_data.html", values)

    async def wrong(self, visit: Visit) -> Response:
        """A dispute of one fact, opened where the fact is kept."""
        key = form_key(visit)
        if (receipt := await self._receipts.seen(visit, key)) is not None:
            return receipt
        form = {name: values[-1] for name, values in visit.call.form.items()}
        source = next((one for one in self._sources if one.subsystem == form.get("register")), None)
        fact, reason = form.get("fact", ""), form.get("reason", "").strip()
        if source is None or source.dispute_path is None or not fact.isdigit():
            raise CallerError("no such fact", code="not_found")
        if not reason or len(reason) > 1000:
            raise CallerError("say what is right", code="reason_missing")
        case, register = self._pages.own_look(visit), self._exchange.system(source.subsystem)
        await self._exchange.call(
            source.subsystem,
            "POST",
            source.dispute_path.format(fact=fact),
            body={"reason": reason},
            case=case,
            basis=self._basis,
            acting=visit.person.person,
            represented=visit.person.representee,
            proof=await self._voucher.vouch(
                visit.person, case, [register], acts=True, operations=["disputeFact"]
            ),
            message_id=str(uuid.uuid5(uuid.NAMESPACE_URL, f"sild:dispute:{key}")),
        )
        concept = form.get("concept", "")[:100]
        say = {language: self._pages.texts.speaker(language) for language in self._pages.texts.languages}
        content = {
            "service": "",
            "case": None,
            "number": "",  # its case has one, which the register's word opens
            "status": "",
            "label": {
                language: speak("facts.dispute_sent", what=self._pages.concept(concept, language))
                for language, speak in say.items()
            },
            "back": "/my-data",
        }
        return await self._receipts.give(visit, key, content)

    async def _ask(self, source: FactSource, visit: Visit, whole: bool) -> Mapping[str, Any]:
        """title and name, with facts, what was before, how much more of it there is, or the reason why there are none to show."""
        of_company = visit.is_company and source.company_path is not None
        path = str(source.company_path if of_company else source.path)
        about: dict[str, Any] = {
            "title": source.title,
            "name": source.name,
            "facts": (),
            "before": (),
            "more": 0,
        }
        try:
            person = register_code(visit.person.acting_for)
            async with asyncio.timeout(PATIENCE_SECONDS):
                answer = await self._exchange.call(
                    source.subsystem,
                    "GET",
                    path.format(person=quote(person, safe=""), company=quote(person, safe="")),
                    case=self._pages.own_look(visit),
                    basis=self._basis,
                    acting=visit.person.person,
                    represented=visit.person.representee,
                )
            lines = own_lines(source.subsystem, answer.json, self._sayer(visit.language), person=person)
            facts, before = split(lines, self._pages.today(), whole=whole)
            shown = before if whole else before[:BEFORE]
            if source.dispute_path is None:
                facts = [replace(line, ref=None) for line in facts]
            return {
                **about,
                "facts": facts,
                "before": shown,
                "more": len(before) - len(shown),
                "reason": None,
            }
        except (Unavailable, PeerError, TimeoutError) as error:
            log.warning("portal.register_failed", register=source.subsystem, reason=type(error).__name__)
            return {**about, "reason": "register_down"}
        except CallerError as error:
            if error.code.endswith(("not_found", "unknown_person")):
                return {**about, "reason": None}
            log.refusal("portal.register_refused", error, register=source.subsystem)
            return {**about, "reason": "register_refused"}

    def _sayer(self, language: str) -> Sayer:
        return Sayer(
            language=language,
            word=partial(self._pages.word, language=language),
            concept=partial(self._pages.concept, language=language),
            say=self._pages.texts.speaker(language),
            decides=self._decides,
        )
