"""Services: who calls is said by the security server, and nobody else is let in."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from typing import Annotated, Any

import pytest
import pytest_asyncio
from fastapi import Depends, FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route
from starlette.types import Message, Scope
from world import CLIENT, REGISTER, Pair

from sild.adapter import AsyncXRoadClient, CallContext, ClientId, RepresentedParty, ServiceId
from sild.adapter.provider import XRoadCaller, XRoadMiddleware, read_caller, xroad_caller
from sild.asgi import serve_application
from sild.errors import CallerError
from sild.http1 import Fetched, fetch
from sild.telemetry import get_logger

SERVICE = ServiceId(REGISTER, "who")
GOOD = [
    (b"X-Road-Client", b"DEV/COM/1/Client"),
    (b"X-Road-Id", b"DEV-1"),
    (b"x-road-request-id", b"0d2a4c5e-1111-4222-8333-444455556666"),
]


def as_json(caller: XRoadCaller) -> dict[str, Any]:
    party = caller.represented_party
    return {
        "client": str(caller.client),
        "service": str(caller.service),
        "query_id": caller.query_id,
        "request_id": caller.request_id,
        "user_id": caller.user_id,
        "issue": caller.issue,
        "represented_party": None if party is None else [party.member_class, party.member_code],
        "legal_ground": caller.legal_ground,
    }


def make_app() -> FastAPI:
    app = FastAPI()
    app.add_middleware(XRoadMiddleware, open_paths=["/health"], service=SERVICE)

    @app.api_route("/who/{thing}", methods=["GET", "POST"])
    def who(thing: str, caller: Annotated[XRoadCaller, Depends(xroad_caller)]) -> dict[str, Any]:
        get_logger("a_service").info("who.asked")
        return as_json(caller) | {"thing": thing}

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "up"}

    return app


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def url() -> AsyncIterator[str]:
    server = await serve_application(make_app(), "127.0.0.1", 0)
    yield server.url
    await server.close()


def problem_of(answer: Fetched) -> tuple[int, str]:
    assert answer.header(b"content-type") == b"application/problem+json"
    read = json.loads(answer.body)
    assert read.keys() == {"type", "title", "status", "detail"}
    assert read["status"] == answer.status
    return answer.status, read["type"].removeprefix("urn:sild:adapter:")


# --- over the exchange


@pytest.mark.asyncio(loop_scope="module")
async def test_over_the_exchange(
    pair: Pair, xroad: AsyncXRoadClient, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    conf = pair.provider.server.serverconf
    conf.add_rest_service(REGISTER, "who", url)
    conf.grant(SERVICE, CLIENT)
    context = CallContext(
        user_id="EE38001085718",
        issue="juhtum õ",
        represented_party=RepresentedParty("COM", "1/2"),
        legal_ground="RT I § 5",
    )
    with caplog.at_level(logging.INFO, "sild.a_service"):
        answer = await xroad.get(SERVICE, ["who", "x y"], context=context)
    assert answer.ensure_success().json() == {
        "client": "DEV:COM:1:Client",
        "service": "DEV:COM:2:Register:who",
        "query_id": answer.query_id,
        "request_id": answer.request_id,
        "user_id": "EE38001085718",
        "issue": "juhtum õ",
        "represented_party": ["COM", "1/2"],
        "legal_ground": "RT I § 5",
        "thing": "x y",
    }
    (line,) = [record for record in caplog.records if record.message == "who.asked"]
    assert line.values["request_id"] == answer.request_id  # type: ignore[attr-defined]
    bare = (await xroad.post(SERVICE, ["who", "x"], json={})).json()
    assert [bare[name] for name in ("user_id", "issue", "represented_party", "legal_ground")] == [None] * 4


@pytest.mark.asyncio(loop_scope="module")
async def test_a_client_cannot_pass_for_another(pair: Pair, url: str) -> None:
    """The security server goes by the last X-Road-Client and passes both on; frameworks look at the first."""
    conf = pair.provider.server.serverconf
    if SERVICE not in conf.snapshot.services:
        conf.add_rest_service(REGISTER, "who", url)
        conf.grant(SERVICE, CLIENT)
    path = f"{pair.consumer.url}/r1/{SERVICE.encode()}/who/x"
    twice = [(b"X-Road-Client", b"DEV/COM/2/Victim"), (b"X-Road-Client", CLIENT.encode().encode())]
    answer = await fetch(path, headers=twice)
    if answer.header(b"x-road-error") is None:
        assert problem_of(answer) == (400, "duplicate_header_field")
    service = await fetch(path, headers=[twice[1], (b"X-Road-Service", b"DEV/COM/2/Other/svc")])
    assert json.loads(service.body)["service"] == str(SERVICE), "ours, not the caller's word"


# --- straight to the service


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ([], "missing_x_road_header"),
        (GOOD[1:], "missing_x_road_header"),
        (GOOD[:1], "missing_x_road_header"),
        (GOOD[:2], "missing_x_road_header"),
        ([(b"X-Road-Client", b""), *GOOD[1:]], "missing_x_road_header"),
        ([(b"X-Road-Client", b"DEV:COM:1:Client"), *GOOD[1:]], "invalid_client_identifier"),
        ([(b"X-Road-Client", b"DEV/COM"), *GOOD[1:]], "invalid_client_identifier"),
        ([(b"X-Road-Client", b"DEV/COM/1/%FF"), *GOOD[1:]], "invalid_client_identifier"),
        ([*GOOD, GOOD[0]], "duplicate_header_field"),
        ([*GOOD, (b"x-road-id", b"2")], "duplicate_header_field"),
        ([*GOOD, (b"X-Road-UserId", b"a"), (b"x-road-userid", b"b")], "duplicate_header_field"),
        ([*GOOD, (b"X-Road-Represented-Party", b"a/b/c")], "bad_request"),
        ([*GOOD, (b"X-Road-Represented-Party", b"a//")], "bad_request"),
        ([*GOOD, (b"X-Road-Issue", b"\xff")], "bad_request"),
    ],
)
async def test_refused(url: str, headers: list[tuple[bytes, bytes]], code: str) -> None:
    assert problem_of(await fetch(f"{url}/who/x", headers=headers)) == (400, code)


@pytest.mark.asyncio(loop_scope="module")
async def test_let_in(url: str) -> None:
    headers = [(name.upper(), value) for name, value in GOOD]
    answer = await fetch(f"{url}/who/x", headers=[*headers, (b"X-Road-Represented-Party", b"12345678")])
    assert json.loads(answer.body)["represented_party"] == [None, "12345678"]
    assert not [name for name, _ in answer.headers if name.lower().startswith(b"x-road")], "it sets nothing"


@pytest.mark.asyncio(loop_scope="module")
async def test_open_paths(url: str) -> None:
    assert (await fetch(f"{url}/health")).status == 200
    assert problem_of(await fetch(f"{url}/health/"))[1] == "missing_x_road_header", "exact ones only"
    assert problem_of(await fetch(f"{url}/nowhere"))[1] == "missing_x_road_header"
    assert (await fetch(f"{url}/nowhere", headers=GOOD)).status == 404


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("servers", "status"),
    [(["127.0.0.1"], 200), (["10.0.0.0/8", "127.0.0.0/8"], 200), (["10.0.0.1"], 403), (["::1"], 403)],
)
async def test_only_from_the_security_server(servers: list[str], status: int) -> None:
    server = await serve_application(XRoadMiddleware(make_app(), security_servers=servers), "127.0.0.1", 0)
    try:
        answer = await fetch(f"{server.url}/who/x", headers=GOOD)
    finally:
        await server.close()
    assert answer.status == status
    if status == 403:
        assert problem_of(answer) == (403, "unknown_peer")


def test_networks_are_checked_at_the_start() -> None:
    with pytest.raises(ValueError, match="not-an-address"):
        XRoadMiddleware(make_app(), security_servers=["not-an-address"])


@pytest.mark.asyncio(loop_scope="module")
async def test_starlette_and_part_of_an_application() -> None:
    async def who(request: Request) -> JSONResponse:
        return JSONResponse(as_json(xroad_caller(request)))

    inner = XRoadMiddleware(Starlette(routes=[Route("/who", who)]))
    server = await serve_application(
        Starlette(routes=[Mount("/xroad", inner), Route("/who", who)]), "127.0.0.1", 0
    )
    try:
        through = await fetch(f"{server.url}/xroad/who", headers=GOOD)
        assert json.loads(through.body)["client"] == "DEV:COM:1:Client"
        assert (await fetch(f"{server.url}/xroad/who")).status == 400
        assert (await fetch(f"{server.url}/who", headers=GOOD)).status == 500, (
            "not behind the middleware: a bug"
        )
    finally:
        await server.close()


def test_other_protocols() -> None:
    """Lifespan passes, web sockets do not: they would come past the headers."""
    passed: list[str] = []

    async def app(scope: Scope, receive: object, send: object) -> None:
        passed.append(scope["type"])

    async def run(scope: Scope) -> list[Message]:
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        async def receive() -> Message:
            return {"type": "websocket.connect"}

        await XRoadMiddleware(app)(scope, receive, send)
        return sent

    async def both() -> None:
        assert await run({"type": "lifespan"}) == []
        assert await run({"type": "websocket", "path": "/", "headers": GOOD}) == [
            {"type": "websocket.close", "code": 1008}
        ]
        scope: Scope = {"type": "http", "path": "/", "headers": GOOD, "client": ("127.0.0.1", 1)}
        before = dict(scope)
        await run(scope)
        assert scope == before, "the server's own scope is left alone"

    asyncio.run(both())
    assert passed == ["lifespan", "http"]


def test_read_without_a_framework() -> None:
    caller = read_caller(GOOD)
    assert caller == XRoadCaller(
        client=ClientId("DEV", "COM", "1", "Client"), query_id="DEV-1", request_id=GOOD[2][1].decode()
    )
    with pytest.raises(CallerError):
        read_caller([])
