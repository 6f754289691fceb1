"""A record of every exchange on both sides, for REST: what it says when it went well, and for each way it can fail (PR-OPMON;
where the reference's processors set each field)."""

from __future__ import annotations

import time

import pytest
import pytest_asyncio
from faults import error_of
from recorded import SETTINGS, Recorded, last, recorded
from world import CLIENT, ECHO, REGISTER, Pair, World, make_pair, subsystem

from sild.http1 import Request, Responder, fetch
from sild.xroad.identifiers import ServiceId

pytestmark = pytest.mark.asyncio(loop_scope="module")

IDENTIFIERS = {
    "client_xroad_instance": "DEV",
    "client_member_class": "COM",
    "client_member_code": "1",
    "client_subsystem_code": "Client",
    "service_xroad_instance": "DEV",
    "service_member_class": "COM",
    "service_member_code": "2",
    "service_subsystem_code": "Register",
    "service_code": "echo",
}
ADDRESSES = {
    "client_security_server_address": "ss1.test",
    "service_security_server_address": "ss2.test",
}
TIMES = ("request_in_ts", "request_out_ts", "response_in_ts", "response_out_ts")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def module_pair(module_world: World) -> Pair:
    made = await make_pair(module_world, consumer=SETTINGS, provider=SETTINGS)
    conf = made.provider.server.serverconf
    conf.add_rest_service(REGISTER, "nowhere", "http://127.0.0.1:1/")
    conf.grant(ServiceId(REGISTER, "nowhere"), CLIENT)
    conf.add_rest_service(REGISTER, "closed", "http://127.0.0.1:1/")
    return made


async def both(pair: Pair) -> tuple[Recorded, Recorded]:
    """The newest record of each side, after checking that they are of one exchange."""
    client, producer = await last(pair.consumer), await last(pair.provider)
    assert client["x_request_id"] == producer["x_request_id"]
    assert client["security_server_type"] == "Client"
    assert producer["security_server_type"] == "Producer"
    return client, producer


def without(record: Recorded, *names: str) -> Recorded:
    assert record["security_server_internal_ip"]
    left = (*names, "security_server_internal_ip", "x_request_id", "security_server_type")
    return {name: value for name, value in record.items() if name not in left}


async def test_both_sides_of_a_good_exchange(shared_pair: Pair) -> None:
    before = int(time.time() * 1000)
    answer = await shared_pair.call(
        "POST",
        "/people/38001085718?q=1",
        body=b"x" * 1000,
        headers=[
            (b"Content-Type", b"text/plain"),
            (b"X-Road-Id", b"id-1"),
            (b"X-Road-UserId", b"EE38001085718"),
            (b"X-Road-Issue", b"case 7"),
            (b"X-Road-Represented-Party", b"COM/77"),
        ],
    )
    assert answer.status == 200
    client, producer = await both(shared_pair)
    after = int(time.time() * 1000)
    for record in (client, producer):
        times = [record[name] for name in TIMES]
        assert times == sorted(times)
        assert before <= times[0] <= times[-1] <= after
        assert record["request_size"] > 1000
        assert record["response_size"] > 1000
        assert without(record, *TIMES, "request_size", "response_size", "rest_path") == {
            **IDENTIFIERS,
            **ADDRESSES,
            "succeeded": 1,
            "represented_party_class": "COM",
            "represented_party_code": "77",
            "message_id": "id-1",
            "message_user_id": "EE38001085718",
            "message_issue": "case 7",
            "message_protocol_version": "1",
            "request_attachment_count": 0,
            "response_attachment_count": 0,
            "rest_method": "POST",
            "service_type": "REST",
            "status_code": 200,
            "xroad_version": "7.8.0",
        }
    assert client["request_size"] == producer["request_size"]
    assert client["response_size"] == producer["response_size"]
    assert producer["request_in_ts"] >= client["request_in_ts"]
    assert "rest_path" not in client
    assert producer["rest_path"] == "**", "never the path itself: it may name a person"


async def test_the_endpoint_and_not_the_path_is_recorded(shared_pair: Pair) -> None:
    conf = shared_pair.provider.server.serverconf
    described = ServiceId(REGISTER, "described")
    if described not in conf.snapshot.services:
        document = b"""{"openapi": "3.0.3", "info": {"title": "t", "version": "1"},
          "servers": [{"url": "%s"}],
          "paths": {"/people/{id}": {"get": {"responses": {"200": {"description": "d"}}}},
                    "/people/first": {"get": {"responses": {"200": {"description": "d"}}}}}}""" % (
            conf.snapshot.services[ECHO].url.encode()
        )
        conf.add_openapi_service(REGISTER, "described", "http://x/", document)
        conf.grant(described, CLIENT)
    for path, endpoint in (
        ("/people/38001085718", "/people/*"),
        ("/people/first", "/people/first"),
        ("/people/a%2Fb", "**"),
        ("/other", "**"),
    ):
        assert (await shared_pair.call("GET", path, service=described)).status == 200
        client, producer = await both(shared_pair)
        assert producer.get("rest_path") == endpoint
        assert producer["service_type"] == "OPENAPI3"
        assert client["service_type"] == "REST", "another server's service is not known better"


