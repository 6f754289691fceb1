"""The countries' profiles, read once from the files that Sild ships."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import yaml

from sild.catalogue import Profile, parse_profile
from sild.errors import CallerError
from sild.registries.identity_codes import Country

__all__ = ["profile", "profile_named"]


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
