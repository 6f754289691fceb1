"""The insurance card put in a wallet: a wallet of others' making, a real portal, log-in and register; and whoever tries to get it otherwise."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from html import unescape
from typing import Any

import pytest
from jwcrypto import jwk
from sqlalchemy import select

from sild.documents import qr_svg
from sild.openid import Mandate, Party
from sild.portal.tables import wallet_offer, wallet_spent
from sild.registries import InsuranceRegister
from support.insurance_behind_portal import SYSTEM, BehindPortal, give_card, insurance
from support.portal_world import JAAN, MARI, PEETER, Page, PlainBrowser, PortalWorld
from support.wallet import GRANT, Wallet, ec_key, encoded, public, signed

PAPER = "/papers/insurance-card"
CHILD = Party("NATURAL_PERSON", "EE62401010012", first_name="Leida", surname="Maasikas")
OWN, CHILDS = MARI.subject[2:], CHILD.identifier[2:]


class Cards:
    def __init__(self, world: PortalWorld, register: InsuranceRegister) -> None:
        self.world = world
        self.register = register

    @property
    def issuer(self) -> str:
        return self.world.url + PAPER

    def is_parent(self, person: Any) -> None:
        parent = Party("NATURAL_PERSON", person.subject, first_name=person.given_name, surname="M")
        of = f"parent-of-{person.subject}"
        since = date(2024, 1, 1)
        self.world.register.rights.append(
            Mandate(of, CHILD, parent, "NAT_REPRIGHT:PARENT", "PARENT", "population", since)
        )

    def wallet(self, **how: Any) -> Wallet:
        return Wallet(clock=lambda: self.world.clock.at.timestamp(), **how)

    def browser(self, person: Any = MARI) -> PlainBrowser:
        browser = self.world.browser()
        browser.log_in(person)
        return browser

    def offered(self, browser: PlainBrowser | None = None) -> tuple[Page, str, str]:
        """The page of an offer, its link, and the number."""
        browser = browser or self.browser()
        page = browser.submit(browser.open(PAPER), "/wallet")
        assert page.path.startswith(f"{PAPER}/wallet/"), page.text
        return page, *read(page)


def read(page: Page) -> tuple[str, str]:
    (link,) = [one for one in page.parsed.links if one.startswith("openid-credential-offer:")]
    number = page.text.partition("<summary>")[2].partition('num">')[2][:7].replace(" ", "")
    assert len(number) == 6 and number.isdigit(), page.text
    return link, number


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cards]:
    directory, exchange = tmp_path_factory.mktemp("wallets"), BehindPortal()
    with PortalWorld(directory, exchange=exchange).running() as world:
        there = insurance(directory / "insurance", portal=world.url, issuer=world.issuer, clock=world.clock)
        with there as (register, site):
            exchange.site = site
            for person in (MARI, JAAN, PEETER):
                names = (person.given_name, person.family_name)
                give_card(register, person.subject[2:], date(2000, 1, 1), names)
            give_card(register, CHILDS, date(2024, 1, 1), ("Leida", "Maasikas"))
            yield Cards(world, register)


@pytest.fixture
async def cards(opened: Cards) -> Cards:
    """The same portal two hours later: nothing is left of what the test before did, but for cards it revoked."""
    opened.world.clock.forward(hours=2)
    await opened.world.portal._offers.clear()
    await opened.world.portal._nonces.clear()
    opened.world.exchange.calls.clear()
    opened.world.register.rights.clear()
    return opened


@pytest.mark.parametrize("dpop", [True, False])
def test_a_card_in_a_wallet(cards: Cards, dpop: bool) -> None:
    browser, wallet = cards.browser(), cards.wallet(dpop=dpop)
    page, link, number = cards.offered(browser)
    assert qr_svg(link).decode() in page.text, "the code and the link are one"
    credential = wallet.take(link, number)
    payload, claims = wallet.read(credential, cards.issuer)
    assert payload["vct"] == "urn:sild:health-insurance-card:1" and claims["given_names"] == "Mari"
    told = wallet.well_known(cards.issuer, "openid-credential-issuer")
    listed = told["credential_configurations_supported"]["insurance-card"]["credential_metadata"]["claims"]
    assert {one["path"][0] for one in listed} <= claims.keys()
    assert {one["locale"] for one in listed[0]["display"]} == {"en", "et", "vi"}
    after = browser.open(page.path)
    assert "It was put in a wallet" in after.text and "openid-credential-offer" not in after.text
    assert len(page.text.encode()) < 50_000
    uses = json.loads(cards.world.exchange.site.get(  # type: ignore[attr-defined]
        f"/findUsage?userCode={MARI.subject}", **{"X-Road-Client": "SILD/GOV/70000001/portal", "X-Road-Id": "m", "X-Road-UserId": MARI.subject, "X-Road-Issue": "c", "Sild-Legal-Basis": "GDPR 15"}
    ).text)  # fmt: skip
    assert "The health insurance card was put in a wallet" in json.dumps(uses), "and it is in her tracker"


@pytest.mark.parametrize(
    ("language", "words", "hint"),
    [
        ("et", "Näita numbrit", "Kuus numbrit"),
        ("vi", "Hiện mã số", "Sáu chữ số"),
        ("en", "Show the number", "Six digits"),
    ],
)
def test_the_page_in_each_language(cards: Cards, language: str, words: str, hint: str) -> None:
    browser = cards.browser()
    browser.language = language
    page, link, _number = cards.offered(browser)
    assert words in page.text
    assert hint in cards.wallet().offer(link)["grants"][GRANT]["tx_code"]["description"]


def test_a_childs_card_is_taken_by_whoever_acts_for_it(cards: Cards) -> None:
    cards.is_parent(MARI)
    browser, wallet = cards.browser(), cards.wallet()
    browser.act_for(CHILD.identifier)
    _page, link, number = cards.offered(browser)
    _payload, claims = wallet.read(wallet.take(link, number), cards.issuer)
    assert claims["given_names"] == "Leida"


def test_a_wallet_that_asks_by_authorization_details(cards: Cards) -> None:
    wallet = cards.wallet()
    _page, link, number = cards.offered()
    offer = wallet.offer(link)
    details = [{"type": "openid_credential", "credential_configuration_id": "insurance-card"}]
    token = wallet.ask_token(offer, number, authorization_details=json.dumps(details)).json()
    assert token["authorization_details"][0]["credential_identifiers"]
    by_name = {"credential_configuration_id": "insurance-card", "proofs": {"jwt": ["x"]}}
    assert wallet.ask_credential(offer, token, **by_name).json()["error"] == "invalid_credential_request"
    assert wallet.ask_credential(offer, token).status_code == 200


# --- the code and its number


def test_a_code_that_was_used_is_nobodys(cards: Cards) -> None:
    """Whoever comes second gets nothing, and who came first loses the token: one of the two is a thief."""
    wallet, thief = cards.wallet(), cards.wallet()
    _page, link, number = cards.offered()
    offer = wallet.offer(link)
    token = wallet.ask_token(offer, number).json()
    again = thief.ask_token(offer, number)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert wallet.ask_credential(offer, token).status_code == 401


def test_three_wrong_numbers_lock_it(cards: Cards) -> None:
    browser, wallet = cards.browser(), cards.wallet()
    page, link, number = cards.offered(browser)
    offer = wallet.offer(link)
    wrong = f"{(int(number) + 1) % 10**6:06}"
    assert wallet.ask_token(offer, "").json()["error"] == "invalid_request", "that was no try"
    for tried in (wrong, "", "ä" * 6, "", wrong):
        if tried:
            assert wallet.ask_token(offer, tried).json()["error"] == "invalid_grant"
    assert wallet.ask_token(offer, number).json()["error"] == "invalid_grant", "the right one comes too late"
    assert "A wrong number was given three times" in browser.open(page.path).text


def test_many_guess_at_once(cards: Cards) -> None:
    """Of guesses at one moment three count."""
    wallet = cards.wallet(dpop=False)
    _page, link, number = cards.offered()
    offer = wallet.offer(link)
    guesses = [f"{(int(number) + add) % 10**6:06}" for add in range(1, 9)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda guess: wallet.ask_token(offer, guess).json(), guesses))
    assert all(answer["error"] == "invalid_grant" for answer in answers)
    with cards.world.portal._store.engine.connect() as connection:
        assert connection.execute(select(wallet_offer.c.tries)).scalar_one() == 3


def test_another_persons_offer(cards: Cards) -> None:
    """The page is hers, in her session; the code of another paper, or of another portal's, opens nothing here."""
    browser = cards.browser()
    page, link, number = cards.offered(browser)
    assert cards.browser(JAAN).open(page.path).status == 404
    elsewhere = cards.browser().open(page.path)
    assert number not in elsewhere.text and "openid-credential-offer" not in elsewhere.text
    offer = cards.wallet().offer(link)
    offer["grants"][GRANT]["pre-authorized_code"] = "A" * 43
    assert cards.wallet().ask_token(offer, number).json()["error"] == "invalid_grant"
    assert cards.world.browser().request("POST", f"{PAPER}/wallet", {}).status in (401, 403)


