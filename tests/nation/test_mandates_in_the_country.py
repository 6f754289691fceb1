"""Mandates in the composed country: asked at the moment of acting, over the wire; withdrawn mid-form and mid-case; attacked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio

from sild.adapter import CallContext
from sild.cases import Actor, Refused
from sild.errors import PeerError, Unavailable
from sild.nation import COUNTRY, Nation
from sild.nation.browser import Browser, Page
from sild.nation.journeys import log_in, screen_sent, soon
from sild.nation.ward_walk import Ward
from sild.openid import Party
from sild.registries import BusinessRegister, PopulationRegister, ResidenceRegister
from sild.registries.kernel import Usage
from sild.registries.kernel.corrections import disputes
from sild.registries.residence.addresses import dwelling
from sild.registries.residence.homes import owned_by, residents_of

from .test_held_offer import Desk as AnyDesk

pytestmark = pytest.mark.asyncio(loop_scope="module")
Value = Any  # JSON
PLACE = {"f.where": "here", "f.words": "Tartu", "do": "FIND"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def country(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Nation]:
    plan = replace(COUNTRY, people=600)
    async with await Nation.start(tmp_path_factory.mktemp("country") / "nation", plan=plan) as nation:
        yield nation


class Two:
    """Somebody who gives, and somebody who acts."""

    def __init__(self, nation: Nation, giver: str, holder: str) -> None:
        people = {one["id"]: one for one in nation.description["test_people"]}  # type: ignore[attr-defined]
        self.nation, self.giver, self.holder = nation, people[giver], people[holder]
        self.giving, self.acting = Browser(), Browser()
        self.mandate = ""

    async def log_in(self) -> None:
        await log_in(self.giving, self.nation.portal_url, self.giver)
        await log_in(self.acting, self.nation.portal_url, self.holder)

    async def give(self, depth: str = "0") -> None:
        page = await self.giving.open(f"{self.nation.portal_url}/mandates")
        given, _, family = self.holder["name"].rpartition(" ")
        answers = {
            "code": code(self.holder),
            "given_name": given,
            "family_name": family,
            "role": "SILD:REPRESENTATIVE",
            "depth": depth,
        }
        form = next(form for form in page.forms if "code" in form.fields)
        assert "/receipts/" in (await page.submit(form, answers)).url
        page = await self.giving.open(f"{self.nation.portal_url}/mandates")
        self.mandate = next(form.fields["mandate"].value for form in page.forms if "mandate" in form.fields)

    async def withdraw(self) -> None:
        page = await self.giving.open(f"{self.nation.portal_url}/mandates")
        form = next(form for form in page.forms if "withdraw" in form.action)
        assert "/receipts/" in (await page.submit(form)).url

    async def act_for(self) -> Page:
        page = await self.acting.open(f"{self.nation.portal_url}/settings")
        form = next(
            form for form in page.forms if "/acting" in form.action and form.buttons[0].value == "choose"
        )
        page = await page.submit(form, {"whom": "choose"})
        return await page.submit(page.form("/representee"), {"representee": code(self.giver)})

    def actor(self, **other: Value) -> Actor:
        person = Actor(
            person=code(self.holder),
            acr="high",
            representee=code(self.giver),
            mandate_id=self.mandate,
            posture="managed",
        )
        return replace(person, **other)

    @property
    def owner(self) -> Actor:
        return Actor(person=code(self.giver), acr="high")


def code(person: Value) -> str:
    return f"{person['country']}{person['code']}"


async def test_withdrawn_in_the_middle_of_a_form_and_of_a_case(country: Nation) -> None:
    two = Two(country, "married_mother", "unmarried_father")
    await two.log_in()
    await two.give()
    page = await two.act_for()
    assert two.giver["name"] in page.text
    page = await page.go("/services/move")
    page = await page.submit(page.form("/begin"))
    case = page.url.partition("/cases/")[2].split("/")[0]
    address = f"{country.portal_url}/cases/{case}/screens/move.place"
    page = await two.acting.open(address)
    kept = await page.submit(page.form("/screens/move.place"), {**PLACE, "do": "SAVE"})
    assert "Tartu" in str(kept.form("/screens/move.place").fields["f.words"].value)
    before = await country.cases.view(case, two.owner)
    await two.withdraw()

    late = await page.submit(page.form("/screens/move.place"), PLACE)
    assert late.status == 401 and "You no longer act for this person" in late.text
    after = await country.cases.view(case, two.owner)
    assert len(after.timeline) == len(before.timeline)  # nothing was done
    page = await two.giving.open(address)
    assert page.form("/screens/move.place").fields["f.words"].value == "Tartu"  # and nothing lost
    assert "/receipts/" in (await screen_sent(page, PLACE)).url  # she goes on by herself


async def test_the_case_system_asks_by_itself(country: Nation) -> None:
    """Whoever gets past the portal's session, or in between its looks, is refused all the same."""
    two = Two(country, "unmarried_mother", "single_mother")
    await two.log_in()
    await two.give()
    cases = country.cases
    case = await cases.open_case("move", two.actor(), key="m" * 40)
    given = {"where": ["here"], "words": ["Tartu"]}
    for forged in (
        two.actor(mandate_id="made-up"),
        two.actor(mandate_id=None),
        two.actor(mandate_id="parent-1"),
    ):
        with pytest.raises(Refused) as refused:
            await cases.act(case, "FIND", forged, given, key="f" * 40)
        assert refused.value.code == "mandate_ended"
    assert (await cases.act(case, "FIND", two.actor(), given, key="g" * 40)).again is False
    await two.withdraw()
    for service in (lambda: cases.act(case, "FIND", two.actor(), given, key="h" * 40),
                    lambda: cases.open_case("move", two.actor(), key="n" * 40)):  # fmt: skip
        with pytest.raises(Refused) as refused:
            await service()
        assert refused.value.code == "mandate_ended"


