"""shared-params.xml, versions 2 to 6 (PR-GCONF 4.2; the differences between versions: docs/globalconf.md)."""

from __future__ import annotations

from collections.abc import Iterator
from sys import intern
from typing import get_args

from sild.errors import CallerError, PeerError
from sild.xroad.globalconf.documents import (
    IDENTIFIERS_NS,
    MALFORMED,
    XROAD_NS,
    Element,
    base64_of,
    base64_text,
    certificate_of,
    client_id_of_element,
    conforms,
    escape,
    optional_text,
    parse_document,
    render_client_id,
    require_conformity,
    service_id_of_element,
    text_of,
)
from sild.xroad.globalconf.parameters import (
    CURRENT_VERSION,
    MINIMUM_VERSION,
    AcmeServer,
    ApprovedCA,
    ApprovedTSA,
    CaInfo,
    CentralService,
    ConfigurationSource,
    CostType,
    CsrFormat,
    GlobalGroup,
    MaintenanceMode,
    Member,
    MemberClass,
    OcspInfo,
    SecurityServer,
    SharedParameters,
    Subsystem,
)
from sild.xroad.identifiers import ClientId, SecurityServerId, ServiceId

__all__ = ["parse_shared_parameters", "render_shared_parameters"]

VERSIONS = range(MINIMUM_VERSION, CURRENT_VERSION + 1)
SUBSYSTEM_NAME_SINCE = 5
MAINTENANCE_MODE_SINCE = 5
ACME_PROFILE_IDS_SINCE = 4
COST_TYPE_SINCE = 6
CSR_FORMAT_SINCE = 6

COST_TYPES: dict[str, CostType] = {value: value for value in get_args(CostType)}
CSR_FORMATS: dict[str, CsrFormat] = {value: value for value in get_args(CsrFormat)}


def _schema(version: int) -> str:
    return f"globalconf/v{version}/shared-parameters.xsd"


def parse_shared_parameters(xml: bytes, *, version: int | None = None) -> SharedParameters:
    """Read and validate. `version`: what the signed directory or the metadata calls it; None finds the oldest that fits.

    A document that does not fit the schema of its own version but that of a later one is read by the later one
    (X-Road's own test data has such; 3 and up only add optional elements). Raises PeerError (`malformed_global_conf`).
    """
    root = parse_document(xml, "conf")
    return _Reader(root, _fitting_version(root, version)).parameters()


def _fitting_version(root: Element, version: int | None) -> int:
    if version is not None and version not in VERSIONS:
        raise PeerError(f"configuration version {version} is not known", code=MALFORMED)
    candidates = VERSIONS if version is None else VERSIONS[version - MINIMUM_VERSION :]
    if version == MINIMUM_VERSION:
        candidates = range(version, version + 1)
    for candidate in candidates:
        if conforms(root, _schema(candidate)):
            return candidate if version is None else version
    require_conformity(root, _schema(version or CURRENT_VERSION))
    raise AssertionError("a document was refused once and accepted the next time")


