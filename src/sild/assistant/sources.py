"""The passages of one country, read from the package: its law, help of every pack, and the catalogue given by who wires it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from sild.assistant.passages import (
    Act,
    Passage,
    Sum,
    Topic,
    catalogue_passages,
    help_passages,
    law_passages,
    parse_act,
    parse_topics,
    remedy_passages,
)
from sild.catalogue import Profile, PublicService, Screen
from sild.errors import CallerError
from sild.i18n import shipped_texts
from sild.rules import shipped_packages

__all__ = ["load_acts", "load_passages", "load_topics"]


def load_acts(country: str) -> tuple[Act, ...]:
    """packs/law/<country>/*.toml. Raises CallerError (`invalid_law`)."""
    folder = resources.files("sild") / "packs" / "law" / country.lower()
    return tuple(parse_act(tomllib.loads(file.read_text("utf-8"))) for file in _toml(folder))


def load_topics() -> tuple[Topic, ...]:
    """packs/*/help.toml. Raises CallerError (`invalid_help`)."""
    packs = sorted((resources.files("sild") / "packs").iterdir(), key=lambda entry: entry.name)
    files = [pack / "help.toml" for pack in packs if (pack / "help.toml").is_file()]
    return tuple(topic for file in files for topic in parse_topics(tomllib.loads(file.read_text("utf-8"))))


def load_passages(
    profile: Profile, services: Sequence[PublicService], screens: Mapping[str, Screen], *, at: date
) -> tuple[Passage, ...]:
    """Help of services that the country does not have is left out; sums in it are those in force `at`.

    Raises CallerError (also `double_passage`).
    """
    texts = shipped_texts(Path(__file__).parent / "texts")
    known = {service.id for service in services}
    topics = [
        topic
        for topic in load_topics()
        if (topic.service is None or topic.service in known)
        and (not topic.countries or profile.country in topic.countries)
    ]
    found = (
        *help_passages(topics, profile, _in_force(profile.country, at), texts),
        *catalogue_passages(services, screens, profile, texts),
        *remedy_passages(profile, texts),
        *law_passages(load_acts(profile.country)),
    )
    ids = [passage.id for passage in found]
    if len(set(ids)) != len(ids):
        double = next(one for one in ids if ids.count(one) > 1)
        raise CallerError(f"two passages are {double}", code="double_passage")
    return found


def _in_force(country: str, at: date) -> dict[str, Sum]:
    """Of all rule packages of a country, of the newest versions: `ee-family-benefits:birth_grant`."""
    own = (package for package in shipped_packages().values() if package.head.country == country)
    return {
        f"{package.name}:{path}": (str(value.value), value.unit)
        for package in sorted(own, key=lambda one: [int(part) for part in one.version.split(".")])
        for path, values in package.parameters.items()
        for value in values
        if value.valid_from <= at
    }


def _toml(folder: Traversable) -> Iterator[Traversable]:
    if folder.is_dir():
        yield from sorted(
            (file for file in folder.iterdir() if file.name.endswith(".toml")), key=lambda file: file.name
        )
