"""A registrar beside a running central server: requests come in over TLS, are listed, decided, and published."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from central_world import INSTANCE, OTHER_SUBSYSTEM, PIN, SERVER, SetClock
from click.testing import CliRunner, Result
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from management_world import NEW_SERVER, Requests, Services, Signed

from sild.central_server import CentralServer
from sild.cli import cli
from sild.errors import CallerError
from sild.pki import CertificateProfile, certificate_hash, der
from sild.processes.central_server import CentralServerSettings, ManagementServiceSettings
from sild.xroad.identifiers import ClientId
from sild.xroad.management import AuthCertRegistration, ClientDeletion, ClientRegistration
from support.pki import Credential, Pki

NEW_SUBSYSTEM = ClientId(INSTANCE, "GOV", "5678", "New")
TOML = f"""
directory = "state"
instance_identifier = "{INSTANCE}"
address = "cs.example.org"
pin = "{PIN}"
regeneration_seconds = 60
listen = [{{ port = 0 }}]
auto_approve_client_reg_requests = true

[registration_service]
port = 0

[management_service]
port = 0
clients = ["internal.crt"]
"""


@pytest.fixture
def internal(pki: Pki) -> Credential:
    """The internal TLS certificate of the management security server."""
    return pki.tls_credential("ss0.example.org")


@pytest.fixture
def config(tmp_path: Path, filled_directory: Path, internal: Credential) -> Path:
    shutil.copytree(filled_directory, tmp_path / "state")
    (tmp_path / "state" / "keys").chmod(0o700)
    (tmp_path / "internal.crt").write_bytes(internal.certificate.public_bytes(Encoding.PEM))
    config = tmp_path / "central-server.toml"
    config.write_text(TOML)
    return config


@pytest.fixture
def running(config: Path, internal: Credential) -> Iterator[tuple[Services, str]]:
    program = "from sild.cli import main; main()"
    command = [sys.executable, "-c", program, "central-server", "--config", str(config)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        source, registration, management = json.loads(process.stdout.readline())["addresses"]
        services = Services(
            f"{registration}/managementservice/",
            f"{management}/managementservice/manage/",
            internal,
        )
        yield services, source
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def sild(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["central-server", *map(str, arguments)])


def listed(config: Path, *options: str) -> list[dict[str, Any]]:
    result = sild("requests", "list", "--config", config, "--json", *options)
    assert result.exit_code == 0, result.output
    found: list[dict[str, Any]] = json.loads(result.output)["items"]
    return found


def test_requests_are_decided_while_the_server_runs(
    running: tuple[Services, str], config: Path, pki: Pki
) -> None:
    services, source = running
    requests = Requests(pki, SetClock(datetime.now(UTC)))
    number = asyncio.run(services.register(requests.registration()))
    approved = asyncio.run(services.manage(requests.by_client(ClientRegistration(SERVER, NEW_SUBSYSTEM))))
    assert isinstance(number, int), number
    assert isinstance(approved, int), approved
    assert [item["id"] for item in listed(config)] == [approved, number]
    (pending,) = listed(config, "--pending")
    assert pending["security_server"] == str(NEW_SERVER)
    assert pending["address"] == "ss1.example.org"
    assert (pending["status"], pending["owner_name"]) == ("WAITING", "Ministry & sons")
    decided = sild("requests", "approve", "--config", config, "--json", str(number))
    assert json.loads(decided.output)["status"] == "APPROVED"
    assert published(source, "<address>ss1.example.org</address>")
    with urlopen(f"{source}/managementservices.wsdl") as answer:
        assert b'location="https://cs.example.org:4002/managementservice/manage/"' in answer.read()
    deletion = Signed(requests.soap(ClientDeletion(SERVER, OTHER_SUBSYSTEM)))
    assert isinstance(asyncio.run(services.manage(deletion)), int)


def published(source: str, text: str) -> bool:
    """Within some seconds, although the regular interval is a minute."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with urlopen(f"{source}/internalconf?version=6") as answer:
            directory = answer.read().decode()
        (location,) = [
            line.split(": ")[1]
            for line in directory.splitlines()
            if line.startswith("Content-location") and "shared-params" in line
        ]
        with urlopen(source + location) as answer:
            if text in answer.read().decode():
                return True
        time.sleep(0.1)
    return False


def test_listing_changes_nothing_and_deciding_is_all_or_nothing(config: Path) -> None:
    server = CentralServer.open(config.parent / "state")
    first = server.submit_management_request(ClientRegistration(SERVER, NEW_SUBSYSTEM, "Name"))
    own = server.submit_management_request(
        ClientRegistration(SERVER, NEW_SUBSYSTEM.member), origin="CENTER", comments="letter 7"
    )
    revision = server.revision
    text = sild("requests", "list", "--config", config, "--query", "5678").output
    assert text.splitlines()[-1] == "2 of 2"
    assert (
        f"{first.id:>6}  WAITING                 CLIENT_REGISTRATION_REQUEST      {SERVER}  {NEW_SUBSYSTEM} Name"
        in text
    )
    assert listed(config, "--status", "WAITING", "--kind", "OWNER_CHANGE_REQUEST") == []
    assert server.revision == revision
    failed = sild("requests", "approve", "--config", config, str(first.id), "99")
    assert isinstance(failed.exception, CallerError)
    assert failed.exception.code == "management_request_not_found"
    assert server.revision == revision
    declined = sild("requests", "decline", "--config", config, str(first.id), str(own.id))
    assert [line.split()[1] for line in declined.output.splitlines()] == ["DECLINED", "REVOKED"]
    row = server.audit_log(after_id=0)[-1]
    assert row.event == "decline_management_request"
    assert row.actor.startswith("local user ")
    server.close()


