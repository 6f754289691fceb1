"""Previews: what a register here would give to another country's procedure, looked at first by the one whose it is (OOTS TDD 1.2, 4.9).

The person comes from the other country's portal with `returnurl`, logs in here, sees the very document, says yes or no, and goes back. The
register knows whose it is: whoever else has the address sees nothing. Nobody is sent back but to an origin of the settings.
"""

from __future__ import annotations

import re
import uuid
from datetime import datetime
from typing import Any

from starlette.responses import Response

from sild.cases import ExchangeAnswer
from sild.errors import CallerError, PeerError
from sild.i18n import country_name
from sild.oots import origin_of, return_address
from sild.portal.edge import redirect, secure
from sild.portal.pages import Pages
from sild.portal.ports import Exchange
from sild.portal.receipts import form_key
from sild.portal.settings import PortalSettings
from sild.portal.visit import Visit
from sild.portal.vouching import SessionVoucher

__all__ = ["PreviewPages"]

ANSWER = "answerEvidenceRequest"
REASONS = {404: "none", 410: "over", 409: "answered"}
_LOOK = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
LINES = ("given_names", "family_name", "born", "birth_place", "sex", "citizenship", "mother", "father")


class PreviewPages:
    def __init__(
        self, pages: Pages, exchange: Exchange, settings: PortalSettings, voucher: SessionVoucher
    ) -> None:
        self._pages = pages
        self._exchange = exchange
        self._options = settings.previews
        self._basis = settings.own_data_basis
        self._issuer = settings.issuer
        self._voucher = voucher

    async def show(self, visit: Visit) -> Response:
        """What would be given, to whom and for what; or why there is nothing to see."""
        back = self._back(visit.call.query.get("returnurl", ""), visit.call.query.get("returnmethod", ""))
        return await self._shown(visit, back, None, 200)

    async def document(self, visit: Visit) -> Response:
        """The sealed PDF."""
        answer = await self._ask(visit, "GET", "/document")
        if not answer.file.startswith(b"%PDF-"):
            raise PeerError("not a PDF", code="bad_paper")
        headers = {
            "Content-Disposition": 'inline; filename="evidence.pdf"',
            "Content-Security-Policy": "sandbox",
        }
        return Response(answer.file, media_type="application/pdf", headers=headers)

    async def answer(self, visit: Visit) -> Response:
        """Yes or no, once, and back to where they came from."""
        form = {name: values[-1] for name, values in visit.call.form.items()}
        back = self._back(form.get("returnurl", ""), form.get("returnmethod", ""))
        used = form.get("do") == "USE"
        if not used and form.get("do") != "DECLINE":
            raise CallerError("yes or no", code="bad_form")
        try:
            await self._ask(
                visit,
                "POST",
                "/answer",
                body={"use": used, "sha256": form.get("sha256", "")[:64] if used else None},
                message_id=str(uuid.uuid5(uuid.NAMESPACE_URL, f"sild:preview:{form_key(visit)}")),
            )
        except CallerError as error:
            if error.detail.get("status") not in REASONS:
                raise
            return await self._shown(visit, back, error.code, 409)
        if back is not None:
            return redirect(back)
        return redirect(visit.call.path)

    async def _shown(self, visit: Visit, back: str | None, refusal: str | None, status: int) -> Response:
        values: dict[str, Any] = {"back": back, "preview": None, "lines": (), "reason": None, "country": ""}
        if visit.person.representee is not None:
            values["reason"] = "for_yourself"
        else:
            try:
                values |= self._told(visit, (await self._ask(visit, "GET")).json)
            except CallerError as error:
                reason = REASONS.get(int(error.detail.get("status") or 0))
                if reason is None:
                    raise
                values["reason"], status = reason, status if status != 200 else 404
        values["changed"] = refusal == "another_document"
        page = self._pages.page(visit, "preview.html", values, status=status)
        targets = [self._issuer, *filter(None, [origin_of(back) if back else None])]
        return secure(page, form_targets=targets)

    def _told(self, visit: Visit, said: Any) -> dict[str, Any]:  # JSON of the register
        if not isinstance(said, dict) or not isinstance(said.get("lines"), dict):
            raise PeerError("not a preview", code="bad_paper")
        lines = []
        for name in LINES:
            words = said["lines"].get(name)
            if words is None:
                continue
            if name == "born":
                words = self._pages.day(words, visit.language)
            elif name == "citizenship":
                words = ", ".join(country_name(one, visit.language) for one in words.split())
            elif name == "sex":
                words = self._pages.spoken("value.sex", words, visit.language)
            lines.append((name, words))
        country = country_name(said["country"], visit.language) if said.get("country") else ""
        try:
            until = datetime.fromisoformat(said["until"])
        except (KeyError, TypeError, ValueError):
            raise PeerError("not a preview", code="bad_paper") from None
        return {"preview": said, "lines": lines, "country": country, "until": until}

    async def _ask(
        self, visit: Visit, method: str, part: str = "", *, body: Any = None, message_id: str | None = None
    ) -> ExchangeAnswer:
        """Raises CallerError (`not_found`; the register's, with its status), Unavailable."""
        look = visit.call.parameters["look"]
        if self._options is None or not _LOOK.fullmatch(look):
            raise CallerError("there is no such preview", code="not_found", status=404)
        case, subsystem = self._pages.own_look(visit), self._options.subsystem
        proof = None
        if method == "POST":
            register = self._exchange.system(subsystem)
            proof = await self._voucher.vouch(visit.person, case, [register], acts=True, operations=[ANSWER])
        return await self._exchange.call(
            subsystem,
            method,
            f"/evidence-requests/{look}{part}",
            body=body,
            case=case,
            basis=self._basis,
            acting=visit.person.person,
            proof=proof,
            message_id=message_id,
        )

    def _back(self, returnurl: str, returnmethod: str) -> str | None:
        """None: they came from nowhere that the settings know, and find their way by themselves."""
        if self._options is None:
            return None
        try:
            return return_address(returnurl, returnmethod, self._options.returns)
        except CallerError:
            return None
