"""A browser without JavaScript, as small as the self-check needs: pages, links, forms, cookies of a host, redirects.

page = await Browser().open("http://localhost:8700/")
page = await page.submit(page.form("/login"))
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlencode, urljoin, urlsplit

from sild.errors import PeerError
from sild.http1 import Header, fetch

__all__ = ["Browser", "Button", "Field", "Form", "Page"]

MAX_REDIRECTS = 12


@dataclass(slots=True)
class Field:
    """kind: of the input, or `textarea`, `select`.  values: what can be chosen, of radio buttons, checkboxes and selects."""

    name: str
    kind: str
    value: str = ""
    values: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Button:
    name: str
    value: str
    text: str


@dataclass(slots=True)
class Form:
    action: str
    method: str
    fields: dict[str, Field] = field(default_factory=dict)
    buttons: list[Button] = field(default_factory=list)

    def options(self, name: str) -> Sequence[str]:
        """Raises PeerError when the form asks no such thing."""
        if name not in self.fields:
            raise PeerError(f"the form has no field {name}", code="invalid_body")
        return self.fields[name].values

    def sent(self, answers: Mapping[str, str]) -> dict[str, str]:
        """What goes out: what stands in the form, with `answers` in place of it."""
        standing = {name: one.value for name, one in self.fields.items() if one.value or one.kind == "text"}
        return standing | dict(answers)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: list[str] = []
        self.text: list[str] = []
        self._form: Form | None = None
        self._select: Field | None = None
        self._area: Field | None = None
        self._button: tuple[str, str, list[str]] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif tag == "form":
            self._form = Form(given.get("action", ""), given.get("method", "get"))
            self.forms.append(self._form)
        elif self._form is not None:
            self._in_form(
                self._form, tag, given, checked=any(name in ("checked", "selected") for name, _ in attrs)
            )

    def _in_form(self, form: Form, tag: str, given: dict[str, str], *, checked: bool) -> None:
        name, value = given.get("name", ""), given.get("value", "")
        if tag == "input" and name:
            kind = given.get("type", "text")
            one = form.fields.setdefault(name, Field(name, kind))
            if kind in ("radio", "checkbox"):
                one.values.append(value)
                one.value = value if checked else one.value
            else:
                one.value = value
        elif tag == "textarea" and name:
            self._area = form.fields.setdefault(name, Field(name, tag))
        elif tag == "select" and name:
            self._select = form.fields.setdefault(name, Field(name, tag))
        elif tag == "option" and self._select is not None:
            self._select.values.append(value)
            if checked or not self._select.value:
                self._select.value = value
        elif tag == "button" and given.get("type", "submit") == "submit":
            self._button = (name, value, [])

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag == "select":
            self._select = None
        elif tag == "textarea":
            self._area = None
        elif tag == "button" and self._button is not None and self._form is not None:
            name, value, text = self._button
            self._form.buttons.append(Button(name, value, " ".join("".join(text).split())))
            self._button = None

    def handle_data(self, data: str) -> None:
        self.text.append(data)
        if self._button is not None:
            self._button[2].append(data)
        if self._area is not None:
            self._area.value += data


@dataclass(frozen=True, slots=True)
class Page:
    """url: where it is after redirects.  text: of the whole page, white space joined.  body: as it came."""

    browser: Browser
    url: str
    status: int
    forms: Sequence[Form]
    links: Sequence[str]
    text: str
    body: bytes = b""

    def form(self, action: str) -> Form:
        """The first form whose address has this in it. Raises PeerError when there is none."""
        found = next((form for form in self.forms if action in form.action), None)
        if found is None:
            raise PeerError(
                f"{self.url} ({self.status}) has no form {action}: {self.text[:300]}", code="invalid_body"
            )
        return found

    def link(self, *parts: str) -> str | None:
        """The first link with all these in it."""
        return next((link for link in self.links if all(part in link for part in parts)), None)

    async def go(self, link: str) -> Page:
        return await self.browser.open(urljoin(self.url, link))

    async def submit(self, form: Form, answers: Mapping[str, str] | None = None) -> Page:
        return await self.browser.send(urljoin(self.url, form.action), form.sent(answers or {}), self.url)


class Browser:
    """One person's: cookies belong to a host, whatever the port (RFC 6265 8.5)."""

    def __init__(self, language: str = "en") -> None:
        self._language = language
        self._cookies: dict[str, dict[str, str]] = {}

    async def open(self, url: str) -> Page:
        return await self._load("GET", url, None, [])

    async def send(self, url: str, fields: Mapping[str, str], origin_of: str) -> Page:
        parts = urlsplit(origin_of)
        headers = [
            (b"Content-Type", b"application/x-www-form-urlencoded"),
            (b"Origin", f"{parts.scheme}://{parts.netloc}".encode()),
            (b"Sec-Fetch-Site", b"same-origin"),
        ]
        return await self._load("POST", url, urlencode(fields).encode(), headers)

    async def _load(self, method: str, url: str, body: bytes | None, headers: Sequence[Header]) -> Page:
        for _ in range(MAX_REDIRECTS):
            own = [(b"Accept-Language", self._language.encode()), *self._cookie_header(url)]
            answer = await fetch(url, method=method, body=body, headers=[*headers, *own])
            self._keep(url, answer.headers)
            location = answer.header(b"location")
            if answer.status not in (302, 303) or location is None:
                return self._page(url, answer.status, answer.body)
            url, method, body, headers = urljoin(url, location.decode()), "GET", None, []
        raise PeerError(f"{url} redirects without end", code="invalid_body")

    def _page(self, url: str, status: int, body: bytes) -> Page:
        reader = _Reader()
        reader.feed(body.decode(errors="replace"))
        text = " ".join("".join(reader.text).split())
        return Page(self, url, status, reader.forms, reader.links, text, body)

    def _cookie_header(self, url: str) -> list[Header]:
        held = self._cookies.get(urlsplit(url).hostname or "", {})
        text = "; ".join(f"{name}={value}" for name, value in held.items())
        return [(b"Cookie", text.encode())] if text else []

    def _keep(self, url: str, headers: Sequence[Header]) -> None:
        held = self._cookies.setdefault(urlsplit(url).hostname or "", {})
        for name, value in headers:
            if name.lower() == b"set-cookie":
                cookie, _, attributes = value.decode().partition(";")
                key, _, content = cookie.strip().partition("=")
                if "max-age=0" in attributes.lower():
                    held.pop(key, None)
                else:
                    held[key] = content.strip('"')
