"""What comes back instead of an answer, split by whose fault it is.

`XRoadFault`: a security server, ours or the provider's, refused or failed (header X-Road-Error, or a SOAP Fault with X-Road's code).
`ServiceError`: the service itself refused; over REST that is an answer like any other until `ensure_success` is asked.

Each is at once a `CallerError`, `PeerError`, `TrustError` or `Unavailable` (sild.errors), so both of these read well:

    except XRoadFault as fault: ...          # did the exchange fail, or the service?
    except Unavailable as error: ...         # may I ask again later?
"""

from __future__ import annotations

from typing import NamedTuple

from sild.errors import CallerError, PeerError, PlatformError, TrustError, Unavailable
from sild.xroad.fault_codes import CODES, Spelling, respell

__all__ = ["KINDS", "ServiceError", "XRoadFault", "kind_of", "service_error", "split_code", "xroad_fault"]

Kind = type[PlatformError]


def _kinds() -> dict[str, Kind]:
    """Every cause and stage of X-Road's (sild.xroad.fault_codes) that is not simply the peer's fault."""
    by_kind: dict[Kind, str] = {
        CallerError: "bad_request not_found invalid_request access_denied unknown_service unknown_member "
        "invalid_client_identifier service_type invalid_http_method invalid_soap_action invalid_protocol_version "
        "invalid_security_server client_proxy_version_not_supported",
        TrustError: "cert_validation incorrect_validation_info cannot_create_cert_path incorrect_certificate "
        "invalid_signature_value malformed_signature invalid_cert_path signature_verification invalid_hash_chain "
        "malformed_hash_chain hashchain_unused_inputs invalid_hash_chain_ref ssl_authentication_failed missing_signature "
        "timestamp_validation",
        # The rest of the second half: a keeper of keys, a configuration or an authority that its administrator must see to.
        Unavailable: "network_error io_error unknown_host database_error logging_failed timestamping_failed "
        "timestamper_failed service_disabled maintenance_mode cannot_create_signature global_conf_outdated "
        "malformed_global_conf malformed_optional_parts_conf malformed_server_conf malformed_anchor anchor_file_not_found "
        "hsm_non_operational key_not_found cert_not_found csr_not_found token_not_found token_not_active "
        "token_not_initialized token_not_available token_readonly cannot_sign unsupported_sign_algorithm "
        "failed_to_generate_private_key cert_exists wrong_cert_usage login_failed logout_failed pin_incorrect "
        "cert_import_failed token_pin_policy_failure",
    }
    return {word: kind for kind, words in by_kind.items() for word in words.split()}


KINDS = {word: _kinds().get(word, PeerError) for word in CODES}
"""Cause or stage -> whose fault."""

_ORIGINS = (
    ("server", "serverproxy", "opmonitor"),
    ("server", "serverproxy"),
    ("server", "clientproxy"),
    ("client",),
    ("signer",),
)


class SplitCode(NamedTuple):
    """`server.serverproxy.service_failed.http_error` taken apart, in snake_case whatever it was received in."""

    origin: str
    stages: tuple[str, ...]
    cause: str


def split_code(code: str) -> SplitCode | None:
    """Read a fault code in either spelling (7.8's snake_case, older CamelCase); None when it is not X-Road's."""
    words = tuple(respell(code, Spelling.SNAKE_CASE).split("."))
    for origin in _ORIGINS:
        if words[: len(origin)] == origin and len(words) > len(origin):
            *stages, cause = words[len(origin) :]
            # SOAP 1.1 lets services have `Client.Something` of their own (4.4.1): there the cause must be a known one.
            if len(origin) > 1 or cause in CODES:
                return SplitCode(".".join(origin), tuple(stages), cause)
    return None


def kind_of(code: SplitCode) -> Kind:
    """Whose fault. A stage about trust or about something out of order outweighs the cause behind it."""
    for word in (*code.stages, code.cause):
        if KINDS.get(word) in (TrustError, Unavailable):
            return KINDS[word]
    if code.origin == "client":
        return CallerError
    return KINDS.get(code.cause, PeerError)


