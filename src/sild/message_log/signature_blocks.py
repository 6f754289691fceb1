"""What recurs in signatures is stored once: the certificate and the unsigned properties with their OCSP responses (ADR 0021).

They are two thirds of a signature, and the same for every message of a signer until its OCSP response is renewed. A record
keeps the rest, which block it lacks and where, and a digest of the whole, so that the signature comes back byte for byte or
not at all.

A block bears the id of the record it came with and is written in that record's transaction. Only records whose time is within
a day of the block's use it: once the oldest record is younger than that, nobody needs it (`Store.clean`).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from hashlib import sha256, sha512
from typing import NamedTuple

from sild.errors import Unavailable

__all__ = ["BLOCK_MILLISECONDS", "SignatureBlocks", "join_signature", "split_signature"]

BLOCK_MILLISECONDS = 86_400_000
MIN_BLOCK_SIZE = 512  # less is not worth a reference
MAX_BLOCKS = 4096  # remembered; signers seen lately
DIGEST_SIZE = 32
_CUTS = struct.Struct(">III")  # where the first piece begins, its length, where the second begins
_KEY_INFO = (b"<ds:KeyInfo>", b"</ds:KeyInfo>")
_UNSIGNED = (b"<xades:UnsignedProperties>", b"</xades:UnsignedProperties>")


class Split(NamedTuple):
    """own + block, cut at `cuts`, is the signature."""

    own: bytes
    block: bytes
    cuts: bytes


def split_signature(signature: bytes) -> Split | None:
    """None when the signature has not the usual form, or little that recurs: it is kept whole."""
    first = signature.find(_KEY_INFO[0])
    first_end = signature.find(_KEY_INFO[1], first)
    second = signature.find(_UNSIGNED[0], first_end)
    second_end = signature.rfind(_UNSIGNED[1], second)
    if not 0 <= first < first_end < second < second_end:
        return None
    block = signature[first:first_end] + signature[second:second_end]
    if len(block) < MIN_BLOCK_SIZE:
        return None
    own = signature[:first] + signature[first_end:second] + signature[second_end:]
    return Split(own, block, _CUTS.pack(first, first_end - first, second))


def join_signature(own: bytes, block: bytes | None, packed: bytes) -> bytes:
    """The signature as it was logged. packed: `signature_cuts`. Raises Unavailable (`database_error`): it is not that."""
    if block is not None and len(packed) == _CUTS.size + DIGEST_SIZE:
        first, size, second = _CUTS.unpack_from(packed)
        before, between = own[:first], own[first : second - size]
        signature = before + block[:size] + between + block[size:] + own[second - size :]
        if sha512(signature).digest()[:DIGEST_SIZE] == packed[_CUTS.size :]:
            return signature
    raise Unavailable("a signature in the message log is damaged", code="database_error")


class SignatureBlocks:
    """Which blocks this process has written. Used by the writer's thread alone; one round for each transaction."""

    def __init__(self) -> None:
        self._written: dict[bytes, tuple[int, int]] = {}  # digest of the block: its id and time
        self._fresh: dict[bytes, tuple[int, int]] = {}
        self._rows: list[tuple[int, int, bytes]] = []

    def begin(self) -> None:
        """A transaction begins; what an earlier one meant to write and did not is forgotten."""
        self._fresh.clear()
        self._rows.clear()

    def committed(self) -> None:
        if self._fresh:
            if len(self._written) + len(self._fresh) > MAX_BLOCKS:
                self._written.clear()
            self._written.update(self._fresh)
        self.begin()

    def take(
        self, record_id: int, time: int, signature: bytes, signature_hash: bytes
    ) -> tuple[bytes, int | None, bytes | None]:
        """(own part, block's id, `signature_cuts`) of a record of `time` (ms); the whole signature if it is not split.

        signature_hash: SHA-512 of the signature.
        """
        split = split_signature(signature)
        if split is None:
            return signature, None, None
        name = sha256(split.block).digest()
        block_id, since = self._fresh.get(name) or self._written.get(name) or (0, 0)
        if not block_id or not since <= time < since + BLOCK_MILLISECONDS:
            block_id = record_id
            self._fresh[name] = (record_id, time)
            self._rows.append((record_id, time, split.block))
        return split.own, block_id, split.cuts + signature_hash[:DIGEST_SIZE]

    def fresh(self) -> Sequence[tuple[int, int, bytes]]:
        """Rows (id, time, data) that must be written with the records taken since `begin`."""
        return self._rows
