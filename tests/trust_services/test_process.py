"""`sild trust --config FILE` as operators run it, asked by OpenSSL and by a plain HTTP client."""

from __future__ import annotations

import http.client
import json
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from trust_world import certificate_request, form

from sild.errors import CallerError
from sild.pki import (
    DigestAlgorithm,
    build_timestamp_request,
    parse_timestamp_response,
    read_certificate,
    verify_timestamp,
)
from sild.processes.trust import TrustSettings
from sild.settings import read_settings
from sild.trust_services import TrustServices

SETTINGS = """
directory = "state"
password_file = "password"
name = "Test"
signing_form = true
listen = [{ port = 0 }]
"""


@contextmanager
def running(directory: Path, settings: str = SETTINGS) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The address of a process with these settings; it must end by itself when asked to."""
    (directory / "password").write_text("secret\nnot this line\n")
    config = directory / "trust.toml"
    config.write_text(settings)
    program = [sys.executable, "-c", "from sild.cli import main; main()", "trust", "--config", str(config)]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            said = process.stdout.readline()
            assert said, process.communicate()[1]
            (address,) = json.loads(said)["addresses"]
            yield address, process
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
        finally:
            process.kill()


def fetch(url: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> bytes:
    request = urllib.request.Request(url, data=body, headers=headers or {})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return bytes(answer.read())


def test_the_whole_life_of_a_certificate(tmp_path: Path) -> None:
    with running(tmp_path) as (address, _process):
        ca = tmp_path / "ca.pem"
        ca.write_bytes(fetch(f"{address}/services/ca.pem"))
        body, headers = form([("certreq", "sign_csr_1.der", certificate_request())])
        member = tmp_path / "member.pem"
        member.write_bytes(fetch(f"{address}/testca/sign", body, headers))
        tsa = read_certificate(fetch(f"{address}/services/tsa.der"))
        query = build_timestamp_request(DigestAlgorithm.SHA512.digest(b"data"))
        answer = fetch(f"{address}/tsa", query, {"content-type": "application/timestamp-query"})
        assert verify_timestamp(parse_timestamp_response(answer), data=b"data", tsa_certificates=[tsa])
        if shutil.which("openssl") is not None:
            told = subprocess.run(
                ["openssl", "ocsp", "-url", f"{address}/ocsp", "-issuer", ca, "-cert", member, "-CAfile", ca],
                capture_output=True, text=True, check=False,
            )  # fmt: skip
            assert "Response verify OK" in told.stderr
            assert "member.pem: good" in told.stdout
    assert not (tmp_path / "state/trust.sqlite-wal").exists()
    with running(tmp_path) as (address, _process):  # the same authority after a restart
        assert fetch(f"{address}/services/ca.pem") == ca.read_bytes()


def test_a_kept_alive_connection_does_not_hold_up_the_end(tmp_path: Path) -> None:
    with running(tmp_path) as (address, _process):
        idle = http.client.HTTPConnection(address.removeprefix("http://"), timeout=20)
        idle.request("GET", "/services/ca.pem")
        assert read_certificate(idle.getresponse().read()).public_bytes(Encoding.PEM)
    idle.close()


def test_killed_it_loses_nothing(tmp_path: Path) -> None:
    body, headers = form([("certreq", "sign_csr_1.der", certificate_request())])
    (tmp_path / "password").write_text("secret")
    with pytest.raises(AssertionError), running(tmp_path) as (address, process):
        issued = read_certificate(fetch(f"{address}/testca/sign", body, headers))
        process.kill()
    services = TrustServices.open(tmp_path / "state", password="secret")
    assert services.certificate(issued.serial_number).subject == "CN=1234,O=Member"
    services.close()


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ('directory = "x"', "password"),
        ('directory = "x"\npassword = "a"\npassword_file = "b"', "password"),
        ('directory = "x"\npassword = "a"\nkey_kind = "rsa-1024"', "key_kind"),
        ('directory = "x"\npassword = "a"\ntimestamp_policy = "mine"', "timestamp_policy"),
        ('directory = "x"\npassword = "a"\napi_keys = { desk = "in clear" }', "api_keys"),
        ('directory = "x"\npassword = "a"\nsigning_from = true', "signing_from"),
        ('directory = "x"\npassword = "a"\nseal_bodies = { tax = "DEV/GOV/1" }', "no key in api_keys"),
        ('directory = "x"\npassword = "a"\nperson_holders = ["pen"]', "person_holders need a key"),
    ],
)
def test_settings_that_are_refused(tmp_path: Path, settings: str, why: str) -> None:
    (tmp_path / "trust.toml").write_text(settings)
    with pytest.raises(CallerError, match=why):
        read_settings(TrustSettings, tmp_path / "trust.toml")


def test_a_wrong_password_is_one_line(tmp_path: Path) -> None:
    with running(tmp_path):
        pass
    with pytest.raises(AssertionError, match="pin_incorrect"):
        with running(tmp_path, SETTINGS.replace('password_file = "password"', 'password = "guess"')):
            pass
