"""Taking evidence out: a logged message as an ASiC-E container, under the name X-Road gives it (WIRE 8.1, 8.4)."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import BinaryIO, cast
from urllib.parse import quote_plus

from sild.errors import CallerError
from sild.message_log.records import LoggedMessage
from sild.message_log.store import Store
from sild.signatures import AsicContainer, Attachment, add_timestamp

__all__ = ["container_name", "container_of"]

MAX_QUERY_ID_LENGTH = 226
DIGITS = "0123456789abcdefghijklmnopqrstuv"


def container_name(record: LoggedMessage) -> str:
    """`<query id>-request-<record id in base 32>.asice`, the query id URL-encoded as a form value and cut."""
    query_id = quote_plus(record.query_id, safe="*").replace("~", "%7E")[:MAX_QUERY_ID_LENGTH]
    kind = "response" if record.is_response else "request"
    return f"{query_id}-{kind}-{_base32(record.id)}.asice"


def _base32(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 32)
        digits = DIGITS[digit] + digits
    return digits or "0"


def container_of(store: Store, record: LoggedMessage, *, unstamped: bool = False) -> AsicContainer:
    """The container, its attachments read from the log when they are opened (in a thread: it blocks).

    unstamped: without the time-stamp, to be looked at and not to be given away.
    Raises CallerError (`asic_timestamp_not_found`) for a record that has no time-stamp yet.
    """
    timestamp = record.timestamp
    attachments = tuple(_attachment(store, record.id, number) for number in store.attachment_sizes(record.id))
    plain = AsicContainer(
        message=record.message,
        signature=record.signature,
        hash_chain_result=record.hash_chain_result,
        hash_chain=record.hash_chain,
        attachments=attachments,
    )
    if unstamped:
        return plain
    if timestamp is None:
        raise CallerError("Message signature has not been timestamped yet!", code="asic_timestamp_not_found")
    if timestamp.hash_chain_result is None:
        return replace(plain, signature=add_timestamp(record.signature, timestamp.token))
    return replace(
        plain,
        timestamp=timestamp.token,
        ts_hash_chain_result=timestamp.hash_chain_result,
        ts_hash_chain=record.timestamp_hash_chain,
    )


def _attachment(store: Store, record_id: int, number: int) -> Attachment:
    def open_attachment() -> BinaryIO:
        pieces = _Pieces(store, record_id, number)
        return cast(BinaryIO, io.BufferedReader(pieces))  # a BufferedReader is one in all but name

    return Attachment(f"attachment{number}", open_attachment)


class _Pieces(io.RawIOBase):
    """An attachment as a file that holds one piece of it at a time."""

    def __init__(self, store: Store, record_id: int, number: int) -> None:
        self._store = store
        self._record_id = record_id
        self._number = number
        self._next_piece = 0
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override] # typeshed's WriteableBuffer is a private name
        if not self._rest:
            piece = self._store.attachment_piece(self._record_id, self._number, self._next_piece)
            if not piece:
                return 0
            self._rest = memoryview(piece)
            self._next_piece += 1
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count
