"""The gateway's wire: OpenAI's chat completions and models, its errors; the public egress report; metrics on an address of their own.

POST /v1/chat/completions   GET /v1/models[/{id}]                      with `Authorization: Bearer KEY`
GET /egress/{day}.json|.csv GET /egress (the latest days, for people)   GET /health
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from datetime import date, timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from sild.ai_gateway.daily import DailyReports
from sild.ai_gateway.egress_page import LANGUAGES, egress_page
from sild.ai_gateway.errors import BudgetSpent, KeyRefused, NoModel, PromptRefused
from sild.ai_gateway.gateway import Completed, Gateway
from sild.ai_gateway.judgement import Question
from sild.ai_gateway.outputs import OutputRefused
from sild.ai_gateway.providers import ProviderFailed
from sild.ai_gateway.store import GatewayKey
from sild.errors import CallerError, PlatformError, Unavailable
from sild.i18n import parse_accept_language
from sild.telemetry import get_logger

__all__ = ["gateway_app", "metrics_app"]

log = get_logger("ai_gateway")

_MOST_BYTES = 1024 * 1024
_DAYS_SHOWN = 30
_COOKIE = "egress-language"
"""What a reader chose on this page."""
_PORTAL_COOKIE = "__Host-portal-language"
"""What they chose on the portal: it comes along where both are on one host."""
_FOREIGN = "en"
"""For a reader who names languages, and none of ours."""
_YEAR = 365 * 24 * 3600
_PROMETHEUS = "text/plain; version=1.0.0; charset=utf-8"


class _Message(BaseModel):
    role: str
    content: str | list[dict[str, Any]] | None = None

    def text(self) -> str:
        if isinstance(self.content, str):
            return self.content
        parts = self.content or []
        if any(part.get("type") != "text" for part in parts):
            raise CallerError("text is all that can be sent", code="unsupported_content")
        return "\n".join(str(part.get("text", "")) for part in parts)


class _StreamOptions(BaseModel):
    include_usage: bool = False


class _Request(BaseModel):
    """A chat completion as far as it means anything here. Temperature and seed are the template's: given ones are passed over."""

    model_config = ConfigDict(extra="forbid")

    model: str
    messages: list[_Message] = []
    slots: dict[str, str] = {}
    classes: dict[str, str] = {}
    stream: bool = False
    stream_options: _StreamOptions = _StreamOptions()
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    n: int = Field(default=1, ge=1, le=1)
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    user: str | None = None


def gateway_app(gateway: Gateway) -> Starlette:
    """The application; `gateway.run()` runs beside it."""
    edge = _Edge(gateway)
    return Starlette(
        routes=[
            Route("/v1/chat/completions", edge.complete, methods=["POST"]),
            Route("/v1/models", edge.models),
            Route("/v1/models/{name}", edge.model),
            Route("/egress", edge.page),
            Route("/egress/{day}.{form}", edge.report),
            Route("/health", edge.health),
        ]
    )


def metrics_app(gateway: Gateway) -> Starlette:
    """`GET /metrics`, for an address that only the operator's Prometheus reaches."""

    async def metrics(_request: Request) -> Response:
        parts, at = gateway.parts, gateway.parts.clock()
        for provider in parts.providers:
            off = parts.switches.is_off(provider.name, provider.settings.place)
            parts.measures.off.labels(provider.name).set(off)
            parts.measures.broken.labels(provider.name).set(provider.breaker.is_open(at))
        return Response(parts.measures.render(), media_type=_PROMETHEUS)

    return Starlette(routes=[Route("/metrics", metrics)])