def test_the_database_alone_puts_nothing_in_a_wallet(cards: Cards) -> None:
    _page, link, number = cards.offered()
    code = cards.wallet().offer(link)["grants"][GRANT]["pre-authorized_code"]
    with cards.world.portal._store.engine.connect() as connection:
        (row,) = connection.execute(select(wallet_offer)).all()
    kept = str(row._mapping)
    assert code not in kept and number not in kept
    assert not re.search(r"eyJ[\w-]+\.", kept), "a token"


@pytest.mark.parametrize("form", [
    {"grant_type": "authorization_code"}, {"tx_code": ""}, {"pre-authorized_code": ""}, {"authorization_details": "[]"},
    {"authorization_details": '[{"type": "openid_credential", "credential_configuration_id": "passport"}]'},
    {"authorization_details": "[" * 2000}, {"tx_code": "1" * 1500},
])  # fmt: skip
def test_a_token_asked_for_wrongly_costs_nothing(cards: Cards, form: dict[str, str]) -> None:
    wallet = cards.wallet()
    _page, link, number = cards.offered()
    offer = wallet.offer(link)
    answer = wallet.ask_token(offer, number, **form)
    assert answer.status_code == 400 and answer.json()["error"] != "invalid_grant", answer.text
    assert wallet.ask_token(offer, number).status_code == 200


