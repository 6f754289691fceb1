"""The first journey as a self-check: a child is born, from the ward to the money, through the pages people use and nothing else."""

from __future__ import annotations

import asyncio
import json
import re
from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509

from sild.documents import (
    BIRTH_KIND,
    CARD_KIND,
    credential_in,
    qr_svg,
    verify_presentation,
    verify_sealed_pdf,
)
from sild.errors import PeerError
from sild.nation.browser import Browser, Page
from sild.nation.journeys import (
    Seen,
    log_in,
    screen_sent,
    soon,
    statement_verified,
    steps_of,
    verified_message,
    verified_offline,
)
from sild.nation.story import Step, verification_conf
from sild.nation.wallet import take_offer
from sild.nation.ward_walk import Ward
from sild.pki import SealedBy

__all__ = ["tell_birth"]

OTHERS_DECIDE = ("population", "insurance", "education")
"""Beside the social register, in the first journey."""
_NUMBER = re.compile(r"Show the number\s*(\d{3}) (\d{3})", re.ASCII)


async def tell_birth(description: Mapping[str, Any]) -> AsyncIterator[Step]:
    """J1 with a married couple of the self-check's own. Ends at the first step that is not as it should be.

    Their child is born once: a nation started again shows that it is still there.
    """
    journey = _Birth(description)
    again = (
        journey.what_was_is_still_there,
        journey.everyone_sees_who_looked,
        journey.nothing_is_missing,
        journey.official_sees_the_desk,
    )
    steps = (
        again
        if await journey.was_told()
        else (
            journey.ward_gives_notice,
            journey.state_opens_the_case,
            journey.mother_chooses_a_name,
            journey.father_confirms,
            *(() if journey.is_bound else (journey.official_approves,)),
            journey.birth_is_registered,
            journey.bodies_act_by_themselves,
            journey.act_is_archived,
            journey.father_has_the_certificate,
            journey.card_is_shown_and_printed,
            journey.offer_is_accepted,
            journey.money_is_paid,
            journey.decision_is_explained,
            journey.decision_is_checked_again,
            journey.evidence_holds_offline,
            journey.the_other_decisions_hold,
            journey.decision_is_contested,
            journey.official_upholds_it,
            journey.father_contests_it_too,
            journey.it_is_decided_anew,
            journey.new_decision_is_paid,
            journey.everyone_sees_who_looked,
            journey.nothing_is_missing,
            journey.official_sees_the_desk,
        )
    )
    async for told in steps_of(steps):
        yield told


