"""docs/configuration_proxy.md: its settings and program run, every setting and command stands in it."""

from __future__ import annotations

import re
import textwrap
import tomllib
from pathlib import Path
from typing import Any

import click
import pytest

from configuration_proxy.proxy_world import ProxyWorld
from sild.clock import system_clock
from sild.processes.configuration_proxy import ConfigurationProxyProcessSettings, command

PAGE = (Path(__file__).resolve().parents[2] / "docs/configuration_proxy.md").read_text()


def block(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(found)


def test_the_settings_are_right_and_all_there() -> None:
    read = ConfigurationProxyProcessSettings.model_validate(tomllib.loads(block("toml")))
    assert [listen.port for listen in read.listen] == [80, 443]
    for name in ConfigurationProxyProcessSettings.model_fields:
        assert re.search(rf"^\| [^|]*`{name}`", PAGE, re.MULTILINE), name


def test_every_command_is_there() -> None:
    assert isinstance(command, click.Group)
    for name in command.commands:
        assert re.search(rf"^\| `{name}\b", PAGE, re.MULTILINE), name
    for line in block("sh").splitlines():
        assert line.split()[2] in command.commands


async def test_the_program_runs(world: ProxyWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world.clock.at = system_clock()
    world.source.server.publish()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    program = "async def program():\n" + textwrap.indent(block("python"), "    ") + "    return versions\n"
    names: dict[str, Any] = {"source_anchor": world.source.anchor()}
    exec(compile(program, "configuration_proxy.md", "exec"), names)
    assert await names["program"]() == (6, 5, 4, 3, 2)
    assert Path("anchor.xml").exists()
