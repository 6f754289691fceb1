"""The second journey as a self-check: somebody moves to another's house, from the search for the address to the bodies that know.

As the first one (birth_journey.py): over HTTP alone, as a browser without JavaScript, with people of the self-check's own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sild.errors import PeerError
from sild.nation.browser import Browser, Page
from sild.nation.journeys import Seen, log_in, screen_sent, soon, steps_of, verified_offline
from sild.nation.story import Step

__all__ = ["tell_move"]


async def tell_move(description: Mapping[str, Any]) -> AsyncIterator[Step]:
    """J2. Ends at the first step that is not as it should be.

    They move once: a nation started again shows that they still live there.
    """
    journey = _Move(description)
    again = (journey.what_was_is_still_there, journey.everyone_sees_who_looked)
    steps = (
        again
        if await journey.was_told()
        else (
            journey.resident_searches_an_address,
            journey.resident_sends_the_notice,
            journey.owner_consents,
            journey.official_accepts,
            journey.official_registers,
            journey.bodies_know,
            journey.decision_is_explained_and_checked,
            journey.everyone_sees_who_looked,
        )
    )
    async for told in steps_of(steps):
        yield told


class _Move:
    def __init__(self, description: Mapping[str, Any]) -> None:
        self._portal = str(description["portal"]["address"])
        self._zone = ZoneInfo(description["country"]["zone"])
        people = {one["id"]: one for one in description["test_people"] if "id" in one}
        self._resident, self._owner = people["check_resident"], people["check_owner"]
        self._official = people["residence_official"]
        self._residents = Browser()
        self._officials = Browser()
        self._case = ""

    async def was_told(self) -> bool:
        """Whether the resident has a case of an earlier start."""
        await log_in(self._residents, self._portal, self._resident)
        link = (await self._residents.open(f"{self._portal}/home")).link("/cases/")
        self._case = link.split("/")[2] if link is not None else ""
        return bool(self._case)

    async def what_was_is_still_there(self) -> Seen:
        page = await self._shows("the case of an earlier start", "The home was registered")
        return "The move of an earlier start is still there, with all who know of it", {"case": page.url}

    async def resident_searches_an_address(self) -> Seen:
        page = await self._residents.open(f"{self._portal}/services/move")
        page = await page.submit(page.form("/begin"))
        link = page.link("/screens/move.place") or page.url
        if "/cases/" not in link:
            raise PeerError(f"no case was opened ({page.status}): {page.text[:300]}")
        self._case = link.partition("/cases/")[2].split("/")[0]
        page = await self._screen(self._residents, "move.place")
        address = self._owner["address"]
        await screen_sent(page, {"f.where": "here", "f.words": address, "do": "FIND"})
        return (
            "Somebody begins a move, and searches for the address",
            {"logged in as": self._resident["name"], "address": address, "case": self._case},
        )

    async def resident_sends_the_notice(self) -> Seen:
        page = await self._screen(self._residents, "move.notice")
        form = page.form("/screens/move.notice")
        dwelling = next((one for one in form.options("f.place") if one.startswith("dwelling:")), None)
        if dwelling is None:
            raise PeerError(f"no dwelling at {self._owner['address']}: {page.text[:300]}")
        answers = {
            "f.place": dwelling,
            "f.people": form.options("f.people")[0],
            "f.valid_from": datetime.now(self._zone).date().isoformat(),
            "f.basis": "consent",
            "do": "SEND",
        }
        after = await screen_sent(page, answers)
        return "They pick the dwelling and who moves; who owns it, nobody asks them", {"receipt": after.url}

    async def owner_consents(self) -> Seen:
        browser = Browser()
        await log_in(browser, self._portal, self._owner)

        async def asked() -> str | None:
            return (await browser.open(f"{self._portal}/home")).link(f"/cases/{self._case}", "move.consent")

        await soon("the owner is asked", asked)
        page = await self._screen(browser, "move.consent")
        if self._resident["name"] not in page.text or self._resident["code"] in page.text:
            raise PeerError(f"the owner is to see a name and no code: {page.text[:300]}")
        after = await screen_sent(page, {"do": "CONSENT"})
        return (
            "The owner finds the question, sees who wants to live there, and consents",
            {"logged in as": self._owner["name"], "receipt": after.url},
        )

    async def official_accepts(self) -> Seen:
        await log_in(self._officials, self._portal, self._official, official=True)

        async def waits() -> Page | None:
            page = await self._officials.open(f"{self._portal}/desk?office={self._official['authority']}")
            return page if page.link(f"/desk/cases/{self._case}") else None

        desk = await soon("the case is at the desk", waits)
        after = await self._decide("move.desk", "ACCEPT")
        return (
            "An official finds it at the desk, every check done, and accepts it as valid",
            {"logged in as": self._official["name"], "desk": desk.url, "receipt": after.url},
        )

    async def official_registers(self) -> Seen:
        after = await self._decide("move.decide", "DECIDE")
        await self._shows("the home is registered", "The home was registered")
        return "The official decides, and the residence register has the new home", {"receipt": after.url}

    async def bodies_know(self) -> Seen:
        page = await self._shows("bodies are told", "Bodies were told", "Who knows", "What the bodies did")
        return (
            "The bodies that need to know were told; each did its own part by itself, and the case says what",
            {"case": page.url},
        )

    async def decision_is_explained_and_checked(self) -> Seen:
        page = await self._residents.open(f"{self._portal}/decisions")

        async def listed() -> str | None:
            return (await page.go("/decisions")).link("/decisions/residence/")

        decision = await soon("the registration stands among the resident's decisions", listed)
        page = await page.go(decision)
        wanted = (
            "Registration of a home",
            "The facts it rests on",
            "The last day",
            "An official made the entry",
        )
        if page.status != 200 or any(words not in page.text for words in wanted):
            raise PeerError(f"the decision does not explain itself: {page.text[:500]}")
        again = await page.submit(page.form("/again"))
        if "The outcome is the same" not in again.text:
            raise PeerError(f"the replay does not give the same: {again.text[:500]}")
        program, size = await verified_offline(page, decision)
        return (
            "The registration is a decision with its record: why, from which facts, until when it can be contested; the rules give the "
            "same again, and its evidence holds offline",
            {"decision": page.url, "verified by": program, "bundle": f"{size} bytes"},
        )

    async def everyone_sees_who_looked(self) -> Seen:
        page = await self._residents.open(f"{self._portal}/who-looked?case={self._case}")
        if page.status != 200 or self._case not in "".join(page.links):
            raise PeerError(f"the tracker does not show the case: {page.text[:300]}")
        return "The tracker shows every look at the resident's data for this case", {"tracker": page.url}

    # --- pages

    async def _shows(self, what: str, *lines: str) -> Page:
        async def reached() -> Page | None:
            page = await self._residents.open(f"{self._portal}/cases/{self._case}")
            return page if all(line in page.text for line in lines) else None

        return await soon(what, reached)

    async def _decide(self, screen: str, action: str) -> Page:
        address = (
            f"{self._portal}/desk/cases/{self._case}/screens/{screen}?office={self._official['authority']}"
        )
        return await screen_sent(await self._officials.open(address), {"do": action})

    async def _screen(self, browser: Browser, screen: str) -> Page:
        return await browser.open(f"{self._portal}/cases/{self._case}/screens/{screen}")
