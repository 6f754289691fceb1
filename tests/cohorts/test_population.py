"""Synthetic people: the same of the same seed, as many as asked, in whole households; a chunk with one bit changed is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sild.cohorts import Population, Recipe, make_population
from sild.cohorts.population import ROLES, read_chunk
from sild.cohorts.synthetic import make_chunk
from sild.errors import CallerError


def test_the_same_seed_gives_the_same_files_and_another_gives_others(people: Path, tmp_path: Path) -> None:
    recipe = Recipe(4_000, seed=7, missing=50_000, chunk=500)
    again = make_population(recipe, tmp_path / "again", workers=2)
    other = make_population(Recipe(4_000, seed=8, missing=50_000, chunk=500), tmp_path / "other", workers=2)
    assert again.sha256 == Population.read(people).sha256 != other.sha256


def test_a_small_population_begins_as_a_large_one_does(population: Population, tmp_path: Path) -> None:
    larger = make_population(Recipe(5_000, seed=7, missing=50_000, chunk=500), tmp_path, workers=1)
    assert set(population.chunks) < set(larger.chunks)


def test_the_numbers_are_these_on_every_machine() -> None:
    """From PCG64's raw stream by integers alone: a new NumPy or processor changes none."""
    people, families = make_chunk(Recipe(1_000, chunk=1_000), "EE", 0, 1_000)
    assert int(people["income@2025-01"].sum()) == 99_875_970
    assert int(families["older_siblings"].sum()) == 214


@pytest.mark.parametrize(("count", "births"), [(1, 1_000_000), (10, 0), (997, 1_000_000), (997, 30_000)])
def test_as_many_as_asked_in_whole_households(count: int, births: int) -> None:
    people, families = make_chunk(Recipe(count, births=births), "VN", 3, count)
    household, role = np.ma.getdata(people["household"]), np.ma.getdata(people["role"])
    assert len(household) == count
    assert (np.diff(household) >= 0).all() and (np.diff(household) <= 1).all()
    for name in ("child", "mother"):
        assert (role == ROLES.index(name)).sum() == len(families["household"])
    assert (role == ROLES.index("father")).sum() <= len(families["household"])


def test_a_changed_bit_is_found_and_named(tmp_path: Path) -> None:
    made = make_population(Recipe(200, countries=("EE",)), tmp_path, workers=1)
    path = made.chunks[0].paths(tmp_path)[0]
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)
    with pytest.raises(CallerError, match="people-EE-00000") as refused:
        read_chunk(tmp_path, made.chunks[0])
    assert refused.value.code == "corrupt_chunk"
    path.unlink()
    with pytest.raises(CallerError, match="people-EE-00000"):
        read_chunk(tmp_path, made.chunks[0])


def test_an_unfinished_population_is_none(tmp_path: Path) -> None:
    with pytest.raises(CallerError, match="sild cohorts make") as refused:
        Population.read(tmp_path)
    assert refused.value.code == "no_population"
