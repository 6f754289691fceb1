"""Who asks, in which case and on which ground, as X-Road's headers say it (PR-REST 4.3): what an endpoint takes as `usage`."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, NoReturn

from fastapi import Depends, Header, Request
from fastapi.routing import APIRoute

from sild.errors import CallerError, PlatformError, Unavailable
from sild.registries.kernel.proving import (
    ACTING_HEADER,
    APPLIED_HEADER,
    NO_PROVIDER,
    Desk,
    Proofs,
    ensure_said,
)
from sild.registries.kernel.transfers import ensure_assessed
from sild.registries.kernel.usage import Spoken, Usage
from sild.registries.kernel.words import Words
from sild.telemetry import get_logger

if TYPE_CHECKING:
    from sild.registries.kernel.kernel import Kernel

__all__ = [
    "AnyUsage",
    "AtDesk",
    "CarriedWords",
    "PersonalUsage",
    "SaidByPerson",
    "ensure_stays",
    "grounds_are_asked",
]

log = get_logger("register")

LONGEST_TOKEN = 32_768
"""Signs of `Sild-Acting` and `Sild-Applied`."""
OFFICE_HEADER = "Sild-Office"
"""For which office the information system asks: the matter, and the division or the member code of the body, `birth@0793`."""
OFFICE = re.compile(r"[a-z][a-z0-9_.-]{0,49}@[A-Za-z0-9.-]{1,50}")
LIMITS = {
    "X-Road-Client": 1_100,
    "X-Road-Id": 255,
    "X-Road-Request-Id": 255,
    "X-Road-UserId": 255,
    "X-Road-Issue": 255,
    "X-Road-Represented-Party": 600,
    "X-Road-Legal-Ground": 255,  # what Sild's adapter calls the legal basis
}
"""In signs. X-Road's own, which the provider's security server sends; they stand in no description, and are read here by hand: as
parameters of every path they would be most of the time a register takes to start.
"""
BasisHeader = Annotated[
    str | None,
    Header(alias="Sild-Legal-Basis", max_length=255, description="The one legal ground of this use"),
]


def _any_usage(request: Request, basis: BasisHeader = None) -> Usage:
    said = {name: _header(request, name, limit) for name, limit in LIMITS.items()}
    client, message_id, ground = said["X-Road-Client"], said["X-Road-Id"], said["X-Road-Legal-Ground"]
    basis = _utf8(basis)
    if not client or not message_id:
        raise CallerError(
            "X-Road-Client and X-Road-Id say who asks; a security server sends them",
            code="missing_x_road_header",
        )
    if basis and ground and basis != ground:
        raise CallerError("a use has one legal ground, not two", code="missing_legal_basis")
    return Usage(
        client=client,
        message_id=message_id,
        request_id=said["X-Road-Request-Id"],
        user_id=said["X-Road-UserId"],
        issue=said["X-Road-Issue"],
        basis=basis or ground,
        represented_party=said["X-Road-Represented-Party"],
        office=_office(request),
    )


def _header(request: Request, name: str, limit: int) -> str | None:
    text = request.headers.get(name)
    if text is not None and len(text) > limit:
        raise CallerError(f"{name} is longer than {limit} signs", code="bad_request")
    return _utf8(text)


def _office(request: Request) -> str | None:
    office = request.headers.get(OFFICE_HEADER)
    if office and not OFFICE.fullmatch(office):
        raise CallerError(f"{OFFICE_HEADER} is a matter and a place, `birth@0793`", code="bad_request")
    return office or None


def _utf8(text: str | None) -> str | None:
    """X-Road's headers are UTF-8 (PR-REST 4.3), and ASGI reads them as Latin-1: `PHS § 10`, `Điều 53`."""
    try:
        return text.encode("latin-1").decode() if text else text
    except UnicodeError:
        return text


async def _applied(request: Request, usage: Annotated[Usage, Depends(_any_usage)]) -> Spoken | None:
    """Who applied for another in the case that somebody else sees to now: not said in the record while the provider's keys cannot be had."""
    token, proofs = request.headers.get(APPLIED_HEADER), request.app.state.kernel.proofs
    if not token or proofs is None:
        return None
    if len(token) > LONGEST_TOKEN:
        raise CallerError(f"{APPLIED_HEADER} is longer than {LONGEST_TOKEN} signs", code="bad_request")
    try:
        person = await proofs.applied(token, usage)
    except Unavailable as error:
        log.refusal("register.applied_unknown", error, message_id=usage.message_id)
        return None
    return None if person is None else Spoken.by(person)


def _personal_usage(
    request: Request,
    usage: Annotated[Usage, Depends(_any_usage)],
    applied: Annotated[Spoken | None, Depends(_applied)],
) -> Usage:
    if not usage.user_id or not usage.basis:
        raise CallerError(
            "X-Road-UserId names the person acting, or `automatic`; Sild-Legal-Basis the ground of this use",
            code="missing_legal_basis",
        )
    if applied is not None:
        usage = replace(usage, spoken=applied)
    kernel: Kernel = request.app.state.kernel
    if usage.client != kernel.system.strip("/"):
        operation = str(request.scope["route"].operation_id)
        try:
            ensure_assessed(kernel.transfers, kernel.system, usage.client, operation, kernel.today)
            if kernel.grounds is not None:
                kernel.grounds.ensure(operation, usage.basis or "")
            _ensure_case(kernel, operation, usage)
        except CallerError as refusal:
            _record(kernel, operation, usage, request.path_params, refusal)
    return usage


