"""Officials vouched for: an identity provider's signature over who acts in a case, and registers that take its word.

    with serving(social_app(social)) as site:              # a register that takes the word of ISSUER
        site.post(path, body, **headers)

The key is one for all tests; what it signs is what the provider's own code makes of an access token (`sild.openid.acting_claims`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256
from typing import Any, Literal, TypeVar
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.routing import Match

from sild.openid import (
    CaseAccess,
    RecordedMandate,
    SigningKey,
    VerificationKeys,
    acting_claims,
    load_signing_key,
    parse_jwks,
    render_jwks,
    sign_token,
)
from sild.registries import HasKernel
from sild.registries.kernel.asking import _said, _witness
from support.asgi import Answer, Site
from support.asgi import serving as serve

ISSUER = "https://login.example"
PORTAL = "SILD/GOV/70000001/portal"
REGISTERS = (
    "SILD/GOV/70000002/population",
    "SILD/GOV/70000003/insurance",
    "SILD/GOV/70000004/social",
    "SILD/GOV/70000005/education",
    "SILD/GOV/70000006/residence",
    "SILD/GOV/70000007/treasury",
    "SILD/GOV/70000012/business",
)
LIFETIME, SAYING = timedelta(days=7), timedelta(days=90)
EARLY, EVER = datetime(2020, 1, 1, tzinfo=UTC), timedelta(days=36_500)
"""For tests with a clock of their own."""
Register = TypeVar("Register", bound=HasKernel)


@cache
def signing_key() -> SigningKey:
    """The same in every process: what one was told before it was killed, another says again."""
    key = ec.derive_private_key(20_261_123, ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"tests"))
    return load_signing_key(pem, "ES256", "tests")


async def published(_now: datetime, _anew: bool) -> VerificationKeys:
    return parse_jwks(render_jwks([signing_key()]))


def believing(register: Register) -> Register:
    """The register, which takes ISSUER's word from now on."""
    register.kernel.take_word_of(ISSUER, published)
    return register


@dataclass(frozen=True)
class LogIn:
    """At the desk: everything as it ought to be, unless said otherwise."""

    acr: str = "high"
    posture: str | None = "managed"
    roles: Sequence[tuple[str, str]] = (("official", "70000349"),)
    representee: str | None = None
    mandate: str | None = None  # by which they act for the representee; None: the token names none

    def claims(self, subject: str) -> dict[str, Any]:
        said: dict[str, Any] = {
            "iss": ISSUER,
            "client_id": "portal",
            "sub": subject,
            "acr": self.acr,
            "amr": ["idcard"],
        }
        said["roles"] = [{"role": role, "organisation": body} for role, body in self.roles]
        if self.posture is not None:
            said["device_posture"] = self.posture
        if self.representee is not None:
            mandates = [] if self.mandate is None else [mandate_of(self.mandate)]
            said["representee"] = {"sub": self.representee, "mandates": mandates}
        return said


def mandate_of(mandate: str, basis: str = "POWER_OF_ATTORNEY") -> dict[str, Any]:
    """As a token has it."""
    return {"id": mandate, "chain_hash": sha256(mandate.encode()).hexdigest(), "chain": [{"basis": basis}]}


DESK = LogIn()


def proof(
    subject: str,
    case: str,
    at: datetime | None = None,
    *,
    login: LogIn = DESK,
    registers: Sequence[str] = REGISTERS,
    system: str = PORTAL,
    acts: bool = True,
    operations: Sequence[str] = (),
    recorded: RecordedMandate | None = None,
    statement: str | None = None,
    by_law: str | Sequence[str] | None = None,
    lifetime: timedelta = LIFETIME,
    key: SigningKey | None = None,
    **claims: Any,
) -> str:
    """subject: with the country.  at: when they acted; None: now.  claims: of the token, other than they ought to be.

    recorded: a clerk's mandate.  by_law: a child of theirs, or several, for whom they speak in their own name.
    """
    action: Literal["act", "look"] = "act" if acts else "look"
    children = (by_law,) if isinstance(by_law, str) else tuple(by_law or ())
    wanted = CaseAccess(case, tuple(registers), action, tuple(operations), children, recorded, statement)
    if children:
        first, *also = ({"sub": one, "mandates": [mandate_of(f"parent-{one}", "PARENT")]} for one in children)
        claims = {"speaks_for": first, **({"speaks_also_for": also} if also else {}), **claims}
    said = acting_claims(
        login.claims(subject),
        wanted,
        system=system,
        jti=f"acting-{uuid4()}",
        at=at or datetime.now(UTC),
        lifetime=lifetime,
    )
    return sign_token({**said, **claims}, key or signing_key(), "acting+jwt")