async def test_passed_on_it_counts_until_any_link_above_it_ends(country: Nation) -> None:
    first = Two(country, "single_mother", "married_father")
    await first.log_in()
    await first.give(depth="1")
    page = await first.acting.open(f"{country.portal_url}/mandates")
    page = await page.go(page.link("/pass-on") or "")
    second = Two(country, "single_mother", "unmarried_father")
    await log_in(second.acting, country.portal_url, second.holder)
    given, _, family = second.holder["name"].rpartition(" ")
    answers = {"code": code(second.holder), "given_name": given, "family_name": family}
    assert "/receipts/" in (await page.submit(page.form("/pass-on"), answers)).url
    page = await second.act_for()
    assert second.giver["name"] in page.text
    page = await page.go("/services/move")
    page = await page.submit(page.form("/begin"))
    case = page.url.partition("/cases/")[2].split("/")[0]
    address = f"{country.portal_url}/cases/{case}/screens/move.place"
    page = await second.acting.open(address)
    kept = await page.submit(page.form("/screens/move.place"), {**PLACE, "do": "SAVE"})
    assert "Tartu" in str(kept.form("/screens/move.place").fields["f.words"].value)
    await first.withdraw()  # the link above
    late = await page.submit(page.form("/screens/move.place"), PLACE)
    assert late.status == 401 and "You no longer act for this person" in late.text


async def test_one_persons_mandate_is_not_anothers(country: Nation) -> None:
    two = Two(country, "married_father", "owner")
    await two.log_in()
    await two.give()
    thief = Two(country, "married_father", "single_mother")
    thief.mandate = two.mandate
    with pytest.raises(Refused) as refused:
        await country.cases.open_case("move", thief.actor(), key="t" * 40)
    assert refused.value.code == "mandate_ended"
    with pytest.raises(Refused):  # of somebody who gave none
        await country.cases.open_case("move", two.actor(representee=code(thief.holder)), key="u" * 40)


async def test_nobody_acts_in_anothers_name_while_the_keeper_is_silent(country: Nation) -> None:
    two = Two(country, "owner", "married_mother")
    await two.log_in()
    await two.give()
    mandates = country.identity.mandates
    between = mandates.chains_of

    def silent(*_: Value, **__: Value) -> Value:
        raise Unavailable("the register does not answer")

    mandates.chains_of = silent  # type: ignore[method-assign]
    try:
        with pytest.raises(Unavailable):
            await country.cases.open_case("move", two.actor(), key="s" * 40)
    finally:
        mandates.chains_of = between  # type: ignore[method-assign]
    assert await country.cases.open_case("move", two.actor(), key="s" * 40)


