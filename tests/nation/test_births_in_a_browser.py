"""The birth of a child (J1), walked in a browser by parents, midwife and officials: to its end and in every branch that ends otherwise.

Languages go round (walks.py). docs/journeys.md says which branch walks which step and refusal.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser
from sqlalchemy import select, update

from sild.cases.contest_words import SETTLED
from sild.decisions import figures_of
from sild.decisions.tables import contests
from sild.nation import Nation
from sild.registries.education.tables import groups
from sild.registries.kernel import Usage
from sild.registries.kernel.corrections import disputes, refuse_dispute
from sild.registries.population.life_events import order_protection
from sild.registries.population.persons import children_of, read_person
from sild.registries.social.orders import orders_in
from sild.registries.social.tables import payment_orders
from support.accessible import check
from support.chromium import chromium

from .abroad import worked_abroad
from .walker import LANGUAGES, PATIENCE, Walker
from .walks import Branches, Crowd, Walks, inhabited, of_today, today

pytestmark = pytest.mark.slow
ACCOUNT = "EE382200221020145685"
branch = Branches()


@pytest.fixture(scope="module")
def country(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nation]:
    crowd = Crowd()
    for number in range(13):
        crowd.couple(f"wife{number}", f"husband{number}")
    crowd.couple("poor_wife", "poor_husband", pay_known=False)
    for number in range(5):
        crowd.single(f"woman{number}", "F")
        crowd.single(f"man{number}", "M")
    crowd.couple("contesting_wife", "contesting_husband")
    with inhabited(tmp_path_factory.mktemp("births") / "nation", crowd) as nation:
        yield nation


@pytest.fixture(scope="module")
def browser(country: Nation) -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


def register_of(walks: Walks, name: str) -> Any:
    return walks.country.systems.registers[name].register  # type: ignore[union-attr]


def youngest(walks: Walks, mother: str) -> str:
    with walks.population("readChildren") as use:
        born = children_of(use, walks.people[mother]["code"])
        return max(born, key=lambda one: one.person.born).person.code


# --- to the end


@branch()
def two_names_and_all_that_follows(walks: Walks) -> None:
    """(f) He signs another name: hers came first, an official returns it, they agree; then everything comes by itself."""
    walks.born("wife0")
    mother, father, official = walks["wife0"], walks["husband0"], walks["birth_official"]
    case = mother.do(
        "birth.check_and_name", "DECLARE",
        given_names="Mari", family_name="*", address="*", wants_place="yes", kindergarten="*",
    )  # fmt: skip
    father.do("birth.cosign", "PROPOSE", case, given_names="Leelo", family_name="*")
    mother.reads(f"/cases/{case}", "birth.status.DIFFERED", name="birth-differed")
    father.open("/inbox", "inbox")
    official.do("birth.desk", "RETURN", case, defects="parents_disagree", words="Leelo?")
    father.reads(f"/cases/{case}", "birth.status.RETURNED", name="birth-returned")
    mother.do(
        "birth.check_and_name", "DECLARE", case,
        given_names="Leelo", family_name="*", address="*", wants_place="yes", kindergarten="*",
    )  # fmt: skip
    father.do("birth.cosign", "COSIGN", case)
    mother.reads(f"/cases/{case}", "birth.action.REGISTER", plain=("Leelo",), name="birth-registered")
    take_offer(mother, case)
    for parent in (mother, father):
        parent.reads(f"/cases/{case}", "birth.action.GRANT", "birth.action.CARD", name="birth-granted")
        parent.open("/decisions", "decisions")
        parent.open("/my-data", "my-data")
    mother.open("/who-looked", "who-looked")
    assert case in mother.page.content()
    asked = mother.page.locator("section.sheet h2").all_inner_texts()
    assert any(one.startswith(mother.say("office.birth")) for one in asked), asked


def take_offer(parent: Walker, case: str) -> None:
    parent.task("birth.offer", case)
    parent.give(choice="*", account=ACCOUNT)
    parent.send("birth.offer", "ACCEPT")


@branch()
def a_decision_is_contested(walks: Walks) -> None:
    """She says that a fact is wrong: its register first, then a fresh official; he, that it is hard on them: decided anew, and paid."""
    mother, father = walks["wife6"], walks["husband6"]
    case = walks.agreed("wife6", "husband6")
    take_offer(mother, case)
    mother.reads(f"/cases/{case}", "birth.action.GRANT", name="birth-granted")
    social = register_of(walks, "social")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sild.cases.contest.AGAIN", timedelta(seconds=2))
        hers = contested(mother, "fact", fact="persons/mother/income/")
        mother.reads(f"/cases/{hers}", "contest.status.FACT", "contest.action.DISPUTE", name="contest-fact")
        mother.reads("/inbox", "contest.told_fact", name="inbox")
        usage = Usage("SILD/GOV/70000004/social", "walk-refusal", user_id="automatic", basis="PHS 39")
        with social.kernel.used("refuseDispute", usage) as use:
            refuse_dispute(use, disputes(use)[0].id, "as the employer declared it")
        mother.reads(f"/cases/{hers}", "contest.action.SETTLE", name="contest-settled")
    official = walks["social_contest_official"]
    outcome = "320"
    official.task("contest.look", hers)
    seen = official.page.locator("main").inner_text()
    assert SETTLED["REFUSED"][official.language] in seen and mother.say("contest.told_fact") not in seen
    assert official.say("concept.contest.disputed") in seen and outcome not in seen, "not what was decided"
    assert official.page.locator("main details").count() == 2, "a year of each parent is one line"
    official.page.locator("main details summary").first.click()
    check(official.page, f"walk-contest-look-open-{official.language}")
    official.give(view="-")
    official.send("contest.look", "LOOK")
    official.do("contest.desk", "UPHOLD", hers, reasons="Palk on õige.")
    mother.reads(
        f"/cases/{hers}", "contest.result.answer_is_uphold", plain=("Palk on õige.",), name="contest-upheld"
    )

    his = contested(father, "circumstances")
    official.do("contest.look", "LOOK", his, view="-")
    official.task("contest.desk", his)
    assert outcome in official.page.locator("main").inner_text(), "now what was decided"
    official.give(reasons="Vaatame uuesti.")
    official.send("contest.desk", "OVERTURN")
    father.reads(
        f"/cases/{his}", "contest.result.answer_is_overturn", "contest.status.ANEW",
        plain=("Vaatame uuesti.",), name="contest-overturned",
    )  # fmt: skip
    official.task("contest.anew", his)
    official.task("contest.by_hand", his)
    official.give(line_one="family/birth_grant", value_one="palju", considerations="Kolm last korraga.")
    official.give(**{f"reasons_{language}": "Nii on õiglane." for language in LANGUAGES})
    official.press("contest.by_hand", "BY_HAND")
    official.page.locator(".error, .note.bad, [aria-invalid='true']").first.wait_for()
    official.see("contest.by_hand-refused")
    official.give(value_one="400,00")
    official.send("contest.by_hand", "BY_HAND")
    father.reads(f"/cases/{his}", "contest.result.decision_newer", name="contest-decided-anew")
    father.page.locator("main a[href*='/decisions/social/']").last.click()
    father.see("decision-by-hand")
    assert "Nii on õiglane." in father.page.locator("main").inner_text()
    newer = father.page.url.rpartition("/")[2].partition("?")[0]
    father.reads("/inbox", "birth.notice.decision_corrected", name="inbox")
    until_paid(walks, mother, newer)
    with social.kernel.engine.connect() as connection:
        counted = figures_of(connection, "family-benefits").to_json()
    assert (counted["contested"], counted["overturned"], counted["contests_open"]) == (2, 1, 0)
    for path in ("/algorithms", "/algorithms/family-benefits"):
        father.open(path, path.strip("/").replace("/", "-"))
    answer = father.page.request.get(f"{father.portal}/open-data/contests.json")
    assert any(one["algorithm"] == "family-benefits" for one in answer.json()["algorithms"])
    cover_contested(walks, mother)


@branch()
def a_registration_is_contested(walks: Walks) -> None:
    """The name is not as they meant it: a fresh official decides by hand, and the child is called so from then on."""
    case = walks.agreed("contesting_wife", "contesting_husband")
    mother, official = walks["contesting_wife"], walks["population_contest_official"]
    mother.reads(f"/cases/{case}", "birth.action.REGISTER", name="birth-registered")
    hers = contested(mother, "circumstances", decision="population/", title="decided.registration")
    official.do("contest.look", "LOOK", hers, view="Nimi on teine.")
    official.task("contest.desk", hers)
    official.give(reasons="Nimi parandatakse.")
    official.send("contest.desk", "OVERTURN")
    official.task("contest.by_hand", hers)
    official.give(line_one="given_names", value_one="Mari Liis", considerations="Vanemad tahtsid kahte nime.")
    official.give(**{f"reasons_{language}": "Nimi on nüüd õige." for language in LANGUAGES})
    official.send("contest.by_hand", "BY_HAND")
    mother.reads(f"/cases/{hers}", "contest.result.decision_newer", name="contest-decided-anew")
    mother.page.locator("main a[href*='/decisions/population/']").last.click()
    mother.see("decision-of-birth-by-hand")
    assert "Nimi on nüüd õige." in mother.page.locator("main").inner_text()
    child = youngest(walks, "contesting_wife")
    with walks.population("readPerson") as use:
        assert read_person(use, child).given_names == "Mari Liis"


def until_paid(walks: Walks, parent: Walker, decision: str) -> None:
    """By the bank, in the name of this decision; the person finds it among her data."""
    social = register_of(walks, "social")
    end = time.monotonic() + PATIENCE
    while True:
        with social.kernel.engine.connect() as connection:
            orders = orders_in(connection, payment_orders.c.decision == decision)
        if orders and {one.state for one in orders} == {"executed"}:
            break
        assert time.monotonic() < end, orders
        time.sleep(0.2)
    while not parent.page.locator(f"main a[href*='{decision}']").count():
        assert time.monotonic() < end
        parent.page.goto(parent.portal + "/my-data")
    parent.see("my-data")


def cover_contested(walks: Walks, parent: Walker) -> None:
    """Another body's decision, about the child: the case has a number, and the insurance register has the contest."""
    case = contested(parent, "circumstances", decision="insurance/", title="decided.cover")
    number = parent.page.locator(".receipt dd.num").first.inner_text()
    parent.reads(f"/cases/{case}", "contest.action.CONTEST", plain=(number,), name="contest-cover")
    end = time.monotonic() + PATIENCE
    engine = register_of(walks, "insurance").kernel.engine
    while True:
        with engine.connect() as connection:
            lines = list(connection.scalars(select(contests.c.line).where(contests.c.id == case)))
        if lines:
            break
        assert time.monotonic() < end, "the register never heard of it"
        time.sleep(0.2)
    assert lines == ["circumstances"]