@pytest.mark.parametrize("status", [302, 404, 500])
async def test_the_service_says_no(shared_pair: Pair, status: int) -> None:
    async def answers(_request: Request, responder: Responder) -> None:
        await responder.send(status, [(b"Content-Type", b"text/plain")], b"no")

    shared_pair.echo.answer = answers
    assert (await shared_pair.call()).status == status
    for record in await both(shared_pair):
        assert record["status_code"] == status
        assert bool(record["succeeded"]) == (status < 400)
        assert "fault_code" not in record, "it is the service's answer, and no fault of the exchange"


@pytest.mark.parametrize(
    ("service", "code"),
    [
        (ServiceId(REGISTER, "missing"), "server.serverproxy.unknown_service"),
        (ServiceId(REGISTER, "closed"), "server.serverproxy.access_denied"),
        (ServiceId(REGISTER, "nowhere"), "server.serverproxy.network_error"),
    ],
)
async def test_the_provider_refuses(shared_pair: Pair, service: ServiceId, code: str) -> None:
    assert error_of(await shared_pair.call(service=service))[1] == code
    client, producer = await both(shared_pair)
    for record in (client, producer):
        assert record["fault_code"] == code
        assert record["fault_string"]
        assert not record["succeeded"]
        assert record["service_code"] == service.service_code
        assert "status_code" not in record
        assert "response_size" not in record
    assert client["response_in_ts"] <= client["response_out_ts"]
    assert ("request_out_ts" in producer) == (service.service_code == "nowhere")
    assert "response_in_ts" not in producer


async def test_no_service_is_asked_when_the_server_answers_itself(shared_pair: Pair) -> None:
    assert (await shared_pair.call(service=ServiceId(REGISTER, "listMethods"))).status == 200
    _, producer = await both(shared_pair)
    assert producer["request_out_ts"] == producer["request_in_ts"]
    assert producer["response_in_ts"] == producer["response_out_ts"]
    assert producer["succeeded"]
    assert (producer["service_type"], producer["service_code"]) == ("REST", "listMethods")


@pytest.mark.parametrize(
    ("path", "client", "code"),
    [
        ("/r1/DEV/COM", "DEV/COM/1/Client", "bad_request"),
        ("/r1/DEV/COM/2/Register/echo", None, "invalid_client_identifier"),
        ("/r1/DEV/COM/2/Register/echo", "DEV/COM/1/Stranger", "unknown_member"),
    ],
)
async def test_refused_before_anybody_is_known(
    shared_pair: Pair, path: str, client: str | None, code: str
) -> None:
    number = len(await recorded(shared_pair.provider))
    headers = [] if client is None else [(b"X-Road-Client", client.encode())]
    answer = await fetch(f"{shared_pair.consumer.url}{path}", headers=headers)
    assert error_of(answer)[1].endswith(code)
    record = await last(shared_pair.consumer)
    assert record["fault_code"] == error_of(answer)[1]
    assert without(record, "fault_code", "fault_string", *TIMES) == {
        "succeeded": 0,
        "client_security_server_address": "ss1.test",
    }
    assert len(await recorded(shared_pair.provider)) == number


async def test_no_server_to_send_it_to(shared_pair: Pair) -> None:
    nobody = ServiceId(subsystem("9", "Nobody"), "echo")
    assert error_of(await shared_pair.call(service=nobody))[1] == "server.clientproxy.unknown_member"
    record = await last(shared_pair.consumer)
    assert record["fault_code"] == "server.clientproxy.unknown_member"
    assert record["service_member_code"] == "9"
    assert "request_out_ts" not in record
    assert "service_security_server_address" not in record


@pytest.mark.parametrize(("method", "fault"), [("GET", "client.invalid_http_method")])
async def test_what_is_neither_rest_nor_soap(shared_pair: Pair, method: str, fault: str) -> None:
    await fetch(f"{shared_pair.consumer.url}/", method=method)
    assert (await last(shared_pair.consumer))["fault_code"] == fault
    number = len(await recorded(shared_pair.consumer))
    await fetch(f"{shared_pair.consumer.url}/listClients")
    await fetch(f"{shared_pair.consumer.url}/verificationconf")
    assert len(await recorded(shared_pair.consumer)) == number, "what is answered locally is no exchange"
