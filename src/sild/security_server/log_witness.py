"""What this server's message log says about a person, given to that person's portal and sealed by whoever runs the server (ADR 0051).

    POST /witness/INSTANCE/CLASS/CODE/SUBSYSTEM/statement     {"nonce", "until", "listed": [message ids]} -> {"witness": JWS}
    GET  /witness/INSTANCE/CLASS/CODE/SUBSYSTEM/keys          {"log", "keys"}: by which a witness is checked

on the client ports, as a REST service `getWitness` of one subsystem of the server's owner: closed until somebody is given a right. A right
alone opens nobody's data: the message has to prove by the identity provider's word (`Sild-Acting`) that the person it is about says so
now, for this operation, through that information system, or somebody who may speak for them. Nothing is asked of any register.
"""

from __future__ import annotations

import json
import secrets
import ssl
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sild.adapter import IssuerKeys, published_keys
from sild.clock import Clock
from sild.errors import CallerError, PlatformError, TrustError, Unavailable
from sild.http1 import Request
from sild.message_log import MentionIndex, MessageLog, WitnessQuestion, seal_witness, witness
from sild.openid import (
    SigningKey,
    VerificationKeys,
    load_signing_key,
    new_signing_key,
    render_jwks,
    verify_acting,
)
from sild.private_files import write_private
from sild.security_server.serverconf import ServerConf
from sild.security_server.witness_settings import WitnessSettings
from sild.settings import read_secret
from sild.xroad.identifiers import ClientId

__all__ = ["WITNESS_PATH", "LogWitness", "problem_of"]

OPERATION = "getWitness"
ACTING_HEADER = b"sild-acting"
WITNESS_PATH = b"/witness/"
KEY, PUBLIC, INDEX_KEY = "witness.pem", "witness.jwks", "mentions.key"
MOST_LISTED = 50_000
MOST_BYTES = 6 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Asked:
    """As the message says it. person: whose data; user: who asks.  represented: of whom they act for, without its class."""

    system: str
    user: str
    represented: str | None
    case: str | None
    proof: str

    @property
    def person(self) -> str:
        return self.represented or self.user


class LogWitness:
    """directory: of the keys, made when they are not there. Raises CallerError, Unavailable (`io_error`), TrustError (`key_unreadable`)."""

    def __init__(
        self,
        settings: WitnessSettings,
        directory: Path,
        *,
        message_log: MessageLog,
        serverconf: ServerConf,
        clock: Clock,
        keys: IssuerKeys | None = None,
    ) -> None:
        self._settings = settings
        self._log = message_log
        self._serverconf = serverconf
        self._clock = clock
        self._issuer_keys = keys or published_keys(f"{settings.issuer}/jwks", tls=_tls(settings))
        self._key, index_key = _own_keys(
            directory, read_secret(settings.password, settings.password_file), self._name
        )
        self.index = MentionIndex(message_log, index_key, untold=settings.untold)

    @property
    def _name(self) -> str:
        return "/".join(self._serverconf.snapshot.server_id.parts)

    @property
    def keeper(self) -> ClientId:
        """As whom it answers."""
        return self._serverconf.snapshot.server_id.owner.with_subsystem(self._settings.subsystem)

    def keys(self) -> dict[str, Any]:  # JSON
        return {"log": self._name, **render_jwks([self._key])}

    async def statement(self, request: Request) -> dict[str, Any]:  # JSON
        """Raises CallerError (`bad_request`, `acting_not_proven`, `acting_expired`), Unavailable (`identity_provider_down`, `database_error`)."""
        asked = _asked(request)
        nonce, until, listed = _question(await request.read(MOST_BYTES))
        await self._ensure_proven(asked)
        now = self._clock()
        question = WitnessQuestion(asked.person, min(until, now), asked.system, nonce, listed)
        clients = self._serverconf.snapshot.clients
        hosts = [
            f"{one.member_class}/{one.member_code}/{one.subsystem_code}"
            for one in clients
            if one.subsystem_code
        ]
        said = await witness(self._log, self.index, question, name=self._name, hosts=hosts)
        return {"witness": seal_witness(said, self._key)}

    async def _ensure_proven(self, asked: _Asked) -> None:
        now = self._clock()
        try:
            self._verify(asked, await self._issuer_keys(now, False), now)
            return
        except TrustError:
            pass
        try:
            self._verify(asked, await self._issuer_keys(now, True), now)  # its keys may have changed
        except TrustError as error:
            raise CallerError(f"who asks is not proved: {error.message}", code="acting_not_proven") from error

    def _verify(self, asked: _Asked, keys: VerificationKeys, now: datetime) -> None:
        said = verify_acting(
            asked.proof,
            keys,
            issuer=self._settings.issuer,
            register=self.keeper.encode(),
            system=asked.system,
            person=asked.user,
            case=asked.case,
            represented=asked.represented,
            at=now,
        )
        is_this = said.action == "act" and OPERATION in said.operations
        if not is_this or (said.representee is not None and asked.represented is None):
            raise CallerError("the proof of who asks is for something else", code="acting_not_proven")


