"""Every branch of both journeys that ends otherwise, walked in a browser by citizen and official, in three languages between them.

Each has the country's languages in another order: SILD_WALKS=1 and 2 give the two other ones. Some are walked without a script, too.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser
from sqlalchemy import update

import sild.nation.people as people_of_the_country
from sild.cases import Actor
from sild.nation import COUNTRY, Nation
from sild.registries.education.tables import groups
from sild.registries.identity_codes import estonia
from sild.registries.kernel import Usage, Use
from sild.registries.population.life_events import order_protection, record_stillbirth
from sild.registries.population.persons import children_of
from sild.registries.synthetic import SyntheticPerson, synthetic_homes, synthetic_people
from support.chromium import chromium

from .test_walks_in_a_browser import give_notice, loops, running
from .walker import LANGUAGES, Someone, Walker

pytestmark = pytest.mark.slow
ORDER = int(os.environ.get("SILD_WALKS", "0"))
PEOPLE = 4_000
TARTU = "0793"  # where the desks are


class Crowd:
    """People nobody has met: each is taken once. All may log in."""

    def __init__(self) -> None:
        everybody = synthetic_people(PEOPLE)
        synthetic_homes(everybody)
        self.known = people_of_the_country.find_test_people(PEOPLE)
        codes = {one.code for one in self.known.values()}
        self._left = [
            one
            for one in everybody
            if one.country == "EE" and one.died is None and one.home is not None and one.code not in codes
        ]
        self._left.sort(key=lambda one: one.home.division != TARTU)
        self._homes = {one.home for one in everybody if one.code in codes}
        self.extra: dict[str, people_of_the_country.TestPerson] = {}
        self._shares = sorted(
            {one.home for one in self._left if one.home},
            key=lambda home: (home.street, str(home.house), str(home.apartment)),
        )

    def _take(self, fits, role: str) -> SyntheticPerson:
        found = next(one for one in self._left if fits(one))
        self._left.remove(found)
        self.add(found, role)
        return found

    def add(self, person: SyntheticPerson, role: str) -> None:
        if person in self._left:
            self._left.remove(person)
        home = person.home
        assert home is not None
        self.extra[role] = people_of_the_country.TestPerson(
            role, person.code, "EE", person.given_names, person.family_name, person.born.isoformat(),
            "walks", f"{home.street} {home.house}, {home.municipality}",
        )  # fmt: skip

    def single(self, role: str, sex: str = "") -> None:
        self._take(lambda p: p.spouse is None and 1966 < p.born.year < 2000 and p.sex in (sex or "MF"), role)

    def couple(self, wife: str, husband: str) -> None:
        found = self._take(
            lambda p: p.sex == "F" and p.spouse in self._left and 1982 < p.born.year < 2000 and p.spouse.home is p.home, wife
        )  # fmt: skip
        assert found.spouse is not None
        self.add(found.spouse, husband)

    def family(self, child: str, mother: str, father: str) -> None:
        found = self._take(
            lambda p: p.born.year > 2012 and all(one in self._left and one.home is p.home for one in (p.mother, p.father)), child
        )  # fmt: skip
        assert found.mother is not None and found.father is not None
        self.add(found.mother, mother)
        self.add(found.father, father)

    def nobody(self, role: str) -> None:
        """Who can log in, and stands in no register."""
        code = estonia.make(date(1990, 3, 3), "F", 77)
        self.extra[role] = people_of_the_country.TestPerson(
            role, code, "EE", "Eikeegi", "Eikusagilt", "1990-03-03", "walks"
        )

    def house(self, *owners: str) -> None:
        """A home these own, and nobody else."""
        free = {person.code: person for person in self._left}
        home = next(
            home for home in self._shares
            if home.division == TARTU
            and home.apartment is None
            and home.floor_area > 60 and len(home.owners) == len(owners)
            and all(owner.code in free and free[owner.code].home is home for owner in home.owners)
        )  # fmt: skip
        for role, owner in zip(owners, home.owners, strict=True):
            self.add(free[owner.code], role)


def crowd() -> Crowd:
    found = Crowd()
    for number in range(5):
        found.house(f"owner{number}")
    found.house("half", "other_half")
    for number in range(4):
        found.couple(f"wife{number}", f"husband{number}")
    for number in range(3):
        found.single(f"woman{number}", "F")
        found.single(f"man{number}", "M")
    for number in range(8):
        found.single(f"mover{number}")
    for number in range(2):
        found.family(f"child{number}", f"mother{number}", f"father{number}")
    found.nobody("nobody")
    return found


@pytest.fixture(scope="module")
def country(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nation]:
    walkers = crowd()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            people_of_the_country, "find_test_people", lambda count, about: {**walkers.known, **walkers.extra}
        )
        with running(
            tmp_path_factory.mktemp("branches") / "nation", replace(COUNTRY, people=PEOPLE)
        ) as nation:
            yield nation


@pytest.fixture(scope="module")
def browser(country: Nation) -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


class Walks:
    """One branch: who takes part, each in a language of their own."""

    def __init__(self, country: Nation, browser: Browser, order: int, script: bool) -> None:
        self.country, self._browser, self._script = country, browser, script
        self._order = order
        self.people: dict[str, Someone] = {one["id"]: one for one in country.description["test_people"]}  # type: ignore[attr-defined]
        self._walkers: dict[str, Walker] = {}

    def __getitem__(self, role: str) -> Walker:
        if role not in self._walkers:
            language = LANGUAGES[(self._order + len(self._walkers)) % 3]
            self._walkers[role] = Walker(
                self._browser, self.country, self.people[role], language, script=self._script
            )
        return self._walkers[role]

    def done(self) -> None:
        for walker in self._walkers.values():
            walker.done()

    # --- what is done alike in many branches

    def born(self, mother: str, father: str | None = None) -> None:
        give_notice(self._browser, self.country, self.people[mother], father and self.people[father])

    def named(self, mother: str, name: str = "Mari") -> str:
        return self[mother].do(
            "birth.check_and_name", "DECLARE", given_names=name, family_name="*", address="*", wants_place="no"
        )  # fmt: skip

    def begun(self, mover: str) -> str:
        """A case of moving, at its first screen."""
        walker, page = self[mover], self[mover].page
        walker.open("/services/move", "service")
        page.locator("form[action$='/begin'] button").click()
        page.wait_for_url("**/cases/**")
        case = page.url.partition("/cases/")[2].split("/")[0]
        if "/screens/" not in page.url:
            walker.find(f"/cases/{case}", "/screens/move.place")
        return case

    @contextmanager
    def population(self, operation: str) -> Iterator[Use]:
        """What somebody else has entered in the population register."""
        usage = Usage("SILD/GOV/70000009/court", f"walk-{operation}", user_id="automatic", basis="RRS 5")
        with self.country.register.kernel.used(operation, usage) as use:
            yield use

    def reserved(self, authority: str) -> str:
        """A number the office has reserved for days without a line."""
        clerk = Actor(
            person=self.people["birth_official"]["country"] + self.people["birth_official"]["code"],
            acr="high", posture="managed", roles=frozenset({"official"}), authority=authority,
        )  # fmt: skip
        asked = self.country.cases.reserve_numbers("birth", 1, clerk)
        return asyncio.run_coroutine_threadsafe(asked, loops[self.country]).result(20).numbers[0]

    def sent(self, mover: str, owner: str, people: tuple[str, ...] = ()) -> str:
        """A notice of moving to the owner's house; its case."""
        walker, page = self[mover], self[mover].page
        case = self.begun(mover)
        walker.give(where="here", words=self.people[owner]["address"])
        walker.send("move.place", "FIND")
        walker.find(f"/cases/{case}", "/screens/move.notice")
        walker.see("move.notice")
        walker.give(place="dwelling:", valid_from=today(), basis="consent")
        for one in page.locator("input[name='f.people']").all():
            one.set_checked(
                one.get_attribute("value") in {self.people[role]["code"] for role in (mover, *people)}
            )
        walker.send("move.notice", "SEND")
        return case

    def decided(self, case: str) -> None:
        self["residence_official"].do("move.desk", "ACCEPT", case)
        self["residence_official"].do("move.decide", "DECIDE", case)


