"""What the pages say is so: settings they show are read, every parameter and method they name exists."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from sild.central_server import CentralServer
from sild.central_server.parameters import PARAMETERS
from sild.processes.central_server import CentralServerSettings
from sild.processes.registry import RegistrySettings

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = (DOCS / "central_server.md").read_text()


def toml_of(page: str) -> dict[str, object]:
    found = re.search(r"```toml\n(.*?)```", page, re.DOTALL)
    assert found is not None
    return tomllib.loads(found[1])


def test_the_settings_shown_are_read() -> None:
    settings = CentralServerSettings.model_validate(toml_of(PAGE))
    assert settings.instance.global_groups[0].code == "everyone"
    RegistrySettings.model_validate(toml_of((DOCS / "registries.md").read_text()))


def test_every_system_parameter_is_named() -> None:
    for name in PARAMETERS:
        assert f"`{name}`" in PAGE or f"`...{name.removeprefix('managementServiceProvider')}`" in PAGE


def test_every_method_named_exists() -> None:
    table = re.search(r"\| part \| methods \|\n(.*?)\n\n", PAGE, re.DOTALL)
    assert table is not None
    for name in re.findall(r"`([a-z_/]+)`", table[1]):
        *prefixes, last = name.split("/")
        _verb, _, thing = last.partition("_")
        names = [last, *(f"{prefix}{thing}" for prefix in prefixes)]
        for method in names:
            if method != "security-server-owners":
                assert hasattr(CentralServer, method), method
