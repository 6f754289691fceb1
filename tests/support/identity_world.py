"""A provider on real HTTPS, a browser that keeps its cookies, and a service that uses a public OpenID Connect library."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import requests
import uvicorn
from authlib.common.security import generate_token
from authlib.integrations.requests_client import OAuth2Session
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jwt
from joserfc.jwk import KeySet
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sild.database import sqlite_url
from sild.errors import Unavailable
from sild.identity_provider import (
    IdentityProvider,
    IdentityProviderSettings,
    MandateRole,
    TestPerson,
)
from sild.openid import Client, Mandate, Party
from sild.pki import Certificate, CertificateProfile, issue_certificate
from sild.processes.identity import with_client_cert
from sild.remote_signing import RemoteSigning
from support.authenticator import SoftwareAuthenticator
from support.identity_card import IdentityCard
from support.pki import Pki, name

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
CALLBACK = "https://service.example/callback"
SECRET = "s" * 43
MARI = TestPerson(subject="EE60001019906", given_name="Mari", family_name="Maasikas")
MINH = TestPerson(subject="VN001199000123", given_name="Minh", family_name="Nguyễn", level="substantial")
ROLES = (
    MandateRole(
        code="EMTA:ACCOUNTANT",
        title={"en": "Accountant", "et": "Raamatupidaja", "vi": "Kế toán"},
        sub_delegation=True,
    ),
    MandateRole(
        code="STAT:RESPONDENT", title={"en": "Respondent", "et": "Andmeesitaja", "vi": "Người trả lời"}
    ),
)
FIRM = Party("LEGAL_PERSON", "EE12345678", legal_name="Väikefirma OÜ")
CHILD = Party("NATURAL_PERSON", "EE62401010017", first_name="Leida", surname="Maasikas")
MARI_PARTY = Party("NATURAL_PERSON", MARI.subject, first_name="Mari", surname="Maasikas")


@dataclass
class Clock:
    at: datetime = NOW

    def __call__(self) -> datetime:
        return self.at

    def forward(self, **parts: float) -> None:
        self.at += timedelta(**parts)


@dataclass
class Register:
    """A register of parents and boards in memory, behind the port; `down` answers nobody."""

    name: str = "population"
    rights: list[Mandate] = field(default_factory=list)
    down: bool = False
    ended: set[str] = field(default_factory=set)

    def stands(self, party: Party, *, delegate: str, at: datetime) -> bool | None:
        if self.down:
            raise Unavailable("the register does not answer")
        return party.identifier not in self.ended

    def mandates_of(self, delegate: str, at: datetime) -> Sequence[Mandate]:
        if self.down:
            raise Unavailable("the register does not answer")
        return [right for right in self.rights if right.delegate.identifier == delegate]


def parent_of(parent: Party, child: Party, *, through: date | None = None) -> Mandate:
    return Mandate(
        "parent-1", child, parent, "NAT_REPRIGHT:PARENT", "PARENT", "population", date(2024, 1, 1), through
    )


def board_of(member: Party, firm: Party) -> Mandate:
    return Mandate("board-1", firm, member, "BR_REPRIGHT:SOLEREP", "BOARD", "population", date(2024, 1, 1))


@dataclass(frozen=True)
class Site:
    port: int

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"


@contextmanager
def serving_tls(app: Any, bound: socket.socket, certificate: Path, key: Path) -> Iterator[Site]:
    config = uvicorn.Config(
        app, log_config=None, access_log=False, ssl_certfile=certificate, ssl_keyfile=key, loop="asyncio"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([bound],), daemon=True)
    thread.start()
    try:
        yield Site(bound.getsockname()[1])
    finally:
        server.should_exit = True
        thread.join(10)
        bound.close()


def bind() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0))


class World:
    """One provider, its clock, its registers, its certification authority and clients of every kind."""

    def __init__(self, directory: Path, *, signs: bool = False, **settings: Any) -> None:
        """signs: people have signing keys, and `service` may ask for signatures."""
        self.pki = Pki()
        self.open: list[requests.Session] = []  # closed before the servers, which would wait for them
        self.clock = Clock()
        self.register = Register()
        self.ca_file = directory / "ca.pem"
        self.ca_file.write_bytes(self.pki.ca.certificate.public_bytes(Encoding.PEM))
        server = self.pki.issue(CertificateProfile.TLS, name(CN="localhost"), dns_names=["localhost"])
        self.certificate, self.key = directory / "tls.pem", directory / "tls.key"
        self.certificate.write_bytes(server.certificate.public_bytes(Encoding.PEM))
        self.key.write_bytes(server.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        self.main, self.mutual = bind(), bind()
        self.issuer = f"https://localhost:{self.main.getsockname()[1]}"
        values: dict[str, Any] = {
            "directory": directory / "identity",
            "issuer": self.issuer,
            "key_password": SecretStr("secret"),
            "certificate_authorities": (self.ca_file,),
            "certificate_status": "off",
            "certificate_url": f"https://localhost:{self.mutual.getsockname()[1]}",
            "test_people": (MARI, MINH),
            "mandate_roles": ROLES,
        }
        self.settings = IdentityProviderSettings(**{**values, **settings})
        signing = None
        if signs:
            url = sqlite_url(directory / "signing.db")
            signing = RemoteSigning.open(url, key_password="pen", certify=self.certify, clock=self.clock)
        self.provider = IdentityProvider(
            self.settings, self.clock, mandate_sources=[self.register], signing=signing
        )
        signature = ("credential",) if signs else ()
        self.add_client("service", scopes=("openid", "representee", "representee_list", "official", *signature), refresh_tokens=True,
                        audiences=("tax-register",), post_logout_redirect_uris=("https://service.example/bye",))  # fmt: skip
        self.add_client("other", redirect_uris=("https://other.example/cb",))
        self.add_client("register", introspection=True, mandate_namespaces=("EMTA", "*"), audiences=())

    def certify(self, request: bytes) -> list[Certificate]:
        """What the nation's authority does for people's signing keys."""
        asked = x509.load_der_x509_csr(request)
        issued = issue_certificate(
            CertificateProfile.SIGN,
            subject=asked.subject,
            public_key=asked.public_key(),
            issuer=self.pki.ca.certificate.subject,
            issuer_key=self.pki.ca.key,
            issuer_public_key=self.pki.ca.key.public_key(),
            serial_number=x509.random_serial_number(),
            not_before=NOW - timedelta(days=1),
            not_after=NOW + timedelta(days=700),
        )
        return [issued, self.pki.ca.certificate]

    def add_client(self, client_id: str, **values: Any) -> None:
        values = {"redirect_uris": (CALLBACK,), "authentication": "client_secret_basic", **values}
        client = Client(client_id=client_id, name=client_id.title(), **values)
        secret = SECRET if client.authentication == "client_secret_basic" else None
        self.provider.register_client(client, secret=secret)

    @contextmanager
    def running(self) -> Iterator[World]:
        app = self.provider.app
        with (
            serving_tls(app, self.main, self.certificate, self.key),
            serving_tls(with_client_cert(app), self.mutual, self.certificate, self.key),
        ):
            try:
                yield self
            finally:
                for session in self.open:
                    session.close()
                self.provider.close()

    def browser(self) -> Browser:
        return Browser(self)

    def service(self, client_id: str = "service", **values: Any) -> Service:
        return Service(self, client_id, **values)

    def card(
        self, code: str = "60001019906", given: str = "Mari", surname: str = "Maasikas", **values: Any
    ) -> IdentityCard:
        return IdentityCard.issue(self.pki, code, given, surname, **values)

    def post(self, path: str, *, auth: tuple[str, str] | None = None, **values: Any) -> requests.Response:
        return requests.post(self.issuer + path, verify=str(self.ca_file), auth=auth, timeout=10, **values)

    def get(self, path: str, *, auth: tuple[str, str] | None = None, **values: Any) -> requests.Response:
        return requests.get(self.issuer + path, verify=str(self.ca_file), auth=auth, timeout=10, **values)


class _Forms(HTMLParser):
    """Forms of a page, and the attributes `data-...` the script reads."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[dict[str, Any]] = []
        self.data: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {key: value or "" for key, value in attrs}
        self.data.update(
            {key: value for key, value in found.items() if key.startswith("data-") and key not in self.data}
        )
        if tag == "form":
            self.forms.append({"action": found["action"], "fields": {}, "buttons": []})
        elif tag == "input" and self.forms and found.get("type") == "hidden":
            self.forms[-1]["fields"][found["name"]] = found["value"]
        elif tag == "button" and self.forms and "name" in found:
            self.forms[-1]["buttons"].append((found["name"], found["value"]))


