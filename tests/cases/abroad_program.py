"""Evidence from another country, told by processes that are killed (killing.py): asked for, looked at, declined; asked for again, approved, brought."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, select

from sild.cases.tables import files
from sild.registries import population_app
from sild.registries.population.tables import evidence_requests
from support.acting import serving

from .desk_program import NoOffices, Quiet
from .killing import Killed, main
from .test_evidence_abroad import SOURCE, Country
from .world import MARI


class AbroadProgram(Killed, Quiet, Country):
    """The other country's register lives with the process, and has its database after it."""

    def __init__(self, directory, which) -> None:
        super().__init__(directory, which)
        self.directory = directory
        offer = self.register.evidence.offer
        self.register.evidence.offer = type(offer)(
            offer.country, offer.name, offer.preview, timedelta(days=7)
        )

    def opened(self):
        self.register.close()
        self.open_system()
        return self.cases

    async def __aenter__(self):
        self._serving = serving(population_app(self.register))
        self.registers.site = self._serving.__enter__()
        await self.start()
        await self.cases.publish()
        return self

    async def __aexit__(self, *raised):
        await self.cases.stop()
        self._serving.__exit__(*raised)
        self.register.close()

    async def look(self, case: str, *, use: bool) -> None:
        self.says((await self.one(case, "preview")).location, use=use)

    def effects(self) -> dict[str, int]:
        """What the other register was asked for, and what is kept of it here."""
        with self.register.kernel.engine.connect() as connection:
            query = select(evidence_requests.c.state, func.count()).group_by(evidence_requests.c.state)
            asked = dict(map(tuple, connection.execute(query)))
        with self.cases._parts.store.reading() as connection:
            return {**asked, "files": connection.scalar(select(func.count()).select_from(files))}


async def brought(village: AbroadProgram) -> dict:
    case = await village.begun("case", village.open)
    for turn, use in (("first", False), ("second", True)):
        await village.act(case, "ASK_EVIDENCE", MARI, {"source": [SOURCE]}, key=f"ask-{turn}")
        await village.once(f"looked-{turn}", lambda use=use: village.look(case, use=use))
        await village.act(case, "FETCH_EVIDENCE", MARI, key=f"fetch-{turn}")
    view = await village.cases.view(case, MARI)
    evidence = [(one.state, one.reason, dict(one.lines)) for one in view.evidence]
    reasons = [entry.name for entry in view.timeline if entry.name.endswith("_EVIDENCE")]
    return {**village.shown(view), "evidence": evidence, "in_order": reasons}


STORIES = {"brought": (AbroadProgram, brought)}

if __name__ == "__main__":
    raise SystemExit(main(STORIES, NoOffices))