def today() -> str:
    return datetime.now(ZoneInfo("Europe/Tallinn")).date().isoformat()


BRANCHES: dict[str, Callable[[Walks], None]] = {}
WITHOUT_SCRIPT: set[str] = set()


def branch(*, without_script: bool = False) -> Callable[[Callable[[Walks], None]], Callable[[Walks], None]]:
    """A row of the table."""

    def add(walk: Callable[[Walks], None]) -> Callable[[Walks], None]:
        BRANCHES[walk.__name__] = walk
        if without_script:
            WITHOUT_SCRIPT.add(walk.__name__)
        return walk

    return add


# --- J1


@branch(without_script=True)
def paternity_denied(walks: Walks) -> None:
    """(a) That branch stops, the others go on; he sees no more than his question."""
    walks.born("woman0", "man0")
    case = walks["man0"].do("birth.paternity", "DENY")
    walks["woman0"].reads("/inbox", "birth.notice.paternity_denied", name="inbox")
    assert walks.named("woman0") == case
    walks["woman0"].reads(
        f"/cases/{case}", "birth.action.REGISTER", "birth.action.OFFER", name="birth-registered"
    )
    assert "Mari" not in walks["man0"].reads(f"/cases/{case}", "birth.action.DENY", name="birth-denied")


@branch()
def an_official_registers_without_a_father(walks: Walks) -> None:
    """Nobody says yes or no: at first the desk lacks a word, then it decides."""
    walks.born("woman1", "man1")
    case = walks.named("woman1")
    official = walks["birth_official"]
    official.task("birth.desk", case)
    official.give(without_father="*")
    official.send("birth.desk", "APPROVE")
    walks["woman1"].reads(
        f"/cases/{case}",
        "birth.action.APPROVE",
        "birth.action.REGISTER",
        plain=("Mari",),
        name="birth-registered",
    )


