"""A village in which people move: the residence register tells the portal and the school; dwellings somebody else owns."""

from __future__ import annotations

from functools import cache
from typing import ClassVar
from zoneinfo import ZoneInfo

from sqlalchemy import select

from sild.cases import Actor
from sild.cases.lease import Lease
from sild.cases.move import Move
from sild.cases.removal import Removal
from sild.errors import Unavailable
from sild.registries.residence.tables import dwellings
from sild.registries.synthetic import AS_OF, synthetic_people

from .village import SUBSCRIPTIONS, Village
from .world import SYSTEM

__all__ = ["ActingVillage", "MovingVillage", "clerk", "everybody"]


class MovingVillage(Village):
    """What `Village` is, with the services of J2."""

    def processes(self):
        return [*super().processes(), Move(self.packs), Removal(self.packs), Lease(self.packs)]

    subscriptions: ClassVar[dict] = {
        "residence": {"education": ["residence.*"], "portal": ["residence.changed", "person.known"]},
        "population": {
            **SUBSCRIPTIONS["population"],
            "portal": [*SUBSCRIPTIONS["population"]["portal"], "person.known"],
        },
    }

    used: ClassVar[set] = set()
    deaf = False  # whether the portal hears no event

    async def _deliver(self, subscription, event):
        if self.deaf and subscription.subscriber == SYSTEM:
            raise Unavailable("nobody listens", code="network_error")
        return await super()._deliver(subscription, event)

    def today(self):
        return self.now.astimezone(ZoneInfo(self.packs.profile.zone)).date()

    def single(self, country="EE"):
        """Somebody of age who lives with nobody's leave to ask, and moved in no test before."""
        return self._fresh(lambda p: p.country == country and p.spouse is None and 20 < _age(p) < 60)

    def couple(self, country="EE"):
        """Two who are married and live together."""
        one = self._fresh(
            lambda p: (
                p.country == country
                and p.spouse is not None
                and p.home is p.spouse.home is not None
                and p.sex == "F"
            )
        )
        self.used.add(one.spouse.code)
        return one, one.spouse

    def family(self, country="EE"):
        """A minor, and mother and father, all alive at one home."""
        child = self._fresh(
            lambda p: (
                p.country == country
                and _age(p) < 16
                and all(
                    parent and parent.died is None and parent.home is p.home is not None
                    for parent in (p.mother, p.father)
                )
                and not {p.mother.code, p.father.code} & self.used
            )
        )
        self.used.update((child.mother.code, child.father.code))
        return child, child.mother, child.father

    def large_family(self):
        """Mother, father and their minors, two or more, all alive at one home."""
        young = [
            p
            for p in everybody()
            if _age(p) < 16 and p.died is None and p.mother and p.father
            if p.home is not None and p.home is p.mother.home is p.father.home
        ]
        for one in young:
            mother, father = one.mother, one.father
            theirs = [p for p in young if (p.mother, p.father) == (mother, father)]
            adults = mother.country == "EE" and mother.died is None and father.died is None
            codes = {p.code for p in (mother, father, *theirs)}
            if adults and len(theirs) > 1 and not codes & self.used:
                self.used |= codes
                return mother, father, theirs
        raise LookupError

    def _fresh(self, fits):
        for person in everybody():
            if (
                person.died is None
                and person.home is not None
                and person.code not in self.used
                and fits(person)
            ):
                self.used.add(person.code)
                return person
        raise LookupError

    async def owners(self, dwelling):
        found = await self.ask("residence", "GET", f"/dwellings/{dwelling}/owners")
        return [one["code"] for one in found["items"]]

    async def dwelling_of(self, count=1, *, but=(), country="EE"):
        """A dwelling with so many owners, people, none of them among `but`, and none used before."""
        query = (
            select(dwellings.c.id).where(dwellings.c.id.startswith(f"{country}-")).order_by(dwellings.c.id)
        )
        with self.registers["residence"].kernel.engine.connect() as connection:
            homes = [home for home in connection.scalars(query) if home not in self.used]
        for home in homes:
            owners = await self.owners(home)
            fresh = not set(owners) & (set(but) | self.used) and all(len(code) > 8 for code in owners)
            if len(owners) == count and fresh:
                self.used |= {home, *owners}
                return home, owners
        raise LookupError

    async def searched(self, who, dwelling, case=None):
        """The resident's case, with the dwelling found; its id."""
        case = case or await self.cases.open_case("move", who, key=self.key())
        text = (await self.ask("residence", "GET", f"/dwellings/{dwelling}"))["text"]
        await self.act(case, "FIND", who, {"where": ["here"], "words": [text]})
        return case

    def notice(self, place, people, **given):
        day = given.pop("valid_from", self.today())
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
        on = on or self.today()
        return await self.ask("residence", "GET", f"/persons/{code}/residence?on={on}", user=f"EE{code}")

    async def decisions(self, code):
        """What the residence register decided about somebody, the latest first: (step, effect), and the records."""
        user = f"{'VN' if len(code) == 12 else 'EE'}{code}"
        lines = (await self.ask("residence", "GET", f"/persons/{code}/decisions", user=user))["items"]
        found = [await self.ask("residence", "GET", f"/decisions/{one['id']}", user=user) for one in lines]
        return [(one["step"], one["effect"]) for one in lines], found

    async def told(self, actor):
        return [notice.text.partition(".notice.")[2] for notice in await self.cases.inbox(actor)]


class ActingVillage(MovingVillage):
    """Every body hears of homes, and says what it did."""

    subscriptions: ClassVar[dict] = {
        **MovingVillage.subscriptions,
        "residence": {
            **MovingVillage.subscriptions["residence"],
            "insurance": ["residence.changed"],
            "social": ["residence.changed"],
        },
        "insurance": {"portal": ["insurance.*"]},
        "social": {"portal": ["social.offer.*", "social.benefit.*", "social.home.followed"]},
        "education": {
            "portal": [
                "education.queue.joined",
                "education.wait.reviewed",
                "education.place.offered",
                "education.home.followed",
            ]
        },
    }


def clerk(authority=None, **more):
    return Actor(person="EE48806260018", acr="high", posture="managed", roles=frozenset({"clerk"}), authority=authority, **more)  # fmt: skip


@cache
def everybody():
    return synthetic_people(400)


def _age(person):
    return (AS_OF - person.born).days / 365.25
