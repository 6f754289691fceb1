"""A model behind the AI gateway, by the template `assistant-answer`: the question is of class `personal`, so local models alone get it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sild.assistant.rephrasing import SECONDS, Model, Sentence
from sild.errors import CallerError
from sild.gateway_client import AIGatewayClient, GatewayClient

__all__ = ["ALGORITHM", "PURPOSE", "TEMPLATE", "GatewayModel", "open_model"]

TEMPLATE = "assistant-answer"
ALGORITHM = "assistant"
"""Its entry in the algorithm register."""
PURPOSE = "say quotes again"
"""Of its key, as the entry names it."""


class GatewayModel:
    """`Model` over a client of the gateway, whose errors (NoModel, a refusal) go on to `rephrase`, which does without."""

    def __init__(self, gateway: AIGatewayClient) -> None:
        self._gateway = gateway

    async def rephrase(self, question: str, quotes: Sequence[str], language: str) -> Sequence[Sentence]:
        """Raises PlatformError."""
        clauses = "\n".join(f"[{number}] {quote}" for number, quote in enumerate(quotes, 1))
        slots = {"question": question, "clauses": clauses, "language": language}
        answer = await self._gateway.complete_async(TEMPLATE, slots)
        return [Sentence(one["text"], one["quote"] - 1) for one in answer.data["sentences"]]


def open_model(url: str | None, key_file: Path | None) -> Model | None:
    """None without `url`: the quotes stand alone. key_file: its first line. Raises CallerError: no key."""
    if url is None:
        return None
    if key_file is None:
        raise CallerError("the AI gateway is asked with a key: name its file")
    try:
        key = key_file.read_text(encoding="utf-8").partition("\n")[0].strip()
    except (OSError, UnicodeDecodeError) as error:
        raise CallerError(f"{key_file}: {error}") from error
    if not (key and key.isascii()):
        raise CallerError(f"{key_file} holds no key")
    return GatewayModel(GatewayClient(url, key, seconds=SECONDS))