def contested(
    parent: Walker, line: str, fact: str = "", *, decision: str = "social/", title: str = "decided.grant"
) -> str:
    """Through the button on the decision, a grant, whose effect is not put off; the case."""
    page = parent.page
    parent.open("/decisions", "decisions")
    page.locator(f"main a[href*='/decisions/{decision}']", has_text=parent.say(title)).first.click()
    parent.see("decision")
    page.locator("form[action$='/again'] button").click()
    page.locator(".note.good").wait_for()
    parent.see("decision-again")
    assert parent.say("decision.not_suspends") in page.locator("main").inner_text()
    page.locator("form[action$='/wrong'] button").click()
    page.wait_for_url("**/screens/contest.statement")
    parent.see("contest.statement")
    case = page.url.partition("/cases/")[2].split("/")[0]
    parent.give(line=line, statement="See on mul teisiti.")
    if fact:
        options = page.locator("select[name='f.fact'] option").evaluate_all(
            "(all) => all.map((one) => one.value)"
        )
        parent.give(fact=[one for one in options if one.startswith(fact)][-1])
    parent.send("contest.statement", "CONTEST")
    return case


@branch()
def both_acknowledge(walks: Walks) -> None:
    """Unmarried: he and she say so, each once; then the name, and one of them has sole custody or both."""
    walks.born("woman2", "man2")
    mother, father = walks["woman2"], walks["man2"]
    case = father.do("birth.paternity", "ACKNOWLEDGE", custody="joint")
    mother.do("birth.paternity", "ACKNOWLEDGE", case, custody="joint")
    mother.reads(f"/cases/{case}", "birth.action.PATERNITY", name="birth-paternity")
    assert walks.named("woman2") == case
    father.do("birth.cosign", "COSIGN", case)
    father.reads(f"/cases/{case}", "birth.action.REGISTER", plain=("Mari",), name="birth-registered")


