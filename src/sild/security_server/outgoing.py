"""What both sides do to a message before it may leave: sign it, log it, write its parts (WIRE 4, 6, 17)."""

from __future__ import annotations

from sild.security_server.spool import SpooledBody
from sild.signatures import SignedPart
from sild.signer import SignedMessage
from sild.xroad.transport import TransportMessageWriter

__all__ = ["signature_parts", "signed_parts"]


def signed_parts(part_digest: bytes, body: SpooledBody | None) -> list[SignedPart]:
    """Without a body a plain signature, with one a hash chain: the signer decides by the number of parts."""
    parts = [SignedPart("/message.xml", part_digest)]
    if body is not None:
        parts.append(SignedPart("/attachment1", body.digest))
    return parts


def signature_parts(writer: TransportMessageWriter, signed: SignedMessage) -> bytes:
    """The last parts of a transport message, and its end."""
    chain = b""
    if signed.hash_chain_result is not None and signed.hash_chain is not None:
        chain = writer.hash_chain(signed.hash_chain_result, signed.hash_chain)
    return chain + writer.signature(signed.signature) + writer.end()
