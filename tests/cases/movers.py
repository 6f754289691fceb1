"""A village in which people move: the residence register tells the portal and the school; a dwelling somebody else owns."""

from __future__ import annotations

from datetime import date, timedelta

from registries.families import couple, single, young_family
from sild.cases import Actor
from sild.cases.move import Move
from sild.cases.removal import Removal

from .village import Village, citizen

__all__ = ["MovingVillage", "clerk", "couple", "single", "young_family"]


class MovingVillage(Village):
    """What `Village` is, with the two services of J2."""

    def processes(self):
        return [*super().processes(), Move(self.packs), Removal(self.packs)]

    subscriptions = {"residence": {"education": ["residence.*"], "portal": ["residence.changed"]}}

    async def owners(self, dwelling):
        found = await self.ask("residence", "GET", f"/dwellings/{dwelling}/owners")
        return [one["code"] for one in found["items"]]

    async def dwelling_of(self, count=1, *, but=(), country="EE"):
        """An empty dwelling with so many owners, none of them among `but`."""
        for home in self.registers["residence"].empty_dwellings(country, 200):
            owners = await self.owners(home)
            if len(owners) == count and not set(owners) & set(but) and all(len(code) > 8 for code in owners):
                return home, owners
        raise LookupError

    async def searched(self, who, dwelling, case=None):
        """The resident's case, with the dwelling found; its id."""
        case = case or await self.cases.open_case("move", who, key=self.key())
        text = (await self.ask("residence", "GET", f"/dwellings/{dwelling}"))["text"]
        await self.act(case, "FIND", who, {"where": ["here"], "words": [text]})
        return case

    def notice(self, place, people, **given):
        day = given.pop("valid_from", self.now.date())
        said = {
            "place": [place],
            "people": list(people),
            "valid_from": [day.isoformat()],
            "basis": ["consent"],
        }
        return {**said, **{name: [value] for name, value in given.items()}}

    async def sent(self, who, dwelling, people, **given):
        case = await self.searched(who, dwelling)
        await self.act(case, "SEND", who, self.notice(f"dwelling:{dwelling}", people, **given))
        return case

    async def status(self, case, actor):
        return (await self.cases.view(case, actor)).status

    async def office(self, case):
        """An official of the office that the case came to."""
        return Actor(
            person="EE36805280109",
            acr="high",
            posture="managed",
            roles=frozenset({"official"}),
            authority=self.cases._parts.read(case).office,
        )

    async def decided(self, case):
        official = await self.office(case)
        await self.act(case, "ACCEPT", official)
        await self.act(case, "DECIDE", official)
        return official

    async def home(self, code, on=None):
        on = on or self.now.date()
        return await self.ask("residence", "GET", f"/persons/{code}/residence?on={on}", user=f"EE{code}")

    async def told(self, actor):
        return [notice.text.partition(".notice.")[2] for notice in await self.cases.inbox(actor)]


def clerk(authority=None, **more):
    return Actor(person="EE48806260018", acr="high", posture="managed", roles=frozenset({"clerk"}), authority=authority, **more)  # fmt: skip


def adult(person, on):
    return on - timedelta(days=18 * 366) > (
        person.born if isinstance(person.born, date) else person.born.date()
    )
