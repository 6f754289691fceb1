"""The auditor's journey (J8) as a self-check: a decision found, verified, replayed, looked for in both logs; a finding that everybody sees.

As the others: over HTTP alone, as a browser without JavaScript. It audits what the first journey decided.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from typing import Any

from sild.errors import PeerError
from sild.nation.browser import Browser, Page
from sild.nation.journeys import Seen, log_in, screen_sent, soon, steps_of, verified_offline
from sild.nation.story import Step

__all__ = ["tell_audit"]

BY_RULES = re.compile(r'href="(/audit/decisions/social/[^"]+)">Offer of family benefits')
"""The answer to a contest is a person's, and so is the grant decided anew by hand: there are no rules to run again."""
TITLE = "The reasons do not name the consolidated text of the law"


async def tell_audit(description: Mapping[str, Any]) -> AsyncIterator[Step]:
    """Ends at the first step that is not as it should be. A nation started again shows the finding of its first start."""
    journey = _Audit(description)
    steps = [journey.auditor_sees_the_mandate, journey.evidence_is_verified, journey.decision_is_replayed]
    if not await journey.was_told():
        steps.append(journey.finding_is_written)
    steps += [journey.everybody_sees_the_finding, journey.look_is_in_the_tracker]
    async for told in steps_of(steps):
        yield told


class _Audit:
    def __init__(self, description: Mapping[str, Any]) -> None:
        self._portal = str(description["portal"]["address"])
        people = {one["id"]: one for one in description["test_people"] if "id" in one}
        self._auditor, self._mother = people["auditor"], people["check_mother"]
        self._browser = Browser()
        self._decision = ""

    async def was_told(self) -> bool:
        return TITLE in (await Browser().open(f"{self._portal}/findings")).text

    async def auditor_sees_the_mandate(self) -> Seen:
        page = await log_in(Browser(), self._portal, self._mother)
        if (await page.go("/audit")).status != 403:
            raise PeerError("somebody without a mandate came in")
        await log_in(self._browser, self._portal, self._auditor)

        async def decided() -> str | None:
            page = await self._browser.open(f"{self._portal}/audit")
            found = BY_RULES.search(page.body.decode())
            return found and found[1]

        self._decision = await soon("the auditor sees the latest decisions", decided)
        return (
            "An auditor logs in; the mandate says which bodies, days and classes of data. Without one the page is closed",
            {
                "audit": f"{self._portal}/audit",
                "logged in as": self._auditor["name"],
                "decision": self._decision,
            },
        )

    async def evidence_is_verified(self) -> Seen:
        page = await self._check("verify", "Nothing is broken")
        _, size = await verified_offline(page, self._decision)
        return (
            "Its evidence is verified, here and by the stand-alone verifier on the auditor's own machine",
            {"verified": self._decision, "bundle": f"{size} bytes"},
        )

    async def decision_is_replayed(self) -> Seen:
        await self._check("replay", "The outcome is the same")
        page = await self._check("messages", "Messages in both logs")
        return (
            "Replayed, it gives the same; both organisations' message logs are asked for each message",
            {
                "replayed": self._decision,
                "messages that hold": str(page.text.count("has it as it was signed")),
            },
        )

    async def finding_is_written(self) -> Seen:
        page = await self._browser.open(self._portal + self._decision)
        page = await page.submit(page.form("/finding"))
        answers = {
            "f.about": "decision",
            "f.severity": "note",
            "f.title": TITLE,
            "f.statement": "The reasons name the article; the date of the text stands in the legal basis alone.",
            "do": "WRITE",
        }
        after = await screen_sent(page, answers)
        return "The auditor writes a finding; the body answers it by a day", {"receipt": after.url}

    async def everybody_sees_the_finding(self) -> Seen:
        async def shown() -> Page | None:
            page = await Browser().open(f"{self._portal}/findings")
            return page if TITLE in page.text else None

        page = await soon("the finding is public", shown)
        return "Everybody sees the finding, who answers it and how it stands", {"findings": page.url}

    async def look_is_in_the_tracker(self) -> Seen:
        browser = Browser()
        await log_in(browser, self._portal, self._mother)

        async def told() -> Page | None:
            page = await browser.open(f"{self._portal}/who-looked")
            return page if "An auditor read a decision" in page.text else None

        page = await soon("the look is in the tracker", told)
        return "The mother reads in her tracker that an auditor looked, for which file", {"tracker": page.url}

    async def _check(self, what: str, words: str) -> Page:
        page = await self._browser.open(self._portal + self._decision)
        page = await page.submit(page.form(f"{self._decision}/{what}"))
        if words not in page.text:
            raise PeerError(f"{what}: {page.text[:500]}")
        return page
