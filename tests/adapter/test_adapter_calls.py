"""REST calls through two real security servers: what arrives at the service, what comes back, what is refused."""

from __future__ import annotations

import asyncio
import hashlib
import io
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from world import CLIENT, ECHO, REGISTER, Pair, subsystem

from sild.adapter import (
    AUTOMATIC,
    AsyncXRoadClient,
    CallContext,
    CallerError,
    PeerError,
    RepresentedParty,
    SecurityServerId,
    ServiceError,
    ServiceId,
    Timeouts,
    Unavailable,
    XRoadFault,
)
from sild.http1 import Request, Responder

pytestmark = pytest.mark.asyncio(loop_scope="module")


def seen(pair: Pair, name: bytes) -> list[bytes]:
    """Values of a header as the service saw it last."""
    return [value for key, value in pair.echo.requests[-1][2] if key.lower() == name]


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"])
async def test_any_method(pair: Pair, xroad: AsyncXRoadClient, method: str) -> None:
    answer = await xroad.request(method, ECHO, ["a b", "c"], params={"x": 1})
    assert answer.status == 200
    assert pair.echo.requests[-1][:2] == (method, b"/a%20b/c?x=1")
    assert answer.header("x-service") == "echo"


async def test_what_identifies_the_exchange(pair: Pair, xroad: AsyncXRoadClient) -> None:
    answer = await xroad.post(ECHO, json={"name": "Mari Õun"})
    assert (answer.client, answer.service, answer.attempts) == (CLIENT, ECHO, 1)
    assert answer.query_id.startswith("DEV-")
    assert seen(pair, b"x-road-id") == [answer.query_id.encode()]
    assert seen(pair, b"x-road-request-id") == [answer.request_id.encode()]
    assert len(answer.request_hash) == 64
    assert pair.records(pair.consumer) == [(answer.query_id, False), (answer.query_id, True)]
    given = await xroad.get(ECHO, query_id="our-own-id-1")
    assert given.query_id == "our-own-id-1"


async def test_bodies(pair: Pair, xroad: AsyncXRoadClient, tmp_path: Path) -> None:
    sent = await xroad.post(ECHO, json={"name": "Õun", "list": [1, None]})
    assert sent.body == '{"name":"Õun","list":[1,null]}'.encode()
    assert seen(pair, b"content-type") == [b"application/json"]
    assert sent.json() == {"name": "Õun", "list": [1, None]}

    assert (await xroad.put(ECHO, body=b"\0\xff", content_type="image/png")).body == b"\0\xff"
    assert seen(pair, b"content-type") == [b"image/png"]

    file = tmp_path / "file"
    file.write_bytes(b"x" * 200_000)
    with file.open("rb") as opened:
        opened.seek(100_000)
        assert (await xroad.post(ECHO, body=opened)).body == b"x" * 100_000, "from where it stands"
    assert (await xroad.post(ECHO, body=io.BytesIO(b"memory"))).body == b"memory"

    async def later() -> AsyncIterator[bytes]:
        for piece in (b"a", b"", b"b"):
            yield piece

    def now() -> Iterator[bytes]:
        yield from (b"c", b"", b"d")

    assert (await xroad.post(ECHO, body=later())).body == b"ab"
    assert (await xroad.post(ECHO, body=now())).body == b"cd"
    assert (await xroad.post(ECHO, body=lambda: [b"e", b"f"])).body == b"ef"
    assert (await xroad.post(ECHO)).body == b""


async def test_what_cannot_be_sent_is_said_before_anything_is(pair: Pair, xroad: AsyncXRoadClient) -> None:
    wrong: list[Callable[[], Awaitable[object]]] = [
        lambda: xroad.get(ECHO, body=b"lost on the way"),
        lambda: xroad.delete(ECHO, json={}),
        lambda: xroad.post(ECHO, json={}, body=b""),
        lambda: xroad.request("BREW", ECHO),
        lambda: xroad.get(ECHO, headers={"X-Road-Id": "another way"}),
        lambda: xroad.get(ECHO, query_id="a\r\nb"),
    ]
    for call in wrong:
        with pytest.raises(CallerError):
            await call()
    with pytest.raises(ValueError, match="not JSON compliant"):
        await xroad.post(ECHO, json=float("nan"))
    with pytest.raises(TypeError):
        await xroad.post(ECHO, body="text")  # type: ignore[arg-type]
    assert pair.echo.requests == []


async def test_what_breaks_in_the_callers_stream_is_the_callers(pair: Pair, xroad: AsyncXRoadClient) -> None:
    class Ours(Exception):
        pass

    def broken() -> Iterator[bytes]:
        yield b"begun"
        raise Ours

    with pytest.raises(Ours):
        await xroad.post(ECHO, body=broken())
    assert (await xroad.get(ECHO)).ok, "the client goes on"


