"""Moving home (J2), walked in a browser by residents, owners, custodians and officials: to its end and in every branch that ends otherwise.

Languages go round (walks.py). docs/journeys.md says which branch walks which step and refusal.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest
from playwright.sync_api import Browser

from sild.nation import Nation
from sild.registries.population.life_events import order_protection
from support.chromium import chromium

from .walks import ORDER, Branches, Crowd, Walks, inhabited, of_today, today

pytestmark = pytest.mark.slow
branch = Branches()


@pytest.fixture(scope="module")
def country(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nation]:
    crowd = Crowd()
    for number in range(11):
        crowd.house(f"owner{number}")
    crowd.house("half", "other_half")
    for number in range(3, 5):
        crowd.couple(f"wife{number}", f"husband{number}")
    for number in range(13):
        crowd.single(f"mover{number}")
    for number in range(2):
        crowd.family(f"child{number}", f"mother{number}", f"father{number}")
    crowd.house("landlord")
    crowd.single("tenant")
    crowd.nobody("nobody")
    with inhabited(tmp_path_factory.mktemp("moves") / "nation", crowd) as nation:
        yield nation


@pytest.fixture(scope="module")
def browser(country: Nation) -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


# --- to the end


@branch()
def somebody_moves(walks: Walks) -> None:
    """The owner sees a name and no code; the office accepts and registers; bodies know, and everybody sees who looked; another doctor."""
    case = walks.sent("mover9", "owner7")
    resident, owner = walks["mover9"], walks["owner7"]
    owner.task("move.consent", case)
    shown = owner.page.locator("main").inner_text()
    assert walks.people["mover9"]["name"] in shown and walks.people["mover9"]["code"] not in shown
    owner.send("move.consent", "CONSENT")
    walks.decided(case)
    resident.reads(f"/cases/{case}", "move.action.REGISTER", "move.action.TELL", name="move-registered")
    resident.open("/my-data", "my-data")
    assert walks.people["owner7"]["address"].split(",")[0] in resident.page.locator("main").inner_text()
    for one in (resident, owner):
        one.open("/who-looked", "who-looked")
    assert case in resident.page.content()
    choice = walks.begun("mover9", "practice", "practice.choose")
    resident.give(practice="*")
    resident.send("practice.choose", "CHOOSE")
    resident.reads(f"/cases/{choice}", "practice.action.LIST", name="practice-listed")
    official = walks["residence_official"]
    official.open(f"/desk?office={official.office}", "desk")
    official.open(f"/desk/own-access?office={official.office}", "own-access")
    assert case in official.page.content()
    uncounted = official.say("figures_own.failed", body="").rstrip(" .:")
    assert uncounted not in official.page.content(), "registers that decide say what became of contests"


@branch()
def this_person_does_not_live_here(walks: Walks) -> None:
    """The owner names a lodger; they are told, and object; nobody is removed unheard before the month is over."""
    case = walks.sent("mover10", "owner8")
    walks["owner8"].do("move.consent", "CONSENT", case)
    walks.decided(case)
    walks["mover10"].reads(f"/cases/{case}", "move.action.REGISTER", name="move-registered")
    owner, lodger = walks["owner8"], walks["mover10"]
    begun = walks.begun("owner8", "removal", "removal.request")
    owner.page.get_by_label(walks.people["owner8"]["address"].split(",")[0]).check()
    owner.give(person=walks.people["mover10"]["code"])
    owner.send("removal.request", "REQUEST")
    lodger.do("removal.answer", "OBJECT", begun, text="Ma elan siin.")
    lodger.reads(f"/cases/{begun}", "removal.action.OBJECT", name="removal-objected")
    owner.reads(f"/cases/{begun}", "removal.action.NOTIFY", name="removal-noticed")


@branch()
def a_dwelling_is_leased_out(walks: Walks) -> None:
    """The owner enters a lease and is asked nothing when who rents moves in; that it ends, the lessee hears."""
    landlord, tenant = walks["landlord"], walks["tenant"]
    walks.begun("landlord", "lease", "lease.say")
    landlord.give(which="new", person=walks.people["tenant"]["code"], number="2026/14", valid_from=today())
    landlord.page.get_by_label(walks.people["landlord"]["address"].split(",")[0]).check()
    landlord.send("lease.say", "SAY")
    tenant.reads("/inbox", plain=(walks.people["landlord"]["address"].split(",")[0],), name="inbox")
    tenant.page.locator("form[action^='/inbox/'] button").first.click()
    tenant.see("lease-case")
    tenant.reads("/my-data", plain=("2026/14",), name="my-data")
    tenant.open("/who-looked", "who-looked")
    assert tenant.say("use.A lease was entered") in tenant.page.content()
    case = walks.sent("tenant", "landlord", basis="lease")
    walks.decided(case)
    tenant.reads(f"/cases/{case}", "move.action.REGISTER", name="move-registered")
    landlord.open("/home", "home")
    assert "move.consent" not in landlord.page.content()
    ended = walks.begun("landlord", "lease", "lease.say")
    landlord.page.get_by_label("2026/14").check()
    landlord.give(last_day=today())
    landlord.send("lease.say", "SAY")
    landlord.reads(f"/cases/{ended}", "lease.action.RECORD", name="lease-recorded")


# --- (a) to (f)


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
    """(c) The register that does not know somebody is named; its officials enter them, and the notice goes on by itself."""
    case = walks.sent("nobody", "owner4")
    resident = walks["nobody"]
    resident.reads(f"/cases/{case}", "move.status.MISSING", "move.action.REFER", name="move-missing")
    entered = {
        "population_register_official": {
            "given_names": "Eikeegi",
            "family_name": "Eikusagilt",
            "words": "123",
        },
        "residence_register_official": {"words": "123"},
    }
    for role, given in entered.items():
        official = walks[role]
        matter = official.on_desk("register_matter.status.MISSING_PERSON")
        official.task("register_matter.missing", matter)
        asked = official.page.locator("[name='f.given_names']").count()
        assert bool(asked) == ("given_names" in given), "names are asked for where they are kept"
        official.give(**given)
        official.send("register_matter.missing", "KNOWN")
        resident.reads(f"/cases/{matter}", "register_matter.result.outcome_is_known", name="matter")
    resident.reads(f"/cases/{case}", "move.action.FOUND", name="move-found")


@branch()
def an_owner_refuses(walks: Walks) -> None:
    """(a) The office returns it first; sent again, the home is entered to the level of the commune."""
    case = walks.sent("mover8", "owner5")
    walks["owner5"].do("move.consent", "REFUSE", case)
    resident = walks["mover8"]
    walks["residence_official"].do("move.desk", "RETURN", case, defects="consent_missing", words="-")
    resident.task("move.notice", case)
    assert resident.say("move.reason.consent_missing") in resident.page.locator("main").inner_text()
    resident.send("move.notice", "SEND")
    walks.decided(case)
    resident.reads(
        f"/cases/{case}", "move.action.REGISTER", "move.result.level_is_commune", name="move-commune"
    )
    resident.open("/my-data", "my-data")
    assert walks.people["owner5"]["address"].split(",")[0] not in resident.page.locator("main").inner_text()


@branch()
def an_adult_stays(walks: Walks) -> None:
    """She says that he moves, too; he does not: he keeps his home."""
    case = walks.sent("wife4", "owner6", ("husband4",))
    walks["owner6"].do("move.consent", "CONSENT", case)
    walks["husband4"].do("move.join", "DECLINE", case)
    walks.decided(case)
    walks["wife4"].reads(
        f"/cases/{case}", "move.action.DECLINE", "move.action.REGISTER", name="move-registered"
    )
    walks["husband4"].open("/my-data", "my-data")
    street = walks.people["owner6"]["address"].split(",")[0]
    assert street not in walks["husband4"].page.locator("main").inner_text()


# --- what people do by mistake, and what they try


@branch(without_script=True)
def sent_twice_and_gone_back(walks: Walks) -> None:
    """The back button and the same form again: one receipt, one notice."""
    walker = walks["mover5"]
    case = walks.sent("mover5", "owner4")
    walker.go_back_and_send("move.notice", "SEND")
    walker.reads(f"/cases/{case}", "move.action.SEND", name="move-sent")
    assert walker.times(walker.say("move.action.SEND")) == 1


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


@branch()
def taken_back(walks: Walks) -> None:
    """Until a home is entered: the owner is told, and has nothing left to answer."""
    case = walks.sent("mover11", "owner9")
    walks["owner9"].task("move.consent", case)
    walks["mover11"].find(f"/cases/{case}", "/screens/move.withdraw")
    walks["mover11"].see("move.withdraw")
    walks["mover11"].send("move.withdraw", "WITHDRAW")
    walks["owner9"].reads("/inbox", "move.notice.withdrawn", name="inbox")
    walks["owner9"].open("/home", "home")
    assert not walks["owner9"].page.locator(f"main a[href*='{case}/screens']").count()


@branch()
def a_mandate_ends_while_a_form_is_open(walks: Walks) -> None:
    """He acts for her; she withdraws it while he fills in the form: nothing is done, he is told, and she goes on by herself."""
    giver, holder = walks["mover12"], walks["owner10"]
    given, _, family = walks.people["owner10"]["name"].rpartition(" ")
    page = giver.page
    giver.open("/mandates", "mandates")
    code = walks.people["owner10"]["country"] + walks.people["owner10"]["code"]
    for name, value in (("code", code), ("given_name", given), ("family_name", family)):
        page.locator(f"[name='{name}']").fill(value)
    page.locator("form[action='/mandates'] button").click()
    page.wait_for_url("**/receipts/*")
    giver.see("mandate-given")
    holder.act_for(walks.people["mover12"])
    holder.open("/mandates", "mandates")
    case = walks.begun("owner10")
    holder.give(where="here", words=walks.people["owner10"]["address"])
    giver.open("/mandates", "mandates")
    page.locator("form[action='/mandates/withdraw'] button").click()
    page.wait_for_url("**/receipts/*")
    holder.press("move.place", "FIND")
    holder.page.wait_for_load_state()
    holder.see("mandate-ended")
    assert holder.say("session.mandate_ended") in holder.page.locator("main").inner_text()
    giver.reads(f"/cases/{case}", "move.status.OPENED", name="move-opened")
    giver.task("move.place", case)
    giver.give(where="here", words=walks.people["owner10"]["address"])
    giver.send("move.place", "FIND")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", of_today(branch))
def test_branch(country: Nation, browser: Browser, name: str) -> None:
    branch.walk(name, country, browser)


@pytest.mark.timeout(120)
def test_a_companys_pages(country: Nation, browser: Browser) -> None:
    """A member of its board chooses the company: its home, its data, who looked, and what it asks for."""
    walks = Walks(country, browser, ORDER, script=True)
    member = walks["board_member"]
    member.act_for({"country": "EE", "code": "10001012", "name": "Kodumaja OÜ"})
    for path in ("home", "my-data", "who-looked", "decisions"):
        member.open(f"/{path}", f"companys-{path}")
    walks.begun("board_member", "removal", "removal.request")
    walks.done()