@branch()
def the_ward(walks: Walks) -> None:
    """The midwife's page: what is wrong is said, what was written stays, and a notice is signed, in each language."""
    stranger = walks.stranger()
    for language in LANGUAGES:
        stranger.goto(walks.ward + f"?lang={language}")
        check(stranger, f"walk-ward-log-in-{language}")
    stranger.context.close()
    page = walks.at_ward()
    code = walks.people["woman3"]["code"]
    for language in LANGUAGES:
        page.goto(walks.ward + f"?lang={language}")
        check(page, f"walk-ward-{language}")
        page.locator("#mother").fill("123")
        page.locator("form[action*='/births'] button").click()
        page.locator(".note.bad").wait_for()
        page.wait_for_load_state()
        assert page.locator("#mother").input_value() == "123", "what was written stays"
        check(page, f"walk-ward-refused-{language}")
    page.locator("#mother").fill(code)
    page.locator("form[action*='/births'] button").click()
    page.wait_for_load_state()
    check(page, "walk-ward-sign")
    page.goto(walks.ward + "?lang=en")  # she leaves the signing service
    check(page, "walk-ward-unsigned")
    page.locator("form[action*='/sign'] button").click()
    walks.signed_at_ward(page, code)
    check(page, "walk-ward-written")
    page.close()
    page = walks.at_ward("physician")
    for language in LANGUAGES:
        page.goto(walks.ward + f"?lang={language}")
        check(page, f"walk-ward-doctor-{language}")
    page.close()
    walks["woman3"].task("birth.check_and_name")


