"""What one connection may cost: bytes held, seconds waited, connections open."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Limits"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a server or of one client connection. Times are in seconds, sizes in bytes.

    max_header_bytes: request line or status line and headers together (431 when a request has more); also what a
        chunked body may spend on chunk extensions or trailers without bringing a byte of body.
    header_timeout: from the first byte of a head to its last, however steadily it trickles.
    idle_timeout: a kept-alive connection on which nothing happens.
    body_timeout: without progress while somebody waits for a body, or for the peer to take our bytes.
    body_rate: bytes a second that a request's body must reach on the average of the time somebody waited for it, once
        body_timeout has been waited: a client cannot hold a handler for ever by a byte now and then.
    buffer_bytes: a body held for a slow reader, or written for a slow peer, before the sender is stopped.
    max_connections: open at once; one more is answered 503 (plain) or closed (TLS).
    max_address_connections: of those, from one address (of IPv6 a /64 is one); 0 is no bound, and there is none where only this
        machine can connect.
    discard_bytes: of a request body nobody wanted, read and dropped to keep the connection; more closes it.
    linger_timeout: the longest a closing connection waits for the peer to take the last bytes.
    """

    max_header_bytes: int = 64 * 1024
    header_timeout: float = 30.0
    idle_timeout: float = 75.0
    body_timeout: float = 60.0
    body_rate: int = 256
    buffer_bytes: int = 128 * 1024
    max_connections: int = 4096
    max_address_connections: int = 2048
    discard_bytes: int = 256 * 1024
    linger_timeout: float = 5.0
    handshake_timeout: float = 30.0
