"""The server on a real socket: what a client sends and sees, byte for byte."""

from __future__ import annotations

import asyncio

from sild.http1 import Request, Responder

from .conftest import Dial, echo, serving


async def test_head_and_target_arrive_as_sent(dial: Dial) -> None:
    async with serving(echo) as server:
        wire = await dial(server)
        await wire.send(
            b"POST /r1/a%2Fb/../c?q=%C3%A4&q=2 HTTP/1.1\r\nHost: h\r\nx-lower: 1\r\nX-UPPER:  two \r\nx-lower: 3\r\nEmpty:\r\n"
            b"Content-Length: 2\r\n\r\nok"
        )
        head, body = await wire.answer()
    assert body == (
        b"POST\n/r1/a%2Fb/../c?q=%C3%A4&q=2\nHost=h\nx-lower=1\nX-UPPER=two\nx-lower=3\nEmpty=\nContent-Length=2\nok"
    )
    assert head.startswith(b"HTTP/1.1 200 OK\r\nx-Kind: echo\r\n")
    assert head.lower().count(b"\r\ndate: ") == 1
    assert b"onnection" not in head


async def test_absolute_form(dial: Dial) -> None:
    seen: list[tuple[bytes, bytes]] = []

    async def handler(request: Request, responder: Responder) -> None:
        seen.append((request.target, request.origin_form))
        await responder.send(200, [])

    targets = [
        b"http://any.host/any/path?x=http://y/z",
        b"http://h:8080",
        b"http://h?q",
        b"/p?u=http://x/y",
        b"*",
    ]
    async with serving(handler) as server:
        wire = await dial(server)
        for target in targets:
            method = b"OPTIONS" if target == b"*" else b"POST"
            await wire.send(method + b" " + target + b" HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")
            await wire.answer()
    assert seen == [
        (targets[0], b"/any/path?x=http://y/z"),
        (targets[1], b"/"),
        (targets[2], b"/?q"),
        (targets[3], targets[3]),
        (targets[4], b"*"),
    ]


async def test_one_date_when_the_caller_gives_it(dial: Dial) -> None:
    async def handler(request: Request, responder: Responder) -> None:
        await responder.send(
            200, [(b"date", b"Thu, 01 Jan 2026 00:00:00 GMT"), (b"x-hash-algorithm", b"SHA-512")]
        )

    async with serving(handler) as server:
        wire = await dial(server)
        await wire.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        head, _ = await wire.answer()
    assert head == (
        b"HTTP/1.1 200 OK\r\ndate: Thu, 01 Jan 2026 00:00:00 GMT\r\nx-hash-algorithm: SHA-512\r\nContent-Length: 0\r\n\r\n"
    )


async def test_kept_alive_and_pipelined_in_order(dial: Dial) -> None:
    async def handler(request: Request, responder: Responder) -> None:
        if request.target == b"/0":
            await asyncio.sleep(0.02)
        await responder.send(200, [], request.target + await request.read(10))

    async with serving(handler) as server:
        wire = await dial(server)
        await wire.send(
            b"".join(b"POST /%d HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx" % i for i in range(300))
        )
        for i in range(300):
            assert (await wire.answer())[1] == b"/%dx" % i