# --- (a) to (h)


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
    walks.born("wife7")
    mother = walks["wife7"]
    mother.task("birth.check_and_name")
    case = mother.case
    child = youngest(walks, "wife7")
    with walks.population("readChildren") as use:
        born = f"{read_person(use, child).born}T00:01"
    walks.was_stillborn("wife7", child, born)
    mother.reads(f"/cases/{case}", "birth.status.SILENCED", name="birth-silenced")
    mother.open("/home", "home")
    assert not mother.page.locator("main a[href*='/screens/']").count()
    father = walks["husband7"]
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


@branch()
def born_at_home_and_said_before_the_office(walks: Walks) -> None:
    """(g) No hospital told of it: the paper opens the record. Neither has a log-in of their own: both say before the official that he is the father, and the name on the paper is entered."""
    official, mother = walks["birth_official"], walks["woman4"]
    number, page = walks.reserved(official.office), official.page
    page.goto(f"{official.portal}/desk/hand-in?office={quote(official.office)}&number={number}")
    page.locator("form[action^='/desk/hand-in'] button").click()
    page.locator("#errors").wait_for()
    official.see("desk-hand-in-refused")
    with walks.population("getPerson") as use:
        hers = str(read_person(use, walks.people["woman4"]["code"]).family_name)
    written = {
        "mother": walks.people["woman4"]["code"], "father": walks.people["man4"]["code"], "born": today(), "hour": "04:15",
        "place": "Prangli", "attended_by": "Ämmaemand Mai Saar", "given_names": "Liis", "family_name": hers,
        "registered_on": today(),
    }  # fmt: skip
    for name, value in written.items():
        page.locator(f"#f-{name}").fill(value)
    page.locator("#f-sex").select_option("F")
    page.locator("#f-ground").select_option("medical")
    official.see("desk-hand-in")
    page.locator("form[action^='/desk/hand-in'] button").click()
    page.wait_for_url(f"**/desk/hand-in/{number}**")
    official.see("desk-handed-in")
    mother.task("birth.paternity")
    case = mother.case
    here = {
        "answer": "acknowledge",
        "document": "id_card",
        "document_number": "AB7654321",
        "words": "Nii on.",
    }
    for role in ("mother", "father"):
        official.do("birth.paternity_here", "TAKE_PATERNITY", case, present=role, **here)
    mother.reads(
        f"/cases/{case}",
        "birth.action.TAKE_PATERNITY",
        "birth.action.REGISTER",
        plain=("Liis",),
        name="birth-registered",
    )
    walks["man4"].reads("/inbox", "birth.notice.paternity_here_acknowledged", name="inbox")


