"""What every provider does: take a prompt, give text piece by piece, and say at the end what answered and what it cost."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from sild.errors import Unavailable

__all__ = ["Ended", "ModelProvider", "Prompt", "ProviderFailed"]

Why = Literal["down", "timeout", "overloaded", "refused", "nonsense", "cut_off", "tool", "killed"]


@dataclass(frozen=True, slots=True)
class Prompt:
    """messages: role and text.  json_schema: the form an answer should have, where the provider can be told."""

    messages: tuple[tuple[str, str], ...]
    most_tokens: int
    temperature: float | None = None
    seed: int | None = None
    json_schema: Mapping[str, Any] | None = None  # JSON Schema


@dataclass(frozen=True, slots=True)
class Ended:
    """The last thing an answer says. An answer without it was cut off.

    reported_version: the model as the provider names it in the answer.  tokens: as the provider counts them.
    """

    reported_version: str
    input_tokens: int
    output_tokens: int
    finish_reason: Literal["stop", "length"] = "stop"


class ProviderFailed(Unavailable):
    """No answer, or none to be used. `why` is for ledger and breaker, the message for people; neither holds content."""

    code = "provider_failed"

    def __init__(self, message: str, *, why: Why, retry_after: float | None = None) -> None:
        super().__init__(message, retry_after=retry_after, why=why)
        self.why: Why = why

    @property
    def may_be_asked_again(self) -> bool:
        return self.why in ("down", "overloaded")


class ModelProvider(Protocol):
    """A model. Asking it twice at once is allowed."""

    def ask(self, prompt: Prompt) -> AsyncGenerator[str | Ended, None]:
        """Texts, then `Ended`. Raises ProviderFailed. The caller bounds the time and closes the iterator."""

    def parameters(self, prompt: Prompt) -> Mapping[str, float | int]:
        """Those of `prompt` this provider is passed."""

    async def close(self) -> None: ...