# --- the key


def bad_proofs(wallet: Wallet, issuer: str, nonce: str) -> dict[str, str]:
    """What each is called, and a key proof that proves nothing."""
    header = {"typ": "openid4vci-proof+jwt", "alg": "ES256", "jwk": public(wallet.key)}
    claims = {"aud": issuer, "iat": int(wallet.clock()), "nonce": nonce}
    other, p384 = ec_key(), ec_key("P-384")
    private = dict(wallet.key.export(as_dict=True))
    secret = jwk.JWK(kty="oct", k=public(wallet.key)["x"])
    good = signed(header, claims, wallet.key)
    head, body, signature = good.split(".")
    none = signed({**header}, claims, wallet.key).split(".")
    unsigned = json.dumps({**header, "alg": "none"}).encode()
    return {
        "alg none": f"{encoded(unsigned)}.{none[1]}.",
        "alg none, signed": f"{encoded(unsigned)}.{none[1]}.{none[2]}",
        "the public key as a secret": signed({**header, "alg": "HS256"}, claims, secret),
        "another's key": signed({**header, "jwk": public(other)}, claims, wallet.key),
        "another curve": signed({**header, "alg": "ES384", "jwk": public(p384)}, claims, p384),
        "a private key": signed({**header, "jwk": private}, claims, wallet.key),
        "a symmetric key": signed({**header, "jwk": {"kty": "oct", "k": "AA"}}, claims, wallet.key),
        "no key": signed({**header, "jwk": None}, claims, wallet.key),
        "a key by name": signed({**header, "kid": "1"}, claims, wallet.key),
        "no point": signed({**header, "jwk": {**public(wallet.key), "y": "A" * 43}}, claims, wallet.key),
        "another type": signed({**header, "typ": "JWT"}, claims, wallet.key),
        "for another issuer": signed(header, {**claims, "aud": "https://elsewhere.example"}, wallet.key),
        "for several issuers": signed(header, {**claims, "aud": [issuer]}, wallet.key),
        "old": signed(header, {**claims, "iat": claims["iat"] - 3_600}, wallet.key),
        "of tomorrow": signed(header, {**claims, "iat": claims["iat"] + 86_400}, wallet.key),
        "of no time": signed(header, {**claims, "iat": "now"}, wallet.key),
        "without nonce": signed(header, {**claims, "nonce": None}, wallet.key),
        "cut": good[:-4],
        "of two": f"{head}.{body}.{signature[:-2]}AA",
        "nonsense": "x.y.z",
        "long": good + "A" * 9_000,
    }


