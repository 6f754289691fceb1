"""Somebody signs: the way through the Cloud Signature Consortium's API; and everybody who tries to sign in their stead, or something else."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import requests

from sild.clock import xml_datetime
from sild.pki import read_certificate, verify_bytes
from sild.pki.algorithms import SignatureAlgorithm
from sild.signatures import DocumentPart, PreparedBaseline, prepare_baseline
from support.authenticator import SoftwareAuthenticator
from support.identity_world import CALLBACK, MARI, MINH, SECRET, Browser, Page, World

SERVICE = ("service", SECRET)
TEXT = "Isaduse omaksvõtt\n\nMari Maasikas, EE60001019906\n"
VERIFIER = "v" * 50
CSC = "/csc/v2"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One for all: nothing that anybody tried here may count for the next."""
    directory = tmp_path_factory.mktemp("signing")
    with World(directory, signs=True, requests_per_minute=100_000).running() as world:
        world.service().log_in(world.browser())  # she is known here
        yield world


@dataclass
class Asking:
    """One request for Mari's signature, each of its values replaceable."""

    world: World
    text: str = TEXT
    shown: str | None = None
    client: tuple[str, str] = SERVICE
    more: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        found = self.call("/credentials/list", {"userID": MARI.subject, "credentialInfo": True})
        info = found["credentialInfos"][0]
        self.credential = found["credentialIDs"][0]
        self.certificate = read_certificate(base64.b64decode(info["cert"]["certificates"][0]))
        self.prepared = self.prepare()

    def prepare(self) -> PreparedBaseline:
        part = DocumentPart("statement.txt", "text/plain", hashlib.sha256(self.text.encode()).digest())
        return prepare_baseline(self.certificate, part, signing_time=self.world.clock())

    def call(self, path: str, body: Any) -> dict[str, Any]:
        answer = self.world.post(CSC + path, auth=self.client, json=body)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def form(self) -> dict[str, str]:
        document = {
            "name": "statement.txt",
            "mediaType": "text/plain",
            "content": base64.b64encode((self.shown or self.text).encode()).decode(),
            "signingTime": xml_datetime(self.world.clock(), milliseconds=True),
        }
        return {
            "response_type": "code",
            "client_id": "service",
            "redirect_uri": CALLBACK,
            "scope": "credential",
            "code_challenge": base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest())
            .rstrip(b"=")
            .decode(),
            "code_challenge_method": "S256",
            "state": "s-1",
            "credentialID": self.credential,
            "numSignatures": "1",
            "hashes": base64.urlsafe_b64encode(self.prepared.digest).rstrip(b"=").decode(),
            "hashAlgorithmOID": "2.16.840.1.101.3.4.2.1",
            "lang": "en",
            "documents": json.dumps([document]),
            **self.more,
        }

    def push(self) -> requests.Response:
        return self.world.post(CSC + "/oauth2/pushed_authorize", auth=self.client, data=self.form())

    def url(self) -> str:
        pushed = self.push()
        assert pushed.status_code == 201, pushed.text
        said = urlencode({"client_id": "service", "request_uri": pushed.json()["request_uri"]})
        return f"{self.world.issuer}{CSC}/oauth2/authorize?{said}"

    def redeem(self, code: str, **changed: str) -> requests.Response:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CALLBACK,
            "code_verifier": VERIFIER,
        }
        client = (changed.pop("client", "service"), SECRET)
        return self.world.post(CSC + "/oauth2/token", auth=client, data={**form, **changed})

    def sign(self, token: str, digest: bytes | None = None, **changed: Any) -> requests.Response:
        body = {
            "credentialID": self.credential,
            "hashes": [base64.b64encode(digest or self.prepared.digest).decode()],
            "hashAlgorithmOID": "2.16.840.1.101.3.4.2.1",
            "signAlgo": "1.2.840.10045.4.3.2",
            "operationMode": "S",
            **changed,
        }
        return self.world.post(
            CSC + "/signatures/signHash", json=body, headers={"Authorization": f"Bearer {token}"}
        )

    def token(self, browser: Browser | None = None) -> str:
        browser = browser or self.world.browser()
        back = browser.as_test_person(browser.open(self.url()))
        return str(self.redeem(back.query["code"]).json()["access_token"])


def refused(answer: requests.Response, status: int, error: str) -> None:
    assert (answer.status_code, answer.json().get("error")) == (status, error), answer.text


