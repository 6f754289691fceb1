"""`nation.json`: everything the demo prints for people, for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sild.nation.founding import EVENTS, SERVICE_CODE, published_address
from sild.nation.plan import MemberPlan, NationPlan, SystemPlan

if TYPE_CHECKING:
    from sild.nation.nation import Nation
    from sild.nation.people import TestPerson
    from sild.security_server import SecurityServer

__all__ = ["describe"]

TEST_PEOPLE = 5
EXAMPLE_CASE = "example"
"""The case that the example request names."""
REGISTERS = (
    "residence",
    "insurance",
    "social",
    "education",
    "treasury",
    "archive",
    "tax",
    "electoral",
    "parking",
    "care",
    "business",
    "hospital",
)


def describe(nation: Nation) -> dict[str, object]:
    """Addresses are URLs, identifiers in the administration form (`SILD:GOV:70000002:population`), paths absolute."""
    plan, layout = nation.plan, nation.layout
    example = (
        plan.about.example
    )  # the official at the desk: registers want to know who acts, and on which ground
    central = f"http://127.0.0.1:{nation.ports.central_server}"
    people = [_test_person(one) for one in nation.people.values()] or nation.register.some_people(TEST_PEOPLE)
    path = f"/r1/{plan.subsystem_id(plan.provider).encode()}/{SERVICE_CODE}"
    client = plan.subsystem_id(plan.consumer)
    consumer_http = f"http://127.0.0.1:{nation.ports.consumer.client_http}"
    return {
        "instance_identifier": plan.instance_identifier,
        "country": _country(plan),
        "people": plan.people,
        "anchor_file": str(layout.anchor),
        "authorities_file": str(layout.authorities),
        "evidence_directory": str(layout.evidence),
        "central_server": {
            "address": central,
            "internal_configuration": f"{central}/internalconf",
            "external_configuration": f"{central}/externalconf",
            "registration_service": nation.registration_service_url,
            "management_service": nation.management_service_url,
            "directory": str(layout.central_server),
        },
        "management_services": {
            "provider": str(plan.subsystem_id(plan.operator)),
            "security_server": str(plan.server_id(plan.provider)),
        },
        "trust_services": {
            "address": nation.trust_url,
            "ocsp": f"{nation.trust_url}/ocsp",
            "timestamping": f"{nation.trust_url}/tsa",
        },
        "members": [_member(nation, member) for member in plan.members],
        "security_servers": [
            _server(nation.provider, plan.provider),
            _server(nation.consumer, plan.consumer),
        ],
        "registers": _registers(nation),
        "services": [
            {
                "id": f"{plan.subsystem_id(plan.provider)}:{SERVICE_CODE}",
                "path": path,
                "description_url": f"http://127.0.0.1:{nation.ports.register}/openapi.json",
                "access_rights": [
                    {"subject": str(client), "method": method, "path": endpoint}
                    for method, endpoint in plan.rights
                ],
            },
            *_services(nation),
        ],
        "example": {
            "client": client.encode(),
            "user_id": example.user_id,
            "legal_basis": example.legal_basis,
            "case": EXAMPLE_CASE,
            "url": (url := f"{consumer_http}{path}/persons/{people[0]['code']}"),
            "curl": f"curl -i -H 'X-Road-Client: {client.encode()}' -H 'X-Road-UserId: {example.user_id}' "
            f"-H 'X-Road-Issue: {EXAMPLE_CASE}' -H 'Sild-Legal-Basis: {example.legal_basis}' {url}",
        },
        **_citizens_side(nation),
        "test_people": people,
        "api_keys": {},
    }


def _country(plan: NationPlan) -> dict[str, object]:
    """What a program has to know to go through its services as its people do."""
    about, profile = plan.about, plan.profile
    return {
        "code": about.country,
        "names": dict(profile.names),
        "languages": list(profile.languages),
        "zone": profile.zone,
        "currency": profile.currency,
        "bound": list(profile.bound),
        "typed": about.story.model_dump(),
    }


def _registers(nation: Nation) -> list[dict[str, str]]:
    plan = nation.plan
    found = [
        {
            "id": str(plan.subsystem_id(plan.provider)),
            "address": f"http://127.0.0.1:{nation.ports.register}",
        }
    ]
    for system in plan.systems:
        if system.kind in REGISTERS:
            address = f"http://127.0.0.1:{nation.ports.systems[system.kind]}"
            found.append({"id": str(plan.system_id(system.kind)), "address": address})
    return found


def _services(nation: Nation) -> list[dict[str, object]]:
    plan = nation.plan
    return [
        {
            "id": f"{plan.system_id(system.kind)}:{code}",
            "path": f"/r1/{plan.system_id(system.kind).encode()}/{code}",
            "access_rights": _rights(nation, system, code),
        }
        for system in plan.systems
        for code in system.services
    ]


def _rights(nation: Nation, system: SystemPlan, code: str) -> list[dict[str, str]]:
    plan = nation.plan
    if code == EVENTS:
        sources = [each.source for each in plan.subscriptions if each.subscriber == system.kind]
        return [{"subject": str(plan.system_id(kind)), "method": "POST", "path": "**"} for kind in sources]
    return [
        {"subject": str(plan.system_id(right.client)), "method": right.method, "path": right.path}
        for right in plan.system_rights
        if right.provider == system.kind
    ]


def _citizens_side(nation: Nation) -> dict[str, object]:
    """Where people go, and how they prove who they are; nothing of it in a nation of one register."""
    if not nation.plan.systems:
        return {}
    return {
        "portal": {"address": nation.portal_url},
        "openid": {"issuer": nation.issuer, "client_id": "portal"},
        "ward": {"address": f"{nation.ward_url}/ward/"},
        **_ai_gateway(nation),
    }


def _ai_gateway(nation: Nation) -> dict[str, object]:
    """Nothing where only servers are founded, that others will run."""
    found = nation.ai_gateway
    if found is None:
        return {}
    return {
        "ai_gateway": {
            "address": nation.ai_gateway_url,
            "egress": f"{nation.ai_gateway_url}/egress",
            "settings_file": str(found.settings_file),
            "models": list(found.models),
        }
    }


def _test_person(one: TestPerson) -> dict[str, str]:
    shown = {
        "code": one.code,
        "name": one.name,
        "country": one.country,
        "born": one.born,
        "id": one.id,
        "good_for": one.good_for["en"],
        "address": one.address,
    }
    return shown | ({"authority": one.official.authority} if one.official else {})


def _member(nation: Nation, member: MemberPlan) -> dict[str, object]:
    plan = nation.plan
    return {
        "id": str(plan.member_id(member)),
        "name": member.name,
        **({"names": dict(plan.about.bodies[member.kind])} if member.kind is not None else {}),
        "security_servers": [str(plan.server_id(member))] if member.server_code else [],
        "subsystems": [
            {"id": str(plan.subsystem_id(member, index)), "name": name}
            for index, (_, name) in enumerate(member.subsystems)
        ],
    }


def _server(server: SecurityServer, member: MemberPlan) -> dict[str, object]:
    settings = server.settings
    addresses = {
        "client_http": f"http://{settings.listen_address}:{settings.client_http_port}",
        "client_https": f"https://{settings.listen_address}:{settings.client_https_port}",
        "server_proxy": f"https://{settings.peer_listen_address}:{settings.server_proxy_port}",
        "ocsp_responder": f"http://{settings.peer_listen_address}:{settings.ocsp_responder_port}",
    }
    return {
        "id": str(server.server_id),
        "published_address": published_address(member),
        "addresses": addresses,
        "directory": str(server.settings.directory),
        "configuration_directory": str(server.configuration.directory),
        **(
            {"log_keys": str(server.settings.directory / "witness" / "witness.jwks")}
            if server.witness
            else {}
        ),
        "settings_file": str(server.settings.directory / "server.toml"),
    }
