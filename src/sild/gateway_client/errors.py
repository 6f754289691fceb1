"""What the gateway says no with, by whose fault it is."""

from __future__ import annotations

from sild.errors import CallerError, PeerError, Unavailable

__all__ = ["GatewayRefused", "NoModel", "OutputRefused"]


class NoModel(Unavailable):
    """There is no model to ask, or the gateway is not there: go on without one."""

    code = "no_model"


class GatewayRefused(CallerError):
    """The key, the template or a value was refused; `code` is the gateway's."""

    code = "refused"


class OutputRefused(PeerError):
    """A model answered, and its answer was not fit to be handed over."""

    code = "output_refused"
