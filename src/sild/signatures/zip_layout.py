"""One view of a ZIP file for every reader.

Some readers believe the central directory at the end (Python, unzip), others the headers before each entry (Java streams).
A file in which the two differ, or in which bytes stand that neither names, shows different evidence to different people: it
is refused. So are encryption, methods other than stored and deflated, ZIP64 and directories of more than a few entries.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, Final
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, LargeZipFile, ZipFile, ZipInfo

from sild.errors import PeerError

DAMAGED: Final = "io_error"

_END = struct.Struct("<4s4H2LH")
_LOCAL = struct.Struct("<4s5H3L2H")
_MAX_COMMENT = 0xFFFF
_DESCRIPTOR_SIZES = (12, 16)
_STREAMED = 0x08
_ENCRYPTED = 0x01 | 0x40
_UNICODE_PATH = 0x7075


@contextmanager
def damage_refused() -> Iterator[None]:
    """What zipfile and zlib raise for a broken file, as PeerError (`io_error`, the reference's word for it)."""
    try:
        yield
    except (
        BadZipFile,
        LargeZipFile,
        zlib.error,
        struct.error,
        EOFError,
        OSError,
        ValueError,
        OverflowError,
        NotImplementedError,
        RuntimeError,
    ) as error:
        raise PeerError(f"the ZIP file is damaged: {error}", code=DAMAGED) from error


def is_zip(file: BinaryIO) -> bool:
    """Whether `file` begins as a ZIP file with entries does."""
    file.seek(0)
    return file.read(4) == b"PK\x03\x04"


def open_zip(file: BinaryIO, *, max_entries: int) -> tuple[ZipFile, list[ZipInfo]]:
    """The archive and its entries in the order they stand in the file. Raises PeerError (`io_error`)."""
    with damage_refused():
        directory = _directory_offset(file, max_entries)
        archive = ZipFile(file)
        entries = sorted(archive.infolist(), key=lambda entry: entry.header_offset)
        if len({entry.filename.lower() for entry in entries}) != len(entries):
            raise PeerError("two entries have the same name", code=DAMAGED)
        position = 0
        for number, entry in enumerate(entries):
            end = entries[number + 1].header_offset if number + 1 < len(entries) else directory
            _ensure_fills(file, entry, position, end)
            position = end
    return archive, entries


def _directory_offset(file: BinaryIO, max_entries: int) -> int:
    """Where the central directory begins; it must end where the end record begins, and that where the file ends."""
    size = file.seek(0, os.SEEK_END)
    start = max(0, size - _END.size - _MAX_COMMENT)
    file.seek(start)
    tail = file.read()
    place = tail.rfind(b"PK\x05\x06")
    if place < 0 or len(tail) - place < _END.size:
        raise PeerError("the ZIP file has no end record", code=DAMAGED)
    _, disk, first_disk, here, entries, length, offset, comment = _END.unpack_from(tail, place)
    if (disk, first_disk) != (0, 0) or here != entries or place + _END.size + comment != len(tail):
        raise PeerError("the ZIP file has more than one part, or something after its end", code=DAMAGED)
    if entries > max_entries or length > max_entries * 1024:
        raise PeerError(f"the ZIP file has {entries} entries", code=DAMAGED)
    if offset + length != start + place:
        raise PeerError("the ZIP file has bytes that belong to no entry", code=DAMAGED)
    return int(offset)


def _ensure_fills(file: BinaryIO, entry: ZipInfo, position: int, end: int) -> None:
    """The entry's own header says what the directory says, and its data reach from `position` to `end`."""
    file.seek(position)
    signature, _, flags, method, _, _, crc, packed, size, name_length, extra_length = _LOCAL.unpack(
        file.read(_LOCAL.size)
    )
    rest = end - position - _LOCAL.size - name_length - extra_length - entry.compress_size
    streamed = bool(flags & _STREAMED)
    if (
        entry.header_offset != position
        or signature != b"PK\x03\x04"
        or method != entry.compress_type
        or method not in (ZIP_STORED, ZIP_DEFLATED)
        or flags != entry.flag_bits
        or flags & _ENCRYPTED
        or entry.filename != entry.orig_filename
        or _UNICODE_PATH in _extra_fields(entry.extra)
        or file.read(name_length) != _raw_name(entry)
        or (streamed and method == ZIP_STORED and entry.file_size)
        or (not streamed and (crc, packed, size) != (entry.CRC, entry.compress_size, entry.file_size))
        or (rest not in _DESCRIPTOR_SIZES if streamed else rest != 0)
    ):
        raise PeerError(f"the header of {entry.filename[:80]!r} differs from the directory", code=DAMAGED)


def _extra_fields(extra: bytes) -> Iterator[int]:
    """Their kinds. One gives the entry a second name, which newer Pythons believe and Java does not."""
    while len(extra) >= 4:
        kind, size = struct.unpack_from("<HH", extra)
        yield kind
        extra = extra[4 + size :]


def _raw_name(entry: ZipInfo) -> bytes:
    return entry.orig_filename.encode("utf-8" if entry.flag_bits & 0x800 else "cp437")
