"""Registers say in English what was done with data; the portal has words for each of these in every language."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

import sild.portal
from sild.i18n import Texts
from sild.registries.kernel.container_paths import ACTION as CONTAINER
from sild.registries.kernel.http import FIND_USAGE_ACTION
from sild.registries.kernel.telling import TOLD

REGISTERS = (
    "population", "residence", "social", "education", "insurance", "treasury", "archive", "business", "care", "following",
    "hospital",
)  # fmt: skip


def test_every_telling_has_words() -> None:
    texts = Texts.load(Path(str(sild.portal.__file__)).parent / "texts")
    for said in (*(said for _, said in TOLD), CONTAINER, FIND_USAGE_ACTION):
        spoken = [texts.speaker(language)(f"use.{said}") for language in ("en", "et", "vi")]
        assert spoken[0] == said and len(set(spoken)) == 3


@pytest.mark.parametrize("register", REGISTERS)
def test_every_use_has_words(register: str) -> None:
    texts = Texts.load(Path(str(sild.portal.__file__)).parent / "texts")
    actions = importlib.import_module(f"sild.registries.{register}.http").ACTIONS
    assert actions
    for said in actions.values():
        spoken = [texts.speaker(language)(f"use.{said}") for language in ("en", "et", "vi")]
        assert spoken[0] == said and len(set(spoken)) == 3
