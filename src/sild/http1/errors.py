"""What may go wrong on an HTTP connection, with X-Road's cause codes: decided here, at the seam.

X-Road maps socket failures to `network_error`, names that do not resolve to `unknown_host`, and every other I/O failure
(timeouts, TLS, an answer that is not HTTP) to `io_error` (WIRE 5.1).
"""

from __future__ import annotations

from sild.errors import PeerError, Unavailable

__all__ = ["BodyTooLarge", "BrokenMessage", "ConnectionLost", "TimedOut", "TlsFailed", "UnknownHost"]


class BrokenMessage(PeerError):
    """What came is not a whole HTTP/1.1 message: syntax, framing, or cut off."""

    code = "io_error"


class BodyTooLarge(PeerError):
    """The body is longer than the reader allows."""

    code = "invalid_body"


class TimedOut(Unavailable):
    """The peer was silent, or did not take our bytes, for longer than allowed."""

    code = "io_error"


class ConnectionLost(Unavailable):
    """No connection, or it ended before the answer began."""

    code = "network_error"


class UnknownHost(Unavailable):
    """The peer's name does not resolve."""

    code = "unknown_host"


class TlsFailed(Unavailable):
    """The TLS handshake failed."""

    code = "io_error"
