"""My data: what every register holds about a person, each fact with its source and date, and a way to say that it is wrong.

The registers are asked side by side over the exchange, in the person's own name and on the ground of their right to know;
one that does not answer is named.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import quote

from starlette.responses import Response

from sild.cases import FactLine
from sild.errors import CallerError, PeerError, Unavailable
from sild.i18n import format_money
from sild.portal.pages import Pages
from sild.portal.ports import Exchange
from sild.portal.receipts import Receipts, form_key
from sild.portal.settings import FactSource, PortalSettings
from sild.portal.visit import Visit
from sild.telemetry import get_logger

__all__ = ["MyData"]

log = get_logger("portal")

PATIENCE_SECONDS = 8.0
PAYMENTS = "person.payments"
Word = Callable[[str, str], str]


class MyData:
    def __init__(
        self, pages: Pages, exchange: Exchange, receipts: Receipts, settings: PortalSettings
    ) -> None:
        self._pages = pages
        self._exchange = exchange
        self._receipts = receipts
        self._sources = settings.fact_sources
        self._deciding = settings.decision_sources
        self._papers = settings.paper_sources
        self._basis = settings.own_data_basis

    async def show(self, visit: Visit) -> Response:
        registers = await asyncio.gather(*(self._ask(source, visit) for source in self._sources))
        return self._pages.page(visit, "my_data.html", {"registers": registers, "papers": self._papers})

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
        answer = await self._exchange.call(
            source.subsystem,
            "POST",
            source.dispute_path.format(fact=fact),
            body={"reason": reason},
            case=form.get("case") or None,
            basis=self._basis,
            acting=visit.person.person,
            message_id=str(uuid.uuid5(uuid.NAMESPACE_URL, f"sild:dispute:{key}")),
        )
        number = answer.json.get("id", "") if isinstance(answer.json, dict) else ""
        concept = form.get("concept", "")[:100]
        say = {language: self._pages.texts.speaker(language) for language in self._pages.texts.languages}
        content = {
            "service": "",
            "case": None,
            "number": str(number),
            "status": "",
            "label": {
                language: speak("facts.dispute_sent", what=self._pages.concept(concept, language))
                for language, speak in say.items()
            },
            "back": "/my-data",
        }
        return await self._receipts.give(visit, key, content)

    def _payment(self, line: FactLine, language: str) -> FactLine:
        """Of a payment how much, what for, how it stands and when, and the decision it rests on; any other fact as it is."""
        said = line.value
        if line.concept != PAYMENTS or not isinstance(said, Mapping):
            return line
        decides = {source.subsystem: source.name for source in self._deciding}
        whose = decides.get("/".join(str(said.get("authority", "")).split("/")[1:]))
        try:
            money = format_money(said["amount"], said["currency"], language)
        except (KeyError, ValueError):
            raise PeerError("not a payment", code="bad_facts") from None
        state = self._pages.word(PAYMENTS, str(said.get("state")), language)
        return replace(
            line,
            label=self._pages.concept(f"benefit.{said.get('purpose')}", language),
            value=[money, state, *([said["on"]] if said.get("on") else [])],
            decision=f"{whose}/{said['decision']}" if whose and said.get("decision") else None,
        )

    async def _ask(self, source: FactSource, visit: Visit) -> Mapping[str, Any]:
        """title, and facts or the reason why there are none to show."""
        title = source.title
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                answer = await self._exchange.call(
                    source.subsystem,
                    "GET",
                    source.path.format(person=quote(visit.person.acting_for[2:], safe="")),
                    case=None,
                    basis=self._basis,
                    acting=visit.person.person,
                )
            facts = _facts(source.subsystem, answer.json, partial(self._pages.word, language=visit.language))
            facts = [self._payment(line, visit.language) for line in facts]
            return {"title": title, "facts": facts, "reason": None}
        except (Unavailable, PeerError, TimeoutError) as error:
            log.warning("portal.register_failed", register=source.subsystem, reason=type(error).__name__)
            return {"title": title, "facts": (), "reason": "register_down"}
        except CallerError as error:
            if error.code.endswith(("not_found", "unknown_person")):
                return {"title": title, "facts": (), "reason": None}
            log.refusal("portal.register_refused", error, register=source.subsystem)
            return {"title": title, "facts": (), "reason": "register_refused"}


def _facts(register: str, content: Any, word: Word) -> list[FactLine]:  # JSON of a register
    """word: a code of a concept, for people. Raises PeerError: no list of facts."""
    items = content.get("items", content.get("facts")) if isinstance(content, dict) else content
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise PeerError("not a list of facts", code="bad_facts")
    return [
        FactLine(
            concept=str(item.get("concept") or item.get("name") or ""),
            of="self",
            value=_value(item, word),
            register=register,
            source=item.get("source"),
            valid_from=item.get("valid_from"),
            known_from=item.get("known_from"),
            basis=item.get("basis"),
            ref=item.get("fact") if isinstance(item.get("fact"), int) else None,
        )
        for item in items
    ]


def _value(item: dict[str, Any], word: Word) -> Any:  # JSON
    """The register's own words; of a fact that stands once for each key (a parent, a citizenship) what it is to the person,
    where the value says so, and who or which it is."""
    concept = str(item.get("concept") or item.get("name") or "")
    key, value, text = item.get("key"), item.get("value"), item.get("text")
    if isinstance(value, str):
        value = word(concept, value)
    if concept == PAYMENTS or not key:
        return text if isinstance(text, str) else value
    which = text if isinstance(text, str) else word(concept, str(key))
    return [value, which] if isinstance(value, str) else which