LANDLORD = "EE10001012"
HOLDING = "10001029"
"""Of which one who decides holds a share, and it of the landlord."""


class Landlord:
    """A company that owns homes, and the member of its board."""

    def __init__(self, nation: Nation) -> None:
        people = {one["id"]: one for one in nation.description["test_people"]}  # type: ignore[attr-defined]
        assert nation.systems is not None
        register = nation.systems.registers["business"].register
        assert isinstance(register, BusinessRegister)
        self.nation, self.register, self.member = nation, register, people["board_member"]
        self.browser = Browser()

    async def log_in(self) -> Page:
        """As the company: chosen among whom one may act for."""
        await log_in(self.browser, self.nation.portal_url, self.member)
        return await self.choose()

    async def choose(self) -> Page:
        page = await self.browser.open(f"{self.nation.portal_url}/settings")
        forms = (form for form in page.forms if "/acting" in form.action)
        form = next(form for form in forms if form.buttons[0].value == "choose")
        page = await page.submit(form, {"whom": "choose"})
        return await page.submit(page.form("/representee"), {"representee": LANDLORD})

    async def open(self, path: str) -> Page:
        return await self.browser.open(f"{self.nation.portal_url}{path}")

    def strike_off(self) -> None:
        self.register.strike_off(LANDLORD[2:], self.member["code"], self._usage())

    def enter(self) -> None:
        self.register.enter(LANDLORD[2:], self.member["code"], self.member["name"], self._usage())

    def _usage(self) -> Usage:
        return Usage("SILD/GOV/70000012/registrar", str(uuid4()), user_id="automatic", basis="ÄRS § 3")

    @property
    def residence(self) -> ResidenceRegister:
        assert self.nation.systems is not None
        register = self.nation.systems.registers["residence"].register
        assert isinstance(register, ResidenceRegister)
        return register

    def dwelling(self, *, lived_in: bool) -> tuple[str, str, list[str]]:
        """One it owns: id, address, and who lives there."""
        with self.residence.kernel.used("test", self._usage()) as use:
            for owned in owned_by(use, LANDLORD[2:]):
                there = [fact.entity for fact in residents_of(use, owned.entity, on=use.today)]
                if bool(there) is lived_in:
                    address = dwelling(use, owned.entity).address
                    return owned.entity, f"{address.street} {address.house}", there
        raise AssertionError("the company owns no such dwelling")


async def asked_to_let_in(landlord: Landlord, mover: Value) -> str:
    """Somebody wants to live in the company's; the case, in which it is asked."""
    home, address, _nobody = landlord.dwelling(lived_in=False)
    browser = Browser()
    await log_in(browser, landlord.nation.portal_url, mover)
    page = await browser.open(f"{landlord.nation.portal_url}/services/move")
    page = await page.submit(page.form("/begin"))
    case = page.url.partition("/cases/")[2].split("/")[0]
    screens = f"{landlord.nation.portal_url}/cases/{case}/screens"
    await screen_sent(await browser.open(f"{screens}/move.place"), {**PLACE, "f.words": address})
    page = await browser.open(f"{screens}/move.notice")
    today = datetime.now(ZoneInfo("Europe/Tallinn")).date().isoformat()
    notice = {
        "f.place": f"dwelling:{home}",
        "f.people": page.form("/screens/move.notice").options("f.people")[0],
        "f.valid_from": today,
        "f.basis": "consent",
        "do": "SEND",
    }
    await screen_sent(page, notice)

    async def asked() -> str | None:
        return (await landlord.open("/home")).link(f"/cases/{case}", "move.consent")

    await soon("the company is asked", asked)
    return case


