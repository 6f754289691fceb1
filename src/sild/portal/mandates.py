"""Mandates by oneself: whom I let act for me, for whom I may act; given, seen, passed on, withdrawn and waived.

The identity provider keeps them and its rules decide; a session acting on a mandate that is withdrawn here ends at once.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from starlette.responses import Response

from sild.cases import Actor, is_company
from sild.errors import CallerError
from sild.portal.mandate_keeper import GivenMandate, MandateKeeper, MandateKind, MandateRefused
from sild.portal.pages import Pages
from sild.portal.receipts import Receipts, form_key
from sild.portal.visit import Visit

__all__ = ["MandatePages"]

CODE = re.compile(r"[A-Z]{2}[0-9]{9,12}")
MAX_NAME = 100
LEVELS = ("substantial", "high")
MAX_DEPTH = 2
"""How many further times a mandate may be passed on, as people are asked here."""
FIELDS = ("code", "given_name", "family_name", "role", "depth", "through")


@dataclass(frozen=True, slots=True)
class Link:
    """A mandate with what was passed on from it. by: who passed it on; None: nobody, it was given."""

    mandate: GivenMandate
    by: str | None
    passed: tuple[Link, ...]


class MandatePages:
    """keeper: None: people give one another no mandates here."""

    def __init__(self, pages: Pages, receipts: Receipts, keeper: MandateKeeper | None) -> None:
        self._pages = pages
        self._receipts = receipts
        self._keeper = keeper

    async def show(self, visit: Visit) -> Response:
        return await self._page(visit, {}, {})

    async def give(self, visit: Visit) -> Response:
        """A power of attorney of the person, or of whom they represent by law. All that is wrong is said at once."""
        keeper, me = self._open_to(visit)
        key = form_key(visit)
        if (receipt := await self._receipts.seen(visit, key)) is not None:
            return receipt
        form = {name: " ".join(values[-1].split()) for name, values in visit.call.form.items()}
        wrong = _wrong(form, visit, self._pages.today())
        roles = await keeper.roles()
        kind = roles.get(form.get("role", ""))
        if kind is None:
            wrong["role"] = "role"
        deepest = MAX_DEPTH if kind is None or kind.may_pass_on else 0
        if (depth := _depth(form, deepest)) is None:
            wrong["depth"] = "depth"
        if wrong or depth is None:
            return await self._page(visit, form, wrong)
        through = date.fromisoformat(form["through"]) if form.get("through") else None
        named = visit.representee[0] if visit.representee else me.name
        given_name, _, family_name = (named, "", "") if visit.is_company else named.rpartition(" ")
        delegate = (form["code"].upper(), form["given_name"], form["family_name"])
        try:
            await keeper.give(
                (me.acting_for, given_name, family_name),
                delegate,
                form["role"],
                actor=me.person,
                through=through,
                depth=depth,
            )
        except MandateRefused:
            return await self._page(visit, form, {"code": "refused"})
        return await self._receipt(visit, key, "mandates.given", f"{delegate[1]} {delegate[2]}")

    async def passing(self, visit: Visit) -> Response:
        """Whom to pass a mandate on to, that the person holds. Raises CallerError (`not_found`)."""
        return await self._passing_page(visit, await self._to_pass_on(visit), {}, {})

    async def pass_on(self, visit: Visit) -> Response:
        """Never longer, nor further, than the person's own; the giver sees it. Raises CallerError (`not_found`)."""
        keeper, me = self._open_to(visit)
        key = form_key(visit)
        if (receipt := await self._receipts.seen(visit, key)) is not None:
            return receipt
        held = await self._to_pass_on(visit)
        form = {name: " ".join(values[-1].split()) for name, values in visit.call.form.items()}
        wrong = _wrong(form, visit, self._pages.today())
        if form.get("code", "").upper() == held.giver[1]:
            wrong["code"] = "oneself"
        through = (
            date.fromisoformat(form["through"]) if form.get("through") and "through" not in wrong else None
        )
        if through and held.valid_through and through > held.valid_through:
            wrong["through"] = "longer"
        if (depth := _depth(form, min(held.depth - 1, MAX_DEPTH))) is None:
            wrong["depth"] = "depth"
        if wrong or depth is None:
            return await self._passing_page(visit, held, form, wrong)
        delegate = (form["code"].upper(), form["given_name"], form["family_name"])
        try:
            await keeper.pass_on(held, delegate, actor=me.person, through=through, depth=depth)
        except MandateRefused:
            return await self._passing_page(visit, held, form, {"code": "refused"})
        return await self._receipt(visit, key, "mandates.passed", f"{delegate[1]} {delegate[2]}")

    async def withdraw(self, visit: Visit) -> Response:
        """Of one the person gave, passed on, or holds and no longer wants. Another's is not found. Raises CallerError (`not_found`)."""
        keeper, me = self._open_to(visit)
        key = form_key(visit)
        if (receipt := await self._receipts.seen(visit, key)) is not None:
            return receipt
        wanted = visit.call.form.get("mandate", [""])[-1]
        held = await keeper.held_by(me.person)
        passed = _all(link.passed for link in await self._held(held))
        theirs = [*await keeper.given_by(me.acting_for), *held, *passed]
        found = next((one for one in theirs if one.id == wanted and one.withdraw is not None), None)
        if found is None:
            raise CallerError("no such mandate", code="not_found")
        await keeper.withdraw(found, actor=me.person)
        other = found.giver if found.holder[1] == me.person else found.holder
        return await self._receipt(visit, key, "mandates.withdrawn", other[0])

    def _open_to(self, visit: Visit) -> tuple[MandateKeeper, Actor]:
        """Raises CallerError (`not_found`, `level_too_low`)."""
        if self._keeper is None:
            raise CallerError("no mandates here", code="not_found")
        if visit.person.acr not in LEVELS:
            raise CallerError("a mandate needs a surer log-in", code="level_too_low")
        return self._keeper, visit.person

    async def _to_pass_on(self, visit: Visit) -> GivenMandate:
        """Raises CallerError (`not_found`, `level_too_low`)."""
        keeper, me = self._open_to(visit)
        for one in await keeper.held_by(me.person):
            if (
                one.id == visit.call.parameters["mandate"]
                and one.pass_on is not None
                and one.holder[1] == me.person
            ):
                return one
        raise CallerError("no such mandate", code="not_found")

    async def _page(self, visit: Visit, form: Mapping[str, str], wrong: Mapping[str, str]) -> Response:
        if self._keeper is None:
            raise CallerError("no mandates here", code="not_found")
        given = await self._keeper.given_by(visit.person.acting_for)
        roles = await self._keeper.roles()
        values = {
            "given": _chains(given),
            "held": await self._held(await self._keeper.held_by(visit.person.person)),
            "roles": roles,
            "deepest": MAX_DEPTH if any(kind.may_pass_on for kind in roles.values()) else 0,
            **self._shown(visit, form, wrong, roles),
        }
        return self._pages.page(visit, "mandates.html", values, status=422 if wrong else 200)

    async def _passing_page(
        self, visit: Visit, held: GivenMandate, form: Mapping[str, str], wrong: Mapping[str, str]
    ) -> Response:
        keeper, _me = self._open_to(visit)
        values = {
            "held": held,
            "deepest": min(held.depth - 1, MAX_DEPTH),
            **self._shown(visit, form, wrong, await keeper.roles()),
        }
        return self._pages.page(visit, "mandate_pass_on.html", values, status=422 if wrong else 200)

    def _shown(
        self,
        visit: Visit,
        form: Mapping[str, str],
        wrong: Mapping[str, str],
        roles: Mapping[str, MandateKind],
    ) -> dict[str, object]:
        return {
            "form": {name: form.get(name, "") for name in FIELDS},
            "wrong": wrong,
            "max_depth": MAX_DEPTH,
            "role_title": lambda mandate: self._role(mandate, roles, visit.language),
        }

    async def _held(self, held: Sequence[GivenMandate]) -> list[Link]:
        """With who passed each on to the person, and to whom they did: of what the giver has given, nothing else."""
        assert self._keeper is not None
        givers = {one.giver[1] for one in held if one.pass_on is not None or one.parent is not None}
        listed = await asyncio.gather(*(self._keeper.given_by(giver) for giver in sorted(givers)))
        every = [mandate for given in listed for mandate in given]
        holders = {mandate.id: mandate.holder[0] for mandate in every}
        return [Link(one, holders.get(one.parent or ""), _chains(every, one)) for one in held]

    def _role(self, mandate: GivenMandate, roles: Mapping[str, MandateKind], language: str) -> str:
        if mandate.basis != "POWER_OF_ATTORNEY":
            return self._pages.texts.speaker(language)(f"mandates.basis_{mandate.basis.lower()}")
        kind = roles.get(mandate.role)
        return (self._pages.text(kind.title, language) if kind else "") or mandate.role

    async def _receipt(self, visit: Visit, key: str, text: str, name: str) -> Response:
        label = {
            language: self._pages.texts.speaker(language)(text, name=name)
            for language in self._pages.texts.languages
        }
        content = {
            "service": "",
            "case": None,
            "number": "",
            "status": "",
            "label": label,
            "back": "/mandates",
        }
        return await self._receipts.give(visit, key, content)


