"""Traces over OTLP/HTTP, received by a collector written here: spans of both servers, the information system's trace, and a
wire between the servers on which nothing has changed (W3C Trace Context)."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable
from typing import Any

import pytest
import pytest_asyncio
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from soap_world import TEXT_XML, SoapWorld, envelope
from world import Pair, World, make_pair

from sild.http1 import Request, Responder
from sild.xroad.identifiers import ServiceId

pytestmark = pytest.mark.asyncio(loop_scope="module")

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01".encode()


class Collector:
    """spans: (name of the server, span), in the order of arrival."""

    def __init__(self) -> None:
        self.spans: list[tuple[str, Span]] = []
        self.answer = 200

    async def __call__(self, request: Request, responder: Responder) -> None:
        body = await request.read(16 * 1024 * 1024)
        assert request.target == b"/v1/traces"
        if request.header(b"content-encoding") == b"gzip":
            body = gzip.decompress(body)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            values = {pair.key: pair.value.string_value for pair in resource.resource.attributes}
            assert values["service.name"] == "sild-security-server"
            for scope in resource.scope_spans:
                self.spans += [(values["service.instance.id"], span) for span in scope.spans]
        await responder.send(self.answer, [])

    async def found(self, servers: list[Any], wanted: Callable[[Span], bool], number: int) -> list[Span]:
        for server in servers:
            while server.message_log.under_way:
                await asyncio.sleep(0.001)
            await asyncio.to_thread(server.watch._tracing._provider.force_flush)
        found = [span for _, span in self.spans if wanted(span)]
        assert len(found) == number, [span.name for span in found]
        return found


def attributes(span: Span) -> dict[str, Any]:
    return {
        pair.key: getattr(pair.value, pair.value.WhichOneof("value") or "string_value")
        for pair in span.attributes
    }


def of_trace(trace: str) -> Callable[[Span], bool]:
    return lambda span: span.trace_id.hex() == trace


def settings(url: str, **more: Any) -> dict[str, Any]:
    return {"otlp_endpoint": f"{url}/v1/traces", **more}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def collector(module_world: World) -> Collector:
    made = Collector()
    made.url = await module_world.serve(made)  # type: ignore[attr-defined]
    return made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def module_pair(module_world: World, collector: Collector) -> Pair:
    on = settings(collector.url)  # type: ignore[attr-defined]
    return await make_pair(module_world, consumer=on, provider=on)


def servers(pair: Pair) -> list[Any]:
    return [pair.consumer.server, pair.provider.server]


async def test_the_information_systems_trace_goes_on(shared_pair: Pair, collector: Collector) -> None:
    answer = await shared_pair.call("POST", "/x", body=b"hello", headers=[(b"Traceparent", TRACEPARENT)])
    assert answer.status == 200
    spans = {span.name: span for span in await collector.found(servers(shared_pair), of_trace(TRACE), 4)}
    send, call, serve, ask = (
        spans[f"security_server.{name}"] for name in ("send", "call_provider", "serve", "call_service")
    )
    assert send.parent_span_id.hex() == PARENT
    assert call.parent_span_id == send.span_id
    assert serve.parent_span_id.hex() == PARENT, "the signed header is the client's, whoever passes it on"
    assert ask.parent_span_id == serve.span_id
    assert send.start_time_unix_nano <= call.start_time_unix_nano <= serve.start_time_unix_nano
    assert serve.start_time_unix_nano <= ask.start_time_unix_nano <= ask.end_time_unix_nano
    assert call.end_time_unix_nano <= send.end_time_unix_nano
    request_id = (answer.header(b"x-road-request-id") or b"").decode()
    for span in (send, serve):
        told = attributes(span)
        assert told.pop("xroad.request_size") > 5
        assert told.pop("xroad.response_size") > 5
        assert told == {
            "xroad.request_id": request_id,
            "xroad.client": "DEV:COM:1:Client",
            "xroad.service": "DEV/COM/2/Register/echo",
            "xroad.service_type": "REST",
            "http.response.status_code": 200,
        }
    (_, _, headers, _) = shared_pair.echo.requests[-1]
    assert [value for name, value in headers if name.lower() == b"traceparent"] == [TRACEPARENT]


async def test_without_a_trace_of_its_own(shared_pair: Pair, collector: Collector) -> None:
    """The two servers' traces have the request id in common; the service is told of the provider's."""
    answer = await shared_pair.call()
    request_id = (answer.header(b"x-road-request-id") or b"").decode()
    send, serve = sorted(
        await collector.found(
            servers(shared_pair), lambda span: attributes(span).get("xroad.request_id") == request_id, 2
        ),
        key=lambda span: span.name,
    )
    assert send.trace_id != serve.trace_id
    (_, _, headers, _) = shared_pair.echo.requests[-1]
    (told,) = [value.decode() for name, value in headers if name == b"traceparent"]
    version, trace, span, flags = told.split("-")
    assert (version, trace, flags) == ("00", serve.trace_id.hex(), "01")
    (ask,) = [one for _, one in collector.spans if one.span_id.hex() == span]
    assert ask.name == "security_server.call_service"
    part = _logged_request(shared_pair)
    assert b"traceparent" not in part.lower(), "what is signed and sent is the client's alone"


@pytest.mark.parametrize(
    "broken", [b"", b"00-zz", b"00-" + b"0" * 32 + b"-" + b"0" * 16 + b"-01", b"\xff" * 55]
)
async def test_a_traceparent_that_is_none(shared_pair: Pair, collector: Collector, broken: bytes) -> None:
    answer = await shared_pair.call(headers=[(b"traceparent", broken)])
    assert answer.status == 200
    request_id = (answer.header(b"x-road-request-id") or b"").decode()
    await collector.found(
        servers(shared_pair), lambda span: attributes(span).get("xroad.request_id") == request_id, 2
    )


async def test_refusals(shared_pair: Pair, collector: Collector) -> None:
    trace = "1" * 32
    headers = [(b"traceparent", f"00-{trace}-{PARENT}-01".encode())]
    answer = await shared_pair.call(service=ServiceId(shared_pair.consumer.owner, "missing"), headers=headers)
    assert answer.status == 500
    (send,) = await collector.found(servers(shared_pair), of_trace(trace), 1)
    assert send.status.code == Status.STATUS_CODE_ERROR
    assert attributes(send)["xroad.fault_code"] == (answer.header(b"x-road-error") or b"").decode()


async def test_soap_is_linked_by_the_request_id(collector: Collector, tmp_path_factory: Any) -> None:
    async with World(tmp_path_factory.mktemp("soap"), instance="EE", member_class="BUSINESS") as world:
        made = SoapWorld(world)
        await made.start(**settings(await world.serve(collector)))
        made.service.answer = envelope(response=True), TEXT_XML
        request = envelope()
        await made.post(request, headers=[(b"traceparent", TRACEPARENT.replace(b"0af7", b"0bf7"))])
        both = [made.consumer.server, made.provider.server]
        spans = await collector.found(
            both, lambda span: attributes(span).get("xroad.service_type") == "WSDL", 2
        )
        assert len({attributes(span)["xroad.request_id"] for span in spans}) == 1
        (seen,) = made.service.seen
        assert seen.body == request
        serve = next(span for span in spans if span.name == "security_server.serve")
        assert serve.trace_id.hex() in (seen.header(b"traceparent") or b"").decode()


def _logged_request(pair: Pair) -> bytes:
    store = pair.consumer.server.message_log.store
    with store.engine.connect() as connection:
        row = connection.exec_driver_sql(
            "select message from message_record where not is_response order by id desc limit 1"
        ).one()
    return bytes(row[0])