async def test_connection_close_from_either_side(dial: Dial) -> None:
    async def handler(request: Request, responder: Responder) -> None:
        headers = [(b"Connection", b"close")] if request.target == b"/bye" else []
        await responder.send(200, headers, b"x")

    async with serving(handler) as server:
        for first in (
            b"GET /bye HTTP/1.1\r\nHost: h\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
        ):
            wire = await dial(server)
            await wire.send(first + b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")  # and what follows is not answered
            answer = await wire.to_end()
            assert answer.count(b"HTTP/1.1 200") == 1
            assert answer.count(b"Connection: close") == 1


async def test_http_1_0(dial: Dial) -> None:
    async def handler(request: Request, responder: Responder) -> None:
        await responder.start(200, [])
        await responder.write(b"ab")
        await responder.finish(b"c")

    async with serving(handler) as server:
        wire = await dial(server)
        await wire.send(b"GET / HTTP/1.0\r\n\r\n")
        answer = await wire.to_end()
        assert answer.endswith(b"\r\n\r\nabc")
        assert b"chunked" not in answer
        wire = await dial(server)
        await wire.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        head = await wire.reader.readuntil(b"\r\n\r\n")
        assert b"Transfer-Encoding: chunked\r\n" in head
        assert await wire.reader.readuntil(b"0\r\n\r\n") == b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"


async def test_head_and_bodyless_statuses(dial: Dial) -> None:
    async def handler(request: Request, responder: Responder) -> None:
        if request.target == b"/stream":
            await responder.start(200, [], length=3)
            await responder.write(b"abc")
            await responder.finish()
        else:
            await responder.send(int(request.target[1:]), [], b"abc")

    async with serving(handler) as server:
        wire = await dial(server)
        for target, length in ((b"/200", b"3"), (b"/stream", b"3"), (b"/204", None), (b"/304", None)):
            await wire.send(b"HEAD " + target + b" HTTP/1.1\r\nHost: h\r\n\r\n")
            head = await wire.reader.readuntil(b"\r\n\r\n")
            assert (
                (b"Content-Length: " + (length or b"")) in head if length else b"Content-Length" not in head
            )
        await wire.send(b"GET /204 HTTP/1.1\r\nHost: h\r\n\r\nGET /200 HTTP/1.1\r\nHost: h\r\n\r\n")
        assert (await wire.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 204")
        assert (await wire.answer())[1] == b"abc"


async def test_expect_continue(dial: Dial) -> None:
    async def handler(request: Request, responder: Responder) -> None:
        if request.target == b"/no":
            await responder.send(403, [])
        else:
            await responder.send(200, [], await request.read(100))

    async with serving(handler) as server:
        head = b" HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
        wire = await dial(server)
        await wire.send(b"PUT /" + head)
        assert await wire.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        await wire.send(b"abc")
        assert (await wire.answer())[1] == b"abc"
        await wire.send(
            b"PUT /no" + head
        )  # answered without asking for the body: the connection cannot go on
        answer = await wire.to_end()
        assert answer.startswith(b"HTTP/1.1 403")
        assert b"Connection: close" in answer


async def test_an_upgrade_is_declined_by_going_on(dial: Dial) -> None:
    """The JDK's client offers HTTP/2 on every first plain request."""
    offer = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAA\r\n"
    async with serving(echo) as server:
        wire = await dial(server)
        await wire.send(b"GET /a HTTP/1.1\r\nHost: h\r\n" + offer + b"\r\nGET /b HTTP/1.1\r\nHost: h\r\n\r\n")
        assert (await wire.answer())[1].startswith(b"GET\n/a\n")
        assert (await wire.answer())[1].startswith(b"GET\n/b\n")
        await wire.send(b"POST /c HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n" + offer + b"\r\nabc")
        assert (await wire.answer())[1].endswith(b"\nabc")
        await wire.send(b"GET /d HTTP/1.1\r\nHost: h\r\n\r\n")
        assert (await wire.answer())[1].startswith(b"GET\n/d\n")


async def test_trailers_are_dropped(dial: Dial) -> None:
    async with serving(echo) as server:
        wire = await dial(server)
        await wire.send(
            b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"2;ext=1\r\nab\r\n0\r\nX-Trailer: 1\r\nHost: evil\r\n\r\nGET /b HTTP/1.1\r\nHost: h\r\n\r\n"
        )
        assert (await wire.answer())[1] == b"POST\n/\nHost=h\nTransfer-Encoding=chunked\nab"
        assert (await wire.answer())[1] == b"GET\n/b\nHost=h\n"


async def test_a_handlers_bug_is_500_without_a_word(dial: Dial) -> None:
    async def handler(request: Request, responder: Responder) -> None:
        if request.target == b"/late":
            await responder.start(200, [], length=5)
            await responder.write(b"ab")
        if request.target != b"/silent":
            raise KeyError("secret")

    async with serving(handler) as server:
        wire = await dial(server)
        for target in (b"/", b"/silent"):
            await wire.send(b"GET " + target + b" HTTP/1.1\r\nHost: h\r\n\r\n")
            head, body = await wire.answer()
            assert head.startswith(b"HTTP/1.1 500 ")
            assert body == b""
        await wire.send(b"GET /late HTTP/1.1\r\nHost: h\r\n\r\n")
        try:
            assert not (await wire.to_end()).endswith(b"abcde")
        except ConnectionError:
            pass


async def test_a_header_cannot_break_the_line(dial: Dial) -> None:
    async def handler(request: Request, responder: Responder) -> None:
        bad = [
            (b"x", b"a\r\nSet-Cookie: b"),
            (b"x\r\ny", b"1"),
            (b"x y", b"1"),
            (b"", b"1"),
            (b"x", b"a\nb"),
            (b"x", b"\0"),
        ]
        for header in bad:
            try:
                await responder.send(200, [header])
            except ValueError:
                continue
            raise AssertionError(header)
        await responder.send(200, [], b"fine")

    async with serving(handler) as server:
        wire = await dial(server)
        await wire.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        assert (await wire.answer())[1] == b"fine"


async def test_early_answer_to_a_body_nobody_reads(dial: Dial) -> None:
    async def handler(request: Request, responder: Responder) -> None:
        await responder.send(400, [], b"no")

    async with serving(handler, discard_bytes=100_000, linger_timeout=0.3) as server:
        wire = await dial(server)
        await wire.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 50000\r\n\r\n")
        assert (await wire.answer())[1] == b"no"
        await wire.send(b"x" * 50000 + b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9000000\r\n\r\n")
        assert (await wire.answer())[1] == b"no"  # little was left: the connection went on
        await wire.send(b"x" * 400_000)
        assert await wire.to_end() == b""  # much is left: it ends, without a reset


async def test_close_finishes_requests_in_hand(dial: Dial) -> None:
    begun = asyncio.Event()

    async def handler(request: Request, responder: Responder) -> None:
        begun.set()
        await asyncio.sleep(0.1)
        await responder.send(200, [], b"done")

    async with serving(handler) as server:
        idle, busy = await dial(server), await dial(server)
        await busy.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        await begun.wait()
        await server.close(2)
        assert await idle.to_end() == b""
        answer = await busy.to_end()
        assert answer.endswith(b"done")
        assert b"Connection: close" in answer


async def test_close_ends_what_outlasts_its_grace(dial: Dial) -> None:
    cancelled = asyncio.Event()

    async def handler(request: Request, responder: Responder) -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    async with serving(handler) as server:
        wire = await dial(server)
        await wire.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        await asyncio.sleep(0.05)
        await server.close(0.05)
        assert cancelled.is_set()
        assert server.connections == 0


async def test_one_connection_too_many(dial: Dial) -> None:
    async with serving(echo, max_connections=2) as server:
        wires = [await dial(server) for _ in range(2)]
        for wire in wires:
            await wire.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            await wire.answer()
        third = await dial(server)
        assert (await third.to_end()).startswith(b"HTTP/1.1 503 ")
        await wires[0].close()
        await asyncio.sleep(0.05)
        wire = await dial(server)
        await wire.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        assert (await wire.answer())[0].startswith(b"HTTP/1.1 200 ")