def _asked(request: Request) -> _Asked:
    """Raises CallerError (`bad_request`, `acting_not_proven`)."""

    def said(name: bytes) -> str | None:
        values = request.header_values(name)
        if len(values) > 1:
            raise CallerError(f"more than one {name.decode()}")
        return values[0].decode("latin-1").strip() if values else None

    system, user, proof = said(b"x-road-client"), said(b"x-road-userid"), said(ACTING_HEADER)
    party = said(b"x-road-represented-party")
    if not system or not user:
        raise CallerError("the message names no client, or nobody who asks")
    if not proof:
        raise CallerError("the message does not prove who asks", code="acting_not_proven")
    represented = party.rpartition("/")[2] if party else None
    return _Asked(system, user, represented, said(b"x-road-issue"), proof)


def _question(body: bytes) -> tuple[str, datetime, list[str]]:
    """Nonce, until, listed. Raises CallerError."""
    try:
        said = json.loads(body)
        nonce, until, listed = said["nonce"], datetime.fromisoformat(said["until"]), said["listed"]
        names = isinstance(listed, list) and all(isinstance(one, str) and len(one) <= 255 for one in listed)
        if not isinstance(nonce, str) or not 16 <= len(nonce) <= 200 or until.tzinfo is None or not names:
            raise ValueError
    except (ValueError, KeyError, TypeError, RecursionError):
        raise CallerError(
            "a question is JSON: nonce, of 16 signs or more; until, a time with its zone; listed, ids of messages"
        ) from None
    if len(listed) > MOST_LISTED:
        raise CallerError(f"{MOST_LISTED} messages at most are looked for at once")
    return nonce, until, listed


def _own_keys(directory: Path, password: str, name: str) -> tuple[SigningKey, bytes]:
    """That which seals and that of the index, and for others the public half of the first."""
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        key_file, index_file = directory / KEY, directory / INDEX_KEY
        if not key_file.exists():
            write_private(key_file, new_signing_key("ES256").to_pem(password), replace=False)
        if not index_file.exists():
            write_private(index_file, secrets.token_bytes(32), replace=False)
        key = load_signing_key(key_file.read_bytes(), "ES256", password)
        public = {"log": name, **render_jwks([key])}
        (directory / PUBLIC).write_text(json.dumps(public))
        return key, index_file.read_bytes()
    except OSError as error:
        raise Unavailable(f"{directory}: {error.strerror or error}", code="io_error") from error


def _tls(settings: WitnessSettings) -> ssl.SSLContext | None:
    """Raises CallerError."""
    if settings.certificate_authorities is None:
        return None
    try:
        return ssl.create_default_context(cafile=str(settings.certificate_authorities))
    except (OSError, ValueError) as error:
        raise CallerError(
            f"witness.certificate_authorities: {settings.certificate_authorities} holds no certificates in PEM"
        ) from error


def problem_of(error: PlatformError) -> tuple[int, dict[str, Any]]:
    """Status, and the refusal as a problem (RFC 9457)."""
    status = {"bad_request": 400, "acting_not_proven": 403, "acting_expired": 403}.get(error.code)
    if status is None:
        status = 503 if isinstance(error, Unavailable) else 500
    body = {"type": f"urn:sild:messagelog:{error.code}", "title": "No witness", "status": status}
    return status, {**body, "detail": error.message}
