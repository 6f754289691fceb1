"""A clerk's pages: the mandate recorded, one case and its screens, and every way in which somebody tries for more."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.counter_world import COUNTER, HOME, MARIS, CounterWorld, counter_world, send_form
from support.identity_world import NOW
from support.pictures import PDF
from support.portal_world import JAAN, MARI, PEETER, Page, PlainBrowser

RECORD = {
    "code": MARI.subject,
    "service": "permit",
    "way": "counter",
    "document": "passport",
    "number": "K1234567",
    "statement": "I want a shed",
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CounterWorld]:
    with counter_world(tmp_path_factory.mktemp("counter")) as made:
        yield made


@pytest.fixture(scope="module")
def clerk(world: CounterWorld) -> PlainBrowser:
    return world.clerk()


def record(clerk: PlainBrowser, **more: str) -> Page:
    return clerk.submit(clerk.open("/desk/assist"), "/desk/assist", **{**RECORD, **more})


def begun(clerk: PlainBrowser, **more: str) -> Page:
    """The first screen of a new case."""
    page = record(clerk, **more)
    form = page.form("/begin")
    new = next(
        one for one in page.parsed.forms if one["action"].endswith("/begin") and not one["fields"]["case"]
    )
    assert form and "Mari Maasikas" in page.text
    return clerk.open(new["action"], "POST", new["fields"])


def test_from_the_record_to_what_is_sent(world: CounterWorld, clerk: PlainBrowser) -> None:
    page = begun(clerk)
    assert "on their recorded mandate" in page.text and 'data-who=""' in page.text
    receipt = clerk.submit(page, "/screens/permit.form", do="SEND", f__colour="red", f__note="by the lake")
    assert receipt.path.startswith("/receipts/") and "S-2026-" in receipt.text
    root = page.path.rpartition("/screens")[0]
    ended = clerk.open(root)
    assert "has ended" in ended.text and "by the lake" not in ended.text and "End the help" not in ended.text
    assert clerk.request("GET", page.path).status == 403
    mari = world.citizen()
    assert "What the clerk did for you is sent" in mari.open("/inbox").text
    case = next(
        link
        for link in mari.open("/home").parsed.links
        if link.startswith("/cases/") and "assist" not in link
    )
    assert "with a clerk&#39;s help" in mari.open(case).text or "with a clerk's help" in mari.open(case).text


def test_the_person_ends_it_in_the_inbox(world: CounterWorld, clerk: PlainBrowser) -> None:
    page = begun(clerk)
    mandate = page.path.split("/")[3]
    mari = world.citizen()
    assert "A clerk helps you with one thing" in mari.open("/inbox").text
    screen = f"/cases/{mandate}/screens/assisted.mandate"
    shown = mari.open(screen)
    for told in ("Peeter Ametnik", "Counter, Tartu", "Passport", "K1234567", "I want a shed"):
        assert told in shown.text, told
    assert mari.submit(shown, screen, do="END").path.startswith("/receipts/")
    after = mari.open(f"/cases/{mandate}")
    assert "Peeter Ametnik" in after.text and "At a counter" in after.text and "I want a shed" in after.text
    answer = clerk.submit(page, "/screens/permit.form", do="SEND", f__colour="red", f__note="x")
    assert answer.status == 403 and "mandate has ended" in answer.text
    assert "has ended" in clerk.open(f"/desk/assist/{mandate}").text


def test_everything_that_is_missing_at_once(world: CounterWorld, clerk: PlainBrowser) -> None:
    page = record(clerk, code="x", service="removal", way="counter", document="", number="!", statement=" ")
    assert page.status == 422
    for name in ("code", "service", "document", "number", "statement"):
        assert f'href="#f-{name}"' in page.text and f'id="f-{name}"' in page.text, name
    assert record(clerk, way="phone", document="", number="").path.startswith("/desk/assist/assist-")


def test_a_code_as_documents_have_it(clerk: PlainBrowser) -> None:
    """Without the country: it is this one's."""
    page = record(clerk, code=MARI.subject.removeprefix("EE"))
    assert page.path.startswith("/desk/assist/assist-") and MARI.subject.removeprefix("EE") in page.text


@pytest.mark.parametrize(
    ("code", "words"),
    [(PEETER.subject, "Nobody helps themselves"), ("EE39901012239", "knows nobody with this code")],
)
def test_not_for_oneself_and_not_for_nobody(clerk: PlainBrowser, code: str, words: str) -> None:
    page = record(clerk, code=code)
    assert page.status == 422 and words in page.text and "I want a shed" in page.text


def test_the_form_twice_is_one_mandate(clerk: PlainBrowser) -> None:
    form = clerk.open("/desk/assist")
    first, again = (clerk.submit(form, "/desk/assist", **RECORD) for _ in range(2))
    assert first.path == again.path