def test_proofs_that_prove_nothing(cards: Cards) -> None:
    """Each is refused by the portal, and again by the register, which believes nobody; the token is good for a right one."""
    wallet = cards.wallet()
    _page, link, number = cards.offered()
    offer = wallet.offer(link)
    token = wallet.ask_token(offer, number).json()
    for name, proof in bad_proofs(wallet, cards.issuer, wallet.nonce(cards.issuer)).items():
        answer = wallet.ask_credential(offer, token, proof)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_proof"), name
    assert not [call for call in cards.world.exchange.calls if call[1] == "POST"], "the register is not asked"
    assert wallet.ask_credential(offer, token).status_code == 200


def test_a_nonce_is_ours_new_and_used_once(cards: Cards) -> None:
    wallet = cards.wallet()
    _page, link, number = cards.offered()
    offer = wallet.offer(link)
    token = wallet.ask_token(offer, number).json()
    old = wallet.nonce(cards.issuer)
    cards.world.clock.forward(minutes=5, seconds=1)
    assert wallet.ask_token(offer, number).json()["error"] == "invalid_grant", "the offer is over, too"
    _page, link, number = cards.offered()
    offer = wallet.offer(link)
    token = wallet.ask_token(offer, number).json()
    used = wallet.nonce(cards.issuer)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    assert len(used) == 54 and alphabet.index(used[-1]) % 16 == 0, "four bits of the last sign say nothing"
    same = [used[:-1] + alphabet[alphabet.index(used[-1]) + bits] for bits in (1, 15)]
    same += [f"{used}==", f"{used}=", f"{used}\n"]
    for nonce in (old, "A" * 54, used[:-2] + "AA", "ä", " ", *same):
        answer = wallet.ask_credential(offer, token, wallet.key_proof(cards.issuer, nonce))
        assert answer.json()["error"] == "invalid_nonce", nonce
    assert wallet.ask_credential(offer, token, wallet.key_proof(cards.issuer, used)).status_code == 200
    cards.world.clock.forward(seconds=1)
    _page, link, number = cards.offered()
    offer = wallet.offer(link)
    token = wallet.ask_token(offer, number).json()
    answer = wallet.ask_credential(offer, token, wallet.key_proof(cards.issuer, used))
    assert answer.json()["error"] == "invalid_nonce", "a proof that was seen on its way is of no use"


@pytest.mark.parametrize("body", [
    {"credential_configuration_id": "passport", "proofs": {"jwt": ["x"]}},
    {"credential_identifier": "insurance-card", "proofs": {"jwt": ["x"]}},
    {"credential_configuration_id": "insurance-card"},
    {"credential_configuration_id": "insurance-card", "proofs": {"jwt": []}},
    {"credential_configuration_id": "insurance-card", "proofs": {"jwt": ["x", "y"]}},
    {"credential_configuration_id": "insurance-card", "proofs": {"ldp_vp": [{}]}},
    {"credential_configuration_id": "insurance-card", "proofs": {"jwt": ["x"]}, "credential_response_encryption": {}},
])  # fmt: skip
def test_a_credential_asked_for_wrongly(cards: Cards, body: dict[str, Any]) -> None:
    wallet = cards.wallet()
    _page, link, number = cards.offered()
    offer = wallet.offer(link)
    token = wallet.ask_token(offer, number).json()
    answer = wallet.ask_credential(offer, token, **body)
    assert answer.status_code == 400 and answer.headers["Content-Type"] == "application/json"
    assert answer.json()["error"] in (
        "unknown_credential_configuration", "invalid_credential_request", "invalid_proof", "invalid_encryption_parameters",
    )  # fmt: skip


# --- the token


