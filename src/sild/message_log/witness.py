"""What a message log itself says about a person: which requests to registers named them, sealed by whoever keeps the log.

The register's own list of uses is the register's word. The log of its security server holds every request that reached it, before its
effect; a count of those that name the person, signed beside the register, shows whether the list leaves one out
(`examples/verify_completeness.py --log`). A request names a person in its address, or as whom it represents; what stands in a body
alone is not seen here. The person's own questions to the tracker are not counted: they say nothing of anybody's use.
Identifiers leave the log as SHA-256 alone: who has the person's list can find them, and nobody else learns of them.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection
from datetime import datetime
from typing import Any
from urllib.parse import unquote_to_bytes

from joserfc import jws

from sild.errors import CallerError
from sild.message_log.log import MessageLog
from sild.message_log.store import Search
from sild.openid import SigningKey

__all__ = ["named_register", "seal_witness", "witness"]

TYPE = "sild-log-witness+jws"
TRACKER = ("findUsage", "usagePeriod", "heartbeat")
_ADDRESS = re.compile(rb"\A[A-Z]+\r\n/r1/[^/\s]+/([^/\s]+/[^/\s]+/[^/\s]+)/([^\s?]*)(\?[^\r\n]*)?\r\n")
_PARTY = re.compile(rb"^x-road-represented-party:([^\r\n]*)", re.IGNORECASE | re.MULTILINE)
_PERSON = re.compile(r"[A-Z]{2}[A-Za-z0-9]{5,50}")


def named_register(message: bytes, person: str) -> str | None:
    """`GOV/70000002/population`, if the request goes there and names the person; else None.

    message: a REST request as its signature covers it (PR-REST 4.5): method, address, headers, a line each.  person: with the country, `EE38001085718`.
    """
    address = _ADDRESS.match(message)
    if address is None:
        return None
    register, path, query = (
        unquote_to_bytes(part or b"") for part in address.groups()
    )  # as it is read there
    if path.rpartition(b"/")[2].decode("latin-1") in TRACKER:
        return None
    code = re.escape(person[2:].encode())
    named = re.compile(rb"(?<![0-9A-Za-z])(?:%s)?%s(?![0-9A-Za-z])" % (re.escape(person[:2].encode()), code))
    party = _PARTY.search(message)
    places = (path, query, b"" if party is None else party[1])
    return register.decode("latin-1") if any(named.search(place) for place in places) else None


async def witness(
    log: MessageLog, name: str, person: str, *, at: datetime, registers: Collection[str] = ()
) -> dict[str, Any]:  # JSON
    """Of everything logged before `at`. name: of the log, its security server.  registers: only these; none: all.

    Raises CallerError (`bad_request`): not a person; Unavailable (`database_error`).
    """
    if not _PERSON.fullmatch(person):
        raise CallerError("a person is named with the country in front: EE38001085718")
    found: dict[str, set[str]] = {}
    async for record in log.search(Search(until=at, is_response=False)):
        register = named_register(record.message, person)
        if register is not None and (not registers or register in registers):
            found.setdefault(register, set()).add(hashlib.sha256(record.query_id.encode()).hexdigest())
    kept_since = await log.kept_since()
    return {
        "version": 1,
        "log": name,
        "person": person,
        "kept_since": None if kept_since is None else kept_since.isoformat(),
        "until": at.isoformat(timespec="milliseconds"),
        "registers": {register: sorted(ids) for register, ids in sorted(found.items())},
    }


def seal_witness(said: dict[str, Any], key: SigningKey) -> str:
    """A JWS (RFC 7515, ES256), in its compact form."""
    header = {"alg": key.algorithm, "kid": key.key_id, "typ": TYPE}
    payload = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    return jws.serialize_compact(header, payload, key.key, algorithms=[key.algorithm])
