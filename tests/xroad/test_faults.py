"""Faults: the codes in both spellings, what is passed on, and the bytes clients match with regular expressions (WIRE 5)."""

from __future__ import annotations

import json
import socket
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sild.errors import CallerError, PeerError, TrustError, Unavailable, stage
from sild.xroad.fault_codes import CODES, ORIGINS, Spelling, respell
from sild.xroad.faults import (
    Fault,
    PeerFault,
    fault_of,
    parse_soap_fault,
    render_rest_fault,
    render_soap_fault,
)

FAULT = Fault("server.serverproxy.access_denied", "Request is not allowed: SERVICE:X", "d-1")


def headers_of(answer: tuple[int, list[tuple[bytes, bytes]], bytes]) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in answer[1]}


# --- codes


def test_every_code_of_the_digest_is_here(shared: Path) -> None:
    text = (shared / "WIRE.md").read_text()
    listed = text.split("Codes of the message path:")[1].split("Configuration client (ErrorCode.java)")[0]
    words = {word.strip(".:,") for word in listed.split() if "_" in word}
    words.discard("invalid_hash_chain_ref")
    assert {word for word in words if word.islower()} <= CODES.keys()


def test_both_spellings_are_one_to_one() -> None:
    every = [*CODES.values(), *ORIGINS]
    assert len({code.camel_case for code in every}) == len(every) == len({code.snake_case for code in every})


@pytest.mark.parametrize(
    ("snake_case", "camel_case"),
    [
        ("server.serverproxy.access_denied", "Server.ServerProxy.AccessDenied"),
        ("server.clientproxy.service_failed.io_error", "Server.ClientProxy.ServiceFailed.IOError"),
        ("server.clientproxy.global_conf_outdated", "Server.ClientProxy.OutdatedGlobalConf"),
        ("server.serverproxy.service_type", "Server.ServerProxy.ServiceType"),
        ("client.missing_body", "Client.MissingBody"),
    ],
)
def test_respelling(snake_case: str, camel_case: str) -> None:
    assert respell(snake_case, Spelling.CAMEL_CASE) == camel_case
    assert respell(camel_case, Spelling.SNAKE_CASE) == snake_case
    assert respell(snake_case, Spelling.SNAKE_CASE) == snake_case


def test_words_of_others_are_not_respelled() -> None:
    assert respell("soap:Server.CODE", Spelling.SNAKE_CASE) == "soap:Server.CODE"


# --- from exception to fault


def test_stages_stand_between_origin_and_cause() -> None:
    with pytest.raises(TrustError) as caught, stage("signature_verification"), stage("invalid_cert_path"):
        raise TrustError("revoked")
    fault = fault_of(caught.value, origin="server.serverproxy", detail="u")
    assert fault.code == "server.serverproxy.signature_verification.invalid_cert_path.cert_validation"
    assert (fault.message, fault.detail) == ("revoked", "u")


def test_the_origin_is_put_in_front_once() -> None:
    error = CallerError("x", code="server.clientproxy.bad_request")
    assert fault_of(error, origin="server.clientproxy", detail="u").code == "server.clientproxy.bad_request"


def test_a_peers_fault_is_passed_on_as_it_came() -> None:
    theirs = Fault(
        "Server.ServerProxy.AccessDenied", "no", "their detail", foreign=True, xml=b"<their bytes/>"
    )
    fault = fault_of(PeerFault(theirs), origin="server.clientproxy", detail="u")
    assert fault is theirs
    assert render_soap_fault(fault) == b"<their bytes/>"
    assert headers_of(render_rest_fault(fault, None))["X-Road-Error"] == "Server.ServerProxy.AccessDenied"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (socket.gaierror("secret.host"), "unknown_host"),
        (ConnectionResetError("secret"), "network_error"),
        (TimeoutError("secret"), "network_error"),
        (OSError("/secret/path"), "io_error"),
        (KeyError("secret"), "internal_error"),
        (Unavailable("down"), "network_error"),
    ],
)
def test_errors_of_others_tell_nothing(error: Exception, code: str) -> None:
    fault = fault_of(error, origin="server.serverproxy", detail="u")
    assert fault.code == f"server.serverproxy.{code}"
    assert "secret" not in fault.message


# --- SOAP


def test_the_recorded_fault_byte_for_byte(shared: Path) -> None:
    recorded = (shared / "wire/04.resp").read_bytes().partition(b"\r\n\r\n")[2]
    ours = Fault(
        "server.serverproxy.access_denied",
        "Request is not allowed: SERVICE:EE/BUSINESS/producer/sub/restdenied",
        "90d1502a-a29e-4a79-9fed-8b7b9b3adf01",
    )
    assert render_soap_fault(ours, Spelling.CAMEL_CASE) == recorded
    read = parse_soap_fault(recorded)
    assert read is not None
    assert (read.code, read.detail, read.xml) == ("Server.ServerProxy.AccessDenied", ours.detail, recorded)