def test_a_token_issues_once(cards: Cards) -> None:
    wallet = cards.wallet()
    _page, link, number = cards.offered()
    offer = wallet.offer(link)
    token = wallet.ask_token(offer, number).json()
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: wallet.ask_credential(offer, token).status_code, range(4)))
    assert sorted(answers) == [200, 401, 401, 401]
    assert wallet.ask_credential(offer, token).status_code == 401


def test_a_bound_token_is_its_keys(cards: Cards) -> None:
    wallet, thief = cards.wallet(), cards.wallet()
    _page, link, number = cards.offered()
    offer = wallet.offer(link)
    token = wallet.ask_token(offer, number).json()
    assert token["token_type"] == "DPoP"
    stolen = thief.ask_credential(offer, token)
    assert stolen.status_code == 401 and "DPoP" in stolen.headers["WWW-Authenticate"]
    bearer = cards.wallet(dpop=False).ask_credential(offer, {**token, "token_type": "Bearer"})
    assert bearer.status_code == 401
    url = cards.issuer + "/wallet/credential"
    text = token["access_token"]
    for other in ({"htu": cards.issuer}, {"htm": "GET"}, {"ath": "x"}, {"iat": 1}, {"jti": None}):
        wallet_proof = wallet.proves(url, text, **other)
        answer = cards.world.browser().request(
            "POST", url, b"{}", {"Authorization": f"DPoP {text}", **wallet_proof}
        )
        assert json.loads(answer.text)["error"] == "invalid_dpop_proof", other
    once = wallet.proves(url, text)
    answers = [
        cards.world.browser().request("POST", url, b"{}", {"Authorization": f"DPoP {text}", **once}).text
        for _ in range(2)
    ]
    assert "invalid_credential_request" in answers[0] and "used before" in answers[1]
    assert wallet.ask_credential(offer, token).status_code == 200


def test_no_token_no_card(cards: Cards) -> None:
    for header in ({}, {"Authorization": "Bearer "}, {"Authorization": "Bearer x"}, {"Authorization": "Basic eDp5"},
                   {"Authorization": "DPoP " + "x" * 5_000}):  # fmt: skip
        for name in ("credential", "notification"):
            page = cards.world.browser().request("POST", f"{PAPER}/wallet/{name}", b"{}", header)
            assert page.status == 401 and "DPoP" in page.headers["WWW-Authenticate"], header


def test_what_is_told_of_it(cards: Cards) -> None:
    browser, wallet = cards.browser(), cards.wallet()
    page, link, number = cards.offered(browser)
    offer = wallet.offer(link)
    token = wallet.ask_token(offer, number).json()
    assert "A wallet has asked for it" in browser.open(page.path).text
    early = wallet.notify(offer, token, notification_id="x", event="credential_accepted")
    assert early.json()["error"] == "invalid_notification_id"
    told = {"notification_id": wallet.ask_credential(offer, token).json()["notification_id"]}
    assert (
        wallet.notify(offer, token, **told, event="eaten").json()["error"] == "invalid_notification_request"
    )
    for _twice in range(2):
        assert wallet.notify(offer, token, **told, event="credential_failure").status_code == 204
    assert "The wallet could not keep it" in browser.open(page.path).text


# --- what ends meanwhile


def test_an_offer_ends_with_the_log_in(cards: Cards) -> None:
    browser, wallet = cards.browser(), cards.wallet()
    _page, link, number = cards.offered(browser)
    offer = wallet.offer(link)
    token = wallet.ask_token(offer, number).json()
    browser.submit(browser.open("/settings"), "/logout")
    assert wallet.ask_credential(offer, token).status_code == 401
    assert not [call for call in cards.world.exchange.calls if call[1] == "POST"]


def log_out_there(cards: Cards, browser: PlainBrowser) -> None:
    """At the provider, which has not told the portal yet."""
    provider = cards.world.provider
    with provider._store.change() as change:
        found = provider.sessions.find(change, browser.cookies["__Host-session"])
        assert found is not None
        provider.sessions.end(change, found.id, "logged_out")


def test_no_offer_without_a_log_in_that_holds_now(cards: Cards) -> None:
    """The portal asks the provider again at the press of the button, and makes none."""
    browser = cards.browser()
    page = browser.open(PAPER)
    log_out_there(cards, browser)
    after = browser.submit(page, "/wallet")
    assert after.status == 401 and "openid-credential-offer" not in after.text
    with cards.world.portal._store.engine.connect() as connection:
        assert connection.execute(select(wallet_offer)).all() == []


