"""Packages that raise, loop or look around: the household is named, the run ends or goes on, and nothing is reached."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sild.cohorts import Limits, Population, Processes, run_package
from sild.cohorts.population import read_chunk
from sild.errors import CallerError
from sild.rules import RulePackage

WithRule = Callable[[str], RulePackage]


def test_households_it_raises_for_are_named_and_the_others_decided(
    with_rule: WithRule, benefits: RulePackage, people: Path, population: Population, tmp_path: Path
) -> None:
    crowded = with_rule(
        "if (person.family('older_siblings').values == 5).any():\n"
        "    raise ValueError('no room')\n"
        "return law('parental.floor', person.family('begins'))"
    )
    expected = {
        f"{chunk.name}-{int(number):06d}"
        for chunk in population.of_country("EE")
        for number in _with_siblings(people, population, chunk.name, 5)
    }
    assert 1 <= len(expected) < 20
    run = run_package(crowded, people, tmp_path, Processes(2))
    assert {failure["household"] for failure in run.failed} == expected
    assert {failure["node"] for failure in run.failed} == {"parental_benefit"}
    families = sum(chunk.families for chunk in population.of_country("EE"))
    told = [line["results"]["parental_benefit.mother"] for line in run.lines.values()]
    assert sum(each["known"] for each in told) == families - len(expected)
    assert sum(each["unknown"] for each in told) == len(expected)


def test_a_package_that_always_raises_ends_the_run(with_rule: WithRule, people: Path, tmp_path: Path) -> None:
    with pytest.raises(CallerError, match=r"household EE-\d{5}-\d{6}") as refused:
        run_package(with_rule("raise ValueError('1234.56')"), people, tmp_path, Processes(1))
    assert refused.value.code == "rule_failed" and "1234" not in str(refused.value)


def test_a_package_that_loops_is_ended(with_rule: WithRule, people: Path, tmp_path: Path) -> None:
    package = with_rule("while True:\n    pass")
    with pytest.raises(CallerError) as refused:
        run_package(package, people, tmp_path, Processes(1), limits=Limits(seconds=2))
    assert refused.value.code == "rule_timeout"


@pytest.mark.parametrize(
    "attempt",
    [
        "import socket\nsocket.socket()",
        "open('/etc/passwd')",
        "import os\nos.fork()",
        "import os\nos.kill(1, 0)",
    ],
)
def test_a_package_reaches_nothing(attempt: str, with_rule: WithRule, people: Path, tmp_path: Path) -> None:
    lines = f"{attempt}\nreturn law('parental.floor', person.family('begins'))"
    with pytest.raises(CallerError, match="parental_benefit raises") as refused:
        run_package(with_rule(lines), people, tmp_path, Processes(1))
    assert refused.value.code == "rule_failed"


def test_groups_that_are_no_families_are_refused(
    packages: dict[str, RulePackage], people: Path, tmp_path: Path
) -> None:
    queue = packages["ee-kindergarten-queue"]
    with pytest.raises(CallerError) as refused:
        run_package(queue, people, tmp_path, Processes(1))
    assert refused.value.code == "unsuited_package"


def test_a_changed_chunk_ends_the_run_by_name(benefits: RulePackage, tmp_path: Path) -> None:
    from sild.cohorts import Recipe, make_population

    made = make_population(Recipe(600, countries=("EE",), chunk=200), tmp_path, workers=1)
    path = made.chunks[1].paths(tmp_path)[1]
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(CallerError, match="families-EE-00001") as refused:
        run_package(benefits, tmp_path, tmp_path / "run", Processes(1))
    assert refused.value.code == "corrupt_chunk"


def _with_siblings(
    people: Path, population: Population, name: str, siblings: int
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    chunk = next(chunk for chunk in population.chunks if chunk.name == name)
    _, families = read_chunk(people, chunk)
    known = families["older_siblings"].filled(-1)
    found: np.ndarray[tuple[int], np.dtype[np.int64]] = np.ma.getdata(families["household"])[
        known == siblings
    ]
    return found