class _Birth:
    def __init__(self, description: Mapping[str, Any]) -> None:
        self._portal = str(description["portal"]["address"])
        self._server = str(description["security_servers"][0]["addresses"]["client_http"])
        country = description["country"]
        self.is_bound = "birth.register" in country["bound"]  # else an official looks, and registers
        self._typed: Mapping[str, str] = country["typed"]
        authorities = Path(description["authorities_file"]).read_bytes()
        self._named = x509.load_pem_x509_certificates(authorities)
        self._payer = next(
            member["names"]["en"]
            for member in description["members"]
            if any(one["id"].endswith(":social") for one in member["subsystems"])
        )
        people = {one["id"]: one for one in description["test_people"] if "id" in one}
        self._mother, self._father = people["check_mother"], people["check_father"]
        self._ward = Ward(str(description["ward"]["address"]), people["midwife"])
        self._official = people["birth_official"]
        self._fresh = people["social_contest_official"]
        self._decision = ""
        self._contest = ""
        self._newer = ""
        self._child = ""
        self._mothers = Browser()
        self._fathers = Browser()
        self._case = ""

    async def was_told(self) -> bool:
        """Whether the ward has written a notice for this mother before."""
        return self._mother["code"] in (await self._ward.open()).text

    async def what_was_is_still_there(self) -> Seen:
        page = await log_in(self._mothers, self._portal, self._mother)
        page = await page.go("/home")
        for case in dict.fromkeys(link.split("/")[2] for link in page.links if link.startswith("/cases/")):
            if (
                "The birth was registered" in (await page.go(f"/cases/{case}")).text
            ):  # she may have contested, too
                self._case = case
        if not self._case:
            raise PeerError(f"the case of an earlier start is gone: {page.text[:300]}")
        page = await self._shows("the case of an earlier start", "The birth was registered")
        return "The case of an earlier start is still there, with all that came of it", {"case": page.url}

    async def ward_gives_notice(self) -> Seen:
        before = await self._children()
        await self._ward.give_notice({"mother": self._mother["code"], "sex": "female"})

        async def arrived() -> str | None:
            new = await self._children() - before
            return next(iter(new), None)

        child = self._child = await soon("the population register takes the notice", arrived)
        return (
            "The midwife logs in, writes the notice of a birth and signs it; the population register opens a record without a name",
            {
                "ward": self._ward.address,
                "midwife": self._ward.name,
                "mother": self._mother["name"],
                "child": child,
            },
        )

    async def _children(self) -> set[str]:
        """Codes the ward's page shows for notices that arrived."""
        page = await self._ward.open()
        words = [word.strip(",.()") for word in page.text.split()]
        return {word for word in words if word.isdigit() and len(word) == len(self._mother["code"])} - {
            self._mother["code"]
        }

    async def state_opens_the_case(self) -> Seen:
        page = await log_in(self._mothers, self._portal, self._mother)

        async def waits() -> str | None:
            return (await page.go("/home")).link("/screens/birth.check_and_name")

        link = await soon("the portal opens the case", waits)
        self._case = link.split("/")[2]
        return (
            "Nobody applied: the state opened the case, and the mother finds it on her page",
            {"portal": self._portal, "logged in as": self._mother["name"], "case": self._case},
        )

    async def mother_chooses_a_name(self) -> Seen:
        page = await self._screen(self._mothers, "birth.check_and_name")
        form = page.form("/screens/")
        answers = {
            "f.given_names": self._typed["given_names"],
            "f.family_name": form.options("f.family_name")[0],
            "f.address": form.options("f.address")[0],
            "f.wants_place": "yes",
            "f.kindergarten": form.options("f.kindergarten")[0],
            "do": "DECLARE",
        }
        after = await screen_sent(page, answers)
        return "She looks over what the state knows, and chooses a name", {"receipt": after.url}

    async def father_confirms(self) -> Seen:
        await log_in(self._fathers, self._portal, self._father)
        page = await self._screen(self._fathers, "birth.cosign")
        after = await screen_sent(page, {"do": "COSIGN"})
        return "The father logs in and confirms", {"receipt": after.url}

    async def official_approves(self) -> Seen:
        """Where no rule may decide alone: the same working day, at the desk of the commune."""
        browser = Browser()
        await log_in(browser, self._portal, self._official, official=True)
        case = f"{self._portal}/desk/cases/{self._case}"

        async def waits() -> Page | None:
            page = await browser.open(f"{case}?office={self._official['authority']}")
            link = page.link("/screens/birth.desk")
            return None if link is None else await page.go(link)

        page = await soon("the case is at the desk", waits)
        after = await screen_sent(page, {"do": "APPROVE"})
        return (
            "The commune's official sees every check green, and registers",
            {"logged in as": self._official["name"], "receipt": after.url},
        )

    async def birth_is_registered(self) -> Seen:
        page = await self._shows("the birth is registered", "The birth was registered")
        if self.is_bound:
            return "Every check is green: the birth is registered by rule", {"case": page.url}
        return "The register has the child's name, and the parents read it", {"case": page.url}

    async def bodies_act_by_themselves(self) -> Seen:
        page = await self._shows(
            "insurance, benefits and kindergarten act",
            "Health insurance holds from birth",
            "The insurance card was issued",
            "Kindergarten queue",
            "Benefits were offered",
        )
        return (
            "Health insurance, card and kindergarten queue come by themselves; an offer of benefits waits for the parents",
            {"case": page.url},
        )

    async def act_is_archived(self) -> Seen:
        async def taken() -> Page | None:
            for first in range(0, 90, 15):
                page = await self._mothers.open(f"{self._portal}/who-looked?from={first}")
                if "An act was archived" in page.text:
                    return page
            return None

        page = await soon("the archive takes the act", taken)
        return (
            "The act of registration is sealed and in the archive, with the evidence of its decision; her tracker says so",
            {"tracker": page.url},
        )

    async def card_is_shown_and_printed(self) -> Seen:
        """In the child's name, as a parent may; then checked as a chemist would, with nothing but the issuer's files."""
        browser = Browser()
        await log_in(browser, self._portal, self._mother)
        page = await browser.open(f"{self._portal}/settings")
        page = await page.submit(page.form("/acting"), {"whom": "choose"})
        child = f"{self._mother['country']}{self._child}"
        await page.submit(page.form("/representee"), {"representee": child})
        page = await browser.open(f"{self._portal}/papers/insurance-card")
        checked = await self._checked(page, "insurance-card", CARD_KIND)
        in_wallet = await self._in_a_wallet(page)
        return (
            "The child's card is a code on the phone, a sealed PDF, and in a wallet; what the code shows is checked without asking anybody",
            {"card": page.url, **checked, "in a wallet": in_wallet},
        )

    async def _in_a_wallet(self, page: Page) -> str:
        """The address of the page on which it was offered, once it says that a wallet has it."""
        page = await page.submit(page.form("/papers/insurance-card/wallet"))
        link, number = page.link("openid-credential-offer:"), _NUMBER.search(page.text)
        if link is None or number is None:
            raise PeerError(f"no offer for a wallet: {page.text[:300]}")
        credential, jwk = await take_offer(link, number[1] + number[2])
        payload = json.loads(urlsafe_b64decode(credential.split(".")[1] + "=="))
        after = await page.go(urlsplit(page.url).path)
        if payload["cnf"]["jwk"] != jwk or "It was put in a wallet" not in after.text:
            raise PeerError(f"no card in the wallet: {after.text[:300]}")
        return page.url

    async def father_has_the_certificate(self) -> Seen:
        """By the link in the case; checked as an embassy would."""
        page = await self._fathers.open(f"{self._portal}/cases/{self._case}")
        link = next((one for one in page.links if one.startswith("/papers/birth-certificate/of/")), None)
        if link is None:
            raise PeerError(f"no certificate in the case: {page.text[:300]}")
        page = await page.go(link)
        return (
            "The other parent has the birth certificate from the case: on the phone, and sealed on paper",
            {"certificate": page.url, **await self._checked(page, "birth-certificate", BIRTH_KIND)},
        )

    async def _checked(self, page: Page, kind: str, credential: str) -> dict[str, str]:
        """A paper that is shown, with nothing but its issuer's files, and certificates of the country's authorities."""
        keys, listed = [
            (await page.go(f"/papers/{kind}/{name}")).body for name in ("issuer.json", "status-list")
        ]
        issuer = json.loads(keys)
        body = issuer["organization_identifier"]

        async def printed() -> tuple[bytes, SealedBy] | None:
            paper = (await page.go(f"{urlsplit(page.url).path}/file.pdf")).body
            at = datetime.now(UTC)
            seal = await asyncio.to_thread(verify_sealed_pdf, paper, self._named, body=body, at=at)
            return (paper, seal) if seal.trusted and seal.stamp_is_trusted else None

        paper, seal = await soon("the paper is sealed and time-stamped", printed)
        shown = credential_in(paper)
        if qr_svg(shown) not in page.body:
            raise PeerError(f"the code on the phone is not the paper's: {page.text[:300]}")
        now = datetime.now(UTC)
        found = verify_presentation(shown, issuer, at=now, kinds=[credential], status_list=listed.decode())
        if found.status != "valid":
            raise PeerError(f"the paper is {found.status}")
        return {
            "shows": ", ".join(found.claims),
            "sealed by": seal.authority,
            "time-stamped": str(seal.stamped_at),
        }

    async def offer_is_accepted(self) -> Seen:
        page = await self._screen(self._mothers, "birth.offer")
        form = page.form("/screens/birth.offer")
        answers = {"do": next(button.value for button in form.buttons if button.value != "SAVE")}
        for name, field in form.fields.items():
            if field.kind in ("radio", "checkbox"):
                answers[name] = field.values[0]
            elif name == "f.account":
                answers[name] = self._typed["account"]
        after = await screen_sent(page, answers)
        await self._shows("benefits are granted", "Benefits were granted")
        return "She chooses one, says where the money goes, and it is granted", {"receipt": after.url}

    async def money_is_paid(self) -> Seen:
        """By the treasury, through its bank; the person finds it in the case and among their data."""
        page = await self._shows("the treasury pays", "A payment was made")
        case, here = page.url, self._mothers

        async def listed() -> Page | None:
            found = await here.open(f"{self._portal}/my-data")
            return found if "Why: the decision" in found.text else None

        data = await soon("the payment stands among her data", listed)
        return (
            "The treasury pays, each payment once; it stands in the case and among her data, with the decision it rests on",
            {"case": case, "my data": data.url},
        )

    async def decision_is_explained(self) -> Seen:
        page = await self._mothers.open(f"{self._portal}/decisions")

        async def granted() -> str | None:
            return (await page.go("/decisions")).link("/decisions/social/")

        self._decision = await soon("the grant stands among her decisions", granted)
        page = await page.go(self._decision)
        wanted = ("What was decided", "The facts it rests on", "The last day", self._payer)
        if page.status != 200 or any(words not in page.text for words in wanted):
            raise PeerError(f"the decision does not explain itself: {page.text[:500]}")
        return (
            "The decision says what was decided, why, from which facts, by which law, and until when it can be contested",
            {"decision": page.url},
        )

    async def decision_is_checked_again(self) -> Seen:
        page = await self._mothers.open(self._portal + self._decision)
        page = await page.submit(page.form("/again"))
        if "The outcome is the same" not in page.text:
            raise PeerError(f"the replay does not give the same: {page.text[:500]}")
        return "Decided again by the same rules from the same facts: byte for byte the same", {
            "replay": page.url
        }

    async def evidence_holds_offline(self) -> Seen:
        """By the verifier the portal gives away, in a process of its own, with nothing but the file."""
        page = await self._mothers.open(self._portal + self._decision)
        program, size = await verified_offline(page, self._decision)
        return (
            "Its evidence is downloaded, and the verifier, one file that needs no network, finds nothing broken",
            {"verified by": program, "bundle": f"{size} bytes"},
        )

    async def the_other_decisions_hold(self) -> Seen:
        """Registration, cover and the place in the queue: each decided again, each with evidence that holds."""
        listed = await self._mothers.open(f"{self._portal}/decisions")
        seen = {}
        for register in OTHERS_DECIDE:

            async def found(name: str = register) -> str | None:
                return (await listed.go("/decisions")).link(f"/decisions/{name}/")

            decision = await soon(f"a decision of {register} stands among hers", found)
            page = await listed.go(decision)
            again = await page.submit(page.form("/again"))
            if "The outcome is the same" not in again.text:
                raise PeerError(f"the replay of {register} does not give the same: {again.text[:500]}")
            await verified_offline(page, decision)
            seen[register] = page.url
        return (
            "So are the registration of the birth, the cover and the place in the queue: the same again, and their evidence holds",
            seen,
        )

    async def decision_is_contested(self) -> Seen:
        after = await self._say_wrong(self._mothers, "person", "I want a person to look at it.")
        return "She says that a person should look at it: the contest is on its way", {"receipt": after.url}

    async def _say_wrong(self, browser: Browser, line: str, statement: str) -> Page:
        page = await browser.open(self._portal + self._decision)
        page = await page.submit(page.form("/wrong"))
        self._contest = page.url.partition("/cases/")[2].split("/")[0]
        return await screen_sent(page, {"f.line": line, "f.statement": statement, "do": "CONTEST"})

    async def _at_the_desk(self, browser: Browser, screen: str, answers: Mapping[str, str]) -> None:
        async def waits() -> Page | None:
            page = await browser.open(f"{self._portal}/desk/cases/{self._contest}")
            link = page.link(f"/screens/{screen}")
            return None if link is None else await page.go(link)

        await screen_sent(await soon(f"{screen} waits at the desk", waits), answers)

    async def official_upholds_it(self) -> Seen:
        browser = Browser()
        await log_in(browser, self._portal, self._fresh, official=True)
        for screen, answers in (
            ("contest.look", {"f.view": "The facts give the amounts of the law.", "do": "LOOK"}),
            ("contest.desk", {"f.reasons": "The amounts are those of the law.", "do": "UPHOLD"}),
        ):
            await self._at_the_desk(browser, screen, answers)

        async def told() -> Page | None:
            page = await self._mothers.open(f"{self._portal}/cases/{self._contest}")
            return (
                page if "The decision stands" in page.text and "The amounts are those" in page.text else None
            )

        page = await soon("she reads the answer", told)
        return (
            "An official who had no part in it looks at the facts first, then upholds it with reasons; she reads them",
            {"contest": page.url, "answered by": self._fresh["name"]},
        )

    async def father_contests_it_too(self) -> Seen:
        after = await self._say_wrong(self._fathers, "circumstances", "They were three at once.")
        return "He says that their circumstances are special; what was granted is paid meanwhile", {
            "receipt": after.url
        }

    async def it_is_decided_anew(self) -> Seen:
        """By hand: one sum is twice what it was, with reasons in three languages."""
        line, amount = await self._first_sum()
        browser = Browser()
        await log_in(browser, self._portal, self._fresh, official=True)
        for screen, answers in (
            ("contest.look", {"f.view": "The law says nothing of three at once.", "do": "LOOK"}),
            ("contest.desk", {"f.reasons": "Three at once cost more.", "do": "OVERTURN"}),
            (
                "contest.by_hand",
                {
                    "f.line_one": line,
                    "f.value_one": f"{2 * amount}",
                    "f.considerations": "Three at once cost more.",
                    **{f"f.reasons_{language}": "Because that is fair." for language in ("et", "vi", "en")},
                    "do": "BY_HAND",
                },
            ),
        ):
            await self._at_the_desk(browser, screen, answers)

        async def told() -> str | None:
            page = await self._fathers.open(f"{self._portal}/cases/{self._contest}")
            others = [one for one in page.links if "/decisions/social/" in one and self._decision not in one]
            return others[0] if others else None

        self._newer = await soon("the new decision stands in his case", told)
        page = await self._fathers.open(self._portal + self._newer)
        if "Because that is fair." not in page.text:
            raise PeerError(f"the new decision has no reasons: {page.text[:500]}")
        return (
            "The official overturns it and decides anew by hand, with what was weighed and why; the new decision takes its place",
            {"new decision": page.url, "line": line},
        )

    async def _first_sum(self) -> tuple[str, Decimal]:
        """The first sum of money that the decision gives, from its evidence."""
        page = await self._fathers.open(self._portal + self._decision)
        bundle = json.loads((await page.go(f"{self._decision}/bundle")).body)
        for item in bundle["record"]["outcome"]["items"]:
            value = item["value"]
            known = (
                value if isinstance(value, str) else bundle["values"].get(value["sealed"], {}).get("value")
            )
            if item["type"] == "money" and known is not None:
                return item["name"], Decimal(known)
        raise PeerError("the decision gives no money")

    async def new_decision_is_paid(self) -> Seen:
        async def listed() -> Page | None:
            found = await self._mothers.open(f"{self._portal}/my-data")
            return found if any(self._newer in one for one in found.links) else None

        data = await soon("the difference stands among her data", listed)
        return "The treasury pays the difference, in the name of the new decision", {"my data": data.url}

    async def everyone_sees_who_looked(self) -> Seen:
        page = await self._mothers.open(f"{self._portal}/who-looked?case={self._case}")
        if page.status != 200 or self._case not in "".join(page.links):
            raise PeerError(f"the tracker does not show the case: {page.text[:300]}")
        proofs = [link for link in page.links if "/who-looked/evidence/" in link]
        container = page
        for proof in proofs:  # one that names somebody else is not given to her
            if (container := await page.go(proof)).status == 200:
                break
        if container.status != 200 or container is page:
            raise PeerError(f"no evidence of a look: {container.status} {container.text[:300]}")
        conf = await verification_conf(self._server)
        signer, stamped = verified_message(container.body, conf)
        return (
            "The tracker shows who looked, when, and for which case; the signed message is downloaded and verified, and with one "
            "byte changed it is refused",
            {
                "tracker": page.url,
                "looks with evidence": str(len(proofs)),
                "signed by": signer,
                "time-stamped": stamped,
            },
        )

    async def nothing_is_missing(self) -> Seen:
        """By the message logs of both security servers, which no register keeps."""
        page = await self._mothers.open(f"{self._portal}/who-looked/check")
        if page.status != 200 or "Nothing is missing" not in page.text:
            raise PeerError(f"the logs do not agree with the registers: {page.text[:1000]}")
        said = await statement_verified(page)
        return (
            "The keepers of the message logs say the same as the registers; the mother's signed statement is checked by one small "
            "program, by the portal's and the keepers' keys",
            {"the logs": page.url, "the program says": said},
        )

    async def official_sees_the_desk(self) -> Seen:
        page = await log_in(Browser(), self._portal, self._official, official=True)
        if "/desk" not in page.url:
            page = await page.go("/desk")
        if page.status != 200:
            raise PeerError(f"no desk: {page.url} {page.text[:300]}")
        return "The official logs in from a registered device and has a desk", {
            "desk": page.url,
            "logged in as": self._official["name"],
        }

    # --- pages

    async def _shows(self, what: str, *lines: str) -> Page:
        """The case, once its timeline has all these lines."""

        async def reached() -> Page | None:
            page = await self._mothers.open(f"{self._portal}/cases/{self._case}")
            return page if all(line in page.text for line in lines) else None

        return await soon(what, reached)

    async def _screen(self, browser: Browser, screen: str) -> Page:
        return await browser.open(f"{self._portal}/cases/{self._case}/screens/{screen}")