def test_a_registrar_asks_first(config: Path, pki: Pki, tmp_path: Path) -> None:
    """Then the servers' own requests take effect without another decision."""
    requests = Requests(pki, SetClock())
    file = tmp_path / "auth.pem"
    file.write_bytes(requests.auth.certificate.public_bytes(Encoding.PEM))
    asked = sild("requests", "add-certificate", "--config", config, "--json", str(NEW_SERVER), file)
    assert (json.loads(asked.output)["origin"], json.loads(asked.output)["status"]) == ("CENTER", "WAITING")
    client = sild(
        "requests", "add-client", "--config", config, str(SERVER), str(NEW_SUBSYSTEM),
        "--name", "New", "--comments", "letter 7",
    )  # fmt: skip
    assert client.output.split()[1:3] == ["WAITING", "CLIENT_REGISTRATION_REQUEST"]
    server = CentralServer.open(config.parent / "state")
    certificate = der(requests.auth.certificate)
    for request in (
        AuthCertRegistration(NEW_SERVER, "ss1.example.org", certificate),
        ClientRegistration(SERVER, NEW_SUBSYSTEM),
    ):
        assert server.submit_management_request(request).status == "APPROVED"
    assert server.subsystems(NEW_SUBSYSTEM)[0].name == "New"
    server.close()
    for wrong in ("DEV:COM:1234", "DEV:COM:1234:Sub:SS1", "nonsense", "DEV:COM:1234:"):
        refused = sild("requests", "add-client", "--config", config, wrong, str(NEW_SUBSYSTEM))
        assert isinstance(refused.exception, CallerError), wrong


def test_the_tls_key_is_renewed_and_certified(config: Path, pki: Pki, tmp_path: Path) -> None:
    renewed = sild("tls", "renew", "--config", config)
    server = CentralServer.open(config.parent / "state")
    pinned = server.management_service_certificate()
    assert pinned is not None
    assert certificate_hash(pinned).hex() == renewed.output.strip()
    request = x509.load_pem_x509_csr(sild("tls", "request", "--config", config).output.encode())
    assert request.subject.rfc4514_string() == "CN=cs.example.org"
    key = server.management_service_tls().key
    issued = pki.issue(CertificateProfile.TLS, request.subject, key=key)
    file = tmp_path / "issued.crt"
    file.write_bytes(
        issued.certificate.public_bytes(Encoding.PEM) + pki.ca.certificate.public_bytes(Encoding.PEM)
    )
    assert sild("tls", "import", "--config", config, file).exit_code == 0
    assert server.management_service_certificate() == der(issued.certificate)
    assert len(server.management_service_tls().chain) == 2
    file.write_bytes(pki.ca.certificate.public_bytes(Encoding.PEM))
    refused = sild("tls", "import", "--config", config, file)
    assert isinstance(refused.exception, CallerError)
    assert refused.exception.code == "key_not_found"
    mode = (config.parent / "state" / "ssl" / "management-service.pem").stat().st_mode
    assert mode & 0o777 == 0o600
    server.close()


def test_who_may_reach_the_management_service_must_be_said() -> None:
    for wrong in ({}, {"clients": ["a.crt"], "any_client": True}):
        with pytest.raises(ValueError, match="either clients or any_client"):
            ManagementServiceSettings.model_validate(wrong)
    settings = ManagementServiceSettings.model_validate({"any_client": True})
    assert settings.port == 4002


def test_options_in_the_wrong_place(config: Path) -> None:
    assert (
        "--config goes behind requests"
        in sild("--config", config, "requests", "list", "--config", config).output
    )
    assert "Missing option '--config'" in sild().output


def test_the_settings_decide_what_is_approved_automatically() -> None:
    settings = CentralServerSettings.model_validate(
        {
            "directory": "d",
            "instance_identifier": "DEV",
            "address": "a",
            "pin": "1",
            "auto_approve_owner_change_requests": True,
        }
    )
    assert settings.automatic_approval.owner_change
    assert not settings.automatic_approval.auth_cert_registration


def test_no_central_server_there_is_said_and_nothing_is_made(tmp_path: Path) -> None:
    config = tmp_path / "central-server.toml"
    config.write_text(TOML)
    result = CliRunner().invoke(cli, ["central-server", "requests", "list", "--config", str(config)])
    assert isinstance(result.exception, CallerError) and "start it first" in str(result.exception)
    assert not (tmp_path / "state").exists()
