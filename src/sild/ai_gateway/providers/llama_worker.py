"""The process that holds a GGUF model: `python -m sild.ai_gateway.providers.llama_worker FILE CONTEXT_TOKENS THREADS`.

In: one JSON object a line (messages, max_tokens, temperature, seed, schema). Out: `{"text": ...}` lines, then
`{"finish", "input", "output"}`, or `{"error"}`.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from typing import Any

__all__ = ["main"]


def main(file: str, context_tokens: int, threads: int) -> None:
    from llama_cpp import Llama

    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what llama.cpp prints is no answer
    model = Llama(file, n_ctx=context_tokens, n_threads=threads, verbose=False)
    for line in sys.stdin:
        for each in _answer(model, json.loads(line)):
            out.write(json.dumps(each) + "\n")
            out.flush()


def _answer(
    model: Any, request: dict[str, Any]
) -> Iterator[dict[str, Any]]:  # llama_cpp is not typed where it is absent
    schema = request.pop("schema")
    form = {"type": "json_object", "schema": schema} if schema else None
    prompt = sum(len(model.tokenize(message["content"].encode())) for message in request["messages"])
    output, finish = 0, "stop"
    try:
        for chunk in model.create_chat_completion(**request, response_format=form, stream=True):
            choice = chunk["choices"][0]
            text = choice["delta"].get("content")
            if text:
                output += 1
                yield {"text": text}
            finish = choice.get("finish_reason") or finish
    except ValueError as error:  # the prompt is longer than the context
        yield {"error": "the text is too long for the local model" if "exceed" in str(error) else "no answer"}
        return
    yield {"finish": finish, "input": prompt, "output": output}


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
