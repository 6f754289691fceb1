"""Checkpoints: the Merkle tree over what was decided, its head signed by the body and time-stamped, in batches.

    sequence  what waits gets the next leaf numbers; nodes and the signed head are written in the same transaction
    stamp     the newest head without a time-stamp gets one (RFC 3161); it covers all leaves before it

A process killed at any point leaves a log that the next one goes on with: what waits still waits, a head without a time-stamp
still lacks it. Of all processes that share the database one makes checkpoints (`sild.cluster`). While no authority gives
time-stamps, decisions and heads go on, and are stamped when one does.

A head is a C2SP tlog-checkpoint in a signed-note: origin, size, root; ECDSA signature (type 0x02) by the sealing key.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import Connection, delete, func, insert, select

from sild.cluster import ClusterLock
from sild.decisions import tables
from sild.decisions.merkle import Read, appended, leaf_hash, root_of
from sild.decisions.sealing import Sealer, sealer_id
from sild.decisions.store import DecisionStore
from sild.errors import PlatformError, TrustError, Unavailable
from sild.pki import (
    Certificate,
    add_certificate_to_token,
    build_timestamp_request,
    parse_timestamp_response,
    parse_timestamp_token,
    verify_timestamp,
)
from sild.telemetry import get_logger

if TYPE_CHECKING:
    from sild.http1 import Fetch

__all__ = ["Checkpointer", "Stamp", "TimeStampClient", "node_reader"]

log = get_logger("decisions")

Stamp = Callable[[bytes], Awaitable[bytes]]
"""A TimeStampToken (DER) over these bytes, verified, with its signer's certificate inside. Raises PlatformError."""

BATCH = 5_000
CLOCKS_MAY_DIFFER = timedelta(seconds=60)
"""Ours and the authority's, before somebody is told."""
FETCH_TIMEOUT_SECONDS = 20.0
MAX_RESPONSE_BYTES = 256 * 1024


class Checkpointer:
    """origin: of the log, without blanks or `+`: the body's identifier, then what it decides, `SILD/GOV/70000004/social`."""

    def __init__(
        self, store: DecisionStore, stamp: Stamp, *, origin: str, interval: timedelta = timedelta(seconds=60)
    ) -> None:
        if not origin or "+" in origin or any(character.isspace() for character in origin):
            raise ValueError("an origin has neither blanks nor a plus sign")
        self._store = store
        self._stamp = stamp
        self._origin = origin
        self._interval = interval
        self._lock = ClusterLock(store.engine, "decisions_checkpoints")

    async def run(self) -> None:
        """A round every interval until cancelled, as long as no other process does them."""
        try:
            while True:
                try:
                    if await self._lock.hold() is not None:
                        await self.tick()
                except PlatformError as error:
                    log.refusal("decisions.checkpoint_failed", error)
                except Exception as error:  # noqa: BLE001 - if this loop died, decisions would go unstamped for ever
                    log.bug("decisions.checkpoint_failed", error)
                await asyncio.sleep(self._interval.total_seconds())
        finally:
            await asyncio.to_thread(self._lock.release)

    async def tick(self) -> int:
        """One round; the size of the log. Raises PlatformError when no time-stamp is given."""
        while await asyncio.to_thread(self.sequence):
            pass
        return await self.stamp()

    def sequence(self) -> int:
        """Take up to a batch of what waits into the tree and sign its head; how many."""
        with self._store.engine.begin() as connection:
            waiting = connection.execute(
                select(tables.entries.c.number, tables.entries.c.content)
                .join_from(tables.waiting, tables.entries)
                .order_by(tables.waiting.c.entry)
                .limit(BATCH)
            ).all()
            if waiting:
                self._extend(connection, [(row.number, bytes(row.content)) for row in waiting])
        return len(waiting)

    def _extend(self, connection: Connection, entries: Sequence[tuple[int, bytes]]) -> None:
        size = connection.scalar(select(func.count()).select_from(tables.leaves)) or 0
        read = node_reader(connection)
        hashes = [leaf_hash(content) for _, content in entries]
        numbered = [{"number": size + at, "entry": entry} for at, (entry, _) in enumerate(entries)]
        nodes = [
            {"level": level, "number": at, "hash": found} for level, at, found in appended(size, hashes, read)
        ]
        connection.execute(insert(tables.leaves), numbered)
        connection.execute(insert(tables.nodes), nodes)
        connection.execute(
            delete(tables.waiting).where(tables.waiting.c.entry.in_([number for number, _ in entries]))
        )
        size += len(entries)
        root, sealer = root_of(size, read), self._store.sealer
        row = {
            "size": size,
            "root": root,
            "note": signed_note(self._origin, size, root, sealer),
            "sealer": sealer_id(sealer),
            "made_at": self._store.clock(),
        }
        self._store.keep_chain(connection)
        connection.execute(insert(tables.checkpoints).values(row))

    async def stamp(self) -> int:
        """Time-stamp the newest head unless it is; its size."""
        newest = await asyncio.to_thread(self._newest)
        if newest is None:
            return 0
        size, note, is_stamped = newest
        if not is_stamped:
            token = await self._stamp(note)
            await asyncio.to_thread(self._save, size, token)
            log.info("decisions.stamped", size=size)
        return size

    def _newest(self) -> tuple[int, bytes, bool] | None:
        head, token = tables.checkpoints.c, tables.timestamps.c
        query = (
            select(head.size, head.note, token.size)
            .join_from(tables.checkpoints, tables.timestamps, isouter=True)
            .order_by(head.size.desc())
            .limit(1)
        )
        with self._store.engine.connect() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else (row[0], bytes(row[1]), row[2] is not None)

    def _save(self, size: int, token: bytes) -> None:
        stamped, now = parse_timestamp_token(token).gen_time, self._store.clock()
        row = {"size": size, "token": token, "gen_time": stamped}
        with self._store.engine.begin() as connection:
            connection.execute(insert(tables.timestamps).values(row))
        if abs(now - stamped) > CLOCKS_MAY_DIFFER:
            log.warning("decisions.clocks_disagree", stamped=stamped.isoformat(), now=now.isoformat())