class XRoadFault(PlatformError):
    """A security server refused or failed; the service may or may not have been called.

    fault_code: as received, in its spelling; `code` and `stages` are in snake_case, without the origin.
    origin: `client` or `server.clientproxy` (our security server), `server.serverproxy` (the provider's), `signer`.
    fault_detail: a uuid that stands in that server's log.  query_id: the X-Road-Id of the call.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        origin: str = "",
        fault_code: str = "",
        fault_detail: str = "",
        status: int | None = None,
        query_id: str = "",
    ) -> None:
        super().__init__(message, code=code, fault_code=fault_code, fault_detail=fault_detail)
        self.origin = origin
        self.fault_code = fault_code
        self.fault_detail = fault_detail
        self.status = status
        self.query_id = query_id


class XRoadCallerFault(XRoadFault, CallerError):
    """We asked wrongly, or may not."""


class XRoadPeerFault(XRoadFault, PeerError):
    """The provider's security server or service broke the protocol, or a server failed inside."""


class XRoadTrustFault(XRoadFault, TrustError):
    """A signature, certificate, status or connection was refused."""


class XRoadUnavailable(XRoadFault, Unavailable):
    """Something is down, switched off or out of order; it may work later."""


_FAULTS: dict[Kind, type[XRoadFault]] = {
    CallerError: XRoadCallerFault,
    PeerError: XRoadPeerFault,
    TrustError: XRoadTrustFault,
    Unavailable: XRoadUnavailable,
}


def xroad_fault(
    code: str, message: str, *, detail: str = "", status: int | None = None, query_id: str = ""
) -> XRoadFault:
    """The error for a fault that a security server reported. A code nobody knows is the peer's fault."""
    split = split_code(code) or SplitCode("", (), code)
    error = _FAULTS[kind_of(split)](
        message or code,
        code=split.cause,
        origin=split.origin,
        fault_code=code,
        fault_detail=detail,
        status=status,
        query_id=query_id,
    )
    error.stages = split.stages
    return error


class ServiceError(PlatformError):
    """The service itself refused or failed: the exchange went well, and its evidence is in both logs.

    status: of HTTP.  code: `http_error`; over SOAP the service's own faultcode.
    body: the answer's (REST), or the SOAP Fault document.  content_type: of the body.
    """

    code = "http_error"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        status: int | None = None,
        body: bytes = b"",
        content_type: str = "",
        query_id: str = "",
    ) -> None:
        super().__init__(message, code=code)
        self.status = status
        self.body = body
        self.content_type = content_type
        self.query_id = query_id


class ServiceCallerError(ServiceError, CallerError):
    """4xx, or a SOAP fault `Client`: the service does not take this request."""


class ServicePeerError(ServiceError, PeerError):
    """5xx, or any other SOAP fault: the service failed."""


class ServiceUnavailable(ServiceError, Unavailable):
    """429, 502, 503, 504: the service may answer later. `retry_after` in seconds when it said so."""


_LATER = frozenset({429, 502, 503, 504})


def service_error(
    message: str,
    *,
    status: int | None = None,
    code: str | None = None,
    body: bytes = b"",
    content_type: str = "",
    query_id: str = "",
    retry_after: float | None = None,
) -> ServiceError:
    """The error for a status of 400 and above, or for a service's own SOAP fault (`code`)."""
    kind: type[ServiceError]
    if code is not None:
        actor = code.rpartition(":")[2].partition(".")[0]
        kind = ServiceCallerError if actor == "Client" else ServicePeerError
    elif status in _LATER:
        kind = ServiceUnavailable
    else:
        kind = ServiceCallerError if status is not None and status < 500 else ServicePeerError
    error = kind(message, code=code, status=status, body=body, content_type=content_type, query_id=query_id)
    if isinstance(error, Unavailable):
        error.retry_after = retry_after
    return error
