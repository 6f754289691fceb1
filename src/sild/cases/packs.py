"""Packs and profiles read from the package: services, screens, texts, a country. Data without code."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

import yaml

from sild.cases.process import Process
from sild.catalogue import Profile, PublicService, Screen, parse_profile, parse_screen, parse_service
from sild.errors import CallerError
from sild.oots import RequirementEntry, parse_requirements

__all__ = ["Packs", "ensure_whole", "load_packs"]


@dataclass(frozen=True, slots=True)
class Packs:
    """services, screens: by id, of one country.  texts: language -> key -> text, of notices, statuses and refusals.  requirements: what evidence of other countries proves.

    concepts: every name of a fact or an answer that registers and screens may use.
    """

    profile: Profile
    services: Mapping[str, PublicService]
    screens: Mapping[str, Screen]
    texts: Mapping[str, Mapping[str, str]]
    requirements: tuple[RequirementEntry, ...] = ()
    concepts: frozenset[str] = frozenset()


def load_packs(country: str, *, root: Traversable | None = None) -> Packs:
    """country: `EE`.  root: where `profiles` and `packs` lie, the package without more.

    Raises CallerError for a pack that is not in order, FileNotFoundError for an unknown country.
    """
    root = root or resources.files("sild")
    profile = parse_profile(
        yaml.safe_load((root / "profiles" / f"{country.lower()}.yaml").read_text("utf-8"))
    )
    services: dict[str, PublicService] = {}
    screens: dict[str, Screen] = {}
    requirements: list[RequirementEntry] = []
    concepts: set[str] = set()
    texts: dict[str, dict[str, str]] = {language: {} for language in profile.languages}
    for pack in sorted((root / "packs").iterdir(), key=lambda entry: entry.name):
        for file in _files(pack, ".yaml"):
            service = parse_service(yaml.safe_load(file.read_text("utf-8")), country)
            if country in service.countries:
                services[service.id] = service
        for file in _files(pack / "screens", ".json"):
            screen = parse_screen(json.loads(file.read_text("utf-8")))
            screens[screen.id] = screen
        for file in _files(pack / "evidence", ".yaml"):
            requirements += parse_requirements(yaml.safe_load(file.read_text("utf-8")))
        for file in _files(pack / "concepts", ".yaml"):
            concepts.update(yaml.safe_load(file.read_text("utf-8")))
        for language, known in texts.items():
            for file in _files(pack / "texts", f"{language}.toml"):
                known.update(_flat(tomllib.loads(file.read_text("utf-8"))))
    names = {one.id for one in requirements}
    for service in services.values():
        for need in service.needs:
            if need.requirement not in names:
                raise CallerError(f"{service.id}: no requirement {need.requirement}", code="invalid_service")
    return Packs(profile, services, screens, texts, tuple(requirements), frozenset(concepts))


def ensure_whole(processes: Mapping[str, Process], packs: Packs) -> None:
    """Raises CallerError (`invalid_process`) for what could only fail later, before somebody."""
    for named in packs.profile.signatures:
        screen, _, action = named.rpartition(".")
        if screen not in packs.screens:
            raise CallerError(
                f"the profile has people sign {screen}, which is no screen", code="invalid_profile"
            )
        packs.screens[screen].action(action)
    for service_id, process in processes.items():
        service = packs.services.get(service_id)
        if service is None:
            raise CallerError(f"no pack has the service {service_id}", code="invalid_process")
        screens = {rule.screen for rule in process.rules} | {waiting.screen for waiting in process.waiting}
        for name in sorted(filter(None, screens)):
            if name not in packs.screens or name not in service.screens:
                raise CallerError(f"{service_id} has no screen {name}", code="invalid_process")
        for rule in process.rules:
            if rule.screen is not None:
                packs.screens[rule.screen].action(rule.name)
        for told, action in ((process.silenced, "SILENCE"), (process.mourned, "BEREAVE")):
            if told and process.rule(action) is None:
                raise CallerError(f"{service_id} has no rule for {action}", code="invalid_process")
        missing = set(process.events.values()) - set(process.jobs())
        if missing:
            raise CallerError(f"{service_id} has no job {', '.join(sorted(missing))}", code="invalid_process")


def _files(folder: Traversable, ending: str) -> list[Traversable]:
    if not folder.is_dir():
        return []
    return sorted(
        (file for file in folder.iterdir() if file.name.endswith(ending)), key=lambda file: file.name
    )


def _flat(table: Mapping[str, Any], before: str = "") -> dict[str, str]:
    """`{"birth": {"named": "..."}}` -> `{"birth.named": "..."}`."""
    flat: dict[str, str] = {}
    for name, value in table.items():
        if isinstance(value, Mapping):
            flat.update(_flat(value, f"{before}{name}."))
        else:
            flat[f"{before}{name}"] = str(value)
    return flat
