"""One vocabulary: what a rule package asks for is a fact of the register it names, or is made of such facts by one table."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files

import pytest

from sild.registries.education.http import DESCRIPTION as EDUCATION
from sild.registries.insurance.http import DESCRIPTION as INSURANCE
from sild.registries.insurance.http import KINDS as INSURED
from sild.registries.population.kinds import KINDS as POPULATION
from sild.registries.residence.http import HELD_BESIDES
from sild.registries.residence.http import KINDS as RESIDENCE
from sild.registries.social.http import DESCRIPTION as SOCIAL
from sild.registries.social.http import KINDS as BENEFITS
from sild.rules import RulePackage, load_packages, register_concepts

BESIDES = {"person.identity_code", "person.pension", "person.unemployment"}
"""The code is no fact of its own; pension and unemployment are of registers that other countries have, and no decision rests on them."""
HELD: Mapping[str, frozenset[str]] = {
    "population": frozenset(kind.concept for kind in POPULATION),
    "residence": frozenset((*(kind.concept for kind in RESIDENCE), *HELD_BESIDES)),
    "social": frozenset((*(kind.concept for kind in BENEFITS), *(one.name for one in SOCIAL.concepts))),
    "insurance": frozenset((*(kind.concept for kind in INSURED), *(one.name for one in INSURANCE.concepts))),
    "education": frozenset(one.name for one in EDUCATION.concepts),
}


def packages() -> list[RulePackage]:
    return list(load_packages(files("sild") / "packs").values())  # type: ignore[arg-type]  # a directory


@pytest.mark.parametrize("package", packages(), ids=lambda one: one.name)
def test_every_fact_of_a_package_is_one_of_a_register(package: RulePackage) -> None:
    everywhere = frozenset().union(*HELD.values())
    for name, fact in package.facts.items():
        for concept in register_concepts(fact.concept):
            assert concept in everywhere | BESIDES, f"{name}: {fact.concept}"
