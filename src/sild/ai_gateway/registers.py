"""The algorithm register, as far as the gateway needs it: no entry in force, no key.

packs/<pack>/algorithms/<id>.yaml     status: ..., start_date, end_date; gateway: {purposes: [...], templates: [...]}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Protocol

import yaml

from sild.errors import CallerError

__all__ = ["AlgorithmRegister", "AlgorithmUse", "FiledAlgorithms"]

_NOT_IN_USE = frozenset({"in_development", "development", "retired", "withdrawn", "stopped", "out_of_use"})


@dataclass(frozen=True, slots=True)
class AlgorithmUse:
    """purposes, templates: what the entry says the algorithm uses a model for; empty: it does not say."""

    id: str
    status: str
    start_date: date | None = None
    end_date: date | None = None
    purposes: tuple[str, ...] = ()
    templates: tuple[str, ...] = ()

    def why_not(self, purpose: str, templates: tuple[str, ...], *, today: date) -> str | None:
        """Why a key for this use would be wrong today; None when it is right."""
        if self.status in _NOT_IN_USE:
            return f"{self.id} is {self.status} in the algorithm register"
        if self.start_date is not None and today < self.start_date:
            return f"{self.id} is in use from {self.start_date}"
        if self.end_date is not None and self.end_date < today:
            return f"{self.id} was in use until {self.end_date}"
        if self.purposes and purpose not in self.purposes:
            return f"the entry of {self.id} does not name the purpose {purpose}"
        unnamed = [each for each in templates if self.templates and each not in self.templates]
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


def _use(entry: Mapping[str, Any], file: Path) -> AlgorithmUse:
    gateway = entry.get("gateway") or {}
    try:
        return AlgorithmUse(
            id=str(entry["id"]),
            status=str(entry.get("status", "in_use")),
            start_date=_day(entry.get("start_date")),
            end_date=_day(entry.get("end_date")),
            purposes=tuple(map(str, gateway.get("purposes", ()))),
            templates=tuple(map(str, gateway.get("templates", ()))),
        )
    except (ValueError, AttributeError, TypeError) as error:
        raise CallerError(f"{file}: {error}", code="invalid_algorithm_entry") from error


def _day(value: object) -> date | None:
    """A day, or a month (`2025-03`), which begins with its first day."""
    if value is None or isinstance(value, date):
        return value
    text = str(value)
    return date.fromisoformat(f"{text}-01" if len(text) == 7 else text)
