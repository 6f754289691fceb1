"""REST parts: the vectors, what is taken over from HTTP, and that nothing reads back to anything but itself (WIRE 2)."""

from __future__ import annotations

import json
from base64 import b64decode
from hashlib import sha512
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sild.errors import CallerError, PeerError
from sild.xroad.identifiers import ClientId, SecurityServerId, ServiceId
from sild.xroad.rest import (
    RepresentedParty,
    RestRequest,
    RestResponse,
    ensure_consistent,
    loggable_part,
    parse_rest_request,
    parse_rest_response,
    request_hash,
)
from support.two_members import REQUEST

CLIENT = (b"X-Road-Client", b"DEV/COM/4422/Client")
TARGET = b"/r1/DEV/COM/1234/Service/pets/v1/cats%20x?limit=2"


def request(
    method: str = "GET", target: bytes = TARGET, *headers: tuple[bytes, bytes], client: bool = True
) -> RestRequest:
    return RestRequest.from_http(
        method, target, [CLIENT, *headers] if client else headers, request_id="r-1", query_id="DEV-1"
    )


def response(*headers: tuple[bytes, bytes], status: int = 200, reason: bytes = b"OK") -> RestResponse:
    return RestResponse.from_http(status, reason, headers, request=request(), request_hash=b"\x01" * 64)


# --- vectors


def test_vector(shared: Path) -> None:
    vector = json.loads((shared / "vectors.json").read_text())["rest_request"]
    part, body = vector["part"].encode(), vector["body"].encode()
    parsed = parse_rest_request(part)
    assert sha512(part).hexdigest() == vector["part_sha512"]
    assert parsed.service == ServiceId(ClientId("DEV", "COM", "1234", "TestService"), "pets")
    assert (parsed.service_path, parsed.query, parsed.query_id) == ("/v1/cats%20x", "limit=2", "q-1")
    digest = sha512(part).digest()
    assert request_hash(digest, None) == b64decode(vector["request_hash_without_body"])
    assert request_hash(digest, sha512(body).digest()) == b64decode(vector["request_hash_with_body"])


def test_sample_response(shared: Path) -> None:
    part = (shared / "rest/sample-response-part.bin").read_bytes()
    stated = json.loads((shared / "rest/sample-response.json").read_text())
    assert sha512(part).digest() == b64decode(stated["part_sha512_base64"])
    parsed = parse_rest_response(part)
    assert parsed.part == part
    assert parsed.service.client_id == ClientId("DEV", "COM", "1234", "TestService")


# --- a request out of HTTP


def test_the_part_is_what_the_reference_writes() -> None:
    made = RestRequest.from_http(
        "POST",
        b"/r1/DEV/COM/1234/Sub/pets/v1?x=1",
        [
            (b"Host", b"localhost"),
            (b"Accept", b"a"),
            (b"accept", b"b"),
            CLIENT,
            (b"Content-Length", b"5"),
            (b"X-Road-Request-Id", b"the client's own"),
            (b"x-road-request-hash", b"forged"),
            (b"User-Agent", b"curl"),
            (b"Transfer-Encoding", b"chunked"),
            (b"Expect", b"100-continue"),
        ],
        request_id="r-1",
        query_id="DEV-1",
    )
    assert made.part == (
        b"POST\r\n/r1/DEV/COM/1234/Sub/pets/v1?x=1\r\nAccept:a\r\naccept:b\r\nX-Road-Client:DEV/COM/4422/Client\r\n"
        b"x-road-request-id:r-1\r\nx-road-id:DEV-1\r\n"
    )
    assert (made.request_id, made.query_id, made.service_path) == ("r-1", "DEV-1", "/v1")


def test_the_clients_own_id_stays() -> None:
    assert request("GET", TARGET, (b"X-Road-Id", b"mine")).query_id == "mine"


@pytest.mark.parametrize(
    ("path", "service_path"), [(b"/svc", ""), (b"/svc/", "/"), (b"/svc//a", "//a"), (b"/svc/a/b", "/a/b")]
)
def test_service_path(path: bytes, service_path: str) -> None:
    assert request("GET", b"/r1/DEV/COM/1234/Sub" + path).service_path == service_path


