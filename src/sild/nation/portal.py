"""The settings of the country's portal: what `sild portal` would read from a file, made of the plan. Opened by the same door (`open_portal`)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pydantic import SecretStr

from sild.documents import CARD_CLAIMS, CARD_KIND
from sild.nation.countries import languages_of
from sild.nation.identity import IdentityAddresses
from sild.nation.people import TestPerson, desk_title
from sild.nation.plan import NationPlan
from sild.portal import (
    CaseOptions,
    DecisionSource,
    FactSource,
    Office,
    PaperSource,
    PortalSettings,
    WalletSource,
)

__all__ = ["case_options", "portal_settings"]

ASKED = (
    "population",
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
    "cases",
)
KNOWING = (
    "population",
    "residence",
    "insurance",
    "social",
    "education",
    "treasury",
    "tax",
    "electoral",
    "parking",
    "care",
    "business",
)
ABOUT_COMPANIES = {
    "business": "/companies/{company}/facts?history=true",
    "residence": "/companies/{company}/facts?history=true",
}
"""Registers that hold something of companies, and where."""
DECIDING = ("population", "residence", "social", "insurance", "education", "cases")

CERTIFICATE = {"et": "Sünnitõend", "vi": "Giấy khai sinh", "en": "Birth certificate"}
CARD = {"et": "Ravikindlustuskaart", "vi": "Thẻ bảo hiểm y tế", "en": "Health insurance card"}


def case_options(plan: NationPlan) -> CaseOptions:
    return CaseOptions(
        country=plan.about.country,
        system=plan.system_id("portal").encode(),
        registers={name: _subsystem(plan, name) for name in ASKED},
        decisions=plan.system_id("cases").encode(),
        communes=(plan.about.town.code,),
        log_keepers=tuple(
            f"{one.member_class}/{one.member_code}/{one.subsystem_code}" for one in plan.log_keepers
        ),
    )


def portal_settings(
    plan: NationPlan,
    directory: Path,
    addresses: IdentityAddresses,
    people: Iterable[TestPerson],
    *,
    key_password: str,
    client_secret: str,
    gateway_url: str,
    gateway_key: Path,
) -> PortalSettings:
    """directory: of cases and the portal's own. gateway_url, gateway_key: of the AI gateway, for the assistant."""
    about = plan.about
    addressed = {name: _subsystem(plan, name) for name in ASKED}
    return PortalSettings(
        directory=directory,
        url=addresses.portal,
        issuer=addresses.issuer,
        client_secret=SecretStr(client_secret),
        key_password=SecretStr(key_password),
        offices=tuple(
            Office(
                role=desk.role,
                organisation=desk.organisation,
                authority=desk.authority,
                title=desk_title(desk, about),
                kind=desk.kind,
            )
            for one in people
            if one.official is not None
            for desk in one.official.desks
        ),
        fact_sources=tuple(
            FactSource(
                subsystem=addressed[name],
                title=dict(about.systems[name]),
                company_path=ABOUT_COMPANIES.get(name),
            )
            for name in KNOWING
        ),
        decision_sources=tuple(
            DecisionSource(subsystem=_subsystem(plan, name), title=dict(about.systems[name]))
            for name in DECIDING
        ),
        paper_sources=(
            PaperSource(
                name="insurance-card",
                subsystem=addressed["insurance"],
                title=CARD,
                path="/persons/{person}/card",
                wallet=WalletSource(
                    vct=CARD_KIND,
                    path="/persons/{person}/card/wallet",
                    operation="bindCard",
                    end_operation="unbindCard",
                    claims=(*CARD_CLAIMS, "personal_administrative_number"),
                ),
            ),
            PaperSource(
                name="birth-certificate",
                subsystem=addressed["population"],
                title=CERTIFICATE,
                path="/persons/{person}/birth-certificates",
                several=True,
            ),
        ),
        mandates=True,
        assistant_gateway_url=gateway_url,
        assistant_gateway_key_file=gateway_key,
        bodies={
            f"{member.member_class}/{member.member_code}": dict(about.bodies[member.kind])
            for member in plan.members
            if member.kind is not None
        }
        | {addressed[name]: dict(about.systems[name]) for name in ASKED},
        languages=languages_of(plan.profile),
        own_data_basis=about.own_data,
        time_zone=plan.profile.zone,
    )


def _subsystem(plan: NationPlan, name: str) -> str:
    """As cases name it: `GOV/70000002/population`."""
    system = next(system for system in plan.systems if system.kind == name)
    return f"{system.member.member_class}/{system.member.member_code}/{system.subsystem}"
