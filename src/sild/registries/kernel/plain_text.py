"""No control characters in what a register is told: one place for all its paths, before anything is read, asked or stored.

PostgreSQL holds no NUL in a text, XML and PDF hold none of the others, and half a surrogate pair is in no UTF-8: each would be a failure
of ours somewhere behind, and is the caller's fault here. Tabs and line ends are text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

__all__ = ["PlainTextRoute"]

UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
WORDS = "a control character, or half of one: no text holds it"
COULD_BE = (b"\\u", b"\x7f", b"\xc2", b"\xed", b"\x00")
"""One of these is in every JSON that holds one: an escape, or the first byte in UTF-8; the others are in no JSON as they are. The last: in
UTF-16 and UTF-32, which are read as well."""
MOST_TOLD = 20


class PlainTextRoute(APIRoute):
    """Refuses them as `RequestValidationError`, naming each place and no value."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()

        async def handler(request: Request) -> Response:
            found = [*_in_address(request), *_in_body(await _json_of(request))]
            if found:
                raise RequestValidationError(
                    [{"loc": place, "msg": WORDS, "type": "control_character"} for place in found[:MOST_TOLD]]
                )
            return await answer(request)

        return handler


Place = tuple[str | int, ...]


def _in_address(request: Request) -> Iterator[Place]:
    yield from (("path", name) for name, value in request.path_params.items() if _is_wrong(str(value)))
    yield from (("query", name) for name, value in request.query_params.multi_items() if _is_wrong(value))


def _in_body(content: Any) -> Iterator[Place]:  # JSON as json.loads gives it
    """As deep as it may be nested."""
    waiting: list[tuple[Place, Any]] = [(("body",), content)]
    while waiting:
        at, each = waiting.pop()
        if isinstance(each, str) and _is_wrong(each):
            yield at
        elif isinstance(each, list):
            waiting.extend(((*at, number), one) for number, one in enumerate(each))
        elif isinstance(each, dict):
            if any(map(_is_wrong, each)):
                yield at
            waiting.extend(((*at, name), one) for name, one in each.items())


async def _json_of(request: Request) -> Any:  # JSON as json.loads gives it
    """None for what can hold none, and for what is no JSON, of which the path itself says so."""
    if "json" not in request.headers.get("content-type", "json").lower():
        return None
    body = await request.body()
    if not any(part in body for part in COULD_BE):
        return None
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _is_wrong(text: str) -> bool:
    return UNPRINTABLE.search(text) is not None
