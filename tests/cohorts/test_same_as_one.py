"""Columns say what one person would be told, to the cent, unknowns and their causes with it; whoever computes, in whatever order."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from sild.cohorts import Population, Processes, Run, check_run, run_package, unknowns_by_holder
from sild.cohorts.chunk import result_path
from sild.cohorts.population import read_table, write_table
from sild.rule_engine import RuleEngine
from sild.rules import RulePackage


@pytest.mark.parametrize(
    "name", ["ee-family-benefits", "vn-birth-benefits", "ee-health-cover", "vn-health-insurance"]
)
def test_everybody_is_told_the_same(
    name: str, packages: dict[str, RulePackage], people: Path, alone: RuleEngine, tmp_path: Path
) -> None:
    run = run_package(packages[name], people, tmp_path, Processes(1))
    assert run.finished and run.people == 2_000 and not run.failed
    assert any(each.blocked for each in unknowns_by_holder(run))
    assert check_run(run, alone.evaluate, 60) == []


def test_a_cent_more_is_found(benefits: RulePackage, people: Path, alone: RuleEngine, tmp_path: Path) -> None:
    run = run_package(benefits, people, tmp_path, Processes(1))
    for chunk in run.lines:
        path = result_path(tmp_path, chunk)
        table = read_table(path)
        table["birth_grant"] = table["birth_grant"] + 1
        write_table(path, table)
    differences = check_run(run, alone.evaluate, 5)
    assert len(differences) == 5
    assert {(each.result, each.columns, each.alone) for each in differences} == {
        ("birth_grant", "320.01", "320.00")
    }


def test_one_hash_by_any_number_of_workers(benefits: RulePackage, people: Path, tmp_path: Path) -> None:
    one = run_package(benefits, people, tmp_path / "one", Processes(1))
    three = run_package(benefits, people, tmp_path / "three", Processes(3))
    assert one.sha256 == three.sha256
    changed = {**one.lines, "EE-00001": {**one.lines["EE-00001"], "output": "0" * 64}}
    assert replace(one, lines=changed).sha256 != one.sha256
    assert Run.read(tmp_path / "one").package().sha256 == benefits.sha256


def test_a_fact_that_no_column_has_is_unknown_to_all(
    packages: dict[str, RulePackage], people: Path, population: Population, tmp_path: Path
) -> None:
    """A population of Estonia has no districts; who has them is told how often."""
    package = packages["vn-health-insurance"]
    estonian = replace(package, head=package.head.model_copy(update={"country": "EE"}))
    run = run_package(estonian, people, tmp_path, Processes(1), outputs=["competent_division"])
    missing = {each.cause: (each.holder, each.blocked) for each in unknowns_by_holder(run)}
    assert run.lines["EE-00000"]["results"]["competent_division"] == {"known": 0, "unknown": 500}
    assert missing["commune"] == ("residence", 2_000)


def test_neither_openfisca_nor_a_package_comes_into_this_process(people: Path, tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from importlib.resources import files\n"
        "from sild.cohorts import Processes, run_package\n"
        "from sild.rules import load_packages\n"
        "packages = load_packages(Path(str(files('sild') / 'packs')))\n"
        "package = next(p for p in packages.values() if p.name == 'ee-family-benefits')\n"
        f"run_package(package, Path({str(people)!r}), Path({str(tmp_path)!r}), Processes(1))\n"
        "assert not [name for name in sys.modules if name.startswith('openfisca')]"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
