"""The register of algorithms and what registers decide by are one: each package has its entry, and each entry its packages."""

from __future__ import annotations

from pathlib import Path

import pytest

import sild.packs
from sild.decisions import load_algorithms
from sild.registries.education import judging as education
from sild.registries.insurance import covering as insurance
from sild.registries.population import judging as population
from sild.registries.residence import disputes, removals
from sild.registries.residence import judging as residence
from sild.registries.social import judging as social
from sild.rules import load_packages

PACKS = Path(sild.packs.__path__[0])
ENTRIES = load_algorithms(PACKS)
SHIPPED = {package.name for package in load_packages(PACKS).values()}
DECIDING = {
    population.ALGORITHM: set(population.PACKAGES.values()),
    social.ALGORITHM: set(social.PACKAGES.values()),
    insurance.ALGORITHM: set(insurance.PACKAGES.values()),
    education.ALGORITHM: set(education.PACKAGES.values()),
    residence.ALGORITHM: set(residence.PACKAGES.values()),
    removals.ALGORITHM: set(removals.PACKAGES.values()),
    disputes.ALGORITHM: set(disputes.PACKAGES.values()),
}


@pytest.mark.parametrize(
    "entry", [one for one in ENTRIES.values() if one.status == "in_use"], ids=lambda e: e.id
)
def test_every_package_of_an_entry_in_use_exists(entry) -> None:
    assert set(entry.packages) <= SHIPPED
    assert entry.kind == "model" or entry.packages


@pytest.mark.parametrize("algorithm", DECIDING)
def test_what_a_register_decides_by_is_named_by_its_entry(algorithm: str) -> None:
    assert set(ENTRIES[algorithm].packages) == DECIDING[algorithm]
    assert ENTRIES[algorithm].status == "in_use"


def test_no_package_is_without_an_entry() -> None:
    named = {package for entry in ENTRIES.values() for package in entry.packages}
    assert named == SHIPPED
