"""Registers of a state, each an information system of its own: owns its data, is reached through its security server alone.

Called by processes and the nation. Each register stands on kernel/ (bitemporal facts, a record of every use, events, disputes)
in a directory of its own: register.py opens it, http.py is its REST interface, what it does stands between the two. Their
synthetic people are the same (synthetic/). identity_codes/ tells what identity codes mean (pure).

population/  people, families, births, deaths        residence/  divisions, addresses, dwellings, who lives where
insurance/   cover and card                          social/     contributions, offers of benefits, payment orders
education/   kindergarten places and their queue     hospital/   notices of birth and death, the ward's page
care/        practices of family doctors, and their lists
business/    companies, and who is on their boards
following/   tax residence, list of voters: what follows from a home
case_decisions/  what officials decided in cases        archive/    packages of acts, checked and kept

Insurance, social, education, hospital and those that follow act by themselves on others' events: tasks/ (what is still to do, the silence switch), exchange.py (what they say to
others over X-Road), acting.py (`act`: a register at work beside its application).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from sild.registries.identity_codes import IdentityCode, InvalidIdentityCode, parse_identity_code

if TYPE_CHECKING:
    from fastapi import FastAPI

    from sild.registries.acting import HasKernel, act, stamp_decisions
    from sild.registries.archive.register import ArchiveRegister, ArchiveShelf
    from sild.registries.business.register import BusinessRegister
    from sild.registries.care.register import CareRegister
    from sild.registries.case_decisions.register import CaseDecisions
    from sild.registries.deciding import Certify, Official, appoint
    from sild.registries.education.register import EducationRegister
    from sild.registries.exchange import event_delivery
    from sild.registries.following.duties import DUTIES
    from sild.registries.following.register import FollowingRegister
    from sild.registries.hospital.register import HospitalRegister
    from sild.registries.hospital.settings import WardSettings
    from sild.registries.insurance.register import InsuranceRegister
    from sild.registries.kernel.grounds import Grounds
    from sild.registries.kernel.proving import published_keys
    from sild.registries.kernel.transfers import Transfer
    from sild.registries.laws import asking_grounds, duties_without_case
    from sild.registries.message_logs import from_threads, over_the_exchange
    from sild.registries.planting import plant
    from sild.registries.population.evidence import EvidenceOffer
    from sild.registries.population.notifying import Notifier, Notifying
    from sild.registries.population.register import PopulationRegister
    from sild.registries.profiles import profile_named
    from sild.registries.residence.register import ResidenceRegister
    from sild.registries.social.register import SocialRegister
    from sild.registries.treasury.register import TreasuryRegister

__all__ = [
    "DUTIES",
    "ArchiveRegister",
    "ArchiveShelf",
    "BusinessRegister",
    "CareRegister",
    "CaseDecisions",
    "Certify",
    "EducationRegister",
    "EvidenceOffer",
    "FollowingRegister",
    "Grounds",
    "HasKernel",
    "HospitalRegister",
    "IdentityCode",
    "InsuranceRegister",
    "InvalidIdentityCode",
    "Notifier",
    "Notifying",
    "Official",
    "PopulationRegister",
    "ResidenceRegister",
    "SocialRegister",
    "Transfer",
    "TreasuryRegister",
    "WardSettings",
    "act",
    "appoint",
    "archive_app",
    "asking_grounds",
    "business_app",
    "care_app",
    "case_decisions_app",
    "duties_without_case",
    "education_app",
    "event_delivery",
    "following_app",
    "from_threads",
    "hospital_app",
    "insurance_app",
    "over_the_exchange",
    "parse_identity_code",
    "plant",
    "population_app",
    "profile_named",
    "published_keys",
    "residence_app",
    "social_app",
    "stamp_decisions",
    "treasury_app",
    "ward_app",
]


def population_app(register: PopulationRegister, *, url: str | None = None) -> FastAPI:
    """The register's ASGI application. url: the address its OpenAPI description (`/openapi.json`) gives, if it should.

    FastAPI is imported only now: a process that starts no register does without.
    """
    from sild.registries.population.http import make_app

    return make_app(register, url=url)


def residence_app(register: ResidenceRegister, *, url: str | None = None) -> FastAPI:
    """As `population_app`."""
    from sild.registries.residence.http import make_app

    return make_app(register, url=url)


def insurance_app(register: InsuranceRegister, *, url: str | None = None) -> FastAPI:
    """As `population_app`."""
    from sild.registries.insurance.http import make_app

    return make_app(register, url=url)


def social_app(register: SocialRegister, *, url: str | None = None) -> FastAPI:
    """As `population_app`."""
    from sild.registries.social.http import make_app

    return make_app(register, url=url)


def treasury_app(register: TreasuryRegister, *, url: str | None = None) -> FastAPI:
    """As `population_app`."""
    from sild.registries.treasury.http import make_app

    return make_app(register, url=url)


def education_app(register: EducationRegister, *, url: str | None = None) -> FastAPI:
    """As `population_app`."""
    from sild.registries.education.http import make_app

    return make_app(register, url=url)


def archive_app(register: ArchiveRegister, *, url: str | None = None) -> FastAPI:
    """As `population_app`."""
    from sild.registries.archive.http import make_app

    return make_app(register, url=url)


def following_app(register: FollowingRegister, *, url: str | None = None) -> FastAPI:
    """As `population_app`."""
    from sild.registries.following.http import make_app

    return make_app(register, url=url)


def hospital_app(register: HospitalRegister, *, url: str | None = None) -> FastAPI:
    """As `population_app`. The ward's page is another application, for another network: `ward_app`."""
    from sild.registries.hospital.http import make_app

    return make_app(register, url=url)


