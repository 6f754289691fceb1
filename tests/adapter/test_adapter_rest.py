"""A REST call written and read: nothing on the wire here."""

from __future__ import annotations

from base64 import b64encode
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sild.adapter import (
    CallContext,
    CallerError,
    ClientId,
    PeerError,
    RepresentedParty,
    SecurityServerId,
    ServiceId,
    Unavailable,
    XRoadFault,
)
from sild.adapter.rest import own_headers, read_fault, read_head, service_target
from sild.xroad.faults import Fault, render_rest_fault
from sild.xroad.rest import RestRequest, parse_rest_request

CLIENT = ClientId("DEV", "COM", "4422", "Client")
PROVIDER = ClientId("DEV", "COM", "1234", "Sub")
PETS = ServiceId(PROVIDER, "pets")
BASE = b"/r1/DEV/COM/1234/Sub/pets"


@pytest.mark.parametrize(
    ("path", "params", "target"),
    [
        ("", None, b""),
        ("/", None, b"/"),
        ("cats/1", None, b"/cats/1"),
        ("/cats x", None, b"/cats%20x"),
        ("/cats%20x", None, b"/cats%20x"),
        ("/õ", None, b"/%C3%B5"),
        (["cats", "a/b", "100%", "õ"], None, b"/cats/a%2Fb/100%25/%C3%B5"),
        ([], {"limit": 2}, b"?limit=2"),
        ("/c", {"a": [1, "x y"], "b": None, "c": True, "d": "&="}, b"/c?a=1&a=x%20y&c=true&d=%26%3D"),
        ("/c", [("a", "1"), ("a", "2")], b"/c?a=1&a=2"),
        ("/c", {}, b"/c"),
    ],
)
def test_targets(path: object, params: object, target: bytes) -> None:
    assert service_target(PETS, path, params) == BASE + target  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "path",
    [
        "/../admin",
        "/persons/..",
        ["persons", ".."],
        "/a/./b",
        "/%2e%2E/admin",
        "/a?b=c",
        "/a#b",
        "/100%",
        "/%zz",
    ],
)
def test_a_value_pasted_into_a_path_leads_nowhere_else(path: str | list[str]) -> None:
    with pytest.raises(CallerError) as error:
        service_target(PETS, path)
    assert error.value.code == "bad_request"


def test_a_rest_service_belongs_to_a_subsystem_and_has_no_version() -> None:
    for service in (ServiceId(PROVIDER.member, "pets"), ServiceId(PROVIDER, "pets", "v1")):
        with pytest.raises(CallerError):
            service_target(service)


codes = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12).filter(
    lambda text: text not in (".", "..")
)


@given(codes, st.lists(codes, max_size=4), st.dictionaries(codes, codes, max_size=3))
def test_what_goes_out_is_what_the_server_reads(
    code: str, segments: list[str], params: dict[str, str]
) -> None:
    """The security server's own reader sees the same service, path and query, whatever characters they hold."""
    service = ServiceId(PROVIDER, code)
    target = service_target(service, segments, params)
    read = RestRequest.from_http(
        "GET", target, [(b"X-Road-Client", CLIENT.encode().encode())], request_id="r", query_id="q"
    )
    assert read.service == service
    assert [unquote(segment) for segment in read.service_path.split("/")[1:]] == segments
    assert dict(parse_qsl(read.query or "", keep_blank_values=True)) == params
    assert urlsplit(target).fragment == b""


def test_the_context_is_in_the_message_that_is_signed() -> None:
    context = CallContext(
        user_id="EE38001085718",
        issue="juhtum 17 õ",
        represented_party=RepresentedParty("COM", "1/2"),
        security_server=SecurityServerId(PROVIDER.member, "ss1"),
        legal_ground="RT I, 2024, 1 § 5",
    )
    headers = [(b"X-Road-Client", CLIENT.encode().encode()), *context.headers()]
    part = RestRequest.from_http("GET", BASE, headers, request_id="r", query_id="q").part
    read = parse_rest_request(part)
    assert read.represented_party == RepresentedParty("COM", "1/2")
    assert read.security_server == SecurityServerId(PROVIDER.member, "ss1")
    assert read.header(b"x-road-userid") == b"EE38001085718"
    assert (read.header(b"x-road-issue") or b"").decode() == "juhtum 17 õ"
    assert (read.header(b"x-road-legal-ground") or b"").decode() == "RT I, 2024, 1 § 5"


@pytest.mark.parametrize(
    "value", ["", " x", "a\r\nX-Road-Client: DEV/COM/9/Evil", "a\nb", "a\0b", "x" * 33_000]
)
def test_values_that_no_header_holds(value: str) -> None:
    with pytest.raises(CallerError):
        CallContext(user_id=value).headers()
    with pytest.raises(CallerError):
        own_headers({"X-Mine": value})


