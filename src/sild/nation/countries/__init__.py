"""Countries the demonstration can be: what their bodies, systems and desks are called, as data (`ee.yaml`, `vn.yaml`).

A country's law, days, divisions and deadlines are its profile's (`profiles/`); here is only what a composed country adds to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError, field_validator

from sild.catalogue import Profile, parse_profile
from sild.errors import CallerError

__all__ = [
    "BODIES",
    "SYSTEMS",
    "BodyKind",
    "CountryDescription",
    "Language",
    "Oversight",
    "Words",
    "countries",
    "languages_of",
    "load_country",
    "load_profile",
    "parse_country",
]

Language = Literal["et", "vi", "en"]
Words = Mapping[str, str]
"""One text in every language."""
BodyKind = Literal[
    "authority",
    "population",
    "insurance",
    "social",
    "municipality",
    "land",
    "hospital",
    "treasury",
    "archive",
    "tax",
    "electoral",
    "registrar",
]
BODIES: tuple[BodyKind, ...] = get_args(BodyKind)
SYSTEMS = (
    "management",
    "portal",
    "identity",
    "population",
    "residence",
    "social",
    "insurance",
    "education",
    "hospital",
    "treasury",
    "cases",
    "archive",
    "tax",
    "electoral",
    "parking",
    "care",
    "business",
)


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Town(_Part):
    """Where the desks are. code: of the division in the profile.  place: as a notice of birth writes it.  hospital: the one with a ward."""

    code: str
    name: Words
    place: str
    hospital: str


class Oversight(_Part):
    """Who supervises how bodies decide. identifier: with the country in front.  basis: of an auditor's power to look."""

    identifier: str
    name: str
    basis: str


class Example(_Part):
    """Of one exchange: who acts, with the country's code in front, and on which ground."""

    user_id: str
    legal_basis: str


class Story(_Part):
    """What the self-check types into forms."""

    given_names: str
    account: str


class CountryDescription(_Part):
    """bodies, systems: names by what they are.  registered_in: the language in which members stand in the configuration.

    representation: the provision by which parents represent their child.  boards: by which the board of a company represents it.  own_data: by which people see what is kept of them.
    inquiries: by which reads of an inquiry are kept from people for a time.
    """

    country: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
    instance_identifier: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9-]{2,20}$")]
    registered_in: Language
    bodies: Mapping[BodyKind, Words]
    systems: Mapping[str, Words]
    town: Town
    representation: str
    boards: str
    own_data: str
    inquiries: str | None = None
    oversight: Oversight
    example: Example
    story: Story

    @field_validator("bodies", "systems")
    @classmethod
    def _all_are_named(cls, value: Mapping[str, Words], info: Any) -> Mapping[str, Words]:
        # Any: pydantic's ValidationInfo carries the field's name and nothing we read otherwise
        wanted = BODIES if info.field_name == "bodies" else SYSTEMS
        missing = [name for name in wanted if set(value.get(name, ())) != set(get_args(Language))]
        if missing:
            raise ValueError(f"without a name in every language: {', '.join(missing)}")
        return value

    def body(self, kind: BodyKind) -> str:
        """As it is registered."""
        return self.bodies[kind][self.registered_in]

    def system(self, kind: str) -> str:
        return self.systems[kind][self.registered_in]


def parse_country(value: object) -> CountryDescription:
    """value: as YAML gives it. Raises CallerError."""
    try:
        return CountryDescription.model_validate(value)
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise CallerError(f"not a country: {told}", code="invalid_country") from error


@cache
def load_country(code: str) -> CountryDescription:
    """code: `EE`. Raises CallerError: none of that code ships."""
    if code not in countries():
        raise CallerError(
            f"no country {code[:10]}; there are {', '.join(countries())}", code="unknown_country"
        )
    return parse_country(yaml.safe_load((_FOLDER / f"{code.lower()}.yaml").read_text("utf-8")))


@cache
def countries() -> tuple[str, ...]:
    """Codes of those that ship, Estonia first: the default of the demonstration."""
    return tuple(sorted(file.name[:2].upper() for file in _FOLDER.iterdir() if file.name.endswith(".yaml")))


@cache
def load_profile(country: str) -> Profile:
    """The law and the days of a country that ships. country: `EE`. Raises CallerError (not in order), FileNotFoundError."""
    file = resources.files("sild").joinpath("profiles", f"{country.lower()}.yaml")
    return parse_profile(yaml.safe_load(file.read_text("utf-8")))


def languages_of(profile: Profile) -> tuple[Language, ...]:
    """Its languages that pages are written in, the official one first."""
    return tuple(known for name in profile.languages for known in get_args(Language) if known == name)


_FOLDER = resources.files(__name__)
