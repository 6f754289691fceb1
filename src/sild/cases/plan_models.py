"""Glass-box models of the packs, read from the package: `packs/PACK/models/NAME/VERSION/{model.json,card.yaml,evaluation.json}`.

A file is used that its entry in the algorithm register names by version and hash: a model that is replaced without a new line there is
not used, and the version before, if the entry has one, goes on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from sild.decisions import load_algorithms
from sild.errors import CallerError
from sild.models import GlassBox, ModelCard, parse_card, parse_model
from sild.telemetry import get_logger

__all__ = ["HeldModel", "load_models", "shipped_models"]

log = get_logger("cases")


@dataclass(frozen=True, slots=True)
class HeldModel:
    """content: model.json.  sha256: of it, by which decisions name it.  evaluation: on a year it did not see; empty when of another model."""

    box: GlassBox
    content: bytes
    sha256: str
    card: ModelCard
    evaluation: Mapping[str, Any]  # JSON


@cache
def shipped_models() -> Mapping[str, HeldModel]:
    """Those of Sild's own packs; read once."""
    with resources.as_file(resources.files("sild") / "packs") as directory:
        return MappingProxyType(load_models(directory))


def load_models(packs: Path) -> dict[str, HeldModel]:
    """By name, the newest version of each that its entry names. Others and what cannot be read are left out, and logged.

    Raises CallerError (`invalid_algorithm`).
    """
    entries = load_algorithms(packs)
    found: dict[str, HeldModel] = {}
    for pack in sorted(packs.iterdir()):
        models = pack / "models"
        for model in sorted(models.iterdir()) if models.is_dir() else ():
            versions = [version for version in model.iterdir() if version.name.isdecimal()]
            for version in sorted(versions, key=lambda entry: int(entry.name)):
                try:
                    content = (version / "model.json").read_bytes()
                    box, sha256 = parse_model(content)
                    card = parse_card(yaml.safe_load((version / "card.yaml").read_text("utf-8")))
                    evaluation = json.loads((version / "evaluation.json").read_text("utf-8"))
                except (OSError, ValueError, yaml.YAMLError, CallerError) as error:
                    log.bug("cases.model_unreadable", error, model=f"{model.name}/{version.name}")
                    continue
                entry = entries.get(card.algorithm)
                if entry is None or not entry.names_model(model.name, card.version, sha256):
                    log.error("cases.model_not_in_the_register", model=f"{model.name}/{version.name}")
                    continue
                told = evaluation if evaluation.get("model_sha256") == sha256 else {}
                found[model.name] = HeldModel(box, content, sha256, card, told)
    return found
