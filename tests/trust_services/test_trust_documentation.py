"""The statements of docs/pki.md and docs/trust_services.md are run; every setting and endpoint is documented."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from sild.processes.trust import TrustSettings
from sild.trust_services.http import ROUTES

DOCS = Path(__file__).resolve().parents[2] / "docs"


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)


@pytest.mark.parametrize("page", ["pki.md", "trust_services.md"])
def test_the_programs_run(page: str) -> None:
    (program,) = blocks(page, "python")
    exec(compile(program, page, "exec"), {})


def test_the_settings_are_right_and_all_there() -> None:
    (settings,) = blocks("trust_services.md", "toml")
    read = TrustSettings.model_validate(tomllib.loads(settings))
    assert read.listen[0].port == 8888
    page = (DOCS / "trust_services.md").read_text()
    assert [
        field
        for field in TrustSettings.model_fields
        if f"| `{field}`" not in page and f", `{field}`" not in page
    ] == []


def test_every_endpoint_is_there() -> None:
    page = (DOCS / "trust_services.md").read_text()
    for method, path, _handler, _access in ROUTES:
        assert f"{method} {path.partition('{')[0]}" in page
