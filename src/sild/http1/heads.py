"""Writing heads: header names and values go out exactly as given, framing is ours.

A head is checked while it is joined. Each name is looked up once in a table of names seen before, which says both that
it is a token and whether it is one of the few that frame a message; the finished head must then hold exactly one CRLF
per line, so that no value can smuggle a line of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from email.utils import formatdate
from http import HTTPStatus
from time import time

__all__ = ["Framing", "Header", "http_date", "join_head", "render_head", "request_line", "status_line"]

Header = tuple[bytes, bytes]

_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_TARGET = re.compile(rb"[\x21-\x7e\x80-\xff]+")
_PLAIN, _LENGTH, _ENCODING, _CONNECTION, _DATE, _HOST = range(6)
_KINDS = {
    b"content-length": _LENGTH,
    b"transfer-encoding": _ENCODING,
    b"connection": _CONNECTION,
    b"date": _DATE,
    b"host": _HOST,
}
_MOST_NAMES = 4096
_names: dict[bytes, int] = {}

_STATUS_LINES = {s.value: f"HTTP/1.1 {s.value} {s.phrase}\r\n".encode() for s in HTTPStatus}


def status_line(status: int, reason: str) -> bytes:
    """`HTTP/1.1 200 OK` CRLF. An empty reason means the usual one."""
    if not reason:
        line = _STATUS_LINES.get(status)
        if line is not None:
            return line
    if not 100 <= status <= 999:
        raise ValueError(f"not a status: {status}")
    return f"HTTP/1.1 {status} {reason}\r\n".encode("latin-1", "replace")


def request_line(method: str, target: bytes) -> bytes:
    """`POST /path HTTP/1.1` CRLF. Raises ValueError for what would not be one token and one target."""
    name = method.encode("ascii", "replace")
    if _TOKEN.fullmatch(name) is None:
        raise ValueError(f"not a method: {method!r}")
    if _TARGET.fullmatch(target) is None:
        raise ValueError(f"not a request target: {target!r}")
    return b"%b %b HTTP/1.1\r\n" % (name, target)


class Framing:
    """What the caller's own headers said about framing; filled by `render_head`."""

    __slots__ = ("close", "date", "host", "length")

    def __init__(self) -> None:
        self.length: int | None = None
        self.close = False
        self.date = False
        self.host = False


def render_head(first_line: bytes, headers: Iterable[Header], framing: Framing) -> list[bytes]:
    """The lines of a head without the empty one, ready to be added to and joined.

    A Transfer-Encoding from the caller is left out, and a Connection that does not say close: this room frames. Raises ValueError for a name that is not a token,
    and for two or unreadable Content-Lengths; `check_head` finds line breaks in values.
    """
    lines = [first_line]
    add = lines.append
    kinds = _names
    for name, value in headers:
        kind = kinds.get(name)
        if kind is None:
            kind = _learn(name)
        if kind:
            if kind == _ENCODING or (kind == _CONNECTION and b"close" not in value.lower()):
                continue
            _note(kind, value, framing)
        add(b"%b: %b\r\n" % (name, value))
    return lines


def join_head(lines: list[bytes]) -> bytes:
    """Add the empty line and refuse a head in which a value broke the line (ValueError)."""
    lines.append(b"\r\n")
    head = b"".join(lines)
    count = len(lines)
    if head.count(b"\n") != count or head.count(b"\r") != count or b"\0" in head:
        raise ValueError("a header value with a line break or NUL")
    return head


def _learn(name: bytes) -> int:
    if _TOKEN.fullmatch(name) is None:
        raise ValueError(f"not a header name: {name!r}")
    kind = _KINDS.get(name.lower(), _PLAIN)
    if len(_names) < _MOST_NAMES:
        _names[bytes(name)] = kind
    return kind


def _note(kind: int, value: bytes, framing: Framing) -> None:
    if kind == _LENGTH:
        if framing.length is not None or not value.isdigit():
            raise ValueError(f"Content-Length {value!r}")
        framing.length = int(value)
    elif kind == _CONNECTION:
        framing.close = True
    elif kind == _DATE:
        framing.date = True
    elif kind == _HOST:
        framing.host = True


_date_second = 0
_date_line = b""


def date_line() -> bytes:
    """`Date: ...` CRLF of the current second (RFC 9110 6.6.1)."""
    global _date_second, _date_line
    second = int(time())
    if second != _date_second:
        _date_line = b"Date: %b\r\n" % formatdate(second, usegmt=True).encode()
        _date_second = second
    return _date_line


def http_date() -> bytes:
    """The current time as IMF-fixdate."""
    return date_line()[6:-2]
