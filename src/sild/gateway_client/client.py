"""The calls: one answer, or its words as they come."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any, Protocol

from sild.errors import PeerError, PlatformError, Unavailable
from sild.gateway_client.errors import GatewayRefused, NoModel, OutputRefused
from sild.gateway_client.record import Completion, read_record
from sild.http1 import AnyTls, fetch

__all__ = ["AIGatewayClient", "GatewayClient"]

_MOST_BYTES = 4 * 1024 * 1024


class AIGatewayClient(Protocol):
    """What rooms ask of the gateway; tests of theirs may stand in with a written double."""

    def complete(
        self, template: str, slots: Mapping[str, str], *, classes: Mapping[str, str] = ...
    ) -> Completion: ...

    async def complete_async(
        self, template: str, slots: Mapping[str, str], *, classes: Mapping[str, str] = ...
    ) -> Completion: ...


class GatewayClient:
    """url: of the gateway, without `/v1`.  seconds: for a whole call.  tls: for https; by default the system's CAs."""

    def __init__(self, url: str, key: str, *, seconds: float = 60.0, tls: AnyTls | None = None) -> None:
        self._url = url.rstrip("/")
        self._headers = (
            (b"Authorization", f"Bearer {key}".encode()),
            (b"Content-Type", b"application/json"),
        )
        self._seconds = seconds
        self._tls = tls

    def complete(
        self, template: str, slots: Mapping[str, str], *, classes: Mapping[str, str] | None = None
    ) -> Completion:
        """As `complete_async`, for threads without an event loop."""
        return asyncio.run(self.complete_async(template, slots, classes=classes))

    async def complete_async(
        self, template: str, slots: Mapping[str, str], *, classes: Mapping[str, str] | None = None
    ) -> Completion:
        """Fill `template` (`id` or `id@version`) with `slots` and ask.

        classes: by slot, where a value is more guarded than its slot says.
        Raises NoModel (go on without), Unavailable (`provider_failed`, `budget_spent`, ...), GatewayRefused (key, template,
        value; nothing was sent), OutputRefused (the answer was not fit), PeerError (no gateway answers there).
        """
        asked = {"model": template, "slots": dict(slots), "classes": dict(classes or {})}
        status, body = await self._post("/v1/chat/completions", asked)
        content = _json(body)
        if status != 200:
            raise _refusal(status, content)
        try:
            text = str(content["choices"][0]["message"]["content"])
        except (TypeError, KeyError, IndexError) as error:
            raise PeerError("the gateway's answer is no completion", code="invalid_answer") from error
        call = read_record(content.get("sild"))
        return Completion(text, json.loads(text) if call.schema is not None else None, call)

    async def _post(self, path: str, content: Mapping[str, object]) -> tuple[int, bytes]:
        body = json.dumps(content, ensure_ascii=False).encode()
        try:
            answer = await fetch(
                self._url + path,
                method="POST",
                body=body,
                headers=[*self._headers, (b"Content-Length", str(len(body)).encode())],
                timeout=self._seconds,
                max_bytes=_MOST_BYTES,
                tls=self._tls,
            )
        except Unavailable as error:
            raise NoModel(
                f"the AI gateway cannot be reached: {error.message}", code="gateway_unreachable"
            ) from error
        return answer.status, answer.body


def _json(body: bytes) -> Any:  # JSON as json.loads gives it
    try:
        return json.loads(body)
    except ValueError as error:
        raise PeerError("the gateway's answer is no JSON", code="invalid_answer") from error


def _refusal(status: int, content: Any) -> PlatformError:  # JSON as json.loads gives it
    try:
        error = content["error"]
        message, code = str(error["message"]), str(error["code"])
    except (TypeError, KeyError):
        return PeerError(f"the gateway answered {status}", code="invalid_answer")
    if code == "no_model":
        return NoModel(message)
    if code == "output_refused":
        return OutputRefused(message)
    if status == 429 or status >= 500:
        return Unavailable(message, code=code)
    return GatewayRefused(message, code=code)
