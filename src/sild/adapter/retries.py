"""When a call may be sent again: the rule, without the clock.

| what happened | any method | idempotent ones |
|---|---|---|
| no connection: nothing was sent | again | again |
| a fault that says the service was never reached (`unknown_host`) | again | again |
| the connection broke before the answer was whole; a fault about a network, a file or a database | - | again |
| a gateway in between says 502, 503 or 504 | - | again |
| silence for longer than the time allowed; anything else | - | - |

Idempotent are GET, HEAD, OPTIONS, TRACE, PUT and DELETE (RFC 9110 9.2.2), and what the caller says is. Every repetition carries the
same X-Road-Id, so that both logs show one call. Silence is not repeated: what is slow gets slower when asked again.
"""

from __future__ import annotations

from dataclasses import dataclass

from sild.adapter.faults import XRoadFault
from sild.errors import PlatformError, Unavailable
from sild.http1 import BrokenMessage, ConnectionLost, TimedOut, TlsFailed

__all__ = ["Retries", "Sent"]

_NEVER_REACHED = frozenset({"unknown_host"})
_PASSING = frozenset({"network_error", "io_error", "unknown_host", "database_error"})


@dataclass(frozen=True, slots=True)
class Sent:
    """What is known of an attempt. bytes_sent: something of the request may have left.  repeatable: idempotent by method or by
    the caller's word.  replayable: its body can be sent again."""

    bytes_sent: bool
    repeatable: bool
    replayable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """attempts: in all, the first one included.  first_pause, longest_pause: seconds; each pause doubles."""

    attempts: int = 3
    first_pause: float = 0.1
    longest_pause: float = 2.0

    def pause_after(self, attempt: int, error: PlatformError, sent: Sent, *, chance: float) -> float | None:
        """Seconds to wait before the next attempt, or None for no more. chance: 0 to 1, so that many clients do not keep step."""
        if attempt >= self.attempts or not sent.replayable or not may_repeat(error, sent):
            return None
        pause = min(self.longest_pause, self.first_pause * 2.0 ** (attempt - 1)) * (0.5 + chance / 2)
        asked = error.retry_after if isinstance(error, Unavailable) else None
        if asked is None:
            return pause
        return max(pause, asked) if asked <= self.longest_pause else None


def may_repeat(error: PlatformError, sent: Sent) -> bool:
    """The table above."""
    if not sent.bytes_sent:
        return isinstance(error, Unavailable)
    if isinstance(error, XRoadFault):
        return error.code in _NEVER_REACHED or (
            sent.repeatable and error.code in _PASSING and isinstance(error, Unavailable)
        )
    if isinstance(error, TimedOut):
        return False
    broken = isinstance(error, ConnectionLost | BrokenMessage | TlsFailed)
    gateway = isinstance(error, Unavailable) and error.code == "http_error"
    return sent.repeatable and (broken or gateway)