async def test_a_member_of_a_board_acts_for_the_company(country: Nation) -> None:
    landlord = Landlord(country)
    page = await landlord.log_in()
    assert "Kodumaja OÜ" in page.text and LANDLORD in page.text
    home = await landlord.open("/home")
    assert "You act for the company" in home.text and "This person does not live here" in home.text
    assert "Moving home" not in home.text, "what is for people is not offered"
    data = await landlord.open("/my-data")
    for words in ("each member of the board alone", landlord.member["name"], "Owns the dwelling"):
        assert words in data.text, words
    looked = await landlord.open("/who-looked")
    assert "Who looked at the company" in looked.text and "Business register" in looked.text
    refused = await landlord.open("/services/move")
    refused = await refused.submit(refused.form("/begin"))
    assert "not for companies" in refused.text, refused.text[60:260]


async def test_a_company_consents_as_owner_and_who_is_struck_off_does_not(country: Nation) -> None:
    landlord = Landlord(country)
    await landlord.log_in()
    people = {one["id"]: one for one in country.description["test_people"]}  # type: ignore[attr-defined]
    mover = people["check_resident"]
    case = await asked_to_let_in(landlord, mover)
    inbox = await landlord.open("/inbox")
    assert "Someone wants to live at yours" in inbox.text
    address = f"/cases/{case}/screens/move.consent"
    page = await landlord.open(address)
    assert mover["name"] in page.text and mover["code"] not in page.text

    landlord.strike_off()  # in the middle of the form
    late = await page.submit(page.form("/screens/move.consent"), {"do": "CONSENT"})
    assert late.status == 401 and "You no longer act for" in late.text
    resident = Actor(person=code(mover), acr="high")
    assert "CONSENT" not in [one.name for one in (await country.cases.view(case, resident)).timeline]
    person = Actor(
        person=code(landlord.member),
        acr="high",
        representee=LANDLORD,
        mandate_id="board-1",
        posture="managed",
    )
    with pytest.raises(Refused) as refused:  # past the portal's session
        await country.cases.act(case, "CONSENT", person, {}, key=str(uuid4()))
    assert refused.value.code == "mandate_ended"

    landlord.enter()
    await landlord.log_in()
    await screen_sent(await landlord.open(address), {"do": "CONSENT"})
    await soon("the consent counts", lambda: _received(country, case, resident))
    known = _case(country, case)
    taken = next(one for one in known.actions if one.name == "CONSENT")
    assert (taken.person, taken.acting_for) == (landlord.member["code"], LANDLORD[2:])
    assert str(taken.mandate).startswith("board-")

    official = people["residence_official"]
    landlord.register.enter(LANDLORD[2:], official["code"], official["name"], landlord._usage())
    desk = Actor(
        person=code(official),
        acr="high",
        posture="managed",
        roles=frozenset({"official"}),
        authority=known.office,
    )
    await country.cases.take(case, desk, key=str(uuid4()))
    with pytest.raises(Refused) as refused:  # on the board of a party
        await country.cases.act(case, "ACCEPT", desk, {}, key=str(uuid4()))
    assert refused.value.code == "conflict_of_interest"
    landlord.register.strike_off(LANDLORD[2:], official["code"], landlord._usage())
    holder = people["social_contest_official"]
    for company, owner, name in (
        (LANDLORD[2:], HOLDING, "Üürikorter AS"),
        (HOLDING, holder["code"], holder["name"]),
    ):
        seller = landlord.register.shareholders_of(company, landlord._usage())[0]
        for who, share in ((seller.entity, None), (owner, "1/9")):
            landlord.register.enter_share(company, who, name, share, landlord._usage())
    shareholder = replace(desk, person=code(holder))
    await country.cases.take(case, shareholder, key=str(uuid4()))
    with pytest.raises(Refused) as refused:  # of a company that holds a share of a party
        await country.cases.act(case, "ACCEPT", shareholder, {}, key=str(uuid4()))
    assert refused.value.code == "conflict_of_interest"
    other = replace(desk, person=code(people["superior_official"]))
    await country.cases.take(case, other, key=str(uuid4()))
    await country.cases.act(case, "ACCEPT", other, {}, key=str(uuid4()))
    accepted = next(one for one in _case(country, case).actions if one.name == "ACCEPT")
    assert accepted.data["conflict"] == {"kinship": "checked", "boards": "checked", "holdings": "checked"}


