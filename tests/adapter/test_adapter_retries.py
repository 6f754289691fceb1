"""When a call is sent again: the rule as a table, then against servers that break at every point."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sild.adapter import (
    AsyncXRoadClient,
    ClientId,
    PeerError,
    PlatformError,
    Retries,
    ServiceId,
    Timeouts,
    TrustError,
    Unavailable,
    XRoadFault,
)
from sild.adapter.faults import KINDS, xroad_fault
from sild.adapter.retries import Sent, may_repeat
from sild.http1 import BrokenMessage, ConnectionLost, TimedOut, TlsFailed, UnknownHost

CLIENT = ClientId("DEV", "COM", "1", "Client")
ECHO = ServiceId(ClientId("DEV", "COM", "2", "Register"), "echo")
NOTHING_SENT = Sent(bytes_sent=False, repeatable=False, replayable=True)
POSTED = Sent(bytes_sent=True, repeatable=False, replayable=True)
ASKED = Sent(bytes_sent=True, repeatable=True, replayable=True)


@pytest.mark.parametrize(
    ("error", "nothing_sent", "posted", "asked"),
    [
        (ConnectionLost("refused"), True, False, True),
        (UnknownHost("no such name"), True, False, False),
        (TlsFailed("handshake"), True, False, True),
        (TrustError("another certificate"), False, False, False),
        (BrokenMessage("cut off"), False, False, True),
        (TimedOut("silence"), True, False, False),
        (Unavailable("gateway", code="http_error"), True, False, True),
        (PeerError("not an answer", code="invalid_message"), False, False, False),
        (xroad_fault("server.clientproxy.network_error", ""), False, False, True),
        (xroad_fault("Server.ClientProxy.NetworkError", ""), False, False, True),
        (xroad_fault("server.clientproxy.unknown_host", ""), False, True, True),
        (xroad_fault("server.serverproxy.service_failed.database_error", ""), False, False, True),
        (xroad_fault("server.serverproxy.service_disabled", ""), False, False, False),
        (xroad_fault("server.serverproxy.access_denied", ""), False, False, False),
        (xroad_fault("server.clientproxy.ssl_authentication_failed.io_error", ""), False, False, False),
    ],
)
def test_the_table(error: PlatformError, nothing_sent: bool, posted: bool, asked: bool) -> None:
    if not isinstance(error, XRoadFault):
        assert may_repeat(error, NOTHING_SENT) is nothing_sent
    assert may_repeat(error, POSTED) is posted
    assert may_repeat(error, ASKED) is asked


@given(
    st.sampled_from(sorted(KINDS)), st.sampled_from(["client", "server.clientproxy", "server.serverproxy"])
)
def test_no_fault_but_one_repeats_a_post(word: str, origin: str) -> None:
    assert may_repeat(xroad_fault(f"{origin}.{word}", ""), POSTED) is (word == "unknown_host")


def test_pauses_double_up_to_a_bound_and_end() -> None:
    retries = Retries(attempts=6, first_pause=0.1, longest_pause=0.5)
    error = ConnectionLost("refused")
    longest = [retries.pause_after(attempt, error, NOTHING_SENT, chance=1.0) for attempt in range(1, 7)]
    assert longest == [0.1, 0.2, 0.4, 0.5, 0.5, None]
    assert retries.pause_after(1, error, NOTHING_SENT, chance=0.0) == 0.05
    spent = Sent(bytes_sent=False, repeatable=True, replayable=False)
    assert retries.pause_after(1, error, spent, chance=1.0) is None, "the body cannot be sent again"


def test_what_the_server_asks_is_honoured_or_left_to_the_caller() -> None:
    soon, late = (Unavailable("", code="http_error", retry_after=seconds) for seconds in (1.5, 60.0))
    assert Retries().pause_after(1, soon, ASKED, chance=0.0) == 1.5
    assert Retries().pause_after(1, late, ASKED, chance=0.0) is None


# --- against servers that break

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter, "Breaking"], Awaitable[None]]


@dataclass
class Breaking:
    """A security server that misbehaves as told, once for each connection, and is good after that."""

    behaviours: list[Behaviour]
    requests: list[bytes] = field(default_factory=list)
    url: str = ""

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behaviour = self.behaviours.pop(0) if self.behaviours else good
        try:
            await behaviour(reader, writer, self)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def read(self, reader: asyncio.StreamReader) -> bytes:
        head = await reader.readuntil(b"\r\n\r\n")
        self.requests.append(head)
        if b"Content-Length: 4" in head:
            await reader.readexactly(4)
        return head

    @property
    def query_ids(self) -> list[bytes]:
        return [header_of(head, b"X-Road-Id") for head in self.requests]


def header_of(head: bytes, name: bytes) -> bytes:
    return next(line.partition(b": ")[2] for line in head.split(b"\r\n") if line.startswith(name + b": "))


def answer_to(head: bytes, body: bytes = b"fine") -> bytes:
    lines = [
        b"HTTP/1.1 200 OK",
        b"x-road-id: " + header_of(head, b"X-Road-Id"),
        b"x-road-client: " + CLIENT.encode().encode(),
        b"x-road-service: " + ECHO.encode().encode(),
        b"x-road-request-id: r",
        b"x-road-request-hash: " + b64encode(b"h" * 64),
        b"Content-Length: %d" % len(body),
    ]
    return b"\r\n".join([*lines, b"", body])


async def good(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: Breaking) -> None:
    while True:
        writer.write(answer_to(await server.read(reader)))


async def closes_at_once(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: Breaking
) -> None:
    """A connection that ends before anything is read."""


async def closes_after_the_request(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: Breaking
) -> None:
    await server.read(reader)


async def cuts_the_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: Breaking) -> None:
    writer.write(answer_to(await server.read(reader))[:-2])


async def cuts_the_head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: Breaking) -> None:
    writer.write(answer_to(await server.read(reader))[:40])


async def stays_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: Breaking) -> None:
    await server.read(reader)
    await reader.read()


async def gateway(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: Breaking) -> None:
    await server.read(reader)
    writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 3\r\n\r\nno\n")


def faulty(code: bytes) -> Behaviour:
    async def behaviour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: Breaking) -> None:
        await server.read(reader)
        writer.write(b"HTTP/1.1 500 no\r\nX-Road-Error: %b\r\nContent-Length: 2\r\n\r\n{}" % code)

    return behaviour


async def once_then_closes(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: Breaking
) -> None:
    """Answers and keeps the connection, then closes it when the next request is there: the race of kept-alive connections."""
    writer.write(answer_to(await server.read(reader)))
    await server.read(reader)


@asynccontextmanager
async def breaking(
    *behaviours: Behaviour, **options: object
) -> AsyncIterator[tuple[AsyncXRoadClient, Breaking]]:
    state = Breaking(list(behaviours))
    server = await asyncio.start_server(state.talk, "127.0.0.1", 0)
    state.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    options.setdefault("retries", Retries(first_pause=0.001))
    try:
        async with AsyncXRoadClient(state.url, CLIENT, **options) as xroad:  # type: ignore[arg-type]
            yield xroad, state
    finally:
        server.close()
        await asyncio.sleep(0.01)


BROKEN = [
    closes_after_the_request,
    cuts_the_head,
    cuts_the_body,
    gateway,
    faulty(b"server.clientproxy.io_error"),
]


@pytest.mark.parametrize("behaviour", BROKEN)
async def test_a_get_is_sent_again_with_the_same_id(behaviour: Behaviour) -> None:
    async with breaking(behaviour, behaviour) as (xroad, server):
        answer = await xroad.get(ECHO)
        assert answer.body == b"fine"
        assert answer.attempts == 3
        assert len(set(server.query_ids)) == 1, "both logs show one call"
        assert server.query_ids[0].startswith(b"DEV-")


@pytest.mark.parametrize("behaviour", BROKEN)
@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_a_post_is_not_sent_twice(behaviour: Behaviour, method: str) -> None:
    async with breaking(behaviour) as (xroad, server):
        with pytest.raises(PlatformError):
            await xroad.request(method, ECHO, body=b"data")
        assert len(server.requests) == 1


@pytest.mark.parametrize("behaviour", BROKEN)
async def test_unless_the_caller_says_that_it_may(behaviour: Behaviour) -> None:
    async with breaking(behaviour) as (xroad, server):
        assert (await xroad.post(ECHO, body=b"data", idempotent=True)).attempts == 2
        assert len(server.requests) == 2


async def test_nor_is_a_put_when_the_caller_says_no() -> None:
    async with breaking(closes_after_the_request) as (xroad, server):
        with pytest.raises(Unavailable):
            await xroad.put(ECHO, body=b"data", idempotent=False)
        assert len(server.requests) == 1


async def test_a_post_that_never_reached_the_service_is_sent_again() -> None:
    async with breaking(faulty(b"Server.ClientProxy.UnknownHost")) as (xroad, server):
        assert (await xroad.post(ECHO, body=b"data")).attempts == 2
        assert len(set(server.query_ids)) == 1


async def test_no_connection_no_request() -> None:
    async with breaking() as (xroad, server):
        url = server.url
    async with AsyncXRoadClient(url, CLIENT, retries=Retries(attempts=20, first_pause=0.2)) as xroad:
        calling = asyncio.create_task(xroad.post(ECHO, body=b"data"))
        await asyncio.sleep(0.05)
        state = Breaking([])
        again = await asyncio.start_server(state.talk, "127.0.0.1", int(url.rpartition(":")[2]))
        try:
            assert (await calling).attempts > 1, "the server was restarted meanwhile"
        finally:
            again.close()


async def test_attempts_end() -> None:
    async with breaking(*[closes_after_the_request] * 9) as (xroad, server):
        with pytest.raises(Unavailable) as error:
            await xroad.get(ECHO)
        assert error.value.code == "network_error"
        assert len(server.requests) == 3


async def test_silence_is_not_repeated() -> None:
    async with breaking(stays_silent, timeouts=Timeouts(silence=0.1)) as (xroad, server):
        with pytest.raises(Unavailable) as error:
            await xroad.get(ECHO)
        assert error.value.code == "io_error"
        assert len(server.requests) == 1


async def test_the_total_bounds_attempts_and_pauses() -> None:
    retries = Retries(attempts=100, first_pause=0.05)
    async with breaking(*[closes_after_the_request] * 100, retries=retries) as (xroad, server):
        with pytest.raises(Unavailable, match="longer than"):
            await xroad.get(ECHO, timeouts=Timeouts(total=1.0))
        assert 1 < len(server.requests) < 20


async def test_a_callers_own_timeout_stays_the_callers() -> None:
    async with breaking(stays_silent) as (xroad, _):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await xroad.get(ECHO)


async def test_a_kept_connection_that_the_server_closes() -> None:
    async with breaking(once_then_closes, once_then_closes) as (xroad, server):
        assert (await xroad.get(ECHO)).attempts == 1
        assert (await xroad.get(ECHO)).attempts == 2, "idempotent: on a new connection"
        with pytest.raises(Unavailable):
            await xroad.post(ECHO, body=b"data")
        assert len(server.requests) == 4


async def test_a_stream_that_was_read_is_not_sent_again() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"da"
        yield b"ta"

    async with breaking(closes_after_the_request) as (xroad, server):
        with pytest.raises(Unavailable):
            await xroad.put(ECHO, body=pieces())
        assert len(server.requests) == 1
    async with breaking(closes_after_the_request) as (xroad, server):
        assert (await xroad.put(ECHO, body=pieces)).attempts == 2, "a function gives a new one"


async def test_an_answer_that_was_begun_is_not_repeated() -> None:
    async with breaking(cuts_the_body) as (xroad, server):
        with pytest.raises(PeerError):
            async with xroad.stream("GET", ECHO) as answer:
                async for _ in answer.chunks():
                    pass
        assert answer.evidence_handle().answer_digest is None
        assert len(server.requests) == 1


async def test_an_answer_to_another_request_ends_the_connection() -> None:
    async def mixed_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: Breaking) -> None:
        head = await server.read(reader)
        writer.write(answer_to(head.replace(b"X-Road-Id: DEV-", b"X-Road-Id: DEV-0")))
        await server.read(reader)

    async with breaking(mixed_up) as (xroad, server):
        with pytest.raises(PeerError) as error:
            await xroad.get(ECHO)
        assert error.value.code == "inconsistent_response"
        assert (await xroad.get(ECHO)).body == b"fine"
        assert len(server.requests) == 2