def test_an_offer_ends_with_the_log_in_at_the_provider(cards: Cards) -> None:
    browser, wallet = cards.browser(), cards.wallet()
    _page, link, number = cards.offered(browser)
    offer = wallet.offer(link)
    token = wallet.ask_token(offer, number).json()
    log_out_there(cards, browser)
    answer = wallet.ask_credential(offer, token)
    assert (answer.status_code, answer.json()["error"]) == (400, "credential_request_denied")
    assert not [call for call in cards.world.exchange.calls if call[1] == "POST"]


def test_an_offer_ends_with_the_right_to_act(cards: Cards) -> None:
    cards.is_parent(MARI)
    browser, wallet = cards.browser(), cards.wallet()
    browser.act_for(CHILD.identifier)
    _page, link, number = cards.offered(browser)
    offer = wallet.offer(link)
    token = wallet.ask_token(offer, number).json()
    cards.world.register.rights.clear()
    answer = wallet.ask_credential(offer, token)
    assert (answer.status_code, answer.json()["error"]) == (400, "credential_request_denied")
    assert wallet.ask_credential(offer, token).status_code == 401, "and there is nothing left to try"


def test_a_card_revoked_meanwhile(cards: Cards) -> None:
    wallet, jaan = cards.wallet(), JAAN.subject[2:]
    _page, link, number = cards.offered(cards.browser(JAAN))
    offer = wallet.offer(link)
    token = wallet.ask_token(offer, number).json()
    with cards.register.kernel.used("revoke", SYSTEM) as use:
        use.concerns(jaan)
        cards.register._cards.revoke(use, jaan)
    answer = wallet.ask_credential(offer, token)
    assert (answer.status_code, answer.json()["error"]) == (400, "credential_request_denied")


def test_a_register_that_is_down_costs_a_moment(cards: Cards) -> None:
    wallet, exchange = cards.wallet(), cards.world.exchange
    assert isinstance(exchange, BehindPortal)
    _page, link, number = cards.offered()
    offer = wallet.offer(link)
    token = wallet.ask_token(offer, number).json()
    site, exchange.site = exchange.site, None
    answer = wallet.ask_credential(offer, token)
    assert answer.status_code == 503 and answer.headers["Retry-After"]
    exchange.site = site
    assert wallet.ask_credential(offer, token).status_code == 200


def test_an_answer_that_nobody_got(cards: Cards, monkeypatch: pytest.MonkeyPatch) -> None:
    """The portal dies when the register has issued: the token stays used, and the next offer ends the copy that nobody has."""
    browser, wallet, exchange = cards.browser(), cards.wallet(), cards.world.exchange
    _page, link, number = cards.offered(browser)
    offer = wallet.offer(link)
    token = wallet.ask_token(offer, number).json()
    call, issued = exchange.call, []

    async def dies(service: str, method: str, path: str, **said: Any) -> Any:
        answer = await call(service, method, path, **said)
        issued.append(answer.json["credential"])
        raise RuntimeError("killed")

    monkeypatch.setattr(exchange, "call", dies)
    assert wallet.ask_credential(offer, token).status_code == 500
    monkeypatch.undo()
    assert wallet.ask_credential(offer, token).status_code == 401
    _page, link, number = cards.offered(browser)
    held = wallet.take(link, number)
    cards.world.clock.forward(minutes=2)
    revoked = [wallet.is_revoked(one, cards.issuer) for one in (*issued, held)]
    assert revoked == [True, False]


def test_offers_are_not_made_without_end(cards: Cards) -> None:
    browser = cards.browser()
    first, *_ = cards.offered(browser)
    cards.offered(browser)
    assert "The offer is over" in browser.open(first.path).text, "the newest is the one"
    for _ in range(8):
        cards.offered(browser)
    assert browser.submit(browser.open(PAPER), "/wallet").status == 429


