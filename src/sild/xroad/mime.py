"""Multipart bodies as a stream: boundaries found with `bytes.find`, any chunking of the input gives the same parts (RFC 2046 5.1).

X-Road writes CRLF; old senders and X-Road's own samples use LF, so both are read. What a reference reader would skip
silently is refused here, since two readers must not see two messages: text before the first boundary or after the last,
a line that begins like the boundary and goes on otherwise, a header line without a colon. Between an information system and
its own server nothing is signed in this form, and all that is passed over (`lenient`), as the reference does.

A signed directory has a small reader of its own, `sild.xroad.globalconf.mime`, which says why.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

from sild.errors import PeerError

__all__ = ["ContentType", "MultipartScanner", "PartHeaders", "PartSink", "parse_content_type"]


@dataclass(frozen=True, slots=True)
class ContentType:
    """media_type: lower-case, `text/xml`.  parameters: lower-case names, values unquoted."""

    media_type: str
    parameters: dict[str, str]


_PARAMETER = re.compile(r';\s*([^\s=;"]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^\s;"]*)\s*')
_USUAL = re.compile(r"(multipart/[a-z]{1,20}); charset=UTF-8; boundary=([A-Za-z0-9]{1,70})")
_MEDIA_TYPE = re.compile(r"\s*([^\s;,]+)\s*")


def parse_content_type(value: str) -> ContentType:
    """Read a Content-Type value; the first of repeated parameters counts. Raises PeerError `invalid_content_type`."""
    usual = _USUAL.fullmatch(value)
    if usual is not None:
        return ContentType(usual.group(1), {"charset": "UTF-8", "boundary": usual.group(2)})
    start = _MEDIA_TYPE.match(value)
    if start is None:
        raise PeerError("the content type is empty or unreadable", code="invalid_content_type")
    parameters: dict[str, str] = {}
    position = start.end()
    while position < len(value):
        found = _PARAMETER.match(value, position)
        if found is None:
            if value[position:].strip(" \t;"):
                raise PeerError(
                    "the parameters of the content type are unreadable", code="invalid_content_type"
                )
            break
        name, text = found.groups()
        if text.startswith('"'):
            text = re.sub(r"\\(.)", r"\1", text[1:-1])
        parameters.setdefault(name.lower(), text)
        position = found.end()
    return ContentType(start.group(1).lower(), parameters)


@dataclass(frozen=True, slots=True)
class PartHeaders:
    """Headers of one part, their bytes as Latin-1, so that they are written again as they came. content_type: as written, empty when absent; media_type: lower-case, without parameters.

    fields: the other headers, name (case kept) and value, in order.
    """

    content_type: str
    media_type: str
    fields: tuple[tuple[str, str], ...]


class PartSink(Protocol):
    """Who is told what the scanner finds. `part_data` comes zero or more times between begin and end."""

    def part_begin(self, headers: PartHeaders) -> None: ...
    def part_data(self, data: bytes) -> None: ...
    def part_end(self) -> None: ...
    def multipart_end(self) -> None: ...


class _State(Enum):
    PREAMBLE = auto()
    HEADERS = auto()
    CONTENT_BEGIN = auto()
    CONTENT = auto()
    EPILOGUE = auto()


_OTHER = 3
_PADDING = re.compile(rb"[ \t]{1,100}")
_FOLDED = re.compile(rb"\r?\n[ \t]+")
_SEEN_HEADERS: dict[bytes, PartHeaders] = {}
"""Header blocks seen before, since most parts have one of six. Bounded in number and size."""


class MultipartScanner:
    """Cuts one multipart body into parts and tells `sink`. Feed it bytes as they come, then `finish`.

    lenient: text around the parts is skipped, a missing closing boundary tolerated, a line that only begins like the boundary
    is content (RFC 2046 5.1.1).
    """

    def __init__(
        self, boundary: str, sink: PartSink, *, max_header_bytes: int = 16_384, lenient: bool = False
    ) -> None:
        if not 1 <= len(boundary) <= 200 or not boundary.isascii() or not boundary.isprintable():
            raise PeerError("the multipart boundary is missing or unusable", code="invalid_content_type")
        self._dashes = b"--" + boundary.encode()
        self._delimiter = b"\n" + self._dashes
        self._sink = sink
        self._max_header_bytes = max_header_bytes
        self._lenient = lenient
        self._skipping = False
        self._state = _State.PREAMBLE
        self._rest = b""

    def feed(self, data: bytes) -> None:
        """Raises PeerError (`mime_parsing_failed`, or what the sink raises); the scanner is of no further use then."""
        buffer = self._rest + data if self._rest else data
        position = 0
        while position >= 0:
            at = position
            if self._state is _State.CONTENT:
                position = self._content(buffer, at)
            elif self._state is _State.HEADERS:
                position = self._whole_part(buffer, at) or self._headers(buffer, at)
            elif self._state is _State.CONTENT_BEGIN:
                position = self._content_begin(buffer, at)
            elif self._state is _State.PREAMBLE:
                position = self._preamble(buffer, at)
            else:
                position = self._epilogue(buffer, at)
        self._rest = buffer[~position:]

    @property
    def ended(self) -> bool:
        """The closing boundary has been seen."""
        return self._state is _State.EPILOGUE

    def finish(self) -> None:
        """No more input. A body without any boundary is one without parts: what must come is missing then.

        Raises PeerError (`io_error`) if the closing boundary has not come.
        """
        if self.ended or (self._state is _State.PREAMBLE and (self._skipping or not self._rest)):
            return
        if not self._lenient:
            raise PeerError("the multipart message ends before its closing boundary", code="io_error")
        if self._state in (_State.CONTENT_BEGIN, _State.CONTENT):
            content = b"" if self._state is _State.CONTENT_BEGIN else self._rest
            found = content.rfind(self._delimiter)
            if found >= 0 and not content[found + len(self._delimiter) :].strip(b"- \t\r\n"):
                content = content[: found - 1 if content[found - 1 : found] == b"\r" else found]
            if content:
                self._sink.part_data(content)
            self._sink.part_end()
        self._state = _State.EPILOGUE
        self._sink.multipart_end()

    # Each step takes the buffer and a position in it and gives the position it got to, or ~p to wait for more from p on.

    def _preamble(self, buffer: bytes, position: int) -> int:
        """Line ends only, then the first boundary; or text to be skipped."""
        size = len(self._dashes)
        if not self._skipping:
            while buffer[position : position + 1] in (b"\r", b"\n"):
                position += 1
            start = buffer[position : position + size]
            if self._dashes.startswith(start):
                what = self._after_boundary(buffer, position + size) if start == self._dashes else 0
                if what != _OTHER:
                    return self._leave_boundary(buffer, position + size, what) if what else ~position
            self._skipping = True
        found = buffer.find(self._delimiter, position)
        if found < 0:
            return ~max(position, len(buffer) - size)
        end = found + len(self._delimiter)
        what = self._after_boundary(buffer, end)
        if not what:
            return ~found
        if what == _OTHER:
            return end
        if not self._lenient:
            raise PeerError("text before the first boundary", code="mime_parsing_failed")
        return self._leave_boundary(buffer, end, what)

    def _after_boundary(self, buffer: bytes, position: int) -> int:
        """What follows the boundary that ends at `position`: 0 more must come, 1 a part begins, 2 the end, _OTHER."""
        tail = buffer[position : position + 2]
        if tail == b"--":
            return 2
        if self._lenient and tail[:1] in (b" ", b"\t"):
            padding = _PADDING.match(buffer, position)
            position = padding.end() if padding is not None else position
            tail = buffer[position : position + 2].replace(b"-", b"x")
        if tail == b"\r\n" or tail[:1] == b"\n":
            return 1
        if len(tail) == 2 or tail not in (b"", b"\r", b"-"):
            if self._lenient:
                return _OTHER
            raise PeerError("a boundary goes on as something else", code="mime_parsing_failed")
        return 0

    def _leave_boundary(self, buffer: bytes, position: int, what: int) -> int:
        """The line feed that ends a boundary's line is left unread: a blank line is looked for from there."""
        if what == 1:
            self._state = _State.HEADERS
            return buffer.index(b"\n", position)
        self._state = _State.EPILOGUE
        self._sink.multipart_end()
        return position + 2

    def _whole_part(self, buffer: bytes, position: int) -> int:
        """The short way for a part that is all there, as most are: the steps below at once. 0 when it is not so plain."""
        end = buffer.find(b"\n\r\n", position)
        found = buffer.find(self._delimiter, end + 2) if end >= 0 else -1
        after = found + len(self._delimiter)
        tail = buffer[after : after + 2]
        if found < 0 or tail not in (b"\r\n", b"--") or end - position > self._max_header_bytes:
            return 0
        if buffer.find(b"\n\n", position, end + 1) >= 0:
            return 0
        sink = self._sink
        sink.part_begin(self._part_headers(buffer[position + 1 : end]))
        content = buffer[end + 3 : found - 1 if buffer[found - 1] == 0x0D else found]
        if content:
            sink.part_data(content)
        sink.part_end()
        if tail == b"\r\n":
            return after + 1
        self._state = _State.EPILOGUE
        sink.multipart_end()
        return after + 2

    def _headers(self, buffer: bytes, position: int) -> int:
        end = buffer.find(b"\n\r\n", position)
        size = 2
        bare = buffer.find(b"\n\n", position, end if end >= 0 else len(buffer))
        if bare >= 0:
            end, size = bare, 1
        if (end if end >= 0 else len(buffer)) - position > self._max_header_bytes:
            raise PeerError("the headers of a part are too long", code="mime_parsing_failed")
        if end < 0:
            return ~position
        self._sink.part_begin(self._part_headers(buffer[position + 1 : end]))
        self._state = _State.CONTENT_BEGIN
        return end + size

    def _content_begin(self, buffer: bytes, position: int) -> int:
        """`position` is at the blank line's line feed; a boundary right behind it leaves the part without content."""
        start = buffer[position : position + len(self._delimiter)]
        what = _OTHER
        if self._delimiter.startswith(start):
            what = self._after_boundary(buffer, position + len(start)) if start == self._delimiter else 0
        if not what:
            return ~position
        self._state = _State.CONTENT
        return position + 1 if what == _OTHER else position

    def _content(self, buffer: bytes, position: int) -> int:
        found = buffer.find(self._delimiter, position)
        if found < 0:
            # What is held back may be the beginning of a boundary, with the CR before it.
            safe = len(buffer) - len(self._delimiter)
            if safe > position:
                self._sink.part_data(buffer[position:safe])
                return ~safe
            return ~position
        after = found + len(self._delimiter)
        what = self._after_boundary(buffer, after)
        if not what:
            return ~position
        if what == _OTHER:
            self._sink.part_data(buffer[position:after])
            return after
        end = found - 1 if found > position and buffer[found - 1] == 0x0D else found
        if end > position:
            self._sink.part_data(buffer[position:end])
        self._sink.part_end()
        return self._leave_boundary(buffer, after, what)

    def _part_headers(self, block: bytes) -> PartHeaders:
        """block: the header lines without the blank one."""
        return _parse_part_headers(block, lenient=True) if self._lenient else _part_headers(block)

    def _epilogue(self, buffer: bytes, position: int) -> int:
        if not self._lenient and buffer[position:].strip(b"\r\n"):
            raise PeerError("text after the last boundary", code="mime_parsing_failed")
        return ~len(buffer)


def _part_headers(block: bytes) -> PartHeaders:
    """block: the header lines without the blank one."""
    seen = _SEEN_HEADERS.get(block)
    if seen is None:
        seen = _parse_part_headers(block)
        if len(block) <= 100 and len(_SEEN_HEADERS) < 200:
            _SEEN_HEADERS[block] = seen
    return seen


def _parse_part_headers(block: bytes, *, lenient: bool = False) -> PartHeaders:
    content_type: str | None = None
    fields = []
    for line in _FOLDED.sub(b" ", block).splitlines():
        name, colon, value = line.partition(b":")
        if not colon or not name.strip():
            if lenient:
                continue
            raise PeerError("a header line of a part is unreadable", code="mime_parsing_failed")
        text = value.strip(b" \t").decode("latin-1")
        if name.strip().lower() != b"content-type":
            fields.append((name.strip().decode("latin-1"), text))
        elif content_type is not None:
            raise PeerError("a part has two content types", code="mime_parsing_failed")
        else:
            content_type = text
    media_type = (content_type or "").split(";", 1)[0].strip().lower()
    return PartHeaders(content_type or "", media_type, tuple(fields))