async def test_on_whose_behalf(pair: Pair) -> None:
    everywhere = CallContext(user_id=AUTOMATIC, issue="case 1")
    async with AsyncXRoadClient(pair.consumer.url, CLIENT, context=everywhere) as xroad:
        await xroad.get(ECHO)
        assert seen(pair, b"x-road-userid") == [b"automatic"]
        context = CallContext(
            user_id="EE38001085718",
            represented_party=RepresentedParty("COM", "12345678"),
            security_server=SecurityServerId(REGISTER.member, "ss2"),
            legal_ground="RT I, 2024, 1 § 5",
        )
        await xroad.get(ECHO, context=context, headers={"X-Mine": "õ"})
        assert seen(pair, b"x-road-userid") == [b"EE38001085718"]
        assert seen(pair, b"x-road-issue") == [], "a context is whole, not merged"
        assert seen(pair, b"x-road-represented-party") == [b"COM/12345678"]
        assert seen(pair, b"x-road-legal-ground")[0].decode() == "RT I, 2024, 1 § 5"
        assert seen(pair, b"x-mine")[0].decode() == "õ"
        with pytest.raises(XRoadFault) as refused:
            wrong = CallContext(security_server=SecurityServerId(REGISTER.member, "another"))
            await xroad.get(ECHO, context=wrong)
        assert refused.value.origin == "server.clientproxy"


async def test_faults_of_both_servers(pair: Pair, xroad: AsyncXRoadClient) -> None:
    for service, code, origin in (
        (ServiceId(REGISTER, "nothing"), "unknown_service", "server.serverproxy"),
        (ServiceId(subsystem("7", "Nobody"), "echo"), "unknown_member", "server.clientproxy"),
    ):
        with pytest.raises(CallerError) as error:
            await xroad.get(service)
        fault = error.value
        assert isinstance(fault, XRoadFault)
        assert (fault.code, fault.origin, fault.status) == (code, origin, 500)
        assert len(fault.fault_detail) == 36
        assert fault.query_id.startswith("DEV-")
    assert (await xroad.get(ECHO)).ok


async def test_a_right_taken_away_and_a_service_switched_off(pair: Pair, xroad: AsyncXRoadClient) -> None:
    conf = pair.provider.server.serverconf
    conf.revoke(ECHO, CLIENT)
    with pytest.raises(CallerError) as denied:
        await xroad.get(ECHO)
    assert denied.value.code == "access_denied"
    conf.grant(ECHO, CLIENT)
    conf.disable_service(ECHO, "closed for today")
    with pytest.raises(Unavailable, match="closed for today") as disabled:
        await xroad.get(ECHO)
    assert disabled.value.code == "service_disabled"
    conf.enable_service(ECHO)
    assert (await xroad.get(ECHO)).ok


async def test_a_client_that_is_not_registered_there(pair: Pair) -> None:
    async with AsyncXRoadClient(pair.consumer.url, subsystem("9", "Stranger")) as xroad:
        with pytest.raises(CallerError) as error:
            await xroad.get(ECHO)
        assert error.value.code == "unknown_member"


@pytest.mark.parametrize(("status", "kind"), [(404, CallerError), (500, PeerError), (503, Unavailable)])
async def test_a_services_own_refusal_is_an_answer(
    pair: Pair, xroad: AsyncXRoadClient, status: int, kind: type[Exception]
) -> None:
    async def refuse(_request: Request, responder: Responder) -> None:
        problem = b'{"type":"about:blank","title":"No","status":0,"detail":"not today"}'
        await responder.send(
            status, [(b"Content-Type", b"application/problem+json"), (b"Retry-After", b"9")], problem
        )

    pair.echo.answer = refuse
    answer = await xroad.get(ECHO)
    assert (answer.status, answer.ok, answer.attempts) == (status, False, 1)
    with pytest.raises(kind, match="No: not today") as error:
        answer.ensure_success()
    assert isinstance(error.value, ServiceError)
    assert not isinstance(error.value, XRoadFault)
    assert (error.value.status, error.value.query_id) == (status, answer.query_id)
    if isinstance(error.value, Unavailable):
        assert error.value.retry_after == 9.0


async def test_redirects_are_answers(pair: Pair, xroad: AsyncXRoadClient) -> None:
    async def redirect(_request: Request, responder: Responder) -> None:
        await responder.send(302, [(b"Location", b"http://elsewhere.test/")], b"")

    pair.echo.answer = redirect
    answer = await xroad.get(ECHO)
    assert (answer.status, answer.header("location")) == (302, "http://elsewhere.test/")


async def test_bodies_that_are_not_what_they_say(pair: Pair, xroad: AsyncXRoadClient) -> None:
    answer = await xroad.post(ECHO, body=b"\xff{", content_type="application/json; charset=nonsense")
    for read in (answer.json, lambda: answer.text):
        with pytest.raises(PeerError) as error:
            read()
        assert error.value.code == "invalid_body"
    latin = await xroad.post(
        ECHO, body="õ".encode("iso-8859-15"), content_type='text/plain; charset="ISO-8859-15"'
    )
    assert latin.text == "õ"


