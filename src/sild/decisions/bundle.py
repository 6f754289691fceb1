"""A decision as it is given away: everything that somebody needs who trusts none of us, in one JSON file.

record        fields 1 to 12; `integrity` (12) says hash, place in the chain, leaf, checkpoint, seal and time-stamp
chain         the links of the case's decisions before it
inclusion     path from its leaf to the checkpoint's root (RFC 6962)
entries       what came later, each a leaf too: deliveries, shredded values
first         the first time-stamped checkpoint that covered it, if the one in field 12 is a later one: so it is proved since when it
              was logged; with its path, and that the log has grown from it
certificates  of the seal, DER in base64, the body's first
log_certificates  of the key that signed the checkpoint, if that is another one by now
values        openings of sealed values, as far as the reader may see them: salt and value
package       files of the rules, by path, base64
consistency   from an older head that the reader kept, if asked for

The file is canonical JSON (RFC 8785): one decision at one checkpoint has one spelling.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, func, select

from sild.decisions import tables
from sild.decisions.canonical import canonical_json
from sild.decisions.checkpoints import node_reader
from sild.decisions.merkle import consistency_path, inclusion_path, leaf_hash
from sild.decisions.sealing import leaf_content, seal_json
from sild.decisions.shredding import open_values
from sild.decisions.store import DecisionStore, Stored
from sild.errors import CallerError

__all__ = ["BUNDLE_SCHEMA", "bundle_of", "exported", "render_bundle"]

BUNDLE_SCHEMA = "sild.bundle/2"


def bundle_of(
    store: DecisionStore,
    connection: Connection,
    decision: UUID | str,
    *,
    open_refs: Collection[str] | None = (),
    since: int | None = None,
    with_package: bool = True,
) -> dict[str, Any]:  # JSON
    """open_refs: sealed values whose openings go along; None, all that still exist. since: the size of a head the reader kept.

    Raises CallerError (`unknown_decision`; `bad_request` for a `since` beyond the log).
    """
    found = store.find(connection, decision)
    head = _head(connection)
    chain = [
        one.link for one in store.of_case(connection, found.record.case) if one.position < found.position
    ]
    record = exported(connection, found, head)
    leaf = record["integrity"]["leaf"]
    first = None if leaf is None or head is None else _first(connection, leaf["number"], head)
    return {
        "schema": BUNDLE_SCHEMA,
        "record": record,
        "chain": chain,
        "inclusion": None if leaf is None else _path(connection, leaf["number"], head),
        "entries": _later(connection, found, head),
        "first": None if first is None or head is None else _first_json(connection, found, first, head, leaf),
        "certificates": _certificates(connection, found.sealer),
        "log_certificates": None
        if leaf is None or head is None
        else _log_certificates(connection, found, head),
        "values": {
            ref: {"salt": one.salt.hex(), "value": one.value}
            for ref, one in open_values(store, connection, decision).items()
            if open_refs is None or ref in open_refs
        },
        "package": _package(connection, found) if with_package else None,
        "consistency": None if since is None else _consistency(connection, since, head),
    }


def render_bundle(bundle: dict[str, Any]) -> bytes:
    return canonical_json(bundle) + b"\n"


def exported(connection: Connection, found: Stored, head: _Head | None = None) -> dict[str, Any]:  # JSON
    """The record with field 12. head: None, the newest."""
    head = head or _head(connection)
    number = _leaf(connection, "decision", found)
    is_covered = head is not None and number is not None and number < head.size
    content = leaf_content(found.link, found.seal, found.sealer)
    integrity = {
        "record_sha256": found.link["record"],
        "previous": found.link["previous"],
        "position": found.position,
        "leaf": {"number": number, "sha256": leaf_hash(content).hex()} if is_covered else None,
        "checkpoint": bytes(head.note).decode() if is_covered and head is not None else None,
        "seal": seal_json(found.seal, found.sealer),
        "timestamp": _base64(head.token) if is_covered and head is not None and head.token else None,
    }
    return {**json.loads(found.content), "integrity": integrity}


@dataclass(frozen=True, slots=True)
class _Head:
    size: int
    note: bytes
    token: bytes | None
    sealer: str


def _head(connection: Connection) -> _Head | None:
    """The newest time-stamped checkpoint; while there is none, the newest."""
    head, token = tables.checkpoints.c, tables.timestamps.c
    query = (
        select(head.size, head.note, token.token, head.sealer)
        .join_from(tables.checkpoints, tables.timestamps, isouter=True)
        .order_by(token.size.is_(None), head.size.desc())
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else _Head(*row)


def _first(connection: Connection, number: int, newest: _Head) -> _Head | None:
    """The first time-stamped head that has the leaf; None: it is the newest."""
    head, token = tables.checkpoints.c, tables.timestamps.c
    query = (
        select(head.size, head.note, token.token, head.sealer)
        .join_from(tables.checkpoints, tables.timestamps)
        .where(head.size > number, head.size < newest.size)
        .order_by(head.size)
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else _Head(*row)


def _first_json(
    connection: Connection, found: Stored, first: _Head, newest: _Head, leaf: dict[str, Any]
) -> dict[str, Any]:
    read = node_reader(connection)
    return {
        "checkpoint": bytes(first.note).decode(),
        "timestamp": _base64(first.token or b""),
        "inclusion": _path(connection, leaf["number"], first),
        "consistency": [one.hex() for one in consistency_path(first.size, newest.size, read)],
        "certificates": _log_certificates(connection, found, first),
    }


def _log_certificates(connection: Connection, found: Stored, head: _Head) -> list[str] | None:
    return None if head.sealer == found.sealer else _certificates(connection, head.sealer)


def _leaf(connection: Connection, kind: str, found: Stored) -> int | None:
    query = (
        select(tables.leaves.c.number)
        .join_from(tables.leaves, tables.entries)
        .where(tables.entries.c.record == str(found.record.id), tables.entries.c.kind == kind)
    )
    return connection.scalar(query)


def _path(connection: Connection, number: int, head: _Head | None) -> list[str] | None:
    if head is None or number >= head.size:
        return None
    return [one.hex() for one in inclusion_path(number, head.size, node_reader(connection))]


def _later(connection: Connection, found: Stored, head: _Head | None) -> list[dict[str, Any]]:
    query = (
        select(tables.entries.c.content, tables.leaves.c.number)
        .join_from(tables.entries, tables.leaves, isouter=True)
        .where(tables.entries.c.record == str(found.record.id), tables.entries.c.kind != "decision")
        .order_by(tables.entries.c.number)
    )
    found_entries = []
    for content, number in connection.execute(query):
        path = None if number is None else _path(connection, number, head)
        found_entries.append(
            {"content": json.loads(content), "leaf": None if path is None else number, "path": path}
        )
    return found_entries


def _certificates(connection: Connection, sealer: str) -> list[str]:
    chain = tables.certificates.c
    query = select(chain.content).where(chain.sealer == sealer).order_by(chain.position)
    return [_base64(content) for content in connection.scalars(query)]


def _package(connection: Connection, found: Stored) -> dict[str, str] | None:
    if found.record.rules is None:
        return None
    file = tables.package_files.c
    query = select(file.path, file.content).where(file.package == found.record.rules.sha256)
    return {path: _base64(content) for path, content in connection.execute(query)} or None


def _consistency(connection: Connection, since: int, head: _Head | None) -> dict[str, Any]:
    if head is None or not 0 < since <= head.size:
        size = connection.scalar(select(func.max(tables.checkpoints.c.size))) or 0
        raise CallerError(f"the log has {size} leaves", code="bad_request")
    path = consistency_path(since, head.size, node_reader(connection))
    return {"size": since, "path": [one.hex() for one in path]}


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
