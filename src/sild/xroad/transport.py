"""The message between two security servers: multipart, read as a stream and written piece by piece (WIRE 4; PR-MESSTRANSP 4.1).

The reader is a table: where it stands and the type of the next part say where it stands then. Anything else is
`invalid_content_type`, anything after the signature `invalid_message`.

    state \\ part    ocsp   rest-*   SOAP*  rest-body  multipart  chain-result  chain  signature  fault
    START           START  REST     SOAP   -          -          -             -      -          SOAP
    REST            -      -        -      ATTACHED   -          CHAIN         -      DONE       DONE
    SOAP            -      -        -      -          ATTACHED   CHAIN         -      DONE       DONE
    ATTACHED        -      -        -      -          -          CHAIN         -      DONE       DONE
    CHAIN           -      -        -      -          -          -             SIGNED -          DONE
    SIGNED          -      -        -      -          -          -             -      DONE       DONE

The reference also takes a chain without its result and a result without its chain; here they come together or not at all.
A REST body and SOAP attachments are the same to the reader, numbered as the signature names them: `/attachment1`, ...
They are handed on as they arrive and kept nowhere, so a body may be larger than memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, IntEnum, auto

from sild.errors import PeerError
from sild.xroad.faults import Fault, parse_soap_fault
from sild.xroad.mime import MultipartScanner, PartHeaders, parse_content_type

__all__ = [
    "BodyData",
    "BodyEnd",
    "BodyStart",
    "End",
    "Event",
    "FaultPart",
    "HashChain",
    "HashChainResult",
    "MessageKind",
    "MessagePart",
    "OcspResponsePart",
    "SignaturePart",
    "TransportLimits",
    "TransportMessageReader",
    "TransportMessageWriter",
]

OCSP_RESPONSE = "application/ocsp-response"
REST_REQUEST = "application/x-road-rest-request"
REST_RESPONSE = "application/x-road-rest-response"
REST_BODY = "application/x-road-rest-body"
TEXT_XML = "text/xml"
XOP_XML = "application/xop+xml"
MULTIPART_MIXED = "multipart/mixed"
HASH_CHAIN_RESULT = "application/hash-chain-result"
HASH_CHAIN = "application/hash-chain"
SIGNATURE = "signature/bdoc-1.0/ts"


_FAULT = re.compile(rb"[<:]Fault[\s/>]")


class MessageKind(Enum):
    REST_REQUEST = auto()
    REST_RESPONSE = auto()
    SOAP = auto()


@dataclass(frozen=True, slots=True)
class OcspResponsePart:
    """DER of an OCSPResponse for a certificate of the sender's TLS chain."""

    der: bytes


@dataclass(frozen=True, slots=True)
class MessagePart:
    """The message itself. data: the exact bytes that were signed.  fields: other headers of the part, unsigned."""

    kind: MessageKind
    data: bytes
    content_type: str
    fields: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class BodyStart:
    """A REST body (number 1) or SOAP attachment begins; the signature calls it `/attachment<number>`."""

    number: int
    content_type: str
    fields: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class BodyData:
    data: bytes


@dataclass(frozen=True, slots=True)
class BodyEnd:
    pass


@dataclass(frozen=True, slots=True)
class HashChainResult:
    data: bytes


@dataclass(frozen=True, slots=True)
class HashChain:
    data: bytes


@dataclass(frozen=True, slots=True)
class SignaturePart:
    """signatures.xml, UTF-8."""

    data: bytes


@dataclass(frozen=True, slots=True)
class FaultPart:
    """The other side failed: instead of the whole message, of the message part or of the signature."""

    fault: Fault


@dataclass(frozen=True, slots=True)
class End:
    """The closing boundary. What has not come by now (message, signature) is missing."""


Event = (
    OcspResponsePart
    | MessagePart
    | BodyStart
    | BodyData
    | BodyEnd
    | HashChainResult
    | HashChain
    | SignaturePart
    | FaultPart
    | End
)


@dataclass(frozen=True, slots=True)
class TransportLimits:
    """Bytes unless the name says otherwise. Bodies and attachments are bounded by who stores them, or by max_body_bytes."""

    max_header_bytes: int = 16_384
    max_ocsp_responses: int = 16
    max_ocsp_bytes: int = 64 * 1024
    max_rest_bytes: int = 256 * 1024
    max_soap_bytes: int = 64 * 1024 * 1024
    max_signature_bytes: int = 1024 * 1024
    max_hash_chain_bytes: int = 1024 * 1024
    max_fault_bytes: int = 256 * 1024
    max_attachments: int = 1000
    max_body_bytes: int | None = None


