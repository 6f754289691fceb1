"""Shared parameters of any size, and strategies that make them up."""

from __future__ import annotations

import hashlib

from hypothesis import strategies as st

from sild.xroad.globalconf import (
    AcmeServer,
    ApprovedCA,
    ApprovedTSA,
    CaInfo,
    CentralService,
    ConfigurationSource,
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

INSTANCE = "DEV"
SOURCE = ConfigurationSource("cs.example.org", (b"internal certificate",), (b"external certificate",))


def member_id(number: int) -> ClientId:
    return ClientId(INSTANCE, "COM", f"{number:08d}")


def large_parameters(members: int, *, subsystems: int = 3, per_server: int = 10) -> SharedParameters:
    """`members` members, each with subsystems; every tenth has a server, whose clients are the subsystems of ten."""
    found = []
    servers = []
    for number in range(members):
        client = member_id(number)
        codes = [ClientId(INSTANCE, "COM", client.member_code, f"sub{i}") for i in range(subsystems)]
        found.append(
            Member(client, f"Member {number}", tuple(Subsystem(c, f"Subsystem of {number}") for c in codes))
        )
        if number % per_server == 0:
            owner = client
            hosted: list[ClientId] = []
        hosted += codes
        if number % per_server == per_server - 1 or number == members - 1:
            digest = hashlib.sha256(str(owner).encode()).digest()
            server_id = SecurityServerId(owner, "SS1")
            servers.append(SecurityServer(server_id, f"ss{number}.example.org", (digest,), tuple(hosted)))
    return SharedParameters(
        INSTANCE,
        sources=(SOURCE,),
        members=tuple(found),
        security_servers=tuple(servers),
        global_groups=(GlobalGroup("all", "Everybody", tuple(m.id for m in found)),),
        member_classes=(MemberClass("COM", "Commercial"),),
    )


# What XML 1.0 can hold: no control characters but tab, line feed and carriage return, no surrogates, no FFFE and FFFF.
texts = st.text(
    st.characters(
        codec="utf-8",
        exclude_characters="".join(map(chr, [*range(9), 11, 12, *range(14, 32), 0xFFFE, 0xFFFF])),
    ),
    max_size=12,
)
codes = st.text("abcXYZ019 äõ&<>'\"]", min_size=1, max_size=6)
stripped = st.text("abc:/.?&=%", max_size=12)
blobs = st.binary(max_size=12)
optional_texts = st.none() | texts
cost_types = st.sampled_from([None, "FREE", "PAID", "UNDEFINED"])
acme_servers = st.builds(AcmeServer, texts, optional_texts, optional_texts, optional_texts)
ca_infos = st.builds(
    CaInfo, blobs, st.lists(st.builds(OcspInfo, texts, st.none() | blobs, cost_types), max_size=2).map(tuple)
)
approved_cas = st.builds(
    ApprovedCA,
    name=texts,
    top_ca=ca_infos,
    certificate_profile_info=stripped,
    intermediate_cas=st.lists(ca_infos, max_size=2).map(tuple),
    authentication_only=st.none() | st.booleans(),
    default_csr_format=st.sampled_from([None, "PEM", "DER"]),
    acme_server=st.none() | acme_servers,
)


@st.composite
def shared_parameters(draw: st.DrawFn) -> SharedParameters:
    """Valid in version 6, with every element there and not there."""
    member_classes = draw(
        st.lists(st.builds(MemberClass, codes, texts), max_size=3, unique_by=lambda c: c.code)
    )
    descriptions = {c.code: c.description for c in member_classes}
    members: list[Member] = []
    clients: list[ClientId] = []
    for member_class, code in draw(st.lists(st.tuples(codes, codes), max_size=4, unique=True)):
        client = ClientId(INSTANCE, member_class, code)
        subsystems = [
            Subsystem(ClientId(INSTANCE, member_class, code, subsystem), draw(optional_texts))
            for subsystem in draw(st.lists(codes, max_size=3, unique=True))
        ]
        description = draw(optional_texts)
        if description == descriptions.get(member_class, ""):
            description = None
        members.append(Member(client, draw(texts), tuple(subsystems), description))
        clients += [client, *(s.id for s in subsystems)]
    owners = draw(st.lists(st.sampled_from(members), max_size=3)) if members else []
    servers = [
        SecurityServer(
            SecurityServerId(owner.id, draw(codes)),
            draw(optional_texts),
            tuple(draw(st.lists(st.binary(min_size=32, max_size=32), max_size=2))),
            tuple(draw(st.lists(st.sampled_from(clients), max_size=3))),
            draw(st.none() | st.builds(MaintenanceMode, optional_texts)),
        )
        for owner in owners
    ]
    anyone = st.builds(ClientId, codes, codes, codes, st.none() | codes)
    services = st.builds(ServiceId, anyone, codes, st.none() | codes)
    return SharedParameters(
        INSTANCE,
        sources=tuple(
            draw(
                st.lists(
                    st.builds(
                        ConfigurationSource,
                        texts,
                        st.lists(blobs, max_size=2).map(tuple),
                        st.lists(blobs, max_size=2).map(tuple),
                    ),
                    min_size=1,
                    max_size=2,
                )
            )
        ),
        approved_cas=tuple(draw(st.lists(approved_cas, max_size=2))),
        approved_tsas=tuple(
            draw(st.lists(st.builds(ApprovedTSA, texts, stripped, blobs, cost_types), max_size=2))
        ),
        members=tuple(members),
        security_servers=tuple(servers),
        global_groups=tuple(
            draw(
                st.lists(
                    st.builds(GlobalGroup, texts, texts, st.lists(anyone, max_size=3).map(tuple)), max_size=2
                )
            )
        ),
        central_services=tuple(
            draw(st.lists(st.builds(CentralService, texts, st.none() | services), max_size=2))
        ),
        member_classes=tuple(member_classes),
        ocsp_freshness_seconds=draw(st.integers(0, 10**6)),
    )