def test_who_is_no_clerk(world: CounterWorld) -> None:
    mari = world.citizen()
    assert mari.request("GET", "/desk/assist").status == 403
    token = mari.open("/settings").parsed.forms[0]["fields"]["form_token"]
    answer = mari.request("POST", "/desk/assist", {**RECORD, "form_token": token, "key": "k" * 43})
    assert answer.status == 403


def test_another_clerks_mandate_and_other_cases(world: CounterWorld, clerk: PlainBrowser) -> None:
    page = begun(clerk)
    mandate = page.path.split("/")[3]
    mari, jaan = world.citizen(), world.citizen(JAAN)
    mine = mari.submit(mari.open("/services/permit"), "/services/permit/begin").path.split("/")[2]
    for path in (
        f"/cases/{mine}",
        f"/desk/cases/{mine}",
        f"/cases/{mandate}",
        "/desk/assist/assist-made-up",
        f"/desk/assist/{mandate}/screens/permit.return",
        f"/desk/assist/{mandate}/files/x",
    ):
        assert clerk.request("GET", path).status == 404, path
    assert jaan.request("GET", f"/desk/assist/{mandate}").status == 403
    token = page.form("/screens/permit.form")["fields"]["form_token"]
    forged = {"form_token": token, "key": "k" * 43, "case": mine}
    assert clerk.request("POST", f"/desk/assist/{mandate}/begin", forged).status == 403


def test_a_device_nobody_knows_and_a_form_from_elsewhere(world: CounterWorld) -> None:
    clerk = world.clerk(managed=False)
    page = record(clerk)
    assert page.status == 403 and "only read" in page.text
    assert (
        clerk.request("POST", "/desk/assist", {**RECORD, "form_token": "forged", "key": "k" * 43}).status
        == 403
    )


def test_after_the_hours(world: CounterWorld, clerk: PlainBrowser) -> None:
    page = begun(clerk)
    parts = world.system._parts
    object.__setattr__(parts, "clock", lambda: NOW.replace(hour=23, minute=59))
    try:
        assert (
            clerk.submit(page, "/screens/permit.form", do="SEND", f__colour="red", f__note="x").status == 403
        )
    finally:
        object.__setattr__(parts, "clock", lambda: NOW)


def test_a_move_with_its_lease_is_sent_at_the_counter(world: CounterWorld, clerk: PlainBrowser) -> None:
    """J2 (g): searched, chosen, the lease added, sent; every message bears the clerk and the person."""
    world.registers.calls.clear()
    page = begun(clerk, service="move", statement="I move to Pikk")
    root = page.path.rpartition("/screens")[0]
    found = clerk.submit(page, "/screens/move.place", do="FIND", f__where="here", f__words="Pikk 7")
    assert found.path.startswith("/receipts/")
    notice = clerk.open(f"{root}/screens/move.notice")
    said = {
        "f__place": f"dwelling:{HOME}",
        "f__people": MARIS,
        "f__valid_from": "2026-11-22",
        "f__basis": "lease",
    }
    path = f"{root}/screens/move.notice"
    short = send_form(clerk, notice, path, [], do="SEND", **said)
    assert short.status == 422 and "Add the lease, or its number" in short.text
    sent = send_form(clerk, short, path, [("u.lease", "leping.pdf", PDF)], do="SEND", **said)
    assert sent.path.startswith("/receipts/"), sent.text
    calls = {
        (call.acting, call.represented)
        for call in world.registers.calls
        if call.case and not call.case.startswith("assist-")
    }
    assert calls == {(PEETER.subject, MARI.subject)}
    case = world.system._parts.read(sent_case(world))
    assert case is not None and case.status == "SENT"
    taken = case.last("SEND")
    assert taken is not None and (taken.person, taken.acting_for) == (PEETER.subject[2:], MARIS)
    assert taken.data["lease"]["name"] == "leping.pdf" and taken.data["lease"]["size"] == len(PDF)
    mari = world.citizen()
    assert mari.request("GET", f"/cases/{case.id}/files/{taken.data['lease']['id']}").text.encode() == PDF


def test_whose_only_desk_is_the_counter(world: CounterWorld, clerk: PlainBrowser) -> None:
    """They come to the counter after the log-in; with another office too, the counter's desk is empty and leads there."""
    world.provider.add_official_role(JAAN.subject, COUNTER.role, COUNTER.organisation)
    browser = world.browser()
    browser.submit(browser.log_in(JAAN, official=True), "/device/unmanaged")
    page = browser.open("/desk")
    assert page.url.endswith("/desk/assist") and 'href="/desk"' not in page.text.partition("<main")[2]
    page = clerk.open(f"/desk?office={COUNTER.authority}")
    assert page.status == 200 and 'href="/desk/assist"' in page.text


def sent_case(world: CounterWorld) -> str:
    with world.system._parts.store.reading() as connection:
        return world.system._parts.store.live(connection, "move", MARIS)[-1]