def _chains(mandates: Sequence[GivenMandate], above: GivenMandate | None = None) -> tuple[Link, ...]:
    """Those passed on from `above`, each with what was passed on from it; None: those that nobody passed on."""
    parent, by = (None, None) if above is None else (above.id, above.holder[0])
    return tuple(Link(one, by, _chains(mandates, one)) for one in mandates if one.parent == parent)


def _all(branches: Iterable[Sequence[Link]]) -> list[GivenMandate]:
    return [
        mandate for branch in branches for link in branch for mandate in (link.mandate, *_all([link.passed]))
    ]


def _depth(form: Mapping[str, str], deepest: int) -> int | None:
    """How many further times; none said: none.  None: further than may be, or no number."""
    said = form.get("depth") or "0"
    return int(said) if said in {str(depth) for depth in range(deepest + 1)} else None


def _wrong(form: Mapping[str, str], visit: Visit, today: date) -> dict[str, str]:
    """field -> what is wrong with it."""
    wrong: dict[str, str] = {}
    code = form.get("code", "").upper()
    if not CODE.fullmatch(code) or is_company(code):  # a person acts
        wrong["code"] = "code"
    elif code in (visit.person.person, visit.person.acting_for):
        wrong["code"] = "oneself"
    for name in ("given_name", "family_name"):
        if not 0 < len(form.get(name, "")) <= MAX_NAME:
            wrong[name] = "name"
    if form.get("through"):
        try:
            if date.fromisoformat(form["through"]) < today:
                wrong["through"] = "past"
        except ValueError:
            wrong["through"] = "day"
    return wrong