async def test_nothing_is_left_of_an_offer(cards: Cards) -> None:
    cards.offered()
    wallet = cards.wallet()
    wallet.nonce(cards.issuer)
    cards.world.clock.forward(minutes=6)
    await cards.world.portal._offers.clear()
    with cards.world.portal._store.engine.connect() as connection:
        row = connection.execute(select(wallet_offer)).one()
        assert (row.content, row.shown) == (None, None)
        assert connection.execute(select(wallet_spent)).all() == [], (
            "a nonce that nobody used is kept nowhere"
        )
    cards.world.clock.forward(hours=1)
    await cards.world.portal._offers.clear()
    with cards.world.portal._store.engine.connect() as connection:
        assert connection.execute(select(wallet_offer)).all() == []


# --- the status list


def test_the_copy_of_a_former_wallet_is_revoked(cards: Cards) -> None:
    first, second, peeter = cards.wallet(), cards.wallet(), PEETER.subject[2:]
    browser = cards.browser(PEETER)
    _page, link, number = cards.offered(browser)
    old = first.take(link, number)
    paper = cards.register.card(peeter, SYSTEM).credential
    _page, link, number = cards.offered(browser)
    new = second.take(link, number)
    cards.world.clock.forward(minutes=2)  # the portal keeps the list a minute
    revoked = [first.is_revoked(one, cards.issuer) for one in (old, new, paper)]
    assert revoked == [True, False, False], "what is on paper holds"
    with cards.register.kernel.used("revoke", SYSTEM) as use:
        use.concerns(peeter)
        cards.register._cards.revoke(use, peeter)
    cards.world.clock.forward(minutes=2)
    assert all(first.is_revoked(one, cards.issuer) for one in (old, new, paper))


@pytest.mark.parametrize(
    ("language", "has", "ended"),
    [
        ("en", "You have it in a wallet since", "The copy in the wallet has ended"),
        ("et", "Sul on see digikukrus alates", "Koopia digikukrus enam ei kehti"),
        ("vi", "Bạn có bản này trong ví từ", "Bản trong ví đã bị hủy"),
    ],
)
def test_a_lost_phone(cards: Cards, language: str, has: str, ended: str) -> None:
    """Its copy is ended by a button; she takes another; nobody else's button ends hers."""
    browser, wallet = cards.browser(), cards.wallet()
    _page, link, number = cards.offered(browser)
    lost = wallet.take(link, number)
    browser.language = language
    page = browser.open(PAPER)
    assert has in page.text
    cards.is_parent(MARI)
    child = cards.browser()
    child.act_for(CHILD.identifier)
    token = child.open("/settings").form("/logout")["fields"]["form_token"]
    after = child.open(f"{PAPER}/wallet/end", "POST", {"form_token": token})
    assert "The copy in the wallet has ended" in after.text
    assert has in browser.open(PAPER).text, "another's card, another's copy"
    after = browser.submit(page, "/wallet/end")
    assert after.path == PAPER and ended in after.text and has not in after.text
    cards.world.clock.forward(minutes=2)
    assert wallet.is_revoked(lost, cards.issuer)
    _page, link, number = cards.offered(browser)
    assert not wallet.is_revoked(cards.wallet().take(link, number), cards.issuer)


def test_each_parent_has_a_copy_of_their_own(cards: Cards) -> None:
    wallets = []
    for person in (MARI, JAAN):
        cards.is_parent(person)
        browser, wallet = cards.browser(person), cards.wallet()
        browser.act_for(CHILD.identifier)
        _page, link, number = cards.offered(browser)
        wallets.append((wallet, wallet.take(link, number)))
    cards.world.clock.forward(minutes=2)
    assert [wallet.is_revoked(copy, cards.issuer) for wallet, copy in wallets] == [False, False]


def test_a_paper_that_is_not_for_wallets(cards: Cards) -> None:
    browser = cards.browser()
    assert 'action="/papers/birth-certificate' not in unescape(browser.open("/papers/birth-certificate").text)
    token = browser.open("/settings").form("/logout")["fields"]["form_token"]
    for paper in ("birth-certificate", "passport"):
        assert browser.request("POST", f"/papers/{paper}/wallet", {"form_token": token}).status == 404
        assert browser.open(f"/.well-known/openid-credential-issuer/papers/{paper}").status == 404
        assert browser.request("POST", f"/papers/{paper}/wallet/nonce", b"").status == 404