def signed_note(origin: str, size: int, root: bytes, sealer: Sealer) -> bytes:
    """C2SP tlog-checkpoint, signed as a C2SP signed-note by an ECDSA key: key id is that of the key's SPKI."""
    text = note_text(origin, size, root)
    spki = sealer.chain[0].public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    signature = hashlib.sha256(spki).digest()[:4] + sealer.sign(text)
    return text + f"\n— {origin} {base64.b64encode(signature).decode()}\n".encode()


def note_text(origin: str, size: int, root: bytes) -> bytes:
    """What is signed of a head (C2SP tlog-checkpoint)."""
    return f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n".encode()


def node_reader(connection: Connection) -> Read:
    def read(level: int, number: int) -> bytes:
        where = (tables.nodes.c.level == level, tables.nodes.c.number == number)
        return bytes(connection.execute(select(tables.nodes.c.hash).where(*where)).scalar_one())

    return read


class TimeStampClient:
    """A `Stamp` from the first authority that gives one. tsa_certificates: of those approved; it must be one of them."""

    def __init__(self, urls: Sequence[str], tsa_certificates: Sequence[Certificate], fetch: Fetch) -> None:
        self._urls = urls
        self._tsa_certificates = tsa_certificates
        self._fetch = fetch

    async def __call__(self, data: bytes) -> bytes:
        """Raises Unavailable (`timestamping_failed`)."""
        request = build_timestamp_request(hashlib.sha512(data).digest())
        for url in self._urls:
            try:
                answer = await self._fetch(
                    url,
                    method="POST",
                    body=request,
                    headers=[(b"Content-Type", b"application/timestamp-query")],
                    timeout=FETCH_TIMEOUT_SECONDS,
                    max_bytes=MAX_RESPONSE_BYTES,
                )
                if answer.status != 200:
                    raise Unavailable(f"the authority answered HTTP {answer.status}", code="http_error")
                token = parse_timestamp_response(answer.body)
                return add_certificate_to_token(token, signer_of(token, data, self._tsa_certificates))
            except PlatformError as error:
                log.refusal("decisions.authority_failed", error, url=url)
        raise Unavailable("no time-stamp from any authority", code="timestamping_failed")


def signer_of(token: bytes, data: bytes, tsa_certificates: Sequence[Certificate]) -> Certificate:
    """The authority whose token over `data` this is. Raises TrustError, PeerError as `verify_timestamp`."""
    refusal: TrustError | None = None
    for certificate in tsa_certificates:
        try:
            verify_timestamp(token, data=data, tsa_certificates=[certificate])
        except TrustError as error:
            refusal = error
        else:
            return certificate
    raise refusal or TrustError("there is no approved time-stamping authority", code="timestamper_failed")
