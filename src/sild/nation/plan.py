"""What a nation consists of: its members, their servers and what they offer one another."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from sild.catalogue import Profile
from sild.nation.countries import BodyKind, CountryDescription, load_country, load_profile
from sild.signer import KeyAlgorithm
from sild.xroad.identifiers import ClientId, SecurityServerId

__all__ = ["DEMO", "MemberPlan", "NationPlan", "Right", "SubscriptionPlan", "SystemKind", "SystemPlan"]

LOG_KEEPER = "messagelog"
SystemKind = Literal[
    "population",
    "residence",
    "insurance",
    "social",
    "education",
    "hospital",
    "identity",
    "portal",
    "treasury",
    "cases",
    "archive",
    "tax",
    "electoral",
    "parking",
    "care",
    "business",
]


@dataclass(frozen=True, slots=True)
class MemberPlan:
    """A member, its security server (`""`: none of its own) and its subsystems.

    Without `systems` in the plan, they all use that server. kind: which body of the country it is, of a whole country.
    """

    member_class: str
    member_code: str
    name: str
    server_code: str
    subsystems: tuple[tuple[str, str], ...]  # code, name
    kind: BodyKind | None = None


@dataclass(frozen=True, slots=True)
class SystemPlan:
    """An information system: whose subsystem it is, and whose security server serves it.

    services: codes under which its REST interface is offered.
    """

    kind: SystemKind
    member: MemberPlan
    subsystem: str
    host: MemberPlan
    services: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Right:
    """client may call one endpoint of a service of `provider`. path: as in the service's OpenAPI description, `*` for a parameter."""

    client: SystemKind
    provider: SystemKind
    method: str
    path: str


@dataclass(frozen=True, slots=True)
class SubscriptionPlan:
    """Events of these types (patterns with `*`) go from one system to another's service `events`."""

    source: SystemKind
    subscriber: SystemKind
    types: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NationPlan:
    """`provider` offers the population register as the service `persons`; `consumer` may call part of it.

    about: the country it is, Estonia without more.  guests: members without a security server.  systems: what else there is, the
    population register among them if it offers more than `persons`.  evidence_rights: who may ask whose message log (`getEvidence`).
    witness_asker: who may ask each server's log what it says about a person (`getWitness`).
    """

    instance_identifier: str
    member_classes: tuple[tuple[str, str], ...]
    operator: MemberPlan  # of the management services, offered through the provider's server
    provider: MemberPlan
    consumer: MemberPlan
    people: int = 4_000
    key_algorithm: KeyAlgorithm = KeyAlgorithm.EC_P256
    rights: tuple[tuple[str, str], ...] = field(
        default=(("GET", "/persons/*"), ("GET", "/persons/*/children"))
    )
    about: CountryDescription = field(default_factory=lambda: load_country("EE"))
    guests: tuple[MemberPlan, ...] = ()
    systems: tuple[SystemPlan, ...] = ()
    system_rights: tuple[Right, ...] = ()
    subscriptions: tuple[SubscriptionPlan, ...] = ()
    evidence_rights: tuple[tuple[SystemKind, SystemKind], ...] = ()
    witness_asker: SystemKind | None = None

    def member_id(self, member: MemberPlan) -> ClientId:
        return ClientId(self.instance_identifier, member.member_class, member.member_code)

    def subsystem_id(self, member: MemberPlan, index: int = 0) -> ClientId:
        return self.member_id(member).with_subsystem(member.subsystems[index][0])

    def server_id(self, member: MemberPlan) -> SecurityServerId:
        return SecurityServerId(self.member_id(member), member.server_code)

    def system(self, kind: SystemKind) -> SystemPlan:
        """Raises KeyError when the nation has none."""
        found = next((system for system in self.systems if system.kind == kind), None)
        if found is None:
            raise KeyError(kind)
        return found

    def system_id(self, kind: SystemKind) -> ClientId:
        system = self.system(kind)
        return self.member_id(system.member).with_subsystem(system.subsystem)

    @property
    def log_keepers(self) -> tuple[ClientId, ...]:
        """As whom the owners of the servers say what their message logs hold."""
        if self.witness_asker is None:
            return ()
        return tuple(self.log_keeper(member) for member in self.servers)

    def log_keeper(self, member: MemberPlan) -> ClientId:
        return self.member_id(member).with_subsystem(LOG_KEEPER)

    @property
    def profile(self) -> Profile:
        return load_profile(self.about.country)

    def body(self, kind: BodyKind) -> MemberPlan:
        """Raises KeyError when the nation has none."""
        found = next((member for member in self.members if member.kind == kind), None)
        if found is None:
            raise KeyError(kind)
        return found

    @property
    def system_directories(self) -> tuple[str, ...]:
        """The population register has one without being listed; whoever has a portal has an AI gateway."""
        kinds = tuple(system.kind for system in self.systems if system.kind != "population")
        return (*kinds, "ai-gateway") if "portal" in kinds else kinds

    @property
    def system_ports(self) -> tuple[str, ...]:
        """Of each system one towards its security server; the hospital's ward, the portal's screens and the door to mandates have their own."""
        extra = {"hospital": "ward", "portal": "portal screens", "identity": "mandates"}
        return (
            *self.system_directories,
            *(extra[system.kind] for system in self.systems if system.kind in extra),
        )

    @property
    def members(self) -> tuple[MemberPlan, ...]:
        return self.operator, *self.servers, *self.guests

    @property
    def servers(self) -> tuple[MemberPlan, MemberPlan]:
        return self.provider, self.consumer


DEMO = NationPlan(
    instance_identifier="SILD",
    member_classes=(("GOV", "Public bodies"), ("COM", "Companies")),
    operator=MemberPlan(
        "GOV", "70000001", "State Information Authority", "", (("management", "Management"),)
    ),
    provider=MemberPlan(
        "GOV", "70000002", "Population Office", "ss1", (("population", "Population register"),)
    ),
    consumer=MemberPlan(
        "GOV", "70000003", "Health Insurance Fund", "ss2", (("insurance", "Insurance desk"),)
    ),
)
