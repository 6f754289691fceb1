"""The countries' profiles, read once from the files that Sild ships."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import yaml

from sild.catalogue import Profile, parse_profile
from sild.registries.identity_codes import Country

__all__ = ["profile"]


@cache
def profile(country: Country) -> Profile:
    text = files("sild").joinpath("profiles", f"{country.lower()}.yaml").read_text("utf-8")
    return parse_profile(yaml.safe_load(text))
