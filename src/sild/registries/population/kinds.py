"""The facts the register holds of a person, and what others call them."""

from __future__ import annotations

import re
from datetime import date

from sild.errors import CallerError
from sild.registries.identity_codes import parse_identity_code
from sild.registries.kernel import FactKind
from sild.registries.kernel.facts import Json

__all__ = ["KINDS", "NAME", "is_name"]

NAME = re.compile(r"[^\W\d_]+(?:[ '’-][^\W\d_]+)*")
"""A name as people bear it: letters of any script, joined by a space, a hyphen or an apostrophe."""


def is_name(text: str) -> bool:
    return len(text) <= 100 and NAME.fullmatch(text) is not None


def _name(_entity: str, value: Json) -> None:
    if not isinstance(value, str) or not is_name(value):
        raise CallerError("a name is made of letters", code="invalid_value")


def _text(_entity: str, value: Json) -> None:
    if not isinstance(value, str) or not 1 <= len(value) <= 100:
        raise CallerError("a text of 1 to 100 characters", code="invalid_value")


def _sex(entity: str, value: Json) -> None:
    if value != parse_identity_code(entity).sex:
        raise CallerError(
            "the identity code says another sex: it is exchanged, not corrected", code="invalid_value"
        )


def _born(entity: str, value: Json) -> None:
    code = parse_identity_code(entity)
    day = _day(value)
    if code.birth_year != day.year or code.born not in (None, day):
        raise CallerError(
            "the identity code says another day: it is exchanged, not corrected", code="invalid_value"
        )


def _died(_entity: str, value: Json) -> None:
    _day(value)


def _day(value: Json) -> date:
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        raise CallerError("a day is written 2026-03-01", code="invalid_value") from None


KINDS = (
    FactKind("given_names", "person.given_names", "Given names", _name),
    FactKind("family_name", "person.family_name", "Family name; before a marriage the one borne then", _name),
    FactKind("sex", "person.sex", "Sex, F or M", _sex),
    FactKind("born", "person.date_of_birth", "Day of birth", _born),
    FactKind("birth_place", "person.place_of_birth", "Where the person was born", _text),
    FactKind("died", "person.date_of_death", "Day of death", _died, matter="disputed_death"),
    FactKind(
        "death_annulled",
        "person.death_annulled",
        "A death that was recorded and was none; key: the fact's id",
    ),
    FactKind("death_place", "person.place_of_death", "Where the person died", _text),
    FactKind("death_notice", "person.death_notice", "A hospital's notice of the death, and who signed it"),
    FactKind("citizenship", "person.citizenship", "Citizenship; key: the country"),
    FactKind("parent", "person.parents", "A parent, mother or father; key: identity code"),
    FactKind("custody", "person.custody", "Who has custody of a child, joint or sole; key: identity code"),
    FactKind("guardian", "person.guardians", "A guardian or curator; key: identity code"),
    FactKind("spouse", "person.marriage", "Husband or wife; key: identity code"),
    FactKind(
        "protection", "person.protection", "A protection order; key: identity code of whom it is against"
    ),
    FactKind("birth_notice", "child.birth_notice", "A hospital's notice of the birth"),
    FactKind("paternity", "child.paternity", "What a parent said about paternity; key: identity code"),
    FactKind("registration", "child.birth_registration", "Whether the birth is registered"),
    FactKind("stillbirth", "person.stillbirth", "A child born dead"),
)
"""`person.identity_code` and `person.family_relations` are held, too, and are no facts of their own."""
