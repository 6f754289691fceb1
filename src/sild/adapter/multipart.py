"""SOAP with attachments: multipart/related written and read (RFC 2387, 2392; WIRE 3.1). Pure, but for the streams passed through.

Attachments go out as they are, in Content-Transfer-Encoding binary, since X-Road hashes the bytes between the boundaries. What comes
in is kept as it came (`raw`) and decoded on asking (`content`).
"""

from __future__ import annotations

import binascii
import quopri
from base64 import b64decode
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import BinaryIO
from urllib.parse import unquote

from sild.adapter.bodies import Body, RequestBody
from sild.errors import CallerError, PeerError
from sild.xroad.mime import MultipartScanner, PartHeaders, parse_content_type

__all__ = [
    "AttachmentSink",
    "MultipartBody",
    "ReceivedAttachment",
    "ReceivedSoap",
    "SoapAttachment",
    "SoapReader",
]

SOAP_TYPES = frozenset({"text/xml", "application/xop+xml"})
_DECODED = frozenset({"", "binary", "8bit", "7bit"})


@dataclass(frozen=True, slots=True)
class SoapAttachment:
    """One attachment to send. content_id: without the angle brackets; the body refers to it by `href`."""

    content: Body
    content_type: str = "application/octet-stream"
    content_id: str = ""

    @property
    def href(self) -> str:
        """`cid:...`, for an xop:Include or a swaRef."""
        return f"cid:{self.content_id}"

    def head(self) -> bytes:
        """Raises CallerError for a type or id that would break the header."""
        for value in (self.content_type, self.content_id):
            if not value.isascii() or not value.isprintable() or "<" in value or ">" in value:
                raise CallerError(f"not for the header of an attachment: {value[:60]!r}", code="bad_request")
        lines = [f"Content-Type: {self.content_type}", "Content-Transfer-Encoding: binary"]
        if self.content_id:
            lines.append(f"Content-ID: <{self.content_id}>")
        return "\r\n".join(lines).encode()


class MultipartBody:
    """A SOAP message with attachments, as a request body. mtom: the message holds xop:Include elements (XOP 1.0)."""

    def __init__(
        self, envelope: bytes, attachments: Sequence[SoapAttachment], boundary: str, *, mtom: bool = False
    ) -> None:
        media_type = "application/xop+xml" if mtom else "text/xml"
        self.content_type = (
            f'multipart/related; type="{media_type}"; start="<soap>"; boundary="{boundary}"'
            + ('; start-info="text/xml"' if mtom else "")
        )
        own_type = f"{media_type}; charset=UTF-8" + ('; type="text/xml"' if mtom else "")
        self._envelope = SoapAttachment(envelope, own_type, "soap")
        self._boundary = boundary.encode()
        self._parts = [(part.head(), RequestBody(part.content)) for part in (self._envelope, *attachments)]

    @property
    def present(self) -> bool:
        return True

    @property
    def replayable(self) -> bool:
        return all(body.replayable for _, body in self._parts)

    def send(self) -> bytes | AsyncGenerator[bytes, None]:
        """At once when every part is bytes, else as a stream."""
        sent = [(head, body.send()) for head, body in self._parts]
        whole = [(head, body) for head, body in sent if not isinstance(body, AsyncGenerator)]
        if len(whole) < len(sent):
            return self._stream(sent)
        pieces = [piece for head, body in whole for piece in (self._begin(head), body or b"", b"\r\n")]
        return b"".join((*pieces, self._end))

    def _begin(self, head: bytes) -> bytes:
        return b"--%b\r\n%b\r\n\r\n" % (self._boundary, head)

    @property
    def _end(self) -> bytes:
        return b"--%b--\r\n" % self._boundary

    async def _stream(
        self, sent: Sequence[tuple[bytes, bytes | AsyncGenerator[bytes, None] | None]]
    ) -> AsyncGenerator[bytes, None]:
        for head, body in sent:
            yield self._begin(head)
            if isinstance(body, AsyncGenerator):
                async with aclosing(body):
                    async for piece in body:
                        yield piece
            elif body:
                yield body
            yield b"\r\n"
        yield self._end


