"""The global configuration in force, as one immutable value with every question answered by a dictionary.

A `GlobalConf` is built from what has been verified (`configuration_client`) and replaced as a whole, never changed: whoever
holds one sees one consistent state. Building costs time in proportion to the configuration; asking costs the same for ten
members and for ten thousand. A part whose parameters did not change is taken over with its index from the previous snapshot.

Expiry (UG-SYSPAR, WIRE 13.3 (5)): the main instance's expiry is `ensure_valid`'s business and blocks all messages; an expired
partner instance is simply no longer there, its members unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain

from sild.errors import PeerError, TrustError
from sild.pki import NameKey, is_issued_by, issuer_name_key, subject_name_key
from sild.xroad.globalconf.certificate_profiles import client_id_of_subject
from sild.xroad.globalconf.certificates import (
    Certificate,
    auth_cert_hash,
    readable_certificates,
)
from sild.xroad.globalconf.parameters import (
    ApprovedCA,
    ApprovedTSA,
    CaInfo,
    ConfigurationAnchor,
    Member,
    PrivateParameters,
    SecurityServer,
    SharedParameters,
    Subsystem,
)
from sild.xroad.identifiers import ClientId, GlobalGroupId, SecurityServerId

__all__ = ["GlobalConf", "TrustedIssuer"]

DEFAULT_OCSP_FETCH_INTERVAL = timedelta(seconds=1200)
MIN_TIMESTAMPING_INTERVAL = timedelta(seconds=60)
MAX_TIMESTAMPING_INTERVAL = timedelta(seconds=86400)


@dataclass(frozen=True, slots=True)
class TrustedIssuer:
    """A CA of the configuration as trust anchor for what it issued (WIRE 10).

    `ocsp_certificates` are the responders listed for this CA; `ocsp_urls` keep the configuration's order;
    `all_ca_certificates` are those of the CA's whole instance; `profile` is the class name for `client_id_of`.
    """

    certificate: Certificate
    approved_ca: ApprovedCA
    ocsp_certificates: tuple[Certificate, ...]
    ocsp_urls: tuple[str, ...]
    all_ca_certificates: tuple[Certificate, ...] = field(repr=False)

    @property
    def profile(self) -> str:
        return self.approved_ca.certificate_profile_info

    @property
    def authentication_only(self) -> bool:
        return bool(self.approved_ca.authentication_only)


class InstanceIndex:
    """The dictionaries over one instance's shared parameters. Certificates are parsed when first asked for."""

    def __init__(self, parameters: SharedParameters) -> None:
        self.parameters = parameters
        self.members: dict[ClientId, Member] = {member.id: member for member in parameters.members}
        self.subsystems: dict[ClientId, Subsystem] = {
            subsystem.id: subsystem for member in parameters.members for subsystem in member.subsystems
        }
        self.servers: dict[SecurityServerId, SecurityServer] = {}
        self.clients_of: dict[SecurityServerId, frozenset[ClientId]] = {}
        self.servers_of: dict[ClientId, tuple[SecurityServer, ...]] = {}
        self.server_of_hash: dict[bytes, SecurityServer] = {}
        self._index_servers(parameters.security_servers)
        self.groups: dict[str, frozenset[ClientId]] = {
            group.group_code: frozenset(group.members) for group in parameters.global_groups
        }
        self._issuers: dict[NameKey, tuple[TrustedIssuer, ...]] | None = None
        self._ca_certificates: tuple[Certificate, ...] = ()
        self._tsa_certificates: tuple[Certificate, ...] | None = None

    def _index_servers(self, servers: Iterable[SecurityServer]) -> None:
        servers_of: dict[ClientId, list[SecurityServer]] = {}
        for server in servers:
            clients = dict.fromkeys((server.id.owner, *server.clients))
            self.servers[server.id] = server
            self.clients_of[server.id] = frozenset(clients)
            for client in clients:
                servers_of.setdefault(client, []).append(server)
            for digest in server.auth_cert_hashes:
                self.server_of_hash[digest] = server
        self.servers_of = {client: tuple(found) for client, found in servers_of.items()}

    def pieces(self) -> list[list[object]]:
        found = (self.members, self.subsystems, self.servers, self.clients_of, self.servers_of)
        return [list(by_id.values()) for by_id in found]

    @property
    def issuers(self) -> dict[NameKey, tuple[TrustedIssuer, ...]]:
        """By subject name. Several may share one (a CA that changed its key): all are kept."""
        if self._issuers is None:
            self._issuers = self._index_issuers()
        return self._issuers

    @property
    def ca_certificates(self) -> tuple[Certificate, ...]:
        _ = self.issuers
        return self._ca_certificates

    @property
    def tsa_certificates(self) -> tuple[Certificate, ...]:
        if self._tsa_certificates is None:
            self._tsa_certificates = readable_certificates(
                tsa.certificate for tsa in self.parameters.approved_tsas
            )
        return self._tsa_certificates

    def _index_issuers(self) -> dict[NameKey, tuple[TrustedIssuer, ...]]:
        found: list[tuple[ApprovedCA, CaInfo, Certificate]] = []
        for approved_ca in self.parameters.approved_cas:
            for info in (approved_ca.top_ca, *approved_ca.intermediate_cas):
                found.extend((approved_ca, info, cert) for cert in readable_certificates((info.certificate,)))
        self._ca_certificates = tuple(dict.fromkeys(certificate for _, _, certificate in found))
        issuers: dict[NameKey, dict[Certificate, TrustedIssuer]] = {}
        for approved_ca, info, certificate in found:
            try:
                by_certificate = issuers.setdefault(subject_name_key(certificate), {})
            except PeerError:  # as a certificate that cannot be parsed: it disables itself alone
                continue
            by_certificate[certificate] = TrustedIssuer(
                certificate=certificate,
                approved_ca=approved_ca,
                ocsp_certificates=readable_certificates(
                    ocsp.certificate for ocsp in info.ocsp if ocsp.certificate is not None
                ),
                ocsp_urls=tuple(dict.fromkeys(o.url.strip() for o in info.ocsp if o.url.strip())),
                all_ca_certificates=self._ca_certificates,
            )
        return {key: tuple(by_certificate.values()) for key, by_certificate in issuers.items()}


