"""Who is at the other end of a TLS connection."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["TlsPeer"]


@dataclass(frozen=True, slots=True)
class TlsPeer:
    """What the handshake proved: the peer holds the key of `certificate`. Whose it is, the caller decides.

    certificate: DER, or None when the peer showed none.  chain: DER as the peer sent it, its own certificate first.
    version: `TLSv1.2`, `TLSv1.3`.  cipher: OpenSSL's name.
    """

    certificate: bytes | None
    chain: tuple[bytes, ...]
    cipher: str
    version: str