async def _received(country: Nation, case: str, resident: Actor) -> bool | None:
    return (await country.cases.view(case, resident)).status == "RECEIVED" or None


def _case(country: Nation, case: str) -> Value:
    return country.cases._parts.read(case)


async def test_a_company_asks_that_somebody_be_removed(country: Nation) -> None:
    """The request is the company's, said by its member: so the message, the register and who looked have it."""
    landlord = Landlord(country)
    await landlord.log_in()
    home, _address, (resident, *_others) = landlord.dwelling(lived_in=True)
    page = await landlord.open("/services/removal")
    page = await page.submit(page.form("/begin"))
    case = page.url.partition("/cases/")[2].split("/")[0]
    await screen_sent(page, {"f.dwelling": home, "f.person": resident, "do": "REQUEST"})
    await soon("the register has the request", lambda: _noticed(country, case))
    with landlord.residence.kernel.used("test", landlord._usage()) as use:
        (removal,) = use.facts.current(resident, ["removal"], on=use.today)
        assert removal.value["owner"] == LANDLORD[2:]
    asked = next(
        entry
        for entry in landlord.residence.kernel.usage_of(LANDLORD[2:]).entries
        if entry.operation == "requestRemoval"
    )
    assert asked.usage.actor == landlord.member["code"] and asked.usage.principal == LANDLORD[2:]
    looked = await landlord.open("/who-looked?own=yes&register=residence")
    assert "An owner asked for a removal" in looked.text and " · you" in looked.text


async def _noticed(country: Nation, case: str) -> bool | None:
    return _case(country, case).status == "NOTICED" or None


async def test_a_company_says_that_its_entry_is_wrong_and_the_registrar_corrects_it(country: Nation) -> None:
    landlord = Landlord(country)
    await landlord.log_in()
    page = await landlord.open("/my-data?register=business")
    office = "company.registered_office"
    wrong = next(
        form for form in page.forms if "concept" in form.fields and form.fields["concept"].value == office
    )
    assert "/receipts/" in (await page.submit(wrong, {"reason": "We moved to Riia 12, Tartu."})).url
    desk = AnyDesk(country, "business_register_official")
    await desk.log_in()
    screen = await desk.waits("register_matter.dispute", "We moved to Riia 12, Tartu.")
    case = await desk.sends(
        screen, "CORRECT", value="Riia 12, Tartu", words="Decision of the board of 2 November."
    )
    assert "Riia 12, Tartu" in (await landlord.open("/my-data")).text
    told = await landlord.open(f"/cases/{case}")
    assert told.status == 200 and "The fact was corrected" in told.text


async def test_a_power_of_attorney_of_a_company_is_passed_on_and_falls_with_its_root(country: Nation) -> None:
    landlord = Landlord(country)
    await landlord.log_in()
    books = Two(country, "married_father", "single_mother")  # the accountant, and whom they pass it on to
    await books.log_in()
    page = await landlord.open("/mandates")
    given, _, family = books.giver["name"].rpartition(" ")
    form = next(form for form in page.forms if "code" in form.fields)
    answers = {"code": code(books.giver), "given_name": given, "family_name": family, "role": "SILD:REPRESENTATIVE", "depth": "1"}  # fmt: skip
    wrong = await page.submit(form, {**answers, "code": "EE10001029"})
    assert wrong.status == 422, "a company is nobody who acts"
    assert "/receipts/" in (await page.submit(form, answers)).url
    page = await books.giving.open(f"{country.portal_url}/mandates")
    assert "Kodumaja OÜ" in page.text
    page = await page.go(page.link("/pass-on") or "")
    given, _, family = books.holder["name"].rpartition(" ")
    answers = {"code": code(books.holder), "given_name": given, "family_name": family}
    assert "/receipts/" in (await page.submit(page.form("/pass-on"), answers)).url
    chain = await landlord.open("/mandates")
    assert books.giver["name"] in chain.text and books.holder["name"] in chain.text, "the company sees both"

    page = await books.acting.open(f"{country.portal_url}/settings")
    form = next(form for form in page.forms if "/acting" in form.action and form.buttons[0].value == "choose")
    page = await page.submit(form, {"whom": "choose"})
    page = await page.submit(page.form("/representee"), {"representee": LANDLORD})
    page = await page.go("/services/removal")
    page = await page.submit(page.form("/begin"))
    request = page.form("/screens/removal.request")
    landlord.strike_off()  # the company's mandate outlives whoever gave it
    landlord.enter()
    chain = await landlord.open("/mandates")
    form = next(form for form in chain.forms if "withdraw" in form.action)
    assert "/receipts/" in (await chain.submit(form)).url
    late = await page.submit(request, {"do": "WITHDRAW"})
    assert late.status == 401 and "You no longer act for" in late.text


