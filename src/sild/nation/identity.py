"""The country's identity provider: its settings, its test people, its officials and auditors."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from sild.catalogue import Profile
from sild.clock import Clock
from sild.database import sqlite_url
from sild.identity_provider import (
    ClientSettings,
    IdentityProvider,
    IdentityProviderSettings,
    MandateRole,
    MandateSource,
    TestPerson,
)
from sild.nation.countries import Oversight, languages_of
from sild.nation.people import TestPerson as Someone
from sild.nation.ward import CLIENT_ID, WARD_ROLES, ward_client
from sild.openid import SIGNING_SCOPE, AuditScope, Party
from sild.remote_signing import Certify, RemoteSigning

__all__ = ["IdentityAddresses", "open_identity_provider"]

MANDATES = "SILD"
AUDITORS = ("auditor", "second_auditor")
MATTER = "AUDIT-1"
"""The file of the demonstration's supervision."""
ROLES_GIVEN = (
    MandateRole(
        code=f"{MANDATES}:REPRESENTATIVE",
        title={
            "et": "Kõik asjad selles portaalis",
            "vi": "Mọi việc trong cổng này",
            "en": "Everything in this portal",
        },
        sub_delegation=True,
    ),
)
"""What people may give one another."""


@dataclass(frozen=True, slots=True)
class IdentityAddresses:
    """As browsers see them: `http://localhost:PORT`, no slash at the end."""

    issuer: str
    portal: str
    ward: str


def open_identity_provider(
    directory: Path,
    addresses: IdentityAddresses,
    people: Sequence[Someone],
    sources: Sequence[MandateSource],
    *,
    key_password: str,
    client_secret: str,
    ward_secret: str,
    hospital: str,
    hospital_name: str,
    is_new: bool,
    profile: Profile,
    oversight: Oversight,
    system: str,
    registers: Sequence[str],
    certify: Certify,
    clock: Clock,
) -> IdentityProvider:
    """Blocks. hospital: member code, of whose ward `ward_secret` is.  certify: people's signing keys. system, registers: the portal's information system, and those to which it may prove who acts. profile: of the country.  is_new: officials get their roles now. Raises CallerError, Unavailable."""
    portal = ClientSettings(
        client_id="portal",
        name="Sild",
        redirect_uris=(f"{addresses.portal}/callback", f"{addresses.portal}/signed"),
        secret_sha256=hashlib.sha256(client_secret.encode()).hexdigest(),
        post_logout_redirect_uris=(f"{addresses.portal}/logged-out",),
        backchannel_logout_uri=f"{addresses.portal}/backchannel-logout",
        scopes=("openid", "representee", "official", SIGNING_SCOPE),
        refresh_tokens=True,
        mandate_namespaces=("*", MANDATES),
        system=system,
        registers=tuple(registers),
    )
    settings = IdentityProviderSettings(
        directory=directory,
        issuer=addresses.issuer,
        key_password=SecretStr(key_password),
        certificate_status="off",
        clients=(portal, ward_client(addresses.ward, ward_secret, hospital_name)),
        mandate_roles=ROLES_GIVEN,
        test_people=tuple(_test_person(one, hospital) for one in people),
        languages=languages_of(profile),
        time_zone=profile.zone,
        requests_per_minute=1_000,  # everybody here has one address
    )
    signing = RemoteSigning.open(
        sqlite_url(directory / "signing.db"), key_password=key_password, certify=certify, clock=clock
    )
    try:
        provider = IdentityProvider(settings, clock, mandate_sources=sources, signing=signing)
    except BaseException:
        signing.close()
        raise
    for one in people if is_new else ():
        if one.official is not None:
            provider.add_official_role(one.subject, one.official.role, one.official.organisation)
        if one.id in WARD_ROLES:
            provider.add_official_role(one.subject, WARD_ROLES[one.id], hospital)
        if one.id in AUDITORS:
            _appoint(provider, one, oversight)
    return provider


def _appoint(provider: IdentityProvider, one: Someone, oversight: Oversight) -> None:
    """An auditor of everything, whose mandate lasts until it is withdrawn: of a demonstration."""
    scope = AuditScope(
        bodies=("*",),
        algorithms=("*",),
        services=("*",),
        classes=("personal", "income", "identifier", "health", "withheld"),
        basis=oversight.basis,
        matter=MATTER,
    )
    body = Party("LEGAL_PERSON", oversight.identifier, legal_name=oversight.name)
    who = Party("NATURAL_PERSON", one.subject, first_name=one.given_names, surname=one.family_name)
    provider.mandates.appoint(body, who, scope, actor="founding")


def _test_person(one: Someone, hospital: str) -> TestPerson:
    return TestPerson(
        subject=one.subject,
        given_name=one.given_names,
        family_name=one.family_name,
        note=dict(one.good_for),
        works_at=CLIENT_ID if one.id in WARD_ROLES else "",
        device_of=hospital if one.id in WARD_ROLES else one.official.organisation if one.official else "",
    )
