"""Founding a nation: keys, certificates, members and servers, in the order a real instance comes into being.

1 trust services   2 central server with members and approved trust services   3 each security server: token, keys,
certificates from the authority, registration at the central server   4 the provider's service and its access rights
5 the other information systems, if the plan has any: sign keys of their members, services, rights   6 the management services, which the operator offers through the provider's security server: from here on any server can
register itself by them, as those of the nation did not
"""

from __future__ import annotations

from typing import get_args

from cryptography import x509
from cryptography.x509.oid import NameOID

from sild.central_server import CentralServer, ConfigurationType
from sild.nation.plan import MemberPlan, NationPlan, SystemPlan
from sild.pki import CertificateProfile, der
from sild.security_server import ClientStatus, ConnectionType, SecurityServer
from sild.signer import KeyUsage
from sild.trust_services import TrustServices
from sild.xroad.identifiers import GlobalGroupId, ServiceId
from sild.xroad.management import management_services_wsdl

__all__ = [
    "EVENTS",
    "SERVICE_CODE",
    "add_clients",
    "describe_instance",
    "equip_server",
    "host_systems",
    "offer_evidence",
    "offer_management_services",
    "offer_register",
    "offer_system",
    "offer_witness",
    "published_address",
    "register_server",
]

SERVICE_CODE = "persons"
EVENTS = "events"
MANDATES = "mandates"
EVIDENCE_SERVICE = "getEvidence"
WITNESS_SERVICE = "getWitness"
OWNERS_GROUP = "security-server-owners"
PROFILE = "ee.ria.xroad.common.certificateprofile.impl.BasicCertificateProfileInfoProvider"


def published_address(member: MemberPlan) -> str:
    """The name a server has in the configuration. All are one machine here; `PeerRoute`s lead to their ports."""
    return f"{member.server_code}.localhost"


def describe_instance(
    central: CentralServer, plan: NationPlan, trust: TrustServices, trust_url: str, registration_url: str
) -> None:
    """Members, subsystems and approved trust services, in one transaction. registration_url: of port 4001."""
    with central.transaction("founding"):
        for code, description in plan.member_classes:
            central.add_member_class(code, description)
        for member in plan.members:
            central.add_member(member.member_class, member.member_code, member.name)
            for code, name in member.subsystems:
                central.add_subsystem(plan.member_id(member).with_subsystem(code), name)
        central.set_management_service_provider(plan.subsystem_id(plan.operator))
        authority = central.add_certification_service(der(trust.ca_certificate), PROFILE)
        central.add_ocsp_responder(
            authority.id, f"{trust_url}/ocsp", der(trust.ocsp_certificate), cost_type="FREE"
        )
        central.add_timestamping_service(f"{trust_url}/tsa", der(trust.tsa_certificate), cost_type="FREE")
        central.set_system_parameter("confDownloadProtocols", "http")
        central.set_system_parameter("authCertRegUrl", registration_url)
        for source in get_args(ConfigurationType):
            central.add_signing_key(source, key_algorithm="EC")


async def equip_server(
    server: SecurityServer, plan: NationPlan, member: MemberPlan, trust: TrustServices, pin: str
) -> bytes:
    """Give a server its token, a sign key for its member and an auth key. Returns the auth certificate (DER)."""
    await server.initialise_token(pin)
    owner = plan.member_id(member)
    for usage, profile in (
        (KeyUsage.SIGNING, CertificateProfile.SIGN),
        (KeyUsage.AUTHENTICATION, CertificateProfile.AUTH),
    ):
        request = await server.request_certificate(usage, owner, _subject(member, usage), plan.key_algorithm)
        certificate = der(trust.issue(request, profile, actor="founding"))
        await server.import_certificate(certificate)
    server.serverconf.add_timestamping_service(
        "Sild TSA", f"{trust.options.ocsp_url}".removesuffix("/ocsp") + "/tsa"
    )
    return certificate


def register_server(
    central: CentralServer, plan: NationPlan, member: MemberPlan, auth_certificate: bytes
) -> None:
    """Make the central server know a server, its certificate and the subsystems that use it."""
    server_id = plan.server_id(member)
    with central.transaction("founding"):
        central.register_security_server(
            server_id.owner, member.server_code, published_address(member), auth_certificate
        )
        for index, _ in enumerate(member.subsystems):
            central.register_client(server_id, plan.subsystem_id(member, index))


def add_clients(server: SecurityServer, plan: NationPlan, member: MemberPlan) -> None:
    """The member's subsystems on its server; their information systems need no TLS on this machine."""
    for index, _ in enumerate(member.subsystems):
        server.serverconf.add_client(
            plan.subsystem_id(member, index),
            status=ClientStatus.REGISTERED,
            connection_type=ConnectionType.HTTP,
        )


def offer_register(server: SecurityServer, plan: NationPlan, url: str, description: bytes) -> ServiceId:
    """Put the register on the exchange by its OpenAPI description, and let the consumer call what it needs."""
    service = server.serverconf.add_openapi_service(
        plan.subsystem_id(plan.provider), SERVICE_CODE, f"{url}/openapi.json", description, url=url
    )
    consumer = plan.subsystem_id(plan.consumer)
    server.serverconf.grant_all(service, [(consumer, method, path) for method, path in plan.rights])
    return service