def test_identifiers_are_percent_decoded() -> None:
    made = request(
        "GET",
        b"/r1/EE/BUSINESS/producer/s%2Fub/%C3%B6%C3%A4%C3%A5/path%3B/",
        (b"x-road-client", b"EE/BUSINESS/consumer/sub%2Fsystem"),
        client=False,
    )
    assert made.service == ServiceId(ClientId("EE", "BUSINESS", "producer", "s/ub"), "öäå")
    assert made.client == ClientId("EE", "BUSINESS", "consumer", "sub/system")
    assert made.service_path == "/path%3B/"


def test_optional_headers() -> None:
    made = request(
        "GET",
        TARGET,
        (b"X-Road-Security-Server", b"DEV/COM/1234/SS0"),
        (b"X-Road-Represented-Party", b"COM/%C3%B5"),
    )
    assert made.security_server == SecurityServerId(ClientId("DEV", "COM", "1234"), "SS0")
    assert made.represented_party == RepresentedParty("COM", "õ")


@pytest.mark.parametrize(
    ("name", "code"),
    [
        (b"x-road-client", "invalid_client_identifier"),
        (b"X-ROAD-CLIENT", "invalid_client_identifier"),
        (b"X_Road_Client", "bad_request"),
        (b"x-road_client", "bad_request"),
        (b"X_Road_UserId", "bad_request"),
    ],
)
def test_a_second_client_for_the_service_to_believe(name: bytes, code: str) -> None:
    """Both security servers would check the one, and the service behind might read the other."""
    with pytest.raises(CallerError) as caught:
        request("GET", TARGET, (name, b"DEV/COM/9"))
    assert caught.value.code == code
    part = request().part + name + b":DEV/COM/9\r\n"
    with pytest.raises(PeerError) as refused:
        parse_rest_request(part)
    assert refused.value.code == code.replace("bad_request", "invalid_message")


@pytest.mark.parametrize(
    "line",
    [
        b"a b:c",
        b"a :c",
        b":c",
        b"a",
        b"X\xc3\xb5:c",
        b"X:a\0b",
        b"X:a\rb",
        b"X:a\nb",
        b" X:a",
        b"X@:a",
        b"(X):a",
    ],
)
def test_a_line_that_is_no_header(line: bytes) -> None:
    """It could not be sent on to the service, or would be something else there."""
    with pytest.raises(PeerError):
        parse_rest_request(request().part + line + b"\r\n")


def test_absolute_form() -> None:
    assert request("GET", b"http://server:8080" + TARGET).part == request().part


def test_a_value_that_is_not_utf8_is_taken_for_latin1() -> None:
    assert request("GET", TARGET, (b"X-Name", "õ".encode("latin-1"))).header(b"x-name") == "õ".encode()


@pytest.mark.parametrize(
    ("method", "target", "headers", "code"),
    [
        ("get", TARGET, (CLIENT,), "invalid_http_method"),
        ("CONNECT", TARGET, (CLIENT,), "invalid_http_method"),
        ("GET", TARGET, (), "invalid_client_identifier"),
        ("GET", TARGET, ((b"X-Road-Client", b"DEV/COM"),), "invalid_client_identifier"),
        ("GET", TARGET, ((b"X-Road-Client", b"DEV/COM/1/2/3"),), "invalid_client_identifier"),
        ("GET", TARGET, ((b"X-Road-Client", b"DEV/COM/a|b"),), "invalid_client_identifier"),
        ("GET", TARGET, ((b"X-Road-Client", b"DEV/COM/%ff"),), "invalid_client_identifier"),
        ("GET", b"/r1/invalid", (CLIENT,), "bad_request"),
        ("GET", b"/r2/DEV/COM/1234/Sub/svc", (CLIENT,), "bad_request"),
        ("GET", b"/r1/DEV/COM/1234//svc", (CLIENT,), "bad_request"),
        ("GET", b"/r1/DEV/COM/1234/Sub/svc/a|b", (CLIENT,), "bad_request"),
        ("GET", b"/r1/DEV/COM/1234/Sub/svc?a={1}", (CLIENT,), "bad_request"),
        ("GET", b"/r1/DEV/COM/1234/Sub/svc/%zz", (CLIENT,), "bad_request"),
        ("GET", b"/r1/DEV/COM/1234/Sub/svc#x", (CLIENT,), "bad_request"),
        ("GET", b"*", (CLIENT,), "bad_request"),
        ("GET", TARGET, (CLIENT, (b"X", b"a\r\nX-Road-Client: DEV/COM/9")), "bad_request"),
        ("GET", TARGET, (CLIENT, (b"X:Y", b"a")), "bad_request"),
        ("GET", TARGET, (CLIENT, (b"X-Road-Id", b"")), "bad_request"),
        ("GET", TARGET, (CLIENT, (b"X-Road-Security-Server", b"DEV/COM/1234")), "bad_request"),
        ("GET", TARGET, (CLIENT, (b"X-Road-Represented-Party", b"a/b/c")), "bad_request"),
    ],
)
def test_what_a_client_may_not_send(
    method: str, target: bytes, headers: tuple[tuple[bytes, bytes], ...], code: str
) -> None:
    with pytest.raises(CallerError) as caught:
        RestRequest.from_http(method, target, headers, request_id="r", query_id="q")
    assert caught.value.code == code