# --- reading --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ReceivedAttachment:
    """raw: the bytes between the boundaries; empty when they were written elsewhere (`AttachmentSink`)."""

    headers: PartHeaders
    raw: bytes = field(repr=False)

    @property
    def content_type(self) -> str:
        """As written."""
        return self.headers.content_type

    @property
    def content_id(self) -> str:
        """Without the angle brackets; empty when absent."""
        return self.field("content-id").strip("<>")

    def field(self, name: str) -> str:
        """A header of the part, `name` in lower case; empty when absent."""
        return next((value for key, value in self.headers.fields if key.lower() == name), "")

    @property
    def content(self) -> bytes:
        """The bytes without their Content-Transfer-Encoding. Raises PeerError (`mime_parsing_failed`)."""
        encoding = self.field("content-transfer-encoding").lower()
        if encoding in _DECODED:
            return self.raw
        if encoding == "quoted-printable":
            return quopri.decodestring(self.raw)
        if encoding == "base64":
            try:
                return b64decode(b"".join(self.raw.split()), validate=True)
            except binascii.Error:
                pass
        raise PeerError(f"an attachment is not readable as {encoding[:40]!r}", code="mime_parsing_failed")


AttachmentSink = Callable[[PartHeaders], BinaryIO | None]
"""Told of each attachment as it begins: gives where its bytes go, which is then written to and not closed; None keeps it in memory."""


@dataclass(frozen=True, slots=True)
class ReceivedSoap:
    """envelope: the SOAP message's bytes as received.  content_type: of its part."""

    envelope: bytes = field(repr=False)
    content_type: str
    attachments: tuple[ReceivedAttachment, ...]

    def attachment(self, href: str) -> ReceivedAttachment:
        """The attachment a body refers to by `cid:...` (RFC 2392). Raises PeerError (`invalid_reference`)."""
        wanted = unquote(href.removeprefix("cid:"))
        for attachment in self.attachments:
            if attachment.content_id and attachment.content_id in (wanted, href.removeprefix("cid:")):
                return attachment
        raise PeerError(f"there is no attachment {href[:80]!r}", code="invalid_reference")


class SoapReader:
    """Reads an HTTP body with a SOAP message, alone or with attachments, fed as it comes.

    max_bytes: of everything kept in memory.  into: where attachments go instead.
    Raises PeerError: `invalid_content_type`, `mime_parsing_failed`, `missing_soap`, `invalid_body` (too large), `io_error` (cut off).
    """

    def __init__(self, content_type: str, *, max_bytes: int, into: AttachmentSink | None = None) -> None:
        read = parse_content_type(content_type)
        self._content_type = content_type
        self._left = max_bytes
        self._into = into
        self._envelope: list[bytes] = []
        self._kept: list[list[bytes]] = []
        self._headers: list[PartHeaders] = []
        self._write: Callable[[bytes], object] = self._envelope.append
        self._keeps = True
        self._scanner: MultipartScanner | None = None
        if read.media_type == "multipart/related":
            self._scanner = MultipartScanner(read.parameters.get("boundary", ""), self)
        elif read.media_type not in SOAP_TYPES:
            raise PeerError(
                f"neither SOAP nor SOAP with attachments: {content_type[:80]!r}", code="invalid_content_type"
            )

    def feed(self, data: bytes) -> None:
        if self._scanner is None:
            self.part_data(data)
        else:
            self._scanner.feed(data)

    def finish(self) -> ReceivedSoap:
        content_type = self._content_type
        if self._scanner is not None:
            self._scanner.finish()
            if not self._headers:
                raise PeerError("a multipart message without a part", code="missing_soap")
            content_type = self._headers[0].content_type
        pairs = zip(self._headers[1:], self._kept, strict=True)
        attachments = tuple(ReceivedAttachment(headers, b"".join(kept)) for headers, kept in pairs)
        return ReceivedSoap(b"".join(self._envelope), content_type, attachments)

    # What the scanner tells.

    def part_begin(self, headers: PartHeaders) -> None:
        self._headers.append(headers)
        if len(self._headers) == 1:
            if headers.media_type not in SOAP_TYPES:
                raise PeerError("the first part is not the SOAP message", code="invalid_content_type")
            return
        kept: list[bytes] = []
        self._kept.append(kept)
        sink = self._into(headers) if self._into is not None else None
        self._write = kept.append if sink is None else sink.write
        self._keeps = sink is None

    def part_data(self, data: bytes) -> None:
        if self._keeps:
            self._left -= len(data)
            if self._left < 0:
                raise PeerError("the answer is larger than allowed", code="invalid_body")
        self._write(data)

    def part_end(self) -> None:
        pass

    def multipart_end(self) -> None:
        pass
