"""What the walks through both journeys share: a country with enough people in it, and what is done alike in many branches.

Whoever takes part in a branch has a language of their own; which one goes round by branch and by SILD_WALKS (0, 1, 2), so that each
language walks a third of everything in one round, and in three rounds (`make walks`) everybody walks every branch in all of them.
Without SILD_WALKS (`make test`) every third branch is walked, each day others.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, BrowserContext, Page
from sqlalchemy import create_engine, update

import sild.nation.people as people_of_the_country
from sild.cases import Actor
from sild.database import sqlite_url
from sild.nation import COUNTRY, Nation, NationPlan
from sild.portal.tables import session
from sild.registries.employment import employment
from sild.registries.identity_codes import estonia
from sild.registries.kernel import Usage, Use
from sild.registries.synthetic import SyntheticPerson, synthetic_homes, synthetic_people

from .walker import LANGUAGES, PHONE, Someone, Walker

Result = TypeVar("Result")
ROUND = os.environ.get("SILD_WALKS")
ORDER = int(ROUND or "0")
PEOPLE = 4_000
TARTU = "0793"  # where the desks are
WALKS = {"et": "kõnnib läbi", "vi": "đi qua các trang", "en": "walks"}


def of_today(branches: Iterable[str]) -> list[str]:
    """Which of them are walked in this run."""
    every = list(branches)
    return every if ROUND is not None else every[datetime.now(UTC).toordinal() % 3 :: 3]


class Crowd:
    """People nobody has met: each is taken once. All may log in."""

    def __init__(self) -> None:
        everybody = synthetic_people(PEOPLE)
        synthetic_homes(everybody)
        self.known = people_of_the_country.find_test_people(PEOPLE)
        codes = {one.code for one in self.known.values()}
        known_kin = {code for one in everybody if one.code in codes for code in _kin(one)}
        self._left = [
            one
            for one in everybody
            if one.country == "EE" and one.died is None and one.home is not None and not _kin(one) & known_kin
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
            WALKS, f"{home.street} {home.house}, {home.municipality}",
        )  # fmt: skip

    def single(self, role: str, sex: str = "") -> None:
        self._take(lambda p: p.spouse is None and 1966 < p.born.year < 2000 and p.sex in (sex or "MF"), role)

    def couple(self, wife: str, husband: str, *, pay_known: bool = True) -> None:
        """pay_known: of her; his always is, and another."""
        found = self._take(
            lambda p: p.sex == "F" and p.spouse in self._left and 1982 < p.born.year < 2000 and p.spouse.home is p.home
            and (_pay(p) is not None if pay_known else _is_undeclared(p)) and _pay(p.spouse) not in (None, _pay(p)), wife
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
            role, code, "EE", "Eikeegi", "Eikusagilt", "1990-03-03", WALKS
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


def _is_undeclared(person: SyntheticPerson) -> bool:
    work = employment(person.code, "EE", person.born)
    return work is not None and not work.declared


def _kin(person: SyntheticPerson) -> set[str]:
    """Themselves, spouse and parents: whoever shares one with an official goes to another."""
    return {one.code for one in (person, person.spouse, person.mother, person.father) if one is not None}


def _pay(person: SyntheticPerson) -> Decimal | None:
    """By month, in all of the last year."""
    work = employment(person.code, "EE", person.born)
    return work.monthly if work is not None and work.declared and work.months > 12 else None


_loops: dict[Nation, asyncio.AbstractEventLoop] = {}


@contextmanager
def running(directory: Path, plan: NationPlan) -> Iterator[Nation]:
    """The country on an event loop of its own: the browser has this thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        nation = asyncio.run_coroutine_threadsafe(Nation.start(directory, plan=plan), loop).result(120)
        _loops[nation] = loop
        try:
            yield nation
        finally:
            asyncio.run_coroutine_threadsafe(nation.stop(), loop).result(60)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@contextmanager
