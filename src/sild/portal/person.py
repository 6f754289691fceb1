"""A person's own pages: what they must do, their cases, their inbox."""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from starlette.responses import Response

from sild.cases import CaseView, Notice, Refused
from sild.errors import CallerError
from sild.oots import preview_address
from sild.portal.auditing import Auditing
from sild.portal.edge import redirect
from sild.portal.pages import Pages
from sild.portal.ports import Cases
from sild.portal.receipts import Receipts, form_key
from sild.portal.visit import Visit

__all__ = ["PersonPages"]


class PersonPages:
    def __init__(self, pages: Pages, cases: Cases, receipts: Receipts, auditing: Auditing, url: str) -> None:
        """url: the portal's own origin."""
        self._url = url
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
            {
                "case": case,
                "news": news,
                "own": {visit.person.acting_for, visit.person.acting_for[2:]},
                "ways": self._ways(case),
            },
        )

    def _ways(self, case: CaseView) -> Mapping[int, str]:
        """To where evidence is looked at in another country, with the way back to here that this person alone was given."""
        return {
            one.seq: preview_address(
                one.location, f"{self._url}/evidence/{quote(case.id)}/{one.seq}/{one.way}"
            )
            for one in case.evidence
            if one.state == "preview" and one.location is not None and one.way is not None
        }

    async def came_back(self, visit: Visit) -> Response:
        """From the preview: whoever was sent there, by the way they were given, and nobody else."""
        names = visit.call.parameters
        case = await self._cases.view(names["case"], visit.person)
        one = next((one for one in case.evidence if str(one.seq) == names["seq"]), None)
        if one is None or one.way is None or not hmac.compare_digest(one.way, names["way"]):
            raise CallerError("this is no way back of yours", code="not_found")
        root = f"/cases/{quote(case.id)}"
        return redirect(f"{root}/screens/evidence.fetch" if one.state == "preview" else root)

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
