"""Somebody who ought to be in the register and is not: entered by its official, from the documents the person has."""

from __future__ import annotations

from datetime import date

from sild.errors import CallerError
from sild.registries.identity_codes import parse_identity_code
from sild.registries.kernel import Use, provenance
from sild.registries.kernel.dispute_paths import NewPerson
from sild.registries.population.kinds import is_name
from sild.registries.population.persons import add_person, index_name

__all__ = ["enter_person"]


def enter_person(use: Use, code: str, said: NewPerson) -> None:
    """By name; sex and country are the code's, and the day of birth where the code has it.

    Raises InvalidIdentityCode, CallerError (`invalid_value`).
    """
    identity = parse_identity_code(code)
    if not (is_name(said.given_names) and is_name(said.family_name)):
        raise CallerError("a name is made of letters", code="invalid_value")
    born = identity.born or _day(said.born)
    if born.year != identity.birth_year or (said.born and _day(said.born) != born) or born > use.today:
        raise CallerError("the identity code says another day of birth", code="invalid_value")
    add_person(use, code, born)
    for name, value, key in (
        ("given_names", said.given_names, ""),
        ("family_name", said.family_name, ""),
        ("sex", identity.sex, ""),
        ("born", born.isoformat(), ""),
        ("citizenship", True, identity.country),
    ):
        use.facts.record(code, name, value, key=key, valid_from=born, provenance=provenance(use))
    index_name(use, code)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise CallerError("a day is written 1991-03-01", code="invalid_value") from None
