"""The Merkle tree of a log that only grows, and proofs about it (RFC 6962 2.1). Pure.

Complete subtrees never change: the node (level, number) covers the leaves number * 2**level and on, 2**level of them. They are
stored once; every root and every proof is made of about log2(size) of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence

__all__ = ["Read", "appended", "consistency_path", "inclusion_path", "leaf_hash", "root_of"]

Read = Callable[[int, int], bytes]
"""The hash of the complete node (level, number)."""


def leaf_hash(data: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + data).digest()


def _node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def appended(size: int, leaves: Sequence[bytes], read: Read) -> Iterator[tuple[int, int, bytes]]:
    """The complete nodes (level, number, hash) that come with new leaf hashes after the first `size` leaves."""
    new: dict[tuple[int, int], bytes] = {}
    for number, found in enumerate(leaves, start=size):
        level = 0
        while True:
            new[level, number] = found
            yield level, number, found
            if number % 2 == 0:
                break
            left = new.get((level, number - 1)) or read(level, number - 1)
            level, number, found = level + 1, number // 2, _node_hash(left, found)


def root_of(size: int, read: Read) -> bytes:
    """MTH of the first `size` leaves."""
    return _subtree(0, size, read) if size else hashlib.sha256(b"").digest()


def inclusion_path(number: int, size: int, read: Read) -> list[bytes]:
    """PATH (RFC 6962 2.1.1): with the leaf's hash it gives the root. Raises ValueError outside of the tree."""
    if not 0 <= number < size:
        raise ValueError("no such leaf in this tree")
    path, begin, end = [], 0, size
    while end - begin > 1:
        middle = begin + _split(end - begin)
        if number < middle:
            path.append(_subtree(middle, end, read))
            end = middle
        else:
            path.append(_subtree(begin, middle, read))
            begin = middle
    return path[::-1]


def consistency_path(old: int, size: int, read: Read) -> list[bytes]:
    """PROOF (RFC 6962 2.1.2): that the tree of `size` begins with that of `old`. Raises ValueError unless 0 < old <= size."""
    if not 0 < old <= size:
        raise ValueError("the older tree is the smaller one, and not empty")
    path, begin, end, is_whole = [], 0, size, True
    while old != end:
        middle = begin + _split(end - begin)
        if old <= middle:
            path.append(_subtree(middle, end, read))
            end = middle
        else:
            path.append(_subtree(begin, middle, read))
            begin, is_whole = middle, False
    if not is_whole:
        path.append(_subtree(begin, end, read))
    return path[::-1]


def _split(leaves: int) -> int:
    """The largest power of two below."""
    return 1 << (leaves - 1).bit_length() - 1


def _subtree(begin: int, end: int, read: Read) -> bytes:
    leaves = end - begin
    if leaves & (leaves - 1) == 0:
        level = leaves.bit_length() - 1
        return read(level, begin >> level)
    middle = begin + _split(leaves)
    return _node_hash(_subtree(begin, middle, read), _subtree(middle, end, read))
