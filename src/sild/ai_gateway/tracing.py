"""Spans of attempts with OpenTelemetry's `gen_ai` attributes; the extra `opentelemetry`. Never content: no prompt, no answer.

The module is imported only where an endpoint is configured.
"""

from __future__ import annotations

from collections.abc import Mapping

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, StatusCode

from sild import __version__

__all__ = ["Tracing"]

_PROVIDERS = {"openai": "openai", "anthropic": "anthropic", "local": "openai", "llama": "llama.cpp"}


class Tracing:
    """endpoint: whole URL, `http://collector:4318/v1/traces`."""

    def __init__(self, endpoint: str) -> None:
        resource = Resource.create({"service.name": "sild-ai-gateway", "service.version": __version__})
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
        self._tracer = self._provider.get_tracer("sild.ai_gateway", __version__)

    def record(
        self,
        *,
        kind: str,
        model: str,
        began: int,
        ended: int,
        status: str,
        values: Mapping[str, str | int | float],
    ) -> None:
        """One attempt. began, ended: nanoseconds of the epoch.  values: attributes beside those every span has."""
        span = self._tracer.start_span(f"chat {model}", kind=SpanKind.CLIENT, start_time=began)
        span.set_attributes(
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": _PROVIDERS[kind],
                "gen_ai.request.model": model,
                **values,
            }
        )
        if status != "ok":
            span.set_attribute("error.type", status)
            span.set_status(StatusCode.ERROR)
        span.end(ended)

    def close(self) -> None:
        """Send what waits. Blocking."""
        self._provider.shutdown()