class GlobalConf:
    """See the module. `shared` maps instance identifiers to (parameters, time their directory expires)."""

    def __init__(
        self,
        instance_identifier: str,
        shared: Mapping[str, tuple[SharedParameters, datetime]],
        *,
        private: PrivateParameters | None = None,
        private_expires_at: datetime | None = None,
        monitoring_client: ClientId | None = None,
        ocsp_fetch_interval: timedelta = DEFAULT_OCSP_FETCH_INTERVAL,
        check_ocsp_next_update: bool = True,
        previous: GlobalConf | None = None,
    ) -> None:
        if instance_identifier not in shared:
            raise TrustError(
                f"there are no shared parameters of the own instance {instance_identifier!r}",
                code="malformed_global_conf",
            )
        self._instance_identifier = instance_identifier
        self._private = private
        self._monitoring_client = monitoring_client
        self._ocsp_fetch_interval = ocsp_fetch_interval
        self._check_ocsp_next_update = check_ocsp_next_update
        self._expires_at = {instance: expires_at for instance, (_, expires_at) in shared.items()}
        self._valid_until = min(
            self._expires_at[instance_identifier],
            private_expires_at or self._expires_at[instance_identifier],
        )
        held = previous._indexes if previous is not None else {}
        self._indexes: dict[str, InstanceIndex] = {}
        for instance, (parameters, _) in shared.items():
            index = held.get(instance)
            reusable = index is not None and (
                index.parameters is parameters or index.parameters == parameters
            )
            self._indexes[instance] = index if index and reusable else InstanceIndex(parameters)

    def pieces(self, successor: GlobalConf) -> list[list[object]]:
        """What is in this configuration by the thousand and not in `successor`: whoever holds these lists, drops this configuration and
        then empties them one by one frees it bit by bit. Freed as a whole, one of 100,000 members stops the interpreter for a second."""
        kept = set(map(id, successor._indexes.values()))
        gone = (index for index in self._indexes.values() if id(index) not in kept)
        return [piece for index in gone for piece in index.pieces()]

    # -- the own instance ------------------------------------------------------------------------------------------

    @property
    def instance_identifier(self) -> str:
        return self._instance_identifier

    @property
    def version(self) -> int:
        """The version the own instance's shared parameters were read by."""
        return self._indexes[self._instance_identifier].parameters.version

    @property
    def valid_until(self) -> datetime:
        """When `ensure_valid` begins to refuse."""
        return self._valid_until

    def ensure_valid(self, at: datetime) -> None:
        """Raise TrustError (`global_conf_outdated`) when the own instance's configuration has expired."""
        if at > self._valid_until:
            raise TrustError(
                "Global configuration is expired",
                code="global_conf_outdated",
                expired_at=self._valid_until.isoformat(),
            )

    @property
    def private(self) -> PrivateParameters:
        """Raises TrustError (`internal_error`, as X-Road) when there are none: the anchor was an external source's."""
        if self._private is None:
            raise TrustError(
                f"Private params for instance identifier {self._instance_identifier} not found",
                code="internal_error",
            )
        return self._private

    @property
    def anchors(self) -> tuple[ConfigurationAnchor, ...]:
        """Of federated instances, allowed or not."""
        return self._private.anchors if self._private is not None else ()

    @property
    def timestamping_interval(self) -> timedelta:
        """Clamped to 60..86400 s (WIRE 9)."""
        interval = timedelta(seconds=self.private.timestamping_interval_seconds)
        return max(MIN_TIMESTAMPING_INTERVAL, min(interval, MAX_TIMESTAMPING_INTERVAL))

    @property
    def ocsp_fetch_interval(self) -> timedelta:
        return self._ocsp_fetch_interval

    @property
    def check_ocsp_next_update(self) -> bool:
        return self._check_ocsp_next_update

    @property
    def monitoring_client(self) -> ClientId | None:
        """Who may query monitoring data of every security server (MONITORING part)."""
        return self._monitoring_client

    # -- instances ----------------------------------------------------------------------------------------------------

    def instances(self, at: datetime) -> tuple[str, ...]:
        """The own one first, then the partners whose configuration has not expired."""
        return tuple(i for i in self._indexes if self._index(i, at) is not None)

    def expires_at(self, instance: str) -> datetime | None:
        return self._expires_at.get(instance)

    def _index(self, instance: str, at: datetime) -> InstanceIndex | None:
        index = self._indexes.get(instance)
        if index is None:
            return None
        if instance != self._instance_identifier and self._expires_at[instance] <= at:
            return None
        return index

    def _required_index(self, instance: str, at: datetime) -> InstanceIndex:
        index = self._index(instance, at)
        if index is None:
            raise TrustError(
                f"Shared params for instance identifier {instance} not found", code="internal_error"
            )
        return index

    def shared(self, instance: str, at: datetime) -> SharedParameters:
        """Raises TrustError (`internal_error`, as X-Road) for an unknown instance or an expired partner."""
        return self._required_index(instance, at).parameters

    def ocsp_freshness(self, instance: str) -> timedelta:
        """How old `thisUpdate` may be, as that instance says; an unknown one gets the own instance's, as the reference
        gives it to all."""
        index = self._indexes.get(instance) or self._indexes[self._instance_identifier]
        return timedelta(seconds=index.parameters.ocsp_freshness_seconds)

    # -- members, subsystems, servers ---------------------------------------------------------------------------------

    def member_name(self, client: ClientId, at: datetime) -> str | None:
        """The name of the member, or of the member a subsystem belongs to."""
        index = self._index(client.instance_identifier, at)
        member = index.members.get(client.member) if index is not None else None
        return member.name if member is not None else None

    def subsystem_name(self, client: ClientId, at: datetime) -> str | None:
        index = self._index(client.instance_identifier, at)
        subsystem = index.subsystems.get(client) if index is not None else None
        return subsystem.name if subsystem is not None else None

    def is_known_client(self, client: ClientId, at: datetime) -> bool:
        """Is it a member or subsystem of an instance known now?"""
        index = self._index(client.instance_identifier, at)
        return index is not None and (client in index.members or client in index.subsystems)

    def servers_of(self, client: ClientId, at: datetime) -> tuple[SecurityServer, ...]:
        """The servers `client` is registered on or owns, in the configuration's order; () when nothing is known of it."""
        index = self._index(client.instance_identifier, at)
        return index.servers_of.get(client, ()) if index is not None else ()

    def server(self, server_id: SecurityServerId, at: datetime) -> SecurityServer | None:
        index = self._index(server_id.owner.instance_identifier, at)
        return index.servers.get(server_id) if index is not None else None

    def server_of_auth_certificate(self, der: bytes, at: datetime) -> SecurityServer | None:
        """The server, of any known instance, that registered this authentication certificate."""
        for instance in self._indexes:
            index = self._index(instance, at)
            if index is None:
                continue
            server = index.server_of_hash.get(auth_cert_hash(der, index.parameters.version))
            if server is not None:
                return server
        return None

    def is_server_client(self, server_id: SecurityServerId, client: ClientId, at: datetime) -> bool:
        """Is exactly `client` registered on the server, or the member that owns it? (WIRE 10.2)"""
        index = self._index(server_id.owner.instance_identifier, at)
        return index is not None and client in index.clients_of.get(server_id, ())

    def in_global_group(self, group: GlobalGroupId, client: ClientId, at: datetime) -> bool:
        index = self._index(group.instance_identifier, at)
        return index is not None and client in index.groups.get(group.group_code, ())

    # -- trust --------------------------------------------------------------------------------------------------------

    def issuer_of(self, certificate: Certificate, instance: str, at: datetime) -> TrustedIssuer:
        """The CA of `instance`, top or intermediate, whose subject is the certificate's issuer (WIRE 10).

        Where several CA certificates carry that name, the one whose key signed `certificate`. Raises TrustError
        (`internal_error`, X-Road's "not issued by approved certification service provider"), PeerError for a name that is none.
        """
        found = self._required_index(instance, at).issuers.get(issuer_name_key(certificate), ())
        if len(found) == 1:
            return found[0]
        for issuer in found:
            if is_issued_by(certificate, issuer.certificate):
                return issuer
        raise TrustError(
            "Certificate is not issued by approved certification service provider.",
            code="internal_error",
            subject=certificate.subject.rfc4514_string(),
        )

    def client_id_of(self, sign_certificate: Certificate, context: ClientId, at: datetime) -> ClientId:
        """The member a sign certificate speaks for, by its CA's certificate profile (WIRE 12).

        `context`: the client whose signature is being checked; it names the instance whose CAs count.
        Raises TrustError (`internal_error` unknown CA or profile; `incorrect_certificate` subject).
        """
        issuer = self.issuer_of(sign_certificate, context.instance_identifier, at)
        return client_id_of_subject(issuer.profile, sign_certificate.subject, context.instance_identifier)

    def ca_certificates(self, instance: str, at: datetime) -> tuple[Certificate, ...]:
        return self._required_index(instance, at).ca_certificates

    def all_ca_certificates(self, at: datetime) -> tuple[Certificate, ...]:
        """Of every instance known now: what a TLS server may name as acceptable authorities."""
        indexes = (self._index(instance, at) for instance in self._indexes)
        return tuple(dict.fromkeys(chain.from_iterable(i.ca_certificates for i in indexes if i is not None)))

    def approved_cas(self, instance: str, at: datetime) -> tuple[ApprovedCA, ...]:
        return self._required_index(instance, at).parameters.approved_cas

    def approved_tsas(self, instance: str, at: datetime) -> tuple[ApprovedTSA, ...]:
        return self._required_index(instance, at).parameters.approved_tsas

    def tsa_certificates(self, at: datetime) -> tuple[Certificate, ...]:
        """Of every instance known now, parsed: the signers a time-stamp token may have."""
        indexes = (self._index(instance, at) for instance in self._indexes)
        return tuple(dict.fromkeys(chain.from_iterable(i.tsa_certificates for i in indexes if i is not None)))
