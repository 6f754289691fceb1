"""The whole way in a nation: the authority approved at the central server with its ACME server, certificates ordered, an
authentication certificate renewed, registered by a management request, approved, and put to use."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from acme_world import Authority, acme_authority
from newcomers import Instance
from ordering_world import DUE_NOW

from sild.nation.layout import free_ports
from sild.pki import der, is_sign_certificate
from sild.security_server import SecurityServer
from sild.signer import CertificateStatus, KeyUsage

CODE = "80000077"
PROFILE = "ee.ria.xroad.common.certificateprofile.impl.BasicACMECertificateProfileInfoProvider"


def approve(instance: Instance, authority: Authority) -> str:
    """As the operator of the instance does; the name of the authority."""
    services, central = authority.services, instance.central
    service = central.add_certification_service(der(services.ca_certificate), PROFILE)
    central.add_ocsp_responder(service.id, f"{authority.url}/ocsp", der(services.ocsp_certificate))
    central.update_certification_service(
        service.id,
        acme_server_directory_url=f"{authority.url}/acme/directory",
        acme_server_ip_address="127.0.0.1",
        authentication_certificate_profile_id="auth",
        signing_certificate_profile_id="sign",
    )
    return service.name


def validity(authority: Authority, validity: timedelta) -> None:
    services = authority.services
    services.options = replace(services.options, certificate_validity=validity)


async def round_(server: SecurityServer) -> None:
    assert server.acme is not None
    await server.signer.ocsp.refresh()
    await server.acme.renewal.round()


async def test_an_authentication_certificate_lives_on(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    acme_yml = tmp_path / "acme.yml"
    acme_yml.write_text("")
    with acme_authority(tmp_path / "trust", challenge_port=port, certificate_profile=PROFILE) as authority:
        async with Instance(tmp_path) as instance:
            name = approve(instance, authority)
            member = instance.member(CODE)
            key = authority.acme.add_external_account(
                str(member),
                subject={
                    "serialNumber": CODE,
                    "businessCategory": member.member_class,
                    "O": f"Company {CODE}",
                },
                names=["localhost"],
            )
            acme_yml.write_text(
                f"eab-credentials:\n  certificate-authorities:\n    '{name}':\n      mac-key-base64-encoded: true\n"
                f"      members:\n        '{member}':\n          kid: {key.kid}\n          mac-key: {key.mac_key}\n"
            )
            newcomer = await instance.registered(
                CODE,
                acme={
                    "acme_file": acme_yml, "challenge_port": port, "dns_name": "localhost", "country": "EE",
                    "key_algorithm": "ec-p256", "renewal_interval": 3600.0, "switch_delay": 0.0,
                    "activate_sign_certificates": True, "activate_auth_certificates": True,
                },
            )  # fmt: skip
            server, keyring = newcomer.server, newcomer.server.signer.keyring
            assert server.acme is not None
            (authority_found,) = server.acme.ordering.authorities()
            acme_server = authority_found.acme_server
            assert acme_server is not None and acme_server.ip_address == "127.0.0.1"

            # the profile ids of the global configuration tell the authority which kind is wanted
            sign = await server.acme.ordering.order(name, KeyUsage.SIGNING, member)
            assert is_sign_certificate(sign.certificate) and sign.is_active
            validity(authority, DUE_NOW)
            old = await server.acme.ordering.order(name, KeyUsage.AUTHENTICATION, member)
            validity(authority, timedelta(days=365))
            number = await newcomer.registration.register_auth_certificate(newcomer.address, old.sha1)
            instance.central.approve_management_request(number)
            await instance.settle()
            assert keyring.certificate(old.sha1).status is CertificateStatus.REGISTERED
            for info in keyring.certificates()[:2]:
                await keyring.set_active(info.sha1, False)

            await round_(server)
            new = keyring.certificates()[-1]
            assert new.usage is KeyUsage.AUTHENTICATION and new.sha1 != old.sha1
            assert new.status is CertificateStatus.REGISTRATION_IN_PROGRESS
            await round_(server)
            assert server.signer.tls_credentials().info.sha1 == old.sha1
            instance.central.approve_management_request(number + 1)
            await instance.settle()
            assert keyring.certificate(new.sha1).status is CertificateStatus.REGISTERED
            await round_(server)
            await round_(server)
            assert server.signer.tls_credentials().info.sha1 == new.sha1
            assert not keyring.certificate(old.sha1).is_active
