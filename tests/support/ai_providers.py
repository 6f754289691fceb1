"""Foreign parties: real HTTP servers on loopback that speak OpenAI's and Anthropic's protocols, stream, misbehave on request, and
keep every byte that reached them, so that a test can say what did and what did not.

    with foreign("openai") as openai: openai.says("Tere!")           openai.reached: str, all that came in
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

REPORTED = {"openai": "gpt-test-2026-11-01", "anthropic": "claude-test-20261101"}


@dataclass
class Behaviour:
    """words: pieces of the answer.  pause: seconds before each.  status: instead of an answer.  cut_after: pieces, then gone."""

    words: list[str] = field(default_factory=lambda: ["Vastus ", "on ", "olemas."])
    pause: float = 0.0
    status: int = 200
    cut_after: int | None = None
    tool: bool = False
    garbage: bytes | None = None
    for_ever: bool = False
    redirect: str | None = None


class Foreign:
    def __init__(self, kind: str, host: str = "127.0.0.1", port: int = 0) -> None:
        self.kind = kind
        self.behaviours: list[Behaviour] = []
        self.always = Behaviour()
        self.requests: list[tuple[str, dict[str, str], str]] = []
        foreign = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                foreign.requests.append((self.path, {n.lower(): v for n, v in self.headers.items()}, body))
                behaviour = foreign.behaviours.pop(0) if foreign.behaviours else foreign.always
                try:
                    foreign.answer(self, behaviour, json.loads(body))
                except OSError:
                    pass  # the gateway hung up
                self.close_connection = True

            def log_message(self, *_arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer((host, port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.url = f"http://{host}:{self.port}" + ("/v1" if kind == "openai" else "")
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def reached(self) -> str:
        """All that came in, unescaped as a reader there would see it."""
        return "\n".join(
            f"{path}\n{headers}\n{json.dumps(json.loads(body), ensure_ascii=False)}"
            for path, headers, body in self.requests
        )

    def says(self, *words: str, **how: Any) -> None:
        self.always = Behaviour(words=list(words), **how)

    def next(self, *words: str, **how: Any) -> None:
        self.behaviours.append(Behaviour(words=list(words) or ["Vastus."], **how))

    def answer(self, handler: BaseHTTPRequestHandler, how: Behaviour, request: dict[str, Any]) -> None:
        if how.redirect is not None:
            handler.send_response(307)
            handler.send_header("Location", how.redirect)
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        if how.status != 200 or how.garbage is not None:
            content = (
                how.garbage
                if how.garbage is not None
                else json.dumps({"error": {"message": "no", "type": "x"}}).encode()
            )
            handler.send_response(how.status)
            handler.send_header(
                "Content-Type", "text/event-stream" if how.garbage is not None else "application/json"
            )
            handler.send_header("Content-Length", str(len(content)))
            handler.end_headers()
            handler.wfile.write(content)
            return
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.send_header("Connection", "close")
        handler.end_headers()
        for at, event in enumerate(self._events(how)):
            if how.cut_after is not None and at > how.cut_after:
                handler.connection.close()
                return
            time.sleep(how.pause)
            handler.wfile.write(event)
            handler.wfile.flush()

    def _events(self, how: Behaviour) -> Iterator[bytes]:
        events = self._openai(how) if self.kind == "openai" else self._anthropic(how)
        for event in events:
            name = f"event: {event['type']}\n" if self.kind == "anthropic" else ""
            yield f"{name}data: {json.dumps(event)}\n\n".encode()
        if self.kind == "openai":
            yield b"data: [DONE]\n\n"

    def _openai(self, how: Behaviour) -> Iterator[dict[str, Any]]:
        def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
            choice = {"index": 0, "delta": delta, "finish_reason": finish}
            return {
                "id": "c1",
                "object": "chat.completion.chunk",
                "created": 1,
                "model": REPORTED["openai"],
                "choices": [choice],
            }

        yield chunk({"role": "assistant", "content": ""})
        if how.tool:
            yield chunk(
                {
                    "tool_calls": [
                        {
                            "index": 0,
                            "id": "t",
                            "type": "function",
                            "function": {"name": "rm", "arguments": "{}"},
                        }
                    ]
                }
            )
        while True:
            yield from (chunk({"content": word}) for word in how.words)
            if not how.for_ever:
                break
        yield chunk({}, "stop")
        yield {
            **chunk({}),
            "choices": [],
            "usage": {"prompt_tokens": 40, "completion_tokens": 7, "total_tokens": 47},
        }

    def _anthropic(self, how: Behaviour) -> Iterator[dict[str, Any]]:
        usage = {"input_tokens": 40, "output_tokens": 1}
        message = {"id": "m1", "type": "message", "role": "assistant", "model": REPORTED["anthropic"], "content": [],
                   "stop_reason": None, "stop_sequence": None, "usage": usage}  # fmt: skip
        yield {"type": "message_start", "message": message}
        block = (
            {"type": "tool_use", "id": "t", "name": "rm", "input": {}}
            if how.tool
            else {"type": "text", "text": ""}
        )
        yield {"type": "content_block_start", "index": 0, "content_block": block}
        while True:
            for word in how.words:
                yield {
                    "type": "content_block_delta",
                    "index": 0,
                    "delta": {"type": "text_delta", "text": word},
                }
            if not how.for_ever:
                break
        yield {"type": "content_block_stop", "index": 0}
        yield {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {"output_tokens": 7},
        }
        yield {"type": "message_stop"}


@contextmanager
def foreign(kind: str, host: str = "127.0.0.1", port: int = 0) -> Iterator[Foreign]:
    server = Foreign(kind, host, port)
    try:
        yield server
    finally:
        server.close()


def main(kind: str, host: str, port: int) -> None:
    """A foreign party as a process: says that it serves, then one JSON line for each request."""
    server = Foreign(kind, host, port)
    print(json.dumps({"url": server.url}), flush=True)
    told = 0
    while True:
        time.sleep(0.05)
        for _path, _headers, body in server.requests[told:]:
            told += 1
            print(body, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