_DEFAULT_LIMITS = TransportLimits()
_NO_HEADERS = PartHeaders(TEXT_XML, TEXT_XML, ())


class _State(IntEnum):  # of int, whose hash costs nothing: the table is looked up for each part
    START = auto()
    REST = auto()
    SOAP = auto()
    ATTACHED = auto()
    CHAIN = auto()
    SIGNED = auto()
    DONE = auto()


_NEXT: dict[tuple[_State, str], _State] = {
    (_State.START, OCSP_RESPONSE): _State.START,
    (_State.START, REST_REQUEST): _State.REST,
    (_State.START, REST_RESPONSE): _State.REST,
    (_State.START, TEXT_XML): _State.SOAP,
    (_State.START, XOP_XML): _State.SOAP,
    (_State.REST, REST_BODY): _State.ATTACHED,
    (_State.REST, HASH_CHAIN_RESULT): _State.CHAIN,
    (_State.REST, SIGNATURE): _State.DONE,
    (_State.REST, TEXT_XML): _State.DONE,
    (_State.SOAP, MULTIPART_MIXED): _State.ATTACHED,
    (_State.SOAP, HASH_CHAIN_RESULT): _State.CHAIN,
    (_State.SOAP, SIGNATURE): _State.DONE,
    (_State.SOAP, TEXT_XML): _State.DONE,
    (_State.ATTACHED, HASH_CHAIN_RESULT): _State.CHAIN,
    (_State.ATTACHED, SIGNATURE): _State.DONE,
    (_State.ATTACHED, TEXT_XML): _State.DONE,
    (_State.CHAIN, HASH_CHAIN): _State.SIGNED,
    (_State.CHAIN, TEXT_XML): _State.DONE,
    (_State.SIGNED, SIGNATURE): _State.DONE,
    (_State.SIGNED, TEXT_XML): _State.DONE,
}
"""From a state, by the media type of the next part. A text/xml part that leads to DONE must be a fault."""


