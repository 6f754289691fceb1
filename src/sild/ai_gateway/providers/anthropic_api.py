"""Anthropic's Messages API."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any

import anthropic

from sild.ai_gateway.profiles import ProviderSettings
from sild.ai_gateway.providers.calling import Sdk, failures_told, http_client
from sild.ai_gateway.providers.model import Ended, Prompt, ProviderFailed

if TYPE_CHECKING:
    from anthropic.types import RawMessageStreamEvent

__all__ = ["AnthropicProvider"]

SDK = Sdk(
    anthropic.APITimeoutError,
    anthropic.APIStatusError,
    anthropic.APIConnectionError,
    anthropic.AnthropicError,
)


class AnthropicProvider:
    """The API knows no seed, and its newest form no temperature: neither is passed, and the record says so."""

    def __init__(self, settings: ProviderSettings, key: str) -> None:
        self._settings = settings
        self._client = anthropic.AsyncAnthropic(
            api_key=key,
            base_url=settings.url or "https://api.anthropic.com",  # never from the environment
            max_retries=0,  # each try is one line of the ledger
            open_telemetry=False,
            http_client=http_client(settings.seconds),
        )

    def parameters(self, prompt: Prompt) -> Mapping[str, float | int]:
        return {"max_tokens": prompt.most_tokens}

    async def ask(self, prompt: Prompt) -> AsyncGenerator[str | Ended, None]:
        with failures_told(self._settings.name, SDK):
            stream = await self._client.messages.create(**self._request(prompt))
            async with stream:
                async for each in read_events(stream, self._settings.model):
                    yield each

    def _request(self, prompt: Prompt) -> dict[str, Any]:  # the SDK's keyword arguments
        system = [text for role, text in prompt.messages if role == "system"]
        if prompt.json_schema is not None:
            system.append(f"Answer with JSON alone that fits this schema:\n{json.dumps(prompt.json_schema)}")
        request: dict[str, Any] = {
            "model": self._settings.model,
            "messages": [
                {"role": role, "content": text} for role, text in prompt.messages if role != "system"
            ],
            "stream": True,
            **self.parameters(prompt),
        }
        if system:
            request["system"] = "\n\n".join(system)
        if self._settings.region_parameter is not None:
            request["inference_geo"] = self._settings.region_parameter
        return request

    async def close(self) -> None:
        await self._client.close()


async def read_events(
    stream: AsyncIterator[RawMessageStreamEvent], model: str
) -> AsyncGenerator[str | Ended, None]:
    """Texts of a stream and its end. Raises ProviderFailed (cut_off, tool)."""
    version, sent, received, finish, stopped = model, 0, 0, None, False
    async for event in stream:
        if event.type == "message_start":
            version, sent = event.message.model, event.message.usage.input_tokens
        elif event.type == "content_block_start" and event.content_block.type != "text":
            raise ProviderFailed("the model wanted to use a tool; it has none", why="tool")
        elif event.type == "content_block_delta" and event.delta.type == "text_delta":
            yield event.delta.text
        elif event.type == "message_delta":
            received, finish = event.usage.output_tokens, event.delta.stop_reason
        elif event.type == "message_stop":
            stopped = True
    if not stopped:
        raise ProviderFailed("the answer was cut off in the middle", why="cut_off")
    yield Ended(version, sent, received, finish_reason="length" if finish == "max_tokens" else "stop")