def test_mari_signs(world: World) -> None:
    asking, browser = Asking(world), world.browser()
    page = browser.open(asking.url())
    assert page.path.startswith("/login/") and "Mari Maasikas, EE60001019906" in page.text
    assert hashlib.sha256(TEXT.encode()).hexdigest() in page.text
    assert MINH.subject not in page.text  # of the demonstration's people she alone is offered
    back = browser.as_test_person(page)
    assert (
        back.url.startswith(CALLBACK) and back.query["state"] == "s-1" and back.query["iss"] == world.issuer
    )
    said = asking.redeem(back.query["code"]).json()
    assert said["token_type"] == "SAD" and said["credentialID"] == asking.credential
    first = asking.sign(said["access_token"]).json()["signatures"]
    value = base64.b64decode(first[0])
    verify_bytes(
        asking.certificate.public_key(), SignatureAlgorithm.ECDSA_SHA256, value, asking.prepared.to_be_signed
    )
    assert (
        asking.sign(said["access_token"]).json()["signatures"] == first
    )  # the answer was lost: the same again
    subject = asking.certificate.subject.rfc4514_string()
    assert "PNOEE-60001019906" in subject or "2.5.4.5=PNOEE-60001019906" in subject
    assert Asking(world).credential == asking.credential  # one key, made at first use
    info = world.post(CSC + "/info", json={}).json()
    assert "signatures/signHash" in info["methods"] and info["oauth2"] == world.issuer + CSC


def test_by_card_and_by_passkey(world: World) -> None:
    browser = world.browser()
    back = browser.by_card(browser.open(Asking(world).url()), world.card())
    assert back.query["code"]
    mari = world.browser()
    world.service().log_in(mari)
    stick = SoftwareAuthenticator()
    assert mari.add_passkey(stick).status_code == 200
    other = world.browser()
    assert other.by_passkey(other.open(Asking(world).url()), stick).query["code"]


def test_a_session_is_no_word(world: World) -> None:
    """However fresh: the page asks anew, begins no session and ends none."""
    browser = world.browser()
    service = world.service()
    service.log_in(browser)
    before = browser.session.cookies.get("__Host-session", domain="localhost.local", path="/")
    page = browser.open(Asking(world).url())
    assert page.path.startswith("/login/")
    browser.as_test_person(page)
    assert browser.session.cookies.get("__Host-session", domain="localhost.local", path="/") == before
    fresh = world.browser()
    fresh.as_test_person(fresh.open(Asking(world).url()))
    assert fresh.open(world.service().url()).path.startswith("/login/")  # nobody is logged in by signing


def test_somebody_else_logs_in(world: World) -> None:
    browser = world.browser()
    page = browser.open(Asking(world).url())
    stranger = browser.script(page, f"{page.path}/card/nonce").json()["nonce"]
    card = world.card("48001085718", "Jaan", "Tamm")
    answer = browser.script(page, f"{page.path}/card", raw=card.token(world.issuer, stranger))
    assert answer.status_code == 400 and answer.json()["error"] == "another_person"
    assert browser.as_test_person(page).query["code"]  # she still may


def test_a_level_that_is_too_low(tmp_path: Path) -> None:
    low = MARI.model_copy(update={"level": "substantial"})
    with World(tmp_path, signs=True, test_people=(low,)).running() as world:
        world.service().log_in(world.browser(), low)
        browser = world.browser()
        page = browser.open(Asking(world).url())
        assert low.subject not in [value for form in page.forms.forms for _name, value in form["buttons"]]
        fields = {"form_token": page.form("/cancel")["fields"]["form_token"], "subject": low.subject}
        forced = browser.open(f"{world.issuer}{page.path}/test", "POST", data=fields)
        assert forced.status == 400


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"shown": TEXT.replace("Isaduse", "Vara ")}, "invalid_request"),  # another text than is hashed
        ({"more": {"hashes": "A" * 43}}, "invalid_request"),
        ({"more": {"hashes": "A" * 43 + "," + "B" * 43}}, "invalid_request"),
        ({"more": {"numSignatures": "2"}}, "invalid_request"),
        ({"more": {"documents": "[]"}}, "invalid_request"),
        ({"text": "a\u202eb"}, "invalid_request"),  # written backwards
        ({"text": "a\x00b"}, "invalid_request"),
        ({"more": {"credentialID": "no"}}, "invalid_request"),
        ({"more": {"redirect_uri": "https://evil.example/"}}, "invalid_request"),
        ({"more": {"code_challenge_method": "plain"}}, "invalid_request"),
        ({"more": {"scope": "openid"}}, "invalid_scope"),
        ({"more": {"hashAlgorithmOID": "1.3.14.3.2.26"}}, "invalid_request"),
    ],
)
def test_what_is_not_shown_is_not_signed(world: World, values: dict[str, Any], error: str) -> None:
    refused(Asking(world, **values).push(), 400, error)


def test_clients_that_may_not(world: World) -> None:
    asking = Asking(world)
    for path, body in (
        ("/credentials/list", {"userID": MARI.subject}),
        ("/credentials/info", {"credentialID": asking.credential}),
    ):
        refused(world.post(CSC + path, auth=("other", SECRET), json=body), 403, "access_denied")
        refused(world.post(CSC + path, auth=("service", "x" * 43), json=body), 401, "invalid_client")
    asking.client = ("other", SECRET)
    refused(asking.push(), 401, "invalid_client")  # it says it is another
    unknown = world.post(CSC + "/credentials/list", auth=SERVICE, json={"userID": "EE38001085718"})
    refused(unknown, 404, "not_found")
    browser = world.browser()  # its permission is none to log people in with
    page = browser.open(world.service().url(scope="openid credential"))
    assert page.query["error"] == "invalid_scope"


