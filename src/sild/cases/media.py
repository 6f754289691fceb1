"""What a file is, told by its bytes alone, and which of them are kept. Pure.

Taken: PDF (ISO 32000), JPEG (ISO 10918-1), PNG (ISO 15948), whole from beginning to end. Of photographs everything that says where,
when and with what they were made is left out (Exif, XMP, IPTC, comments, whatever is hung on behind the picture); how it is turned
stays. A PDF is kept as it is. Nothing is unpacked here, so nothing can unfold.
"""

from __future__ import annotations

import mmap
import re
import struct
from collections.abc import Iterator

__all__ = ["JPEG", "PDF", "PNG", "NotTaken", "pieces_of"]

PDF, JPEG, PNG = "application/pdf", "image/jpeg", "image/png"

PNG_BEGIN = b"\x89PNG\r\n\x1a\n"
PNG_LEFT_OUT = (b"eXIf", b"tEXt", b"zTXt", b"iTXt", b"tIME")
PDF_END = 2_048
"""Bytes at the end among which `%%EOF` stands."""
JFIF, ICC, ADOBE, APP1 = 0xE0, 0xE2, 0xEE, 0xE1
COM = 0xFE
SOI, EOI, SOS = 0xD8, 0xD9, 0xDA
RESTARTS = range(0xD0, 0xD8)
KEPT = {JFIF: b"JFIF\0", ICC: b"ICC_PROFILE\0", ADOBE: b"Adobe"}
BEGIN = max(map(len, KEPT.values()))
MAX_PARTS = 100_000
FILLED = re.compile(rb"\xff+")
SCAN_END = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")

Content = bytes | mmap.mmap


class NotTaken(ValueError):
    """Neither a whole PDF nor JPEG nor PNG."""


def pieces_of(content: Content) -> tuple[str, list[bytes | slice]]:
    """The media type, and what is kept of the content: slices of it, and bytes that stand for what was there. Raises NotTaken."""
    head = content[0:8]
    if head.startswith(b"%PDF-"):
        if content.find(b"%%EOF", max(0, len(content) - PDF_END)) < 0:
            raise NotTaken("the end of the PDF is missing")
        return PDF, [slice(0, len(content))]
    if head == PNG_BEGIN:
        return PNG, list(_png(content))
    if head.startswith(b"\xff\xd8\xff"):
        return JPEG, list(_jpeg(content))
    raise NotTaken("of no kind that is taken")


def _png(content: Content) -> Iterator[bytes | slice]:
    """Chunk by chunk, to IEND."""
    yield slice(0, len(PNG_BEGIN))
    at = len(PNG_BEGIN)
    for _ in range(MAX_PARTS):
        head = content[at : at + 8]
        if len(head) < 8:
            break
        length, kind = struct.unpack(">I4s", head)
        end = at + 12 + length
        if end > len(content):
            break
        if kind not in PNG_LEFT_OUT:
            yield slice(at, end)
        if kind == b"IEND":
            return
        at = end
    raise NotTaken("the PNG breaks off")


def _jpeg(content: Content) -> Iterator[bytes | slice]:
    """Segment by segment, to the end of the first picture."""
    yield slice(0, 2)
    at = 2
    for _ in range(MAX_PARTS):
        at = _past_fill(content, at)
        marker = content[at : at + 2]
        if len(marker) < 2 or marker[0] != 0xFF:
            break
        if marker[1] == EOI:
            yield slice(at, at + 2)
            return
        head = content[at + 2 : at + 4]
        if len(head) < 2 or (length := struct.unpack(">H", head)[0]) < 2:
            break
        end = at + 2 + length
        if end > len(content):
            break
        if marker[1] == APP1:
            turned = _turned(content[at + 4 : end])
            if turned:
                yield turned
        elif not _is_left_out(marker[1], content[at + 4 : min(end, at + 4 + BEGIN)]):
            yield slice(at, end)
        if marker[1] == SOS:
            data = _scan_end(content, end)
            yield slice(end, data)
            end = data
        at = end
    raise NotTaken("the JPEG breaks off")


def _is_left_out(marker: int, begin: bytes) -> bool:
    """Application data but for what colours need, and comments. begin: of the segment: other programs use the same markers."""
    if marker in KEPT:
        return not begin.startswith(KEPT[marker])
    return marker == COM or 0xE0 <= marker <= 0xEF


def _past_fill(content: Content, at: int) -> int:
    """A marker may be preceded by any number of fill bytes (B.1.1.2)."""
    filled = FILLED.match(content, at)
    return at if filled is None else filled.end() - 1


def _scan_end(content: Content, at: int) -> int:
    """Where the entropy-coded data ends: at the next marker that is no restart."""
    found = SCAN_END.search(content, at)
    if found is None:
        raise NotTaken("the JPEG breaks off")
    return found.start()


def _turned(exif: bytes) -> bytes:
    """An Exif segment with the orientation alone (TIFF tag 0x0112), if there was one and the picture is turned."""
    value = _orientation(exif)
    if value is None or not 2 <= value <= 8:
        return b""
    entry = struct.pack(">HHIHH", 0x0112, 3, 1, value, 0)
    tiff = b"MM\0*" + struct.pack(">I", 8) + struct.pack(">H", 1) + entry + struct.pack(">I", 0)
    body = b"Exif\0\0" + tiff
    return b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body


def _orientation(exif: bytes) -> int | None:
    if not exif.startswith(b"Exif\0\0"):
        return None
    tiff = exif[6:]
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    try:
        if order is None:
            return None
        (first,) = struct.unpack_from(order + "I", tiff, 4)
        (count,) = struct.unpack_from(order + "H", tiff, first)
        for number in range(count):
            tag, kind = struct.unpack_from(order + "HH", tiff, first + 2 + 12 * number)
            if (tag, kind) == (0x0112, 3):
                return int(struct.unpack_from(order + "H", tiff, first + 10 + 12 * number)[0])
    except struct.error:
        pass
    return None
