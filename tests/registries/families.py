"""People of the synthetic register a test needs: by what they are to one another."""

from __future__ import annotations

from functools import cache

from sild.registries.identity_codes import Country
from sild.registries.synthetic import AS_OF, SyntheticPerson, synthetic_people

__all__ = ["couple", "dead", "girl", "man", "single", "young_family"]


@cache
def _people() -> tuple[SyntheticPerson, ...]:
    return tuple(synthetic_people(400))


def _age(person: SyntheticPerson) -> float:
    return (AS_OF - person.born).days / 365.25


def couple(country: Country = "EE") -> tuple[SyntheticPerson, SyntheticPerson]:
    """Wife and husband, alive, of an age to have a child, at one home."""
    for person in _people():
        spouse = person.spouse
        fits = person.country == country and person.sex == "F" and 25 < _age(person) < 60
        if fits and spouse is not None and person.home is spouse.home is not None:
            return person, spouse
    raise LookupError


def single(country: Country = "EE", sex: str = "F") -> SyntheticPerson:
    """Unmarried and of age."""
    return next(
        p
        for p in _people()
        if p.country == country and p.sex == sex and p.spouse is None and p.died is None and 20 < _age(p) < 60
    )


def man(country: Country = "EE") -> SyntheticPerson:
    return single(country, "M")


def dead(sex: str = "F") -> SyntheticPerson:
    return next(person for person in _people() if person.died is not None and person.sex == sex)


def girl() -> SyntheticPerson:
    return next(p for p in _people() if p.sex == "F" and p.died is None and _age(p) < 10)


def young_family(country: Country = "EE") -> tuple[SyntheticPerson, SyntheticPerson]:
    """A parent and a minor child at one home."""
    for child in _people():
        for parent in (child.mother, child.father):
            fits = child.country == country and child.home is not None and _age(child) < 17
            if fits and parent is not None and parent.home is child.home:
                return parent, child
    raise LookupError
