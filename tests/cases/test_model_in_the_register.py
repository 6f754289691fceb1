"""A model file that its entry in the algorithm register does not name, by version and hash, is not used."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest
import yaml

import sild
from sild.cases import load_models, shipped_models

NAME = "kindergarten-demand"
PACKS = Path(sild.__file__).parent / "packs"


@pytest.fixture
def packs(tmp_path: Path) -> Path:
    for part in ("models", "algorithms"):
        shutil.copytree(PACKS / "education" / part, tmp_path / "education" / part)
    return tmp_path


def version(packs: Path, number: int) -> Path:
    return packs / "education" / "models" / NAME / str(number)


def replaced(packs: Path, number: int) -> str:
    """The model of a version with one bend of a curve moved; its hash."""
    file = version(packs, number) / "model.json"
    text = file.read_text()
    at = next(at for at, sign in enumerate(text) if sign in "12345678" and text[at - 1] == ".")
    file.write_text(text[:at] + str(int(text[at]) + 1) + text[at + 1 :])
    return hashlib.sha256(file.read_bytes()).hexdigest()


def test_those_of_the_packs_are_named(packs: Path) -> None:
    assert load_models(packs)[NAME].sha256 == shipped_models()[NAME].sha256


def test_another_file_under_the_same_number_is_not_used(packs: Path) -> None:
    replaced(packs, 1)
    assert NAME not in load_models(packs)


def test_a_new_version_is_used_once_the_entry_names_it(packs: Path) -> None:
    shutil.copytree(version(packs, 1), version(packs, 2))
    card = version(packs, 2) / "card.yaml"
    card.write_text(card.read_text().replace("version: 1", "version: 2", 1))
    sha256 = replaced(packs, 2)
    assert load_models(packs)[NAME].card.version == 1, "the one before goes on"
    file = packs / "education" / "algorithms" / f"{NAME}.yaml"
    entry = yaml.safe_load(file.read_text())
    entry["models"].append({"name": NAME, "version": 2, "sha256": sha256})
    file.write_text(yaml.safe_dump(entry, allow_unicode=True))
    used = load_models(packs)[NAME]
    assert (used.card.version, used.sha256) == (2, sha256)
    assert used.evaluation == {}, "figures of another file are not this one's"
