"""The ward of the country's hospital: as which its page is registered at the identity provider, who works there, whose notices count."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date

from sild.decisions import Stamp
from sild.identity_client import ProviderClient, RemotePen
from sild.identity_provider import ClientSettings
from sild.nation.countries import languages_of
from sild.nation.people import TestPerson
from sild.nation.plan import NationPlan
from sild.openid import SIGNING_SCOPE
from sild.pki import Certificate
from sild.registries import Notifier, Notifying, WardSettings

__all__ = ["CLIENT_ID", "WARD_ROLES", "notifying", "ward_client", "ward_settings"]

CLIENT_ID = "ward"
WARD_ROLES: Mapping[str, str] = {"midwife": "midwife", "physician": "doctor"}
"""What test people are to the identity provider, of the hospital, and to the register of health professionals."""


def ward_client(url: str, secret: str, hospital: str) -> ClientSettings:
    """url: `http://localhost:PORT`.  hospital: its name."""
    return ClientSettings(
        client_id=CLIENT_ID,
        name=hospital,
        redirect_uris=(f"{url}/ward/callback", f"{url}/ward/signed"),
        secret_sha256=hashlib.sha256(secret.encode()).hexdigest(),
        post_logout_redirect_uris=(f"{url}/ward/logged-out",),
        backchannel_logout_uri=f"{url}/ward/backchannel-logout",
        scopes=("openid", "official", SIGNING_SCOPE),
        refresh_tokens=True,
    )


def ward_settings(plan: NationPlan, *, url: str, issuer: str, secret: str, stamp: Stamp) -> WardSettings:
    return WardSettings(
        url=url,
        provider=ProviderClient(
            issuer=issuer,
            client_id=CLIENT_ID,
            client_secret=secret,
            redirect_uri=f"{url}/ward/callback",
            logged_out_uri=f"{url}/ward/logged-out",
        ),
        organisation=plan.system_id("hospital").member_code,
        pen=RemotePen(
            f"{issuer}/csc/v2",
            client_id=CLIENT_ID,
            client_secret=secret,
            redirect_uri=f"{url}/ward/signed",
            stamp=stamp,
        ),
        languages=languages_of(plan.profile),
    )


def notifying(plan: NationPlan, people: Mapping[str, TestPerson], named: Sequence[Certificate]) -> Notifying:
    """Of the population register: the hospital's midwife and doctor, as a register of health professionals would have them."""
    hospital = plan.system_id("hospital").encode().rpartition("/")[0]
    listed = [
        Notifier(people[one].code, people[one].name, hospital, profession, since=date(2020, 1, 1))
        for one, profession in WARD_ROLES.items()
        if one in people
    ]
    return Notifying(listed, named)
