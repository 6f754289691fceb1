"""shared-params.xml, versions 2 to 6: reading (PR-GCONF 4.2; the differences between versions: docs/globalconf.md).

Writing is in `shared_parameters_writing`.
"""

from __future__ import annotations

from collections.abc import Iterator
from sys import intern
from typing import get_args

from sild.errors import PeerError
from sild.xroad.globalconf.documents import (
    MALFORMED,
    Element,
    base64_of,
    certificate_of,
    client_id_of_element,
    conforms,
    discard,
    optional_text,
    parse_conforming,
    parse_document,
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
from sild.xroad.globalconf.shared_parameters_writing import render_shared_parameters
from sild.xroad.identifiers import ClientId, SecurityServerId

__all__ = ["parse_shared_parameters", "render_shared_parameters"]

VERSIONS = range(MINIMUM_VERSION, CURRENT_VERSION + 1)
COST_TYPES: dict[str, CostType] = {value: value for value in get_args(CostType)}
CSR_FORMATS: dict[str, CsrFormat] = {value: value for value in get_args(CsrFormat)}


def _schema(version: int) -> str:
    return f"globalconf/v{version}/shared-parameters.xsd"


def parse_shared_parameters(xml: bytes, *, version: int | None = None) -> SharedParameters:
    """Read and validate. `version`: what the signed directory or the metadata calls it; None finds the oldest that fits.

    A document that does not fit the schema of its own version but that of a later one is read by the later one
    (X-Road's own test data has such; 3 and up only add optional elements). Raises PeerError (`malformed_global_conf`).
    """
    root, fitting = _conforming(xml, version)
    try:
        return _Reader(root, fitting).parameters()
    finally:
        discard(root)


def _conforming(xml: bytes, version: int | None) -> tuple[Element, int]:
    """The version it says is nearly always the one it fits: that is tried while reading."""
    if version is not None and version in VERSIONS:
        root = parse_conforming(xml, "conf", _schema(version))
        if root is not None:
            return root, version
    root = parse_document(xml, "conf")
    return root, _fitting_version(root, version)


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
        if identifier is not None and self.by_id.setdefault(identifier.strip(), client) is not client:
            raise PeerError(f"the ID {identifier!r} stands twice", code=MALFORMED)

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
