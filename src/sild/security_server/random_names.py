"""Fresh uuids and boundaries, cheaply: the system's randomness is fetched a few kilobytes at a time.

A call into the system for each name gives the interpreter's lock away four times a message, which costs more than the
randomness does.
"""

from __future__ import annotations

import os

__all__ = ["boundary_letters", "new_uuid"]

_POOL_BYTES = 4096
_LETTERS = bytes(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"[i % 52] for i in range(256))


class _Pool:
    __slots__ = ("_bytes", "_used")

    def __init__(self) -> None:
        self._bytes = b""
        self._used = 0

    def forget(self) -> None:
        self._bytes = b""

    def take(self, count: int) -> bytes:
        """`count` bytes nobody else gets."""
        end = self._used + count
        if end > len(self._bytes):
            self._bytes, end = os.urandom(_POOL_BYTES), count
        taken = self._bytes[end - count : end]
        self._used = end
        return taken


_pool = _Pool()
os.register_at_fork(after_in_child=_pool.forget)


def new_uuid() -> str:
    """A random uuid (RFC 9562, version 4) in its text form."""
    digits = _pool.take(16).hex()
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def boundary_letters() -> str:
    """30 random letters, so that no body can hold the boundary made of them."""
    return _pool.take(30).translate(_LETTERS).decode()
