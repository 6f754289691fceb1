"""By which law registers ask one another, by themselves: for the closed lists of those they ask."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from sild.catalogue import NoticeKind
from sild.registries.care.practices import GROUNDS as CARE
from sild.registries.education.rules import GROUNDS as EDUCATION
from sild.registries.education.schools import SCHOOL_GROUNDS
from sild.registries.following.duties import DUTIES
from sild.registries.identity_codes import Country
from sild.registries.insurance.rules import GROUNDS as INSURANCE
from sild.registries.profiles import notice_grounds, profile
from sild.registries.social.rules import GROUNDS as SOCIAL

__all__ = ["asking_grounds", "duties_without_case"]


COUNTRIES: tuple[Country, ...] = get_args(Country)


def asking_grounds(register: str) -> frozenset[str]:
    """register: its kind, `social`.  Of every country: the law is that of whoever it is about."""
    known: dict[str, list[Mapping[Country, str]]] = {
        "care": [CARE],
        "education": [EDUCATION, SCHOOL_GROUNDS],
        "insurance": [INSURANCE],
        "social": [SOCIAL],
        "hospital": [notice_grounds(kind) for kind in get_args(NoticeKind)],
        **{kind: [duty.grounds] for kind, duty in DUTIES.items()},
    }
    return frozenset(ground for grounds in known.get(register, ()) for ground in grounds.values())


def duties_without_case() -> list[str]:
    """The grounds of every register's own duties, by which it asks by itself when something has happened: there may be no case then.

    Among them that on which the treasury pays: what a bank sent back is paid again by itself, long after the case.
    """
    kinds = ("care", "education", "insurance", "social", *DUTIES)
    paid = {profile(country).ground("treasury") for country in COUNTRIES}
    return sorted(paid.union(*(asking_grounds(kind) for kind in kinds)))
