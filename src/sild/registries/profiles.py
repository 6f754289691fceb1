"""The countries' profiles, read once from the files that Sild ships."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import get_args

import yaml

from sild.catalogue import NoticeKind, Profile, parse_profile
from sild.errors import CallerError
from sild.registries.identity_codes import Country

__all__ = ["notice_ground", "notice_grounds", "profile", "profile_named"]


@cache
def profile(country: Country) -> Profile:
    return profile_named(country)


def profile_named(country: str) -> Profile:
    """Of any country that has one. country: `EE`. Raises CallerError (`unknown_country`)."""
    try:
        text = files("sild").joinpath("profiles", f"{country.lower()}.yaml").read_text("utf-8")
    except FileNotFoundError as error:
        raise CallerError(f"no country {country} ships: it has no profile", code="unknown_country") from error
    return parse_profile(yaml.safe_load(text))


def notice_ground(kind: NoticeKind, country: Country) -> str:
    """Of a notice about somebody of that country. Raises CallerError (`may_not_notify`): its law lets nobody give one."""
    law = profile(country).notices.get(kind)
    if law is None:
        raise CallerError(f"by the law of {country} nobody gives notice of a {kind}", code="may_not_notify")
    return law.basis


def notice_grounds(kind: NoticeKind) -> Mapping[Country, str]:
    """By which law a hospital gives notice."""
    countries: tuple[Country, ...] = get_args(Country)
    laws = {country: profile(country).notices.get(kind) for country in countries}
    return {country: law.basis for country, law in laws.items() if law is not None}
