"""Receipts: after each action one page that stays, found by the key its form had. The same form again shows the same receipt; with
other answers in it, it is another form, which takes a key of its own (a page that a browser brought back whole).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError
from starlette.responses import Response

from sild.cases import Refused
from sild.errors import CallerError, Unavailable
from sild.identity_client import hashed
from sild.portal.edge import redirect
from sild.portal.pages import Pages
from sild.portal.ports import Cases
from sild.portal.store import Store
from sild.portal.tables import receipt
from sild.portal.visit import Visit

__all__ = ["Receipts", "form_key"]


SIGNED = ""
"""The form waited while its person signed; what it held the case system knows by its key."""
_APART = ("form_token", "key")


def _fingerprint(visit: Visit) -> str:
    """Of all that was filled in: SHA-256, in hexadecimal."""
    call = visit.call
    answers = sorted((name, values) for name, values in call.form.items() if name not in _APART)
    uploads = [(one.field, one.name, one.size) for one in call.uploads]
    return hashlib.sha256(json.dumps([call.path, answers, uploads]).encode()).hexdigest()


def form_key(visit: Visit) -> str:
    """The idempotency key of the form. Raises CallerError (`bad_form`): none, or not one of ours."""
    key = visit.call.form.get("key", [""])[-1]
    if not 32 <= len(key) <= 64 or not key.isascii() or not key.replace("-", "").replace("_", "").isalnum():
        raise CallerError("the form has no key", code="bad_form")
    return key


class Receipts:
    def __init__(self, store: Store, pages: Pages, cases: Cases) -> None:
        self._store = store
        self._pages = pages
        self._cases = cases

    async def seen(self, visit: Visit, key: str) -> Response | None:
        """The receipt of a form that was sent before.

        Raises CallerError (`not_found`) when another sent it, Refused (`key_reused`) when it had other answers.
        """
        row = await self._row(key)
        if row is None:
            return None
        _check_owner(row, visit)
        sent = json.loads(row.content).get("form")
        if sent == SIGNED:
            return None
        if sent not in (None, _fingerprint(visit)):  # none: of a receipt before there were fingerprints
            raise Refused("this form was sent before with other answers", code="key_reused")
        return redirect(f"/receipts/{key}")

    async def give(self, visit: Visit, key: str, content: Mapping[str, Any]) -> Response:
        """content: service, case, number, status, label (by language), back. Two at once: the first one's stands."""
        form = _fingerprint(visit) if visit.call.method == "POST" else SIGNED
        values = {
            "key_hash": hashed(key),
            "subject": visit.person.person,
            "acting_for": visit.person.acting_for,
            "content": json.dumps({**content, "form": form}, ensure_ascii=False),
        }

        def write(connection: Connection, at: datetime) -> None:
            known = connection.scalar(select(receipt.c.at).where(receipt.c.key_hash == hashed(key)))
            if known is None:
                connection.execute(insert(receipt).values(**values, at=at))

        try:
            await self._store.change(write)
        except Unavailable as error:
            if not isinstance(error.__cause__, IntegrityError):
                raise
        return redirect(f"/receipts/{key}")

    async def show(self, visit: Visit) -> Response:
        key = visit.call.parameters["key"]
        row = await self._row(key)
        if row is None:
            raise CallerError("no such receipt", code="not_found")
        _check_owner(row, visit)
        content = json.loads(row.content)
        case = None
        if content.get("case") and not content["back"].startswith("/desk"):
            try:
                case = await self._cases.view(content["case"], visit.person)
            except (Refused, Unavailable):
                case = None
        values = {"receipt": content, "at": row.at, "case": case, "short": hashed(key)[:10].upper()}
        return self._pages.page(visit, "receipt.html", values)

    async def _row(self, key: str) -> Any:  # a row, or None
        query = select(receipt).where(receipt.c.key_hash == hashed(key))
        return await self._store.change(lambda c, _at: c.execute(query).one_or_none())


def _check_owner(row: Any, visit: Visit) -> None:  # a row
    if row.subject != visit.person.person:
        raise CallerError("no such receipt", code="not_found")
