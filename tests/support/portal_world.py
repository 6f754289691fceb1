"""A portal beside a real identity provider on loopback, and a browser without a script that keeps its cookies."""

from __future__ import annotations

import contextlib
import http.client
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

import yaml
from pydantic import SecretStr

import sild
from sild.catalogue import Profile, parse_profile
from sild.identity_provider import IdentityProvider, IdentityProviderSettings, MandateRole, TestPerson
from sild.openid import Client, Mandate, Party
from sild.portal import Cases, FactSource, Office, PaperSource, Portal, PortalSettings, WalletSource
from support.asgi import serving
from support.identity_world import Clock, Register
from support.portal_cases import CasesDouble, EvidenceDouble, ExchangeDouble

MARI = TestPerson(subject="EE60001019906", given_name="Mari", family_name="Maasikas")
JAAN = TestPerson(subject="EE38001085718", given_name="Jaan", family_name="Tamm")
PEETER = TestPerson(subject="EE37605030299", given_name="Peeter", family_name="Ametnik")
CHILD = Party("NATURAL_PERSON", "EE62401010017", first_name="Leida", surname="Maasikas")
REPRESENTATIVE = MandateRole(
    code="SILD:REPRESENTATIVE",
    title={"et": "Kõik asjad", "vi": "Mọi việc", "en": "Everything"},
    sub_delegation=True,
)
SECRET = "s" * 43
PACKAGE = "ee-family-benefits"
"""Of which the watch over algorithms has a specimen."""
OFFICE = Office(
    role="registrar",
    organisation="70000005",
    authority="birth@0793",
    title={"et": "Sünnid, Tartu linn", "vi": "Khai sinh, Tartu", "en": "Births, Tartu"},
)
SOURCES = (
    FactSource(subsystem="GOV/70000002/population", title={"et": "Rahvastikuregister", "vi": "Dân cư", "en": "Population register"}),
    FactSource(subsystem="GOV/70000006/residence", title={"et": "Elukohad", "vi": "Nơi cư trú", "en": "Register of residence"}),
)  # fmt: skip

PAPER = PaperSource(
    name="insurance-card",
    subsystem="GOV/70000003/insurance",
    title={"et": "Ravikindlustuskaart", "vi": "Thẻ bảo hiểm y tế", "en": "Health insurance card"},
    path="/persons/{person}/card",
    wallet=WalletSource(
        vct="urn:sild:health-insurance-card:1",
        path="/persons/{person}/card/wallet",
        operation="bindCard",
        end_operation="unbindCard",
        claims=("card_number", "given_names", "family_name", "birthdate", "cover_from"),
    ),
)
CERTIFICATES = PaperSource(
    name="birth-certificate",
    subsystem="GOV/70000002/population",
    title={"et": "Sünnitõend", "vi": "Giấy khai sinh", "en": "Birth certificate"},
    path="/persons/{person}/birth-certificates",
    several=True,
)


@cache
def estonia() -> Profile:
    return parse_profile(yaml.safe_load((Path(sild.__file__).parent / "profiles" / "ee.yaml").read_text()))


