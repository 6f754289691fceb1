"""`sild registry --config`: any register as a process; it serves and ends when asked."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from sild.errors import CallerError
from sild.processes.registry import KINDS, RegistrySettings
from sild.settings import read_settings
from support.asgi import serving


@pytest.mark.parametrize("kind", ["population", "residence"])
def test_the_process_serves_and_ends_when_asked(tmp_path: Path, kind: str) -> None:
    config = tmp_path / "registry.toml"
    config.write_text(
        f'kind = "{kind}"\nsystem = "DEV/GOV/1/{kind}"\ndirectory = "state"\npeople = 200\nlisten = [{{ port = 0 }}]\n'
    )
    with subprocess.Popen(
        [sys.executable, "-c", "from sild.cli import main; main()", "registry", "--config", str(config)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    ) as process:
        assert process.stdout is not None
        (address,) = json.loads(process.stdout.readline())["addresses"]
        with urlopen(f"{address}/health") as response:
            assert json.load(response)["status"] == "up"
        with urlopen(Request(f"{address}/description")) as response:
            described = json.load(response)
        assert described["@graph"][1]["@id"] == f"urn:x-road:DEV/GOV/1/{kind}"
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=10)
    assert process.returncode == 0, log
    assert (tmp_path / "state" / f"{kind}.db").exists()


def test_every_kind_of_the_settings_can_be_opened(tmp_path: Path) -> None:
    kinds = RegistrySettings.model_json_schema()["properties"]["kind"]["enum"]
    assert set(kinds) == set(KINDS)
    for kind, opening in KINDS.items():
        config = tmp_path / f"{kind}.toml"
        config.write_text(
            f'kind = "{kind}"\nsystem = "DEV/GOV/1/{kind}"\ndirectory = "{kind}"\npeople = 100\n'
        )
        opened = opening(read_settings(RegistrySettings, config), tmp_path / kind)
        try:
            assert "/usagePeriod" in opened.application.openapi()["paths"]
        finally:
            opened.close()


@pytest.mark.parametrize("kind", ["population", "insurance"])
def test_papers_name_the_issuer_of_the_settings(tmp_path: Path, kind: str) -> None:
    """Where wallets look for its keys; an address no wallet could make one of is refused."""
    config, url = tmp_path / "registry.toml", "https://portal.example/papers/card"
    text = f'kind = "{kind}"\nsystem = "DEV/GOV/1/{kind}"\ndirectory = "state"\npeople = 100\n'
    for given, issuer in ((f'credential_issuer = "{url}"\n', url), ("", f"https://{kind}.sild.example")):
        config.write_text(text + given)
        opened = KINDS[kind](read_settings(RegistrySettings, config), tmp_path / kind)
        try:
            with serving(opened.application) as site:
                assert site.get("/issuer").json()["issuer"] == issuer
        finally:
            opened.close()
    for wrong in ("portal.example", url + "/", url + "?a=b", "ftp://portal.example/card"):
        config.write_text(f'{text}credential_issuer = "{wrong}"\n')
        with pytest.raises(CallerError):
            read_settings(RegistrySettings, config)
