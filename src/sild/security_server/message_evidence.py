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
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sild.errors import PeerError, PlatformError, TrustError
from sild.message_log import LoggedMessage
from sild.security_server.parts import Parts
from sild.signatures import AsicContainer, parse_signature
from sild.xroad.evidence import EvidenceReport, verify_container
from sild.xroad.globalconf import GlobalConf
from sild.xroad.identifiers import ClientId
from sild.xroad.rest import loggable_part, parse_rest_request, parse_rest_response

__all__ = ["MOST_IDS", "look_up"]

MOST_IDS = 50
MOST_RECORDS = 20
"""Of one id: a message that was sent again and again."""
CHANGED_STAGES = ("malformed_signature", "invalid_signature_value", "incorrect_certificate")
"""Refusals that mean: not what was signed. Any other (a certificate no longer known, no configuration) leaves it open."""


async def look_up(parts: Parts, client: ClientId, query_ids: Sequence[str]) -> dict[str, Any]:  # JSON
    """Raises Unavailable (`database_error`) when the log as a whole cannot be read."""
    kept_since = await parts.message_log.kept_since()
    return {
        "client": client.encode(),
        "kept_since": None if kept_since is None else kept_since.isoformat(),
        "items": [await _item(parts, client, query_id) for query_id in query_ids],
    }


async def _item(parts: Parts, client: ClientId, query_id: str) -> dict[str, Any]:
    """A record that cannot be read must not hide the others."""
    try:
        records = await parts.message_log.find(query_id, client)
        found = [await _record(parts, record) for record in records[:MOST_RECORDS]]
    except PlatformError as error:
        return {"query_id": query_id, "failed": error.code, "records": []}
    return {"query_id": query_id, "failed": None, "records": found}


async def _record(parts: Parts, record: LoggedMessage) -> dict[str, Any]:
    container = await parts.message_log.examined(record)
    try:
        globalconf: GlobalConf | None = parts.globalconf(parts.clock())
    except TrustError:
        globalconf = None
    report = EvidenceReport()
    whole, fault = await asyncio.to_thread(_examine, parts, container, record.time, globalconf, report)
    return {
        "is_response": record.is_response,
        "logged_at": record.time.isoformat(),
        "sha256": hashlib.sha256(record.message).hexdigest(),
        "signature_sha256": _signature_sha256(record.signature),
        "whole": whole,
        "fault": fault,
        "timestamped_at": None if report.timestamp is None else report.timestamp.gen_time.isoformat(),
        "client": None if report.client is None else report.client.encode(),
        "service": None if report.service is None else report.service.encode(),
    }


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