# --- a response out of HTTP


def test_the_response_part_is_what_the_reference_writes() -> None:
    made = response(
        (b"Date", b"Sun, 22 Nov 2026 12:02:24 GMT"),
        (b"Content-Length", b"12"),
        (b"Server", b"x"),
        (b"X-Road-Id", b"forged"),
        (b"x-road-service", b"DEV/COM/1234/Service/pets"),
        (b"X-Road-Request-Hash", b"forged"),
    )
    assert made.part.startswith(
        b"200\r\nOK\r\nDate:Sun, 22 Nov 2026 12:02:24 GMT\r\nx-road-service:DEV/COM/1234/Service/pets\r\n"
        b"x-road-id:DEV-1\r\nx-road-client:DEV/COM/4422/Client\r\nx-road-service:DEV/COM/1234/Service/pets\r\n"
        b"x-road-request-id:r-1\r\nx-road-request-hash:"
    )
    ensure_consistent(request(), made, b"\x01" * 64)


def test_an_empty_reason() -> None:
    assert response(reason=b"").reason == ""


def test_identifiers_are_escaped_again() -> None:
    asked = request("GET", b"/r1/DEV/COM/1234/S%C3%BCb/s%2Fv/x")
    made = RestResponse.from_http(200, b"OK", [], request=asked, request_hash=b"h" * 64)
    assert made.header(b"x-road-service") == b"DEV/COM/1234/S%C3%BCb/s%2Fv"
    assert made.service == asked.service


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"x-road-client:DEV/COM/4422/Client", b"x-road-client:DEV/COM/4422/Other"),
        (b"x-road-id:DEV-1", b"x-road-id:DEV-2"),
        (b"x-road-service:DEV/COM/1234/Service/pets", b"x-road-service:DEV/COM/1234/Service/cats"),
        (b"x-road-request-id:r-1", b"x-road-request-id:r-2"),
        (b"x-road-request-hash:AQEB", b"x-road-request-hash:AQEC"),
    ],
)
def test_an_answer_to_another_request(old: bytes, new: bytes) -> None:
    part = response().part
    assert old in part
    with pytest.raises(PeerError) as caught:
        ensure_consistent(request(), parse_rest_response(part.replace(old, new)), b"\x01" * 64)
    assert caught.value.code == "inconsistent_response"


def test_loggable_part_without_the_body() -> None:
    made = request("GET", TARGET, (b"X-Secret", b"1"), (b"x-road-userid", b"EE1"))
    assert loggable_part(made) == (
        b"GET\r\n/r1/DEV/COM/1234/Service/pets\r\nX-Road-Client:DEV/COM/4422/Client\r\nx-road-userid:EE1\r\n"
        b"x-road-request-id:r-1\r\nx-road-id:DEV-1\r\n"
    )
    assert loggable_part(response((b"Content-Type", b"x"))).startswith(b"200\r\nOK\r\nx-road-id:DEV-1\r\n")


