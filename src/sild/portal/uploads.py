"""Forms with files: multipart/form-data (RFC 7578), read piece by piece as it comes, counted while it is read.

A file lies in an unnamed file of this process until the case system has it; memory holds a piece. What is too large is read to its end
and forgotten, so that the person gets a page that says so; far too large, the connection ends.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from sild.errors import CallerError

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

__all__ = ["MULTIPART", "Limits", "Room", "Upload", "Waiting", "read_multipart"]

MULTIPART = "multipart/form-data"
DRAINED = 4
"""So many times the limit is read of a file that is too large."""
MAX_FILES = 5
MAX_NAME = 300
MAX_VALUE_NAME = 200


@dataclass(frozen=True, slots=True)
class Limits:
    """file_bytes: of one file.  field_bytes: of all that is no file.  fields: how many."""

    file_bytes: int
    field_bytes: int
    fields: int


class Waiting:
    """How much lies in files of this process for each person until the case system has it. Of one event loop. most: bytes."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._bytes: Counter[str] = Counter()

    def take(self, person: str, count: int) -> bool:
        """False: they have no room for so much more, whatever forms they send side by side."""
        if self._bytes[person] + count > self._most:
            return False
        self._bytes[person] += count
        return True

    def give_back(self, person: str, count: int) -> None:
        self._bytes[person] -= count
        if self._bytes[person] <= 0:
            del self._bytes[person]


@dataclass(frozen=True, slots=True)
class Room:
    """Of one person, for their files."""

    waiting: Waiting
    person: str


@dataclass(slots=True)
class Upload:
    """field: its name in the form.  name: as the browser gave it; nothing of it is believed.  size: bytes that came.

    content: rewound; None: too large, too much with what else the person sends, or nobody may send it.
    """

    field: str
    name: str
    content: IO[bytes] | None
    size: int = 0
    is_too_large: bool = False
    is_too_much: bool = False
    room: Room | None = None
    held: int = 0

    def write(self, data: bytes) -> None:
        if self.content is None:
            return
        if self.room is not None and not self.room.waiting.take(self.room.person, len(data)):
            self.is_too_much = True
            self.close()
            return
        self.held += len(data)
        self.content.write(data)

    def close(self) -> None:
        if self.content is not None:
            self.content.close()
            self.content = None
        if self.room is not None:
            self.room.waiting.give_back(self.room.person, self.held)
            self.held = 0


@dataclass(slots=True)
class _Part:
    name: str = ""
    upload: Upload | None = None
    value: bytearray = field(default_factory=bytearray)


class _Form:
    """The parser's callbacks, and what they make."""

    def __init__(self, limits: Limits, keep_files: bool, room: Room | None) -> None:
        self.limits = limits
        self.room = room
        self.keep_files = keep_files
        self.fields: dict[str, list[str]] = {}
        self.uploads: list[Upload] = []
        self.ended = False
        self.count = 0
        self.bytes = 0
        self.part = _Part()
        self.header: tuple[bytearray, bytearray] = (bytearray(), bytearray())
        self.disposition = ""

    def callbacks(self) -> MultipartCallbacks:
        return {
            "on_part_begin": self.part_begins,
            "on_header_begin": self.header_begins,
            "on_header_field": lambda data, start, end: self.header[0].extend(data[start:end]),
            "on_header_value": lambda data, start, end: self.header[1].extend(data[start:end]),
            "on_header_end": self.header_ends,
            "on_headers_finished": self.headers_end,
            "on_part_data": self.part_data,
            "on_part_end": self.part_ends,
            "on_end": self.end,
        }

    def part_begins(self) -> None:
        self.count += 1
        if self.count > self.limits.fields:
            raise CallerError("the form has too many fields", code="bad_form")
        self.part, self.disposition = _Part(), ""

    def header_begins(self) -> None:
        self.header = (bytearray(), bytearray())

    def header_ends(self) -> None:
        if bytes(self.header[0]).lower() == b"content-disposition":
            self.disposition = bytes(self.header[1]).decode("latin-1")

    def headers_end(self) -> None:
        kind, options = parse_options_header(self.disposition)
        name = _utf8(options.get(b"name", b""))
        if kind != b"form-data" or not name or len(name) > MAX_VALUE_NAME:
            raise CallerError("a part of the form has no name", code="bad_form")
        self.part.name = name
        if b"filename" in options:
            if len(self.uploads) >= MAX_FILES:
                raise CallerError("the form has too many files", code="bad_form")
            # closed by whoever has the form
            content = tempfile.TemporaryFile() if self.keep_files else None  # noqa: SIM115
            self.part.upload = Upload(name, _utf8(options[b"filename"])[:MAX_NAME], content, room=self.room)
            self.uploads.append(self.part.upload)

    def part_data(self, data: bytes, start: int, end: int) -> None:
        upload = self.part.upload
        if upload is None:
            self.bytes += end - start
            if self.bytes > self.limits.field_bytes:
                raise CallerError("the form is too large", code="too_large")
            self.part.value.extend(data[start:end])
            return
        upload.size += end - start
        if upload.size > self.limits.file_bytes:
            upload.is_too_large = True
            upload.close()
        upload.write(data[start:end])

    def part_ends(self) -> None:
        if self.part.upload is None:
            text = _utf8(bytes(self.part.value)).replace("\r\n", "\n")
            self.fields.setdefault(self.part.name, []).append(text)
        elif self.part.upload.content is not None:
            self.part.upload.content.seek(0)

    def end(self) -> None:
        self.ended = True

    def close(self) -> None:
        for upload in self.uploads:
            upload.close()


async def read_multipart(
    content_type: str,
    body: AsyncIterator[bytes],
    limits: Limits,
    *,
    keep_files: bool,
    seconds: float,
    room: Room | None = None,
) -> tuple[dict[str, list[str]], tuple[Upload, ...]]:
    """Fields and files of the form, in their order; a file field left empty is not among them. Files are the caller's to close.

    keep_files: False: what is no file is read alone.  seconds: for the whole form.  room: for the files; None: without end.
    Raises CallerError: `bad_form` (broken, cut off, too slow), `too_large`.
    """
    _, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    if not re.fullmatch(rb"[\x21-\x7e][\x20-\x7e]{0,69}", boundary):
        raise CallerError("the form has no boundary", code="bad_form")
    form = _Form(limits, keep_files, room)
    most = limits.field_bytes * 2 + DRAINED * limits.file_bytes
    try:
        parser = MultipartParser(boundary, form.callbacks())
        came = 0
        async with asyncio.timeout(seconds):
            async for piece in body:
                came += len(piece)
                if came > most:
                    raise CallerError("the form is too large", code="too_large")
                parser.write(piece)
        if not form.ended:
            raise CallerError("the form breaks off", code="bad_form")
    except (FormParserError, TimeoutError) as error:
        form.close()
        raise CallerError("the form cannot be read", code="bad_form") from error
    except BaseException:
        form.close()
        raise
    given = tuple(upload for upload in form.uploads if upload.name or upload.size)
    for upload in form.uploads:
        if upload not in given:
            upload.close()
    return form.fields, given


def _utf8(text: bytes) -> str:
    """Raises CallerError (`bad_form`)."""
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise CallerError("the form is not UTF-8", code="bad_form") from error
