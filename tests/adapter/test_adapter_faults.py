"""Whose fault: every code of X-Road's in both spellings, and errors as other programs keep them."""

from __future__ import annotations

import pickle

import pytest

from sild.adapter import (
    CallerError,
    PeerError,
    PlatformError,
    ServiceError,
    TrustError,
    Unavailable,
    XRoadFault,
)
from sild.adapter.faults import KINDS, kind_of, service_error, split_code, xroad_fault
from sild.xroad.fault_codes import CODES, Spelling, respell

CASES = [
    ("client.missing_body", CallerError),
    ("client.invalid_content_type", CallerError),
    ("server.clientproxy.bad_request", CallerError),
    ("server.clientproxy.invalid_client_identifier", CallerError),
    ("server.clientproxy.unknown_member", CallerError),
    ("server.serverproxy.access_denied", CallerError),
    ("server.serverproxy.unknown_service", CallerError),
    ("server.serverproxy.service_type", CallerError),
    ("server.clientproxy.ssl_authentication_failed", TrustError),
    ("server.serverproxy.ssl_authentication_failed.invalid_cert_path.cert_validation", TrustError),
    ("server.clientproxy.signature_verification.invalid_signature_value", TrustError),
    ("server.serverproxy.cannot_create_cert_path.internal_error", TrustError),
    ("server.serverproxy.missing_signature", TrustError),
    ("server.clientproxy.network_error", Unavailable),
    ("server.clientproxy.maintenance_mode", Unavailable),
    ("server.clientproxy.global_conf_outdated", Unavailable),
    ("server.clientproxy.logging_failed.timestamping_failed", Unavailable),
    ("server.serverproxy.logging_failed.internal_error", Unavailable),
    ("server.serverproxy.service_disabled", Unavailable),
    ("server.serverproxy.service_failed.network_error", Unavailable),
    ("server.serverproxy.service_failed.ssl_authentication_failed", TrustError),
    ("signer.token_not_active", Unavailable),
    ("server.serverproxy.service_failed.http_error", PeerError),
    ("server.serverproxy.service_failed.invalid_content_type", PeerError),
    ("server.clientproxy.service_failed.inconsistent_response", PeerError),
    ("server.serverproxy.internal_error", PeerError),
    ("server.serverproxy.a_word_of_tomorrow", PeerError),
    ("nothing of x-road's", PeerError),
]


@pytest.mark.parametrize(("code", "kind"), CASES)
@pytest.mark.parametrize("spelling", Spelling)
def test_whose_fault(code: str, kind: type[PlatformError], spelling: Spelling) -> None:
    fault = xroad_fault(respell(code, spelling), "why", detail="uuid", status=500, query_id="id")
    assert isinstance(fault, XRoadFault)
    assert isinstance(fault, kind)
    others = {CallerError, PeerError, TrustError, Unavailable} - {kind}
    assert not isinstance(fault, tuple(others)), "of one kind only"
    assert fault.fault_code == respell(code, spelling), "as it was received"
    split = split_code(code)
    if split is not None:
        assert fault.origin == split.origin
        assert fault.code_path == code.removeprefix(f"{split.origin}."), "in snake_case whatever the spelling"


def test_every_code_is_somebodys() -> None:
    assert KINDS.keys() == CODES.keys()
    for word in CODES:
        split = split_code(f"server.serverproxy.{word}")
        assert split is not None
        assert kind_of(split) in (CallerError, PeerError, TrustError, Unavailable)


def test_a_services_own_soap_codes_are_not_x_roads() -> None:
    for code in ("soap:Server", "SOAP-ENV:Client", "Client", "Server", "Client.Authentication", "CODE"):
        assert split_code(code) is None
    assert isinstance(service_error("no", code="soap:Client.Authentication"), CallerError)
    assert isinstance(service_error("no", code="SOAP-ENV:Server"), PeerError)
    assert split_code("Client.MissingBody") == ("client", (), "missing_body")


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, CallerError), (404, CallerError), (429, Unavailable), (500, PeerError), (503, Unavailable)],
)
def test_a_services_status(status: int, kind: type[PlatformError]) -> None:
    error = service_error("no", status=status, retry_after=5.0)
    assert isinstance(error, ServiceError)
    assert isinstance(error, kind)
    assert not isinstance(error, XRoadFault)
    if isinstance(error, Unavailable):
        assert error.retry_after == 5.0


def test_errors_pass_between_processes() -> None:
    """Task queues pickle them."""
    fault = xroad_fault("Server.ServerProxy.ServiceFailed.HttpError", "why", detail="uuid", query_id="id")
    again = pickle.loads(pickle.dumps(fault))
    assert type(again) is type(fault)
    assert (again.code_path, again.message, again.fault_detail, again.query_id) == (
        "service_failed.http_error",
        "why",
        "uuid",
        "id",
    )
    refusal = pickle.loads(pickle.dumps(service_error("no", status=503, retry_after=2.0)))
    assert (refusal.status, refusal.retry_after) == (503, 2.0)
