"""Whom a request concerns: whose code stands in its address or in `X-Road-Represented-Party`; and whom its body names besides. Pure.

The first it is about, and so is an event (CloudEvents) about its subject. Whom a body names it may be about, or tell of in passing: the
father in a notice of birth, the other side of a quarrel. The two are kept apart.

A code is digits that nothing else touches, with the country before them or without (`EE38001085718`, `38001085718`); in an address and as
whom somebody acts for, a company's too, and any code with its country before it. In a body people's alone: eleven digits (Estonia) or twelve
(Viet Nam), wherever they stand in JSON, XML, a form or text, escaped or not. Who acts (`X-Road-UserId`) is not whom it concerns.

What cannot be read is said, not passed over: a body that the log has not or not whole, one that is compressed or of no kind of text, one
larger than `MOST_BODY`. What is sealed inside a text (a signed token, an encrypted field, a picture) is not seen.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote_to_bytes

from sild.errors import PlatformError
from sild.xroad.rest import RestRequest, loggable_part, parse_rest_request
from sild.xroad.soap import SoapMessage, parse_soap

__all__ = ["MOST_BODY", "Mentions", "codes_asked_for", "mentions_of"]

MOST_BODY = 4 * 1024 * 1024
"""Bytes of a body that are read."""
MOST_CODES = 5_000
"""Of one body."""
OWN_QUESTIONS = frozenset(("/findUsage", "/usagePeriod", "/heartbeat"))
"""To a data tracker (e-gov/AJ), below the service: asked by the person, they are nobody's use of their data."""
WITNESS = "getWitness"
EVENT = "application/cloudevents+json"
BARE = {"EE": (8, 11), "VN": (10, 12, 13)}
"""Countries whose codes may stand without the country: digits of companies' and people's."""
PLAIN_TEXT = re.compile(r"(?:text/|application/(?:[\w.-]+\+)?(?:json|xml)|application/x-www-form-urlencoded)", re.IGNORECASE)  # fmt: skip
_ADDRESSED = re.compile(rb"(?<![0-9A-Za-z])([A-Z]{2})?([0-9]{8,13})(?![0-9A-Za-z])")
_FOREIGN = re.compile(rb"[A-Z]{2}[0-9A-Za-z:._+-]{5,50}")
_IN_BODY = re.compile(rb"(?<![0-9A-Za-z])([A-Z]{2})?([0-9]{11,12})(?![0-9A-Za-z])")
_SOAP_USER = re.compile(rb"<(?:[\w.-]+:)?userId\b[^>]*>[^<]*</(?:[\w.-]+:)?userId\s*>")
_PERSON = re.compile(r"[A-Z]{2}[A-Za-z0-9:._+-]{5,50}")


@dataclass(frozen=True, slots=True)
class Mentions:
    """Of one request. provider: `GOV/70000002/population`, to which it went.  path: below the service code.  about, named: `38001085718`,
    `LT38001085718`, as they stood; named: in the body alone.  unread: whether something in it may name people and could not be read.
    """

    provider: str
    path: str
    about: frozenset[str]
    named: frozenset[str] = frozenset()
    unread: bool = False


def codes_asked_for(person: str) -> tuple[str, ...] | None:
    """How a request may name them. person: with the country, `EE38001085718`. None: nobody is called so."""
    if not _PERSON.fullmatch(person):
        return None
    country, code = person[:2], person[2:]
    bare = code.isdigit() and len(code) in BARE.get(country, ())
    return (code, person) if bare else (person,)


def mentions_of(message: bytes, body: bytes | None, *, is_whole: bool = True) -> Mentions | None:
    """message: the request as its signature covers it, REST (PR-REST 4.5) or SOAP.  body: what was logged of a REST body, if anything.
    is_whole: whether that is all that came with it. None: no request that this reads.
    """
    try:
        rest = parse_rest_request(message)
    except PlatformError:
        return _of_soap(message, is_whole)
    client_id = rest.service.client_id
    provider = f"{client_id.member_class}/{client_id.member_code}/{client_id.subsystem_code}"
    said = dict(_headers(rest))
    unread = not is_whole or _has_lost_its_address(rest)
    about = _of_address(rest)
    named: frozenset[str] = frozenset()
    if body:
        readable = len(body) <= MOST_BODY and _is_text(said)
        if readable and said.get("content-type", "").lower().startswith(EVENT):
            about |= _subject_of(body)
        elif readable:
            named = _codes_in_body(body)
        unread = unread or not readable or len(named) > MOST_CODES
    if _is_tracker(rest):
        about -= _askers(said)
    path = f"{rest.service.service_code}{rest.service_path}"
    return Mentions(provider, path, about, named - about, unread)