@pytest.mark.parametrize(
    "name",
    [
        "Host",
        "Content-Length",
        "X-Road-Client",
        "x-road-id",
        "X-Road-UserId",
        "Transfer-Encoding",
        "A b",
        "É",
    ],
)
def test_headers_that_are_not_the_callers(name: str) -> None:
    with pytest.raises(CallerError):
        own_headers({name: "x"})


def test_a_proof_of_what_many_said_fits_a_header() -> None:
    """A family of seven moves: each one's word and mandate stand in one token, as long as registers take them."""
    assert own_headers({"Sild-Applied": "e" * 32_768}) == [(b"Sild-Applied", b"e" * 32_768)]
    with pytest.raises(CallerError):
        own_headers({"Sild-Applied": "e" * 32_769})


def test_own_headers_keep_order_case_and_repetition() -> None:
    assert own_headers([("X-A", "1"), ("x-b", "2"), ("X-A", "3")]) == [
        (b"X-A", b"1"),
        (b"x-b", b"2"),
        (b"X-A", b"3"),
    ]


# --- answers


def answer_headers(**changed: bytes | None) -> list[tuple[bytes, bytes]]:
    headers: dict[str, bytes | None] = {
        "x-road-id": b"q",
        "x-road-client": CLIENT.encode().encode(),
        "x-road-service": PETS.encode().encode(),
        "x-road-request-id": b"r",
        "x-road-request-hash": b64encode(b"h" * 64),
    }
    headers |= {name.replace("_", "-"): value for name, value in changed.items()}
    return [(name.encode(), value) for name, value in headers.items() if value is not None]


def head(headers: list[tuple[bytes, bytes]], status: int = 200):  # type: ignore[no-untyped-def]
    return read_head(status, headers, client=CLIENT, service=PETS, query_id="q", attempts=1)


def test_the_head_of_an_answer() -> None:
    read = head([(b"Content-Type", b"text/plain"), (b"X-N", b"1"), (b"x-n", b"2"), *answer_headers()])
    assert (read.status, read.query_id, read.request_id) == (200, "q", "r")
    assert read.request_hash == b"h" * 64
    assert read.content_type == "text/plain"
    assert read.header_values("X-n") == ["1", "2"]
    assert read.header("x-absent") is None


def test_what_a_service_says_of_itself_does_not_count() -> None:
    """X-Road-Service of the service's own is not dropped on the way (WIRE 2.2): the security server's stands last."""
    assert head([(b"X-Road-Service", b"DEV/COM/9/Evil/svc"), *answer_headers()]).service == PETS


@pytest.mark.parametrize(
    "changed",
    [
        {"x_road_id": b"another"},
        {"x_road_client": b"DEV/COM/9/Client"},
        {"x_road_service": b"DEV/COM/1234/Sub/dogs"},
        {"x_road_service": b"%"},
        {"x_road_client": None},
    ],
)
def test_an_answer_to_somebody_elses_call(changed: dict[str, bytes | None]) -> None:
    with pytest.raises(PeerError) as error:
        head(answer_headers(**changed))
    assert error.value.code == "inconsistent_response"


def test_no_x_road_answer_at_all() -> None:
    with pytest.raises(PeerError, match="information systems"):
        head([(b"Server", b"nginx")], status=200)
    with pytest.raises(PeerError):
        head(answer_headers(x_road_request_hash=b"***"))
    with pytest.raises(Unavailable) as error:
        head([(b"Retry-After", b"7")], status=503)
    assert error.value.retry_after == 7.0


@pytest.mark.parametrize("accept", [None, "text/xml", "application/xml"])
def test_faults_in_both_forms(accept: str | None) -> None:
    fault = Fault("server.serverproxy.access_denied", "Request is <not> allowed: õ", "a-uuid")
    status, headers, body = render_rest_fault(fault, accept)
    code = dict(headers)[b"X-Road-Error"]
    read = read_fault(code, status, body, query_id="q")
    assert isinstance(read, XRoadFault)
    assert isinstance(read, CallerError)
    assert (read.message, read.fault_detail, read.status, read.query_id) == (
        fault.message,
        "a-uuid",
        500,
        "q",
    )


@given(st.binary(max_size=200))
def test_any_body_of_a_fault_is_read(body: bytes) -> None:
    assert read_fault(b"server.clientproxy.io_error", 500, body, query_id="q").code == "io_error"


def test_a_fault_body_with_a_dtd_is_not_expanded() -> None:
    bomb = b'<!DOCTYPE e [<!ENTITY a "aaaa">]><error><message>&a;</message></error>'
    assert (
        read_fault(b"server.clientproxy.io_error", 500, bomb, query_id="q").message
        == "server.clientproxy.io_error"
    )