def business_app(register: BusinessRegister, *, url: str | None = None) -> FastAPI:
    """As `population_app`."""
    from sild.registries.business.http import make_app

    return make_app(register, url=url)


def care_app(register: CareRegister, *, url: str | None = None) -> FastAPI:
    """As `population_app`."""
    from sild.registries.care.http import make_app

    return make_app(register, url=url)


def case_decisions_app(register: CaseDecisions, *, url: str | None = None) -> FastAPI:
    """As `population_app`."""
    from sild.registries.case_decisions.http import make_app

    return make_app(register, url=url)


def ward_app(register: HospitalRegister, settings: WardSettings) -> FastAPI:
    """The midwife's pages, at `/ward/`: a client of the identity provider, for the hospital's own network."""
    from sild.registries.hospital.ward import make_ward

    return make_ward(register, settings)


_LATE = {
    "DUTIES": "following.duties",
    "ArchiveRegister": "archive.register",
    "ArchiveShelf": "archive.register",
    "BusinessRegister": "business.register",
    "CareRegister": "care.register",
    "CaseDecisions": "case_decisions.register",
    "Certify": "deciding",
    "EducationRegister": "education.register",
    "EvidenceOffer": "population.evidence",
    "FollowingRegister": "following.register",
    "HasKernel": "acting",
    "HospitalRegister": "hospital.register",
    "Notifier": "population.notifying",
    "Notifying": "population.notifying",
    "WardSettings": "hospital.settings",
    "Official": "deciding",
    "appoint": "deciding",
    "InsuranceRegister": "insurance.register",
    "PopulationRegister": "population.register",
    "ResidenceRegister": "residence.register",
    "SocialRegister": "social.register",
    "TreasuryRegister": "treasury.register",
    "act": "acting",
    "plant": "planting",
    "event_delivery": "exchange",
    "stamp_decisions": "acting",
    "from_threads": "message_logs",
    "over_the_exchange": "message_logs",
    "Grounds": "kernel.grounds",
    "Transfer": "kernel.transfers",
    "asking_grounds": "laws",
    "duties_without_case": "laws",
    "profile_named": "profiles",
    "published_keys": "kernel.proving",
}
"""Imported when somebody asks for them: a process of one register need not know the others."""


def __getattr__(name: str) -> object:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LATE[name]}"), name)
