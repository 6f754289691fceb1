"""A small population and what is run over it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path

import pytest

from sild.cohorts import Population, Recipe, make_population
from sild.rule_engine import RuleEngine
from sild.rules import RulePackage, load_packages, parse_package

RECIPE = Recipe(4_000, seed=7, missing=50_000, chunk=500)


@pytest.fixture(scope="session")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight chunks of 500, half of each country; one fact of twenty is missing."""
    directory = tmp_path_factory.mktemp("people")
    make_population(RECIPE, directory, workers=1)
    return directory


@pytest.fixture(scope="session")
def population(people: Path) -> Population:
    return Population.read(people)


@pytest.fixture(scope="session")
def packages() -> dict[str, RulePackage]:
    """Of the packs, by name."""
    found = load_packages(Path(str(files("sild") / "packs")))
    return {package.name: package for package in found.values()}


@pytest.fixture(scope="session")
def benefits(packages: dict[str, RulePackage]) -> RulePackage:
    return packages["ee-family-benefits"]


@pytest.fixture(scope="session")
def alone() -> Iterator[RuleEngine]:
    """The path for one."""
    with RuleEngine(workers=1, seconds=30) as engine:
        yield engine


@pytest.fixture(scope="session")
def with_rule(benefits: RulePackage) -> Callable[[str], RulePackage]:
    """The package with another formula for parental_benefit: lines of Python of `person` and `law`."""

    def build(lines: str) -> RulePackage:
        body = "".join(f"        {line}\n" for line in lines.splitlines())
        source = benefits.files["variables.py"].decode()
        begin = source.index("class parental_benefit")
        end = source.index("class father_from")
        rule = f"class parental_benefit(Variable):\n    def formula(person, period, law):\n{body}\n\n"
        return parse_package(
            {**benefits.files, "variables.py": (source[:begin] + rule + source[end:]).encode()}
        )

    return build
