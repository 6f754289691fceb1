"""Certification and time-stamping services, groups, parameters, configuration parts, anchors of partners."""

from __future__ import annotations

from pathlib import Path

import pytest
from central_world import MANAGEMENT, MEMBER, OTHER, OTHER_SUBSYSTEM, PROFILE

from sild.central_server import CentralServer, Conflict, NotFound
from sild.errors import CallerError
from sild.pki import der
from support.pki import Pki


def test_a_certification_service_is_named_after_its_certificate(central_server: CentralServer) -> None:
    (service,) = central_server.certification_services()
    assert service.name == "Test CA"
    assert service.default_csr_format == "PEM"


def test_certification_services_that_cannot_be(central_server: CentralServer, pki: Pki) -> None:
    certificate = der(pki.ca.certificate)
    with pytest.raises(CallerError, match="invalid_certificate"):
        central_server.add_certification_service(b"nonsense", PROFILE)
    with pytest.raises(CallerError, match="certificate_profile_info_class_not_found"):
        central_server.add_certification_service(certificate, "no class")
    with pytest.raises(CallerError, match="invalid_url"):
        central_server.add_certification_service(certificate, PROFILE, acme_server_directory_url="ftp://x")
    with pytest.raises(CallerError, match="invalid_ip_address"):
        central_server.add_certification_service(certificate, PROFILE, acme_server_ip_address="1.2.3.4,x")
    with pytest.raises(CallerError, match="bad_request"):
        central_server.add_certification_service(certificate, PROFILE, default_csr_format="TXT")


def test_settings_of_a_certification_service_change(central_server: CentralServer) -> None:
    (service,) = central_server.certification_services()
    changed = central_server.update_certification_service(
        service.id,
        tls_auth=True,
        acme_server_directory_url="https://acme.example.org/dir",
        acme_server_ip_address="192.0.2.1, 2001:db8::1",
        signing_certificate_profile_id="5",
    )
    assert changed.tls_auth
    assert changed.acme_server_ip_address == "192.0.2.1, 2001:db8::1"
    assert (
        central_server.update_certification_service(
            service.id, acme_server_directory_url=""
        ).acme_server_directory_url
        is None
    )
    with pytest.raises(TypeError):
        central_server.update_certification_service(service.id, colour="red")
    with pytest.raises(NotFound, match="certification_service_not_found"):
        central_server.update_certification_service(99, tls_auth=True)


def test_ocsp_responders_of_top_and_intermediate_cas(central_server: CentralServer, pki: Pki) -> None:
    (service,) = central_server.certification_services()
    intermediate = central_server.add_intermediate_ca(service.id, der(pki.intermediate().certificate))
    added = central_server.add_ocsp_responder(
        service.id, "http://ocsp.example.org", intermediate_ca_id=intermediate.id
    )
    assert added.cost_type == "UNDEFINED"
    assert central_server.ocsp_responders(service.id, intermediate.id) == (added,)
    assert [r.url for r in central_server.ocsp_responders(service.id)] == ["http://ca.example.org:8888"]
    changed = central_server.update_ocsp_responder(
        added.id, url="https://ocsp.example.org", certificate=der(pki.ocsp.certificate), cost_type="PAID"
    )
    assert (changed.url, changed.cost_type) == ("https://ocsp.example.org", "PAID")
    assert changed.certificate == der(pki.ocsp.certificate)
    with pytest.raises(CallerError, match="invalid_url"):
        central_server.update_ocsp_responder(added.id, url="ocsp.example.org")
    central_server.delete_intermediate_ca(intermediate.id)
    with pytest.raises(NotFound, match="ocsp_responder_not_found"):
        central_server.delete_ocsp_responder(added.id)
    with pytest.raises(NotFound, match="intermediate_ca_not_found"):
        central_server.delete_intermediate_ca(intermediate.id)


def test_a_top_ca_is_no_intermediate(central_server: CentralServer) -> None:
    (service,) = central_server.certification_services()
    with pytest.raises(NotFound, match="intermediate_ca_not_found"):
        central_server.delete_intermediate_ca(1)
    central_server.delete_certification_service(service.id)
    assert central_server.certification_services() == ()


def test_timestamping_services(central_server: CentralServer, pki: Pki) -> None:
    (service,) = central_server.timestamping_services()
    assert service.name == "Test CA TSA"
    changed = central_server.update_timestamping_service(
        service.id, url="https://tsa.example.org", cost_type="PAID"
    )
    assert (changed.url, changed.cost_type) == ("https://tsa.example.org", "PAID")
    with pytest.raises(CallerError, match="invalid_url"):
        central_server.add_timestamping_service("tsa", der(pki.tsa.certificate))
    central_server.delete_timestamping_service(service.id)
    with pytest.raises(NotFound, match="timestamping_authority_not_found"):
        central_server.timestamping_service(service.id)