def inhabited(directory: Path, crowd: Crowd) -> Iterator[Nation]:
    """The whole country, in which all of the crowd may log in."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            people_of_the_country, "find_test_people", lambda count, about: {**crowd.known, **crowd.extra}
        )
        with running(directory, replace(COUNTRY, people=PEOPLE)) as nation:
            yield nation


class Walks:
    """One branch: who takes part, each in a language of their own."""

    def __init__(self, country: Nation, browser: Browser, order: int, script: bool) -> None:
        self.country, self._browser, self._script = country, browser, script
        self._order = order
        people = country.description["test_people"]
        self.people: dict[str, Someone] = {one["id"]: one for one in people}  # type: ignore[attr-defined]
        self._walkers: dict[str, Walker] = {}
        self._at_ward: dict[str, BrowserContext] = {}

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
        for context in self._at_ward.values():
            context.close()

    # --- what is done alike in many branches

    def born(self, mother: str, father: str | None = None) -> None:
        """The midwife's notice, in the ward, which she signs."""
        page = self.at_ward()
        page.goto(self.ward + "?lang=et")
        code = self.people[mother]["code"]
        page.locator("#mother").fill(code)
        page.locator("#father").fill(self.people[father]["code"] if father else "")
        page.locator("form[action*='/births'] button").click()
        self.signed_at_ward(page, code)
        page.close()

    def was_stillborn(self, mother: str, child: str, born: str) -> None:
        """The midwife's notice of a child that had been recorded as living. born: `2026-03-02T08:15`."""
        page = self.at_ward()
        for name, value in (("mother", self.people[mother]["code"]), ("child", child), ("born", born)):
            page.locator(f"#{name}").fill(value)
        page.locator("#stillborn").check()
        page.locator("form[action*='/births'] button").click()
        self.signed_at_ward(page, child)
        self._arrived_from_ward(page)

    def died(self, person: str, name: str) -> None:
        """The doctor's notice, in the ward, of today, which they sign. person: identity code."""
        page = self.at_ward("physician")
        page.locator("#person").fill(person)
        page.locator("#full_name").fill(name)
        page.locator("form[action*='/deaths'] button").click()
        self.signed_at_ward(page, person, "physician")
        self._arrived_from_ward(page)

    def _arrived_from_ward(self, page: Page) -> None:
        """Once the population register has taken it."""
        for _ in range(100):
            page.goto(self.ward + "?lang=et")
            newest = page.locator("[aria-labelledby=written] li").first.inner_text()
            if "Kohal" in newest:
                break
            page.wait_for_timeout(100)
        else:
            raise AssertionError(newest)
        page.close()

    @property
    def ward(self) -> str:
        return self.country.description["ward"]["address"]  # type: ignore[index,no-any-return]

    def at_ward(self, who: str = "midwife") -> Page:
        """At the ward's page, logged in."""
        if who not in self._at_ward:
            self._at_ward[who] = self._browser.new_context(viewport=PHONE)  # type: ignore[arg-type]
        page = self._at_ward[who].new_page()
        page.goto(self.ward + "?lang=et")
        log_in = page.locator("form[action*='/ward/login'] button")
        if log_in.count():
            log_in.click()
            self._is(page, who)
            page.wait_for_url(f"{self.ward}**")
        return page

    def stranger(self) -> Page:
        """Nobody who is logged in."""
        return self._browser.new_page(viewport=PHONE)  # type: ignore[arg-type]

    def signed_at_ward(self, page: Page, code: str, who: str = "midwife") -> None:
        """At the signing service, which shows the notice; back at the ward it is on its way."""
        page.wait_for_load_state()
        assert code in page.locator("pre").inner_text()
        self._is(page, who)
        page.wait_for_url(f"{self.ward}**")
        page.get_by_text(code).first.wait_for()

    def _is(self, page: Page, role: str) -> None:
        who = self.people[role]
        page.locator(f"button[value='{who['country']}{who['code']}']").click()

    def named(self, mother: str, name: str = "Mari") -> str:
        return self[mother].do(
            "birth.check_and_name", "DECLARE", given_names=name, family_name="*", address="*", wants_place="no"
        )  # fmt: skip

    def begun(self, mover: str, service: str = "move", screen: str = "move.place") -> str:
        """A case of a service that people open, at its first screen."""
        walker, page = self[mover], self[mover].page
        walker.open(f"/services/{service}", "service")
        page.locator("form[action$='/begin'] button").click()
        page.wait_for_url("**/cases/**")
        case = page.url.partition("/cases/")[2].split("/")[0]
        if "/screens/" not in page.url:
            walker.find(f"/cases/{case}", f"/screens/{screen}")
        walker.see(screen)
        return case

    @contextmanager
    def population(self, operation: str) -> Iterator[Use]:
        """What somebody else has entered in the population register."""
        usage = Usage("SILD/GOV/70000009/court", f"walk-{operation}", user_id="automatic", basis="RRS 5")
        with self.country.register.kernel.used(operation, usage) as use:
            yield use

    def awaited(self, asked: Coroutine[Any, Any, Result]) -> Result:
        """On the country's own loop."""
        return asyncio.run_coroutine_threadsafe(asked, _loops[self.country]).result(20)

    def long_ago(self, role: str) -> None:
        """Whoever sits there has not touched the page for hours."""
        engine = create_engine(sqlite_url(self.country.layout.system("portal") / "portal.db"))
        person = self.people[role]
        with engine.begin() as connection:
            theirs = session.c.subject == person["country"] + person["code"]
            connection.execute(update(session).where(theirs).values(seen_at=datetime(2026, 1, 1, tzinfo=UTC)))
        engine.dispose()

    def reserved(self, authority: str) -> str:
        """A number the office has reserved for days without a line."""
        clerk = Actor(
            person=self.people["birth_official"]["country"] + self.people["birth_official"]["code"],
            acr="high", posture="managed", roles=frozenset({"official"}), authority=authority,
        )  # fmt: skip
        asked = self.country.cases.reserve_numbers("birth", 1, clerk)
        return self.awaited(asked).numbers[0]

    def sent(self, mover: str, owner: str, people: tuple[str, ...] = (), *, basis: str = "consent") -> str:
        """A notice of moving to the owner's house; its case."""
        walker, page = self[mover], self[mover].page
        case = self.begun(mover)
        walker.give(where="here", words=self.people[owner]["address"])
        walker.send("move.place", "FIND")
        walker.find(f"/cases/{case}", "/screens/move.notice")
        walker.see("move.notice")
        walker.give(place="dwelling:", valid_from=today(), basis=basis)
        for one in page.locator("input[name='f.people']").all():
            one.set_checked(
                one.get_attribute("value") in {self.people[role]["code"] for role in (mover, *people)}
            )
        walker.send("move.notice", "SEND")
        return case

    def agreed(self, mother: str, father: str, name: str = "Mari") -> str:
        """A child is born to a couple, who name it; registered by rule."""
        self.born(mother)
        case = self.named(mother, name)
        self[father].do("birth.cosign", "COSIGN", case)
        return case

    def wished(self, mother: str, father: str, kindergarten: str) -> str:
        """The same, with a wish for a kindergarten."""
        self.born(mother)
        case = self[mother].do(
            "birth.check_and_name", "DECLARE",
            given_names="Mari", family_name="*", address="*", wants_place="yes", kindergarten=kindergarten,
        )  # fmt: skip
        self[father].do("birth.cosign", "COSIGN", case)
        return case

    def decided(self, case: str) -> None:
        self["residence_official"].do("move.desk", "ACCEPT", case)
        self["residence_official"].do("move.decide", "DECIDE", case)


def today() -> str:
    return datetime.now(ZoneInfo("Europe/Tallinn")).date().isoformat()


class Branches(dict[str, Callable[[Walks], None]]):
    """By name. One without a script is walked by browsers that run none."""

    def __init__(self) -> None:
        super().__init__()
        self.without_script: set[str] = set()

    def __call__(
        self, *, without_script: bool = False
    ) -> Callable[[Callable[[Walks], None]], Callable[[Walks], None]]:
        """Adds the function as a row of the table."""

        def add(walk: Callable[[Walks], None]) -> Callable[[Walks], None]:
            self[walk.__name__] = walk
            if without_script:
                self.without_script.add(walk.__name__)
            return walk

        return add

    def walk(self, name: str, country: Nation, browser: Browser) -> None:
        walks = Walks(
            country, browser, list(self).index(name) + ORDER, script=name not in self.without_script
        )
        self[name](walks)
        walks.done()
