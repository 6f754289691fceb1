"""shared-params.xml reads to the right content in every version; what we write fits its schema and reads back."""

import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from lxml import etree

from sild.errors import CallerError, PeerError
from sild.xroad.globalconf import (
    GlobalGroup,
    MaintenanceMode,
    Member,
    MemberClass,
    SecurityServer,
    SharedParameters,
    Subsystem,
    parse_shared_parameters,
    render_shared_parameters,
)
from sild.xroad.globalconf.documents import discard, parse_document
from sild.xroad.identifiers import ClientId, SecurityServerId
from support.shared_parameters import INSTANCE, SOURCE, large_parameters, shared_parameters

SAMPLES = "globalconf/**/shared-params.xml"


def sample(shared: Path, path: str, version: int | None = None) -> SharedParameters:
    return parse_shared_parameters((shared / "globalconf" / path).read_bytes(), version=version)


def test_version_6_has_everything(shared: Path) -> None:
    parameters = sample(shared, "dirs/globalconf_good_v6/EE/shared-params.xml", 6)
    assert parameters.instance_identifier == "EE"
    assert [s.address for s in parameters.sources] == ["cs0"]
    assert parameters.sources[0].internal_verification_certs[0][:2] == b"\x30\x82"
    pki1, pki5 = parameters.approved_cas
    assert (pki1.name, pki1.authentication_only, pki1.default_csr_format) == ("pki1", None, "PEM")
    assert [o.cost_type for o in pki1.top_ca.ocsp] == ["FREE", "PAID", "PAID", None, "FREE"]
    assert pki1.top_ca.ocsp[0].url == "http://127.0.0.1:8082/ocsp"
    assert pki1.acme_server is not None
    assert pki1.acme_server.directory_url == "http://ca:8887/acme/directory"
    assert pki1.acme_server.ip_address is None
    assert pki1.acme_server.authentication_certificate_profile_id == "5"
    assert pki1.acme_server.signing_certificate_profile_id == "6"
    assert pki5.authentication_only is True
    assert len(pki5.intermediate_cas) == 3
    assert parameters.approved_tsas[0].cost_type == "PAID"
    foo = parameters.members[2]
    assert foo == Member(
        ClientId("EE", "BUSINESS", "foo"),
        "Org with no address",
        (
            Subsystem(ClientId("EE", "BUSINESS", "foo", "foosubsystem"), "FOO Subsystem"),
            Subsystem(ClientId("EE", "BUSINESS", "foo", "barsubsystemId"), None),
        ),
        class_description="1",
    )
    producer, _, no_address, resting = parameters.security_servers
    assert producer.id == SecurityServerId(ClientId("EE", "BUSINESS", "producer"), "producerServerCode")
    assert [str(c) for c in producer.clients] == [
        "EE:BUSINESS:consumer",
        "EE:BUSINESS:foo",
        "EE:BUSINESS:foo:foosubsystem",
    ]
    assert (no_address.address, no_address.maintenance) == (None, None)
    assert resting.maintenance == MaintenanceMode("Test maintenance mode")
    assert len(parameters.global_groups[0].members) == 4
    assert parameters.central_services[0].implementing_service is not None
    assert parameters.member_classes == (MemberClass("BUSINESS", "Business clients"),)
    assert parameters.ocsp_freshness_seconds == 42


def test_certificates_as_pem_text_inside_base64_are_read_as_der(shared: Path) -> None:
    parameters = sample(shared, "signed/public/V6/20251110170000548026000/shared-params.xml", 6)
    assert parameters.approved_cas[0].top_ca.certificate[:2] == b"\x30\x82"
    assert parameters.approved_tsas[0].certificate[:2] == b"\x30\x82"


def test_every_sample_reads_back_identically(shared: Path) -> None:
    paths = [p for p in shared.glob(SAMPLES) if "malformed" not in str(p)]
    assert len(paths) > 25
    for path in paths:
        parameters = parse_shared_parameters(path.read_bytes())
        again = parse_shared_parameters(render_shared_parameters(parameters), version=parameters.version)
        assert again == parameters, path


@pytest.mark.parametrize("version", [3, 4, 5, 6])
def test_a_directory_of_each_version_reads(shared: Path, version: int) -> None:
    for path in (shared / "globalconf" / "signed").glob(f"*/V{version}/*/shared-params.xml"):
        parameters = parse_shared_parameters(path.read_bytes(), version=version)
        assert parameters.version == version
        assert len(parameters.members) == (3 if version == 3 else 2)
        assert len(parameters.security_servers) == 2


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(shared_parameters())
def test_what_is_rendered_fits_the_schema_of_its_version_and_reads_back(parameters: SharedParameters) -> None:
    for version in (3, 4, 5, 6):
        xml = render_shared_parameters(parameters, version)
        again = parse_shared_parameters(xml, version=version)
        assert render_shared_parameters(again) == xml
    assert again == parameters
    hashes = tuple(
        replace(s, auth_cert_hashes=tuple(h[:20] for h in s.auth_cert_hashes))
        for s in parameters.security_servers
    )
    old = render_shared_parameters(replace(parameters, security_servers=hashes), 2)
    assert parse_shared_parameters(old, version=2).sources == ()