class PortalWorld:
    def __init__(
        self,
        directory: Path,
        cases: Cases | None = None,
        *,
        exchange: Any = None,
        profile: Profile | None = None,
        system: str = "SILD/GOV/70000001/portal",
        registers: tuple[str, ...] = ("SILD/GOV/70000002/population", "SILD/GOV/70000003/insurance"),
        people: tuple[TestPerson, ...] = (MARI, JAAN, PEETER),
        clock: Any = None,
        listening: socket.socket | None = None,
        **settings: Any,
    ) -> None:
        """cases, exchange: instead of the doubles.  profile: instead of Estonia's.  system, registers: as which the portal asks, and whom.  listening: at which it serves."""
        self.clock = clock or Clock()
        self.cases, self.exchange = CasesDouble(), exchange or ExchangeDouble()
        self.register = Register()
        self._identity = socket.create_server(("127.0.0.1", 0))
        self._portal = listening or socket.create_server(("127.0.0.1", 0))
        self.issuer = f"http://localhost:{self._identity.getsockname()[1]}"
        self.url = f"http://localhost:{self._portal.getsockname()[1]}"
        self.provider = IdentityProvider(
            IdentityProviderSettings(
                directory=directory / "identity",
                issuer=self.issuer,
                key_password=SecretStr("secret"),
                test_people=people,
                mandate_roles=(REPRESENTATIVE,),
            ),
            self.clock,
            mandate_sources=[self.register],
        )
        self.provider.register_client(
            Client(
                "portal",
                "Portal",
                (self.url + "/callback",),
                "client_secret_basic",
                post_logout_redirect_uris=(self.url + "/logged-out",),
                backchannel_logout_uri=self.url + "/backchannel-logout",
                scopes=("openid", "representee", "official"),
                refresh_tokens=True,
                mandate_namespaces=("*", "SILD"),
                system=system,
                registers=registers,
            ),
            secret=SECRET,
        )
        values: dict[str, Any] = {
            "directory": directory / "portal",
            "url": self.url,
            "issuer": self.issuer,
            "client_secret": SecretStr(SECRET),
            "key_password": SecretStr("secret"),
            "offices": (OFFICE,),
            "fact_sources": SOURCES,
            "bodies": {
                "GOV/70000001": {"et": "Riigi Infosüsteemi Amet", "vi": "Cơ quan Thông tin", "en": "Information Authority"},
                "GOV/70000003": {"et": "Tervisekassa", "vi": "Quỹ Bảo hiểm y tế", "en": "Health Insurance Fund"},
                "GOV/70000004": {"et": "Sotsiaalkindlustusamet", "vi": "Bảo hiểm xã hội", "en": "Social Insurance Board"},
            },
            "paper_sources": (PAPER, CERTIFICATES),
            "private_push_services": True,
            "mandates": True,
        }  # fmt: skip
        self.portal = Portal(
            PortalSettings(**{**values, **settings}),
            cases or self.cases,
            self.exchange,
            profile or estonia(),
            self.clock,
            evidence=EvidenceDouble(),
        )
        shown = {
            "kind": "specimen",
            "says": {},
            "rules": {"package": PACKAGE, "version": "1.0.0", "sha256": "0" * 64},
        }
        empty: dict[str, list[object]] = {
            "inputs": [],
            "unknowns": [],
            "outcome": [],
            "reasons": [],
            "parameters": [],
        }
        self.portal.watch.specimens[PACKAGE] = {"statement": shown | empty, "seal": {}}

    @contextlib.contextmanager
    def running(self) -> Iterator[PortalWorld]:
        with serving(self.provider.app, self._identity), serving(self.portal.app, self._portal):
            try:
                yield self
            finally:
                self.portal.close()
                self.provider.close()

    def browser(self) -> PlainBrowser:
        return PlainBrowser(self)

    def may_act_for_child(self) -> None:
        parent = Party("NATURAL_PERSON", MARI.subject, first_name="Mari", surname="Maasikas")
        self.register.rights.append(
            Mandate(
                "parent-1", CHILD, parent, "NAT_REPRIGHT:PARENT", "PARENT", "population", self.clock.at.date()
            )
        )


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[dict[str, Any]] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {key: value or "" for key, value in attrs}
        if tag == "form":
            self.forms.append({"action": found["action"], "fields": {}})
        elif tag == "input" and self.forms and found.get("type") == "hidden":
            self.forms[-1]["fields"][found["name"]] = found["value"]
        elif tag == "a":
            self.links.append(found.get("href", ""))


