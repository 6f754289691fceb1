"""A session or a mandate that ends in the middle of a form: nothing is lost, nothing is done in the wrong name."""

from __future__ import annotations

from support.portal_world import CHILD, JAAN, MARI, Page, PlainBrowser, PortalWorld

SCREEN = "/cases/case-1/screens/birth.check_and_name"


def test_ended_by_time_in_the_middle_of_a_form(world: PortalWorld) -> None:
    browser = world.browser()
    browser.log_in()
    page = browser.open(SCREEN)
    world.clock.forward(hours=9)
    late = browser.submit(page, SCREEN, do="DECLARE", f__given_names="Ada", f__family_name="Tamm")
    assert late.status == 401 and "What you filled in is kept" in late.text and world.cases.acts == []
    form = late.parsed.forms[1] if "return_to" not in late.parsed.forms[0]["fields"] else late.parsed.forms[0]
    page = browser.open(world.url + form["action"], "POST", form["fields"])
    page = browser.submit(page, "/test", subject=MARI.subject)
    assert page.path == SCREEN and 'value="Ada"' in page.text and "Saved" in page.text
    done = browser.submit(
        page,
        SCREEN,
        do="DECLARE",
        f__given_names="Ada",
        f__family_name="Tamm",
        f__kindergarten="no",
        f__sure="yes",
    )
    assert done.path.startswith("/receipts/") and len(world.cases.acts) == 1


def test_what_was_kept_is_nobody_elses(world: PortalWorld) -> None:
    browser = world.browser()
    browser.log_in()
    page = browser.open(SCREEN)
    world.clock.forward(hours=9)
    browser.submit(page, SCREEN, do="DECLARE", f__given_names="Ada")
    assert browser.log_in(JAAN).path == "/home"
    assert "Ada" not in browser.open(SCREEN).text and world.cases.drafts == {}


def test_what_was_kept_lies_sealed(world: PortalWorld) -> None:
    browser = world.browser()
    browser.log_in()
    page = browser.open(SCREEN)
    world.clock.forward(hours=9)
    browser.submit(page, SCREEN, do="DECLARE", f__given_names="Sealedname")
    with world.portal._store.engine.connect() as connection:
        dump = repr(
            [
                connection.exec_driver_sql(f"SELECT * FROM portal_{table}").all()
                for table in ("session", "kept_form", "login")
            ]
        )
    assert (
        "Sealedname" not in dump
        and browser.cookies["__Host-portal"] not in dump
        and "portal_kept" not in dump
    )


def test_an_idle_session_ends_and_a_used_one_does_not(world: PortalWorld) -> None:
    browser = world.browser()
    browser.log_in()
    for _ in range(4):
        world.clock.forward(minutes=12)
        assert browser.request("GET", "/home").status == 200
    world.clock.forward(minutes=31)
    assert browser.request("GET", "/home").status == 303


def test_logged_out_here_is_logged_out_there(world: PortalWorld) -> None:
    browser = world.browser()
    page = browser.log_in()
    old = dict(browser.cookies)
    page = browser.submit(browser.open("/settings"), "/logout")
    assert page.url.startswith(world.url + "/logged-out") and page.headers["clear-site-data"] == '"storage"'
    browser.cookies.update(old)
    assert browser.request("GET", "/home").status == 303
    page = browser.open("/login")
    assert browser.open(
        page.parsed.forms[0]["action"], "POST", page.parsed.forms[0]["fields"]
    ).url.startswith(world.issuer)


def test_logged_out_there_is_logged_out_here(world: PortalWorld) -> None:
    browser = world.browser()
    browser.log_in()
    world.provider.end_sessions(MARI.subject)
    assert world.provider.maintain() == 1
    page = browser.open("/home")
    assert page.path == "/login" and "logged out elsewhere" in page.text


def act_for_child(world: PortalWorld) -> tuple[PlainBrowser, Page]:
    world.may_act_for_child()
    browser = world.browser()
    browser.log_in()
    page = browser.submit(browser.open("/settings"), "/acting", whom="choose")
    form = page.form("/representee")
    page = browser.open(
        world.issuer + form["action"], "POST", {**form["fields"], "representee": CHILD.identifier}
    )
    return browser, page


def test_acting_for_a_child_and_for_oneself_again(world: PortalWorld) -> None:
    browser, page = act_for_child(world)
    assert page.path == "/home" and "You act for:" in page.text and "Hello, Leida Maasikas" in page.text
    assert browser.request("GET", "/cases/case-1").status == 404  # her mother's case is not hers
    page = browser.submit(page, "/acting", whom="self")
    assert page.path == "/home" and "You act for:" not in page.text and "Hello, Mari Maasikas" in page.text


def test_a_mandate_withdrawn_in_the_middle_of_a_form(world: PortalWorld) -> None:
    """The provider is asked before every action taken for somebody else."""
    browser, page = act_for_child(world)
    fields = {"form_token": browser.open("/settings").form("/logout")["fields"]["form_token"]}
    world.register.rights.clear()
    world.clock.forward(seconds=5)
    page = browser.open("/settings/push/off", "POST", fields)
    assert page.status == 401 and "the mandate has ended" in page.text
    assert browser.request("GET", "/home").status == 303


def test_a_right_that_its_register_ends_is_gone_for_reading_too(world: PortalWorld) -> None:
    browser, _page = act_for_child(world)
    world.register.rights.clear()
    world.clock.forward(seconds=31)
    assert browser.request("GET", "/home").status == 303
    assert "the mandate has ended" in browser.open("/home").text


def test_the_provider_is_down(world: PortalWorld) -> None:
    """To read, its last word is good enough; for an act in somebody's name it is not."""
    browser, _page = act_for_child(world)
    fields = {"form_token": browser.open("/settings").form("/logout")["fields"]["form_token"]}
    world.register.down = True
    world.clock.forward(minutes=6)
    assert browser.request("GET", "/home").status == 200
    page = browser.open("/settings/push/off", "POST", fields)
    assert page.status == 503 and "log-in service does not answer" in page.text
    world.register.down = False
    assert browser.open("/settings/push/off", "POST", fields).status == 200