async def host_systems(
    server: SecurityServer,
    host: MemberPlan,
    central: CentralServer,
    plan: NationPlan,
    trust: TrustServices,
) -> None:
    """The information systems of other members that `host`'s server serves: a sign key for each member, then the clients."""
    guests = [system for system in plan.systems if system.host is host and system.member is not host]
    for member in dict.fromkeys(system.member for system in guests):
        await _give_sign_key(server, plan, member, trust)
    with central.transaction("founding"):
        for system in guests:
            central.register_client(plan.server_id(host), plan.system_id(system.kind))
    for system in guests:
        server.serverconf.add_client(
            plan.system_id(system.kind), status=ClientStatus.REGISTERED, connection_type=ConnectionType.HTTP
        )


def offer_system(
    server: SecurityServer, plan: NationPlan, system: SystemPlan, url: str, description: bytes
) -> None:
    """A system's services with the rights of those that need them. description: its OpenAPI document, if it has one."""
    conf, owner = server.serverconf, plan.system_id(system.kind)
    for code in system.services:
        if code == EVENTS:  # one address, and nothing behind it
            service = conf.add_rest_service(owner, code, f"{url}/{EVENTS}")
            sources = [each.source for each in plan.subscriptions if each.subscriber == system.kind]
            conf.grant_all(service, [(plan.system_id(source), "POST", "**") for source in sources])
            continue
        if description:
            service = conf.add_openapi_service(owner, code, f"{url}/openapi.json", description, url=url)
        else:
            service = conf.add_rest_service(owner, code, url)
        rights = [right for right in plan.system_rights if right.provider == system.kind]
        conf.grant_all(
            service, [(plan.system_id(right.client), right.method, right.path) for right in rights]
        )


def offer_evidence(server: SecurityServer, plan: NationPlan, system: SystemPlan, url: str) -> None:
    """What the system's message log says of a message, to those who may ask. url: of the server's own client port."""
    askers = [asker for asker, whose in plan.evidence_rights if whose == system.kind]
    if askers:
        owner = plan.system_id(system.kind)
        service = server.serverconf.add_rest_service(
            owner, EVIDENCE_SERVICE, f"{url}/evidence/{owner.encode()}"
        )
        server.serverconf.grant_all(service, [(plan.system_id(asker), "GET", "/records") for asker in askers])


def offer_witness(
    server: SecurityServer, central: CentralServer, plan: NationPlan, member: MemberPlan, url: str
) -> None:
    """What the server's message log says about a person, as a subsystem of its owner. url: of its own client port."""
    if plan.witness_asker is None:
        return
    keeper, asker = plan.log_keeper(member), plan.system_id(plan.witness_asker)
    with central.transaction("founding"):
        central.add_subsystem(keeper, "Message log")
        central.register_client(plan.server_id(member), keeper)
    conf = server.serverconf
    conf.add_client(keeper, status=ClientStatus.REGISTERED, connection_type=ConnectionType.HTTP)
    service = conf.add_rest_service(keeper, WITNESS_SERVICE, f"{url}/witness/{keeper.encode()}")
    conf.grant_all(service, [(asker, "POST", "/statement"), (asker, "GET", "/keys")])


async def _give_sign_key(
    server: SecurityServer, plan: NationPlan, member: MemberPlan, trust: TrustServices
) -> None:
    request = await server.request_certificate(
        KeyUsage.SIGNING, plan.member_id(member), _subject(member, KeyUsage.SIGNING), plan.key_algorithm
    )
    await server.import_certificate(der(trust.issue(request, CertificateProfile.SIGN, actor="founding")))


async def offer_management_services(
    server: SecurityServer, central: CentralServer, plan: NationPlan, trust: TrustServices, url: str
) -> None:
    """The operator's subsystem on `server`, with a sign key of its own, and behind it the central server's port 4002 at
    `url`, for the owners of security servers."""
    provider = plan.subsystem_id(plan.operator)
    await _give_sign_key(server, plan, plan.operator, trust)
    with central.transaction("founding"):
        central.register_management_service_provider(server.server_id)
        certificate = der(central.publish_management_service_tls())
        wsdl = central.management_services().wsdl_address
    conf = server.serverconf
    conf.add_client(provider, status=ClientStatus.REGISTERED, connection_type=ConnectionType.HTTPS)
    conf.add_certificate(provider, certificate)
    owners = GlobalGroupId(plan.instance_identifier, OWNERS_GROUP)
    for service in conf.add_wsdl(provider, wsdl, management_services_wsdl(url)):
        conf.grant(service, owners)


def _subject(member: MemberPlan, usage: KeyUsage) -> x509.Name:
    """Profile `Basic` (WIRE 12): class in businessCategory, code in serialNumber; an auth certificate names its server."""
    common = published_address(member) if usage is KeyUsage.AUTHENTICATION else member.name
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, common),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, member.name),
            x509.NameAttribute(NameOID.BUSINESS_CATEGORY, member.member_class),
            x509.NameAttribute(NameOID.SERIAL_NUMBER, member.member_code),
        ]
    )
