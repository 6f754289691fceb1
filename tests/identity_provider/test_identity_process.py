"""`sild identity`: the example of its page, started as a process; settings that are refused."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from sild.errors import CallerError
from sild.identity_provider import IdentityProvider
from sild.processes.identity import IdentitySettings, command
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


def test_officials_and_devices_by_command(tmp_path: Path) -> None:
    config = tmp_path / "identity.toml"
    config.write_text(SETTINGS)

    def run(*words: str, status: int = 0) -> str:
        done = CliRunner().invoke(command, ["--config", str(config), *words])
        assert done.exit_code == status, (words, done.output, done.exception)
        return done.stdout.strip()

    role = run("officials", "add", "EE60001019906", "birth@0793", "70000005", "--until", "2030-12-31")
    (listed,) = run("officials", "list", "--json").splitlines()
    assert json.loads(listed) == {
        "id": role,
        "subject": "EE60001019906",
        "role": "birth@0793",
        "organisation": "70000005",
        "valid_through": "2030-12-31",
    }
    assert role in run("officials", "list")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "counter 1")])
    day = datetime(2026, 1, 1, tzinfo=UTC)
    certificate = x509.CertificateBuilder(name, name, key.public_key(), 1, day, day.replace(year=2036)).sign(
        key, SHA256()
    )
    file = tmp_path / "device.pem"
    file.write_bytes(certificate.public_bytes(Encoding.PEM))
    device = run("devices", "add", "70000005", "counter 1", "--certificate", str(file))
    assert json.loads(run("devices", "list", "--json"))["id"] == device
    run("devices", "add", "70000005", "both", status=1)
    provider = IdentityProvider(
        read_settings(IdentitySettings, config).model_copy(update={"directory": tmp_path / "state"})
    )
    try:
        with provider._store.change() as change:
            digest = certificate.fingerprint(SHA256()).hex()
            found = provider.people.find_device(change.connection, "certificate", digest, change.at)
        assert found is not None and found.organisation == "70000005"
    finally:
        provider.close()
    run("officials", "withdraw", role)
    run("devices", "withdraw", device)
    assert run("officials", "list") == run("devices", "list") == ""
    run("officials", "withdraw", "nobody's", status=1)
