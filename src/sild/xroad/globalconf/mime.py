"""The little MIME a signed directory is made of (RFC 2046), read strictly and by bytes.

Lines end in CRLF or LF, both occur, within one document too. The line end before a boundary belongs to the boundary: what is
signed is the part's body without it.

`sild.xroad.mime` is another reader for another thing: a stream of parts too large to hold, pushed to a sink, most of whose header
fields it passes on as they came (twice given too). Here a megabyte at most is at hand, a field given twice is an attack, quotes may
be single, a part may have no header, and the bytes between two boundaries are what was signed: one reader for both would be two
behind switches.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sild.errors import PeerError

__all__ = ["MimePart", "field_value", "split_head", "split_multipart"]

PARSING_FAILURE = "global_conf_parsing_downloaded_conf_directory_failure"

MAX_HEADERS = 32
MAX_FIELD_CHARACTERS = 4096
"""Of one header field. Fields are read before anything is verified, and taking one apart costs its length squared at worst."""
MAX_PARTS = 1000

_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
_LINE_END = re.compile(rb"\r?\n")
_PARAMETER = re.compile(r"""\s*([^=;\s]+)\s*=\s*("[^"]*"|'[^']*'|[^;]*)\s*""")


@dataclass(frozen=True, slots=True)
class MimePart:
    """Header fields by lower-case name, and the body's bytes as they are."""

    headers: dict[str, str]
    body: bytes


def split_head(data: bytes) -> MimePart:
    """Header block and body. A block that ends in one line end has no fields; without a blank line there is no body."""
    start = _LINE_END.match(data)
    if start is not None:
        return MimePart({}, data[start.end() :])
    blank = _BLANK_LINE.search(data)
    if blank is None:
        return MimePart(_headers(data), b"")
    return MimePart(_headers(data[: blank.start()]), data[blank.end() :])


def _headers(block: bytes) -> dict[str, str]:
    """Raises PeerError for a line that is no field, a field given twice or too long, more than MAX_HEADERS."""
    try:
        lines = [line.decode() for line in _LINE_END.split(block)]
    except UnicodeDecodeError:
        raise PeerError("a header is not UTF-8", code=PARSING_FAILURE) from None
    headers: dict[str, str] = {}
    last = ""
    for line in lines:
        if not line:
            continue
        folded = line[0] in " \t" and bool(last)
        if len(line) + (len(headers[last]) if folded else 0) > MAX_FIELD_CHARACTERS:
            raise PeerError("a header is too long", code=PARSING_FAILURE)
        if folded:
            headers[last] += " " + line.strip()
            continue
        name, colon, value = line.partition(":")
        last = name.strip().lower()
        if not colon or not last:
            raise PeerError("a line is no header field", code=PARSING_FAILURE)
        if last in headers or len(headers) >= MAX_HEADERS:
            raise PeerError(f"header {last} stands twice, or there are too many", code=PARSING_FAILURE)
        headers[last] = value.strip()
    return headers


def split_multipart(body: bytes, boundary: str) -> tuple[list[MimePart], bool]:
    """The parts between boundary lines, and whether the closing line was there. What stands before and after is ignored."""
    if not boundary or len(boundary) > 200:
        raise PeerError("a multipart has no boundary", code=PARSING_FAILURE)
    delimiter = re.compile(rb"(?:\A|\r?\n)--" + re.escape(boundary.encode()) + rb"(--)?[ \t]*(?=\r?\n|\Z)")
    parts: list[MimePart] = []
    start: int | None = None
    for found in delimiter.finditer(body):
        if start is not None:
            parts.append(_part(body[start : found.start()]))
        if found[1] is not None:
            return parts, True
        start = found.end()
        if len(parts) > MAX_PARTS:
            raise PeerError("a multipart has too many parts", code=PARSING_FAILURE)
    if start is not None:
        parts.append(_part(body[start:]))
    return parts, False


def _part(data: bytes) -> MimePart:
    """`data` begins with the boundary line's own line end."""
    end = _LINE_END.match(data)
    return split_head(data[end.end() :] if end is not None else data)


def field_value(field: str) -> tuple[str, dict[str, str]]:
    """`value; name=x; name="y"; name='z'` taken apart; parameter names in lower case."""
    value, _, rest = field.partition(";")
    parameters = {name.lower(): text.strip() for name, text in _PARAMETER.findall(rest)}
    return value.strip(), {name: _unquoted(text) for name, text in parameters.items()}


def _unquoted(text: str) -> str:
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "\"'":
        return text[1:-1]
    return text