class _Reader:
    """One pass over a valid document. Identifiers are resolved from the document's own ids."""

    def __init__(self, root: Element, version: int) -> None:
        self.root = root
        self.version = version
        self.instance = text_of(root, "instanceIdentifier")
        self.by_id: dict[str, ClientId] = {}
        self.clients: dict[ClientId, ClientId] = {}

    def parameters(self) -> SharedParameters:
        settings = self.root.find("globalSettings")
        if settings is None:  # the schema has it; this is for the type checker's eyes
            raise PeerError("globalSettings is missing", code=MALFORMED)
        member_classes = tuple(
            MemberClass(text_of(e, "code"), text_of(e, "description"))
            for e in settings.iterchildren("memberClass")
        )
        descriptions = {c.code: c.description for c in member_classes}
        members = tuple(self._member(e, descriptions) for e in self._children("member"))
        return SharedParameters(
            instance_identifier=self.instance,
            version=self.version,
            sources=tuple(map(_source, self._children("source"))),
            approved_cas=tuple(map(_approved_ca, self._children("approvedCA"))),
            approved_tsas=tuple(map(_approved_tsa, self._children("approvedTSA"))),
            members=members,
            security_servers=tuple(map(self._server, self._children("securityServer"))),
            global_groups=tuple(map(self._global_group, self._children("globalGroup"))),
            central_services=tuple(map(_central_service, self._children("centralService"))),
            member_classes=member_classes,
            ocsp_freshness_seconds=int(text_of(settings, "ocspFreshnessSeconds")),
        )

    def _children(self, name: str) -> Iterator[Element]:
        return self.root.iterchildren(name)

    def _member(self, element: Element, descriptions: dict[str, str]) -> Member:
        member_class = code = name = class_description = ""
        subsystems: list[Element] = []
        for child in element:
            match child.tag:
                case "subsystem":
                    subsystems.append(child)
                case "memberCode":
                    code = child.text or ""
                case "name":
                    name = child.text or ""
                case "memberClass":
                    member_class, class_description = [part.text or "" for part in child]
        client = ClientId(self.instance, intern(member_class), code)
        self._remember(element, client)
        usual = descriptions.get(member_class, "")
        return Member(
            client,
            name,
            tuple([self._subsystem(subsystem, client) for subsystem in subsystems]),
            None if class_description == usual else class_description,
        )

    def _subsystem(self, element: Element, member: ClientId) -> Subsystem:
        code, name = "", None
        for child in element:
            if child.tag == "subsystemCode":
                code = child.text or ""
            elif child.tag == "subsystemName":
                name = child.text or ""
        client = ClientId(self.instance, member.member_class, member.member_code, code)
        self._remember(element, client)
        return Subsystem(client, name)

    def _remember(self, element: Element, client: ClientId) -> None:
        self.clients[client] = client
        identifier = element.get("id")
        if identifier is not None:
            self.by_id[identifier.strip()] = client

    def _client(self, reference: Element) -> ClientId:
        try:
            return self.by_id[(reference.text or "").strip()]
        except KeyError:
            raise PeerError(
                f"{reference.tag!s} refers to nobody: {reference.text!r}", code=MALFORMED
            ) from None

    def _global_group(self, element: Element) -> GlobalGroup:
        members = map(client_id_of_element, element.iterchildren("groupMember"))
        return GlobalGroup(
            text_of(element, "groupCode"),
            text_of(element, "description"),
            tuple([self.clients.get(client, client) for client in members]),
        )

    def _server(self, element: Element) -> SecurityServer:
        owner: ClientId | None = None
        server_code, address = "", None
        hashes: list[bytes] = []
        clients: list[ClientId] = []
        maintenance: MaintenanceMode | None = None
        for child in element:
            match child.tag:
                case "client":
                    clients.append(self._client(child))
                case "authCertHash":
                    hashes.append(base64_of(child))
                case "owner":
                    owner = self._client(child)
                case "serverCode":
                    server_code = child.text or ""
                case "address":
                    address = child.text or ""
                case "inMaintenanceMode":
                    maintenance = MaintenanceMode(optional_text(child, "message"))
        if owner is None or owner.subsystem_code is not None:
            raise PeerError(f"the owner of security server {server_code!r} is not a member", code=MALFORMED)
        return SecurityServer(
            SecurityServerId(owner, server_code), address, tuple(hashes), tuple(clients), maintenance
        )


def _source(element: Element) -> ConfigurationSource:
    return ConfigurationSource(
        text_of(element, "address"),
        tuple(map(certificate_of, element.iterchildren("internalVerificationCert"))),
        tuple(map(certificate_of, element.iterchildren("externalVerificationCert"))),
    )


def _required_certificate(element: Element) -> bytes:
    child = element.find("cert")
    if child is None:
        raise PeerError(f"{element.tag!s} has no certificate", code=MALFORMED)
    return certificate_of(child)


