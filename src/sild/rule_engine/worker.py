"""The child: locks itself in, then answers for one package until its parent closes the pipe.

A message is four bytes of length, big-endian, and JSON in UTF-8. First comes {"package": {path: base64}}, then requests
{"id", "do": "evaluate" | "counterfactuals" | "check", "situation", "outputs", "at", "seconds"}; an answer is {"id", "ok"} or {"id", "error"}.
"""

from __future__ import annotations

import base64
import json
import os
import struct
import sys
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from typing import Any, BinaryIO

from sild.errors import PlatformError
from sild.rule_engine.sandbox import limit_time, lock
from sild.rules import RulePackage, counterfactuals, evaluate, parse_package

__all__ = ["main", "read_message", "write_message"]

Message = Mapping[str, Any]  # JSON of the two kinds above
LONGEST = 1 << 28


def main(memory: int) -> None:
    requests, answers = _own_pipes()
    first = read_message(requests)
    if first is None:
        return
    write_message(answers, {"locks": lock(memory)})
    package = parse_package({path: base64.b64decode(text) for path, text in first["package"].items()})
    while (request := read_message(requests)) is not None:
        limit_time(request["seconds"])
        write_message(answers, {"id": request["id"], **_answer(package, request)})


def read_message(stream: BinaryIO) -> Message | None:
    """None: the other side is gone."""
    head = stream.read(4)
    if len(head) < 4:
        return None
    length = struct.unpack(">I", head)[0]
    body = stream.read(min(length, LONGEST))
    return json.loads(body) if len(body) == length else None


def write_message(stream: BinaryIO, message: Message) -> None:
    body = json.dumps(message).encode()
    stream.write(struct.pack(">I", len(body)) + body)
    stream.flush()


def _answer(package: RulePackage, request: Message) -> Message:
    try:
        at, outputs = date.fromisoformat(request["at"]), [(e, v, p) for e, v, p in request["outputs"]]
        if request["do"] == "counterfactuals":
            found = counterfactuals(package, request["situation"], outputs, at=at)
            return {"ok": [asdict(each) for each in found]}
        return {"ok": evaluate(package, request["situation"], outputs, at=at).to_json()}
    except PlatformError as error:
        return {"error": {"code": error.code, "message": error.message, "detail": error.detail}}
    except MemoryError:
        return {"error": {"code": "rule_memory", "message": "a rule needs too much memory", "detail": {}}}
    except Exception as error:  # noqa: BLE001  # whatever a package has done to its process
        message = f"the rule worker raises {type(error).__name__}"
        return {"error": {"code": "rule_failed", "message": message, "detail": {}}}


def _own_pipes() -> tuple[BinaryIO, BinaryIO]:
    """What a package reads and prints is nothing."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1):
        os.dup2(nothing, standard)
    os.close(nothing)
    return requests, answers


if __name__ == "__main__":
    main(int(sys.argv[1]))
