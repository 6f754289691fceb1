"""Inputs that grow: one piece repeated where it hurts, to see that the time to read them grows no faster than they do."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from contextlib import suppress

from fuzz.mutations import Kind, _elements
from fuzz.target import Target
from sild.errors import PlatformError

__all__ = ["grown", "too_steep"]

LARGE = 128 * 1024
ENOUGH_SECONDS = 0.1
"""An input of `LARGE` bytes that is read faster needs no second look."""
STEEPEST = 9.0
"""Four times the input may take so many times as long: four times and some noise; a quadratic reader takes sixteen."""

Piece = tuple[bytes, bytes, bytes]
"""Before, repeated (`%d` becomes its number), after."""

EVERYWHERE: tuple[Piece, ...] = tuple(
    (b"", bytes([byte]), b"") for byte in b" \n\r\t,;=\"'\\%&/.:-_0aA<>([{*?\x00\xff\x80\x30"
)
PIECES: dict[Kind, tuple[Piece, ...]] = {
    "xml": (
        (b"", b"<a>", b""), (b"", b"<a/>", b""), (b"", b"&amp;", b""), (b"", b"<!--x-->", b""), (b"", b"<?p x?>", b""),
        (b"", b"<a b='1' c='2'/>", b""), (b"", b"<a xmlns:p='u%d'/>", b""), (b"", b"<a%d/>", b""), (b"", b"<![CDATA[x]]>", b""),
        (b"<a ", b"b%d='1' ", b"/>"), (b"<a ", b"xmlns:p%d='u' ", b"/>"), (b"", b"</a>", b""), (b"", b"<", b""), (b"<!--", b"-", b""),
        (b"<a b='", b"&#65;", b"'/>"), (b"<a b='", b"\n", b"'/>"), (b"<a ", b"\n", b">"), (b"<a Id='", b"x", b"'/>"), (b"", b"\r\n", b""),
    ),
    "mime": (
        (b"", b"\r\n", b""), (b"", b"\r\n--", b""), (b"", b"\r\n--b", b""), (b"", b"x: y\r\n", b""), (b"X: ", b"y", b"\r\n"),
        (b"", b"\r\n--b\r\nContent-Type: a/b\r\n\r\n", b""), (b"", b"\n", b""), (b"; ", b"a=b; ", b""), (b"", b"--b0und", b""),
        (b"Content-Type: a/b", b"; a%d=b", b"\r\n"), (b"X: \"", b"\\\"", b"\"\r\n"), (b"", b" folded\r\n", b""), (b"(", b"(", b")"),
    ),
    "json": (
        (b"", b"[", b""), (b"", b"{\"a\":", b""), (b"", b"1", b""), (b"[", b"1,", b"1]"), (b"{", b"\"a%d\":1,", b"\"z\":1}"), (b"\"", b"\\u0041", b"\""),
        (b"\"", b"\\", b"\""), (b"", b"- ", b""), (b"", b"  - a\n", b""), (b"", b"? ", b""), (b"", b"a: ", b""), (b"", b"{a: ", b""), (b"", b"!!x ", b""),
    ),
    "jws": ((b"", b"[", b""), (b"", b"A", b""), (b"", b".", b""), (b"", b"eyJh", b""), (b"{", b"\"a%d\":1,", b"\"z\":1}")),
    "der": ((b"", b"\x30\x80", b""), (b"", b"\x05\x00", b""), (b"", b"\x30\x00", b""), (b"", b"\xa0\x80", b""), (b"\x06\x83\x03\xf0\x00", b"\xff", b"\x01")),
    "lines": ((b"", b"\r\n", b""), (b"", b"a:b\r\n", b""), (b"a:", b"b", b"\r\n"), (b"", b"a%d: b\r\n", b""), (b"", b"%%41", b""), (b"", b"- a\n", b""), (b"", b"[", b"")),
    "zip": ((b"", b"PK\x05\x06", b""), (b"", b"PK\x03\x04", b"")),
    "bytes": ((b"", b"a=b&", b""), (b"", b"%%41", b""), (b"", b"a%d=b&", b""), (b"", b"; a=b", b"")),
}  # fmt: skip


def grown(target: Target, size: int, *, places: int = 1) -> Iterator[tuple[str, bytes]]:
    """(name, input of about `size` bytes): every piece in some places of the first seed."""
    size = min(size, target.max_bytes)
    for seed in target.seeds[:1]:
        for number, (before, piece, after) in enumerate((*EVERYWHERE, *PIECES[target.kind])):
            for place in _places(seed, target.kind)[: places + 1]:
                yield (
                    f"{piece!r}@{place}#{number}",
                    seed[:place] + before + _many(piece, size) + after + seed[place:],
                )


def _many(piece: bytes, size: int) -> bytes:
    if b"%d" not in piece:
        return piece.replace(b"%%", b"%") * (size // len(piece))
    return b"".join(piece.replace(b"%d", str(number).encode()) for number in range(size // (len(piece) + 3)))


def _places(seed: bytes, kind: Kind) -> list[int]:
    """Inside of something deep first, then in the middle, at the beginning, at the end."""
    deep = [seed.find(b">", start) + 1 for start, _ in _elements(seed)[:1]] if kind in ("xml", "mime") else []
    text = [seed.find(b'": "') + 4] if kind in ("json", "jws") else []
    return [*deep, *text, len(seed) // 2, 0, len(seed)]


def too_steep(target: Target, name: str, size: int, *, places: int = 1) -> str | None:
    """Compare with half the size, the best of three; what to say when it takes too many times as long."""
    size = min(size, target.max_bytes)
    large, small = (dict(grown(target, length, places=places))[name] for length in (size, size // 4))
    seconds = {len(data): min(spent(target, data) for _ in range(3)) for data in (small, large)}
    ratio = seconds[len(large)] / max(seconds[len(small)], 1e-6)
    if ratio <= STEEPEST:
        return None
    return f"{target.name}: {name}: {seconds} seconds by bytes"


def spent(target: Target, data: bytes) -> float:
    """CPU seconds, without the garbage collector's: those grow with all that this process holds."""
    gc.disable()
    start = time.process_time()
    try:
        with suppress(PlatformError):
            target.read(data)
        return time.process_time() - start
    finally:
        gc.enable()
