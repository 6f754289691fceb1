"""Named places at which a test may kill the process, to see that the log holds exactly what was answered.

Only a setting (`crash_at`) arms one; no environment variable and no request can.
"""

from __future__ import annotations

import os
import signal

from sild.errors import CallerError

__all__ = ["CRASH_POINTS", "CrashPoints"]

CRASH_POINTS = frozenset(
    {
        "client.request_signed",
        "client.request_logged",
        "client.request_sent",
        "client.response_verified",
        "client.response_logged",
        "provider.request_verified",
        "provider.request_logged",
        "provider.service_answered",
        "provider.response_signed",
        "provider.response_logged",
        "registration.request_recorded",
        "registration.request_answered",
    }
)


class CrashPoints:
    """`reach(name)` does nothing, unless that point is armed: then the process dies as by `kill -9`."""

    def __init__(self, armed: str | None = None) -> None:
        if armed is not None and armed not in CRASH_POINTS:
            raise CallerError(f"no such crash point: {armed}", code="bad_request")
        self._armed = armed

    def reach(self, name: str) -> None:
        if name == self._armed:
            os.kill(os.getpid(), signal.SIGKILL)