def test_the_schema_is_the_one_of_the_version_itself(shared: Path) -> None:
    """Reading is lenient towards later versions; writing must not lean on it."""
    parameters = sample(shared, "dirs/globalconf_good_v6/EE/shared-params.xml", 6)
    for version in (3, 4, 5, 6):
        schema = etree.XMLSchema(
            etree.parse(shared / f"schema/globalconf/globalconf/v{version}/shared-parameters.xsd")
        )
        schema.assertValid(etree.fromstring(render_shared_parameters(parameters, version)))


def test_children_are_unqualified_and_ids_are_given(shared: Path) -> None:
    """COMPAT I9."""
    root = etree.fromstring(
        render_shared_parameters(sample(shared, "dirs/globalconf_good_v6/EE/shared-params.xml"))
    )
    assert root.tag == "{http://x-road.eu/xsd/xroad.xsd}conf"
    assert None not in root.nsmap
    assert all("}" not in str(e.tag) for e in root.iterchildren())
    assert root.xpath("string(member[3]/subsystem[1]/@id)") == root.xpath(
        "string(securityServer[1]/client[3])"
    )


def _minimal(**changes: object) -> SharedParameters:
    return replace(SharedParameters(INSTANCE, sources=(SOURCE,)), **changes)  # type: ignore[arg-type]


def test_no_source_no_version_3() -> None:
    with pytest.raises(CallerError, match="source"):
        render_shared_parameters(_minimal(sources=()))
    assert parse_shared_parameters(render_shared_parameters(_minimal(sources=()), 2)).version == 2


def test_a_hash_of_the_other_kind_is_refused() -> None:
    member = Member(ClientId(INSTANCE, "COM", "1"), "One")
    server = SecurityServer(SecurityServerId(member.id, "SS"), None, (bytes(32),))
    parameters = _minimal(members=(member,), security_servers=(server,))
    with pytest.raises(CallerError, match="auth_cert_hash"):
        render_shared_parameters(parameters, 2)


@pytest.mark.parametrize(
    "parameters",
    [
        _minimal(security_servers=(SecurityServer(SecurityServerId(ClientId(INSTANCE, "C", "1"), "S")),)),
        _minimal(members=(Member(ClientId("OTHER", "C", "1"), ""),)),
        _minimal(members=(Member(ClientId(INSTANCE, "C", "1"), ""),) * 2),
        _minimal(
            members=(
                Member(ClientId(INSTANCE, "C", "1"), "", (Subsystem(ClientId(INSTANCE, "C", "2", "s")),)),
            )
        ),
        _minimal(global_groups=(GlobalGroup("bell\x07", ""),)),
    ],
    ids=["owner unknown", "foreign member", "member twice", "foreign subsystem", "control character"],
)
def test_what_cannot_be_said_is_the_callers_fault(parameters: SharedParameters) -> None:
    with pytest.raises(CallerError):
        render_shared_parameters(parameters)


def test_an_unknown_version_is_refused() -> None:
    with pytest.raises(PeerError):
        parse_shared_parameters(render_shared_parameters(_minimal()), version=7)
    with pytest.raises(CallerError):
        render_shared_parameters(_minimal(), 7)


def test_a_version_2_document_is_not_read_by_a_later_schema(shared: Path) -> None:
    xml = (shared / "globalconf/dirs/globalconf_good_v6/EE/shared-params.xml").read_bytes()
    with pytest.raises(PeerError) as refused:
        parse_shared_parameters(xml, version=2)
    assert refused.value.code == "malformed_global_conf"


def test_an_owner_that_is_a_subsystem_is_refused(shared: Path) -> None:
    xml = (shared / "globalconf/dirs/globalconf_good_v6/EE/shared-params.xml").read_bytes()
    with pytest.raises(PeerError, match="owner"):
        parse_shared_parameters(xml.replace(b"<owner>fooId", b"<owner>foosubsystemId"))


def test_an_id_that_stands_twice() -> None:
    """It is validated while it is read, and libxml2 then does not look for it: who is meant by a reference must be sure."""
    xml = render_shared_parameters(large_parameters(3))
    assert xml.count(b'id="id1"') == 1
    for version in (6, None):
        with pytest.raises(PeerError) as refused:
            parse_shared_parameters(xml.replace(b'id="id1"', b'id="id0"'), version=version)
        assert refused.value.code == "malformed_global_conf"


def test_a_document_that_has_been_read_is_freed_piece_by_piece() -> None:
    """Freed at once, a large one stops every thread; taken apart carelessly, it costs the square of its size."""
    xml = render_shared_parameters(large_parameters(3000))
    root = parse_document(xml, "conf")
    started = time.perf_counter()
    discard(root)
    assert len(root) == 0
    assert time.perf_counter() - started < 2
