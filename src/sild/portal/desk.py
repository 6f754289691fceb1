"""The official's desk: work in the order of its promises, each case with what is known and unknown, look-ups that cite a case."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from urllib.parse import quote

from starlette.responses import Response

from sild.cases import CaseView, DeskItem, FactLine, OwnFigures, Refused
from sild.errors import Unavailable
from sild.portal.edge import redirect
from sild.portal.pages import Pages
from sild.portal.paper_desk import has_papers
from sild.portal.ports import Cases
from sild.portal.tracker import kind_of
from sild.portal.visit import Visit

__all__ = ["DeskPages"]


class DeskPages:
    def __init__(self, pages: Pages, cases: Cases) -> None:
        self._pages = pages
        self._cases = cases

    async def desk(self, visit: Visit) -> Response:
        """The work of the office. A counter has none of its own: whoever is a clerk alone goes there at once."""
        if all(one.kind == "clerk" for one in visit.offices):
            return redirect("/desk/assist")
        at_counter = visit.office is not None and visit.office.kind == "clerk"

        def waiting(item: DeskItem) -> str:
            role = self._cases.words(item.service, f"role.{item.waiting_for}", visit.language)
            return role or self._pages.body_name(str(item.waiting_for), visit.language)

        values = {
            "items": () if at_counter else await self._cases.desk(visit.person),
            "waiting": waiting,
            "is_mine": _is_mine(visit),
            "oversees": await self._oversees(visit),
            "has_papers": has_papers(visit),
        }
        return self._pages.page(visit, "desk.html", values)

    async def _oversees(self, visit: Visit) -> bool:
        """Whether this desk oversees the cases themselves."""
        if visit.office is None or not visit.office.authority.startswith("oversight@"):
            return False
        try:
            await self._cases.sightings(visit.person)
        except Refused:
            return False
        return True

    async def case(self, visit: Visit) -> Response:
        """Facts come from the screens that wait for the official; what is unknown stands on top."""
        case = await self._cases.view(visit.call.parameters["case"], visit.person)
        lines = await self._facts(case, visit)
        values = {
            "case": case,
            "unknowns": [line for line in lines if line.value is None],
            "facts": [line for line in lines if line.value is not None],
            "is_mine": _is_mine(visit),
        }
        return self._pages.page(visit, "desk_case.html", values)

    async def _facts(self, case: CaseView, visit: Visit) -> Sequence[FactLine]:
        for task in case.tasks:
            try:
                return (await self._cases.fill(case.id, task.screen, visit.person)).facts
            except (Refused, Unavailable):
                continue
        return ()

    async def take(self, visit: Visit) -> Response:
        await self._cases.take(visit.call.parameters["case"], visit.person)
        return self._back(visit)

    async def release(self, visit: Visit) -> Response:
        """Back to the office: whoever is away, or near to it, keeps nobody waiting."""
        await self._cases.release(visit.call.parameters["case"], visit.person)
        return self._back(visit)

    def _back(self, visit: Visit) -> Response:
        case = visit.call.parameters["case"]
        office = "" if visit.office is None else f"?office={quote(visit.office.authority)}"
        return redirect(f"/desk/cases/{quote(case)}{office}")

    async def look_up_form(self, visit: Visit) -> Response:
        values = {"person": "", "case": visit.call.query.get("case", ""), "facts": None, "refusal": None}
        return self._pages.page(visit, "look_up.html", values)

    async def look_up(self, visit: Visit) -> Response:
        """Needs a live case; without one it is refused, and the attempt stands in the record."""
        form = {name: values[-1].strip() for name, values in visit.call.form.items()}
        person, case = form.get("person", ""), form.get("case", "")
        values: dict[str, object] = {"person": person, "case": case, "facts": None, "refusal": None}
        try:
            lines = await self._cases.look_up(visit.person, person, case=case)
            values["facts"] = [self._told(line, visit.language) for line in lines]
        except Refused as error:
            values["refusal"] = error.code
            return self._pages.page(visit, "look_up.html", values, status=403)
        return self._pages.page(visit, "look_up.html", values)

    def _told(self, line: FactLine, language: str) -> FactLine:
        """In words; what is wrong with somebody's data they say themselves."""
        parts = line.value if isinstance(line.value, list) else [line.value]
        said = [
            self._pages.word(line.concept, one, language) if isinstance(one, str) else one for one in parts
        ]
        return replace(line, value=said if isinstance(line.value, list) else said[0], ref=None)

    async def sightings(self, visit: Visit) -> Response:
        """What was refused to officials: looks without a live case, others' cases, people close to them."""
        return self._pages.page(visit, "sightings.html", {"items": await self._cases.sightings(visit.person)})

    async def _figures(self, visit: Visit) -> OwnFigures | None:
        """Of this desk; a counter decides nothing."""
        if visit.office is None or visit.office.kind == "clerk":
            return None
        return await self._cases.own_figures(visit.person)

    async def own_access(self, visit: Visit) -> Response:
        values = {
            "entries": await self._cases.own_access(visit.person),
            "figures": await self._figures(visit),
            "kind_of": lambda entry: kind_of(self._pages, entry, visit.language),
        }
        return self._pages.page(visit, "own_access.html", values)


def _is_mine(visit: Visit) -> Callable[[str | None], bool]:
    """Whether a case is in the visitor's hands. Cases name people without their own country."""
    person = visit.person.person
    return lambda assigned: assigned in (person, person[2:])