@pytest.mark.parametrize(
    ("file", "code", "detail"),
    [
        ("fault.query", "CODE", "DETAIL"),
        ("faulty-fault.answer", "soap:Server", ""),
        ("customsoapenv.answer", "soapenv:Server.CODE", "DETAIL"),
        ("soapfaulterror.query", "SOAP-ENV:Clientrwerete", None),
    ],
)
def test_faults_of_services(shared: Path, file: str, code: str, detail: str | None) -> None:
    fault = parse_soap_fault((shared / "soap/queries" / file).read_bytes())
    assert fault is not None
    assert fault.code == code
    assert detail is None or fault.detail == detail


def test_a_message_is_no_fault(shared: Path) -> None:
    assert parse_soap_fault((shared / "soap/queries/getstate.query").read_bytes()) is None


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "invalid_soap"),
        (b"  \r\n", "invalid_soap"),
        (b"no xml", "invalid_soap"),
        (b"<Envelope/>", "invalid_soap"),
        (b"<e:Envelope xmlns:e='http://schemas.xmlsoap.org/soap/envelope/'/>", "missing_body"),
        (b"<!DOCTYPE a><e:Envelope xmlns:e='http://schemas.xmlsoap.org/soap/envelope/'/>", "invalid_soap"),
        (
            b"<!DOCTYPE e [<!ENTITY x 'y'>]><e:Envelope xmlns:e='http://schemas.xmlsoap.org/soap/envelope/'/>",
            "invalid_soap",
        ),
    ],
)
def test_what_is_no_soap(data: bytes, code: str) -> None:
    with pytest.raises(PeerError) as caught:
        parse_soap_fault(data)
    assert caught.value.code == code


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_text_makes_a_fault_that_reads_back(message: str, detail: str) -> None:
    fault = parse_soap_fault(render_soap_fault(Fault("client.invalid_body", message, detail)))
    assert fault is not None
    assert fault.code == "client.invalid_body"


# --- REST


def test_json() -> None:
    status, headers, body = render_rest_fault(FAULT, None)
    assert status == 500
    assert dict(headers) == {
        b"Content-Type": b"application/json",
        b"X-Road-Error": b"server.serverproxy.access_denied",
    }
    assert json.loads(body) == {"type": FAULT.code, "message": FAULT.message, "detail": FAULT.detail}


def test_a_client_error_is_400() -> None:
    assert render_rest_fault(Fault("client.missing_body", "", ""), None)[0] == 400
    assert render_rest_fault(Fault("client.missing_body", "", ""), None, Spelling.CAMEL_CASE)[0] == 400


def test_camel_case_keeps_the_status() -> None:
    status, headers, _ = render_rest_fault(FAULT, None, Spelling.CAMEL_CASE)
    assert status == 500
    assert (b"X-Road-Error", b"Server.ServerProxy.AccessDenied") in headers


def test_an_old_peers_code_gives_400_as_the_reference_does() -> None:
    """WIRE 5.3: the prefix is compared exactly."""
    assert render_rest_fault(Fault("Server.ServerProxy.AccessDenied", "", "", foreign=True), None)[0] == 400


def test_accept_as_the_reference_reads_it(shared: Path) -> None:
    cases = json.loads((shared / "rest/rest-cases.json").read_text())["cases"]
    compared = 0
    for case in cases:
        if case["name"].startswith("error format by Accept"):
            answer = render_rest_fault(FAULT, case["headers"].get("Accept"))
            assert headers_of(answer)["Content-Type"] == case["expect"]["headers"]["Content-Type"], case[
                "name"
            ]
            compared += 1
    assert compared > 8


def test_several_accept_headers() -> None:
    answer = render_rest_fault(FAULT, ["application/json", "text/*;q=0"])
    assert headers_of(answer)["Content-Type"] == "text/xml;charset=utf-8"
    assert answer[2].startswith(b'<?xml version="1.0" encoding="UTF-8"?><error><type>')


@given(st.text(max_size=30), st.text(max_size=30))
def test_a_peers_words_cannot_leave_their_place(code: str, message: str) -> None:
    fault = Fault(code, message, "d", foreign=True)
    _, headers, body = render_rest_fault(fault, "text/xml")
    error = dict(headers)[b"X-Road-Error"]
    assert error.isascii()
    assert error.decode().isprintable()
    assert [child.tag for child in ET.fromstring(body)] == ["type", "message", "detail"]
    assert set(json.loads(render_rest_fault(fault, None)[2])) == {"type", "message", "detail"}
