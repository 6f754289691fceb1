"""OpenAI, and any server that speaks its chat completions: llama.cpp's, vLLM's, Ollama's."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any

import openai

from sild.ai_gateway.profiles import ProviderSettings
from sild.ai_gateway.providers.calling import Sdk, failures_told, http_client
from sild.ai_gateway.providers.model import Ended, Prompt, ProviderFailed

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletionChunk

__all__ = ["OpenAIProvider"]

SDK = Sdk(openai.APITimeoutError, openai.APIStatusError, openai.APIConnectionError, openai.OpenAIError)


class OpenAIProvider:
    """Streams always, so that a slow answer shows and a cut one is noticed. Nothing is stored at the provider (`store`)."""

    def __init__(self, settings: ProviderSettings, key: str) -> None:
        self._settings = settings
        self._client = openai.AsyncOpenAI(
            api_key=key,
            base_url=settings.url or "https://api.openai.com/v1",  # never from the environment
            organization="",
            project="",
            max_retries=0,  # each try is one line of the ledger
            http_client=http_client(settings.seconds),
        )

    def parameters(self, prompt: Prompt) -> Mapping[str, float | int]:
        found = {"max_tokens": prompt.most_tokens, "temperature": prompt.temperature, "seed": prompt.seed}
        return {name: value for name, value in found.items() if value is not None}

    async def ask(self, prompt: Prompt) -> AsyncGenerator[str | Ended, None]:
        with failures_told(self._settings.name, SDK):
            stream = await self._client.chat.completions.create(**self._request(prompt))
            async with stream:
                async for each in read_chunks(stream, self._settings.model):
                    yield each

    def _request(self, prompt: Prompt) -> dict[str, Any]:  # the SDK's keyword arguments
        request: dict[str, Any] = {
            "model": self._settings.model,
            "messages": [{"role": role, "content": text} for role, text in prompt.messages],
            "stream": True,
            "stream_options": {"include_usage": True},
            **self.parameters(prompt),
        }
        if self._settings.kind == "openai":
            request["max_completion_tokens"] = request.pop("max_tokens")
            request["store"] = False
        if prompt.json_schema is not None:
            form = {"name": "answer", "schema": dict(prompt.json_schema), "strict": True}
            request["response_format"] = {"type": "json_schema", "json_schema": form}
        return request

    async def close(self) -> None:
        await self._client.close()


async def read_chunks(
    stream: AsyncIterator[ChatCompletionChunk], model: str
) -> AsyncGenerator[str | Ended, None]:
    """Texts of a stream and its end. Raises ProviderFailed (cut_off, tool)."""
    version, finish, tokens = model, None, (0, 0)
    async for chunk in stream:
        version = chunk.model or version
        if chunk.usage is not None:
            tokens = (chunk.usage.prompt_tokens, chunk.usage.completion_tokens)
        for choice in chunk.choices[:1]:
            if choice.delta.tool_calls or choice.delta.function_call:
                raise ProviderFailed("the model wanted to use a tool; it has none", why="tool")
            if choice.delta.content:
                yield choice.delta.content
            finish = choice.finish_reason or finish
    if finish is None:
        raise ProviderFailed("the answer was cut off in the middle", why="cut_off")
    yield Ended(version, *tokens, finish_reason="length" if finish == "length" else "stop")
