"""`sild identity`: the example of its page, started as a process; settings that are refused."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from sild.errors import CallerError
from sild.processes.identity import IdentitySettings
from sild.settings import read_settings

SETTINGS = """
directory = "state"
issuer = "http://localhost:8600"
key_password = "secret"
certificate_status = "off"
listen = [{ port = 0 }]
"""


def test_it_serves_and_ends_when_asked(tmp_path: Path) -> None:
    (tmp_path / "identity.toml").write_text(SETTINGS)
    program = [
        sys.executable,
        "-c",
        "from sild.cli import main; main()",
        "identity",
        "--config",
        str(tmp_path / "identity.toml"),
    ]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            said = process.stdout.readline()
            assert said, process.communicate()[1]
            (address,) = json.loads(said)["addresses"]
            told = requests.get(f"{address}/.well-known/openid-configuration", timeout=10).json()
            assert told["issuer"] == "http://localhost:8600"
            assert told["code_challenge_methods_supported"] == ["S256"]
            assert (tmp_path / "state" / "identity-provider.db").exists()
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ('issuer = "http://login.example"', "issuer"),
        ('issuer = "https://login.example/"', "issuer"),
        ('certificate_url = "https://other.example"', "certificate_url"),
        ('time_zone = "Mars"', "time_zone"),
        ("passwords = 1", "passwords"),
        (
            'clients = [{ client_id = "x", name = "x", jwks = "{}", secret_sha256 = "' + "0" * 64 + '" }]',
            "either",
        ),
        ('test_people = [{ subject = "mari", given_name = "M", family_name = "M" }]', "subject"),
    ],
)
def test_settings_that_are_refused(tmp_path: Path, change: str, why: str) -> None:
    name = change.partition(" ")[0]
    kept = [line for line in SETTINGS.splitlines() if not line.startswith(name + " ")]
    (tmp_path / "identity.toml").write_text("\n".join([*kept, change]))
    with pytest.raises(CallerError, match=why):
        read_settings(IdentitySettings, tmp_path / "identity.toml")