async def test_large_bodies_stream_both_ways(pair: Pair, xroad: AsyncXRoadClient) -> None:
    size, piece = 9 * 1024 * 1024, b"0123456789abcdef" * 4096
    sent, received = hashlib.sha256(), hashlib.sha256()

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(size // len(piece)):
            sent.update(piece)
            yield piece

    async with xroad.stream("POST", ECHO, body=pieces()) as answer:
        assert answer.head.status == 200
        async for data in answer.chunks():
            received.update(data)
    assert received.digest() == sent.digest()
    assert answer.evidence_handle().answer_digest is not None


async def test_a_refusal_while_the_body_is_still_going(pair: Pair, xroad: AsyncXRoadClient) -> None:
    """The server answers before the end and does not wait for it; nor do we."""
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 65536
            yield b"x" * 65536
            await asyncio.sleep(0)

    with pytest.raises(XRoadFault) as error:
        await xroad.post(ServiceId(subsystem("7", "Nobody"), "echo"), body=endless())
    assert error.value.code == "unknown_member"
    assert sent < 100 * 1024 * 1024
    assert (await xroad.get(ECHO)).ok


async def test_a_slow_upload_is_no_silence(pair: Pair, xroad: AsyncXRoadClient) -> None:
    async def slow() -> AsyncIterator[bytes]:
        for _ in range(6):
            await asyncio.sleep(0.3)
            yield b"x"

    assert (await xroad.post(ECHO, body=slow(), timeouts=Timeouts(silence=1.2))).body == b"x" * 6


async def test_what_was_said_stays_out_of_logs(pair: Pair, xroad: AsyncXRoadClient) -> None:
    with pytest.raises(CallerError) as error:
        await xroad.get(ECHO, context=CallContext(user_id="EE38001085718\n"))
    answer = await xroad.post(ECHO, json={"name": "Mari Õun"}, context=CallContext(user_id="EE38001085718"))
    for text in (
        str(error.value),
        repr(error.value),
        repr(answer),
        repr(await answer.evidence(stamp_now=True)),
    ):
        assert "EE38001085718" not in text
        assert "Mari" not in text


async def test_an_answer_larger_than_allowed(pair: Pair) -> None:
    async with AsyncXRoadClient(pair.consumer.url, CLIENT, max_answer_bytes=1000) as xroad:
        assert len((await xroad.post(ECHO, body=b"x" * 1000)).body) == 1000
        with pytest.raises(PeerError) as error:
            await xroad.post(ECHO, body=b"x" * 1001)
        assert error.value.code == "invalid_body"
        async with xroad.stream("POST", ECHO, body=b"x" * 1001) as answer:
            assert sum([len(data) async for data in answer.chunks()]) == 1001


async def test_a_stream_left_early_does_not_harm_the_next_call(pair: Pair, xroad: AsyncXRoadClient) -> None:
    for leave_by_error in (False, True):
        with pytest.raises(KeyError) if leave_by_error else pytest.MonkeyPatch.context():
            async with xroad.stream("POST", ECHO, body=b"x" * 5_000_000) as answer:
                assert await answer.read_some()
                if leave_by_error:
                    raise KeyError
        assert (await xroad.get(ECHO)).ok


async def test_many_at_once_on_few_connections(pair: Pair) -> None:
    async with AsyncXRoadClient(pair.consumer.url, CLIENT, max_connections=4) as xroad:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(xroad.post(ECHO, json=number)) for number in range(40)]
        assert [task.result().json() for task in tasks] == list(range(40))
        assert len({task.result().query_id for task in tasks}) == 40
        assert len(xroad._connections._pool) <= 4


async def test_a_cancelled_call_gives_its_connection_up(pair: Pair) -> None:
    async def slow(_request: Request, responder: Responder) -> None:
        await asyncio.sleep(0.5)
        await responder.send(200, [], b"")

    pair.echo.answer = slow
    async with AsyncXRoadClient(pair.consumer.url, CLIENT, max_connections=1) as xroad:
        for _ in range(3):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await xroad.get(ECHO)
        pair.echo.answer = None
        assert (await xroad.get(ECHO)).ok


async def test_a_service_slower_than_allowed(pair: Pair, xroad: AsyncXRoadClient) -> None:
    async def slow(_request: Request, responder: Responder) -> None:
        await asyncio.sleep(0.4)
        await responder.send(200, [], b"")

    pair.echo.answer = slow
    with pytest.raises(Unavailable):
        await xroad.get(ECHO, timeouts=Timeouts(silence=0.1))
    assert len(pair.echo.requests) == 1


async def test_this_is_no_security_server(pair: Pair) -> None:
    async def website(_request: Request, responder: Responder) -> None:
        await responder.send(200, [], b"<html>")

    async with AsyncXRoadClient(await pair.world.serve(website), CLIENT) as xroad:
        with pytest.raises(PeerError, match="information systems"):
            await xroad.get(ECHO)
        with pytest.raises(PeerError):
            await xroad.list_clients()
        with pytest.raises(PeerError):
            await xroad.soap(ECHO, "<echo/>")


@pytest.mark.parametrize(
    "address", ["ss1:8080", "ftp://ss1", "http://", "http://ss1/r1/", "http://ss1:99999", "http://ss1?x"]
)
async def test_addresses_that_are_none(address: str) -> None:
    with pytest.raises(CallerError):
        AsyncXRoadClient(address, CLIENT)
