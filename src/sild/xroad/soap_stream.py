"""A SOAP message between an information system and its security server: plain, or multipart/related with attachments (WIRE 3.1).

    content type                                       message
    text/xml, application/xop+xml                      the SOAP document is the whole body
    multipart/related                                  its first part, of one of these types; every other part is an attachment

Attachments are handed on as they arrive, their bytes as they stand: no transfer encoding is undone, no part of a part is
taken out. (The reference cuts an attachment that is itself multipart into its leaves; here it stays what it was.)
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from sild.errors import PeerError
from sild.xroad.mime import ContentType, MultipartScanner, PartHeaders, parse_content_type
from sild.xroad.transport import (
    TEXT_XML,
    XOP_XML,
    BodyData,
    BodyEnd,
    BodyStart,
    MessageKind,
    MessagePart,
    TransportLimits,
)

__all__ = [
    "MULTIPART_RELATED",
    "SoapEvent",
    "SoapStreamReader",
    "SoapStreamWriter",
    "ensure_soap_action",
    "is_multipart_related",
]

MULTIPART_RELATED = "multipart/related"
SoapEvent = MessagePart | BodyStart | BodyData | BodyEnd
_URI = re.compile(r"(?:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2}|[^\x00-\x9f\s])*")


def ensure_soap_action(value: str | None) -> None:
    """Raises PeerError (`invalid_soap_action`) unless it is absent, empty, `""` or a URI in double quotes (WIRE 3)."""
    if not value or value == '""':
        return
    if len(value) > 2 and value[0] == value[-1] == '"' and _URI.fullmatch(value, 1, len(value) - 1):
        return
    raise PeerError("Malformed SOAPAction header", code="invalid_soap_action")


def is_multipart_related(content_type: str | None) -> bool:
    return (content_type or "").split(";", 1)[0].strip().lower() == MULTIPART_RELATED


def _ensure_soap_type(media_type: str) -> None:
    if media_type not in (TEXT_XML, XOP_XML):
        raise PeerError(f"Invalid content type: {media_type}", code="invalid_content_type")


class SoapStreamReader:
    """Reads one message: `feed` bytes as they come and take the events, then `finish`. The first event is the SOAP part.

    An error behind whole events waits until they are taken: the next call raises it.
    """

    def __init__(self, content_type: str | None, limits: TransportLimits) -> None:
        """content_type: of the HTTP message. Raises PeerError (`invalid_request`: none; `invalid_content_type`)."""
        if not content_type:
            raise PeerError("Could not get content type from request", code="invalid_request")
        kind: ContentType = parse_content_type(content_type)
        self._limits = limits
        self._content_type = content_type
        self._events: list[SoapEvent] = []
        self._error: PeerError | None = None
        self._chunks: list[bytes] | None = []
        self._fields: tuple[tuple[str, str], ...] = ()
        self._size = 0
        self._attachments = 0
        self._finished = False
        self._scanner: MultipartScanner | None = None
        if kind.media_type == MULTIPART_RELATED:
            self._scanner = MultipartScanner(
                kind.parameters.get("boundary", ""),
                self,
                max_header_bytes=limits.max_header_bytes,
                lenient=True,
            )
        else:
            _ensure_soap_type(kind.media_type)

    def feed(self, data: bytes) -> list[SoapEvent]:
        """What `data` completes. Raises PeerError (`invalid_content_type`, `mime_parsing_failed`, `invalid_message`)."""
        if self._error is not None:
            raise self._error
        try:
            if self._scanner is None:
                self.part_data(data)
            else:
                self._scanner.feed(data)
        except PeerError as error:
            self._error = error
        return self._taken()

    def finish(self) -> list[SoapEvent]:
        """The input is over. A multipart without parts gives no event; nor does a second call, if nothing is wrong."""
        if self._error is not None:
            raise self._error
        if self._finished:
            return []
        self._finished = True
        try:
            if self._scanner is None:
                self.part_end()
            else:
                self._scanner.finish()
        except PeerError as error:
            self._error = error
        return self._taken()

    def _taken(self) -> list[SoapEvent]:
        if self._error is not None and not self._events:
            raise self._error
        events, self._events = self._events, []
        return events

    # --- the parts, as the scanner finds them (PartSink)

    def part_begin(self, headers: PartHeaders) -> None:
        if not headers.content_type:
            raise PeerError("Could not get content type for part", code="invalid_content_type")
        if self._chunks is not None:
            _ensure_soap_type(headers.media_type)
            self._content_type = headers.content_type
            self._fields = headers.fields
            return
        self._attachments += 1
        if self._attachments > self._limits.max_attachments:
            raise PeerError("too many attachments", code="invalid_message")
        self._events.append(BodyStart(self._attachments, headers.content_type, headers.fields))

    def part_data(self, data: bytes) -> None:
        if self._chunks is None:
            self._events.append(BodyData(data))
            return
        self._size += len(data)
        if self._size > self._limits.max_soap_bytes:
            raise PeerError(
                f"the SOAP message is larger than {self._limits.max_soap_bytes} bytes", code="invalid_message"
            )
        self._chunks.append(data)

    def part_end(self) -> None:
        if self._chunks is None:
            self._events.append(BodyEnd())
            return
        soap = b"".join(self._chunks)
        self._chunks = None
        self._events.append(MessagePart(MessageKind.SOAP, soap, self._content_type, self._fields))

    def multipart_end(self) -> None:
        pass


class SoapStreamWriter:
    """The bytes of a multipart/related message as X-Road hands it over, with the sender's own boundary (COMPAT I3, I4).

    No space stands behind the colon of a part's content type, unless there are no attachments: existing programs look for it.
    """

    def __init__(self, boundary: str, *, with_attachments: bool) -> None:
        self._boundary = boundary.encode("latin-1")
        self._colon = "content-type:" if with_attachments else "content-type: "
        self._separator = b""

    def part(self, content_type: str, fields: Iterable[tuple[str, str]]) -> bytes:
        """The content of the part follows, raw."""
        kind = f"{self._colon}{content_type}\r\n" if content_type else ""
        lines = kind + "".join(f"{name}: {value}\r\n" for name, value in fields)
        begin = b"%s--%s\r\n%s\r\n" % (self._separator, self._boundary, lines.encode("latin-1"))
        self._separator = b"\r\n"
        return begin

    def end(self) -> bytes:
        return b"\r\n--%s--\r\n" % self._boundary
