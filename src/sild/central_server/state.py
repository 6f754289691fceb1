"""The database read as one configuration: what the shared and private parameters say at one revision."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypeVar

from sqlalchemy import Connection, Table, select

from sild.central_server.management_services import host_of
from sild.central_server.parameters import read_parameters, read_service_provider
from sild.central_server.tables import (
    auth_certificates,
    certificate_authorities,
    certification_services,
    configuration_parts,
    global_group_members,
    global_groups,
    instance,
    member_classes,
    members,
    ocsp_responders,
    security_servers,
    server_clients,
    signing_keys,
    subsystems,
    timestamping_services,
    trusted_anchors,
)
from sild.errors import CallerError
from sild.xroad.globalconf import (
    AcmeServer,
    ApprovedCA,
    ApprovedTSA,
    CaInfo,
    ConfigurationSource,
    GlobalGroup,
    MaintenanceMode,
    ManagementService,
    Member,
    MemberClass,
    OcspInfo,
    PrivateParameters,
    SecurityServer,
    SharedParameters,
    Subsystem,
    parse_anchor,
)
from sild.xroad.identifiers import ClientId, SecurityServerId

__all__ = ["ActiveKey", "InstanceState", "SigningState", "read_revision", "read_state"]

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class ActiveKey:
    """The key a source is signed with; `certificate`: DER."""

    key_id: str
    certificate: bytes


@dataclass(frozen=True, slots=True)
class SigningState:
    """What signing takes, and the revision it was read at."""

    revision: int
    instance_identifier: str
    parameters: dict[str, str]
    internal_key: ActiveKey
    external_key: ActiveKey


@dataclass(frozen=True, slots=True)
class InstanceState:
    """`shared_v2` differs from `shared` in the hashes of authentication certificates. `parts`: (identifier, name, file)."""

    signing: SigningState
    shared: SharedParameters
    shared_v2: SharedParameters
    private: PrivateParameters
    parts: tuple[tuple[str, str, bytes], ...]


def read_revision(connection: Connection) -> int:
    return int(connection.execute(select(instance.c.revision)).scalar_one())


def read_state(connection: Connection) -> InstanceState:
    """Read everything a configuration says. `connection` sees one snapshot.

    Raises CallerError (`management_service_provider_not_set`, `no_configuration_signing_keys_configured`).
    """
    row = connection.execute(select(instance)).one()
    identifier: str = row.instance_identifier
    parameters = read_parameters(connection)
    private = _private(connection, identifier, parameters, row.management_service_certificate)
    clients = _Clients(connection, identifier)
    shared, shared_v2 = _shared(connection, identifier, parameters, clients)
    return InstanceState(
        signing=SigningState(
            revision=row.revision,
            instance_identifier=identifier,
            parameters=parameters,
            internal_key=_active_key(connection, "INTERNAL"),
            external_key=_active_key(connection, "EXTERNAL"),
        ),
        shared=shared,
        shared_v2=shared_v2,
        private=private,
        parts=tuple(
            (part.content_identifier, part.file_name, part.data)
            for part in connection.execute(
                select(configuration_parts).order_by(configuration_parts.c.content_identifier)
            )
        ),
    )


def _private(
    connection: Connection, identifier: str, parameters: dict[str, str], certificate: bytes | None
) -> PrivateParameters:
    provider = read_service_provider(connection)
    if provider is None:
        raise CallerError(
            "no provider of the management services is set", code="management_service_provider_not_set"
        )
    host = host_of(parameters["centralServerAddress"])
    anchors = connection.scalars(
        select(trusted_anchors.c.anchor_file).order_by(trusted_anchors.c.instance_identifier)
    )
    return PrivateParameters(
        instance_identifier=identifier,
        management_service=ManagementService(
            auth_cert_reg_service_address=parameters["authCertRegUrl"].replace(
                "%{centralServerAddress}", host
            ),
            management_request_service_provider_id=provider,
            auth_cert_reg_service_cert=certificate,
        ),
        timestamping_interval_seconds=int(parameters["timeStampingIntervalSeconds"]),
        anchors=tuple(parse_anchor(file) for file in anchors),
    )


def _active_key(connection: Connection, source_type: str) -> ActiveKey:
    row = connection.execute(
        select(signing_keys.c.key_identifier, signing_keys.c.certificate).where(
            signing_keys.c.source_type == source_type, signing_keys.c.active
        )
    ).one_or_none()
    if row is None:
        raise CallerError(
            f"the {source_type.lower()} source has no signing key",
            code="no_configuration_signing_keys_configured",
        )
    return ActiveKey(*row)


class _Clients:
    """Every member and subsystem by its key in the database."""

    def __init__(self, connection: Connection, identifier: str) -> None:
        self.members: dict[int, ClientId] = {}
        self.subsystems: dict[int, ClientId] = {}
        self.names: dict[int, str] = {}
        self.subsystems_of: defaultdict[int, list[Subsystem]] = defaultdict(list)
        for key, member_class, code, name in connection.execute(
            select(members.c.id, member_classes.c.code, members.c.member_code, members.c.name)
            .join_from(members, member_classes)
            .order_by(members.c.id)
        ):
            self.members[key] = ClientId(identifier, member_class, code)
            self.names[key] = name
        for key, member, code, name in connection.execute(
            select(
                subsystems.c.id, subsystems.c.member_id, subsystems.c.subsystem_code, subsystems.c.name
            ).order_by(subsystems.c.id)
        ):
            owner = self.members[member]
            client = ClientId(identifier, owner.member_class, owner.member_code, code)
            self.subsystems[key] = client
            self.subsystems_of[member].append(Subsystem(client, name))

    def of(self, member: int | None, subsystem: int | None) -> ClientId:
        if subsystem is not None:
            return self.subsystems[subsystem]
        assert member is not None  # the table's check
        return self.members[member]


def _shared(
    connection: Connection, identifier: str, parameters: dict[str, str], clients: _Clients
) -> tuple[SharedParameters, SharedParameters]:
    servers, servers_v2 = _security_servers(connection, clients)
    shared = SharedParameters(
        instance_identifier=identifier,
        sources=(_source(connection, parameters["centralServerAddress"]),),
        approved_cas=_approved_cas(connection),
        approved_tsas=tuple(
            ApprovedTSA(row.name, row.url, row.certificate, row.cost_type)
            for row in connection.execute(select(timestamping_services).order_by(timestamping_services.c.id))
        ),
        members=tuple(
            Member(client, clients.names[key], tuple(clients.subsystems_of.get(key, ())))
            for key, client in clients.members.items()
        ),
        security_servers=servers,
        global_groups=_global_groups(connection, clients),
        member_classes=tuple(
            MemberClass(row.code, row.description)
            for row in connection.execute(select(member_classes).order_by(member_classes.c.code))
        ),
        ocsp_freshness_seconds=int(parameters["ocspFreshnessSeconds"]),
    )
    return shared, replace(shared, version=2, security_servers=servers_v2)


def _source(connection: Connection, address: str) -> ConfigurationSource:
    certificates: dict[str, list[bytes]] = {"INTERNAL": [], "EXTERNAL": []}
    for row in connection.execute(
        select(signing_keys.c.source_type, signing_keys.c.certificate).order_by(signing_keys.c.id)
    ):
        certificates[row.source_type].append(row.certificate)
    return ConfigurationSource(address, tuple(certificates["INTERNAL"]), tuple(certificates["EXTERNAL"]))


def _approved_cas(connection: Connection) -> tuple[ApprovedCA, ...]:
    responders = _grouped(
        (row.certificate_authority_id, OcspInfo(row.url, row.certificate, row.cost_type))
        for row in connection.execute(select(ocsp_responders).order_by(ocsp_responders.c.id))
    )
    authorities = _grouped(
        (row.certification_service_id, (row.is_top, CaInfo(row.certificate, tuple(responders[row.id]))))
        for row in connection.execute(select(certificate_authorities).order_by(certificate_authorities.c.id))
    )
    return tuple(
        ApprovedCA(
            name=row.name,
            top_ca=next(info for is_top, info in authorities[row.id] if is_top),
            certificate_profile_info=row.certificate_profile_info,
            intermediate_cas=tuple(info for is_top, info in authorities[row.id] if not is_top),
            authentication_only=row.tls_auth,
            default_csr_format=row.default_csr_format,
            acme_server=AcmeServer(
                row.acme_server_directory_url,
                row.acme_server_ip_address,
                row.authentication_certificate_profile_id,
                row.signing_certificate_profile_id,
            )
            if row.acme_server_directory_url
            else None,
        )
        for row in connection.execute(select(certification_services).order_by(certification_services.c.id))
    )


def _security_servers(
    connection: Connection, clients: _Clients
) -> tuple[tuple[SecurityServer, ...], tuple[SecurityServer, ...]]:
    """The servers as version 3 and later tell them, and as version 2 does."""
    hashes = _grouped(
        (row[0], (row[1], row[2]))
        for row in connection.execute(
            select(
                auth_certificates.c.security_server_id, auth_certificates.c.sha256, auth_certificates.c.sha1
            ).order_by(auth_certificates.c.id)
        )
    )
    registered = _clients_by(connection, server_clients, "security_server_id", clients, only_enabled=True)
    servers, servers_v2 = [], []
    for row in connection.execute(select(security_servers).order_by(security_servers.c.id)):
        server = SecurityServer(
            id=SecurityServerId(clients.members[row.owner_id], row.server_code),
            address=row.address,
            auth_cert_hashes=tuple(sha256 for sha256, _sha1 in hashes[row.id]),
            clients=tuple(registered[row.id]),
            maintenance=MaintenanceMode(row.maintenance_mode_message) if row.in_maintenance_mode else None,
        )
        servers.append(server)
        servers_v2.append(replace(server, auth_cert_hashes=tuple(sha1 for _sha256, sha1 in hashes[row.id])))
    return tuple(servers), tuple(servers_v2)


def _global_groups(connection: Connection, clients: _Clients) -> tuple[GlobalGroup, ...]:
    inside = _clients_by(connection, global_group_members, "global_group_id", clients)
    return tuple(
        GlobalGroup(row.group_code, row.description, tuple(inside[row.id]))
        for row in connection.execute(select(global_groups).order_by(global_groups.c.id))
    )


def _clients_by(
    connection: Connection, table: Table, key: str, clients: _Clients, *, only_enabled: bool = False
) -> defaultdict[int, list[ClientId]]:
    query = select(table.c[key], table.c.member_id, table.c.subsystem_id).order_by(table.c.id)
    if only_enabled:
        query = query.where(table.c.enabled)
    return _grouped((row[0], clients.of(row[1], row[2])) for row in connection.execute(query))


def _grouped(pairs: Iterable[tuple[int, Item]]) -> defaultdict[int, list[Item]]:
    found: defaultdict[int, list[Item]] = defaultdict(list)
    for key, item in pairs:
        found[key].append(item)
    return found
