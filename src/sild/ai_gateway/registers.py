"""The algorithm register, as far as the gateway needs it: no whole entry in force that names the use, no key.

packs/<pack>/algorithms/<id>.yaml     an entry as `decisions` reads it; gateway: {purposes: [...], templates: [...]}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Protocol

import yaml

from sild.decisions import parse_algorithm
from sild.errors import CallerError

__all__ = ["AlgorithmRegister", "AlgorithmUse", "FiledAlgorithms"]


@dataclass(frozen=True, slots=True)
class AlgorithmUse:
    """first: day from which it is in use.  purposes, templates: what a key may be for; what is not named, is refused."""

    id: str
    status: str
    first: date
    purposes: tuple[str, ...] = ()
    templates: tuple[str, ...] = ()

    def why_not(self, purpose: str, templates: tuple[str, ...], *, today: date) -> str | None:
        """Why a key for this use would be wrong today; None when it is right."""
        if self.status != "in_use":
            return f"{self.id} is {self.status} in the algorithm register"
        if today < self.first:
            return f"{self.id} is in use from {self.first}"
        if purpose not in self.purposes:
            return f"the entry of {self.id} does not name the purpose {purpose}"
        unnamed = [each for each in templates if each not in self.templates]
        return f"the entry of {self.id} does not name the template {unnamed[0]}" if unnamed else None


class AlgorithmRegister(Protocol):
    def find(self, algorithm: str) -> AlgorithmUse | None: ...


class FiledAlgorithms:
    """Entries in files, read at each question: an entry that is taken away takes its keys with it at once."""

    def __init__(self, directories: tuple[Path, ...]) -> None:
        self._directories = directories

    def find(self, algorithm: str) -> AlgorithmUse | None:
        """Raises CallerError (`invalid_algorithm_entry`)."""
        for directory in self._directories:
            for file in sorted(directory.glob("*.yaml")):
                entry = _read(file)
                if entry.get("id") == algorithm:
                    return _use(entry, file)
        return None


def _read(file: Path) -> Mapping[str, Any]:  # YAML
    try:
        entry = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise CallerError(f"{file}: {error}", code="invalid_algorithm_entry") from error
    return entry if isinstance(entry, dict) else {}


def _use(content: Mapping[str, Any], file: Path) -> AlgorithmUse:
    try:
        entry = parse_algorithm(dict(content))
    except CallerError as error:
        raise CallerError(f"{file}: {error}", code="invalid_algorithm_entry") from error
    return AlgorithmUse(
        id=entry.id,
        status=entry.status,
        first=date.fromisoformat(f"{entry.start_date}-01"),
        purposes=entry.gateway.purposes,
        templates=entry.gateway.templates,
    )
