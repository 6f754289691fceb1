"""What is published: schemas of every version, what each version says and leaves out, signatures, expiry."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path

import pytest
from central_world import (
    INSTANCE,
    MANAGEMENT,
    MEMBER,
    OTHER,
    OTHER_SUBSYSTEM,
    SERVER,
    SetClock,
    empty_central_server,
)
from lxml import etree

from sild.central_server import CentralServer
from sild.errors import CallerError
from sild.pki import der
from sild.xroad.globalconf import (
    ConfigurationDirectory,
    SharedParameters,
    parse_private_parameters,
    parse_shared_parameters,
    parse_signed_directory,
    verify_signed_directory,
)
from support.pki import Pki

VERSIONS = range(2, 7)


def enrich(server: CentralServer, pki: Pki, shared: Path) -> None:
    """Everything a configuration can say."""
    (service,) = server.certification_services()
    server.update_certification_service(
        service.id,
        acme_server_directory_url="https://acme.example.org/dir",
        acme_server_ip_address="192.0.2.1",
        authentication_certificate_profile_id="5",
        signing_certificate_profile_id="6",
        default_csr_format="DER",
    )
    intermediate = server.add_intermediate_ca(service.id, der(pki.intermediate().certificate))
    server.add_ocsp_responder(
        service.id, "http://ocsp2", cost_type="PAID", intermediate_ca_id=intermediate.id
    )
    second = server.register_security_server(OTHER, "SS1", "ss1.example.org")
    server.enable_maintenance_mode(second, "New disks < tomorrow")
    server.add_signing_key("INTERNAL", key_algorithm="RSA")
    server.add_trusted_anchor((shared / "globalconf" / "anchors" / "trusted-anchor.xml").read_bytes())
    server.set_management_service_certificate(der(pki.tls_credential().certificate))
    for identifier in ("monitoring", "fetchinterval", "nextupdate"):
        part = shared / "globalconf" / "parts" / f"valid-{identifier}-params.xml"
        server.upload_configuration_part(identifier.upper(), part.read_bytes())


def published(server: CentralServer, version: int, source: str = "INTERNAL") -> ConfigurationDirectory:
    """The verified directory in force."""
    data = (server.public_directory / f"V{version}" / f"{source.lower()}conf").read_bytes()
    certificates = [key.certificate for key in server.signing_keys(source)]  # type: ignore[arg-type]
    return verify_signed_directory(parse_signed_directory(data), certificates, at=server._clock())


def content(server: CentralServer, directory: ConfigurationDirectory, identifier: str) -> bytes:
    file = directory.file(identifier, INSTANCE)
    assert file is not None
    data = (server.public_directory / file.content_location.removeprefix("/")).read_bytes()
    file.ensure_content(data)
    return data


def shared_parameters(server: CentralServer, version: int = 6) -> SharedParameters:
    data = content(server, published(server, version), "SHARED-PARAMETERS")
    return parse_shared_parameters(data, version=version)


def test_every_version_fits_its_schema(either_server: CentralServer, pki: Pki, shared: Path) -> None:
    enrich(either_server, pki, shared)
    either_server.publish()
    schemas = shared / "schema" / "globalconf"
    for version in VERSIONS:
        directory = published(either_server, version)
        assert directory.version == version
        for identifier, schema in (
            ("SHARED-PARAMETERS", f"globalconf/v{version}/shared-parameters.xsd"),
            ("PRIVATE-PARAMETERS", f"globalconf/v{min(version, 3)}/private-parameters.xsd"),
            ("MONITORING", "monitoring-conf.xsd"),
            ("FETCHINTERVAL", "ocsp-fetchinterval-conf.xsd"),
            ("NEXTUPDATE", "ocsp-nextupdate-conf.xsd"),
        ):
            document = etree.fromstring(content(either_server, directory, identifier))
            etree.XMLSchema(file=str(schemas / schema)).assertValid(document)


def test_the_external_source_gives_shared_parameters_alone(
    central_server: CentralServer, pki: Pki, shared: Path
) -> None:
    enrich(central_server, pki, shared)
    central_server.publish()
    files = published(central_server, 6, "EXTERNAL").files
    assert [file.content_identifier for file in files] == ["SHARED-PARAMETERS"]


def test_what_each_version_says(central_server: CentralServer, pki: Pki, shared: Path) -> None:
    enrich(central_server, pki, shared)
    central_server.publish()
    by_version = {version: shared_parameters(central_server, version) for version in VERSIONS}
    (certificate,) = central_server.auth_certificates(SERVER)
    for version, parameters in by_version.items():
        server = parameters.security_servers[0]
        digest = hashlib.sha1 if version == 2 else hashlib.sha256
        assert server.auth_cert_hashes == (digest(certificate.certificate).digest(),)
        assert server.clients == (MANAGEMENT, OTHER_SUBSYSTEM)
        assert server.address == "ss0.example.org"
        assert [member.id for member in parameters.members] == [MEMBER, OTHER]
        assert {group.group_code: group.members for group in parameters.global_groups} == {
            "security-server-owners": (MEMBER, OTHER),
            "everyone": (MEMBER, OTHER_SUBSYSTEM),
        }
        ca = parameters.approved_cas[0]
        assert (ca.acme_server is not None) == (version >= 3)
        assert (ca.default_csr_format == "DER") == (version >= 6)
        assert ca.top_ca.ocsp[0].cost_type == ("FREE" if version >= 6 else None)
        assert bool(parameters.sources) == (version >= 3)
        assert (parameters.security_servers[1].maintenance is not None) == (version >= 5)
        assert (parameters.members[1].subsystems[0].name is not None) == (version >= 5)


def test_private_parameters(central_server: CentralServer, pki: Pki, shared: Path) -> None:
    enrich(central_server, pki, shared)
    certificate = der(pki.tls_credential().certificate)
    central_server.set_management_service_certificate(certificate)
    central_server.set_system_parameter("timeStampingIntervalSeconds", "77")
    central_server.set_address("cs.example.org:8083")
    central_server.publish()
    data = content(central_server, published(central_server, 6), "PRIVATE-PARAMETERS")
    private = parse_private_parameters(data, version=3)
    service = private.management_service
    assert service.auth_cert_reg_service_address == "https://cs.example.org:4001/managementservice/"
    assert service.auth_cert_reg_service_cert == certificate
    assert service.management_request_service_provider_id == MANAGEMENT
    assert private.timestamping_interval_seconds == 77
    (partner,) = private.anchors
    assert partner.sources[0].verification_certs


def test_a_disabled_client_is_left_out(central_server: CentralServer) -> None:
    central_server.disable_client(SERVER, OTHER_SUBSYSTEM)
    central_server.publish()
    assert shared_parameters(central_server).security_servers[0].clients == (MANAGEMENT,)


def test_a_configuration_expires(central_server: CentralServer, clock: SetClock) -> None:
    central_server.set_system_parameter("confExpireIntervalSeconds", "120")
    generation = central_server.publish()
    assert generation.expire_at == clock.at + timedelta(seconds=120)
    assert published(central_server, 6).expires_at == generation.expire_at
    clock.advance(121)
    with pytest.raises(Exception, match="global_conf_outdated"):
        published(central_server, 6)


def test_chosen_digests(central_server: CentralServer) -> None:
    central_server.set_system_parameter("confSignDigestAlgoId", "SHA-256")
    central_server.set_system_parameter("confHashAlgoUri", "http://www.w3.org/2001/04/xmlenc#sha256")
    central_server.publish()
    text = (central_server.public_directory / "V6" / "internalconf").read_text()
    assert "Signature-Algorithm-Id: http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256" in text
    assert "Hash-algorithm-id: http://www.w3.org/2001/04/xmlenc#sha256" in text
    published(central_server, 6)


def test_a_minimum_version(tmp_path: Path, central_server: CentralServer) -> None:
    central_server.close()
    server = CentralServer.open(tmp_path / "cs", pin="Secret1234", minimum_version=5, clock=SetClock())
    server.publish()
    assert sorted(path.name for path in server.public_directory.glob("V*")) == ["V5", "V6"]
    server.close()


def test_nothing_can_be_published_before_all_is_there(tmp_path: Path) -> None:
    server = empty_central_server(tmp_path)
    with pytest.raises(CallerError, match="management_service_provider_not_set"):
        server.publish()
    server.add_member_class("COM", "Companies")
    server.add_member("COM", "1234", "Company")
    server.add_subsystem(MANAGEMENT)
    server.set_management_service_provider(MANAGEMENT)
    with pytest.raises(CallerError, match="no_configuration_signing_keys_configured"):
        server.publish()
    server.close()
