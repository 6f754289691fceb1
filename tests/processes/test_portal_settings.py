"""`sild portal` does not start on what is missing, open or contradicts itself, and says what to do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sild.errors import CallerError
from sild.portal import PortalSettings
from sild.processes.portal import PortalProcessSettings
from sild.settings import read_settings

SECRETS = 'client_secret_file = "client.secret"\nkey_password_file = "keys.password"\n'
ADDRESSES = 'url = "https://portal.example"\nissuer = "https://login.example"\nsecurity_server = "http://127.0.0.1:8080"\n'
CASES = (
    '[cases]\nsystem = "SILD/GOV/70000001/portal"\ndecisions = "SILD/GOV/70000005/cases"\n'
    'registers = { population = "GOV/70000002/population" }\n'
)
WHOLE = f'directory = "state"\n{ADDRESSES}{SECRETS}{CASES}'


def settings(directory: Path, text: str) -> PortalSettings:
    (directory / "portal.toml").write_text(text)
    return read_settings(PortalProcessSettings, directory / "portal.toml").placed(directory)


def secrets(directory: Path, client: str = "c" * 40, keys: str = "of keys") -> None:
    (directory / "client.secret").write_text(f"{client}\n")
    (directory / "keys.password").write_text(f"{keys}\n")


def test_what_is_whole_is_read_with_the_countrys_own_words_and_days(tmp_path: Path) -> None:
    secrets(tmp_path)
    read = settings(tmp_path, WHOLE)
    assert read.client_secret.get_secret_value() == "c" * 40
    assert read.directory == tmp_path / "state"
    assert (read.time_zone, read.languages[0]) == ("Europe/Tallinn", "et")
    viet_nam = settings(tmp_path, WHOLE.replace("[cases]", '[cases]\ncountry = "VN"'))
    assert (viet_nam.time_zone, viet_nam.languages[0]) == ("Asia/Ho_Chi_Minh", "vi")
    assert "c" * 40 not in repr(read) and "of keys" not in repr(read)


@pytest.mark.parametrize(
    ("was", "given", "why"),
    [
        (SECRETS, "", "give either client_secret or client_secret_file"),
        (SECRETS, f'{SECRETS}client_secret = "hunter2"\n', "give either client_secret or client_secret_file"),
        ("client.secret", "none.secret", "none.secret: No such file"),
        ("https://login.example", "http://login.example", "issuer: must be https, or http://localhost"),
        ("https://portal.example", "http://portal.example", "url: must be https, or http://localhost"),
        ("http://127.0.0.1:8080", "http://ss1.example:8080", "security_server: must be https, or http to an address"),
        (SECRETS, f"{SECRETS}secrets = 1\n", "secrets: no such setting"),
        ("[cases]", '[cases]\ndatabse = "x"', "cases.databse: no such setting"),
        ("[cases]", '[cases]\ncountry = "../x"', "cases.country: String should match"),
        ("[cases]", '[cases]\ncountry = "ZZ"', "no country ZZ ships"),
        ("GOV/70000002/population", "population", "cases.registers.population: String should match"),
        ("SILD/GOV/70000001/portal", "GOV/70000001/portal", "cases.system: String should match"),
        (SECRETS, f'{SECRETS}database = "postgresql://db/x"\n', "database and cases.database go together"),
        ("[cases]", '[cases]\ndatabase = "postgresql://db/x"', "database and cases.database go together"),
        ("[cases]", '[signing]\nauthorities = "ca.pem"\n[cases]', "signing needs time_stamps"),
        ("[cases]", "[[events_listen]]\nhost = '0.0.0.0'\nport = 1\n[cases]", "0.0.0.0 is not this machine's loopback"),
        ("[cases]", "[[events_listen]]\nhost = 'portal'\nport = 1\n[cases]", "portal is not this machine's loopback"),
        (
            "[cases]",
            "[[decisions.listen]]\nhost = '::'\nport = 1\ncertificate = 'a'\nkey = 'b'\n[cases]",
            ":: is not this machine's loopback: give certificate, key and client_certificates",
        ),
        (
            "[cases]",
            "[[events_listen]]\nport = 1\nclient_certificates = ['x.pem']\n[cases]",
            "client_certificates go with a certificate and a key",
        ),
        (SECRETS, f'{SECRETS}assistant_gateway_url = "https://gateway.example"\n', "go together"),
    ],
)  # fmt: skip
def test_what_is_refused(tmp_path: Path, was: str, given: str, why: str) -> None:
    secrets(tmp_path)
    assert was in WHOLE
    with pytest.raises(CallerError) as refused:
        settings(tmp_path, WHOLE.replace(was, given, 1))
    assert why in refused.value.message
    assert "hunter2" not in refused.value.message and "cccc" not in refused.value.message


@pytest.mark.parametrize(
    ("client", "keys", "which"), [("", "x", "client.secret"), ("x", "  ", "keys.password")]
)
def test_an_empty_secret_is_none(tmp_path: Path, client: str, keys: str, which: str) -> None:
    secrets(tmp_path, client, keys)
    with pytest.raises(CallerError, match=f"{which} is empty"):
        settings(tmp_path, WHOLE)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('certificate_authorities = "none.pem"', "certificate_authorities: "),
        ('security_server_tls = { server_certificate = "none.pem" }', "TLS settings for an http address"),
        (
            'assistant_gateway_url = "https://gateway.example"\nassistant_gateway_key_file = "none.key"',
            "none.key",
        ),
    ],
)
def test_files_that_are_missing_end_it_with_one_line(tmp_path: Path, line: str, why: str) -> None:
    secrets(tmp_path)
    config = tmp_path / "portal.toml"
    config.write_text(f"{line}\n{WHOLE}")
    done = subprocess.run(
        [sys.executable, "-m", "sild", "portal", "--config", str(config)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2, done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("sild: ") and why in last, done.stderr
    assert "Traceback" not in done.stderr
