"""The child that has the rules: locks itself in, then computes columns for its parent until that closes the pipe.

It sees numbers, dates and words by row and no names, and has no files and no network (sild.rule_engine, whose locks these are).
First {"package": {path: base64}, "memory"}; then {"at", "counts", "groups", "columns", "outputs", "seconds"}, answered by {"columns"} or {"error"}.
"""

from __future__ import annotations

import base64
import os
from datetime import date
from typing import BinaryIO

import numpy as np

from sild.cohorts.messages import Array, Head, read_message, write_message
from sild.errors import PlatformError
from sild.rule_engine import limit_time, lock
from sild.rules import Group, RulePackage, evaluate_columns, parse_package

__all__ = ["main"]


def main() -> None:
    requests, answers = _own_pipes()
    first = read_message(requests)
    if first is None:
        return
    head = first[0]
    locks = lock(head["memory"])
    write_message(answers, {"locks": locks}, ())
    package: RulePackage | None = None
    while (request := read_message(requests)) is not None:
        limit_time(request[0]["seconds"])
        try:
            if package is None:
                files = {path: base64.b64decode(text) for path, text in head["package"].items()}
                package = parse_package(files)
            write_message(answers, *_answer(package, *request))
        except BrokenPipeError:
            return


def _answer(package: RulePackage, head: Head, arrays: list[Array]) -> tuple[dict[str, object], list[Array]]:
    try:
        groups, place = {}, 0
        for name in head["groups"]:
            of, roles = arrays[place], arrays[place + 1]
            groups[name] = Group(np.ma.getdata(of), np.ma.getdata(roles))
            place += 2
        keys = [(variable, period) for variable, period in head["columns"]]
        outputs = [(variable, period) for variable, period in head["outputs"]]
        columns = dict(zip(keys, arrays[place:], strict=True))
        at = date.fromisoformat(head["at"])
        found = evaluate_columns(package, columns, outputs, at=at, counts=head["counts"], groups=groups)
        return {"ok": True}, [found[key] for key in outputs]
    except PlatformError as error:
        return {"error": {"code": error.code, "message": error.message, "detail": error.detail}}, []
    except MemoryError:
        return {"error": {"code": "rule_memory", "message": "a rule needs too much memory", "detail": {}}}, []
    except Exception as error:  # noqa: BLE001  # whatever a package has done to its process
        message = f"the rule worker raises {type(error).__name__}"
        return {"error": {"code": "rule_failed", "message": message, "detail": {}}}, []


def _own_pipes() -> tuple[BinaryIO, BinaryIO]:
    """What a package reads and prints is nothing."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1):
        os.dup2(nothing, standard)
    os.close(nothing)
    return requests, answers


if __name__ == "__main__":
    main()