def _ca_info(element: Element) -> CaInfo:
    return CaInfo(_required_certificate(element), tuple(map(_ocsp_info, element.iterchildren("ocsp"))))


def _ocsp_info(element: Element) -> OcspInfo:
    certificate = element.find("cert")
    return OcspInfo(
        text_of(element, "url"),
        None if certificate is None else certificate_of(certificate),
        COST_TYPES.get(text_of(element, "costType")),
    )


def _approved_ca(element: Element) -> ApprovedCA:
    top_ca = element.find("topCA")
    if top_ca is None:
        raise PeerError("an approvedCA has no topCA", code=MALFORMED)
    authentication_only = optional_text(element, "authenticationOnly")
    acme_server = element.find("acmeServer")
    return ApprovedCA(
        name=text_of(element, "name"),
        top_ca=_ca_info(top_ca),
        certificate_profile_info=text_of(element, "certificateProfileInfo").strip(),
        intermediate_cas=tuple(map(_ca_info, element.iterchildren("intermediateCA"))),
        authentication_only=None
        if authentication_only is None
        else authentication_only.strip() in ("true", "1"),
        default_csr_format=CSR_FORMATS.get(text_of(element, "defaultCsrFormat")),
        acme_server=None if acme_server is None else _acme_server(acme_server),
    )


def _acme_server(element: Element) -> AcmeServer:
    return AcmeServer(
        text_of(element, "directoryURL"),
        optional_text(element, "ipAddress"),
        optional_text(element, "authenticationCertificateProfileId"),
        optional_text(element, "signingCertificateProfileId"),
    )


def _approved_tsa(element: Element) -> ApprovedTSA:
    return ApprovedTSA(
        text_of(element, "name"),
        text_of(element, "url").strip(),
        _required_certificate(element),
        COST_TYPES.get(text_of(element, "costType")),
    )


def _central_service(element: Element) -> CentralService:
    implementing = element.find("implementingService")
    return CentralService(
        text_of(element, "serviceCode"),
        None if implementing is None else service_id_of_element(implementing),
    )


# -- writing -----------------------------------------------------------------------------------------------------------


def render_shared_parameters(parameters: SharedParameters, version: int | None = None) -> bytes:
    """The document of `version` (default: the parameters' own). What that version cannot say is left out.

    Raises CallerError when it cannot be said at all: no source (v3+), an authCertHash of another version's kind, a client
    who is no member, characters XML does not have.
    """
    version = parameters.version if version is None else version
    if version not in VERSIONS:
        raise CallerError(f"configuration version {version} is not known", code="bad_request")
    if version > MINIMUM_VERSION and not parameters.sources:
        raise CallerError("from version 3 on shared parameters name their source", code="bad_request")
    return "".join(_Writer(parameters, version).lines()).encode()


