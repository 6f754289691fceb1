"""What can go wrong between a security server and an ACME server. Codes are X-Road's (`acme.…`)."""

from __future__ import annotations

from sild.errors import CallerError, Unavailable

__all__ = ["AcmeRefusal", "AcmeUnavailable"]


class AcmeRefusal(CallerError):
    """Asking again in the same way will fail again; the message names what to do."""

    code = "acme.order_creation_failure"


class AcmeUnavailable(Unavailable):
    """The authority, or the way to it, is not there now. An order that was begun goes on later with the same key."""

    code = "acme.order_creation_failure"
