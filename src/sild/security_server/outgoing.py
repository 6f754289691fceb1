"""What both sides do to a message before it may leave: hold it, name what is signed, write its last parts (WIRE 4, 6)."""

from __future__ import annotations

from collections.abc import Sequence

from sild.http1 import ClientResponse, Connection, Header, Outgoing
from sild.security_server.spool import SpooledBody
from sild.signatures import SignedPart
from sild.signer import SignedMessage
from sild.xroad.transport import TransportMessageWriter

__all__ = ["PROXY_VERSION", "OutgoingMessage", "numbered_parts", "signature_parts", "signed_parts"]

PROXY_VERSION = b"7.8.0"


def signed_parts(part_digest: bytes, body: SpooledBody | None) -> list[SignedPart]:
    """Without a body a plain signature, with one a hash chain: the signer decides by the number of parts."""
    parts = [SignedPart("/message.xml", part_digest)]
    if body is not None:
        parts.append(SignedPart("/attachment1", body.digest))
    return parts


def numbered_parts(part_digest: bytes, bodies: Sequence[SpooledBody]) -> list[SignedPart]:
    """The parts of a message with any number of bodies, by the names a signature gives them."""
    parts = [SignedPart("/message.xml", part_digest)]
    for number, body in enumerate(bodies, 1):
        parts.append(SignedPart(f"/attachment{number}", body.digest))
    return parts


def signature_parts(writer: TransportMessageWriter, signed: SignedMessage) -> bytes:
    """The last parts of a transport message, and its end."""
    chain = b""
    if signed.hash_chain_result is not None and signed.hash_chain is not None:
        chain = writer.hash_chain(signed.hash_chain_result, signed.hash_chain)
    return chain + writer.signature(signed.signature) + writer.end()


class OutgoingMessage:
    """A message to a peer, held back until it is worth a write: a small one leaves in one piece, head included."""

    __slots__ = ("_connection", "_headers", "_outgoing", "_pieces", "held")

    def __init__(self, connection: Connection, headers: Sequence[Header]) -> None:
        self._connection = connection
        self._headers = headers
        self._outgoing: Outgoing | None = None
        self._pieces: list[bytes] = []
        self.held = 0

    @property
    def answered(self) -> bool:
        """The provider's server did not wait for the end: it has refused."""
        return self._outgoing is not None and self._outgoing.answered

    def hold(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self.held += len(piece)

    async def flush(self) -> None:
        await (await self._started()).write(self._taken())

    async def finish(self, piece: bytes) -> None:
        self.hold(piece)
        await (await self._started()).finish(self._taken())

    async def response(self, read_timeout: float | None) -> ClientResponse:
        return await (await self._started()).response(read_timeout)

    async def _started(self) -> Outgoing:
        if self._outgoing is None:
            self._outgoing = await self._connection.start("POST", b"/", self._headers)
        return self._outgoing

    def _taken(self) -> bytes:
        taken = b"".join(self._pieces)
        self._pieces.clear()
        self.held = 0
        return taken
