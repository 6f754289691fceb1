"""A transport message on its way in: read as a stream, its bodies spooled, everything the verifier needs collected.

The same on both sides: the provider's server reads requests with it, the client's server answers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from typing import Protocol

from sild.errors import PeerError
from sild.security_server.outgoing import numbered_parts
from sild.security_server.spool import SpooledBody
from sild.signatures import SignedPart
from sild.xroad.faults import Fault
from sild.xroad.transport import (
    BodyData,
    BodyStart,
    Event,
    FaultPart,
    HashChain,
    HashChainResult,
    MessageKind,
    MessagePart,
    OcspResponsePart,
    SignaturePart,
    TransportLimits,
    TransportMessageReader,
)

__all__ = ["ByteStream", "ReceivedMessage", "receive"]


class ByteStream(Protocol):
    """The next bytes of an HTTP body, empty at its end."""

    async def read_some(self) -> bytes: ...


class ReceivedMessage:
    """What has come so far. Closing it frees the spooled bodies."""

    __slots__ = (
        "bodies",
        "body_headers",
        "fault",
        "hash_chain",
        "hash_chain_result",
        "kind",
        "ocsp_responses",
        "part",
        "part_content_type",
        "part_digest",
        "part_fields",
        "signature",
    )

    def __init__(self) -> None:
        self.ocsp_responses: list[bytes] = []
        self.kind: MessageKind | None = None
        self.part = b""
        self.part_digest = b""
        self.part_content_type = ""
        self.part_fields: tuple[tuple[str, str], ...] = ()
        self.bodies: list[SpooledBody] = []
        self.body_headers: list[tuple[str, tuple[tuple[str, str], ...]]] = []
        self.hash_chain_result: bytes | None = None
        self.hash_chain: bytes | None = None
        self.signature: bytes | None = None
        self.fault: Fault | None = None

    @property
    def body(self) -> SpooledBody | None:
        """The REST body."""
        return self.bodies[0] if self.bodies else None

    @property
    def signed_parts(self) -> list[SignedPart]:
        """Exactly the parts that came, by the names a signature gives them."""
        return numbered_parts(self.part_digest, self.bodies)

    def close(self) -> None:
        for body in self.bodies:
            body.close()

    def take(self, event: Event, new_body: Callable[[], SpooledBody]) -> bool:
        """Take up one event of the reader; True when it was the message part."""
        match event:
            case BodyData():
                self.bodies[-1].write(event.data)
            case OcspResponsePart():
                self.ocsp_responses.append(event.der)
            case MessagePart():
                self.kind = event.kind
                self.part = event.data
                self.part_digest = hashlib.sha512(event.data).digest()
                self.part_content_type = event.content_type
                self.part_fields = event.fields
                return True
            case BodyStart():
                self.bodies.append(new_body())
                self.body_headers.append((event.content_type, event.fields))
            case HashChainResult():
                self.hash_chain_result = event.data
            case HashChain():
                self.hash_chain = event.data
            case SignaturePart():
                self.signature = event.data
            case FaultPart():
                self.fault = event.fault
        return False


async def receive(
    stream: ByteStream,
    content_type: str,
    *,
    into: ReceivedMessage,
    limits: TransportLimits,
    new_body: Callable[[], SpooledBody],
    bare_fault: bool,
    on_message: Callable[[ReceivedMessage], Awaitable[None] | None] | None = None,
) -> None:
    """Read a whole transport message.

    into: filled as parts arrive, so that the caller can free it whatever happens.
    on_message: called as soon as the message part is there; what it raises ends the reading (WIRE 5, step 4).
    Raises PeerError with the codes of WIRE 4, and the stream's own errors.
    """
    reader = TransportMessageReader(content_type, limits, bare_fault=bare_fault)
    while data := await stream.read_some():
        for event in reader.feed(data):
            if into.take(event, new_body) and on_message is not None:
                waits = on_message(into)
                if waits is not None:
                    await waits
    for event in reader.finish():
        into.take(event, new_body)


def require(part: bytes | None, code: str, text: str) -> bytes:
    """Raises PeerError unless the part came."""
    if part is None:
        raise PeerError(text, code=code)
    return part