def _of_soap(message: bytes, is_whole: bool) -> Mentions | None:
    try:
        read = parse_soap(message)
    except PlatformError:
        return None
    if not isinstance(read, SoapMessage):
        return None
    client_id = read.service.client_id
    parts = (client_id.member_class, client_id.member_code, client_id.subsystem_code)
    named = _codes_in_body(_SOAP_USER.sub(b"", message))
    provider = "/".join(part for part in parts if part)
    return Mentions(provider, read.service.service_code, frozenset(), named, unread=not is_whole)


def _headers(request: RestRequest) -> Iterator[tuple[str, str]]:
    for name, value in request.headers:
        yield name.decode("latin-1").lower(), value.decode("latin-1").strip()


def _has_lost_its_address(request: RestRequest) -> bool:
    """Logged without path, query and body, as settings may want (WIRE 2.3)."""
    return not request.service_path and loggable_part(request) == request.part


def _of_address(request: RestRequest) -> frozenset[str]:
    path = unquote_to_bytes(request.service_path)
    query = unquote_to_bytes(request.query or "")
    party = next((v for n, v in request.headers if n.lower() == b"x-road-represented-party"), b"")
    codes = {code for place in (path, query, party) for code in _codes(_ADDRESSED, place)}
    values = (*path.split(b"/"), *re.split(rb"[&=]", query), party.strip().rpartition(b"/")[2])
    return frozenset(codes | {one.decode("ascii") for one in values if _FOREIGN.fullmatch(one)})


def _is_text(said: dict[str, str]) -> bool:
    """said: header -> value. Nothing said of its type: it may be text."""
    encoding = said.get("content-encoding", "identity").lower()
    kind = said.get("content-type", "")
    return encoding in ("", "identity") and (not kind or PLAIN_TEXT.match(kind) is not None)


def _codes_in_body(body: bytes) -> frozenset[str]:
    """Of people, wherever they stand: as the bytes are, and as JSON or a form says them."""
    codes = set(_codes(_IN_BODY, body))
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        plain = "&".join(f"{name}&{value}" for name, value in parse_qsl(body.decode("latin-1")))
        return frozenset(codes | set(_codes(_IN_BODY, plain.encode())))
    whole = "\n".join(_texts(said)).encode("utf-8", "replace")
    return frozenset(codes | set(_codes(_IN_BODY, whole)))


def _subject_of(event: bytes) -> frozenset[str]:
    try:
        subject = json.loads(event)["subject"]
    except (ValueError, RecursionError, KeyError, TypeError):
        return frozenset()
    return frozenset(_codes(_IN_BODY, str(subject).encode()))


def _texts(value: Any) -> Iterator[str]:  # any JSON
    """Every name, string and whole number in it."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        match one:
            case dict():
                yield from one
                waiting += one.values()
            case list():
                waiting += one
            case str():
                yield one
            case int() if not isinstance(one, bool):
                yield str(one)


def _codes(pattern: re.Pattern[bytes], text: bytes) -> Iterator[str]:
    for found in pattern.finditer(text):
        yield found[0].decode("ascii")


def _is_tracker(request: RestRequest) -> bool:
    return request.service_path.rstrip("/") in OWN_QUESTIONS or request.service.service_code == WITNESS


def _askers(said: dict[str, str]) -> frozenset[str]:
    """Who asks, or for whom, in every way of naming them."""
    named = (said.get("x-road-userid", ""), said.get("x-road-represented-party", "").rpartition("/")[2])
    return frozenset(code for one in named for code in codes_asked_for(one) or ())
