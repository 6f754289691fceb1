"""A person's own pages: what they must do, their cases, their inbox."""

from __future__ import annotations

from starlette.responses import Response

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
            if service.life_events
            and any(channel.kind in ("portal", "app") for channel in service.channels)
            and not any(channel.kind == "proactive" for channel in service.channels)
        ]
        is_auditor = await self._auditing.is_auditor(visit)
        values = {"home": home, "services": begins, "is_auditor": is_auditor}
        return self._pages.page(visit, "home.html", values)

    async def case(self, visit: Visit) -> Response:
        case = await self._cases.view(visit.call.parameters["case"], visit.person)
        return self._pages.page(visit, "case.html", {"case": case})

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
        for notice in await self._cases.inbox(visit.person):
            case = await self._cases.view(notice.case, visit.person)
            words = self._cases.words(case.service, notice.text, visit.language, **notice.values)
            if words is None:
                words = self._pages.text(case.title, visit.language)
            notices.append(
                {"id": notice.id, "at": notice.at, "read": notice.read_at is not None, "words": words}
            )
        return self._pages.page(visit, "inbox.html", {"notices": notices})

    async def open_notice(self, visit: Visit) -> Response:
        """Marked as read, and to its case."""
        wanted = visit.call.parameters["notice"]
        notice = next((one for one in await self._cases.inbox(visit.person) if one.id == wanted), None)
        if notice is None:
            return redirect("/inbox")
        await self._cases.read_notice(notice.id, visit.person)
        return redirect(f"/cases/{notice.case}")
