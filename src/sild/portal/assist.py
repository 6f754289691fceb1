"""A clerk helps somebody at the counter or on the phone: the mandate is recorded, then one case and its screens, and nothing else.

Whoever is helped is named in a strip over every page. What the clerk does goes to the case system with the mandate, which looks at it
each time; nothing of it is kept in the session, so that ending it anywhere ends it here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from urllib.parse import quote

from starlette.responses import Response

from sild.cases import DOCUMENTS, WAYS, AssistedView, Identified, Refused
from sild.catalogue import PublicService
from sild.errors import CallerError
from sild.portal.edge import redirect
from sild.portal.pages import Pages
from sild.portal.ports import Cases
from sild.portal.receipts import Receipts, form_key
from sild.portal.screens import ScreenPages
from sild.portal.settings import PortalSettings
from sild.portal.visit import NotAllowed, Visit, actor_of

__all__ = ["AssistPages"]

CODE = re.compile(r"([A-Z]{2})?[0-9]{9,12}")
NUMBER = re.compile(r"[A-Za-z0-9 /-]{3,30}")
FIELDS = ("code", "service", "way", "document", "number", "statement")
WRONG_OF = {"not_for_oneself": "oneself", "unknown_person": "unknown"}


class AssistPages:
    def __init__(self, pages: Pages, cases: Cases, receipts: Receipts, settings: PortalSettings) -> None:
        self._pages = pages
        self._cases = cases
        self._screens = ScreenPages(pages, cases, receipts, settings, "/desk/assist/{mandate}")

    # --- the mandate

    async def show(self, visit: Visit) -> Response:
        return await self._form(_as_clerk(visit), {}, {})

    async def record(self, visit: Visit) -> Response:
        """Everything that is missing is said at once. The same form again leads to the same mandate."""
        visit = _as_clerk(visit)
        key = form_key(visit)
        form = {name: values[-1].strip() for name, values in visit.call.form.items() if name in FIELDS}
        wrong = _wrong(form, {one.id for one in self._services()})
        if wrong:
            return await self._form(visit, form, wrong)
        at_counter = form["way"] == "counter"
        identified = Identified(
            form["way"], form["document"] if at_counter else None, form["number"] if at_counter else None
        )
        try:
            mandate = await self._cases.record_mandate(
                visit.person,
                form["code"].upper(),
                form["service"],
                form["statement"],
                identified=identified,
                office=visit.office.title if visit.office else {},
                key=key,
            )
        except Refused as error:
            if error.code not in WRONG_OF:
                raise
            return await self._form(visit, form, {"code": WRONG_OF[error.code]})
        return redirect(f"/desk/assist/{quote(mandate)}")

    async def mandate(self, visit: Visit) -> Response:
        """Whom it is about, and the case: to choose, or as it stands."""
        helping, view = await self._helping(visit)
        if not view.is_standing:
            return self._pages.page(_as_clerk(visit), "assist_mandate.html", {"mandate": view, "case": None})
        case = None if view.case is None else await self._cases.view(view.case, helping.person)
        return self._pages.page(helping, "assist_mandate.html", {"mandate": view, "case": case})

    async def begin(self, visit: Visit) -> Response:
        key = form_key(visit)
        clerk = _as_clerk(visit)
        mandate = visit.call.parameters["mandate"]
        wanted = visit.call.form.get("case", [""])[-1]
        case = await self._cases.begin_assisted(mandate, clerk.person, wanted or None, key=key)
        helping, _view = await self._helping(visit)
        tasks = (await self._cases.view(case, helping.person)).tasks
        root = f"/desk/assist/{quote(mandate)}"
        return redirect(f"{root}/screens/{tasks[0].screen}" if len(tasks) == 1 else root)

    async def end(self, visit: Visit) -> Response:
        await self._cases.end_mandate(visit.call.parameters["mandate"], _as_clerk(visit).person)
        return redirect("/desk/assist")

    # --- its case

    async def screen(self, visit: Visit) -> Response:
        return await self._screens.show(await self._in_case(visit))

    async def submit(self, visit: Visit) -> Response:
        return await self._screens.submit(await self._in_case(visit))

    async def draft(self, visit: Visit) -> Response:
        return await self._screens.draft(await self._in_case(visit))

    async def seen(self, visit: Visit) -> Response:
        return await self._screens.seen(await self._in_case(visit))

    async def file(self, visit: Visit) -> Response:
        return await self._screens.file(await self._in_case(visit))

    async def _helping(self, visit: Visit) -> tuple[Visit, AssistedView]:
        """The clerk in the place of the person. Raises Refused (`not_yours`)."""
        clerk = _as_clerk(visit)
        view = await self._cases.assisted(visit.call.parameters["mandate"], clerk.person)
        actor = replace(clerk.person, representee=view.person, mandate_id=view.id)
        named = (view.name or view.person, view.person)
        return replace(clerk, actor=actor, representee=named, is_assisted=True), view

    async def _in_case(self, visit: Visit) -> Visit:
        helping, view = await self._helping(visit)
        if view.case is None:
            raise CallerError("no case was begun", code="not_found")
        call = replace(helping.call, parameters={**helping.call.parameters, "case": view.case})
        return replace(helping, call=call)

    # --- pages

    def _services(self) -> Sequence[PublicService]:
        return [
            service
            for service in self._cases.services()
            if any(channel.kind == "assisted" for channel in service.channels) and service.life_events
        ]

    async def _form(self, visit: Visit, form: Mapping[str, str], wrong: Mapping[str, str]) -> Response:
        values = {
            "form": {name: form.get(name, "") for name in FIELDS},
            "wrong": wrong,
            "services": self._services(),
            "ways": WAYS,
            "documents": DOCUMENTS,
            "standing": await self._cases.assisting(visit.person),
        }
        return self._pages.page(visit, "assist.html", values, status=422 if wrong else 200)


def _as_clerk(visit: Visit) -> Visit:
    """At a clerk's desk, as nobody else. Raises NotAllowed."""
    office = next((one for one in visit.offices if one.kind == "clerk"), None)
    if office is None or visit.session is None:
        raise NotAllowed("the person is no clerk here")
    actor = actor_of(visit.session, visit.language, office)
    return replace(
        visit, office=office, actor=replace(actor, representee=None, mandate_id=None), representee=None
    )


def _wrong(form: Mapping[str, str], services: set[str]) -> dict[str, str]:
    """field -> what is wrong with it."""
    wrong: dict[str, str] = {}
    if not CODE.fullmatch(form.get("code", "").upper()):
        wrong["code"] = "code"
    if form.get("service", "") not in services:
        wrong["service"] = "choose"
    if form.get("way", "") not in WAYS:
        wrong["way"] = "choose"
    if form.get("way") == "counter":
        if form.get("document", "") not in DOCUMENTS:
            wrong["document"] = "choose"
        if not NUMBER.fullmatch(form.get("number", "")):
            wrong["number"] = "number"
    if not form.get("statement"):
        wrong["statement"] = "statement"
    return wrong