async def test_who_represents_only_with_others_has_no_mandate(country: Nation) -> None:
    """And a bankrupt company's powers of attorney do not count; those of one whose board acts together do."""
    landlord = Landlord(country)
    kernel = landlord.register.kernel
    mandates, company = country.identity.mandates, Party("LEGAL_PERSON", LANDLORD, legal_name="Kodumaja OÜ")
    books = Party("NATURAL_PERSON", code(Two(country, "owner", "single_mother").holder))
    given = await asyncio.to_thread(
        mandates.add, company, books, "SILD:REPRESENTATIVE", actor=code(landlord.member)
    )
    for name, value, back in (("representation", "joint", "sole"), ("status", "bankrupt", "registered")):
        for now, held in ((value, False), (back, True)):
            with kernel.used("test", landlord._usage()) as use:
                fact = use.facts.fact(LANDLORD[2:], name, on=use.today)
                assert fact is not None
                use.facts.record(LANDLORD[2:], name, now, valid_from=use.today, provenance=fact.provenance)
            page = await landlord.browser.open(f"{country.portal_url}/home")
            chains = await _chains(country, code(landlord.member))
            assert (LANDLORD in chains) is held, (name, now, page.status)
            attorney = LANDLORD in await _chains(country, books.identifier)
            assert attorney is (held or name == "representation"), (name, now)
    await asyncio.to_thread(mandates.withdraw, given.id, actor=code(landlord.member))


async def test_a_power_of_attorney_ends_with_whoever_gave_it(country: Nation) -> None:
    two = Two(country, "check_resident", "single_mother")
    await two.log_in()
    await two.give()
    page = await two.act_for()
    page = await page.go("/services/move")
    page = await page.submit(page.form("/begin"))
    population = _population(country)
    dead = two.giver["code"]
    await dies(country, two.giver)
    late = await page.submit(page.form("/screens/move.place"), PLACE)
    assert late.status == 401 and "You no longer act for this person" in late.text
    assert code(two.giver) not in await _chains(country, code(two.holder))
    asked = next(one for one in population.kernel.usage_of(dead).entries if one.operation == "getStatus")
    assert asked.usage.user_id == code(two.holder)

    await says_they_live(country, two.giving)
    first, second = Desk(country, OFFICIALS[0]), Desk(country, OFFICIALS[1])
    await first.log_in()
    await second.log_in()
    await first.annuls("They were here.")
    assert _died(country, dead), "one official alone makes nobody live"
    await second.waits("register_matter.death", "Another official says the person lives")
    await first.annuls_in_vain("Whoever said so first does not confirm it: another official does.")
    assert _died(country, dead)
    await second.annuls("I have seen them, too.")
    assert not _died(country, dead)
    assert code(two.giver) in await _chains(country, code(two.holder)), "the power of attorney counts again"
    inbox = (await two.giving.open(f"{country.portal_url}/inbox")).text
    assert "Two officials have annulled the recorded death" in inbox
    said = [one.usage for one in population.kernel.usage_of(dead).entries if one.operation == "annulDeath"]
    acted = {one.user_id for one in said if one.user_id}
    assert acted == {code(first.person), code(second.person)}, "they see by whom"


