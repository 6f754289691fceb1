"""Which requests of the log concern which person, kept beside the log: read once, answered at once, and after records were removed, too.

    index = MentionIndex(log, key)
    await index.run()                                   # beside the server: a little behind, never in a message's way
    found = await index.find("EE38001085718", until=now)     # catches up first

A person is a digest of their code under `key` (HMAC-SHA-256): who has the database without the key reads nobody's code out of it, and
cannot try codes either. A process takes numbers of records in blocks, and commits them in their order (`writer`): so whatever is new in a
block lies behind what was read of it, whenever it came, and nothing has to be noted while a message is logged. The same record read twice,
by two processes, is one row.

Read it is until it is removed: of a record that cleaning removed unread the index says so (`since`).
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Connection, exists, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from sild.errors import CallerError, PlatformError, Unavailable
from sild.message_log.entries import ID_BLOCK, PIECE_SIZE
from sild.message_log.log import MessageLog
from sild.message_log.mentions import MOST_BODY, Mentions, codes_asked_for, mentions_of
from sild.message_log.records import LoggedMessage, query_hash
from sild.message_log.schema import (
    id_block,
    mention,
    mention_block,
    mention_key,
    message_record,
)
from sild.message_log.store import from_milliseconds, milliseconds
from sild.telemetry import get_logger

__all__ = ["Concerning", "MentionIndex", "body_of"]

log = get_logger("message_log")

PAGE = 100
"""Records read, and written, at a time."""
INTERVAL = 5.0
"""Seconds between two looks at the log."""
REST = 3.0
"""How much longer than reading a page the work in the background pauses after it."""
WAITED_FOR = 2_000
"""Records that are read while somebody waits for an answer; with more to read they are told to ask later."""
UNANSWERED = timedelta(minutes=1)
"""After which a request counts that got no answer: before that whoever got it may still be about to write down what it was for."""
UNREAD = b""
HASHES_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Concerning:
    """about: provider -> SHA-256 of the ids of requests that are about the person.  in_passing: the same of those whose body alone names them.
    unread: provider -> requests, about whomever they are, in which something could not be read.  since: nothing later than this was
    missed; None: nothing ever was.
    """

    about: Mapping[str, frozenset[str]]
    in_passing: Mapping[str, frozenset[str]]
    unread: Mapping[str, int]
    since: datetime | None


class MentionIndex:
    """key: 32 bytes, the same for all processes on the log.  untold: requests, `GOV/70000002/population/population/protection-orders`, whom
    whose body names is not kept of: they are not to learn of it. Raises CallerError (`bad_request`): another key made what is there; Unavailable."""

    def __init__(self, message_log: MessageLog, key: bytes, *, untold: Collection[str] = ()) -> None:
        self._log = message_log
        self._untold = frozenset(untold)
        self._key = key
        self._reading = asyncio.Lock()
        self._is_begun = False

    async def run(self) -> None:
        """Until cancelled. What fails is tried again."""
        while True:
            try:
                await self.catch_up(gently=True)
            except PlatformError as error:
                log.refusal("mention_index.failed", error)
            except Exception as error:  # noqa: BLE001 - the next round may do better; nothing is lost meanwhile
                log.bug("mention_index.failed", error)
            await asyncio.sleep(INTERVAL)

    async def catch_up(self, *, gently: bool = False, at_most: int | None = None) -> int:
        """Read what is new; how many records. gently: with pauses, for messages have the right of way.

        at_most: records; Unavailable (`index_behind`) when there are more.
        """
        passed = asyncio.get_running_loop().time
        count = 0
        await self._begin()
        while True:
            async with self._reading:
                begun = passed()
                rows, ids = await asyncio.to_thread(self._page)
                if not ids:
                    return count
                await self._log.write(partial(self._keep, rows, ids[-1]))
            count += len(ids)
            if at_most is not None and count >= at_most:
                raise Unavailable("the index of the message log is behind: ask later", code="index_behind")
            await asyncio.sleep((passed() - begun) * REST if gently else 0.0)

    async def find(self, person: str, *, until: datetime) -> Concerning:
        """Requests that were answered before `until`, and those that nobody answered for `UNANSWERED`. person: `EE38001085718`.

        Raises CallerError (`bad_request`): nobody is called so; Unavailable, also when much is not read yet (`index_behind`).
        """
        codes = codes_asked_for(person)
        if codes is None:
            raise CallerError("a person is named with the country in front: EE38001085718")
        await self.catch_up(at_most=WAITED_FOR)
        return await asyncio.to_thread(self._find, codes, until)

    async def lacking(self, person: str, query_ids: Sequence[str]) -> frozenset[str]:
        """Of these messages, those that the log has not, nor, as requests that name the person, the index: SHA-256 of their ids."""
        codes = codes_asked_for(person) or ()
        return await asyncio.to_thread(self._lacking, codes, query_ids)

    # in threads

    async def _begin(self) -> None:
        if not self._is_begun:
            await self._log.write(self._ensure_key)
            self._is_begun = True
        await self._log.write(self._see_blocks)

    def _ensure_key(self) -> None:
        own = self._digest("the key itself")
        kept_since = self._log.store.kept_since()
        with self._log.store.transaction() as connection:
            found = connection.scalar(select(mention_key.c.digest))
            if found is None:
                since = 0 if kept_since is None else milliseconds(kept_since)
                row = {"digest": own, "since": since}
                connection.execute(_insert(connection, mention_key).on_conflict_do_nothing(), row)
                found = own
        if not hmac.compare_digest(bytes(found), own):
            raise CallerError("another key made the index of this message log: give that one")

    def _digest(self, text: str) -> bytes:
        return hmac.new(self._key, text.encode(), hashlib.sha256).digest()[:16]

    def _page(self) -> tuple[list[dict[str, Any]], Sequence[int]]:
        """The next records of one block, and the rows that they make."""
        r = message_record.c
        with self._log.store.transaction() as connection:
            block = connection.execute(_NEXT_BLOCK).one_or_none()
            if block is None:
                return [], ()
            query = select(r.id, r.is_response).where(r.id > block.last_id, r.id < block.first_id + ID_BLOCK)
            found = connection.execute(query.order_by(r.id).limit(PAGE)).all()
        requests = [record_id for record_id, is_response in found if not is_response]
        rows = [row for record in self._log.store.get_all(requests) for row in self._rows(record)]
        return rows, [record_id for record_id, _ in found]

    def _see_blocks(self) -> None:
        """Blocks that were taken since."""
        first_id, numbers = mention_block.c.first_id, id_block.c
        with self._log.store.transaction() as connection:
            next_id = connection.scalar(select(numbers.next_id).where(numbers.name == "record")) or 1
            last = connection.scalar(select(func.max(first_id)))
            begin = 1 if last is None else last + ID_BLOCK
            rows = [
                {"first_id": first, "last_id": first - 1, "is_over": False}
                for first in range(begin, next_id, ID_BLOCK)
            ]
            if rows:
                connection.execute(_insert(connection, mention_block).on_conflict_do_nothing(), rows)

    def _rows(self, record: LoggedMessage) -> list[dict[str, Any]]:
        body, is_whole = _body(self._log, record)
        found = mentions_of(record.message, body, is_whole=is_whole)
        if found is None:
            return []
        digests = {self._digest(code): False for code in found.about}
        if not is_untold(found, self._untold):
            digests = {self._digest(code): True for code in found.named} | digests
        if found.unread:
            digests[UNREAD] = False
        about = {
            "record_id": record.id,
            "time": milliseconds(record.time),
            "query_hash": query_hash(record.query_id),
            "query_sha256": hashlib.sha256(record.query_id.encode()).digest(),
            "provider": found.provider,
        }
        return [{"person": one, "in_passing": passing, **about} for one, passing in digests.items()]

    def _keep(self, rows: Sequence[Mapping[str, Any]], last: int) -> None:
        b, first = mention_block.c, _first_of(last)
        is_over = last == first + ID_BLOCK - 1
        with self._log.store.transaction() as connection:
            if rows:
                connection.execute(_insert(connection, mention).on_conflict_do_nothing(), list(rows))
            query = update(mention_block).where(b.first_id == first, b.last_id < last)
            connection.execute(query.values(last_id=last, is_over=is_over))

    def _find(self, codes: Sequence[str], until: datetime) -> Concerning:
        c = mention.c
        digests = [self._digest(code) for code in codes]
        query = select(c.provider, c.query_sha256, c.query_hash, c.time, c.in_passing).where(
            c.person.in_(digests), c.time < milliseconds(until)
        )
        unread = select(c.provider).where(c.person == UNREAD, c.time < milliseconds(until))
        with self._log.store.transaction() as connection:
            rows = connection.execute(query).all()
            fresh = [row.query_hash for row in rows if row.time >= milliseconds(until - UNANSWERED)]
            answered = self._answered(connection, fresh, until)
            cannot = Counter(connection.scalars(unread))
            since = connection.scalar(select(mention_key.c.since)) or 0
        told: dict[bool, dict[str, set[str]]] = {False: {}, True: {}}
        for row in rows:
            if row.time < milliseconds(until - UNANSWERED) or row.query_hash in answered:
                of_kind = told[bool(row.in_passing)]
                of_kind.setdefault(row.provider, set()).add(bytes(row.query_sha256).hex())
        about, passing = (
            {name: frozenset(ids) for name, ids in kind.items()} for kind in (told[False], told[True])
        )
        return Concerning(about, passing, dict(cannot), from_milliseconds(since) if since else None)

    def _answered(self, connection: Connection, hashes: Sequence[int], until: datetime) -> set[int]:
        r = message_record.c
        found: set[int] = set()
        for start in range(0, len(hashes), HASHES_AT_ONCE):
            some = hashes[start : start + HASHES_AT_ONCE]
            query = select(r.query_hash).where(
                r.query_hash.in_(some), r.is_response.is_(True), r.time < milliseconds(until)
            )
            found |= set(connection.scalars(query))
        return found

    def _lacking(self, codes: Sequence[str], query_ids: Sequence[str]) -> frozenset[str]:
        by_hash = {query_hash(one): hashlib.sha256(one.encode()).hexdigest() for one in query_ids}
        hashes = list(by_hash)
        digests = [self._digest(code) for code in codes]
        with self._log.store.transaction() as connection:
            found = set(connection.scalars(select(mention.c.query_hash).where(mention.c.person.in_(digests))))
            hashes = [one for one in hashes if one not in found]
            for start in range(0, len(hashes), HASHES_AT_ONCE):
                some = message_record.c.query_hash.in_(hashes[start : start + HASHES_AT_ONCE])
                found |= set(connection.scalars(select(message_record.c.query_hash).where(some).distinct()))
        return frozenset(sha256 for one, sha256 in by_hash.items() if one not in found)


async def body_of(message_log: MessageLog, record: LoggedMessage) -> tuple[bytes | None, bool]:
    """What is logged of the record's body, None: nothing that could be read; and whether that is all that was signed."""
    return await asyncio.to_thread(_body, message_log, record)