@dataclass
class Page:
    """Where the browser ended: a page of ours, or an address of a service it was sent to."""

    url: str
    status: int
    text: str
    headers: Any

    @cached_property
    def forms(self) -> _Forms:
        parser = _Forms()
        parser.feed(self.text)
        return parser

    @property
    def path(self) -> str:
        return urlsplit(self.url).path

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.url).query))

    def form(self, ending: str) -> dict[str, Any]:
        return next(form for form in self.forms.forms if form["action"].endswith(ending))


class Browser:
    """Follows redirects among the provider's addresses and stops where it is sent elsewhere."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.session = requests.Session()
        world.open.append(self.session)
        self.session.verify = str(world.ca_file)
        self.session.trust_env = False  # an environment's certificates would count for more than ours

    def open(self, url: str, method: str = "GET", **values: Any) -> Page:
        for _hop in range(10):
            if urlsplit(url).hostname != "localhost":
                return Page(url, 0, "", {})
            answer = self.session.request(method, url, allow_redirects=False, timeout=10, **values)
            if not answer.is_redirect:
                return Page(url, answer.status_code, answer.text, answer.headers)
            url, method, values = requests.compat.urljoin(url, answer.headers["location"]), "GET", {}
        raise AssertionError("too many redirects")

    def submit(self, page: Page, ending: str, **fields: str) -> Page:
        form = page.form(ending)
        url = requests.compat.urljoin(self.world.issuer, form["action"])
        headers = {"Origin": self.world.issuer}
        return self.open(url, "POST", data={**form["fields"], **fields}, headers=headers)

    def script(
        self, page: Page, path: str, body: Any = None, *, raw: bytes | None = None
    ) -> requests.Response:
        """What identity.js sends."""
        headers = {
            "Content-Type": "application/json",
            "X-Form-Token": page.forms.data["data-token"],
            "Origin": self.world.issuer,
        }
        url = self.world.issuer + path
        return self.session.post(url, json=body, data=raw, headers=headers, timeout=10)

    # --- ways to log in

    def as_test_person(self, page: Page, person: TestPerson = MARI) -> Page:
        return self.submit(page, "/test", subject=person.subject)

    def by_card(self, page: Page, card: IdentityCard) -> Page:
        place = page.forms.data["data-login"]
        nonce = self.script(page, f"{place}/card/nonce").json()["nonce"]
        answer = self.script(page, f"{place}/card", raw=card.token(self.world.issuer, nonce))
        return self._next(answer)

    def by_passkey(self, page: Page, authenticator: SoftwareAuthenticator) -> Page:
        place = page.forms.data["data-login"]
        options = self.script(page, f"{place}/passkey/options").json()
        answer = self.script(page, f"{place}/passkey", authenticator.get(options, self.world.issuer))
        return self._next(answer)

    def add_passkey(self, authenticator: SoftwareAuthenticator) -> requests.Response:
        page = self.open(self.world.issuer + "/account")
        place = page.forms.data["data-register"]
        options = self.script(page, f"{place}/options").json()
        return self.script(page, f"{place}?label=Phone", authenticator.create(options, self.world.issuer))

    def _next(self, answer: requests.Response) -> Page:
        said = answer.json()
        assert answer.status_code == 200, said
        return self.open(requests.compat.urljoin(self.world.issuer, said["next"]))


class Service:
    """A relying party on authlib's client; its identity tokens are checked with joserfc against the published keys."""

    def __init__(
        self, world: World, client_id: str, *, secret: str | None = SECRET, redirect_uri: str = CALLBACK
    ) -> None:
        self.world = world
        self.client_id = client_id
        self.metadata = world.get("/.well-known/openid-configuration").json()
        self.verifier = generate_token(48)
        self.nonce = generate_token(20)
        self.oauth = OAuth2Session(
            client_id,
            secret,
            scope="openid",
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
            token_endpoint_auth_method="client_secret_basic" if secret else "none",
        )
        world.open.append(self.oauth)
        self.oauth.verify = str(world.ca_file)
        self.oauth.trust_env = False
        self.state = ""

    def url(self, **parameters: str) -> str:
        if "scope" in parameters:
            self.oauth.scope = parameters.pop("scope")
        url, self.state = self.oauth.create_authorization_url(
            self.metadata["authorization_endpoint"],
            code_verifier=self.verifier,
            nonce=self.nonce,
            **parameters,
        )
        return str(url)

    def tokens(self, page: Page) -> dict[str, Any]:
        """Redeem the code the browser was sent back with, as the library does it."""
        assert page.url.startswith("https://service.example/callback?"), (page.url, page.text[:300])
        assert page.query["iss"] == self.metadata["issuer"]
        return dict(
            self.oauth.fetch_token(
                self.metadata["token_endpoint"],
                authorization_response=page.url,
                state=self.state,
                code_verifier=self.verifier,
            )
        )

    def claims(
        self, tokens: dict[str, Any], token: str = "id_token", *, algorithm: str = "ES256"
    ) -> dict[str, Any]:
        keys = KeySet.import_key_set(self.world.get("/jwks").json())
        decoded = jwt.decode(tokens[token], keys, algorithms=[algorithm])
        return dict(decoded.claims)

    def log_in(self, browser: Browser, person: TestPerson = MARI, **parameters: str) -> dict[str, Any]:
        return self.tokens(browser.as_test_person(browser.open(self.url(**parameters)), person))


@contextmanager
def listening_service() -> Iterator[tuple[str, list[str]]]:
    """A service's back-channel logout address, and the tokens it was sent."""
    received: list[str] = []

    async def logout(request: Request) -> Response:
        received.append(parse_qs((await request.body()).decode())["logout_token"][0])
        return Response(status_code=200)

    bound = bind()
    app = Starlette(routes=[Route("/logout", logout, methods=["POST"])])
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, loop="asyncio"))
    thread = threading.Thread(target=server.run, args=([bound],), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{bound.getsockname()[1]}/logout", received
    finally:
        server.should_exit = True
        thread.join(10)
        bound.close()
