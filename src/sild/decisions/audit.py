"""The whole database of decisions looked over from inside: everything is computed again, nothing is believed.

For the auditor who is given the database, and for the body itself: somebody who controls the database can drop triggers. What this
cannot find is a history written anew with the body's key: that takes a head which somebody outside has kept.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic import ValidationError
from sqlalchemy import Connection, Row, select

from sild.decisions import tables
from sild.decisions.canonical import canonical_json, sha256_of
from sild.decisions.checkpoints import note_text
from sild.decisions.merkle import appended, leaf_hash, root_of
from sild.decisions.record import DecisionRecord
from sild.decisions.sealing import leaf_content, link_of
from sild.errors import PlatformError
from sild.pki import SignatureAlgorithm, parse_timestamp_token, verify_bytes

__all__ = ["audit_log"]

CLOCKS_MAY_DIFFER = timedelta(seconds=2)
"""As the stand-alone verifier allows: a time-stamp may come in whole seconds."""


def audit_log(connection: Connection) -> Iterator[str]:
    """Every fault, in words; none if all holds. Reads all of it: about a thousand decisions a second."""
    sealers = _sealers(connection)
    entries = {
        (row.kind, row.record): bytes(row.content) for row in connection.execute(select(tables.entries))
    }
    last: dict[str, tuple[str, datetime]] = {}
    query = select(tables.records).order_by(tables.records.c.case, tables.records.c.position)
    for row in connection.execute(query):
        yield from _record_faults(row, sealers, last, entries.get(("decision", row.id)))
    yield from _log_faults(connection, sealers)


def _record_faults(
    row: Row[Any],
    sealers: dict[str, x509.Certificate],
    last: dict[str, tuple[str, datetime]],
    entry: bytes | None,
) -> Iterator[str]:
    name = f"decision {row.id}"
    try:
        record = DecisionRecord.model_validate_json(bytes(row.content))
    except ValidationError:
        yield f"{name}: it breaks a rule of the record"
        return
    previous, at = last.get(row.case, (None, record.decided_at))
    number = int(json.loads(bytes(row.link))["position"])
    if canonical_json(record.to_json()) != bytes(row.content) or record.sha256 != row.sha256:
        yield f"{name}: the record was altered"
    if (
        link_of(record, row.position, previous) != bytes(row.link)
        or sha256_of(json.loads(bytes(row.link))) != row.link_sha256
    ):
        yield f"{name}: the chain of the case is broken"
    if number != row.position or record.decided_at < at:
        yield f"{name}: the case is out of order"
    columns = (
        record.kind,
        record.automation,
        record.effect,
        record.decided_at,
        len(record.unknowns),
        str(record.id),
        record.case,
    )
    if columns != (row.kind, row.automation, row.effect, row.decided_at, row.unknowns, row.id, row.case):
        yield f"{name}: what is counted is not what it says"
    if not _is_signed(sealers.get(row.sealer), bytes(row.link), bytes(row.seal)):
        yield f"{name}: the seal does not fit"
    if entry != leaf_content(json.loads(bytes(row.link)), bytes(row.seal), row.sealer):
        yield f"{name}: its leaf is another one"
    last[row.case] = row.link_sha256, record.decided_at


def _log_faults(connection: Connection, sealers: dict[str, x509.Certificate]) -> Iterator[str]:
    query = (
        select(tables.leaves.c.number, tables.entries.c.content)
        .join_from(tables.leaves, tables.entries)
        .order_by(tables.leaves.c.number)
    )
    leaves = connection.execute(query).all()
    if [row.number for row in leaves] != list(range(len(leaves))):
        yield "log: leaves are missing"
    nodes: dict[tuple[int, int], bytes] = {}
    for level, number, found in appended(
        0, [leaf_hash(bytes(row.content)) for row in leaves], lambda *at: nodes[at]
    ):
        nodes[level, number] = found
    if nodes != {
        (row.level, row.number): bytes(row.hash) for row in connection.execute(select(tables.nodes))
    }:
        yield "log: its nodes are not those of its leaves"
    lost = select(tables.entries.c.number).outerjoin(tables.leaves).outerjoin(tables.waiting)
    lost = lost.where(tables.leaves.c.number.is_(None), tables.waiting.c.entry.is_(None))
    for number in connection.scalars(lost):
        yield f"log: entry {number} is neither in the log nor waits for it"
    yield from _clock_faults(connection)
    heads = select(tables.checkpoints, tables.timestamps.c.token).outerjoin(tables.timestamps)
    for head in connection.execute(heads.order_by(tables.checkpoints.c.size)):
        yield from _head_faults(head, len(leaves), nodes, sealers)


def _head_faults(
    head: Row[Any], size: int, nodes: dict[tuple[int, int], bytes], sealers: dict[str, x509.Certificate]
) -> Iterator[str]:
    name, note = f"head of {head.size}", bytes(head.note)
    if head.size > size:
        yield f"{name}: the log is shorter, it was cut off"
        return
    root = root_of(head.size, lambda *at: nodes[at])
    text, _, signature = note.partition(b"\n\n")
    origin = text.split(b"\n")[0].decode()
    if root != bytes(head.root) or text + b"\n" != note_text(origin, head.size, root):
        yield f"{name}: its root is not that of the leaves"
    sealer = sealers.get(head.sealer)
    if not _is_note_signed(sealer, text + b"\n", signature):
        yield f"{name}: it is forged, the signature does not fit"
    if head.token is not None and not _is_stamped(bytes(head.token), note):
        yield f"{name}: its time-stamp covers something else"


def _clock_faults(connection: Connection) -> Iterator[str]:
    """A time-stamp earlier than what it covers: the body's clock, or the authority's, is wrong."""
    decided = (
        select(tables.leaves.c.number, tables.records.c.id, tables.records.c.decided_at)
        .join_from(tables.leaves, tables.entries)
        .join(tables.records, tables.records.c.id == tables.entries.c.record)
        .where(tables.entries.c.kind == "decision")
        .order_by(tables.leaves.c.number)
    )
    heads = connection.execute(select(tables.timestamps).order_by(tables.timestamps.c.size)).all()
    at = 0
    for row in connection.execute(decided):
        while at < len(heads) and heads[at].size <= row.number:
            at += 1
        if at == len(heads):
            break
        if row.decided_at > heads[at].gen_time + CLOCKS_MAY_DIFFER:
            yield (
                f"decision {row.id}: clocks disagree: decided {row.decided_at.isoformat()}, "
                f"after its time-stamp of {heads[at].gen_time.isoformat()}"
            )


def _sealers(connection: Connection) -> dict[str, x509.Certificate]:
    first = tables.certificates.c
    query = select(first.sealer, first.content).where(first.position == 0)
    return {
        row.sealer: x509.load_der_x509_certificate(bytes(row.content))
        for row in connection.execute(query)
        if hashlib.sha256(bytes(row.content)).hexdigest() == row.sealer
    }


def _is_signed(certificate: x509.Certificate | None, data: bytes, signature: bytes) -> bool:
    if certificate is None:
        return False
    try:
        verify_bytes(certificate.public_key(), SignatureAlgorithm.ECDSA_SHA256, signature, data)
    except PlatformError:
        return False
    return True


def _is_note_signed(certificate: x509.Certificate | None, text: bytes, line: bytes) -> bool:
    if certificate is None:
        return False
    signature = base64.b64decode(line.rsplit(b" ", 1)[-1])
    spki = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return signature[:4] == hashlib.sha256(spki).digest()[:4] and _is_signed(certificate, text, signature[4:])


def _is_stamped(token: bytes, note: bytes) -> bool:
    try:
        parsed = parse_timestamp_token(token)
    except PlatformError:
        return False
    return parsed.imprint_algorithm.digest(note) == parsed.imprint
