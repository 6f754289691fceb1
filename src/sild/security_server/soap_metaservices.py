"""SOAP services a provider's server answers itself: listMethods, allowedMethods, getWsdl (PR-META; WIRE 14).

No access right is needed, but a request is verified, logged, and its answer signed like any other. The bodies are rendered
here; the envelope and its header are `build_answer`'s.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from xml.sax.saxutils import escape

from sild.errors import CallerError, PeerError, PlatformError
from sild.security_server.metaservices import may_use
from sild.security_server.random_names import boundary_letters, new_uuid
from sild.security_server.service_call import ServiceCaller, service_target
from sild.security_server.snapshot import ServerConfSnapshot, ServiceConf, ServiceType
from sild.security_server.wsdl import MAX_WSDL_BYTES, anonymised_wsdl
from sild.xroad.globalconf import GlobalConf
from sild.xroad.identifiers import ServiceId
from sild.xroad.soap import XROAD, SoapMessage, body_parameters
from sild.xroad.soap_writing import service_parts

__all__ = ["SOAP_METASERVICES", "OwnAnswer", "OwnAttachment", "answer_soap_metaservice"]

SOAP_METASERVICES = frozenset({"listMethods", "allowedMethods", "getWsdl"})
TEXT_XML_UTF8 = "text/xml; charset=UTF-8"


@dataclass(frozen=True, slots=True)
class OwnAttachment:
    content_type: str
    fields: tuple[tuple[str, str], ...]
    data: bytes


@dataclass(frozen=True, slots=True)
class OwnAnswer:
    """body: the Body's element. With an attachment the answer is multipart/related (COMPAT I3)."""

    body: str
    attachment: OwnAttachment | None = None

    def content_type(self) -> str:
        """Of the whole message; each call has another boundary."""
        if self.attachment is None:
            return TEXT_XML_UTF8
        return f'multipart/related; type="text/xml"; charset=UTF-8; boundary=xroad{boundary_letters()}'


async def answer_soap_metaservice(
    message: SoapMessage,
    conf: ServerConfSnapshot,
    globalconf: GlobalConf,
    services: ServiceCaller,
    at: datetime,
) -> OwnAnswer:
    """Raises, for getWsdl: CallerError (`invalid_request`, `unknown_service`, `service_type`), PeerError (`internal_error`,
    `invalid_xml`), Unavailable (`network_error`, ...).
    """
    code = message.service.service_code
    if code == "getWsdl":
        return await _wsdl(message, conf, services)
    listed = [
        f'<xroad:service id:objectType="SERVICE">{service_parts(service.service_id)}</xroad:service>'
        for service in conf.services.values()
        if service.service_id.client_id == message.service.client_id
        and service.service_type is ServiceType.WSDL
        and (code == "listMethods" or may_use(service, message.client, globalconf, at))
    ]
    return OwnAnswer(f"<xroad:{code}Response>{''.join(listed)}</xroad:{code}Response>")


async def _wsdl(message: SoapMessage, conf: ServerConfSnapshot, services: ServiceCaller) -> OwnAnswer:
    """The description as the service publishes it now, its addresses replaced."""
    asked = body_parameters(message, XROAD)
    code, version = asked.get("serviceCode", ""), asked.get("serviceVersion") or None
    if not code:
        raise CallerError("Missing serviceCode in message body", code="invalid_request")
    wanted = ServiceId(message.service.client_id, code, version)
    service = conf.services.get(wanted)
    if service is None:
        raise CallerError(f"Could not find wsdl URL for service {wanted.long_form}", code="unknown_service")
    if service.service_type is not ServiceType.WSDL:
        raise CallerError("Service is a REST service and does not have a WSDL", code="service_type")
    data = await _fetched(service, conf, services)
    try:
        wsdl = anonymised_wsdl(data)
    except PlatformError as error:
        raise PeerError(error.message, code="invalid_xml") from None
    parameters = f"<xroad:serviceCode>{escape(code)}</xroad:serviceCode>"
    if version is not None:
        parameters += f"<xroad:serviceVersion>{escape(version)}</xroad:serviceVersion>"
    fields = (
        ("content-transfer-encoding", "binary"),
        ("content-id", f"<wsdl={new_uuid()}@x-road.eu>"),
    )
    return OwnAnswer(
        f"<xroad:getWsdlResponse>{parameters}</xroad:getWsdlResponse>",
        OwnAttachment("text/xml", fields, wsdl),
    )


async def _fetched(service: ServiceConf, conf: ServerConfSnapshot, services: ServiceCaller) -> bytes:
    url = service.description_url
    client = conf.clients.get(service.service_id.client_id)
    certificates = client.certificates if client is not None else frozenset()
    request = service_target(url, "", None)
    async with services.call(service, "GET", request, [], None, certificates, url=url) as answer:
        if answer.status != 200:
            raise PeerError(f"Received HTTP error: {answer.status} - {answer.reason}", code="internal_error")
        return await answer.read(MAX_WSDL_BYTES)
