"""What answers is no gateway, or says no in its own words: each by whose fault it is."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from sild.errors import PeerError, PlatformError, Unavailable
from sild.gateway_client import GatewayClient, GatewayRefused, NoModel, OutputRefused


@contextmanager
def answering(status: int, body: bytes) -> Iterator[GatewayClient]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield GatewayClient(f"http://127.0.0.1:{server.server_address[1]}/", "key", seconds=5)
    finally:
        server.shutdown()
        server.server_close()


def error(code: str) -> bytes:
    return json.dumps({"error": {"message": "no", "type": "x", "param": None, "code": code}}).encode()


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (200, b"<html>", PeerError, "invalid_answer"),
        (200, b"{}", PeerError, "invalid_answer"),
        (200, b'{"choices": [{"message": {"content": "x"}}]}', PeerError, "invalid_answer"),
        (
            200,
            b'{"choices": [{"message": {"content": "x"}}], "sild": {"call_id": "1"}}',
            PeerError,
            "invalid_answer",
        ),
        (502, b"Bad gateway", PeerError, "invalid_answer"),
        (500, b"[]", PeerError, "invalid_answer"),
        (503, error("no_model"), NoModel, "no_model"),
        (502, error("output_refused"), OutputRefused, "output_refused"),
        (502, error("provider_failed"), Unavailable, "provider_failed"),
        (429, error("budget_spent"), Unavailable, "budget_spent"),
        (403, error("prompt_refused"), GatewayRefused, "prompt_refused"),
        (401, error("unknown_key"), GatewayRefused, "unknown_key"),
    ],
)
async def test_what_it_says_is_told_by_whose_fault(
    status: int, body: bytes, kind: type[PlatformError], code: str
) -> None:
    with answering(status, body) as client:
        with pytest.raises(kind) as refused:
            await client.complete_async("explain", {"passage": "x"})
    assert refused.value.code == code


def test_nobody_there_is_no_model() -> None:
    with pytest.raises(NoModel) as nobody:
        GatewayClient("http://127.0.0.1:9", "key").complete("explain", {})
    assert nobody.value.code == "gateway_unreachable"
