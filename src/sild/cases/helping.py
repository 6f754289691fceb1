"""How a clerk comes to help: a mandate recorded after a look at who the person is, its one case found or opened, and what is left of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from sild.cases.acting import Acting
from sild.cases.actor import ASSIST, Actor
from sild.cases.assisted import ASSISTED, DOCUMENTS, MAX_STATEMENT, WAYS, Identified, ensure_no_party
from sild.cases.case import Case
from sild.cases.codes import plain
from sild.cases.parts import Parts
from sild.cases.refusals import Refused
from sild.cases.showing import Showing
from sild.cases.store import derived_id
from sild.cases.views import AssistedView, CaseLine

__all__ = ["Helping"]

CONCEPT = "person.given_names"


class Helping:
    def __init__(self, parts: Parts, acting: Acting, showing: Showing) -> None:
        self._parts = parts
        self._acting = acting
        self._showing = showing

    async def record(
        self,
        clerk: Actor,
        person: str,
        service_id: str,
        statement: str,
        identified: Identified,
        office: Mapping[str, str],
        key: str,
    ) -> str:
        """Raises Refused: `not_yours` for who is no clerk, `read_only_device`, `level_too_low`, `not_for_oneself`, `not_assisted`,
        `statement_missing`, `not_identified`, `unknown_person`.
        """
        parts = self._parts
        code = plain(person.strip().upper(), parts.profile.country)
        _ensure_clerk(clerk)
        if code == clerk.person:
            raise Refused("nobody helps themselves at a counter", code="not_for_oneself")
        service = parts.service(service_id)
        if not any(channel.kind == "assisted" for channel in service.channels):
            raise Refused("no clerk does this for others", code="not_assisted")
        if not statement.strip():
            raise Refused("what the person said is part of the mandate", code="statement_missing")
        _ensure_identified(identified)
        mandate_id = ASSIST + derived_id("assist", clerk.person, key)
        name = await self._name(clerk, code, mandate_id)
        shown: Mapping[str, Any] = {"name": name, "clerk": clerk.name, "office": dict(office)}
        await asyncio.to_thread(
            parts.assisted.record,
            mandate_id,
            clerk,
            code,
            service_id,
            statement.strip()[:MAX_STATEMENT],
            identified,
            shown,
            parts.clock(),
        )
        parts.jobs.wake()
        return mandate_id

    async def _name(self, clerk: Actor, code: str, mandate_id: str) -> str:
        """As the register has it, so that the clerk can hold it against the document; empty when the register does not answer.

        The look is the person's to see like any other. Raises Refused (`unknown_person`).
        """
        ground = self._parts.service(ASSISTED).ground_of(CONCEPT)
        asking = self._parts.asking(mandate_id, clerk, "clerk", office=clerk.authority)
        answer = await asking.get("population", f"/persons/{code}", basis=ground)
        if answer is None and not asking.failures:
            raise Refused("the register knows nobody with this code", code="unknown_person")
        said = answer.json if answer is not None and isinstance(answer.json, dict) else {}
        return str(said.get("full_name") or "")

    async def view(self, mandate_id: str, clerk: Actor) -> AssistedView:
        """Raises Refused (`not_yours`)."""
        return await asyncio.to_thread(self._view, mandate_id, clerk)

    async def standing(self, clerk: Actor) -> tuple[AssistedView, ...]:
        def read() -> tuple[AssistedView, ...]:
            ids = self._parts.assisted.standing(clerk, self._parts.clock())
            return tuple(self._view(mandate_id, clerk) for mandate_id in ids)

        return await asyncio.to_thread(read)

    def _view(self, mandate_id: str, clerk: Actor) -> AssistedView:
        parts = self._parts
        found = parts.assisted.of_clerk(mandate_id, clerk) if "clerk" in clerk.roles else None
        if found is None:
            raise Refused("there is no such mandate of yours", code="not_yours")
        row, mandate = found
        service = parts.services[row.service]
        is_standing = mandate_id in parts.assisted.standing(clerk, parts.clock())
        may_open = is_standing and row.case is None and parts.processes[row.service].opener is not None
        return AssistedView(
            id=row.id,
            person=row.person,
            name=str(mandate.data.get("name") or ""),
            service=row.service,
            title=service.title,
            way=row.way or "counter",
            until=row.valid_to,
            is_standing=is_standing,
            case=row.case,
            cases=self._candidates(row.service, row.person, clerk) if is_standing and not row.case else (),
            may_open=may_open,
        )

    def _candidates(self, service: str, person: str, clerk: Actor) -> tuple[CaseLine, ...]:
        """The person's live cases of this service in which the clerk has no part."""
        return tuple(self._showing.line(case) for case in self._live(service, person, clerk))

    def _live(self, service: str, person: str, clerk: Actor) -> list[Case]:
        store = self._parts.store
        with store.reading() as connection:
            ids = store.live(connection, service, person)
            found = [store.find(connection, case_id) for case_id in ids]
        return [case for case in found if case is not None and not case.roles_of(clerk.person)]

    async def begin(self, mandate_id: str, clerk: Actor, case_id: str | None, *, key: str) -> str:
        """Raises Refused: `not_yours`, `mandate_ended`, `not_offered`, `read_only_device`."""
        _ensure_clerk(clerk)
        view = await self.view(mandate_id, clerk)
        helping = _helping(clerk, view)
        if not view.is_standing:
            raise Refused("the mandate has ended", code="mandate_ended")
        if case_id is None:
            return await self._acting.open_case(view.service, helping, key=key)
        return await asyncio.to_thread(self._bind, view, helping, case_id)

    def _bind(self, view: AssistedView, helping: Actor, case_id: str) -> str:
        parts = self._parts
        case = parts.read(case_id) if len(case_id) <= 50 else None
        is_theirs = case is not None and case.service == view.service and case.roles_of(view.person)
        if case is None or not is_theirs:
            raise Refused("there is no such case among theirs", code="not_yours")
        ensure_no_party(helping, case)

        def write(connection: Connection) -> None:
            parts.assisted.bind(connection, helping, case, parts.clock())

        parts.store.write(write)
        return case.id


def _helping(clerk: Actor, view: AssistedView) -> Actor:
    return replace(clerk, representee=view.person, mandate_id=view.id)


def _ensure_clerk(clerk: Actor) -> None:
    if "clerk" not in clerk.roles:
        raise Refused("only a clerk acts for others so", code="not_yours")
    if clerk.posture != "managed":
        raise Refused("this device may only read", code="read_only_device")
    if clerk.acr != "high":
        raise Refused("a clerk logs in at level high", code="level_too_low")


def _ensure_identified(identified: Identified) -> None:
    """At a counter by a document; on the phone by questions, and no document is seen."""
    by_document = identified.document in DOCUMENTS and bool((identified.number or "").strip())
    good = by_document if identified.way == "counter" else identified.document is None
    if identified.way not in WAYS or not good:
        raise Refused("how the person was known is part of the mandate", code="not_identified")
