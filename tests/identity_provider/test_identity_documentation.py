"""The pages' programs run, their settings are right, and their words about routes are the routes."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from sild.identity_provider import ROUTES
from sild.openid import discovery_document
from sild.processes.identity import IdentitySettings

DOCS = Path(__file__).resolve().parents[2] / "docs"


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)


@pytest.mark.parametrize("page", ["identity_provider.md", "openid.md", "design.md"])
def test_the_programs_run(page: str) -> None:
    (program,) = blocks(page, "python")
    exec(compile(program, page, "exec"), {})


def test_the_settings_are_right() -> None:
    settings, rights = map(tomllib.loads, blocks("identity_provider.md", "toml"))
    read = IdentitySettings.model_validate(settings | rights)
    assert read.rights is not None and read.rights.business is not None
    assert read.clients[0].client.authentication == "client_secret_basic"


def test_the_discovery_document_names_what_there_is() -> None:
    paths = {route.path for route in ROUTES}
    for name, value in discovery_document("https://login.example", ("et",)).items():
        if name.endswith(("_endpoint", "_uri")):
            assert str(value).removeprefix("https://login.example") in paths


def test_every_interface_of_mandates_is_on_the_page() -> None:
    page = (DOCS / "identity_provider.md").read_text()
    for route in ROUTES:
        if route.path.startswith("/v1/"):
            assert route.path.rsplit("/", 1)[1].strip("{}").split("}")[0] in page
