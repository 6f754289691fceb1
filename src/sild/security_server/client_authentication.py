"""Is the information system the client it says it is? (WIRE 11.4, UG-SS 9)

Each client has a connection type: HTTP (anything goes), HTTPS without authentication (TLS needed), HTTPS (TLS and a
certificate stored for the client, or the server's own internal one).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sild.errors import CallerError, PlatformError, TrustError
from sild.pki import read_certificate
from sild.security_server.snapshot import ConnectionType, ServerConfSnapshot
from sild.telemetry import get_logger
from sild.xroad.identifiers import ClientId

__all__ = ["Channel", "authenticate_client", "ensure_registered"]

log = get_logger("security_server")


@dataclass(frozen=True, slots=True)
class Channel:
    """How a request came to the client port. certificate: DER the information system presented, if any."""

    is_tls: bool
    certificate: bytes | None = None


def ensure_registered(conf: ServerConfSnapshot, client: ClientId) -> None:
    """Raises CallerError (`unknown_member`) unless the client is registered at this server."""
    if not conf.is_registered(client):
        raise CallerError(f"Client '{client.long_form}' not found", code="unknown_member")


def authenticate_client(
    conf: ServerConfSnapshot,
    client: ClientId,
    channel: Channel,
    *,
    internal_certificate: bytes,
    enforce_validity: bool,
    at: datetime,
) -> None:
    """Check the channel against the client's connection type.

    internal_certificate: DER of the server's own, which is always accepted.
    enforce_validity: refuse a stored certificate outside its validity, else only warn (X-Road's default).
    Raises TrustError (`ssl_authentication_failed`), CallerError (`internal_error`: no such client, as X-Road).
    """
    found = conf.clients.get(client)
    if found is None:
        raise CallerError(f"Client '{client.long_form}' not found", code="internal_error")
    if found.connection_type is ConnectionType.HTTP:
        return
    if not channel.is_tls:
        kind = "HTTPS" if found.connection_type is ConnectionType.HTTPS else "HTTPS NO AUTH"
        raise _refused(client, f"specifies {kind} but client made plaintext connection")
    if found.connection_type is ConnectionType.HTTPS_NO_AUTH:
        return
    if channel.certificate is None:
        raise _refused(client, "specifies HTTPS but did not supply TLS certificate")
    if channel.certificate == internal_certificate:
        return
    if not found.certificates:
        raise _refused(client, "has no IS certificates")
    if channel.certificate not in found.certificates:
        raise _refused(client, "TLS certificate does not match any IS certificates")
    _check_validity(client, channel.certificate, enforce=enforce_validity, at=at)


def _check_validity(client: ClientId, der: bytes, *, enforce: bool, at: datetime) -> None:
    try:
        certificate = read_certificate(der)
    except PlatformError:
        raise _refused(client, "TLS certificate is unreadable") from None
    if certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc:
        return
    state = "expired" if at > certificate.not_valid_after_utc else "not yet valid"
    if enforce:
        raise _refused(client, f"TLS certificate is {state}")
    log.warning("client_authentication.certificate_outside_validity", client=str(client), state=state)


def _refused(client: ClientId, why: str) -> TrustError:
    return TrustError(f"Client ({client.long_form}) {why}", code="ssl_authentication_failed")
