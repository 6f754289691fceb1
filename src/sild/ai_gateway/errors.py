"""Refusals of the gateway, each with a sentence a person can read. None repeats what was to be sent."""

from __future__ import annotations

from sild.errors import CallerError, Unavailable

__all__ = ["BudgetSpent", "KeyRefused", "NoModel", "PromptRefused"]


class KeyRefused(CallerError):
    """The key is unknown, expired or revoked, or what it was given for is no longer in the algorithm register."""

    code = "key_refused"


class PromptRefused(CallerError):
    """What was to be sent may go to no model, or to none that can be asked. `why` is the verdict's reason."""

    code = "prompt_refused"

    def __init__(self, message: str, *, why: str) -> None:
        super().__init__(message, why=why)
        self.why = why


class NoModel(Unavailable):
    """There is no model that may be asked. Callers go on without: by search, by rules, by people."""

    code = "no_model"


class BudgetSpent(Unavailable):
    """The key's tokens of the day or calls of the minute are used up."""

    code = "budget_spent"