def proved(headers: Mapping[str, str], login: LogIn = DESK, operations: Sequence[str] = ()) -> dict[str, str]:
    """The headers of a message with the proof that whoever they name acts in the case they name, and for whom."""
    said = {name.lower(): value for name, value in headers.items()}
    user, case = said.get("x-road-userid", "automatic"), said.get("x-road-issue")
    if user == "automatic" or case is None or "sild-acting" in said:
        return dict(headers)
    system, party = said.get("x-road-client", PORTAL), said.get("x-road-represented-party")
    if party is not None and login.representee is None:
        login = replace(login, representee=party.rpartition("/")[2])
    token = proof(user, case, EARLY, login=login, operations=operations, system=system, lifetime=EVER)
    return {**headers, "Sild-Acting": token}


def operation_of(app: FastAPI, method: str, path: str) -> list[str]:
    """Of the application's, by OpenAPI's `operationId`, where people say something for themselves, or before an official; none: officials act there, or nobody."""
    scope = {"type": "http", "method": method, "path": path.partition("?")[0], "root_path": "", "headers": []}
    fitting = [route for route in app.routes if route.matches(scope)[0] is Match.FULL][:1]
    return [str(one.operation_id) for one in fitting if isinstance(one, APIRoute) and _is_said(one.dependant)]


def _is_said(asked: Dependant) -> bool:
    return any(one.call in (_said, _witness) or _is_said(one) for one in asked.dependencies)


class ProvedSite(Site):
    """What a message says of who acts, is proved, unless it brings a proof of its own (`Sild-Acting`, also an empty one)."""

    def __init__(self, host: str, port: int, app: FastAPI) -> None:
        super().__init__(host, port)
        self.app = app

    def request(
        self, method: str, target: str, *, body: bytes | None = None, headers: Mapping[str, str] = {}
    ) -> Answer:
        operations = operation_of(self.app, method, target)
        return super().request(method, target, body=body, headers=proved(headers, operations=operations))


@contextmanager
def serving(app: FastAPI) -> Iterator[Site]:
    """As `support.asgi.serving`, a register that takes ISSUER's word; who asks it, proves who acts."""
    app.state.kernel.take_word_of(ISSUER, published)
    with serve(app) as site:
        yield ProvedSite(site.host, site.port, app)


class Vouching:
    """`sild.cases.Voucher`: everybody's log-in is what their actor says; by a clock set by hand."""

    def __init__(self, clock: Any) -> None:
        self._clock = clock

    async def vouch(
        self, actor: Any, case: str, registers: Sequence[str], *, acts: bool, operations: Sequence[str] = ()
    ) -> str | None:
        login = LogIn(
            acr=actor.acr,
            posture=actor.posture,
            roles=[(role, "70000349") for role in actor.roles],
            representee=None if actor.is_assisting else actor.representee,
            mandate=None if actor.is_assisting else actor.mandate_id,
        )
        recorded = None
        if actor.is_assisting:
            recorded = RecordedMandate(actor.mandate_id, actor.representee, actor.mandate_sha256)
        return proof(
            actor.person,
            case,
            self._clock(),
            login=login,
            registers=registers,
            acts=acts,
            operations=operations,
            recorded=recorded,
            statement=actor.statement_sha256,
            by_law=actor.speaks_for,
            lifetime=SAYING if operations else LIFETIME,
        )
