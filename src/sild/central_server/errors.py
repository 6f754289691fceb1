"""Refusals of the central server: X-Road's administration error codes, told apart by what an edge needs to know.

The three kinds become 400, 404 and 409 on X-Road's administration API; this room knows no HTTP status.
"""

from __future__ import annotations

from sild.errors import CallerError

__all__ = ["Conflict", "NotFound"]


class NotFound(CallerError):
    """What the caller names does not exist: `member_not_found`, `security_server_not_found`, ..."""

    code = "not_found"


class Conflict(CallerError):
    """It exists already, or something else depends on it: `member_exists`, `member_class_is_in_use`, ..."""

    code = "conflict"
