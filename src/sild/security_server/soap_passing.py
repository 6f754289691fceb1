"""A SOAP message passing through a security server, the same on both sides (WIRE 3.1, 4).

`SoapPassage` puts a message that arrives from an information system or a service into a transport message as it comes:
attachments of any size go on piece by piece, their digests run along, a piece is kept only while the log may want it.
`SoapDelivery` is the opposite: a message received from another server as the service or information system is handed it.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol, TypeVar

from sild.errors import PeerError
from sild.interpreter import yielding
from sild.security_server.outgoing import numbered_parts
from sild.security_server.random_names import boundary_letters
from sild.security_server.received import ByteStream, ReceivedMessage
from sild.security_server.spool import SpooledBody
from sild.signatures import SignedPart
from sild.xroad.mime import parse_content_type
from sild.xroad.soap import SoapMessage
from sild.xroad.soap_stream import SoapEvent, SoapStreamReader, SoapStreamWriter, is_multipart_related
from sild.xroad.transport import BodyData, BodyStart, MessagePart, TransportLimits, TransportMessageWriter

__all__ = [
    "TEXT_XML_UTF8",
    "SoapDelivery",
    "SoapPassage",
    "SoapSource",
    "loggable_bodies",
    "read_aside",
    "text_of",
]

TEXT_XML_UTF8 = "text/xml; charset=UTF-8"
READ_AT_ONCE = 256 * 1024  # bytes of a SOAP document: some 8 ms
Read = TypeVar("Read")


async def read_aside(read: Callable[[bytes], Read], data: bytes) -> Read:
    """What `read` makes of `data`; for a long document in a thread, so that other messages have their turn."""
    if len(data) <= READ_AT_ONCE:
        return read(data)

    def aside() -> Read:
        with yielding():
            return read(data)

    return await asyncio.to_thread(aside)


class Held(Protocol):
    """A transport message held back until it is worth a write."""

    held: int

    def hold(self, piece: bytes) -> None: ...
    async def flush(self) -> None: ...


class SoapSource:
    """A SOAP message as an HTTP body: its SOAP part, then events of its attachments, as they come."""

    def __init__(self, stream: ByteStream, content_type: str | None, limits: TransportLimits) -> None:
        """Raises PeerError: see `SoapStreamReader`."""
        self._stream = stream
        self._reader = SoapStreamReader(content_type, limits)
        self._waiting: list[SoapEvent] = []
        self._ended = False

    async def message(self) -> MessagePart | None:
        """The SOAP part; None when there is no part at all."""
        events = await self.more()
        if not events or not isinstance(events[0], MessagePart):  # nothing comes before it
            return None
        self._waiting = events[1:]
        return events[0]

    async def more(self) -> list[SoapEvent]:
        """The next events, none at the end. Raises what the reader finds wrong, behind the events before it."""
        events, self._waiting = self._waiting, []
        while not events:
            data = b"" if self._ended else await self._stream.read_some()
            if data:
                events = self._reader.feed(data)
                continue
            self._ended = True
            events = self._reader.finish()
            break
        return events


class SoapPassage:
    """One message on its way into `out`. Use as a context manager: closing frees what was kept of attachments.

    threshold: bytes held before they are written.  keep_up_to: bytes of one attachment kept for the log; a message with a
    longer one is logged without its attachments, as the reference logs all that are signed through a hash chain.
    """

    def __init__(
        self,
        writer: TransportMessageWriter,
        out: Held,
        *,
        threshold: int,
        new_body: Callable[[], SpooledBody],
        keep_up_to: int,
    ) -> None:
        self._writer = writer
        self._out = out
        self._threshold = threshold
        self._new_body = new_body
        self._keep_up_to = keep_up_to
        self._bodies: list[SpooledBody] = []
        self._message_digest = b""

    def message(self, message: SoapMessage, part: MessagePart, content_type: str | None = None) -> None:
        """The SOAP part: the bytes of `message` under the headers `part` came with."""
        self._message_digest = hashlib.sha512(message.data).digest()
        self._out.hold(self._writer.message(message.data, content_type or part.content_type, part.fields))

    async def take(self, event: SoapEvent) -> None:
        """An attachment begins, goes on, or ends."""
        match event:
            case BodyStart():
                if not self._bodies:
                    self._out.hold(self._writer.attachments_begin())
                self._out.hold(self._writer.attachment_begin(event.content_type, event.fields))
                body = self._new_body()
                body.keep = self._keep_up_to > 0
                self._bodies.append(body)
            case BodyData():
                body = self._bodies[-1]
                body.write(event.data)
                if body.size > self._keep_up_to:
                    self._forget()
                self._out.hold(event.data)
                if self._out.held > self._threshold:
                    await self._out.flush()
            case MessagePart():
                raise PeerError("a second SOAP message", code="invalid_message")  # the reader gives one

    def end(self) -> None:
        """The last attachment has ended."""
        if self._bodies:
            self._out.hold(self._writer.attachments_end())

    @property
    def signed_parts(self) -> list[SignedPart]:
        return numbered_parts(self._message_digest, self._bodies)

    @property
    def attachments(self) -> int:
        """How many have come so far."""
        return len(self._bodies)

    @property
    def attachments_size(self) -> int:
        """Their bytes together."""
        return sum(body.size for body in self._bodies)

    @property
    def loggable(self) -> tuple[SpooledBody, ...]:
        """The attachments in order, all of them or none."""
        return tuple(self._bodies) if all(body.keep for body in self._bodies) else ()

    def _forget(self) -> None:
        self._keep_up_to = 0
        self.close()

    def close(self) -> None:
        for body in self._bodies:
            body.keep = False
            body.close()

    def __enter__(self) -> SoapPassage:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class SoapDelivery:
    """A received message as the service or the information system gets it; the body of a request or answer.

    original_content_type: what the sender's information system or service wrote: its boundary is used again.
    plain_content_type: for a message that was no multipart.
    """

    def __init__(
        self, received: ReceivedMessage, original_content_type: str | None, plain_content_type: str
    ) -> None:
        self._received = received
        boundary = _boundary(original_content_type)
        if boundary is None and received.bodies:
            boundary = f"xroad{boundary_letters()}"
            original_content_type = f'multipart/related; type="text/xml"; charset=UTF-8; boundary={boundary}'
        self._boundary = boundary
        multipart = boundary is not None and original_content_type is not None
        self.content_type = (original_content_type if multipart else plain_content_type) or TEXT_XML_UTF8
        self.in_memory = all(body.in_memory for body in received.bodies)
        self._heads, self._end = self._framing()

    async def ensure_one_reading(self) -> None:
        """No part holds the boundary: who is handed the message must find the parts that were signed, no more (WIRE 18).

        An honest sender's cannot, having been cut at that very boundary. Raises PeerError (`invalid_message`).
        """
        if self._boundary is None:
            return
        received, boundary = self._received, self._boundary
        parts = [[received.part], *(body.pieces() for body in received.bodies)]
        if self.in_memory:
            held = any(_holds(pieces, boundary) for pieces in parts)
        else:
            held = await asyncio.to_thread(lambda: any(_holds(pieces, boundary) for pieces in parts))
        if held:
            raise PeerError(
                "a part of the message holds the boundary between its parts", code="invalid_message"
            )

    @property
    def size(self) -> int:
        received = self._received
        framing = sum(map(len, self._heads)) + len(self._end)
        return framing + len(received.part) + sum(body.size for body in received.bodies)

    def read(self) -> bytes:
        return b"".join(self.pieces())

    def pieces(self) -> Iterator[bytes]:
        received = self._received
        yield self._heads[0] + received.part
        for head, body in zip(self._heads[1:], received.bodies, strict=True):
            yield head
            yield from body.pieces()
        if self._end:
            yield self._end

    def _framing(self) -> tuple[list[bytes], bytes]:
        """What stands in front of each part, and at the end."""
        received = self._received
        if self._boundary is None:
            return [b""], b""
        writer = SoapStreamWriter(self._boundary, with_attachments=bool(received.bodies))
        headers = [(received.part_content_type, received.part_fields), *received.body_headers]
        return [writer.part(content_type, fields) for content_type, fields in headers], writer.end()


def _holds(pieces: Iterable[bytes], boundary: str) -> bool:
    """Whether a line of the content is the boundary, alone or with `--` behind it."""
    dashes = re.escape(b"\n--" + boundary.encode())
    line = re.compile(dashes + rb"(?:--|[ \t]{0,100}\r?\n)")
    kept = b"\n"
    for piece in pieces:
        window = kept + piece
        if line.search(window):
            return True
        kept = window[-(len(dashes) + 104) :]
    return re.search(dashes + rb"[ \t]{0,100}\r?\Z", kept) is not None


def loggable_bodies(bodies: Sequence[SpooledBody], limit: int) -> tuple[SpooledBody, ...]:
    """Attachments for the log: all, or none when one of them is longer than the log takes."""
    return tuple(bodies) if all(body.size <= limit for body in bodies) else ()


def text_of(value: bytes | None) -> str | None:
    """A header's value, each byte a character, so that it can be written again as it came."""
    return None if value is None else value.decode("latin-1")


def _boundary(content_type: str | None) -> str | None:
    """The boundary of a multipart/related type that can be written, if this is one."""
    if content_type is None or not is_multipart_related(content_type):
        return None
    try:
        boundary = parse_content_type(content_type).parameters.get("boundary", "")
    except PeerError:
        return None
    return boundary if 1 <= len(boundary) <= 200 and boundary.isascii() and boundary.isprintable() else None