# --- parts that are refused


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"POST\r\n", b"post\r\n"),
        (b"POST\r\n", b"POST \r\n"),
        (b"\r\nContent-Type", b"\nContent-Type"),
        (b"application/json", b"application/json\rx"),
        (b"Content-Type:", b"Content-Length:"),
        (b"Content-Type:", b"Transfer-Encoding:"),
        (b"Content-Type:", b"HOST:"),
        (b"Content-Type:application/json", b"Content-Type"),
        (b"Content-Type:application/json", b":application/json"),
        (b"Content-Type:application/json", b"X:\xff"),
        (b"x-road-id:DEV-1\r\n", b"x-road-id:DEV-1"),
        (b"x-road-id:DEV-1\r\n", b"x-road-id:DEV-1\r\n\r\n"),
        (b"x-road-id:DEV-1\r\n", b""),
        (b"/r1/", b"//r1/"),
        (b"/r1/", b"http://h/r1/"),
        (b"limit=2", b"limit=2#f"),
    ],
)
def test_a_part_that_does_not_read_back(old: bytes, new: bytes) -> None:
    assert old in REQUEST
    with pytest.raises(PeerError) as caught:
        parse_rest_request(REQUEST.replace(old, new, 1))
    assert caught.value.code == "invalid_message"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"200\r\n", b"0200\r\n"),
        (b"200\r\n", b"+20\r\n"),
        (b"200\r\n", "२००".encode() + b"\r\n"),
        (b"200\r\n", b"099\r\n"),
        (b"x-road-id:DEV-1\r\n", b"x-road-id:\r\n"),
        (b"x-road-request-hash:", b"x-road-request-hash:!"),
        (b"x-road-request-hash:", b"x-other:"),
        (b"x-road-service:DEV/COM/1234/Service/pets", b"x-road-service:DEV/COM/1234/Service"),
        (b"x-road-client:", b"y-road-client:"),
    ],
)
def test_a_response_part_that_is_refused(old: bytes, new: bytes) -> None:
    part = response().part
    assert old in part
    with pytest.raises(PeerError):
        parse_rest_response(part.replace(old, new, 1))


# --- properties

names = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_", min_size=1, max_size=12)
values = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\x00"), max_size=20)
identifier_parts = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=8)
headers = st.lists(st.tuples(names.map(str.encode), values.map(str.encode)), max_size=6)


@given(
    st.tuples(identifier_parts, identifier_parts, identifier_parts, identifier_parts),
    identifier_parts,
    st.text("abc/%41.;", max_size=8),
    headers,
)
def test_what_is_made_reads_back(
    client: tuple[str, str, str, str], code: str, rest: str, given_headers: list[tuple[bytes, bytes]]
) -> None:
    service = ServiceId(ClientId(*client), code)
    sent = [*given_headers, (b"X-Road-Client", ClientId(*client).encode().encode())]
    try:
        made = RestRequest.from_http(
            "PUT", f"/r1/{service.encode()}/{rest}".encode(), sent, request_id="r", query_id="q"
        )
    except CallerError:
        return  # `%4` and the like, or an x-road- header among the random ones
    assert parse_rest_request(made.part) == made
    assert made.service == service
    assert made.client == ClientId(*client)
    answer = RestResponse.from_http(200, b"", given_headers, request=made, request_hash=b"h" * 64)
    assert parse_rest_response(answer.part) == answer
    ensure_consistent(made, answer, b"h" * 64)


@given(st.binary(max_size=120) | st.text("POST/r1 GET\r\n:x-road", max_size=120).map(str.encode))
def test_any_bytes_are_a_part_or_a_peer_error(data: bytes) -> None:
    for parse in (parse_rest_request, parse_rest_response):
        try:
            assert parse(data).part == data
        except PeerError:
            pass


@given(st.integers(0, len(REQUEST)), st.integers(0, len(REQUEST)))
def test_a_cut_or_doubled_part_is_a_part_or_a_peer_error(start: int, end: int) -> None:
    for data in (REQUEST[:start], REQUEST[start:], REQUEST[:end] + REQUEST[start:]):
        try:
            parse_rest_request(data)
        except PeerError:
            pass
