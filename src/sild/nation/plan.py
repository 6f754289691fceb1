"""What a nation consists of: its members, their servers and what they offer one another."""

from __future__ import annotations

from dataclasses import dataclass, field

from sild.signer import KeyAlgorithm
from sild.xroad.identifiers import ClientId, SecurityServerId

__all__ = ["DEMO", "MemberPlan", "NationPlan"]


@dataclass(frozen=True, slots=True)
class MemberPlan:
    """A member with one security server and the subsystems that use it."""

    member_class: str
    member_code: str
    name: str
    server_code: str
    subsystems: tuple[tuple[str, str], ...]  # code, name


@dataclass(frozen=True, slots=True)
class NationPlan:
    """`provider` offers the population register as the service `persons`; `consumer` may call part of it."""

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

    def member_id(self, member: MemberPlan) -> ClientId:
        return ClientId(self.instance_identifier, member.member_class, member.member_code)

    def subsystem_id(self, member: MemberPlan, index: int = 0) -> ClientId:
        return self.member_id(member).with_subsystem(member.subsystems[index][0])

    def server_id(self, member: MemberPlan) -> SecurityServerId:
        return SecurityServerId(self.member_id(member), member.server_code)

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
