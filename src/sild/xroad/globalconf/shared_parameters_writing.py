"""shared-params.xml, versions 2 to 6: writing, in the reference's layout (PR-GCONF 4.2)."""

from __future__ import annotations

from collections.abc import Iterator

from sild.errors import CallerError
from sild.xroad.globalconf.documents import (
    IDENTIFIERS_NS,
    XROAD_NS,
    base64_text,
    escape,
    render_client_id,
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
    GlobalGroup,
    SecurityServer,
    SharedParameters,
)
from sild.xroad.identifiers import ClientId, ServiceId

__all__ = ["render_shared_parameters"]

VERSIONS = range(MINIMUM_VERSION, CURRENT_VERSION + 1)
SUBSYSTEM_NAME_SINCE = 5
MAINTENANCE_MODE_SINCE = 5
ACME_PROFILE_IDS_SINCE = 4
COST_TYPE_SINCE = 6
CSR_FORMAT_SINCE = 6


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
