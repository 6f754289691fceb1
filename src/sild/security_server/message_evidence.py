"""What a client's message log says of messages by their ids: the service `getEvidence`, which the client's server answers.

    GET /evidence/INSTANCE/CLASS/CODE/SUBSYSTEM/records?queryId=...&queryId=...      JSON, below
    GET /evidence/INSTANCE/CLASS/CODE/SUBSYSTEM/container?queryId=...&kind=request   an ASiC-E container

on the client ports. As a service of the exchange it is a REST service like any other, whose address is this one on the server
itself: closed until somebody is given a right on `GET /records` or `GET /container`. A message is named by its id together with
whose record it is (WIRE 18), on whichever side of the exchange.

    {"client": "INSTANCE/CLASS/CODE/SUBSYSTEM", "kept_since": null or time, "items": [{"query_id", "failed": null or code,
      "records": [{"is_response", "logged_at", "sha256", "signature_sha256", "whole", "fault", "timestamped_at", "client", "service"}]}]}

sha256: of the message as logged.  signature_sha256: of the signature's value, the same in both logs.  whole: what lies in the
log is what was signed by whom it names (true), is not (false, `fault` says why), or cannot be told (null).  kept_since: older
records may have been archived and removed; null: none ever were.

What one question may cost is bounded: so many ids, so many records of each, and so many signatures verified (`MOST_JUDGED`): a
record beyond that is told with `whole` null and the fault `not_examined`. What was verified is kept in mind for a while, by the
message and the hash of every byte of its container (`Judgements`), so that who asks again comes further, at no cost for the rest.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sild.errors import PeerError, PlatformError, TrustError
from sild.message_log import LoggedMessage
from sild.security_server.parts import Parts
from sild.signatures import AsicContainer, parse_signature
from sild.xroad.evidence import EvidenceReport, verify_container
from sild.xroad.globalconf import GlobalConf
from sild.xroad.identifiers import ClientId
from sild.xroad.rest import loggable_part, parse_rest_request, parse_rest_response

__all__ = ["MOST_IDS", "MOST_JUDGED", "Judgements", "look_up"]

MOST_IDS = 50
MOST_RECORDS = 20
"""Of one id: a message that was sent again and again."""
MOST_JUDGED = 120
"""Containers verified for one question: request and answer of every id, and some that were sent again."""
MOST_KEPT = 5_000
"""Judgements kept in mind, some 300 bytes each."""
KEPT_FOR = timedelta(minutes=5)
"""Longer than that, the configuration by which it was judged may say otherwise."""
CHANGED_STAGES = ("malformed_signature", "invalid_signature_value", "incorrect_certificate")
"""Refusals that mean: not what was signed. Any other (a certificate no longer known, no configuration) leaves it open."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """As in the answer. parties and time are those of the message, as far as the judge came."""

    whole: bool | None
    fault: str | None
    timestamped_at: str | None = None
    client: str | None = None
    service: str | None = None


class Judgements:
    """What was verified, for a while, the oldest forgotten first. Of one event loop: not thread-safe."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, bytes], tuple[datetime, Judgement]] = OrderedDict()

    def find(self, key: tuple[str, bytes], at: datetime) -> Judgement | None:
        """key: message id, and the hash of its container."""
        found = self._kept.get(key)
        return found[1] if found is not None and at < found[0] + KEPT_FOR else None

    def keep(self, key: tuple[str, bytes], judgement: Judgement, at: datetime) -> None:
        """What could not be told, or not yet for good, is looked at anew each time."""
        if judgement.whole is None or judgement.timestamped_at is None:
            return
        self._kept.pop(key, None)
        self._kept[key] = (at, judgement)
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)


async def look_up(
    parts: Parts, client: ClientId, query_ids: Sequence[str], judgements: Judgements
) -> dict[str, Any]:  # JSON
    """Raises Unavailable (`database_error`) when the log as a whole cannot be read."""
    kept_since = await parts.message_log.kept_since()
    question = _Question(parts, client, judgements)
    return {
        "client": client.encode(),
        "kept_since": None if kept_since is None else kept_since.isoformat(),
        "items": [await question.item(query_id) for query_id in query_ids],
    }


