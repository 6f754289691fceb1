"""SOAP messages a security server writes itself: metaservices' and monitoring's answers, what is logged without its body.

The prefixes are X-Road's (`SOAP-ENV`, `xroad`, `id`): existing programs look for them as text (COMPAT I2).
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from xml.sax.saxutils import escape

from sild.xroad.envelope import SOAP_ENVELOPE
from sild.xroad.identifiers import ClientId, SecurityServerId, ServiceId
from sild.xroad.rest import RepresentedParty
from sild.xroad.soap import (
    IDENTIFIERS,
    REPRESENTATION,
    SHA512,
    XROAD,
    RequestHash,
    SoapMessage,
    soap_request_hash,
)

__all__ = [
    "build_answer",
    "build_message",
    "client_element",
    "client_parts",
    "loggable_message",
    "server_element",
    "service_parts",
]

_ENVELOPE = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    f'<SOAP-ENV:Envelope xmlns:SOAP-ENV="{SOAP_ENVELOPE}" xmlns:xroad="{XROAD}" xmlns:id="{IDENTIFIERS}">'
    "<SOAP-ENV:Header>{header}</SOAP-ENV:Header><SOAP-ENV:Body>{body}</SOAP-ENV:Body></SOAP-ENV:Envelope>"
)


def build_answer(request: SoapMessage, body: str) -> SoapMessage:
    """This server's own answer to `request`: its header fields and its hash over another body.

    body: one element, whose prefixes are among `xroad` and `id` or declared in it; named after the service, `...Response`.
    """
    value = b64encode(soap_request_hash(request.data)).decode()
    stated = RequestHash(SHA512, value)
    name = f"{request.service.service_code}Response"
    answer = replace(request, service_name=name, request_hash=stated, is_rpc_encoded=False)
    return replace(answer, data=_ENVELOPE.format(header=_header(answer), body=body).encode())


def build_message(message: SoapMessage, body: str, service_name: str | None = None) -> SoapMessage:
    """`message`, its header fields written anew, over another body (`build_answer`'s), whose element is `service_name`."""
    data = _ENVELOPE.format(header=_header(message), body=body).encode()
    return replace(message, data=data, service_name=service_name or message.service_name)


def loggable_message(message: SoapMessage) -> bytes:
    """What is logged when bodies are not: the header fields, and an empty element that tells request from response."""
    name = message.service.service_code + ("Response" if message.is_response else "")
    return _ENVELOPE.format(header=_header(message), body=f"<xroad:{name}/>").encode()


def _header(message: SoapMessage) -> str:
    fields = [
        client_element("client", message.client),
        f'<xroad:service id:objectType="SERVICE">{service_parts(message.service)}</xroad:service>',
        "" if message.security_server is None else server_element("securityServer", message.security_server),
        _field("userId", message.user_id),
        _party(message.represented_party),
        _field("issue", message.issue),
        _field("id", message.query_id),
        _hash(message.request_hash),
        _field("protocolVersion", message.protocol_version),
    ]
    return "".join(fields)


def _client_type(client: ClientId) -> str:
    return "MEMBER" if client.subsystem_code is None else "SUBSYSTEM"


_MEMBER = ("xRoadInstance", "memberClass", "memberCode")


def client_parts(client: ClientId) -> str:
    """The children of an element of type MEMBER or SUBSYSTEM."""
    names = (*_MEMBER, "subsystemCode")
    return "".join(_part(name, value) for name, value in zip(names, client.parts, strict=False))


def service_parts(service: ServiceId) -> str:
    """The children of an element of type SERVICE."""
    version = service.service_version
    last = "" if version is None else _part("serviceVersion", version)
    return client_parts(service.client_id) + _part("serviceCode", service.service_code) + last


def _part(name: str, value: str) -> str:
    return f"<id:{name}>{escape(value)}</id:{name}>"


def _field(name: str, value: str | None) -> str:
    return "" if value is None else f"<xroad:{name}>{escape(value)}</xroad:{name}>"


def server_element(name: str, server: SecurityServerId) -> str:
    """`<xroad:name id:objectType="SERVER">`, as the header's securityServer."""
    parts = client_parts(server.owner) + _part("serverCode", server.server_code)
    return f'<xroad:{name} id:objectType="SERVER">{parts}</xroad:{name}>'


def client_element(name: str, client: ClientId) -> str:
    """`<xroad:name id:objectType="MEMBER">` or `"SUBSYSTEM"`, as the header's client."""
    return f'<xroad:{name} id:objectType="{_client_type(client)}">{client_parts(client)}</xroad:{name}>'


def _party(party: RepresentedParty | None) -> str:
    if party is None:
        return ""
    pairs = (("partyClass", party.member_class), ("partyCode", party.member_code))
    inner = "".join(
        f"<repr:{name}>{escape(value)}</repr:{name}>" for name, value in pairs if value is not None
    )
    return f'<repr:representedParty xmlns:repr="{REPRESENTATION}">{inner}</repr:representedParty>'


def _hash(stated: RequestHash | None) -> str:
    if stated is None:
        return ""
    algorithm = (
        ""
        if stated.algorithm_id is None
        else f' algorithmId="{escape(stated.algorithm_id, {chr(34): "&quot;"})}"'
    )
    return f"<xroad:requestHash{algorithm}>{escape(stated.value)}</xroad:requestHash>"