def _body(message_log: MessageLog, record: LoggedMessage) -> tuple[bytes | None, bool]:
    """Of SOAP attachments, or a long body, only that they are there."""
    store, limit = message_log.store, message_log.body_logging
    if record.message[:1].isspace() or record.message[:1] in (b"<", b"\xef"):
        return None, not store.attachment_sizes(record.id)
    size = 0
    pieces: list[bytes] = []
    while piece := store.attachment_piece(record.id, 1, len(pieces)):
        pieces.append(piece)
        size += len(piece)
        if size > MOST_BODY:
            return None, False
        if len(piece) < PIECE_SIZE:
            break
    if not pieces:
        return None, b"/attachment" not in (record.hash_chain or b"")
    is_cut = limit.truncated_allowed and size >= limit.max_body_size
    return b"".join(pieces), not is_cut


def is_untold(found: Mentions, untold: Collection[str]) -> bool:
    return f"{found.provider}/{found.path.rstrip('/')}" in untold


def _insert(connection: Connection, table: Any) -> Any:  # of either engine
    return (sqlite if connection.dialect.name == "sqlite" else postgresql).insert(table)


def _first_of(record_id: int) -> int:
    return (record_id - 1) // ID_BLOCK * ID_BLOCK + 1


def _next_block() -> Any:  # a query
    b, r = mention_block.c, message_record.c
    is_behind = exists().where(r.id > b.last_id, r.id < b.first_id + ID_BLOCK)
    return select(b.first_id, b.last_id).where(b.is_over.is_(False), is_behind).order_by(b.first_id).limit(1)


_NEXT_BLOCK = _next_block()