class _Question:
    def __init__(self, parts: Parts, client: ClientId, judgements: Judgements) -> None:
        self._parts = parts
        self._client = client
        self._judgements = judgements
        self._judged = 0

    async def item(self, query_id: str) -> dict[str, Any]:
        """A record that cannot be read must not hide the others."""
        try:
            records = await self._parts.message_log.find(query_id, self._client)
            found = [await self._record(record) for record in records[:MOST_RECORDS]]
        except PlatformError as error:
            return {"query_id": query_id, "failed": error.code, "records": []}
        return {"query_id": query_id, "failed": None, "records": found}

    async def _record(self, record: LoggedMessage) -> dict[str, Any]:
        judgement = await self._judgement(record)
        return {
            "is_response": record.is_response,
            "logged_at": record.time.isoformat(),
            "sha256": hashlib.sha256(record.message).hexdigest(),
            "signature_sha256": _signature_sha256(record.signature),
            "whole": judgement.whole,
            "fault": judgement.fault,
            "timestamped_at": judgement.timestamped_at,
            "client": judgement.client,
            "service": judgement.service,
        }

    async def _judgement(self, record: LoggedMessage) -> Judgement:
        parts, now = self._parts, self._parts.clock()
        container = await parts.message_log.examined(record)
        key: tuple[str, bytes] | None
        try:
            key = record.query_id, await asyncio.to_thread(_hash, container)
        except PlatformError:
            key = None  # it cannot be read as a whole: judged each time
        known = None if key is None else self._judgements.find(key, now)
        if known is not None:
            return known
        if self._judged >= MOST_JUDGED:
            return Judgement(None, "not_examined")
        self._judged += 1
        try:
            globalconf: GlobalConf | None = parts.globalconf(now)
        except TrustError:
            globalconf = None
        made = await asyncio.to_thread(_judge, parts, container, record.time, globalconf)
        if key is not None:
            self._judgements.keep(key, made, now)
        return made


def _hash(container: AsicContainer) -> bytes:
    """SHA-256 over every part with its name and length. Blocks: a body is read from the log."""
    running = hashlib.sha256()
    for name, part in sorted(container.files.items()):
        content = part if isinstance(part, bytes) else part.digest
        running.update(f"{name} {len(content)} ".encode() + content)
    running.update(b"timestamp " + (container.timestamp or b""))
    return running.digest()


def _judge(
    parts: Parts, container: AsicContainer, logged_at: datetime, globalconf: GlobalConf | None
) -> Judgement:
    report = EvidenceReport()
    whole, fault = _examine(parts, container, logged_at, globalconf, report)
    return Judgement(
        whole,
        fault,
        None if report.timestamp is None else report.timestamp.gen_time.isoformat(),
        None if report.client is None else report.client.encode(),
        None if report.service is None else report.service.encode(),
    )


def _examine(
    parts: Parts,
    container: AsicContainer,
    logged_at: datetime,
    globalconf: GlobalConf | None,
    report: EvidenceReport,
) -> tuple[bool | None, str | None]:
    """Fills the report as far as it gets. Blocks: a body is read from the log."""
    if globalconf is None:
        return None, "global_conf_outdated"
    at = logged_at if container.timestamp is None else None
    try:
        verify_container(container, globalconf, at=at, verifier=parts.verifier, report=report)
    except PlatformError as error:
        if _is_head_alone(parts, container.message):
            return None, "body_not_logged"
        changed = any(name in error.code_path for name in CHANGED_STAGES)
        return (False if changed or isinstance(error, PeerError) else None), error.code_path
    return True, None


def _is_head_alone(parts: Parts, message: bytes) -> bool:
    """Logged without path, query and body (WIRE 2.3), as the settings want: then nothing can be held against the signature."""
    try:
        is_response = b"1" <= message[:1] <= b"9"
        read = parse_rest_response(message) if is_response else parse_rest_request(message)
    except PlatformError:
        return False
    rule, provider = parts.message_log.body_logging, read.service.client_id
    has_bodies = all(rule.is_logged(provider, client_side=side) for side in (True, False))
    return not has_bodies and loggable_part(read) == message


def _signature_sha256(signature: bytes) -> str | None:
    try:
        return hashlib.sha256(parse_signature(signature).signature_value).hexdigest()
    except PlatformError:
        return None
