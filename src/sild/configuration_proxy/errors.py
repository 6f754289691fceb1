"""Refusals of the configuration proxy's administration, with the codes X-Road has for them where it has one."""

from __future__ import annotations

from sild.errors import CallerError

__all__ = ["Conflict", "NotConfigured", "NotFound"]


class NotFound(CallerError):
    """There is no such proxy instance or signing key."""

    code = "load_instance_error"


class Conflict(CallerError):
    """There is one already, or it is in use."""

    code = "existing_instance_error"


class NotConfigured(CallerError):
    """Something the instance needs before it can do this: source anchor, signing key, validity interval."""

    code = "load_instance_error"