class _Edge:
    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._reports = DailyReports(gateway.parts.store)

    async def complete(self, request: Request) -> Response:
        try:
            asked = await _read(request)
            question = self._question(asked)
            answer = self._gateway.answer(_bearer(request), question, whole=not asked.stream)
            if asked.stream:
                return await self._stream(answer, asked)
            text, done = "", None
            async with aclosing(answer):
                async for each in answer:
                    if isinstance(each, Completed):
                        done = each
                    else:
                        text += each
            assert done is not None
            return JSONResponse(_completion(asked.model, text, done))
        except Exception as error:  # noqa: BLE001 - every failure has OpenAI's form
            return _error(error)

    def _question(self, asked: _Request) -> Question:
        """Raises CallerError. Messages are no prompt: the template's words are; the last of the user may fill its slot."""
        slots = dict(asked.slots)
        if asked.messages:
            template = self._gateway.parts.templates.find(asked.model)
            name = template.message_slot
            if name is None or name in slots or any(each.role != "user" for each in asked.messages):
                raise CallerError(
                    "prompts are templates: give values in `slots`; one user message where the template takes one",
                    code="messages_not_allowed",
                )
            slots[name] = "\n\n".join(each.text() for each in asked.messages)
        most = asked.max_completion_tokens or asked.max_tokens
        return Question(asked.model, slots, asked.classes, most)

    async def _stream(self, answer: AsyncGenerator[str | Completed, None], asked: _Request) -> Response:
        """Whatever fails before the first word is a status; afterwards it is an event of the stream."""
        first = await anext(answer)
        return StreamingResponse(
            _events(first, answer, asked),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    async def models(self, request: Request) -> Response:
        try:
            key = await asyncio.to_thread(self._gateway.keys.open, _bearer(request))
            return JSONResponse(
                {"object": "list", "data": [self._model(name, key) for name in key.templates]}
            )
        except Exception as error:  # noqa: BLE001 - every failure has OpenAI's form
            return _error(error)

    async def model(self, request: Request) -> Response:
        try:
            key = await asyncio.to_thread(self._gateway.keys.open, _bearer(request))
            template = self._gateway.parts.templates.find(request.path_params["name"])
            self._gateway.keys.ensure_allowed(key, template.id)
            return JSONResponse(self._model(request.path_params["name"], key))
        except Exception as error:  # noqa: BLE001 - every failure has OpenAI's form
            return _error(error)

    def _model(self, name: str, key: GatewayKey) -> dict[str, object]:
        template = self._gateway.parts.templates.find(name)
        slots = {
            slot: {"type": each.type, "class": template.classes[slot], "required": each.required}
            for slot, each in template.slots.items()
        }
        return {
            "id": name,
            "object": "model",
            "created": int(key.made_at.timestamp()),
            "owned_by": key.algorithm,
            "template": template.name,
            "template_sha256": template.sha256,
            "slots": slots,
        }

    async def report(self, request: Request) -> Response:
        try:
            report = await self._reports.of(date.fromisoformat(request.path_params["day"]))
        except ValueError:
            return PlainTextResponse("a day is written 2026-11-22", 404)
        except Unavailable:
            return PlainTextResponse("the ledger cannot be read now", 503)
        if request.path_params["form"] == "json":
            return JSONResponse(report.to_json())
        if request.path_params["form"] == "csv":
            return Response(report.to_csv(), media_type="text/csv; charset=utf-8")
        return PlainTextResponse("json or csv", 404)

    async def page(self, request: Request) -> Response:
        chosen = request.query_params.get("lang", "")
        language = _language(request, chosen)
        today = self._gateway.parts.clock().date()
        try:
            latest = [await self._reports.of(today - timedelta(days=ago)) for ago in range(_DAYS_SHOWN)]
        except Unavailable:
            return PlainTextResponse("the ledger cannot be read now", 503)
        response = HTMLResponse(
            egress_page([report for at, report in enumerate(latest) if report.calls or not at], language),
            headers={
                "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
                "Vary": "Accept-Language, Cookie",
            },
        )
        if chosen == language:
            response.set_cookie(_COOKIE, language, _YEAR, path="/egress", httponly=True, samesite="lax")
        return response

    async def health(self, _request: Request) -> Response:
        """200 while the ledger can be read; which models there are is said beside."""
        parts = self._gateway.parts
        try:
            await parts.switches.look()
        except Unavailable as error:
            return JSONResponse({"status": "down", "reason": error.code}, 503)
        return JSONResponse({"status": "up", "models": len(parts.providers)})


async def _read(request: Request) -> _Request:
    """Raises CallerError."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_BYTES:
            raise CallerError("the request is too long", code="request_too_long")
    try:
        return _Request.model_validate_json(body)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))[:80]
        code = "unsupported_parameter" if first["type"] == "extra_forbidden" else "invalid_request"
        raise CallerError(f"{where}: {first['msg']}", code=code, param=where) from None


def _language(request: Request, chosen: str) -> str:
    """What the reader chose, here or on the portal; else what their browser asks for; else the first of ours."""
    kept = (request.cookies.get(name, "") for name in (_COOKIE, _PORTAL_COOKIE))
    asked = parse_accept_language(request.headers.get("accept-language", ""))
    wanted = [chosen, *kept, *asked]
    found = next((tag[:2] for tag in map(str.lower, wanted) if tag.partition("-")[0] in LANGUAGES), None)
    if found is not None:
        return found
    return _FOREIGN if any(tag != "*" for tag in asked) else LANGUAGES[0]


def _bearer(request: Request) -> str:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise KeyRefused("a key is needed: Authorization: Bearer KEY", code="unknown_key")
    return key.strip()


def _completion(model: str, text: str, done: Completed) -> dict[str, object]:
    return {
        "id": done.record["call_id"],
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text},
                "finish_reason": done.finish_reason,
                "logprobs": None,
            }
        ],
        "usage": _usage(done),
        "sild": done.record,
    }


def _usage(done: Completed) -> dict[str, int]:
    total = done.input_tokens + done.output_tokens
    return {
        "prompt_tokens": done.input_tokens,
        "completion_tokens": done.output_tokens,
        "total_tokens": total,
    }


async def _events(
    first: str | Completed, rest: AsyncGenerator[str | Completed, None], asked: _Request
) -> AsyncIterator[bytes]:
    """Server-sent events as OpenAI's. The last but `[DONE]` carries the record; without `[DONE]` it was cut off."""
    head = {
        "id": "chatcmpl-sild",
        "object": "chat.completion.chunk",
        "created": int(time.time()),
        "model": asked.model,
    }

    def event(delta: dict[str, str], finish: str | None = None, **more: object) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return f"data: {json.dumps({**head, 'choices': [choice], **more}, ensure_ascii=False)}\n\n".encode()

    yield event({"role": "assistant", "content": ""})
    try:
        async for each in _from(first, rest):
            if isinstance(each, str):
                yield event({"content": each})
                continue
            yield event({}, each.finish_reason, sild=each.record)
            if asked.stream_options.include_usage:
                yield f"data: {json.dumps({**head, 'choices': [], 'usage': _usage(each)})}\n\n".encode()
        yield b"data: [DONE]\n\n"
    except Exception as error:  # noqa: BLE001 - told within the stream
        yield b"data: " + bytes(_error(error).body) + b"\n\n"


async def _from(
    first: str | Completed, rest: AsyncGenerator[str | Completed, None]
) -> AsyncGenerator[str | Completed, None]:
    yield first
    async for each in rest:
        yield each


def _error(error: Exception) -> JSONResponse:
    """In OpenAI's form: {"error": {message, type, param, code}}. What nobody foresaw keeps its text to itself."""
    headers = {"X-Should-Retry": "false"}  # the gateway has tried again already
    if not isinstance(error, PlatformError):
        log.bug("edge.failed", error)
        return _render(500, "the gateway failed", "server_error", "internal_error", None, headers)
    status, kind = _status(error)
    after = getattr(error, "retry_after", None)
    if after is not None:
        headers["Retry-After"] = str(int(after))
    param = error.detail.get("slot") or error.detail.get("param")
    return _render(
        status, error.message, kind, error.code, param if isinstance(param, str) else None, headers
    )


def _status(error: PlatformError) -> tuple[int, str]:
    if isinstance(error, KeyRefused):
        return (
            (401, "authentication_error")
            if error.code in ("unknown_key", "key_refused")
            else (403, "permission_error")
        )
    if isinstance(error, PromptRefused):
        return 403, "permission_error"
    if isinstance(error, BudgetSpent):
        return 429, "insufficient_quota"
    if isinstance(error, NoModel):
        return 503, "no_model"
    if isinstance(error, OutputRefused):
        return 502, "output_refused"
    if isinstance(error, ProviderFailed):
        return (504 if error.why == "timeout" else 502), "provider_failed"
    if isinstance(error, Unavailable):
        return 503, "server_error"
    return (
        (404, "invalid_request_error") if error.code == "unknown_template" else (400, "invalid_request_error")
    )


def _render(
    status: int, message: str, kind: str, code: str, param: str | None, headers: dict[str, str]
) -> JSONResponse:
    content = {"error": {"message": message, "type": kind, "param": param, "code": code}}
    return JSONResponse(content, status, headers)
