"""Management requests and their answers written as SOAP messages, in the elements, order and prefixes of the reference."""

from __future__ import annotations

import re
from base64 import b64encode
from typing import assert_never
from xml.sax.saxutils import escape

from sild.errors import CallerError
from sild.xroad.identifiers import ClientId, SecurityServerId, ServiceId
from sild.xroad.management.requests import (
    AddressChange,
    AuthCertDeletion,
    AuthCertRegistration,
    ClientDeletion,
    ClientDisabling,
    ClientEnabling,
    ClientRegistration,
    ClientRenaming,
    MaintenanceModeDisabling,
    MaintenanceModeEnabling,
    ManagementRequest,
    OwnerChange,
    service_code_of,
)
from sild.xroad.soap import SoapMessage
from sild.xroad.soap_writing import build_message, client_element, server_element

__all__ = ["render_management_request", "render_management_response"]

_NOT_IN_AN_IDENTIFIER = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_NOT_IN_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def render_management_request(
    request: ManagementRequest,
    *,
    sender: ClientId,
    provider: ClientId,
    query_id: str,
    user_id: str | None = None,
) -> bytes:
    """The SOAP message, UTF-8, that is signed and sent.

    sender: the owner of the security server that asks.  provider: the subsystem of the management services
    (`GlobalConf.private.management_service`).  query_id: a fresh uuid.
    Raises CallerError (`bad_request`): a character that XML cannot hold.
    """
    code = service_code_of(request)
    for text in (*sender.parts, *provider.parts, query_id, user_id or "", *_identifiers(request)):
        if _NOT_IN_AN_IDENTIFIER.search(text):
            raise CallerError("a control character in an identifier")
    message = SoapMessage(
        data=b"",
        client=sender,
        service=ServiceId(provider, code),
        query_id=query_id,
        protocol_version="4.0",
        service_name=code,
        user_id=user_id,
    )
    return build_message(message, f"<xroad:{code}>{_fields(request)}</xroad:{code}>").data


def render_management_response(
    message: SoapMessage, request: ManagementRequest, request_id: int
) -> SoapMessage:
    """The answer to `message`: its header, its body's fields and the number (0: a dry run).

    Without requestHash, as the reference answers on port 4001; behind port 4002 the provider's security server adds it.
    """
    name = f"{service_code_of(request)}Response"
    number = f"<xroad:requestId>{request_id}</xroad:requestId>"
    return build_message(message, f"<xroad:{name}>{_fields(request)}{number}</xroad:{name}>", name)


def _identifiers(request: ManagementRequest) -> tuple[str, ...]:
    client = getattr(request, "client", None)
    return request.server.parts + (client.parts if isinstance(client, ClientId) else ())


def _fields(request: ManagementRequest) -> str:
    """The children of the request's element, in the schema's order."""
    server = _server(request.server)
    match request:
        case AuthCertRegistration():
            return (
                server
                + _optional("address", request.address or None)
                + _certificate(request.auth_certificate)
                + _text("dryRun", "true" if request.dry_run else "false")
            )
        case AuthCertDeletion():
            return server + _certificate(request.auth_certificate)
        case ClientRegistration() | ClientRenaming():
            return server + _client(request.client) + _optional("subsystemName", request.subsystem_name)
        case ClientDeletion() | ClientDisabling() | ClientEnabling() | OwnerChange():
            return server + _client(request.client)
        case AddressChange():
            return server + _text("address", request.address)
        case MaintenanceModeEnabling():
            return server + _optional("message", request.message)
        case MaintenanceModeDisabling():
            return server
    assert_never(request)


def _server(server: SecurityServerId) -> str:
    return server_element("server", server)


def _client(client: ClientId) -> str:
    return client_element("client", client)


def _certificate(der: bytes) -> str:
    return _text("authCert", b64encode(der).decode())


def _optional(name: str, value: str | None) -> str:
    return "" if value is None else _text(name, value)


def _text(name: str, value: str) -> str:
    """A carriage return is written as a character reference, or reading would make it a line feed (XML 1.0, 2.11)."""
    if _NOT_IN_TEXT.search(value):
        raise CallerError(f"{name}: a character that XML cannot hold")
    return f"<xroad:{name}>{escape(value, {chr(13): '&#13;'})}</xroad:{name}>"
