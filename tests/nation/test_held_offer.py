"""Income in another country: from the social register's doubt over its official's decision to the money; then a fact is disputed.

The parents' page says that a person decides, and why. What the official corrects reaches what was decided, and comes back as a matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from sild.adapter import CallContext
from sild.nation import COUNTRY, Nation
from sild.nation.birth_journey import _Birth
from sild.nation.browser import Browser, Page
from sild.nation.journeys import log_in, screen_sent, soon

from .abroad import worked_abroad

WHY = {
    "en": "income there counts and no register here has all of it",
    "et": "sealne tulu läheb arvesse",
    "vi": "thu nhập ở đó được tính",
}


@pytest.mark.slow
async def test_a_person_decides_and_the_page_says_why(tmp_path: Path) -> None:
    plan = replace(COUNTRY, people=600)
    async with await Nation.start(tmp_path / "nation", plan=plan) as nation:
        await worked_abroad(nation, nation.people["check_mother"].code)
        birth = _Birth(nation.description)
        for step in (
            birth.ward_gives_notice,
            birth.state_opens_the_case,
            birth.mother_chooses_a_name,
            birth.father_confirms,
            birth.birth_is_registered,
        ):
            await step()
        page = f"{nation.portal_url}/cases/{birth._case}"

        async def held() -> str | None:
            text = (await birth._mothers.open(page)).text
            return text if "People are looking at the benefits" in text else None

        text = await soon("the offer is held", held)
        assert WHY["en"] in text and "foreign_income" not in text
        assert (await birth._mothers.open(page)).link("/screens/birth.offer") is None, "nothing to accept yet"
        inbox = (await birth._mothers.open(f"{nation.portal_url}/inbox")).text
        assert "a machine may not decide here" in inbox
        for language in ("et", "vi"):
            browser = Browser(language)
            await log_in(browser, nation.portal_url, birth._father)
            text = (await browser.open(page)).text
            assert WHY[language] in text and "foreign_income" not in text

        desk = Desk(nation)
        await desk.log_in()
        screen = await desk.waits("register_matter.offer")
        assert "A parent worked in another country" in screen.text
        assert "Parental benefit" in screen.text, "with what the rules say of it"
        await ask_the_population_office(nation, desk, screen)
        case = await desk.sends(screen, "LET_GO", words="The pay in Finland ended before the birth.")

        async def asked() -> str | None:
            return (await birth._mothers.open(page)).link("/screens/birth.offer")

        await soon("the offer is before her", asked)
        await birth.offer_is_accepted()
        await birth.money_is_paid()
        mine = (await birth._mothers.open(f"{nation.portal_url}/cases/{case}")).text
        assert "The offer went on" in mine and "The pay in Finland ended before the birth." in mine
        assert "it is before you now" in (await birth._mothers.open(f"{nation.portal_url}/inbox")).text
        tracker = f"{nation.portal_url}/who-looked?case={case}"
        looked = (await birth._mothers.open(tracker)).text
        assert "An official let an offer of benefits go on" in looked
        assert "An official looked at a matter of the register" in looked

        await dispute_pay(birth, nation)
        screen = await desk.waits("register_matter.dispute")
        assert "I earned more there." in screen.text and "€2,500.00" in screen.text
        case = await desk.sends(screen, "CORRECT", value="2700.00", words="The payslips say so.")
        assert (
            "The fact was corrected" in (await birth._mothers.open(f"{nation.portal_url}/cases/{case}")).text
        )
        screen = await desk.waits("register_matter.ripple")
        assert "Why a person decides" in screen.text
        words = {"do": "STANDS", "f.words": "What was granted is not less than is due."}
        await screen_sent(screen, words)
        await desk.waits("register_matter.ripple", "or you decided it yourself")
        fresh = Desk(nation, "second_social_register_official")
        await fresh.log_in()
        screen = await fresh.waits("register_matter.anew")
        case = await fresh.sends(screen, "DECIDE_ANEW", **await _a_cent_more(screen))
        mine = await birth._mothers.open(f"{nation.portal_url}/cases/{case}")
        assert "Decided anew" in mine.text
        link = mine.link("/decisions/social/")
        assert link is not None
        newest = await mine.go(link)
        assert "Somebody looked at it again." in newest.text


async def _a_cent_more(screen: Page) -> dict[str, str]:
    """Every field of deciding anew by hand, with a sum that is no smaller: nobody has to be asked."""
    line = next(one for one in screen.form("/screens/").options("f.line_one") if "parental_benefit" in one)
    reasons = {f"reasons_{language}": "Somebody looked at it again." for language in ("et", "vi", "en")}
    return {
        "line_one": line,
        "value_one": "9999.00",
        "hearing": "favourable",
        "considerations": "The correction.",
        **reasons,
    }


def _words(given: Mapping[str, str]) -> dict[str, str]:
    return {"action": given["do"], "words": given["f.words"]}


async def ask_the_population_office(nation: Nation, desk: Desk, screen: Page) -> None:
    """From the case over the exchange to another body's desk, and its answer back into the case."""
    case = screen.url.partition("/screens/")[0]
    asking = await desk.browser.open(f"{case}/screens/consult.ask")
    assert "Population register" in asking.text and "A parent worked in another country" in asking.text
    assert "Family benefits" not in asking.text, "one's own body is not another"
    person = nation.people["check_mother"]
    question = {
        "do": "CONSULT",
        "f.body": "population",
        "f.about": person.code,
        "f.question": "Since when is she here?",
    }
    await screen_sent(asking, question)
    other = Desk(nation, "population_register_official")
    await other.log_in()
    matter = await other.waits("register_matter.consultation", "Since when is she here?")
    assert (
        person.code in matter.text
        and "Family benefits" in matter.text
        and "worked in another" not in matter.text
    )
    await other.sends(matter, "ANSWER", words="Since her birth.")

    async def answered() -> Page | None:
        page = await desk.browser.open(case)
        return page if "Since her birth." in page.text else None

    page = await soon("the answer is in the case", answered)
    assert "Asked of other bodies" in page.text and "Answered" in page.text


