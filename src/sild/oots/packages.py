"""A response together with its documents: `multipart/related` (RFC 2387), the message first, each document under its Content-ID.

What AS4 does with attachments stands here in the body of a REST message. Bytes of a document are never looked at. Read within limits.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from sild.errors import PeerError

__all__ = ["EDM_TYPE", "package_media_type", "read_package", "write_package"]

EDM_TYPE = "application/x-ebrs+xml"
MULTIPART = "multipart/related"
MAX_BYTES = 24 << 20
MOST_PARTS = 21
MAX_HEAD = 2_000
_BOUNDARY = re.compile(r'boundary="?([A-Za-z0-9.=_-]{1,70})"?', re.ASCII)
_ID = re.compile(r"<([^<>\s]{1,300})>", re.ASCII)


def package_media_type(boundary: str) -> str:
    """boundary: that stands in none of the parts, of letters, digits and `.=_-`."""
    return f'{MULTIPART}; type="{EDM_TYPE}"; boundary="{boundary}"'


def write_package(message: bytes, documents: Mapping[str, tuple[str, bytes]], boundary: str) -> bytes:
    """documents: Content-ID without its brackets -> media type, content. Raises ValueError: the boundary stands in a part."""
    parts = [(f"Content-Type: {EDM_TYPE}; charset=UTF-8", message)]
    parts += [
        (f"Content-Type: {kind}\r\nContent-Transfer-Encoding: binary\r\nContent-ID: <{name}>", content)
        for name, (kind, content) in documents.items()
    ]
    line = f"--{boundary}".encode()
    if any(line in content for _head, content in parts):
        raise ValueError("the boundary stands in a part")
    whole = b"".join(
        line + b"\r\n" + head.encode("ascii") + b"\r\n\r\n" + content + b"\r\n" for head, content in parts
    )
    return whole + line + b"--\r\n"


def read_package(media_type: str, body: bytes) -> tuple[bytes, Mapping[str, bytes]]:
    """The message, and documents by Content-ID. A message alone (`application/x-ebrs+xml`) has none. Raises PeerError (`invalid_package`)."""
    kind = media_type.partition(";")[0].strip().lower()
    if kind in (EDM_TYPE, "application/xml"):
        return body, {}
    boundary = _BOUNDARY.search(media_type)
    if kind != MULTIPART or boundary is None or len(body) > MAX_BYTES:
        raise _no_package()
    pieces = (b"\r\n" + body).split(f"\r\n--{boundary.group(1)}".encode())
    if not 3 <= len(pieces) <= MOST_PARTS + 2 or pieces[0] or pieces[-1].strip() != b"--":
        raise _no_package()
    heads, contents = zip(*(_part(piece) for piece in pieces[1:-1]), strict=True)
    documents: dict[str, bytes] = {}
    for head, content in zip(heads[1:], contents[1:], strict=True):
        name = _ID.search(head.get("content-id", ""))
        if (
            name is None
            or name.group(1) in documents
            or head.get("content-transfer-encoding", "binary") != "binary"
        ):
            raise _no_package()
        documents[name.group(1)] = content
    if heads[0].get("content-type", "").partition(";")[0].strip().lower() != EDM_TYPE:
        raise _no_package()
    return contents[0], documents


def _part(piece: bytes) -> tuple[Mapping[str, str], bytes]:
    head, found, content = piece.partition(b"\r\n\r\n")
    if not found or len(head) > MAX_HEAD or not head.startswith(b"\r\n"):
        raise _no_package()
    try:
        lines = head.decode("ascii").strip().split("\r\n")
    except UnicodeError:
        raise _no_package() from None
    return {
        name.strip().lower(): said.strip() for name, _, said in (line.partition(":") for line in lines)
    }, content


def _no_package() -> PeerError:
    return PeerError("not a message with its documents", code="invalid_package")