@branch(without_script=True)
def no_kindergarten_place(walks: Walks) -> None:
    """(h) A wait with its reason, and the day it is looked at again."""
    places_everywhere(walks, 0)
    case = walks.wished("wife5", "husband5", "!any")
    walks["wife5"].reads(
        f"/cases/{case}",
        "birth.result.kindergarten_review_on",
        "birth.result.kindergarten_reason_is_no_free_place",
        name="birth-waits",
    )


def places_everywhere(walks: Walks, capacity: int) -> None:
    """In every group of every kindergarten."""
    with register_of(walks, "education").kernel.engine.begin() as connection:
        connection.execute(update(groups).values(capacity=capacity))


@branch()
def a_kindergarten_place_is_taken(walks: Walks) -> None:
    """One of them answers for both."""
    places_everywhere(walks, 1_000)
    case = walks.wished("wife3", "husband3", "!any")
    walks["husband3"].do("birth.place", "TAKE_PLACE", case)
    walks["wife3"].reads(
        f"/cases/{case}", "birth.action.TAKE_PLACE", "birth.result.kindergarten_state_is_attending", name="birth-place"
    )  # fmt: skip


@branch(without_script=True)
def a_kindergarten_place_is_declined(walks: Walks) -> None:
    places_everywhere(walks, 1_000)
    case = walks.wished("wife4", "husband4", "!any")
    walks["wife4"].do("birth.place", "DECLINE_PLACE", case)
    walks["wife4"].reads(
        f"/cases/{case}",
        "birth.action.DECLINE_PLACE",
        "birth.result.kindergarten_reason_is_declined",
        name="birth-place-declined",
    )


@branch()
def a_death_while_a_form_is_open(walks: Walks) -> None:
    """(b) She is writing the name when the child dies: what she sends is not taken, gently, and nobody is told anything more."""
    walks.born("wife8")
    mother, father = walks["wife8"], walks["husband8"]
    mother.task("birth.check_and_name")
    case = mother.case
    mother.give(given_names="Mari", family_name="*", address="*", wants_place="no")
    child = youngest(walks, "wife8")
    walks.died(child, walks.people["wife8"]["name"])
    father.reads(
        f"/cases/{case}", "birth.status.SILENCED", "birth.result.silence_is_death", name="birth-silenced"
    )
    mother.press("birth.check_and_name", "DECLARE")
    mother.page.wait_for_load_state()
    mother.see("birth-silenced-form")
    assert "/receipts/" not in mother.page.url
    for parent in (mother, father):
        parent.open("/inbox", "inbox")
        said = parent.page.locator("main").inner_text()
        assert parent.say("birth.notice.offer_ready") not in said
        parent.open("/home", "home")
        waits = parent.page.locator(f"main a[href*='/cases/{case}/screens/']").count()
        assert not waits, parent.page.locator("main").inner_text()


