"""Security servers that order from an ACME server: the instance of `world`, and an authority of `acme_world` approved in it.

async with ordering_world(tmp_path) as it:
    site = await it.add_server("ss1", "1")
    info = await site.server.acme.ordering.order(CA, KeyUsage.SIGNING, site.owner)
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from acme_world import Authority, acme_authority
from world import PROFILE, Site, World

from sild.acme_client import AcmeClient
from sild.nation.layout import free_ports
from sild.pki import CertificateProfile, certificate_sha1, der
from sild.signer import CertificateInfo
from sild.xroad.globalconf import AcmeServer, ApprovedCA, CaInfo, OcspInfo
from sild.xroad.identifiers import ClientId

CA = "ACME CA"
DUE_NOW = timedelta(seconds=100)
"""The life of a certificate whose renewal is due from the first second: certificates begin five minutes back."""


@dataclass
class OrderingWorld:
    world: World
    authority: Authority
    directory: Path
    challenge_port: int

    async def add_server(
        self, name: str, owner: str, clients: Sequence[ClientId] = (), *, start: bool = True,
        bound: bool = True, acme: dict[str, Any] | None = None, **settings: Any,
    ) -> Site:  # fmt: skip
        """bound: with keys of an external account for sign and for auth certificates."""
        acme_file = self.directory / f"{name}-acme.yml"
        acme_file.write_text(self.acme_yml(self.world.member(owner)) if bound else "")
        values = {
            "acme_file": acme_file,
            "challenge_port": self.challenge_port,
            "dns_name": "localhost",
            "key_algorithm": "ec-p256",
            "order_timeout": 10.0,
            "retry_first": 1.0,
            "renewal": False,
            **(acme or {}),
        }
        return await self.world.add_server(name, owner, clients, start=start, acme=values, **settings)

    def acme_yml(self, member: ClientId, kinds: tuple[str, str] = ("auth", "sign")) -> str:
        """kinds: what the keys for auth and for sign certificates are called."""
        acme, lines = self.authority.acme, ""
        for kind, profile in zip(kinds, (CertificateProfile.AUTH, CertificateProfile.SIGN), strict=True):
            key = acme.add_external_account(str(member), subject=None, profiles=[profile])
            lines += f"          {kind}-kid: {key.kid}\n          {kind}-mac-key: {key.mac_key}\n"
        return (
            "eab-credentials:\n  certificate-authorities:\n"
            f"    '{CA}':\n      mac-key-base64-encoded: true\n      members:\n        '{member}':\n{lines}"
            "account-keystore-password: sesame\n"
        )

    def validity(self, validity: timedelta) -> None:
        """Of the certificates the authority issues from now on."""
        services = self.authority.services
        services.options = replace(services.options, certificate_validity=validity)

    def issued(self) -> int:
        return len(self.authority.services.certificates())


def client(site: Site) -> AcmeClient:
    assert site.server.acme is not None
    return site.server.acme


def approved(authority: Authority, **changes: Any) -> ApprovedCA:
    services = authority.services
    ocsp = (OcspInfo(f"{authority.url}/ocsp", der(services.ocsp_certificate)),)
    known = ApprovedCA(
        CA,
        CaInfo(der(services.ca_certificate), ocsp),
        PROFILE,
        acme_server=AcmeServer(f"{authority.url}/acme/directory"),
    )
    return replace(known, **changes)


@asynccontextmanager
async def ordering_world(directory: Path, **options: Any) -> AsyncIterator[OrderingWorld]:
    (port,) = free_ports(1)
    with acme_authority(directory / "trust", **({"challenge_port": port} | options)) as authority:
        async with World(directory) as world:
            world.central.more_cas.append(approved(authority))
            yield OrderingWorld(world, authority, directory, port)


async def usable(site: Site, *infos: CertificateInfo) -> None:
    wanted = {info.sha1 for info in infos}
    async with asyncio.timeout(10):
        while not all(
            state.is_usable for state in site.server.signer.certificate_states() if state.info.sha1 in wanted
        ):
            await asyncio.sleep(0.02)


def sha1(certificate: Any) -> str:
    return certificate_sha1(der(certificate)).hex()


__all__ = ["CA", "DUE_NOW", "OrderingWorld", "approved", "client", "ordering_world", "sha1", "usable"]
