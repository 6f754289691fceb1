"""Papers: what a register gives a person to show or print. Its code on the phone, the PDF, and what whoever checks the code needs.

A person reads their own, or that of whom they act for. Keys and status list of the issuer are for everybody: one file each for all
cards, kept a minute, so that checking a card asks no register about anybody.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from markupsafe import Markup
from starlette.responses import JSONResponse, Response

from sild.cases import ExchangeAnswer, register_code
from sild.clock import Clock
from sild.documents import qr_svg, shown_claims
from sild.errors import CallerError, PeerError, Unavailable
from sild.portal.edge import redirect
from sild.portal.pages import Pages
from sild.portal.ports import Exchange
from sild.portal.settings import PaperSource, PortalSettings
from sild.portal.visit import Visit

__all__ = ["PaperPages"]

PATIENCE_SECONDS = 8.0
KEPT = timedelta(minutes=1)
BASIS = "public"
AUTOMATIC = "automatic"
ISSUER, STATUS_LIST = "/issuer", "/status-list"
_ID = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)


class PaperPages:
    def __init__(self, pages: Pages, exchange: Exchange, settings: PortalSettings, clock: Clock) -> None:
        self._pages = pages
        self._exchange = exchange
        self._sources = {source.name: source for source in settings.paper_sources}
        self._deciding = {one.subsystem: one.name for one in settings.decision_sources}
        self._basis = settings.own_data_basis
        self._clock = clock
        self._known: dict[str, tuple[datetime, ExchangeAnswer]] = {}

    async def show(self, visit: Visit) -> Response:
        """The code with what it says, as large as the screen; or why there is none. Of several, which there are."""
        source = self._named(visit)
        if source.several:
            return await self._listed(visit, source)
        return await self._shown(visit, source, source.path, f"/papers/{source.name}")

    async def one(self, visit: Visit) -> Response:
        """Of several, one."""
        return await self._shown(visit, *self._one_of(visit))

    async def _listed(self, visit: Visit, source: PaperSource) -> Response:
        answer = await self._ask(visit, source, source.path)
        items = answer.json.get("items") if isinstance(answer.json, dict) else None
        if not isinstance(items, list) or not all(
            isinstance(item, dict) and item.get("id") for item in items
        ):
            raise PeerError("not a list of papers", code="bad_paper")
        return self._pages.page(visit, "papers.html", {"source": source, "items": items})

    async def _shown(self, visit: Visit, source: PaperSource, path: str, here: str) -> Response:
        values: dict[str, Any] = {"source": source, "at": here, "reason": None, "claims": {}, "code": ""}
        paper, reason = await self._paper(visit, source, path)
        if reason is not None:
            return self._pages.page(visit, "paper.html", values | {"reason": reason})
        shown = {
            "claims": shown_claims(paper["presentation"]),
            "decision": self._decision(source, paper),
            "place_is_kept": paper.get("place_is_kept") is True,
            "in_wallet_since": _moment(paper.get("in_wallet_since")),
            "code": Markup(qr_svg(paper["presentation"]).decode()),  # noqa: S704  our own drawing, no text in it
        }
        return self._pages.page(visit, "paper.html", values | shown)

    async def valid(self, visit: Visit) -> tuple[PaperSource, str, Mapping[str, Any]]:
        """Of the paper that the address names: the source, its page, and what it says now. Raises CallerError (`not_found`): none, or revoked."""
        if "id" in visit.call.parameters:
            source, path, here = self._one_of(visit)
        else:
            source = self._named(visit)
            path, here = source.path, f"/papers/{source.name}"
            if source.several:
                raise CallerError("there are several", code="not_found")
        paper, reason = await self._paper(visit, source, path)
        if reason is not None:
            raise CallerError(f"the paper is not there to show: {reason}", code="not_found")
        return source, here, shown_claims(paper["presentation"])

    async def _paper(
        self, visit: Visit, source: PaperSource, path: str
    ) -> tuple[Mapping[str, Any], str | None]:
        """What the register gives, and why it is not shown, if so: `none`, `revoked`."""
        try:
            answer = await self._ask(visit, source, path)
        except CallerError as error:
            if error.detail.get("status") != 404:
                raise
            return {}, "none"
        paper = answer.json
        if not isinstance(paper, dict) or not isinstance(paper.get("presentation"), str):
            raise PeerError("not a paper", code="bad_paper")
        return paper, None if paper.get("state", "valid") == "valid" else "revoked"

    def _decision(self, source: PaperSource, paper: Mapping[str, Any]) -> str | None:
        """Where the decision is shown that the paper proves, `insurance/0199...`."""
        register = self._deciding.get(source.subsystem)
        decision = paper.get("decision")
        return f"{register}/{decision}" if register and isinstance(decision, str) else None

    async def file(self, visit: Visit) -> Response:
        """The PDF; where there is none, the page says why."""
        source = self._named(visit)
        if source.several:
            raise CallerError("there are several", code="not_found")
        return await self._printed(visit, source, source.path, f"/papers/{source.name}")

    async def one_file(self, visit: Visit) -> Response:
        return await self._printed(visit, *self._one_of(visit))

    async def _printed(self, visit: Visit, source: PaperSource, path: str, here: str) -> Response:
        try:
            answer = await self._ask(visit, source, f"{path}/pdf?language={visit.language}")
        except CallerError as error:
            if error.detail.get("status") not in (404, 409):
                raise
            return redirect(here)
        if not answer.file.startswith(b"%PDF-"):
            raise PeerError("not a PDF", code="bad_paper")
        headers = {"Content-Disposition": f'attachment; filename="{source.name}.pdf"'}
        return Response(answer.file, media_type="application/pdf", headers=headers)

    async def issuer(self, visit: Visit) -> Response:
        """Keys to check codes with: JWT VC issuer metadata."""
        answer = await self._kept(self._named(visit), ISSUER)
        return JSONResponse(answer.json, headers={"Cross-Origin-Resource-Policy": "cross-origin"})

    async def status_list(self, visit: Visit) -> Response:
        answer = await self._kept(self._named(visit), STATUS_LIST)
        return Response(
            answer.file,
            media_type="application/statuslist+jwt",
            headers={"Cross-Origin-Resource-Policy": "cross-origin"},
        )

    async def _kept(self, source: PaperSource, path: str) -> ExchangeAnswer:
        now, key = self._clock(), f"{source.subsystem}{path}"
        until, answer = self._known.get(key, (now, None))
        if answer is None or now >= until:
            answer = await self._call(source, path, None, BASIS, AUTOMATIC)
            self._known[key] = (now + KEPT, answer)
        return answer

    async def _ask(self, visit: Visit, source: PaperSource, path: str) -> ExchangeAnswer:
        """Whoever acts for somebody says whose word it is: the register sees both."""
        if visit.is_company:
            raise CallerError("people have such papers", code="not_found")
        actor = visit.person
        whose = actor.acting_for if actor.acting_for != actor.person else None
        asked = path.format(person=quote(register_code(actor.acting_for), safe=""))
        case = self._pages.own_look(visit)
        return await self._call(source, asked, case, self._basis, actor.person, whose)

    async def _call(
        self,
        source: PaperSource,
        path: str,
        case: str | None,
        basis: str,
        acting: str,
        represented: str | None = None,
    ) -> ExchangeAnswer:
        """case: None: it is nobody's data. Raises Unavailable, PeerError, CallerError with the register's `status`."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await self._exchange.call(
                    source.subsystem,
                    "GET",
                    path,
                    case=case,
                    basis=basis,
                    acting=acting,
                    represented=represented,
                )
        except TimeoutError as error:
            raise Unavailable(f"{source.subsystem} does not answer", code="timeout") from error

    def _one_of(self, visit: Visit) -> tuple[PaperSource, str, str]:
        """Source, path at the register, address here."""
        source, id_ = self._named(visit), visit.call.parameters["id"]
        if not source.several or not _ID.fullmatch(id_):
            raise CallerError("no such paper", code="not_found")
        return source, f"{source.path}/{id_}", f"/papers/{source.name}/of/{id_}"

    def _named(self, visit: Visit) -> PaperSource:
        return self.source(visit.call.parameters["paper"])

    def source(self, name: str) -> PaperSource:
        """Raises CallerError (`not_found`)."""
        source = self._sources.get(name)
        if source is None:
            raise CallerError("no such paper", code="not_found")
        return source


def _moment(said: object) -> datetime | None:
    """With its zone; None: nothing of the kind."""
    try:
        moment = datetime.fromisoformat(said) if isinstance(said, str) else None
    except ValueError:
        return None
    return moment if moment is not None and moment.tzinfo is not None else None