@branch()
def a_death_that_was_none(walks: Walks) -> None:
    """(b) She is said to be dead, and says that she lives: two officials annul it, neither of them twice, and the case is hers again."""
    walks.born("wife12")
    mother, father = walks["wife12"], walks["husband12"]
    mother.task("birth.check_and_name")
    case, her = mother.case, walks.people["wife12"]
    walks.died(her["code"], her["name"])
    father.reads("/inbox", "birth.notice.bereaved", name="inbox")
    mother.open("/home", "home")
    assert not mother.page.locator(f"main a[href*='/cases/{case}/screens/']").count()
    mother.open("/my-data?register=population", "my-data-population")
    wrong = mother.page.locator("form[action='/my-data/wrong']").filter(
        has=mother.page.locator("input[name='concept'][value='person.date_of_death']")
    )
    wrong.locator("xpath=ancestor::details").first.evaluate("(one) => one.open = true")
    wrong.locator("[name='reason']").fill("Ma elan.")
    wrong.locator("button").click()
    mother.page.wait_for_url("**/receipts/*")
    first, second = walks["population_register_official"], walks["second_population_register_official"]
    said = {"words": "Ta oli siin, passiga."}
    waits = "register_matter.status.DISPUTED_DEATH"
    once = first.do("register_matter.death", "ANNUL", first.on_desk(waits), **said)
    mother.reads("/inbox", "register_matter.told_annulment_waits", name="inbox")
    again = second.on_desk(waits)
    assert again != once
    first.do("register_matter.death", "ANNUL", again, **said)
    first.reads(
        f"/desk/cases/{again}",
        "register_matter.returned.same_official",
        name="register_matter.death-returned",
    )
    second.do("register_matter.death", "ANNUL", again, **said)
    second.reads(
        f"/desk/cases/{again}",
        "register_matter.result.outcome_is_annulled",
        name="register_matter.death-done",
    )
    mother.reads("/inbox", "register_matter.told_annulled", "birth.notice.revived", name="inbox")
    mother.open("/my-data?register=population", "my-data-population")
    assert mother.say("concept.person.death_annulled") in mother.page.locator("main").inner_text()
    assert walks.named("wife12") == case
    father.do("birth.cosign", "COSIGN", case)
    mother.reads(f"/cases/{case}", "birth.action.REGISTER", plain=("Mari",), name="birth-registered")


@branch()
def protected_from_the_other_parent(walks: Walks) -> None:
    """(c) An order from before the birth: he is told nothing, people go on, and her home stands in no page of his."""
    with walks.population("orderProtection") as use:
        order_protection(
            use, protected=walks.people["wife2"]["code"], against=walks.people["husband2"]["code"], children=[],
            valid_from=date.fromisoformat(today()), valid_to=None, order="2-26-9",
        )  # fmt: skip
    walks.born("wife2")
    mother, father, official = walks["wife2"], walks["husband2"], walks["birth_official"]
    mother.task("birth.check_and_name")
    case = mother.case
    mother.give(given_names="Mari", family_name="*", address="*", wants_place="no")
    mother.send("birth.check_and_name", "DECLARE")
    mother.reads(f"/cases/{case}", "birth.status.AGREED", name="birth-agreed")
    father.open("/home", "home")
    father.open("/inbox", "inbox")
    assert case not in father.page.content()
    answer = father.page.goto(f"{father.portal}/cases/{case}")
    street = walks.people["wife2"]["address"].split(",")[0]
    for path in ("/home", "/inbox", f"/cases/{case}", "/who-looked", "/decisions"):
        father.page.goto(father.portal + path)
        assert street not in father.page.locator("main").inner_text(), path
    assert answer is not None and answer.status in (200, 404)
    official.task("birth.desk", case)
    assert official.page.locator("dl.facts").count()


