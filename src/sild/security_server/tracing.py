"""Traces of exchanges over OTLP/HTTP (W3C Trace Context); the extra `opentelemetry`. Nothing is imported when it is off.

    security_server.send             an exchange on the client's server    + security_server.call_provider
    security_server.serve            on the provider's server              + security_server.call_service

The trace of an information system goes on. A REST message carries its `traceparent` as it carries every header of the
client's, so the provider's server joins in; of SOAP only the message travels, and there `xroad.request_id`, which both sides
have, links the two. Nothing is added to what servers send each other: it is signed. A service is told of the trace by the header
the client sent, or else by ours.
Whether a trace is kept is decided by its id alone, so that both servers decide alike and no caller decides for us.
"""

from __future__ import annotations

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from sild import __version__
from sild.security_server.measurement import CLIENT, PRODUCER, Measurement

__all__ = ["OtlpTracing"]

_NAMES = {
    CLIENT: ("security_server.send", "security_server.call_provider"),
    PRODUCER: ("security_server.serve", "security_server.call_service"),
}


class OtlpTracing:
    """endpoint: whole URL, `http://collector:4318/v1/traces`.  server: `service.instance.id`.  ratio: of traces kept, 0..1."""

    def __init__(self, endpoint: str, *, server: str, ratio: float) -> None:
        resource = Resource.create(
            {
                "service.name": "sild-security-server",
                "service.instance.id": server,
                "service.version": __version__,
            }
        )
        self._provider = TracerProvider(
            resource=resource, sampler=TraceIdRatioBased(ratio), shutdown_on_exit=False
        )
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
        self._tracer = self._provider.get_tracer("sild.security_server", __version__)
        self._propagator = TraceContextTextMapPropagator()

    def begins(self, measured: Measurement, traceparent: bytes | None) -> _Trace:
        context = None
        if traceparent is not None:
            context = self._propagator.extract({"traceparent": traceparent.decode("latin-1")})
        outer, inner = _NAMES[measured.server_type]
        span = self._tracer.start_span(outer, context, kind=SpanKind.SERVER, start_time=measured.request_in)
        return _Trace(self._tracer, span, inner)

    def close(self) -> None:
        """Send what waits, for at most some seconds. Blocking."""
        self._provider.shutdown()


class _Trace:
    """The span of an exchange, and the one within it while somebody else works on the request."""

    __slots__ = ("_inner", "_inner_name", "_span", "_tracer")

    def __init__(self, tracer: Tracer, span: Span, inner_name: str) -> None:
        self._tracer = tracer
        self._span = span
        self._inner_name = inner_name
        self._inner: Span | None = None

    @property
    def traceparent(self) -> bytes:
        context = (self._inner or self._span).get_span_context()
        return b"00-%032x-%016x-%02x" % (context.trace_id, context.span_id, context.trace_flags & 1)

    def leaves(self) -> None:
        self._inner = self._tracer.start_span(
            self._inner_name, set_span_in_context(self._span), kind=SpanKind.CLIENT
        )

    def comes_back(self) -> None:
        if self._inner is not None:
            self._inner.end()
            self._inner = None

    def ends(self, measured: Measurement) -> None:
        if self._inner is not None:  # no answer came
            self._inner.set_status(StatusCode.ERROR)
            self.comes_back()
        span = self._span
        if span.is_recording():
            span.set_attributes(_attributes(measured))
            if not measured.succeeded:
                span.set_status(StatusCode.ERROR)
        span.end(measured.response_out)


def _attributes(measured: Measurement) -> dict[str, str | int]:
    """Who asked whom for what, and how it ended: nothing of the content, and nobody's user."""
    found: dict[str, str | int | None] = {
        "xroad.request_id": measured.request_id,
        "xroad.service_type": measured.service_type,
        "http.response.status_code": measured.status,
        "xroad.request_size": measured.request_mime_size or measured.request_size,
        "xroad.response_size": measured.response_mime_size or measured.response_size,
    }
    if measured.request is not None:
        found["xroad.client"] = str(measured.request.client)
        found["xroad.service"] = measured.request.service.encode()
    if measured.fault is not None:
        found["xroad.fault_code"] = measured.fault.code[:200]
    return {name: value for name, value in found.items() if value is not None}