class _Writer:
    """Lines of the document, in the schema's order, with the reference's prefixes and indentation."""

    def __init__(self, parameters: SharedParameters, version: int) -> None:
        self.parameters = parameters
        self.version = version
        self.ids: dict[ClientId, str] = {}

    def lines(self) -> Iterator[str]:
        parameters = self.parameters
        yield '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
        yield f'<ns3:conf xmlns:ns2="{IDENTIFIERS_NS}" xmlns:ns3="{XROAD_NS}">\n'
        yield _element("instanceIdentifier", parameters.instance_identifier, 1)
        if self.version > MINIMUM_VERSION:
            for source in parameters.sources:
                yield from self._source(source)
        for ca in parameters.approved_cas:
            yield from self._approved_ca(ca)
        for tsa in parameters.approved_tsas:
            yield from self._approved_tsa(tsa)
        yield from self._members()
        for server in parameters.security_servers:
            yield from self._server(server)
        for group in parameters.global_groups:
            yield from self._global_group(group)
        for service in parameters.central_services:
            yield from self._central_service(service)
        yield "    <globalSettings>\n"
        for member_class in parameters.member_classes:
            yield from self._member_class(member_class.code, member_class.description)
        yield _element("ocspFreshnessSeconds", str(parameters.ocsp_freshness_seconds), 2)
        yield "    </globalSettings>\n"
        yield "</ns3:conf>\n"

    def _source(self, source: ConfigurationSource) -> Iterator[str]:
        yield "    <source>\n"
        yield _element("address", source.address, 2)
        for certificate in source.internal_verification_certs:
            yield _element("internalVerificationCert", base64_text(certificate), 2)
        for certificate in source.external_verification_certs:
            yield _element("externalVerificationCert", base64_text(certificate), 2)
        yield "    </source>\n"

    def _approved_ca(self, ca: ApprovedCA) -> Iterator[str]:
        yield "    <approvedCA>\n"
        yield _element("name", ca.name, 2)
        if ca.authentication_only is not None:
            yield _element("authenticationOnly", "true" if ca.authentication_only else "false", 2)
        yield from self._ca_info("topCA", ca.top_ca)
        for info in ca.intermediate_cas:
            yield from self._ca_info("intermediateCA", info)
        yield _element("certificateProfileInfo", ca.certificate_profile_info, 2)
        if ca.default_csr_format is not None and self.version >= CSR_FORMAT_SINCE:
            yield _element("defaultCsrFormat", ca.default_csr_format, 2)
        if ca.acme_server is not None and self.version > MINIMUM_VERSION:
            yield from self._acme_server(ca.acme_server)
        yield "    </approvedCA>\n"

    def _acme_server(self, acme: AcmeServer) -> Iterator[str]:
        yield "        <acmeServer>\n"
        yield _element("directoryURL", acme.directory_url, 3)
        if acme.ip_address is not None:
            yield _element("ipAddress", acme.ip_address, 3)
        if self.version >= ACME_PROFILE_IDS_SINCE:
            if acme.authentication_certificate_profile_id is not None:
                profile_id = acme.authentication_certificate_profile_id
                yield _element("authenticationCertificateProfileId", profile_id, 3)
            if acme.signing_certificate_profile_id is not None:
                yield _element("signingCertificateProfileId", acme.signing_certificate_profile_id, 3)
        yield "        </acmeServer>\n"

    def _ca_info(self, name: str, info: CaInfo) -> Iterator[str]:
        yield f"        <{name}>\n"
        yield _element("cert", base64_text(info.certificate), 3)
        for ocsp in info.ocsp:
            yield "            <ocsp>\n"
            yield _element("url", ocsp.url, 4)
            if ocsp.certificate is not None:
                yield _element("cert", base64_text(ocsp.certificate), 4)
            yield from self._cost_type(ocsp.cost_type, 4)
            yield "            </ocsp>\n"
        yield f"        </{name}>\n"

    def _cost_type(self, cost_type: CostType | None, depth: int) -> Iterator[str]:
        if cost_type is not None and self.version >= COST_TYPE_SINCE:
            yield _element("costType", cost_type, depth)

    def _approved_tsa(self, tsa: ApprovedTSA) -> Iterator[str]:
        yield "    <approvedTSA>\n"
        yield _element("name", tsa.name, 2)
        yield _element("url", tsa.url, 2)
        yield _element("cert", base64_text(tsa.certificate), 2)
        yield from self._cost_type(tsa.cost_type, 2)
        yield "    </approvedTSA>\n"

    def _member_class(self, code: str, description: str) -> Iterator[str]:
        yield "        <memberClass>\n"
        yield _element("code", code, 3)
        yield _element("description", description, 3)
        yield "        </memberClass>\n"

    def _id(self, client: ClientId) -> str:
        if client.instance_identifier != self.parameters.instance_identifier or client in self.ids:
            raise CallerError(f"{client} stands twice, or in another instance", code="bad_request")
        self.ids[client] = f"id{len(self.ids)}"
        return self.ids[client]

    def _reference(self, client: ClientId) -> str:
        try:
            return self.ids[client]
        except KeyError:
            raise CallerError(f"{client} is not among the members", code="bad_request") from None

    def _members(self) -> Iterator[str]:
        descriptions = {c.code: c.description for c in self.parameters.member_classes}
        for member in self.parameters.members:
            client = member.id
            yield f'    <member id="{self._id(client)}">\n'
            description = member.class_description
            if description is None:
                description = descriptions.get(client.member_class, "")
            yield from self._member_class(client.member_class, description)
            yield _element("memberCode", client.member_code, 2)
            yield _element("name", member.name, 2)
            for subsystem in member.subsystems:
                if subsystem.id.member != client or subsystem.id.subsystem_code is None:
                    raise CallerError(f"{subsystem.id} is no subsystem of {client}", code="bad_request")
                yield f'        <subsystem id="{self._id(subsystem.id)}">\n'
                yield _element("subsystemCode", subsystem.id.subsystem_code, 3)
                if subsystem.name is not None and self.version >= SUBSYSTEM_NAME_SINCE:
                    yield _element("subsystemName", subsystem.name, 3)
                yield "        </subsystem>\n"
            yield "    </member>\n"

    def _server(self, server: SecurityServer) -> Iterator[str]:
        yield "    <securityServer>\n"
        yield _element("owner", self._reference(server.id.owner), 2)
        yield _element("serverCode", server.id.server_code, 2)
        if server.address is not None:
            yield _element("address", server.address, 2)
        for digest in server.auth_cert_hashes:
            self._check_hash(digest)
            yield _element("authCertHash", base64_text(digest), 2)
        for client in server.clients:
            yield _element("client", self._reference(client), 2)
        if server.maintenance is not None and self.version >= MAINTENANCE_MODE_SINCE:
            yield "        <inMaintenanceMode>\n"
            if server.maintenance.message is not None:
                yield _element("message", server.maintenance.message, 3)
            yield "        </inMaintenanceMode>\n"
        yield "    </securityServer>\n"

    def _check_hash(self, digest: bytes) -> None:
        """Parameters meant for one version would name no server at all in a document of the other kind."""
        wanted = 20 if self.version == MINIMUM_VERSION else 32
        if len(digest) != wanted and self.version != self.parameters.version:
            raise CallerError(
                f"version {self.version} wants authCertHash of {wanted} bytes, see auth_cert_hash",
                code="bad_request",
            )

    def _global_group(self, group: GlobalGroup) -> Iterator[str]:
        yield "    <globalGroup>\n"
        yield _element("groupCode", group.group_code, 2)
        yield _element("description", group.description, 2)
        for client in group.members:
            yield render_client_id("groupMember", client, "        ")
        yield "    </globalGroup>\n"

    def _central_service(self, service: CentralService) -> Iterator[str]:
        yield "    <centralService>\n"
        yield _element("serviceCode", service.service_code, 2)
        if service.implementing_service is not None:
            yield _implementing_service(service.implementing_service)
        yield "    </centralService>\n"


def _implementing_service(service: ServiceId) -> str:
    parts = {
        "xRoadInstance": service.client_id.instance_identifier,
        "memberClass": service.client_id.member_class,
        "memberCode": service.client_id.member_code,
        "subsystemCode": service.client_id.subsystem_code,
        "serviceCode": service.service_code,
        "serviceVersion": service.service_version,
    }
    inner = "".join(_element(f"ns2:{k}", v, 3) for k, v in parts.items() if v is not None)
    return f'        <implementingService ns2:objectType="SERVICE">\n{inner}        </implementingService>\n'


_INDENT = ["    " * depth for depth in range(6)]


def _element(name: str, text: str, depth: int) -> str:
    return f"{_INDENT[depth]}<{name}>{escape(text)}</{name}>\n"
