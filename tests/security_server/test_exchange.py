"""One exchange between two security servers: what each side sees and what each side has logged."""

from __future__ import annotations

from world import Pair


async def test_get_without_a_body(pair: Pair) -> None:
    answer = await pair.call("GET", "/people/1?x=%20y")
    assert answer.status == 200, answer.body
    assert answer.body == b""


async def test_post_with_a_body(pair: Pair) -> None:
    answer = await pair.call("POST", body=b'{"value": 42}', headers=[(b"Content-Type", b"application/json")])
    assert (answer.status, answer.body) == (200, b'{"value": 42}')