@dataclass
class Page:
    url: str
    status: int
    headers: http.client.HTTPMessage
    text: str

    @property
    def path(self) -> str:
        return urlsplit(self.url).path

    @cached_property
    def parsed(self) -> _Forms:
        parser = _Forms()
        parser.feed(self.text)
        return parser

    def form(self, action: str) -> dict[str, Any]:
        return next(form for form in self.parsed.forms if form["action"].partition("?")[0].endswith(action))


@dataclass
class PlainBrowser:
    """No script. cookies: of localhost, all ports."""

    world: PortalWorld
    cookies: dict[str, str] = field(default_factory=dict)
    language: str = "en"

    def request(
        self,
        method: str,
        url: str,
        body: Mapping[str, Any] | bytes | None = None,
        headers: Mapping[str, str] = {},
    ) -> Page:
        """One request; redirects are not followed."""
        parts = urlsplit(urljoin(self.world.url, url))
        connection = http.client.HTTPConnection("localhost", parts.port or 80, timeout=20)
        sent = {
            "Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()),
            "Accept-Language": self.language,
        }
        if isinstance(body, Mapping):
            body = urlencode(body, doseq=True).encode()
            sent["Content-Type"] = "application/x-www-form-urlencoded"
            sent["Origin"] = f"{parts.scheme}://{parts.netloc}"
        try:
            target = parts.path + (f"?{parts.query}" if parts.query else "")
            connection.request(method, target, body=body, headers={**sent, **headers})
            answer = connection.getresponse()
            text = answer.read().decode("utf-8", "replace")
        finally:
            connection.close()
        for line in answer.headers.get_all("set-cookie") or ():
            name, _, value = line.partition(";")[0].partition("=")
            if value.strip('"'):
                self.cookies[name] = value
            else:
                self.cookies.pop(name, None)
        return Page(parts.geturl(), answer.status, answer.headers, text)

    def open(self, url: str, method: str = "GET", body: Mapping[str, Any] | None = None) -> Page:
        """Follows redirects."""
        for _hop in range(12):
            page = self.request(method, url, body)
            if page.status not in (302, 303):
                return page
            url, method, body = urljoin(page.url, page.headers["location"]), "GET", None
        raise AssertionError("too many redirects")

    def submit(self, page: Page, action: str, **fields: Any) -> Page:
        form = page.form(action)
        values = {name.replace("__", "."): value for name, value in fields.items()}
        return self.open(urljoin(page.url, form["action"]), "POST", {**form["fields"], **values})

    def log_in(self, person: TestPerson = MARI, *, official: bool = False) -> Page:
        page = self.open("/login" + ("?return_to=/desk" if official else ""))
        form = page.parsed.forms[-1 if official else 0]
        page = self.open(urljoin(page.url, form["action"]), "POST", form["fields"])
        if page.url.startswith(self.world.issuer) and not page.path.endswith("/device"):
            page = self.submit(page, "/test", subject=person.subject)
        return page

    def act_for(self, representee: str) -> Page:
        """Of whom the logged-in person may represent."""
        page = self.submit(self.open("/settings"), "/acting", whom="choose")
        form = page.form("/representee")
        return self.open(
            urljoin(page.url, form["action"]), "POST", {**form["fields"], "representee": representee}
        )

    def log_in_as_official(self, *, managed: bool = True) -> Page:
        """managed: as if the device had been proved at the provider; a passkey needs a real browser."""
        self.world.provider.add_official_role(PEETER.subject, OFFICE.role, OFFICE.organisation)
        page = self.log_in(PEETER, official=True)
        if not managed:
            return self.submit(page, "/device/unmanaged")
        device = self.world.provider.register_device(
            OFFICE.organisation, "Desk 1", key_kind="passkey", key_id="key-1"
        )
        provider = self.world.provider
        with provider._store.change() as change:
            found = provider.sessions.find(change, self.cookies["__Host-session"])
            assert found is not None
            known = provider.people.find_device(change.connection, "passkey", "key-1", change.at)
            assert known is not None and known.id == device
            provider.sessions.set_device(change, found, known)
        return self.log_in(PEETER, official=True)