def test_global_groups(either_server: CentralServer) -> None:
    with pytest.raises(Conflict, match="global_group_exists"):
        either_server.add_global_group("everyone", "again")
    assert either_server.add_global_group_members("everyone", [MEMBER, OTHER, OTHER, MANAGEMENT]) == (
        OTHER,
        MANAGEMENT,
    )
    either_server.remove_global_group_member("everyone", MEMBER)
    with pytest.raises(NotFound, match="member_not_found"):
        either_server.remove_global_group_member("everyone", MEMBER)
    inside = [member.client.id for member in either_server.global_group_members("everyone")]
    assert inside == [OTHER_SUBSYSTEM, OTHER, MANAGEMENT]
    assert {group.code: group.member_count for group in either_server.global_groups()} == {
        "everyone": 3,
        "security-server-owners": 1,
    }
    either_server.delete_global_group("everyone")
    with pytest.raises(NotFound, match="global_group_not_found"):
        either_server.global_group_members("everyone")


def test_nobody_edits_the_group_of_owners(central_server: CentralServer) -> None:
    with pytest.raises(CallerError, match="owners_global_group_cannot_be_deleted"):
        central_server.delete_global_group("security-server-owners")
    with pytest.raises(CallerError, match="cannot_add_member_to_owners_group"):
        central_server.add_global_group_members("security-server-owners", [OTHER])
    with pytest.raises(CallerError, match="owners_global_group_member_cannot_be_deleted"):
        central_server.remove_global_group_member("security-server-owners", MEMBER)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("ocspFreshnessSeconds", "0"),
        ("ocspFreshnessSeconds", "soon"),
        ("confHashAlgoUri", "http://www.w3.org/2000/09/xmldsig#sha1"),
        ("confSignDigestAlgoId", "MD5"),
        ("authCertRegUrl", "ftp://%{centralServerAddress}"),
        ("confDownloadProtocols", "gopher"),
        ("managementServiceProviderCode", "9999"),
    ],
)
def test_system_parameters_that_would_break_things(
    central_server: CentralServer, key: str, value: str
) -> None:
    with pytest.raises(CallerError, match=r"bad_request|invalid_url"):
        central_server.set_system_parameter(key, value)


def test_system_parameters(central_server: CentralServer) -> None:
    central_server.set_system_parameter("ocspFreshnessSeconds", "600")
    central_server.set_system_parameter("ocspFreshnessSeconds", "700")
    assert central_server.system_parameters()["ocspFreshnessSeconds"] == "700"
    central_server.set_system_parameter("ocspFreshnessSeconds", "")
    assert central_server.system_parameters()["ocspFreshnessSeconds"] == "3600"
    with pytest.raises(NotFound, match="system_parameter_not_found"):
        central_server.set_system_parameter("ocspFreshness", "600")


def test_the_group_of_owners_is_renamed_with_its_parameter(central_server: CentralServer) -> None:
    with pytest.raises(Conflict, match="global_group_exists"):
        central_server.set_system_parameter("securityServerOwnersGroup", "everyone")
    central_server.set_system_parameter("securityServerOwnersGroup", "owners")
    central_server.register_security_server(OTHER, "SS1", "ss1")
    assert [m.client.id for m in central_server.global_group_members("owners")] == [MEMBER, OTHER]
    assert {group.code for group in central_server.global_groups()} == {"everyone", "owners"}
    central_server.set_system_parameter("securityServerOwnersGroup", "")
    assert len(central_server.global_group_members("security-server-owners")) == 2


def test_configuration_parts_are_validated(central_server: CentralServer, shared: Path) -> None:
    parts = shared / "globalconf" / "parts"
    for identifier, name in (
        ("MONITORING", "monitoring"),
        ("FETCHINTERVAL", "fetchinterval"),
        ("NEXTUPDATE", "nextupdate"),
    ):
        with pytest.raises(CallerError, match="configuration_part_validation_failed"):
            central_server.upload_configuration_part(
                identifier, (parts / f"invalid-{name}-params.xml").read_bytes()
            )
        data = (parts / f"valid-{name}-params.xml").read_bytes()
        central_server.upload_configuration_part(identifier, data)
        assert central_server.configuration_part(identifier) == data
    with pytest.raises(CallerError, match="unknown_configuration_part"):
        central_server.upload_configuration_part("SHARED-PARAMETERS", b"")
    central_server.delete_configuration_part("MONITORING")
    listed = {p.content_identifier: p.updated_at for p in central_server.configuration_parts("INTERNAL")}
    assert listed["MONITORING"] is None
    assert listed["NEXTUPDATE"] is not None
    with pytest.raises(NotFound, match="configuration_part_file_not_found"):
        central_server.configuration_part("MONITORING")


def test_anchors_of_partners(central_server: CentralServer, shared: Path) -> None:
    anchors = shared / "globalconf" / "anchors"
    added = central_server.add_trusted_anchor((anchors / "trusted-anchor.xml").read_bytes())
    again = central_server.add_trusted_anchor((anchors / "trusted-anchor.xml").read_bytes())
    assert central_server.trusted_anchors() == (again,)
    assert added == again
    assert central_server.trusted_anchor(added.hash).instance_identifier == added.instance_identifier
    with pytest.raises(CallerError, match="malformed_anchor"):
        central_server.add_trusted_anchor(b"<anchor/>")
    central_server.delete_trusted_anchor(added.hash)
    with pytest.raises(NotFound, match="trusted_anchor_not_found"):
        central_server.delete_trusted_anchor(added.hash)
