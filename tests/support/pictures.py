"""Small files of the kinds that people send: a PDF, a photograph that tells where it was made, a PNG with a text in it."""

from __future__ import annotations

import struct
import zlib

GPS = b"59.4370N 24.7536E"
PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"


def exif(orientation: int) -> bytes:
    """A segment with the orientation, and a place to follow."""
    entry = struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0)
    tiff = b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", 1) + entry + struct.pack("<I", 0) + GPS
    return segment(0xE1, b"Exif\0\0" + tiff)


def segment(marker: int, content: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(content) + 2) + content


def jpeg(orientation: int = 6, behind: bytes = b"", data: bytes = b"\x12\xff\x00\x34\xff\xd0\x56") -> bytes:
    """Its picture means nothing; its parts are a photograph's."""
    quantization = segment(0xDB, bytes(65))
    comment, maker = segment(0xFE, b"Nokia " + GPS), segment(0xED, b"Photoshop 3.0\0" + GPS)
    scan = segment(0xDA, b"\x01\x01\x00\x00\x3f\x00") + data
    head = b"\xff\xd8" + segment(0xE0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0") + exif(orientation)
    return head + comment + maker + quantization + scan + b"\xff\xd9" + behind


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(*, text: bytes = b"Comment\0" + GPS) -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    data = chunk(b"IDAT", zlib.compress(b"\0\0"))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"tEXt", text) + data + chunk(b"IEND", b"")
