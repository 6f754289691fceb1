"""The WSDL of the management services, which the management security server adds them by (PR-MSERV annex A, request.xsd).

Made from the table of requests: a kind that is added is described. authCertReg is left out: it does not come through the exchange.
"""

from __future__ import annotations

from xml.sax.saxutils import quoteattr

from sild.xroad.management.requests import (
    SERVICE_CODES,
    AddressChange,
    AuthCertDeletion,
    AuthCertRegistration,
    ClientRegistration,
    ClientRenaming,
    MaintenanceModeDisabling,
    MaintenanceModeEnabling,
    ManagementRequest,
)
from sild.xroad.soap import IDENTIFIERS, XROAD

__all__ = ["management_services_wsdl"]

_NAMESPACE = "http://x-road.eu/centralservice/"
_HEADER = ("client", "service", "id", "protocolVersion")
_IDENTIFIER_PARTS = (
    "xRoadInstance",
    "memberClass",
    "memberCode",
    "subsystemCode",
    "serverCode",
    "serviceCode",
    "serviceVersion",
)


def management_services_wsdl(address: str) -> bytes:
    """WSDL 1.1, document/literal, UTF-8. address: of port 4002, `https://cs:4002/managementservice/manage/`."""
    kinds = {code: kind for code, kind in SERVICE_CODES.items() if kind is not AuthCertRegistration}
    messages = "".join(_message(code) + _message(f"{code}Response") for code in kinds)
    operations = "".join(
        f'<wsdl:operation name="{code}"><wsdl:input message="tns:{code}"/>'
        f'<wsdl:output message="tns:{code}Response"/></wsdl:operation>\n'
        for code in kinds
    )
    bound = "".join(_bound(code) for code in kinds)
    header = "".join(
        f'<wsdl:part name="{name}" element="xroad:{name}"/>' for name in (*_HEADER, "requestHash")
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<wsdl:definitions xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/"'
        f' xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:tns="{_NAMESPACE}" xmlns:xroad="{XROAD}"'
        f' xmlns:id="{IDENTIFIERS}" name="centralservice" targetNamespace="{_NAMESPACE}">\n'
        f"<wsdl:types>\n{_identifiers_schema()}{_schema(kinds)}</wsdl:types>\n"
        f'<wsdl:message name="requestheader">{header}</wsdl:message>\n{messages}'
        f'<wsdl:portType name="centralservice">\n{operations}</wsdl:portType>\n'
        '<wsdl:binding name="centralserviceSOAP" type="tns:centralservice">'
        f'<soap:binding style="document" transport="http://schemas.xmlsoap.org/soap/http"/>\n{bound}</wsdl:binding>\n'
        '<wsdl:service name="centralservice"><wsdl:port name="centralserviceSOAP" binding="tns:centralserviceSOAP">'
        f"<soap:address location={quoteattr(address)}/></wsdl:port></wsdl:service>\n"
        "</wsdl:definitions>\n"
    ).encode()


def _message(name: str) -> str:
    return (
        f'<wsdl:message name="{name}"><wsdl:part name="parameters" element="xroad:{name}"/></wsdl:message>\n'
    )


def _bound(code: str) -> str:
    def body(*header: str) -> str:
        parts = "".join(
            f'<soap:header message="tns:requestheader" part="{p}" use="literal"/>' for p in header
        )
        return f'<soap:body use="literal"/>{parts}'

    return (
        f'<wsdl:operation name="{code}"><soap:operation soapAction=""/>'
        f"<wsdl:input>{body(*_HEADER)}</wsdl:input>"
        f"<wsdl:output>{body(*_HEADER, 'requestHash')}</wsdl:output></wsdl:operation>\n"
    )


def _identifiers_schema() -> str:
    elements = "".join(f'<xsd:element name="{name}" type="xsd:string"/>' for name in _IDENTIFIER_PARTS)
    parts = "".join(f'<xsd:element ref="id:{name}" minOccurs="0"/>' for name in _IDENTIFIER_PARTS)
    types = "".join(
        f'<xsd:enumeration value="{name}"/>' for name in ("MEMBER", "SUBSYSTEM", "SERVER", "SERVICE")
    )
    return (
        f'<xsd:schema targetNamespace="{IDENTIFIERS}" elementFormDefault="qualified">{elements}'
        f'<xsd:attribute name="objectType"><xsd:simpleType><xsd:restriction base="xsd:string">{types}'
        "</xsd:restriction></xsd:simpleType></xsd:attribute>"
        f'<xsd:complexType name="XRoadIdentifierType"><xsd:sequence>{parts}</xsd:sequence>'
        '<xsd:attribute ref="id:objectType" use="required"/></xsd:complexType></xsd:schema>\n'
    )


def _schema(kinds: dict[str, type[ManagementRequest]]) -> str:
    elements = "".join(
        f'<xsd:element name="{name}"><xsd:complexType><xsd:sequence>{_fields(kind)}</xsd:sequence>'
        "</xsd:complexType></xsd:element>\n"
        for code, kind in kinds.items()
        for name in (code, f"{code}Response")
    )
    header = "".join(
        f'<xsd:element name="{name}" type="{kind}"/>'
        for name, kind in (
            ("client", "id:XRoadIdentifierType"),
            ("service", "id:XRoadIdentifierType"),
            ("id", "xsd:string"),
            ("protocolVersion", "xsd:string"),
        )
    )
    request_hash = (
        '<xsd:element name="requestHash"><xsd:complexType><xsd:simpleContent><xsd:extension base="xsd:string">'
        '<xsd:attribute name="algorithmId" type="xsd:string"/></xsd:extension></xsd:simpleContent></xsd:complexType>'
        "</xsd:element>"
    )
    return (
        f'<xsd:schema targetNamespace="{XROAD}" elementFormDefault="qualified">'
        f'<xsd:import namespace="{IDENTIFIERS}"/>\n{header}{request_hash}\n{elements}</xsd:schema>\n'
    )


def _fields(kind: type[ManagementRequest]) -> str:
    """The children of a request's element and of its answer's: requestId stands in the answer alone."""
    fields = [("server", "id:XRoadIdentifierType", True)]
    if kind is AuthCertDeletion:
        fields.append(("authCert", "xsd:base64Binary", True))
    elif kind is AddressChange:
        fields.append(("address", "xsd:string", True))
    elif kind is MaintenanceModeEnabling:
        fields.append(("message", "xsd:string", False))
    elif kind is not MaintenanceModeDisabling:
        fields.append(("client", "id:XRoadIdentifierType", True))
    if kind in (ClientRegistration, ClientRenaming):
        fields.append(("subsystemName", "xsd:string", kind is ClientRenaming))
    fields.append(("requestId", "xsd:integer", False))
    return "".join(
        f'<xsd:element name="{name}" type="{type_}"{"" if required else chr(32) + "minOccurs=" + quoteattr("0")}/>'
        for name, type_, required in fields
    )
