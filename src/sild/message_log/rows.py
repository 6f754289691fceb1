"""From entries to rows: numbered, their bodies encrypted, what recurs in their signatures left out. For either engine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sild.message_log.encryption import BodyEncryption
from sild.message_log.entries import BrokenRow, Entry, Value, attachment_pieces
from sild.message_log.signature_blocks import SignatureBlocks

__all__ = ["Rows"]


class Rows:
    """Used by the writer's thread alone: `records`, then what they need besides, then `committed` once they are durable."""

    def __init__(self, encryption: BodyEncryption | None) -> None:
        self._encryption = encryption
        self._key_id = None if encryption is None else encryption.key_id
        self._blocks = SignatureBlocks()

    def records(self, entries: Sequence[Entry]) -> list[tuple[Value, ...]]:
        """`id` and RECORD_COLUMNS of each."""
        self._blocks.begin()
        return [self._record(entry) for entry in entries]

    def blocks(self) -> Sequence[tuple[int, int, bytes]]:
        """(id, time, data): what the records refer to and no committed transaction has written."""
        return self._blocks.fresh()

    def pieces(self, entries: Sequence[Entry]) -> Iterator[tuple[int, int, int, bytes]]:
        """(record id, attachment number, piece number, data). Raises BrokenRow when an attachment cannot be read."""
        for entry in entries:
            for record_id, number, piece_no, data in attachment_pieces(entry):
                if self._encryption is not None and self._key_id is not None:
                    try:
                        data = self._encryption.piece(self._key_id, record_id, number, piece_no, data)
                    except ValueError as error:
                        raise BrokenRow(str(error)) from error
                yield record_id, number, piece_no, data

    def committed(self) -> None:
        self._blocks.committed()

    def _record(self, entry: Entry) -> tuple[Value, ...]:
        record_id = entry.record_id
        message: bytes | None = entry.message
        cipher_message = None
        if self._encryption is not None and self._key_id is not None:
            message, cipher_message = None, self._encryption.message(self._key_id, record_id, entry.message)
        signature, block, digest = self._blocks.take(
            record_id, entry.head[0], entry.signature, entry.signature_hash
        )
        return (
            record_id,
            *entry.head,
            message,
            signature,
            entry.hash_chain_result,
            entry.hash_chain,
            self._key_id,
            cipher_message,
            block,
            digest,
        )
