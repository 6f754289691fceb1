"""Cases that begin from what somebody sees elsewhere: a look at their data, a dialogue, a decision; none is begun from nothing.

The door says what each is (system.py). Actors come as cases know them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from sild.cases.acting import Acting
from sild.cases.actor import Actor
from sild.cases.ask_why import question
from sild.cases.assistance import dialogue_data
from sild.cases.contest import contest_of
from sild.cases.finding import finding_of
from sild.cases.parts import Parts
from sild.cases.process import Opening
from sild.cases.refusals import Refused
from sild.cases.store import derived_id
from sild.cases.tracker import TrackerEntry

__all__ = ["Beginning"]


class Beginning:
    """The same again gives the same case; each gives its id."""

    def __init__(self, parts: Parts, acting: Acting) -> None:
        self._parts = parts
        self._acting = acting

    async def ask_why(self, actor: Actor, entry: TrackerEntry, *, key: str) -> str:
        service = self._parts.service("ask_why")
        process = self._parts.processes[service.id]
        assert process.opener is not None
        opening = Opening(data=question(entry))
        case_id = derived_id("ask_why", actor.acting_for, key)
        return await self._acting.begin(service.id, actor, opening, case_id=case_id, role=process.opener)

    async def ask_official(self, actor: Actor, turns: Sequence[tuple[str, str]], *, key: str) -> str:
        opening = Opening(data=dialogue_data(turns))
        case_id = derived_id("assistance", actor.acting_for, key)
        return await self._acting.begin("assistance", actor, opening, case_id=case_id, role="person")

    async def contest(self, actor: Actor, register: str, record: Mapping[str, Any]) -> str:
        opening = contest_of(register, record, actor.language, self._parts.today())
        case_id = derived_id("contest", actor.acting_for, str(opening.data["decision"]))
        for attempt in range(1, 100):
            found = await asyncio.to_thread(self._parts.read, case_id)
            if found is None:
                break
            if found.status != "WITHDRAWN":
                if found.status in self._parts.processes["contest"].closed:
                    raise Refused("this decision was contested, and answered", code="contested_already")
                return case_id
            case_id = derived_id("contest", actor.acting_for, str(opening.data["decision"]), str(attempt))
        return await self._acting.begin("contest", actor, opening, case_id=case_id, role="person")

    async def finding(
        self, actor: Actor, register: str, record: Mapping[str, Any], *, basis: str, matter: str, key: str
    ) -> str:
        opening = finding_of(register, record, basis=basis, matter=matter, language=actor.language)
        case_id = derived_id("finding", actor.person, str(opening.data["decision"]), key)
        return await self._acting.begin("finding", actor, opening, case_id=case_id, role="auditor")