class TransportMessageReader:
    """Reads one transport message: `feed` bytes as they come and take the events, then `finish` at the end of input.

    Any cutting of the input gives the same events, but for the cuts of BodyData. After a PeerError the reader is spent.
    """

    def __init__(
        self, content_type: str, limits: TransportLimits | None = None, *, bare_fault: bool = True
    ) -> None:
        """content_type: of the HTTP message.  bare_fault: a text/xml message is a fault (answers; never in requests).

        Raises PeerError `invalid_content_type`.
        """
        self._limits = limits or _DEFAULT_LIMITS
        self._events: list[Event] = []
        self._error: PeerError | None = None
        self._state = _State.START
        self._type = TEXT_XML
        self._limit = self._limits.max_fault_bytes
        self._headers = _NO_HEADERS
        self._chunks: list[bytes] = []
        self._size = 0
        self._bodies = 0
        self._ocsp_responses = 0
        self._attachments: MultipartScanner | None = None
        self._outer: MultipartScanner | None = None
        kind = parse_content_type(content_type)
        if kind.media_type == MULTIPART_MIXED:
            boundary = kind.parameters.get("boundary", "")
            self._outer = MultipartScanner(boundary, self, max_header_bytes=self._limits.max_header_bytes)
        elif not (bare_fault and kind.media_type == TEXT_XML):
            raise PeerError(f"Invalid content type: {kind.media_type}", code="invalid_content_type")

    def feed(self, data: bytes) -> list[Event]:
        """What `data` completes. Raises PeerError with the codes of WIRE 4; a fault's own XML errors too.

        An error behind whole events waits until they are taken: the next `feed` or `finish` raises it, so what a reader
        finds first does not hang on how the input was cut.
        """
        if self._error is not None:
            raise self._error
        try:
            if self._outer is None:
                self._keep(data)
            else:
                self._outer.feed(data)
        except PeerError as error:
            self._error = error
            if not self._events:
                raise
        events, self._events = self._events, []
        return events

    def finish(self) -> list[Event]:
        """The input is over. Raises PeerError (`io_error`) when the message is not."""
        if self._error is not None:
            raise self._error
        if self._outer is not None:
            self._outer.finish()
            return []
        fault = parse_soap_fault(b"".join(self._chunks))
        if fault is None:
            raise PeerError("Expected fault message, but got regular SOAP message", code="invalid_message")
        return [FaultPart(fault), End()]

    # --- the parts, as the scanner finds them (PartSink)

    def part_begin(self, headers: PartHeaders) -> None:
        state = self._state
        self._type = headers.media_type
        following = _NEXT.get((state, headers.media_type))
        if following is None:
            raise self._unexpected(headers.media_type)
        self._headers = headers
        self._chunks.clear()
        self._size = 0
        self._state = following
        if following is _State.ATTACHED:
            self._begin_bodies(headers)
        else:
            self._limit = self._limit_of(headers.media_type, following)

    def _unexpected(self, media_type: str) -> PeerError:
        if self._state is _State.DONE:
            return PeerError(f"Extra content ({media_type}) after signature", code="invalid_message")
        return PeerError(f"Unexpected part of type {media_type!r}", code="invalid_content_type")

    def _limit_of(self, media_type: str, following: _State) -> int:
        limits = self._limits
        if following is _State.REST:
            return limits.max_rest_bytes
        if following is _State.SOAP:
            return limits.max_soap_bytes
        if media_type == OCSP_RESPONSE:
            self._ocsp_responses += 1
            if self._ocsp_responses > limits.max_ocsp_responses:
                raise PeerError("too many OCSP responses", code="invalid_message")
            return limits.max_ocsp_bytes
        if media_type == SIGNATURE:
            return limits.max_signature_bytes
        return limits.max_fault_bytes if media_type == TEXT_XML else limits.max_hash_chain_bytes

    def part_data(self, data: bytes) -> None:
        if self._state is not _State.ATTACHED:
            self._keep(data)
        elif self._attachments is not None:
            self._attachments.feed(data)
        else:
            self.body_data(data)

    def _keep(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > self._limit:
            raise PeerError(
                f"a part of type {self._type} is larger than {self._limit} bytes", code="invalid_message"
            )
        self._chunks.append(data)

    def part_end(self) -> None:
        if self._state is _State.ATTACHED:
            self._end_bodies()
            return
        data = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._events.append(self._event(data))

    def _event(self, data: bytes) -> Event:
        kind = self._type
        if kind == OCSP_RESPONSE:
            if not _is_der_sequence(data):
                raise PeerError("an OCSP response part is no DER", code="io_error")
            return OcspResponsePart(data)
        if kind == SIGNATURE:
            return SignaturePart(data)
        if kind == HASH_CHAIN_RESULT:
            return HashChainResult(data)
        if kind == HASH_CHAIN:
            return HashChain(data)
        headers = self._headers
        if kind == REST_REQUEST:
            return MessagePart(MessageKind.REST_REQUEST, data, headers.content_type, headers.fields)
        if kind == REST_RESPONSE:
            return MessagePart(MessageKind.REST_RESPONSE, data, headers.content_type, headers.fields)
        return self._soap_or_fault(data)

    def _soap_or_fault(self, data: bytes) -> Event:
        # Only what can hold the element is read as XML here; a document in another encoding than ASCII's kin has NULs.
        fault = parse_soap_fault(data) if _FAULT.search(data) or b"\x00" in data else None
        if fault is not None:
            return FaultPart(fault)
        if self._state is _State.DONE:
            raise PeerError(
                f"Received invalid content type instead of signature: {self._type}",
                code="invalid_content_type",
            )
        return MessagePart(MessageKind.SOAP, data, self._headers.content_type, self._headers.fields)

    def multipart_end(self) -> None:
        self._events.append(End())

    # --- bodies: one REST body, or the attachments of a nested multipart

    def _begin_bodies(self, headers: PartHeaders) -> None:
        if headers.media_type == REST_BODY:
            self.body_begin(headers)
            return
        boundary = parse_content_type(headers.content_type).parameters.get("boundary", "")
        self._attachments = MultipartScanner(
            boundary, _AttachmentSink(self), max_header_bytes=self._limits.max_header_bytes
        )

    def _end_bodies(self) -> None:
        if self._attachments is None:
            self.body_end()
        elif not self._attachments.ended:
            raise PeerError("the attachments have no closing boundary", code="mime_parsing_failed")

    def body_begin(self, headers: PartHeaders) -> None:
        self._bodies += 1
        if self._bodies > self._limits.max_attachments:
            raise PeerError("too many attachments", code="invalid_message")
        self._events.append(BodyStart(self._bodies, headers.content_type, headers.fields))

    def body_data(self, data: bytes) -> None:
        self._size += len(data)
        if self._limits.max_body_bytes is not None and self._size > self._limits.max_body_bytes:
            raise PeerError("the body is larger than is allowed here", code="invalid_message")
        self._events.append(BodyData(data))

    def body_end(self) -> None:
        self._events.append(BodyEnd())


def _is_der_sequence(data: bytes) -> bool:
    """One SEQUENCE with a definite length that ends where `data` ends (X.690 8.1, 10.1)."""
    if len(data) < 2 or data[0] != 0x30:
        return False
    octets = data[1] & 0x7F if data[1] & 0x80 else 0
    length = int.from_bytes(data[2 : 2 + octets], "big") if octets else data[1]
    return 2 + octets + length == len(data)


class _AttachmentSink:
    """Parts of the nested multipart are the bodies of the message."""

    def __init__(self, reader: TransportMessageReader) -> None:
        self.part_begin = reader.body_begin
        self.part_data = reader.body_data
        self.part_end = reader.body_end

    def multipart_end(self) -> None:
        pass


class TransportMessageWriter:
    """The bytes of one transport message, part by part; the caller writes them in the order of the table above.

    Each call gives bytes to send. Between `body_begin` and the next call the body itself goes out as it is.
    """

    def __init__(self, letters: str) -> None:
        """letters: 30 random letters, so that no body holds the boundary."""
        self._letters = letters
        self._outer = f"--xtop{letters}\r\n".encode()
        self._separator = b""
        self._nested = False
        self.content_type = f"multipart/mixed; charset=UTF-8; boundary=xtop{letters}"

    def _begin(self, content_type: str, fields: Iterable[tuple[str, str]] = ()) -> bytes:
        begin = b"%s%scontent-type: %s\r\n%s\r\n" % (
            self._separator,
            self._outer,
            content_type.encode("latin-1"),
            _lines(fields),
        )
        self._separator = b"\r\n"
        return begin

    def ocsp(self, der: bytes) -> bytes:
        return self._begin(OCSP_RESPONSE) + der

    def message(self, data: bytes, content_type: str, fields: Iterable[tuple[str, str]] = ()) -> bytes:
        """content_type: REST_REQUEST, REST_RESPONSE, or the SOAP part's own (`text/xml; charset=UTF-8`).

        fields: a SOAP part's other headers, as they came.
        """
        return self._begin(content_type, fields) + data

    def body_begin(self) -> bytes:
        """The REST body follows, raw."""
        return self._begin(REST_BODY)

    def attachments_begin(self) -> bytes:
        self._nested = True
        return self._begin(f"{MULTIPART_MIXED}; charset=UTF-8; boundary=xatt{self._letters}")

    def attachment_begin(self, content_type: str, fields: Iterable[tuple[str, str]] = ()) -> bytes:
        """One attachment follows, raw. content_type: empty for none.  fields: its other headers, as they came."""
        kind = f"content-type: {content_type}\r\n" if content_type else ""
        head = f"\r\n--xatt{self._letters}\r\n{kind}".encode("latin-1")
        return head + _lines(fields) + b"\r\n"

    def attachments_end(self) -> bytes:
        self._nested = False
        return f"\r\n--xatt{self._letters}--\r\n".encode()

    def hash_chain(self, result: bytes, chain: bytes) -> bytes:
        return self._begin(HASH_CHAIN_RESULT) + result + self._begin(HASH_CHAIN) + chain

    def signature(self, xml: bytes) -> bytes:
        return self._begin(SIGNATURE) + xml

    def fault(self, xml: bytes) -> bytes:
        """A fault in place of the message or the signature; `end` comes next. Ends attachments that have begun."""
        nested = self.attachments_end() if self._nested else b""
        return nested + self._begin("text/xml; charset=UTF-8") + xml

    def end(self) -> bytes:
        return b"\r\n--xtop%s--\r\n" % self._letters.encode()


def _lines(fields: Iterable[tuple[str, str]]) -> bytes:
    return "".join(f"{name}: {value}\r\n" for name, value in fields).encode("latin-1")
