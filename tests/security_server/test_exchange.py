"""One exchange between two security servers: what each side sees, and what each side has logged."""

from __future__ import annotations

import asyncio
import hashlib
from base64 import b64decode
from pathlib import Path

import pytest
from world import CLIENT, ECHO, REGISTER, Pair, World, make_pair

from sild.http1 import Request, Responder
from sild.xroad.rest import parse_rest_request, parse_rest_response

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_get_without_a_body(shared_pair: Pair) -> None:
    answer = await shared_pair.call("GET", "/people/1?x=%20y&z")
    assert (answer.status, answer.body) == (200, b"")
    method, target, _, body = shared_pair.echo.requests[0]
    assert (method, target, body) == ("GET", b"/people/1?x=%20y&z", b"")


async def test_what_the_service_and_the_client_see(shared_pair: Pair) -> None:
    headers = [
        (b"Content-Type", b"application/json"),
        (b"X-Road-Id", b"id-1"),
        (b"X-Custom", b"one"),
        (b"x-custom", b"two"),
        (b"User-Agent", b"curl"),
        (b"X-Road-Request-Hash", b"forged"),
    ]
    answer = await shared_pair.call("POST", body=b'{"value": 42}', headers=headers)
    _, _, seen, body = shared_pair.echo.requests[0]
    names = {name.lower(): value for name, value in seen}
    assert body == b'{"value": 42}'
    assert [(name, value) for name, value in seen if name.lower() == b"x-custom"] == [
        (b"X-Custom", b"one"),
        (b"x-custom", b"two"),
    ]
    assert names[b"content-length"] == b"13"
    assert b"user-agent" not in names
    assert b"x-road-request-hash" not in names
    told = {name.decode(): value.decode() for name, value in answer.headers}
    assert told["x-road-id"] == "id-1"
    assert told["x-road-client"] == CLIENT.encode()
    assert told["x-road-service"] == ECHO.encode()
    assert told["x-road-request-id"] == names[b"x-road-request-id"].decode()
    assert len(b64decode(told["x-road-request-hash"])) == 64
    assert told["X-Service"] == "echo"
    assert sum(name.lower() == b"date" for name, _ in answer.headers) == 1


@pytest.mark.parametrize("method", ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"])
async def test_every_method(shared_pair: Pair, method: str) -> None:
    body = b"body" if method in ("PATCH", "POST", "PUT", "DELETE") else None
    answer = await shared_pair.call(method, "/x", body=body)
    assert answer.status == 200, answer.body
    seen_method, _, _, seen_body = shared_pair.echo.requests[0]
    assert seen_method == method
    assert seen_body == (b"" if method == "DELETE" or body is None else body), (
        "a DELETE's body is signed, not sent on"
    )


@pytest.mark.parametrize("status", [204, 304, 404, 500])
async def test_every_status_is_the_services_own(shared_pair: Pair, status: int) -> None:
    async def answer(request: Request, responder: Responder) -> None:
        await responder.send(status, [(b"ETag", b'"1"')], b"" if status in (204, 304) else b"text")

    shared_pair.echo.answer = answer
    told = await shared_pair.call()
    assert (told.status, told.header(b"x-road-error"), told.header(b"etag")) == (status, None, b'"1"')


@pytest.mark.parametrize("size", [0, 1, 131_072, 131_073, 1_000_000])
async def test_bodies_short_and_long(shared_pair: Pair, size: int) -> None:
    body = bytes(number % 251 for number in range(size))
    answer = await shared_pair.call("POST", body=body)
    assert answer.body == body


async def test_the_log_holds_what_was_signed(shared_pair: Pair) -> None:
    headers = [(b"X-Road-Id", b"logged")]
    await shared_pair.call("POST", "/x", body=b"question", headers=headers)
    for site, whose in ((shared_pair.consumer, CLIENT), (shared_pair.provider, REGISTER)):
        log = site.server.message_log
        request, response = await log.find("logged", whose)
        assert (request.is_response, response.is_response) == (False, True)
        sent, answered = parse_rest_request(request.message), parse_rest_response(response.message)
        assert (sent.client, sent.service, sent.service_path) == (CLIENT, ECHO, "/x")
        digest = hashlib.sha512(request.message).digest() + hashlib.sha512(b"question").digest()
        assert answered.request_hash == hashlib.sha512(digest).digest()
        assert request.x_request_id == response.x_request_id == sent.request_id
        assert request.hash_chain_result is not None
        assert b"<xades:SignedProperties" in request.signature


async def test_many_at_once(shared_pair: Pair) -> None:
    bodies = [f"{number}".encode() * 100 for number in range(100)]
    answers = await asyncio.gather(*(shared_pair.call("POST", body=body) for body in bodies))
    assert [answer.body for answer in answers] == bodies
    assert len(shared_pair.records(shared_pair.consumer)) == 200
    assert len(shared_pair.records(shared_pair.provider)) == 200


@pytest.mark.parametrize("batch", ["never", "automatic", "always"])
async def test_rsa_keys_single_and_batch_signatures(tmp_path: Path, batch: str) -> None:
    async with World(tmp_path, "rsa-2048") as world:
        pair = await make_pair(world, consumer={"batch_signing": batch}, provider={"batch_signing": batch})
        answers = await asyncio.gather(*(pair.call("POST", body=b"%d" % number) for number in range(20)))
        assert [answer.body for answer in answers] == [b"%d" % number for number in range(20)]


async def test_a_server_calls_its_own_service(tmp_path: Path) -> None:
    """Client and provider at one server still meet on the wire, with the same checks and four records."""
    async with World(tmp_path) as world:
        pair = await make_pair(world)
        own = pair.provider
        own.server.serverconf.grant(ECHO, REGISTER)
        answer = await world.call(own, "POST", ECHO, client=REGISTER, body=b"myself")
        assert (answer.status, answer.body) == (200, b"myself")
        assert len(pair.records(own)) == 4


async def test_start_without_a_configuration_then_recover(tmp_path: Path) -> None:
    """Keys and certificates are there, the configuration comes later: no restart is needed."""
    async with World(tmp_path) as world:
        pair = await make_pair(world, provider={"start": False})
        published = world.central.directory
        world.central.directory = b"broken"
        await pair.provider.server.start()
        assert (await pair.call()).status == 500
        world.central.directory = published
        await pair.provider.server.configuration.refresh()
        await pair.provider.server.signer.ocsp.refresh()
        async with asyncio.timeout(10):
            while (
                await pair.call()
            ).status != 200:  # what was remembered as not to be had is asked for again
                await asyncio.sleep(0.1)
