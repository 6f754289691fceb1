"""What stands between `append` and the database: one entry per message, ready to be written."""

from __future__ import annotations

from asyncio import AbstractEventLoop, Future
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from sild.message_log.records import Attachment

__all__ = ["ID_BLOCK", "PIECE_SIZE", "RECORD_COLUMNS", "Appender", "BrokenRow", "Entry", "attachment_pieces"]

PIECE_SIZE = 256 * 1024
ID_BLOCK = 1_000
"""Numbers of records that a process takes at once: more than a batch has."""

# Without `id`, which the writer puts in front.
RECORD_COLUMNS = (
    "time",
    "query_hash",
    "query_id",
    "x_request_id",
    "is_response",
    "instance_identifier",
    "member_class",
    "member_code",
    "subsystem_code",
    "message",
    "signature",
    "hash_chain_result",
    "hash_chain",
    "key_id",
    "cipher_message",
    "signature_block",
    "signature_digest",
)
Value = str | bytes | int | None


@dataclass(slots=True, eq=False)
class Entry:
    """head: values of RECORD_COLUMNS before `message`.  signature_hash: SHA-512.  attachment_limit: bytes of each to keep."""

    head: tuple[int, int, str, str | None, bool, str, str, str, str | None]
    message: bytes
    signature: bytes
    hash_chain_result: bytes | None
    hash_chain: bytes | None
    signature_hash: bytes
    attachments: Sequence[Attachment]
    attachment_limit: int | None
    done: Future[int]
    loop: AbstractEventLoop
    record_id: int = 0


class BrokenRow(Exception):
    """The database refuses this row for what it says, not because of its own state."""


class Appender(Protocol):
    """One engine's way of writing entries; lives in the writer's thread."""

    def take_ids(self, count: int) -> range:
        """At least `count` identifiers that nobody else will ever have. Raises Unavailable (`database_error`)."""
        ...

    def append(self, entries: Sequence[Entry]) -> None:
        """Write all of them in one durable transaction, or none. Raises BrokenRow or Unavailable (`database_error`)."""
        ...

    def close(self) -> None: ...


def attachment_pieces(entry: Entry) -> Iterator[tuple[int, int, int, bytes]]:
    """(record id, number from 1, piece number from 0, bytes) with pieces of PIECE_SIZE, cut at the entry's limit.

    An empty attachment has one empty piece: a body of no bytes is another thing than no body.
    Raises BrokenRow when an attachment cannot be read.
    """
    for number, attachment in enumerate(entry.attachments, 1):
        pieces = (attachment,) if isinstance(attachment, bytes) else attachment.pieces()
        try:
            for piece_no, piece in enumerate(_regroup(_first_bytes(pieces, entry.attachment_limit))):
                yield entry.record_id, number, piece_no, piece
        except (OSError, ValueError) as error:
            raise BrokenRow(f"attachment {number} cannot be read: {error}") from error


def _first_bytes(pieces: Iterable[bytes], limit: int | None) -> Iterator[bytes]:
    for piece in pieces:
        if limit is None:
            yield piece
            continue
        yield piece[:limit]
        limit -= len(piece)
        if limit <= 0:
            return


def _regroup(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Join small pieces and split large ones into PIECE_SIZE; at least one piece comes out."""
    waiting = bytearray()
    given = False
    for piece in pieces:
        if not waiting and len(piece) == PIECE_SIZE:
            yield piece
            given = True
            continue
        waiting += piece
        while len(waiting) >= PIECE_SIZE:
            yield bytes(waiting[:PIECE_SIZE])
            given = True
            del waiting[:PIECE_SIZE]
    if waiting or not given:
        yield bytes(waiting)
