"""A person's own pages: what they must do, their cases, their inbox."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from starlette.responses import Response

from sild.cases import CaseView, Notice, Refused
from sild.portal.auditing import Auditing
from sild.portal.edge import redirect
from sild.portal.pages import Pages
from sild.portal.ports import Cases
from sild.portal.receipts import Receipts, form_key
from sild.portal.visit import Visit

__all__ = ["PersonPages"]


class PersonPages:
    def __init__(self, pages: Pages, cases: Cases, receipts: Receipts, auditing: Auditing) -> None:
        self._pages = pages
        self._cases = cases
        self._receipts = receipts
        self._auditing = auditing

    async def home(self, visit: Visit) -> Response:
        home = await self._cases.home(visit.person)
        begins = [
            service
            for service in self._cases.services()
            if (service.business_events if visit.is_company else service.life_events)
            and any(channel.kind in ("portal", "app") for channel in service.channels)
            and not any(channel.kind == "proactive" for channel in service.channels)
        ]
        is_auditor = await self._auditing.is_auditor(visit)
        values = {"home": home, "services": begins, "is_auditor": is_auditor}
        return self._pages.page(visit, "home.html", values)

    async def case(self, visit: Visit) -> Response:
        case = await self._cases.view(visit.call.parameters["case"], visit.person)
        news = [
            self._words(visit, case, notice)
            for notice in await self._notices(visit)
            if notice.case == case.id and notice.is_news
        ]
        return self._pages.page(
            visit,
            "case.html",
            {"case": case, "news": news, "own": {visit.person.acting_for, visit.person.acting_for[2:]}},
        )

    async def read(self, visit: Visit) -> Response:
        """What is told of the case, all that is on its page, was read."""
        case = await self._cases.view(visit.call.parameters["case"], visit.person)
        for notice in await self._notices(visit):
            if notice.case == case.id and notice.read_at is None:
                await self._cases.read_notice(notice.id, visit.person, visit.language)
        return Response(status_code=204) if visit.call.is_script else redirect(f"/cases/{quote(case.id)}")

    async def _notices(self, visit: Visit) -> Sequence[Notice]:
        """None of a person who is helped at a counter: they are theirs to read."""
        return () if visit.is_assisted else await self._cases.inbox(visit.person)

    def _words(self, visit: Visit, case: CaseView, notice: Notice) -> str:
        words = self._cases.words(case.service, notice.text, visit.language, **notice.values)
        return self._pages.text(case.title, visit.language) if words is None else words

    async def begin(self, visit: Visit) -> Response:
        """A new case; the same form again leads to the same one."""
        key = form_key(visit)
        case_id = await self._cases.open_case(visit.call.parameters["service"], visit.person, key=key)
        case = await self._cases.view(case_id, visit.person)
        if len(case.tasks) == 1:
            return redirect(f"/cases/{case_id}/screens/{case.tasks[0].screen}")
        return redirect(f"/cases/{case_id}")

    async def inbox(self, visit: Visit) -> Response:
        notices = []
        cases: dict[str, CaseView] = {}
        for notice in await self._cases.inbox(visit.person):
            try:
                case = cases.get(notice.case) or await self._cases.view(notice.case, visit.person)
            except Refused:  # whose it is no more: the others are read all the same
                continue
            cases[notice.case] = case
            notices.append(
                {
                    "id": notice.id,
                    "at": notice.at,
                    "is_news": notice.is_news,
                    "is_overtaken": notice.is_overtaken,
                    "words": self._words(visit, case, notice),
                }
            )
        return self._pages.page(visit, "inbox.html", {"notices": notices})

    async def open_notice(self, visit: Visit) -> Response:
        """Marked as read, and to its case."""
        wanted = visit.call.parameters["notice"]
        notice = next((one for one in await self._cases.inbox(visit.person) if one.id == wanted), None)
        if notice is None:
            return redirect("/inbox")
        await self._cases.read_notice(notice.id, visit.person, visit.language)
        return redirect(f"/cases/{notice.case}")