async def test_nobody_annuls_their_own_death_nor_one_that_they_wrote(country: Nation) -> None:
    """At the desk, and whoever gets past it."""
    people = _people(country)
    second = Desk(country, OFFICIALS[1])
    await second.log_in()
    wrong = Browser()
    await log_in(wrong, country.portal_url, people["single_mother"])
    await dies(country, people["single_mother"])
    await says_they_live(country, wrong)
    screen = await second.waits("register_matter.death")
    await second.sends(screen, "CORRECT_DAY", value="2026-01-02", words="The certificate says so.")
    await says_they_live(country, wrong)
    await second.annuls_in_vain("Whoever said that the person died does not annul it: another official does.")
    assert _died(country, people["single_mother"]["code"])

    first = Desk(country, OFFICIALS[0])
    await first.log_in()
    themselves = people[OFFICIALS[0]]
    citizen = Browser()
    await log_in(citizen, country.portal_url, themselves)
    await dies(country, themselves)
    await says_they_live(country, citizen)
    case = (await second.waits("register_matter.death", themselves["code"])).url
    own = await first.browser.open(case)
    assert "It is about you: somebody else decides." in own.text
    with pytest.raises(PeerError, match="This was not done"):
        await screen_sent(own, {"do": "ANNUL", "f.words": "I live."})
    assert country.systems is not None
    register, portal = country.systems.service_of("population"), country.systems.clients["portal"]
    with _population(country).kernel.used("test", Usage("SILD/GOV/70000002/population", str(uuid4()))) as use:
        dispute = next(one.id for one in disputes(use) if one.person == themselves["code"])
    not_proven = "acting_not_proven"
    for user, refusal in (
        (code(themselves), not_proven),
        (code(people[OFFICIALS[1]]), not_proven),
        ("automatic", "officials_only"),
    ):
        forged = CallContext(user_id=user, legal_ground="HMS § 6", issue="forged")
        for key in (dispute, "nobody-disputed-it"):
            path = ["disputes", key, "annulment"]
            answer = await portal.post(register, path, json={"reason": "He lives."}, context=forged)
            why = str(answer.json()["type"]).rpartition(":")[2]
            assert (answer.status, why) == (403, refusal), user
    assert _died(country, themselves["code"])


OFFICIALS = ("population_register_official", "second_population_register_official")


class Desk(AnyDesk):
    """Of the population register, where somebody says that they live."""

    async def annuls(self, words: str) -> None:
        await self.sends(await self.waits("register_matter.death"), "ANNUL", words=words)

    async def annuls_in_vain(self, why: str) -> None:
        await screen_sent(await self.waits("register_matter.death"), {"do": "ANNUL", "f.words": "I am sure."})
        await self.waits("register_matter.death", why)


def _people(country: Nation) -> dict[str, Value]:
    return {one["id"]: one for one in country.description["test_people"]}  # type: ignore[attr-defined]


def _population(country: Nation) -> PopulationRegister:
    assert country.systems is not None
    register = country.systems.registers["population"].register
    assert isinstance(register, PopulationRegister)
    return register


def _died(country: Nation, person: str) -> str | None:
    with _population(country).kernel.used("test", Usage("SILD/GOV/70000005/hospital", str(uuid4()))) as use:
        died: str | None = use.facts.value(person, "died", on=use.today)
        return died


async def dies(country: Nation, person: Value) -> None:
    """By a doctor's notice of today, from the ward."""
    ward = Ward(country.description["ward"]["address"], _people(country)["physician"])  # type: ignore[index]
    today = _population(country).kernel.today.isoformat()
    said = {"person": person["code"], "full_name": person["name"], "died": today}
    await ward.give_notice_of_death(said)

    async def recorded() -> str | None:
        return _died(country, person["code"])

    assert await soon("the death is recorded", recorded)


async def says_they_live(country: Nation, browser: Browser) -> None:
    page = await browser.open(f"{country.portal_url}/my-data?register=population")
    of_death = "person.date_of_death"
    wrong = next(
        one for one in page.forms if "concept" in one.fields and one.fields["concept"].value == of_death
    )
    assert "/receipts/" in (await page.submit(wrong, {"reason": "I live."})).url


async def _chains(country: Nation, person: str) -> list[str]:
    found = await asyncio.to_thread(country.identity.mandates.chains_of, person)
    return [chain[-1].representee.identifier for chain in found]
