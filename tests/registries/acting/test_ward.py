"""The ward's pages: a midwife logs in at the identity provider, writes, and signs; nobody else does, and nothing that was typed is lost."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest

from sild.identity_client import ProviderClient
from sild.identity_provider import TestPerson
from sild.registries import WardSettings, ward_app
from sild.registries.hospital.register import HospitalRegister
from support.identity_world import SECRET, Browser, Page, World, bind, serving_tls
from support.notices import DOCTOR, MIDWIFE, STRANGER
from support.pen import VillagePen

from .conftest import MOTHER

ORGANISATION = "90000001"
TIINA = TestPerson(subject=f"EE{MIDWIFE}", given_name="Tiina", family_name="Ämm", device_of=ORGANISATION)
OTHER = TestPerson(subject=f"EE{STRANGER}", given_name="Eva", family_name="Tamm", device_of=ORGANISATION)
AT_HOME = TestPerson(subject="EE60001019906", given_name="Mari", family_name="Maasikas")
REIN = TestPerson(subject=f"EE{DOCTOR}", given_name="Rein", family_name="Arst", device_of=ORGANISATION)
VISITOR = TestPerson(subject="EE38001085718", given_name="Jaan", family_name="Tamm")
FORM = {"mother": MOTHER, "father": "", "sex": "male", "born": "2026-11-22T08:15", "multiple": ""}


class WardBrowser(Browser):
    """Goes on wherever forms lead, as browsers do."""

    def submit(self, page: Page, ending: str, **fields: str) -> Page:
        form = page.form(ending)
        url = urljoin(page.url, form["action"])
        origin = "/".join(page.url.split("/")[:3])
        return self.open(url, "POST", data={**form["fields"], **fields}, headers={"Origin": origin})


@dataclass
class Ward:
    world: World
    register: HospitalRegister
    pen: VillagePen
    url: str
    identity: ExitStack

    def browser(self) -> WardBrowser:
        browser = WardBrowser(self.world)
        browser.session.headers["Accept-Language"] = "en"
        return browser

    def home(self, browser: WardBrowser, language: str = "en") -> Page:
        return browser.open(f"{self.url}/ward/?lang={language}")

    def log_in(self, browser: WardBrowser, who: TestPerson = TIINA) -> Page:
        page = browser.submit(self.home(browser), "/ward/login?lang=en")
        if "/login/" in page.path:
            page = browser.submit(page, "/test", subject=who.subject)
        if page.path.endswith("/device"):
            page = browser.submit(page, "/unmanaged")
        assert page.path == "/ward/", page.text
        return page

    def write(self, browser: WardBrowser, page: Page, **changes: str) -> Page:
        return browser.submit(page, "/births?lang=en", **{**FORM, **changes})

    def signs(self, browser: WardBrowser, asked: Page, **changes: str) -> Page:
        """What the signing service sends her back with."""
        assert asked.url.startswith("https://sign.example/"), asked.text
        return browser.open(
            f"{self.url}/ward/signed", params={**asked.query, "iss": self.world.issuer, **changes}
        )

    def states(self) -> list[tuple[str, str]]:
        return [(notice.kind, notice.state) for notice in self.register.notices()]


@pytest.fixture
def ward(tmp_path: Path) -> Iterator[Ward]:
    world = World(tmp_path, test_people=(TIINA, REIN, OTHER, AT_HOME, VISITOR), requests_per_minute=10_000)
    bound = bind()
    url = f"https://localhost:{bound.getsockname()[1]}"
    world.add_client(
        "ward",
        redirect_uris=(f"{url}/ward/callback",),
        scopes=("openid", "official"),
        refresh_tokens=True,
        post_logout_redirect_uris=(f"{url}/ward/logged-out",),
    )
    for person in (TIINA, OTHER, AT_HOME):
        world.provider.add_official_role(person.subject, "midwife", ORGANISATION)
    world.provider.add_official_role(REIN.subject, "doctor", ORGANISATION)
    world.provider.add_official_role(VISITOR.subject, "midwife", "90000002")
    register = HospitalRegister.open(tmp_path / "hospital", clock=world.clock)
    pen = VillagePen(world.clock)
    provider = ProviderClient(
        issuer=world.issuer,
        client_id="ward",
        client_secret=SECRET,
        redirect_uri=f"{url}/ward/callback",
        logged_out_uri=f"{url}/ward/logged-out",
        tls=ssl.create_default_context(cafile=str(world.ca_file)),
    )
    app = ward_app(register, WardSettings(url, provider, ORGANISATION, pen))
    with serving_tls(app, bound, world.certificate, world.key), ExitStack() as stack:
        stack.enter_context(world.running())
        yield Ward(world, register, pen, url, stack)
    register.close()


def test_a_midwife_logs_in_writes_and_signs(ward: Ward) -> None:
    browser = ward.browser()
    page = ward.log_in(browser)
    assert "Tiina Ämm, midwife" in page.text and "A test person" in page.text
    asked = ward.write(browser, page)
    assert ward.states() == [("birth", "unsigned")]
    page = ward.signs(browser, asked)
    assert (page.path, ward.states()) == ("/ward/", [("birth", "waiting")])
    assert "On its way to the population register" in page.text
    assert ward.register.notices()[0].author == MIDWIFE
    ward.signs(browser, asked)  # the back button
    assert ward.states() == [("birth", "waiting")] and ward.pen.signatures == 1


def test_nobody_sees_a_notice_without_a_role_of_this_hospital(ward: Ward) -> None:
    browser = ward.browser()
    ward.signs(browser, ward.write(browser, ward.log_in(browser)))
    assert MOTHER not in ward.home(ward.browser()).text, "not logged in"
    visitor = ward.browser()
    page = ward.log_in(visitor, VISITOR)
    assert "not on" in page.text and MOTHER not in page.text
    assert all("births" not in form["action"] for form in page.forms.forms)
    token = page.form("/ward/logout")["fields"]["form_token"]
    answer = visitor.open(
        f"{ward.url}/ward/births", "POST", data={**FORM, "form_token": token, "token": "t" * 9}
    )
    assert answer.status == 403 and len(ward.states()) == 1


def test_from_home_she_reads_and_writes_nothing(ward: Ward) -> None:
    browser = ward.browser()
    page = ward.log_in(browser, AT_HOME)
    assert "not a device of the hospital" in page.text
    page = ward.write(browser, page)
    assert page.status == 403 and MOTHER in page.text and ward.states() == []


def test_a_role_withdrawn_counts_at_once(ward: Ward) -> None:
    browser = ward.browser()
    page = ward.log_in(browser)
    for row in ward.world.provider.people.list_roles():
        if row["subject" if "subject" in row else "person"] == TIINA.subject:
            ward.world.provider.withdraw_official_role(row["id"])
    ward.world.clock.forward(seconds=3)
    page = ward.write(browser, page)
    assert not page.url.startswith("https://sign.example/") and ward.states() == []


def test_what_was_typed_outlives_the_session_for_the_same_person(ward: Ward) -> None:
    browser = ward.browser()
    page = ward.log_in(browser)
    ward.world.clock.forward(minutes=16)
    page = ward.write(browser, page, multiple="2")
    assert page.url.startswith(ward.world.issuer), "to log in again"
    page = browser.submit(page, "/test", subject=TIINA.subject)
    assert (
        "Your session had ended" in page.text
        and f'value="{MOTHER}"' in page.text
        and 'value="2"' in page.text
    )
    assert ward.states() == []
    again = ward.home(browser)
    assert again.form("births?lang=en")["fields"]["token"] == page.form("births?lang=en")["fields"]["token"]
    ward.signs(browser, ward.write(browser, page))
    assert ward.states() == [("birth", "waiting")] and "had ended" not in ward.home(browser).text


def test_what_she_typed_is_not_shown_to_the_next(ward: Ward) -> None:
    browser = ward.browser()
    page = ward.log_in(browser)
    ward.world.clock.forward(minutes=16)
    page = ward.write(browser, page)
    page = browser.submit(page, "/test", subject=OTHER.subject)
    assert "Eva Tamm" in page.text and MOTHER not in page.text


def test_the_form_sent_twice_is_one_notice(ward: Ward) -> None:
    browser = ward.browser()
    page = ward.log_in(browser)
    first, second = (ward.write(browser, page) for _ in range(2))
    ward.signs(browser, first)
    ward.signs(browser, second)
    assert ward.states() == [("birth", "waiting")]
    assert ward.write(browser, page).path == "/ward/", "the form once more, of what is on its way"


def test_not_signed_it_waits_and_can_be_withdrawn(ward: Ward) -> None:
    browser = ward.browser()
    asked = ward.write(browser, ward.log_in(browser))
    page = ward.signs(browser, asked, error="access_denied")
    assert "Nothing was signed" in page.text and "To be signed by you" in page.text
    key = ward.register.notices()[0].id
    ward.signs(browser, browser.submit(page, f"/{key}/sign?lang=en"))
    assert ward.states() == [("birth", "waiting")]
    page = ward.signs(browser, ward.write(browser, ward.home(browser)), error="access_denied")
    key = ward.register.notices()[0].id
    page = browser.submit(page, f"/{key}/withdraw?lang=en")
    assert ward.states() == [("birth", "withdrawn"), ("birth", "waiting")]


def test_the_signing_service_is_down_and_comes_back(ward: Ward) -> None:
    browser = ward.browser()
    asked = ward.write(browser, ward.log_in(browser))
    ward.pen.down = True
    page = ward.signs(browser, asked)
    assert page.status == 503 and "waits for your signature" in page.text
    assert ward.states() == [("birth", "unsigned")]
    ward.pen.down = False
    ward.signs(browser, asked)  # the address goes on where it stopped: her code was redeemed
    assert ward.states() == [("birth", "waiting")]


def test_the_provider_is_down_while_she_writes(ward: Ward) -> None:
    browser = ward.browser()
    page = ward.log_in(browser)
    ward.identity.close()
    ward.world.clock.forward(seconds=3)
    browser = _without_pool(browser, ward)
    page = ward.write(browser, page)
    assert page.status == 503 and MOTHER in page.text, "what she typed stands there"
    assert ward.states() == []
    ward.world.clock.forward(hours=2)  # where the provider is, it has said too long ago
    fresh = ward.browser()
    page = fresh.submit(ward.home(fresh), "/ward/login?lang=en")
    assert page.status == 503 and "does not answer just now" in page.text
    for session in ward.world.open:
        session.close()


def _without_pool(browser: WardBrowser, ward: Ward) -> WardBrowser:
    """The same cookies; the world has closed the connections."""
    other = ward.browser()
    other.session.cookies = browser.session.cookies
    return other


def test_her_signature_is_asked_for_by_her_alone(ward: Ward) -> None:
    """Another midwife who brings her state and code signs nothing; nor does a code of another provider, or after the session."""
    browser, other = ward.browser(), ward.browser()
    asked = ward.write(browser, ward.log_in(browser))
    ward.log_in(other, OTHER)
    assert ward.signs(other, asked).status == 400
    assert ward.signs(ward.browser(), asked).status == 401
    assert ward.signs(browser, asked, iss="https://evil.example").status == 400
    assert ward.signs(browser, asked, state="x").status == 400
    assert ward.states() == [("birth", "unsigned")]
    key = ward.register.notices()[0].id
    page = ward.home(other)
    token = page.form("/ward/logout")["fields"]["form_token"]
    for what in ("sign", "withdraw"):
        answer = other.open(f"{ward.url}/ward/notices/{key}/{what}", "POST", data={"form_token": token})
        assert answer.status == 422
    assert ward.states() == [("birth", "unsigned")]


def test_a_log_in_ends_in_the_browser_that_began_it(ward: Ward) -> None:
    hers, his = ward.browser(), ward.browser()
    page = hers.submit(ward.home(hers), "/ward/login?lang=en")
    form = page.form("/test")
    answer = hers.session.post(
        urljoin(page.url, form["action"]), data={**form["fields"], "subject": TIINA.subject},
        headers={"Origin": ward.world.issuer}, allow_redirects=False, timeout=10,
    )  # fmt: skip
    back = urljoin(page.url, answer.headers["location"])
    assert back.startswith(f"{ward.url}/ward/callback")
    assert his.open(back).status == 400
    assert hers.open(back.replace("iss=", "iss=x")).status == 400
    assert hers.open(back).status == 400, "once"


def test_log_out_is_one(ward: Ward) -> None:
    browser = ward.browser()
    page = ward.log_in(browser)
    page = browser.submit(page, "/ward/logout")
    assert page.path == "/ward/" and "Log in" in page.text
    page = browser.submit(page, "/ward/login?lang=en")
    assert "/login/" in page.path, "at the provider, too"


def test_another_site_sends_nothing(ward: Ward) -> None:
    browser = ward.browser()
    page = ward.log_in(browser)
    fields: dict[str, Any] = {**page.form("births?lang=en")["fields"], **FORM}
    url = f"{ward.url}/ward/births"
    for data, headers in (
        (fields, {"Sec-Fetch-Site": "cross-site"}),
        (fields, {"Origin": "https://evil.example"}),
        ({**fields, "form_token": "0" * 64}, {}),
        ({**fields, "form_token": ""}, {}),
    ):
        assert browser.open(url, "POST", data=data, headers=headers).status == 403
    assert browser.open(url, "POST", data={**fields, "x": "y" * 9_000}).status == 413
    assert (
        browser.open(f"{ward.url}/ward/login", "POST", headers={"Sec-Fetch-Site": "cross-site"}).status == 403
    )
    assert (
        ward.browser().open(f"{ward.url}/ward/backchannel-logout", "POST", data={"logout_token": "x"}).status
        == 400
    )
    assert ward.states() == []


def test_a_refused_form_keeps_what_was_written(ward: Ward) -> None:
    browser = ward.browser()
    page = ward.log_in(browser)
    refused = ward.write(browser, page, mother="<b>1")
    assert refused.status == 422 and "The identity code is not right" in refused.text
    assert "<b>1" not in refused.text and "&lt;b&gt;1" in refused.text
    for wrong in ({"born": "yesterday"}, {"multiple": "two"}, {"token": ""}):
        assert ward.write(browser, page, **wrong).status == 422
    assert ward.states() == []


def test_of_a_death_a_doctor_gives_notice_and_signs_it(ward: Ward) -> None:
    midwife, doctor = ward.browser(), ward.browser()
    page = ward.log_in(midwife)
    assert "Of a death a doctor gives notice" in page.text
    token = page.form("/ward/logout")["fields"]["form_token"]
    said = {"person": MOTHER, "full_name": "Mari Maasikas", "died": "2026-11-21"}
    url = f"{ward.url}/ward/deaths?lang=en"
    answer = midwife.open(url, "POST", data={**said, "form_token": token, "token": "t" * 9})
    assert answer.status == 403 and ward.states() == [], "a form that her page does not have"
    page = ward.log_in(doctor, REIN)
    assert "Rein Arst, doctor" in page.text
    for wrong in ({"full_name": ""}, {"died": "2030-01-01"}, {"person": "1"}):
        assert doctor.submit(page, "/deaths?lang=en", **{**said, **wrong}).status == 422
    asked = doctor.submit(page, "/deaths?lang=en", **said)
    for number in range(21):
        ward.register.note_death(MOTHER, date(2026, 11, 21), author=MIDWIFE, token=f"others-{number:02d}")
    mine = ward.home(doctor, "en").form("/sign?lang=en")
    assert mine is not None, "to be signed by him, however many others write"
    assert ward.register.notice(1).state == "unsigned", "nothing goes out before it is signed"
    assert ward.signs(midwife, asked).status == 400
    page = ward.signs(doctor, asked)
    assert page.path == "/ward/" and ward.register.notice(1).state == "waiting"


def test_three_languages(ward: Ward) -> None:
    browser = ward.browser()
    ward.log_in(browser)
    for language, title in (("et", "Sünnitusosakond"), ("vi", "Khoa sản"), ("en", "Maternity ward")):
        text = ward.home(browser, language).text
        assert title in text and f'lang="{language}"' in text
    css = ward.world.browser().session.get(f"{ward.url}/ward/ward.css", timeout=10)
    assert css.headers["Content-Type"].startswith("text/css")
