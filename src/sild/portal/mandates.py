"""Mandates by oneself: whom I let act for me, for whom I may act; given, seen, withdrawn and waived on one page.

The identity provider keeps them and its rules decide; a session acting on a mandate that is withdrawn here ends at once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date

from starlette.responses import Response

from sild.cases import Actor
from sild.errors import CallerError
from sild.portal.mandate_keeper import GivenMandate, MandateKeeper, MandateRefused
from sild.portal.pages import Pages
from sild.portal.receipts import Receipts, form_key
from sild.portal.visit import Visit

__all__ = ["MandatePages"]

CODE = re.compile(r"[A-Z]{2}[0-9]{9,12}")
MAX_NAME = 100
LEVELS = ("substantial", "high")


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
        if form.get("role", "") not in roles:
            wrong["role"] = "role"
        if wrong:
            return await self._page(visit, form, wrong)
        through = date.fromisoformat(form["through"]) if form.get("through") else None
        named = visit.representee[0] if visit.representee else me.name
        given_name, _, family_name = named.rpartition(" ")
        delegate = (form["code"].upper(), form["given_name"], form["family_name"])
        try:
            await keeper.give(
                (me.acting_for, given_name, family_name),
                delegate,
                form["role"],
                actor=me.person,
                through=through,
            )
        except MandateRefused:
            return await self._page(visit, form, {"code": "refused"})
        return await self._receipt(visit, key, "mandates.given", f"{delegate[1]} {delegate[2]}")

    async def withdraw(self, visit: Visit) -> Response:
        """Of one the person gave, or holds and no longer wants. Another's is not found. Raises CallerError (`not_found`)."""
        keeper, me = self._open_to(visit)
        key = form_key(visit)
        if (receipt := await self._receipts.seen(visit, key)) is not None:
            return receipt
        wanted = visit.call.form.get("mandate", [""])[-1]
        theirs = [*await keeper.given_by(me.acting_for), *await keeper.held_by(me.person)]
        found = next((one for one in theirs if one.id == wanted and one.withdraw is not None), None)
        if found is None:
            raise CallerError("no such mandate", code="not_found")
        await keeper.withdraw(found, actor=me.person)
        other = found.holder if found.giver[1] == me.acting_for else found.giver
        return await self._receipt(visit, key, "mandates.withdrawn", other[0])

    def _open_to(self, visit: Visit) -> tuple[MandateKeeper, Actor]:
        """Raises CallerError (`not_found`, `level_too_low`)."""
        if self._keeper is None:
            raise CallerError("no mandates here", code="not_found")
        if visit.person.acr not in LEVELS:
            raise CallerError("a mandate needs a surer log-in", code="level_too_low")
        return self._keeper, visit.person

    async def _page(self, visit: Visit, form: Mapping[str, str], wrong: Mapping[str, str]) -> Response:
        if self._keeper is None:
            raise CallerError("no mandates here", code="not_found")
        given = await self._keeper.given_by(visit.person.acting_for)
        held = await self._keeper.held_by(visit.person.person)
        values = {
            "given": given,
            "held": held,
            "roles": await self._keeper.roles(),
            "form": {
                name: form.get(name, "") for name in ("code", "given_name", "family_name", "role", "through")
            },
            "wrong": wrong,
            "role_title": lambda mandate, roles: self._role(mandate, roles, visit.language),
        }
        return self._pages.page(visit, "mandates.html", values, status=422 if wrong else 200)

    def _role(self, mandate: GivenMandate, roles: Mapping[str, Mapping[str, str]], language: str) -> str:
        if mandate.basis != "POWER_OF_ATTORNEY":
            return self._pages.texts.speaker(language)(f"mandates.basis_{mandate.basis.lower()}")
        return self._pages.text(roles.get(mandate.role), language) or mandate.role

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


def _wrong(form: Mapping[str, str], visit: Visit, today: date) -> dict[str, str]:
    """field -> what is wrong with it."""
    wrong: dict[str, str] = {}
    code = form.get("code", "").upper()
    if not CODE.fullmatch(code):
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
