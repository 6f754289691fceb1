"""Sending management requests, and what their faults mean for the one who asked (WIRE 16).

`authCertReg` goes straight to the central server, whose certificate the global configuration pins: a server without a
registered certificate can send nothing else. Everything else is an ordinary message through the own port 8443.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from urllib.parse import urlsplit

from sild.errors import CallerError, PlatformError, TrustError, Unavailable
from sild.http1 import Connection, Fetched, TlsContext, open_connection
from sild.xroad.faults import PeerFault

__all__ = [
    "ALREADY_THERE",
    "NOT_THERE",
    "OutcomeUnknown",
    "RequestRefused",
    "is_certain",
    "last_word",
    "post_pinned",
]

MAX_ANSWER = 100 * 1024
TIMEOUT_SECONDS = 60.0

ALREADY_THERE = frozenset({"management_request_exists"})
NOT_THERE = frozenset(
    {
        "management_request_client_registration_not_found",
        "management_request_server_client_not_found",
        "management_request_invalid_auth_certificate",
        "security_server_not_found",
        "management_request_server_not_found",
        "ss_auth_certificate_not_found",
    }
)
# Refused on the way before the central server can have seen the request. Whatever else the two security servers say
# may have come after it was served: a connection that broke, an answer that could not be logged.
_BEFORE_THE_SERVICE = frozenset(
    {
        "unknown_member",
        "unknown_service",
        "service_disabled",
        "access_denied",
        "maintenance_mode",
        "invalid_security_server",
        "global_conf_outdated",
        "ssl_authentication_failed",
        "unknown_host",
        "cannot_create_signature",
    }
)
_ADMINISTRATION_CODE = re.compile(r"([a-z_]+) with statusCode \d+")
_ON_THE_WAY = ("server.", "client.")

_NEXT_STEPS = {
    "management_request_exists": "it waits for the registrar of the central server: have it approved, or declined",
    "management_request_client_already_registered": "it is registered; the next global configuration will show it",
    "management_request_server_owner_not_found": "have the owner added as a member at the central server",
    "management_request_member_not_found": "have the member added at the central server",
    "management_request_server_not_found": "register the server's authentication certificate first",
    "security_server_not_found": "register the server's authentication certificate first",
    "management_request_server_code_exists": "the owner has another server of that code: choose another",
    "management_request_security_server_exists": "the owner has another server of that code: choose another",
    "management_request_invalid_auth_certificate": "use an authentication certificate of an approved authority, not yet registered",
    "management_request_invalid_server_address": "give a host name or an IP address",
    "management_request_client_registration_not_found": "nothing is registered there: the client may be deleted here",
    "management_request_owner_must_be_client": "register the member as a client of this server first",
    "unknown_member": "the global configuration shows no server of the management services, or not this one as registered",
    "access_denied": "the operator has to let `security-server-owners` call the management services",
    "unknown_service": "the operator has to add the management services to its security server",
    "cannot_create_signature": "import a sign certificate and log the token in",
    "ssl_authentication_failed": "the authentication certificate must be registered, active and have an OCSP response",
    "global_conf_outdated": "see why no configuration arrives: `refresh.failed` in the log",
    "network_error": "see that the central server, or the operator's security server, is reachable; then ask again",
}


class RequestRefused(CallerError):
    """The central server, or a server on the way, answered with a fault: its code and text, and what to do next."""

    def __init__(self, fault: PlatformError) -> None:
        code = _told_code(fault)
        self.next_step = _NEXT_STEPS.get(last_word(code))
        told = fault.message + (f" — {self.next_step}" if self.next_step else "")
        super().__init__(told, code=code, **fault.detail)


class OutcomeUnknown(Unavailable):
    """No answer, or one that does not tell whether the central server has done what was asked."""

    def __init__(self, error: PlatformError) -> None:
        told = f"{error.message} — it is not known whether the request arrived: ask again"
        super().__init__(told, code=_told_code(error))
        self.detail = error.detail


def last_word(code: str) -> str:
    return code.rpartition(".")[2]


def _told_code(error: PlatformError) -> str:
    """A fault's whole path; the central server's own code, which stands in the text: `… with statusCode 409`."""
    if not isinstance(error, PeerFault):
        return error.code_path
    named = _ADMINISTRATION_CODE.match(error.fault.message)
    return named[1] if named and last_word(error.fault.code) == "internal_error" else error.fault.code


def is_certain(error: PlatformError) -> bool:
    """The central server has not done what was asked, for sure."""
    if isinstance(error, PeerFault):
        code = error.fault.code
        on_the_way = code.lower().startswith(_ON_THE_WAY)
        return not on_the_way or not _BEFORE_THE_SERVICE.isdisjoint(code.split("."))
    return isinstance(error, CallerError | TrustError | NotSent)


class NotSent(Unavailable):
    """There was no connection: nothing has left."""

    code = "network_error"


async def post_pinned(
    url: str,
    content_type: str,
    body: bytes,
    *,
    tls: Callable[[], TlsContext],
    pinned: bytes,
) -> Fetched:
    """POST over TLS to the one who shows the certificate `pinned` (DER), within a minute.

    Raises TrustError (`ssl_authentication_failed`: another certificate, before anything is sent), NotSent, Unavailable.
    """
    parts = urlsplit(url)
    if parts.scheme != "https" or parts.hostname is None:
        raise CallerError(f"{url!r} is no https address", code="service_malformed_url")
    target = (parts.path or "/").encode("ascii", "replace")
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            connection = await _connect(parts.hostname, parts.port or 443, tls(), pinned)
            try:
                headers = [(b"Content-Type", content_type.encode("latin-1")), (b"Connection", b"close")]
                response = await connection.request("POST", target, headers, body)
                data = await response.read(MAX_ANSWER)
            finally:
                connection.abort()
    except TimeoutError:
        raise Unavailable(f"{parts.netloc} did not answer within {TIMEOUT_SECONDS:g} s") from None
    return Fetched(response.status, tuple(response.headers), data)


async def _connect(host: str, port: int, tls: TlsContext, pinned: bytes) -> Connection:
    try:
        connection = await open_connection(host, port, tls=tls, server_hostname=host)
    except Unavailable as error:
        raise NotSent(error.message, code=error.code) from error
    if connection.tls is None or connection.tls.certificate != pinned:
        connection.abort()
        raise TrustError(
            f"{host}:{port} shows another certificate than the global configuration names",
            code="ssl_authentication_failed",
        )
    return connection
