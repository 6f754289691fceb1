"""Evidence for the person it is about: which logged message of a use they may have, and what of it (ADR 0049).

A container cannot be cut: its signature holds over the whole head. So one whose head names anybody else is not given, nor the
answer to such a request, whose head holds the request's hash. A body can be left out, and is: the signature names its digest,
which is itself kept from whoever might learn by guessing what stood there. Pure: messages of the own log in, one of them out.
"""

from __future__ import annotations

import io
import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import parse_qsl, unquote

from sild.errors import CallerError, PlatformError
from sild.registries.kernel.proving import ACTING_HEADER
from sild.registries.kernel.telling import CHANGE, said_of_telling
from sild.registries.kernel.usage import Line, Usage, code_of
from sild.signatures import AsicContainer, AsicLimits, read_asice, write_asice
from sild.xroad.rest import RestRequest, RestResponse, parse_rest_request, parse_rest_response

__all__ = ["Parameters", "Part", "Reader", "give"]

Part = Literal["request", "response"]
Parameters = Callable[[str, str], Mapping[str, str] | None]
"""What stands in an address of the register where its description has parameters. Arguments: method, decoded path. None: no such operation."""

LIMITS = AsicLimits(max_attachment_bytes=64 * 1024 * 1024)
_HEADERS = """accept accept-encoding accept-language cache-control content-encoding content-language content-type date retry-after
sild-legal-basis traceparent tracestate vary x-content-type-options x-road-client x-road-id x-road-issue x-road-legal-ground
x-road-represented-party x-road-request-hash x-road-request-id x-road-security-server x-road-service x-road-userid"""
HEADERS = frozenset(_HEADERS.split())
"""Which may stand in a head that is given. Others name people (who applied, who acts, and by whose mandate), or might."""
_OF_ONE = """jti iss aud client_id act iat nbf exp authorization_details sub acr amr auth_time roles device_posture device_id test_person
type identifier locations actions privileges"""
OF_ONE = frozenset(_OF_ONE.split())
"""What a proof of who acts says that has neither mandate nor whom it is for: its claims, and those of `authorization_details`."""
SHOWN = frozenset(name for name in HEADERS if name.startswith("x-road-")) - {
    "x-road-userid",
    "x-road-represented-party",
}
OFFICE = "sild-office"
"""Its place may be where somebody lives: for the person themselves."""
"""Message, case, ground and bodies, which the tracker shows."""
PLAIN = re.compile(r"true|false|[0-9]{1,7}|[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9:.+Z-]{1,40})?")
"""What may stand in a query: days, numbers, yes and no."""
_CODE = re.compile(r"(?<![0-9A-Za-z])(?:[A-Z]{2})?([0-9]{11,12})(?![0-9A-Za-z])")


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads. person: whose tracker it is.  themselves: nobody acts for them; of a company, whoever does."""

    person: str
    themselves: bool
    names: frozenset[str]

    @classmethod
    def of(cls, person: str, usage: Usage) -> Reader:
        """usage: proved (`SaidByPerson`)."""
        themselves = usage.actor == person or (usage.acts_for_company and usage.principal == person)
        acting = frozenset() if usage.actor is None else frozenset([usage.actor])
        return cls(person, themselves, frozenset([person]) | acting)


@dataclass(frozen=True, slots=True)
class _Logged:
    container: AsicContainer
    head: RestRequest | RestResponse

    @property
    def has_body(self) -> bool:
        """Signed, whether the log has it or not."""
        return bool(self.container.attachments) or b"/attachment" in (self.container.hash_chain or b"")


def give(
    containers: Iterable[bytes],
    lines: Collection[Line],
    part: Part,
    reader: Reader,
    *,
    system: str,
    parameters: Parameters,
) -> bytes:
    """The container without its body. containers: all that the log has under the message's id.  lines: the uses by that message which the
    person may see.  system: the register's, `INSTANCE/CLASS/CODE/SUBSYSTEM`.

    Raises CallerError (`not_in_log`, `names_others`).
    """
    logged = [one for one in map(_read, containers) if one is not None]
    refusal = CallerError("the message log no longer holds this message", code="not_in_log")
    for line in lines:
        found = _exchange(logged, line, system)
        if found is None:
            continue
        request, response = found
        wanted = request if part == "request" else response
        if wanted is None:
            continue
        bodies = request.has_body or (part == "response" and wanted.has_body)
        heads = _names_nobody_else(request.head, line, reader, parameters, system) and (
            part == "request" or _headers_name_nobody_else(wanted.head, reader)
        )
        if heads and not (bodies and _could_be_guessed(line, reader)):
            return _without_body(wanted.container, line)
        refusal = CallerError(
            "the message names somebody else, or what stood in it could be guessed: ask the body why it was sent",
            code="names_others",
        )
    raise refusal


def _read(data: bytes) -> _Logged | None:
    """None: a message of another kind."""
    try:
        container = read_asice(io.BytesIO(data), LIMITS)
        is_response = b"1" <= container.message[:1] <= b"9"
        read = parse_rest_response if is_response else parse_rest_request
        return _Logged(container, read(container.message))
    except PlatformError:
        return None


def _exchange(logged: Collection[_Logged], line: Line, system: str) -> tuple[_Logged, _Logged | None] | None:
    """Request and answer of the one exchange by which it was used, or told; of one told several times the last."""
    told = said_of_telling(line.operation) is not None
    client, provider = (system, line.client) if told else (line.client, system)
    own = [
        one
        for one in logged
        if one.head.client.encode() == client
        and one.head.service.client_id.encode() == provider
        and (line.request_id is None or one.head.request_id == line.request_id)
    ]
    requests = [one for one in own if isinstance(one.head, RestRequest)]
    if not requests or (not told and len({one.head.request_id for one in requests}) != 1):
        return None
    answers = {one.head.request_id: one for one in own if isinstance(one.head, RestResponse)}
    answered = [one for one in requests if one.head.request_id in answers]
    request = (answered or requests)[-1]
    return request, answers.get(request.head.request_id)


def _could_be_guessed(line: Line, reader: Reader) -> bool:
    """Whether the digest of a body may tell who has it something that is not theirs: few words fit, and each can be tried.

    Nothing is in it but what the register counts as theirs, or it is an event, whose id nobody can guess. Of what is told in no more
    words than any other change, the length or the fact that it is given must say no more either.
    """
    said = said_of_telling(line.operation)
    if reader.themselves:
        return said is None and not line.persons <= {reader.person}
    return said is None or said == CHANGE


def _names_nobody_else(
    head: RestRequest | RestResponse, line: Line, reader: Reader, parameters: Parameters, system: str
) -> bool:
    assert isinstance(head, RestRequest)
    path = unquote(head.service_path)
    if head.client.encode() == system and said_of_telling(line.operation) is not None:
        named: Mapping[str, str] | None = {} if path.strip("/") == "" else None
    else:
        named = parameters(head.method, path)
    if named is None or any(code_of(value) not in reader.names for value in named.values()):
        return False
    said = parse_qsl(head.query or "", keep_blank_values=True)
    return all(PLAIN.fullmatch(value) for _, value in said) and _headers_name_nobody_else(head, reader)


def _headers_name_nobody_else(head: RestRequest | RestResponse, reader: Reader) -> bool:
    for raw_name, raw_value in head.headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("utf-8", "replace").strip()
        if name == ACTING_HEADER.lower() and _is_their_own_word(value, reader):
            continue
        if name == OFFICE and reader.themselves:
            continue
        if name not in HEADERS:
            return False
        if name == "x-road-userid" and value != "automatic" and code_of(value) not in reader.names:
            return False
        if name == "x-road-represented-party" and code_of(value.rpartition("/")[2]) not in reader.names:
            return False
        if name not in SHOWN and not reader.names.issuperset(_CODE.findall(value)):
            return False
    return True


def _is_their_own_word(token: str, reader: Reader) -> bool:
    """Whether a proof of who acts (a JWT; nothing is believed of it here) is of the reader alone, without a mandate and whom it passed."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        details = claims["authorization_details"]
        known = {*claims, *(name for detail in details for name in detail)}
        subject = code_of(str(claims["sub"]))
    except (ValueError, KeyError, IndexError, TypeError):
        return False
    return subject in reader.names and known <= OF_ONE


def _without_body(container: AsicContainer, line: Line) -> bytes:
    file = io.BytesIO()
    write_asice(replace(container, attachments=()), file, at=line.at)
    return file.getvalue()
