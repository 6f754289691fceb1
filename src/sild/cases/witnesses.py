"""What message logs themselves say about a person: asked of whoever keeps each, in the person's own name and proved (ADR 0051).

A keeper is a subsystem of the owner of a security server, `GOV/70000002/messagelog`, with the service `getWitness`. Its answer is sealed with
a key of its own (JWS, ES256), which it publishes by the same service; what does not fit the question is no answer.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from sild.cases.actor import Actor
from sild.cases.calls import own_look
from sild.cases.codes import with_country
from sild.cases.parts import Parts
from sild.errors import PeerError, PlatformError
from sild.message_log import listed_digest
from sild.telemetry import get_logger

__all__ = ["LogWitness", "Witnesses"]

log = get_logger("cases")

SERVICE = "getWitness"
TYPE = "sild-log-witness+jws"
PATIENCE = 20.0
"""Seconds: the log may have to be read up to its end first."""
OLD = timedelta(minutes=5)
"""How far behind our clock a keeper's may be."""


@dataclass(frozen=True, slots=True)
class LogWitness:
    """keeper: `GOV/70000002/messagelog`.  sealed: its JWS, and `said` what is in it; or `failed`, why there is none.  keys: `{"log", "keys"}`."""

    keeper: str
    sealed: str = ""
    said: Mapping[str, Any] = field(default_factory=dict)
    keys: Mapping[str, Any] = field(default_factory=dict)
    failed: str | None = None


class Witnesses:
    """keepers: of logs, through which everything goes that the registers get.  system: `/INSTANCE/CLASS/CODE/SUBSYSTEM`."""

    def __init__(self, parts: Parts, system: str, basis: str, keepers: Sequence[str]) -> None:
        self._parts = parts
        self._system = system.strip("/")
        self._basis = basis
        self.keepers = tuple(keepers)

    async def ask(
        self, actor: Actor, listed: Sequence[str], until: datetime, nonce: str
    ) -> tuple[LogWitness, ...]:
        """Every keeper, at once. listed: ids of messages that registers list.  until: when they were asked for their lists."""
        asked = (self._one(keeper, actor, listed, until, nonce) for keeper in self.keepers)
        return tuple(await asyncio.gather(*asked))

    async def _one(
        self, keeper: str, actor: Actor, listed: Sequence[str], until: datetime, nonce: str
    ) -> LogWitness:
        try:
            keys = await self._keys(keeper, actor)
            sealed = await self._statement(keeper, actor, listed, until, nonce)
            said = await asyncio.to_thread(_opened, sealed, keys)
            self._ensure_fits(said, actor, listed, until, nonce)
        except PlatformError as error:
            log.refusal("witnesses.keeper_failed", error, keeper=keeper)
            return LogWitness(keeper, failed=error.code)
        if said.get("log") != keys.get("log") or not str(said["log"]).startswith(self._member_of(keeper)):
            return LogWitness(keeper, failed="another_log")
        return LogWitness(keeper, sealed, said, keys)

    def _member_of(self, keeper: str) -> str:
        """The owner of the server, as the names of its logs begin."""
        return f"{self._system.partition('/')[0]}/{keeper.rpartition('/')[0]}/"

    async def _keys(self, keeper: str, actor: Actor) -> Mapping[str, Any]:
        answer = await self._call(keeper, actor, "GET", "/keys", None, None)
        if not isinstance(answer, dict) or not isinstance(answer.get("keys"), list):
            raise PeerError("the keeper of a log gives no keys", code="nonsense")
        return answer

    async def _statement(
        self, keeper: str, actor: Actor, listed: Sequence[str], until: datetime, nonce: str
    ) -> str:
        parts = self._parts
        whose, who = (with_country(one, parts.profile.country) for one in (actor.acting_for, actor.person))
        case = own_look(who, whose, parts.today())
        proof = await parts.vouched_to(actor, case, keeper, SERVICE)
        body = {"nonce": nonce, "until": until.isoformat(), "listed": list(listed)}
        answer = await self._call(keeper, actor, "POST", "/statement", body, proof, case)
        if not isinstance(answer, dict) or not isinstance(answer.get("witness"), str):
            raise PeerError("the keeper of a log gives no witness", code="nonsense")
        return str(answer["witness"])

    async def _call(
        self,
        keeper: str,
        actor: Actor,
        method: Literal["GET", "POST"],
        path: str,
        body: Any,
        proof: str | None,
        case: str | None = None,
    ) -> Any:  # JSON
        answer = await self._parts.calls.call(
            f"{keeper}/{SERVICE}",
            method,
            path,
            body=body,
            case=case,
            basis=self._basis,
            acting=actor.person,
            acting_for=actor.acting_for,
            role="person",
            patience=PATIENCE,
            proof=proof,
        )
        return answer.json

    def _ensure_fits(
        self, said: Mapping[str, Any], actor: Actor, listed: Sequence[str], until: datetime, nonce: str
    ) -> None:
        """Raises PeerError (`another_answer`): about somebody else, for somebody else, an earlier one, or of other messages."""
        try:
            told_until = datetime.fromisoformat(said["until"])
            named = [
                *said["registers"].values(),
                *said["in_passing"].values(),
                said["lacking"],
                said["hosts"],
            ]
            fits = (
                said["person"] == with_country(actor.acting_for, self._parts.profile.country)
                and (said["asker"], said["nonce"]) == (self._system, nonce)
                and said["listed_sha256"] == listed_digest(listed)
                and until - OLD <= told_until <= until
                and all(isinstance(one, str) for ids in named for one in ids)
                and all(isinstance(one, int) for one in said["unread"].values())
            )
        except (KeyError, TypeError, ValueError, AttributeError):
            fits = False
        if not fits:
            raise PeerError("the keeper of a log answers something else", code="another_answer")


def new_nonce() -> str:
    return secrets.token_urlsafe(24)


def _opened(sealed: str, keys: Mapping[str, Any]) -> Mapping[str, Any]:
    """Raises PeerError (`not_sealed`): with none of the keeper's keys."""
    try:
        known = KeySet.import_key_set({"keys": list(keys["keys"])})
        opened = jws.deserialize_compact(sealed, known, algorithms=["ES256"])
        said = json.loads(opened.payload)
        if opened.protected.get("typ") != TYPE or not isinstance(said, dict):
            raise ValueError("of another type")
    except (JoseError, ValueError, KeyError, TypeError) as error:
        raise PeerError("what the keeper of a log says is not sealed by it", code="not_sealed") from error
    return said