@branch()
def a_child_born_dead(walks: Walks) -> None:
    """(b) Silence: nothing waits, nothing is said, and what is there is closed."""
    walks.born("wife0")
    mother = walks["wife0"]
    mother.task("birth.check_and_name")
    case = mother.case
    with walks.population("recordStillbirth") as use:
        born = children_of(use, walks.people["wife0"]["code"])
        record_stillbirth(
            use,
            walks.people["wife0"]["code"],
            date.fromisoformat(today()),
            max(born, key=lambda one: one.person.born).person.code,
        )
    mother.reads(f"/cases/{case}", "birth.status.SILENCED", name="birth-silenced")
    mother.open("/home", "home")
    assert not mother.page.locator("main a[href*='/screens/']").count()
    father = walks["husband0"]
    father.open("/home", "home")
    assert not father.page.locator("main a[href*='/screens/']").count()


@branch()
def entered_on_paper(walks: Walks) -> None:
    """(g) A commune without a line: what it wrote down is brought in under a number reserved for it."""
    walks.born("wife1")
    mother = walks["wife1"]
    mother.task("birth.check_and_name")
    official = walks["birth_official"]
    number = walks.reserved(official.office)
    official.do(
        "birth.offline", "ENTER_OFFLINE", mother.case,
        reserved_number=number, given_names="Liis", family_name="*", registered_on=today(),
    )  # fmt: skip
    mother.reads(
        f"/cases/{mother.case}",
        "birth.action.ENTER_OFFLINE",
        "birth.action.REGISTER",
        plain=("Liis",),
        name="birth-registered",
    )


@branch(without_script=True)
def no_kindergarten_place(walks: Walks) -> None:
    """(h) A wait with its reason, and the day it is looked at again."""
    education = walks.country.systems.registers["education"].register.kernel.engine  # type: ignore[union-attr]
    with education.begin() as connection:
        connection.execute(update(groups).values(capacity=0))
    walks.born("wife2")
    mother, father = walks["wife2"], walks["husband2"]
    case = mother.do(
        "birth.check_and_name", "DECLARE", given_names="Mari", family_name="*", address="*", wants_place="yes", kindergarten="!any"
    )  # fmt: skip
    father.do("birth.cosign", "COSIGN", case)
    mother.reads(
        f"/cases/{case}",
        "birth.result.kindergarten_review_on",
        "birth.result.kindergarten_reason_is_no_free_place",
        name="birth-waits",
    )


# --- J2


@branch()
def owners_differ(walks: Walks) -> None:
    """(b) Nothing is entered until an official has heard both."""
    case = walks.sent("mover0", "half")
    walks["half"].do("move.consent", "CONSENT", case)
    walks["other_half"].do("move.consent", "REFUSE", case)
    walks["mover0"].reads(f"/cases/{case}", "move.status.DISPUTED", name="move-disputed")
    walks["residence_official"].do("move.dispute", "SETTLE", case, level="commune", words="-")
    walks.decided(case)
    walks["mover0"].reads(
        f"/cases/{case}", "move.action.SETTLE", "move.result.level_is_commune", name="move-settled"
    )


@branch()
def a_child_has_two_custodians(walks: Walks) -> None:
    """Without the father's word the desk cannot accept; with it, it can."""
    case = walks.sent("mother0", "owner0", ("child0",))
    walks["owner0"].do("move.consent", "CONSENT", case)
    walks["father0"].do("move.custody", "ALLOW", case)
    walks.decided(case)
    walks["mother0"].reads(
        f"/cases/{case}", "move.action.ALLOW", "move.action.REGISTER", name="move-registered"
    )


