"""What a message log itself says about a person: which requests concern them, sealed by whoever keeps the log.

A register's list of uses is the register's word. The log of its security server holds every request that reached it, before its effect:
what it says, signed beside the register, shows whether the list leaves one out, and whether it has one that never was
(`examples/verify_completeness.py`). Which requests are about a person, and which only name them in passing: `mentions`. What people ask a tracker about themselves is not counted.
Identifiers leave the log as SHA-256 alone: who has the person's list can find them, and nobody else learns of them.

`witness` answers from the index (`mention_index`), whoever asks over the exchange; `scan` reads the whole log instead, and needs no index.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from joserfc import jws

from sild.errors import CallerError
from sild.message_log.log import MessageLog
from sild.message_log.mention_index import Concerning, MentionIndex, body_of
from sild.message_log.mentions import codes_asked_for, mentions_of
from sild.message_log.store import Search
from sild.openid import SigningKey

__all__ = ["WitnessQuestion", "listed_digest", "scan", "seal_witness", "witness"]

TYPE = "sild-log-witness+jws"


@dataclass(frozen=True, slots=True)
class WitnessQuestion:
    """person: with the country, `EE38001085718`.  until: of requests answered before.  asker: information system, `INSTANCE/CLASS/CODE/SUBSYSTEM`.

    nonce: of the asker's own making.  listed: ids of messages that registers list, to be looked for.
    """

    person: str
    until: datetime
    asker: str
    nonce: str
    listed: Sequence[str] = ()


async def witness(
    log: MessageLog, index: MentionIndex, question: WitnessQuestion, *, name: str, hosts: Collection[str]
) -> dict[str, Any]:  # JSON
    """name: of the log, its security server.  hosts: whose every message passes through it: clients of the server, `CLASS/CODE/SUBSYSTEM`.

    Raises CallerError (`bad_request`): not a person; Unavailable (`database_error`).
    """
    found = await index.find(question.person, until=question.until)
    lacking = await index.lacking(question.person, question.listed)
    return {
        **await _said(log, name, question.person, question.until, found),
        "asker": question.asker,
        "nonce": question.nonce,
        "hosts": sorted(hosts),
        "listed_sha256": listed_digest(question.listed),
        "lacking": sorted(lacking),
    }


async def scan(
    log: MessageLog, name: str, person: str, *, at: datetime, registers: Collection[str] = ()
) -> dict[str, Any]:  # JSON
    """Of all requests that lie in the log and came before `at`, read one by one.  registers: only to these, `GOV/70000002/population`; none: to all.

    Raises CallerError (`bad_request`): not a person; Unavailable (`database_error`).
    """
    codes = codes_asked_for(person)
    if codes is None:
        raise CallerError("a person is named with the country in front: EE38001085718")
    about: dict[str, set[str]] = {}
    passing: dict[str, set[str]] = {}
    unread: Counter[str] = Counter()
    async for record in log.search(Search(until=at, is_response=False)):
        body, is_whole = await body_of(log, record)
        named = mentions_of(record.message, body, is_whole=is_whole)
        if named is None or (registers and named.provider not in registers):
            continue
        for kind, those in ((about, named.about), (passing, named.named)):
            if not those.isdisjoint(codes):
                kind.setdefault(named.provider, set()).add(sha256(record.query_id))
                break
        unread[named.provider] += named.unread
    told = Concerning(_frozen(about), _frozen(passing), +unread, await log.kept_since())
    return await _said(log, name, person, at, told)


async def _said(
    log: MessageLog, name: str, person: str, until: datetime, found: Concerning
) -> dict[str, Any]:  # JSON
    kept_since = await log.kept_since()
    return {
        "version": 2,
        "log": name,
        "person": person,
        "since": None if found.since is None else found.since.isoformat(),
        "kept_since": None if kept_since is None else kept_since.isoformat(),
        "until": until.isoformat(timespec="milliseconds"),
        "registers": {register: sorted(ids) for register, ids in sorted(found.about.items())},
        "in_passing": {register: sorted(ids) for register, ids in sorted(found.in_passing.items())},
        "unread": dict(sorted(found.unread.items())),
    }


def _frozen(found: Mapping[str, set[str]]) -> Mapping[str, frozenset[str]]:
    return {name: frozenset(ids) for name, ids in found.items()}


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def listed_digest(ids: Collection[str]) -> str:
    """Of what was to be looked for: SHA-256 over the SHA-256 of each id in hex, in order, each once, a line each."""
    return sha256("".join(f"{one}\n" for one in sorted({sha256(one) for one in ids})))


def seal_witness(said: dict[str, Any], key: SigningKey) -> str:
    """A JWS (RFC 7515, ES256), in its compact form."""
    header = {"alg": key.algorithm, "kid": key.key_id, "typ": TYPE}
    payload = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    return jws.serialize_compact(header, payload, key.key, algorithms=[key.algorithm])