@branch()
def pay_that_nobody_knows(walks: Walks) -> None:
    """(d) It is unknown, with its holder, and no zero; the rest is paid."""
    case = walks.agreed("poor_wife", "poor_husband")
    mother = walks["poor_wife"]
    mother.task("birth.offer", case)
    text = mother.page.locator("main").inner_text()
    unknown = mother.say("birth.offer.unknown", holder=mother.say("birth.register.tax"))
    assert unknown in text, text
    mother.give(choice="*", account=ACCOUNT)
    mother.send("birth.offer", "ACCEPT")
    mother.reads(f"/cases/{case}", "birth.action.GRANT", name="birth-granted-partly")
    mother.open("/decisions", "decisions")
    mother.page.locator("main a[href*='/decisions/social/']").first.click()
    mother.see("decision-partial")
    assert mother.say("decision.unknown") in mother.page.locator("main").inner_text()


@branch()
def pay_from_another_country(walks: Walks) -> None:
    """(e) No machine decides: both are told why, an official lets it go on, and the offer is before them."""
    walks.awaited(worked_abroad(walks.country, walks.people["wife9"]["code"]))
    case = walks.agreed("wife9", "husband9")
    for role in ("wife9", "husband9"):
        walks[role].reads(
            f"/cases/{case}", "birth.action.HOLD_OFFER", "birth.result.offer_held_is_foreign_income", name="birth-held"
        )  # fmt: skip
        walks[role].reads("/inbox", "birth.notice.offer_held", name="inbox")
    official = walks["social_register_official"]
    matter = official.on_desk("register_matter.status.HELD_OFFER")
    official.do("register_matter.offer", "LET_GO", matter, words="123")
    official.go_back_and_send("register_matter.offer", "LET_GO")
    office = f"?office={official.office}"
    official.reads(f"/desk/cases/{matter}{office}", "register_matter.action.SETTLE", name="matter-done")
    assert official.times(official.say("register_matter.action.SETTLE")) == 1
    for role in ("wife9", "husband9"):
        walks[role].reads(f"/cases/{matter}", "register_matter.result.outcome_is_let_go", name="matter")
        walks[role].reads("/inbox", "register_matter.told_let_go", name="inbox")
    walks["wife9"].reads(f"/cases/{case}", "birth.action.OFFER", name="birth-offered")


# --- what happens to people


@branch(without_script=True)
def the_session_ends_while_a_form_is_open(walks: Walks) -> None:
    """She comes back hours later: what she wrote is there after she has logged in."""
    walks.born("wife10")
    mother = walks["wife10"]
    mother.task("birth.check_and_name")
    mother.give(given_names="Mari", family_name="*", address="*", wants_place="no")
    walks.long_ago("wife10")
    mother.press("birth.check_and_name", "DECLARE")
    mother.page.wait_for_load_state()
    mother.see("session-over")
    assert mother.say("login.kept") in mother.page.locator("main").inner_text()
    mother.log_in_again()
    assert mother.page.locator("[name='f.given_names']").input_value() == "Mari"
    assert mother.say("screen.kept") in mother.page.locator("main").inner_text()
    mother.send("birth.check_and_name", "DECLARE")


@branch()
def sent_and_gone_back(walks: Walks) -> None:
    """The back button after the name was sent, and once more: one receipt, one name."""
    walks.born("wife11")
    case = walks.named("wife11")
    mother = walks["wife11"]
    mother.go_back_and_send("birth.check_and_name", "DECLARE")
    mother.reads(f"/cases/{case}", "birth.action.DECLARE", name="birth-declared")
    assert mother.times(mother.say("birth.action.DECLARE")) == 1


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", of_today(branch))
def test_branch(country: Nation, browser: Browser, name: str) -> None:
    branch.walk(name, country, browser)