@branch()
def a_custodian_forbids(walks: Walks) -> None:
    case = walks.sent("mother1", "owner1", ("child1",))
    walks["owner1"].do("move.consent", "CONSENT", case)
    walks["father1"].do("move.custody", "FORBID", case)
    official = walks["residence_official"]
    official.task("move.desk", case)
    official.give(defects="custodian_missing")
    official.send("move.desk", "RETURN")
    walks["mother1"].reads(f"/cases/{case}", "move.status.RETURNED", name="move-returned")
    walks["mother1"].find("/home", f"/cases/{case}/screens/move.notice")
    assert (
        walks["mother1"].say("move.reason.custodian_missing")
        in walks["mother1"].page.locator("main").inner_text()
    )


@branch()
def a_protected_person(walks: Walks) -> None:
    """(d) Registered like any other; the address is sealed, at the desk, too."""
    with walks.population("orderProtection") as use:
        order_protection(
            use, protected=walks.people["mover1"]["code"], against=walks.people["mover2"]["code"], children=[],
            valid_from=date.fromisoformat(today()), valid_to=None, order="2-26-1",
        )  # fmt: skip
    case = walks.sent("mover1", "owner2")
    walks["owner2"].do("move.consent", "CONSENT", case)
    walks.decided(case)
    address = walks.people["owner2"]["address"].split(",")[0]
    walks["mover1"].reads(f"/cases/{case}", "move.action.REGISTER", plain=(address,), name="move-registered")
    official = walks["residence_official"]
    seen = official.reads(
        f"/desk/cases/{case}?office={official.office}", "move.result.sealed", name="desk-sealed"
    )
    assert address not in seen


@branch()
def filed_twice(walks: Walks) -> None:
    """(e) Husband and wife each send the same: the second ends when the first is registered."""
    first = walks.sent("wife3", "owner3", ("husband3",))
    second = walks.sent("husband3", "owner3", ("wife3",))
    walks["owner3"].do("move.consent", "CONSENT", first)
    walks["husband3"].do("move.join", "JOIN", first)
    walks.decided(first)
    walks["husband3"].reads(f"/cases/{second}", "move.status.MERGED", name="move-merged")


@branch(without_script=True)
def moved_abroad(walks: Walks) -> None:
    """(f) Nobody has to be asked."""
    walker = walks["mover3"]
    case = walks.begun("mover3")
    walker.give(where="abroad", country="FI", address="Mannerheimintie 1, Helsinki")
    walker.send("move.place", "FIND")
    walker.find(f"/cases/{case}", "/screens/move.notice")
    walker.give(place="*", people="*", valid_from=today(), basis="*")
    walker.send("move.notice", "SEND")
    walks.decided(case)
    walker.reads(f"/cases/{case}", "move.action.REGISTER", "move.result.level_is_abroad", name="move-abroad")


@branch()
def in_no_register(walks: Walks) -> None:
    """(c) The register that does not know somebody is named, and a correction opened there."""
    case = walks.sent("nobody", "owner4")
    walks["nobody"].reads(f"/cases/{case}", "move.status.MISSING", "move.action.REFER", name="move-missing")


# --- what people do by mistake, and what they try


@branch(without_script=True)
def sent_twice_and_gone_back(walks: Walks) -> None:
    """The back button and the same form again: one receipt, one notice."""
    walker, page = walks["mover5"], walks["mover5"].page
    case = walks.sent("mover5", "owner4")
    receipt = page.url
    page.go_back()
    walker.press("move.notice", "SEND")
    page.wait_for_load_state()
    assert page.url == receipt or walker.say("refused.already_done") in page.locator("main").inner_text()
    walker.reads(f"/cases/{case}", "move.action.SEND", name="move-sent")
    entries = page.locator("main ol.line li > p:first-child").all_inner_texts()
    assert len([one for one in entries if walker.say("move.action.SEND") in one]) == 1


@branch()
def other_peoples_case_numbers(walks: Walks) -> None:
    """A case of others and one that does not exist look the same, to citizen and official."""
    case = walks.sent("mover6", "owner4")
    for role in ("mover7", "birth_official"):
        said = set()
        for number in (case, "00000000-0000-4000-8000-000000000000"):
            for path in (f"/cases/{number}", f"/cases/{number}/screens/move.notice"):
                answer = walks[role].page.goto(walks[role].portal + path)
                assert answer is not None and answer.status == 404
                walks[role].see("not-yours")
                said.add(walks[role].page.locator("main").inner_text())
        assert len(said) == 1 and case not in said.pop()


@pytest.mark.timeout(240)
@pytest.mark.parametrize("name", BRANCHES)
def test_branch(country: Nation, browser: Browser, name: str) -> None:
    walks = Walks(country, browser, list(BRANCHES).index(name) + ORDER, script=name not in WITHOUT_SCRIPT)
    BRANCHES[name](walks)
    walks.done()