TOLD = ("takeBirthNotice", "recordDeath", "recordStillbirth", "declareContributions")
"""What a hospital, a doctor, an employer tell because something has happened: a case may begin with it, and there is none before."""


def _ensure_case(kernel: Kernel, operation: str, usage: Usage) -> None:
    """Nobody's data is used for nothing: a case, or a duty that by its law has none. Raises CallerError (`missing_case`)."""
    if usage.issue or operation in TOLD:
        return
    if usage.actor is None and usage.basis in kernel.without_case.of(operation):
        return
    raise CallerError(
        "X-Road-Issue names the case in which this is done; on this ground it is not done without one",
        code="missing_case",
    )


PERSONS = ("code", "child", "person", "subject")
"""Parts of paths that name whose data it is about."""


def _record(
    kernel: Kernel,
    operation: str,
    usage: Usage,
    path: Mapping[str, str],
    refusal: CallerError,
    *named: str | None,
) -> NoReturn:
    """The try is a use of whoever's data it was about. named: in whose name it was tried."""
    with kernel.used(operation, usage) as use:
        use.concerns(*(value for name, value in path.items() if name in PERSONS))
        use.concerns(*(one for one in named if one is not None))
        raise refusal


def ensure_stays(kernel: Kernel, operation: str, usage: Usage, person: str) -> None:
    """What an operation tells of a person that wants no ground stays in the country, too. Raises CallerError (`transfer_not_assessed`)."""
    try:
        ensure_assessed(kernel.transfers, kernel.system, usage.client, operation, kernel.today)
    except CallerError as refusal:
        _record(kernel, operation, usage, {}, refusal, person)


def grounds_are_asked(route: APIRoute) -> bool:
    """Whether an operation wants a legal ground."""
    waiting = [route.dependant]
    while waiting:
        one = waiting.pop()
        if one.call is _personal_usage:
            return True
        waiting += one.dependencies
    return False


AnyUsage = Annotated[Usage, Depends(_any_usage)]
"""Who asks, where no personal data is given."""

PersonalUsage = Annotated[Usage, Depends(_personal_usage)]
"""Who asks for personal data, who is acting, and on which ground."""


Token = Annotated[
    str | None,
    Header(
        alias=ACTING_HEADER,
        max_length=LONGEST_TOKEN,
        description="The identity provider's word that the person acts in this case",
    ),
]


async def _desk(request: Request, usage: PersonalUsage, token: Token = None) -> Desk:
    """The refusal waits for `ensure`, in the transaction that records it."""
    proofs: Proofs | None = request.app.state.kernel.proofs
    if usage.actor is None:
        return Desk(None)
    if proofs is None:
        return Desk(None, CallerError(NO_PROVIDER, code="acting_not_proven"))
    try:
        person = await proofs.check(token, usage)
    except PlatformError as refusal:
        return Desk(None, refusal)
    return Desk(person)


AtDesk = Annotated[Desk, Depends(_desk)]
"""Of whatever officials alone do."""


async def _witness(request: Request, usage: PersonalUsage, token: Token = None) -> Desk:
    """The proof is spent: each thing that is said before an official is proved for itself."""
    desk = await _desk(request, usage, token)
    operation, kernel = str(request.scope["route"].operation_id), request.app.state.kernel
    try:
        desk.ensure_for(operation)
        if desk.person is not None:
            await asyncio.to_thread(kernel.spend, desk.person.token, operation, usage.message_id)
    except PlatformError as refusal:
        return Desk(None, refusal)
    return desk


BeforeOfficial = Annotated[Desk, Depends(_witness)]
"""Of what people say before an official, who writes it down: proved for this operation and this message alone. `ensure_for` in the transaction."""


async def _words(request: Request, usage: PersonalUsage) -> Words:
    return Words(request.app.state.kernel.proofs, usage, LEVEL)


CarriedWords = Annotated[Words, Depends(_words)]
"""Of messages that carry what people other than who acts have said."""

LEVEL = "substantial"
OTHER_LEVELS = {
    "withdrawWord": "low",
    "answerPaternity": "high",
    "contestDecision": "low",
    "disputeFact": "low",
    "missPerson": "low",
    "getUsageContainer": "low",
    "unbindCard": "low",
}
"""The least level of log-in (acr) at which people say something to a register, by operation; `LEVEL` of all others."""
SEVERAL = ("missPerson",)
"""What one act may say in several messages: of each who is missing."""


async def _said(request: Request, usage: PersonalUsage, token: Token = None) -> Usage:
    kernel: Kernel = request.app.state.kernel
    operation = str(request.scope["route"].operation_id)
    try:
        if kernel.proofs is None:
            raise CallerError(NO_PROVIDER, code="acting_not_proven")
        person = await kernel.proofs.check(token, usage, at_counter=True)
        ensure_said(person, operation, usage, OTHER_LEVELS.get(operation, LEVEL))
        if operation not in SEVERAL:
            await asyncio.to_thread(kernel.spend, person.token, operation, usage.message_id)
    except CallerError as refusal:
        path, named = request.path_params, (usage.actor, usage.principal)
        await asyncio.to_thread(_record, kernel, operation, usage, path, refusal, *named)
    return replace(usage, spoken=Spoken.by(person))


SaidByPerson = Annotated[Usage, Depends(_said)]
"""As `PersonalUsage`, of what people say to a register for themselves, or for whom they represent: proved, and for this message alone."""