class Desk:
    """An official of a register, at theirs."""

    def __init__(self, nation: Nation, who: str = "social_register_official") -> None:
        self.portal = nation.portal_url
        self.person: Mapping[str, str] = next(
            one for one in nation.description["test_people"] if one.get("id") == who
        )
        self.browser = Browser("en")

    async def log_in(self) -> None:
        await log_in(self.browser, self.portal, self.person, official=True)

    async def waits(self, screen: str, saying: str = "") -> Page:
        """The first matter of the desk that has this screen, and says this on it."""

        async def found() -> Page | None:
            desk = await self.browser.open(f"{self.portal}/desk")
            for link in dict.fromkeys(one for one in desk.links if one.startswith("/desk/cases/")):
                case = await desk.go(link)
                wanted = case.link(f"/screens/{screen}")
                if wanted is not None and saying in (page := await case.go(wanted)).text:
                    return page
            return None

        return await soon(f"{screen} waits at the desk", found)

    async def sends(self, screen: Page, action: str, **given: str) -> str:
        """The case, once the register has done it; the same form sent again changes nothing."""
        answers = {"do": action, **{f"f.{name}": value for name, value in given.items()}}
        await screen_sent(screen, answers)
        await screen_sent(screen, answers)
        case = screen.url.partition("/cases/")[2].split("/")[0]

        async def done() -> Page | None:
            page = await self.browser.open(f"{self.portal}/desk/cases/{case}")
            return page if "The register did it" in page.text else None

        page = await soon("the register does it", done)
        assert page.text.count("The register did it") == 1
        return case


async def dispute_pay(birth: _Birth, nation: Nation) -> None:
    """Where the register's facts about her are shown."""
    assert nation.systems is not None
    person = birth._mother
    portal, social = nation.systems.clients["portal"], nation.systems.service_of("social")
    context = CallContext(
        user_id=f"{person['country']}{person['code']}", legal_ground="GDPR 15", issue="own-1"
    )
    facts = await portal.get(
        social, ["persons", person["code"], "facts"], params=[("history", "true")], context=context
    )
    (abroad,) = [
        one["fact"] for one in facts.json()["items"] if one["key"] == "FI1234" and not one.get("known_to")
    ]
    page = await birth._mothers.open(f"{nation.portal_url}/my-data?register=social")
    (form,) = [
        form for form in page.forms if "fact" in form.fields and form.fields["fact"].value == str(abroad)
    ]
    after = await page.submit(form, {"reason": "I earned more there."})
    assert "/receipts/" in after.url, after.text
