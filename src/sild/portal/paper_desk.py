"""Papers of births at an office's desk: numbers reserved and printed for days without a connection, and each paper handed in after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from urllib.parse import quote

from starlette.responses import Response

from sild.cases import BirthPaper, HandedIn, Refused
from sild.catalogue import Profile
from sild.errors import CallerError, Unavailable
from sild.portal.edge import redirect
from sild.portal.pages import Pages
from sild.portal.ports import Cases
from sild.portal.receipts import form_key
from sild.portal.visit import NotAllowed, Visit

__all__ = ["MOST_NUMBERS", "PaperDesk", "has_papers"]

MOST_NUMBERS = 50
"""Of one block: two sheets of paper."""
NAME = ("given_names", "family_name", "registered_on")
OF_BIRTH = [field.name for field in fields(BirthPaper) if field.name not in ("number", "child", *NAME)]
FIELDS = ("number", "child", *OF_BIRTH, *NAME)
"""In the order of the form."""
CAPITALS = ("number", "child", "mother", "father")


class PaperDesk:
    def __init__(self, pages: Pages, cases: Cases, profile: Profile) -> None:
        """profile: whose law says on what a birth is entered of which no hospital told."""
        self._pages = pages
        self._cases = cases
        self._grounds = profile.birth_grounds

    # --- numbers

    async def numbers(self, visit: Visit) -> Response:
        """The office's blocks, and the form for another."""
        return await self._numbers(visit, "", None)

    async def reserve(self, visit: Visit) -> Response:
        """The same form again leads to the same block."""
        _ensure_office(visit)
        key = form_key(visit)
        count = visit.call.form.get("count", [""])[-1].strip()
        is_number = count.isascii() and count.isdecimal() and len(count) <= 2
        if not is_number or not 1 <= int(count) <= MOST_NUMBERS:
            return await self._numbers(visit, count, "bad_count")
        block = await self._cases.reserve_numbers("birth", int(count), visit.person, key=key)
        return redirect(f"/desk/numbers/{quote(block.id)}{_office(visit)}")

    async def _numbers(self, visit: Visit, count: str, wrong: str | None) -> Response:
        _ensure_office(visit)
        values = {
            "blocks": await self._cases.number_blocks(visit.person),
            "count": count,
            "wrong": wrong,
            "most": MOST_NUMBERS,
        }
        return self._pages.page(visit, "numbers.html", values, status=422 if wrong else 200)

    async def block(self, visit: Visit) -> Response:
        """To be printed: a line to write on for each number that is not used."""
        _ensure_office(visit)
        wanted = visit.call.parameters["block"]
        ours = await self._cases.number_blocks(visit.person)
        block = next((one for one in ours if one.id == wanted), None)
        if block is None:
            raise CallerError("the office has no such block", code="not_found")
        return self._pages.page(visit, "number_block.html", {"block": block})

    # --- papers

    async def form(self, visit: Visit) -> Response:
        """With the number of the line that was pressed, if one was."""
        return self._form(visit, {"number": visit.call.query.get("number", "")[:20]})

    async def hand_in(self, visit: Visit) -> Response:
        """Everything that is wrong is said at once, and nothing that was written is lost; the same paper again leads to the same page."""
        _ensure_office(visit)
        form_key(visit)
        form = {
            name: " ".join(values[-1].split())
            for name, values in visit.call.form.items()
            if name in FIELDS and values
        }
        form |= {name: form.get(name, "").upper() for name in CAPITALS}
        paper = BirthPaper(**{name: form.get(name, "")[:100] for name in FIELDS})
        try:
            handed_in = await self._cases.hand_in(paper, visit.person)
        except Refused as refused:
            if refused.code != "defects":
                return self._form(visit, form, refusal=refused.code, status=403)
            wrong = {one.field: self._said(one.reason, visit.language) for one in refused.defects}
            return self._form(visit, form, wrong=wrong, status=422)
        except Unavailable:
            return self._form(visit, form, refusal="unavailable", status=503)
        return redirect(f"/desk/hand-in/{quote(handed_in.number)}{_office(visit)}")

    async def handed_in(self, visit: Visit) -> Response:
        """What came of a paper, with the way to its case while it is at this office."""
        _ensure_office(visit)
        paper = await self._cases.paper(visit.call.parameters["number"], visit.person)
        grounds = {one.code: one.title for one in self._grounds}
        written = [(name, paper.written[name]) for name in FIELDS if paper.written.get(name)]
        values = {
            "paper": paper,
            "is_here": await self._is_here(visit, paper),
            "written": written,
            "grounds": grounds,
        }
        return self._pages.page(visit, "handed_in.html", values)

    async def _is_here(self, visit: Visit, paper: HandedIn) -> bool:
        try:
            await self._cases.view(paper.case, visit.person)
        except Refused:
            return False
        return True

    def _said(self, reason: str, language: str) -> str:
        words = self._cases.words("birth", f"reason.{reason}", language)
        return words or self._pages.spoken("defect", reason, language)

    def _form(
        self,
        visit: Visit,
        form: Mapping[str, str],
        *,
        wrong: Mapping[str, str] | None = None,
        refusal: str | None = None,
        status: int = 200,
    ) -> Response:
        _ensure_office(visit)
        values = {
            "form": {name: form.get(name, "") for name in FIELDS},
            "wrong": {name: wrong[name] for name in FIELDS if name in wrong} if wrong else {},
            "refusal": refusal,
            "today": self._pages.today().isoformat(),
            "grounds": self._grounds,
        }
        return self._pages.page(visit, "hand_in.html", values, status=status)


def has_papers(visit: Visit) -> bool:
    """Whether the desk is one of births, and no counter."""
    office = visit.office
    return office is not None and office.kind != "clerk" and office.authority.startswith("birth@")


def _ensure_office(visit: Visit) -> None:
    if not has_papers(visit):
        raise NotAllowed("papers of births are handed in at an office of births")


def _office(visit: Visit) -> str:
    return "" if visit.office is None else f"?office={quote(visit.office.authority)}"