def test_a_request_is_opened_once_and_soon(world: World) -> None:
    url, browser = Asking(world).url(), world.browser()
    assert browser.open(url.replace("client_id=service", "client_id=other")).status == 400
    page = browser.open(url)
    assert browser.open(url).status == 400 and world.browser().open(url).status == 400
    assert world.browser().open(page.url).status == 400  # another browser's
    late = Asking(world).url()
    world.clock.forward(seconds=91)
    assert browser.open(late).status == 400


def test_a_form_from_elsewhere(world: World) -> None:
    """CSRF: a page that would have her sign without seeing anything."""
    browser = world.browser()
    page = browser.open(Asking(world).url())
    form = page.form("/test")
    fields = {**form["fields"], "subject": MARI.subject}
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert browser.open(world.issuer + form["action"], "POST", data=fields, headers=headers).status == 403
    forged = {**fields, "form_token": "0" * 64}
    assert browser.open(world.issuer + form["action"], "POST", data=forged).status == 403
    login = browser.open(world.service().url()).form(
        "/test"
    )  # the token of a log-in's page is no word for a signature
    mixed = {**fields, "form_token": login["fields"]["form_token"]}
    assert browser.open(world.issuer + form["action"], "POST", data=mixed).status == 403


def test_the_word_is_given_once(world: World) -> None:
    asking, browser = Asking(world), world.browser()
    page = browser.open(asking.url())
    code = browser.as_test_person(page).query["code"]
    assert browser.as_test_person(page).status == 400
    for changed in (
        {"code_verifier": "w" * 50},
        {"redirect_uri": "https://service.example/else"},
        {"client": "other"},
    ):
        assert asking.redeem(code, **changed).status_code in (400, 403)
    token = asking.redeem(code).json()["access_token"]
    refused(asking.redeem(code), 400, "invalid_grant")
    refused(asking.sign(token, hashlib.sha256(b"all I own").digest()), 400, "invalid_request")
    two = [base64.b64encode(asking.prepared.digest).decode(), base64.b64encode(b"x" * 32).decode()]
    refused(asking.sign(token, hashes=two), 400, "invalid_request")
    refused(asking.sign(token, credentialID="other"), 400, "invalid_request")
    refused(asking.sign(token, signAlgo="1.2.840.113549.1.1.11"), 400, "invalid_request")
    refused(asking.sign("x" * 43), 401, "invalid_token")
    assert asking.sign(token).status_code == 200


def test_words_that_are_too_old(world: World) -> None:
    asking, browser = Asking(world), world.browser()
    page = browser.open(asking.url())
    world.clock.forward(minutes=11)
    assert browser.as_test_person(page).status == 400
    asking = Asking(world)
    code = browser.as_test_person(browser.open(asking.url())).query["code"]
    world.clock.forward(seconds=61)
    refused(asking.redeem(code), 400, "invalid_grant")
    asking = Asking(world)
    token = asking.token()
    world.clock.forward(minutes=6)
    refused(asking.sign(token), 401, "invalid_token")


def test_a_log_in_is_no_signature_and_the_reverse(world: World) -> None:
    """Codes and tokens of the one count nothing with the other."""
    asking, browser = Asking(world), world.browser()
    code = browser.as_test_person(browser.open(asking.url())).query["code"]
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": CALLBACK,
        "code_verifier": VERIFIER,
    }
    refused(world.post("/token", auth=SERVICE, data=form), 400, "invalid_grant")
    tokens = world.service().log_in(world.browser())
    refused(asking.sign(tokens["access_token"]), 401, "invalid_token")
    answer = world.get("/userinfo", headers={"Authorization": f"Bearer {asking.token()}"})
    assert answer.status_code == 401


def test_she_goes_back(world: World) -> None:
    browser = world.browser()
    page: Page = browser.submit(browser.open(Asking(world).url()), "/cancel")
    assert (
        page.url.startswith(CALLBACK)
        and page.query["error"] == "user_cancel"
        and page.query["state"] == "s-1"
    )


def test_nobody_signs_here(tmp_path: Path) -> None:
    with World(tmp_path).running() as world:
        for path in ("/info", "/credentials/list", "/signatures/signHash"):
            assert world.post(CSC + path, auth=SERVICE, json={}).status_code in (401, 403, 404)
        assert world.get(CSC + "/oauth2/authorize?client_id=service&request_uri=x").status_code == 400


def test_the_keys_are_kept_under_the_password(world: World) -> None:
    Asking(world).token()
    files = world.settings.directory.parent.glob("signing.db*")
    content = b"".join(file.read_bytes() for file in files)
    assert b"signing_credential" in content
    assert b"PRIVATE KEY" not in content and b"PNOEE" not in content.split(b"BEGIN")[0]
