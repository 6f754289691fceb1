"""An instance told in settings, and the process that applies and serves it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from central_world import MANAGEMENT, OTHER, OTHER_SUBSYSTEM, PROFILE, SERVER, empty_central_server

from sild.central_server import CentralServer, InstanceContents, apply_contents
from sild.errors import CallerError
from sild.pki import der
from sild.processes.central_server import CentralServerSettings, run
from sild.settings import read_settings
from sild.xroad.globalconf import parse_anchor
from support.pki import Pki

TOML = """
directory = "state"
instance_identifier = "DEV"
address = "127.0.0.1"
pin = "1234"
regeneration_seconds = 0.2
listen = [{ port = 0 }]

[instance]
signing_keys = "EC"
management_service_provider = "DEV:COM:1234:Management"

[instance.member_classes]
COM = "Companies"

[[instance.members]]
member_class = "COM"
member_code = "1234"
name = "Company"
subsystems = [{ code = "Management" }]
"""


@pytest.fixture
def files(tmp_path: Path, pki: Pki, shared: Path) -> Path:
    (tmp_path / "ca.der").write_bytes(der(pki.ca.certificate))
    (tmp_path / "int.der").write_bytes(der(pki.intermediate().certificate))
    (tmp_path / "ocsp.der").write_bytes(der(pki.ocsp.certificate))
    (tmp_path / "tsa.der").write_bytes(der(pki.tsa.certificate))
    (tmp_path / "auth.der").write_bytes(der(pki.auth_credential().certificate))
    anchor = shared / "globalconf" / "anchors" / "trusted-anchor.xml"
    (tmp_path / "partner.xml").write_bytes(anchor.read_bytes())
    part = shared / "globalconf" / "parts" / "valid-monitoring-params.xml"
    (tmp_path / "monitoring.xml").write_bytes(part.read_bytes())
    return tmp_path


CONTENTS = {
    "signing_keys": "EC",
    "member_classes": {"COM": "Companies", "GOV": "Government"},
    "members": [
        {
            "member_class": "COM",
            "member_code": "1234",
            "name": "Company",
            "subsystems": [{"code": "Management"}],
        },
        {
            "member_class": "GOV",
            "member_code": "5678",
            "name": "Ministry",
            "subsystems": [{"code": "Registry", "name": "Register"}],
        },
    ],
    "management_service_provider": str(MANAGEMENT),
    "management_service_certificate": "auth.der",
    "certification_services": [
        {
            "certificate": "ca.der",
            "certificate_profile_info": PROFILE,
            "ocsp_responders": [{"url": "http://ocsp", "certificate": "ocsp.der"}],
            "intermediate_cas": [{"certificate": "int.der", "ocsp_responders": [{"url": "http://ocsp2"}]}],
        }
    ],
    "timestamping_services": [{"url": "http://tsa", "certificate": "tsa.der", "cost_type": "FREE"}],
    "security_servers": [
        {
            "owner": "DEV:COM:1234",
            "server_code": "SS0",
            "address": "ss0",
            "auth_certificates": ["auth.der"],
            "clients": [str(MANAGEMENT), str(OTHER_SUBSYSTEM)],
        }
    ],
    "global_groups": [{"code": "all", "description": "All", "members": [str(OTHER)]}],
    "trusted_anchors": ["partner.xml"],
    "configuration_parts": {"MONITORING": "monitoring.xml"},
    "system_parameters": {"ocspFreshnessSeconds": 600},
}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[CentralServer]:
    server = empty_central_server(tmp_path / "cs")
    yield server
    server.close()


def test_contents_are_applied_once(server: CentralServer, files: Path) -> None:
    contents = InstanceContents.model_validate(CONTENTS)
    apply_contents(server, contents, base=files)
    server.publish()
    assert [client.client.id for client in server.clients(SERVER)] == [MANAGEMENT, OTHER_SUBSYSTEM]
    rows = server.audit_log()
    apply_contents(server, contents, base=files)
    assert server.audit_log() == rows


def test_contents_bring_up_to_date_and_delete_nothing(server: CentralServer, files: Path) -> None:
    apply_contents(server, InstanceContents.model_validate(CONTENTS), base=files)
    last = server.audit_log()[-1].id
    changed = json.loads(json.dumps(CONTENTS))
    changed["members"][1]["name"] = "Ministry of bridges"
    changed["members"][1]["subsystems"] = []
    changed["member_classes"]["COM"] = "Private companies"
    changed["certification_services"][0]["tls_auth"] = True
    changed["certification_services"][0]["ocsp_responders"][0]["cost_type"] = "PAID"
    changed["timestamping_services"][0]["cost_type"] = "PAID"
    changed["security_servers"][0]["address"] = "ss0.example.org"
    changed["global_groups"][0]["description"] = "Everybody"
    changed["global_groups"][0]["members"] = ["DEV:COM:1234"]
    apply_contents(server, InstanceContents.model_validate(changed), base=files)
    assert [row.event for row in server.audit_log(after_id=last)] == [
        "edit_member_class",
        "edit_member_name",
        "edit_certification_service_settings",
        "edit_ocsp_responder",
        "edit_timestamping_service",
        "address_change",
        "edit_global_group_description",
        "add_members_to_global_group",
    ]
    assert server.subsystems(OTHER)[0].name == "Register"
    assert len(server.global_group_members("all")) == 2


def test_contents_that_fail_change_nothing(server: CentralServer, files: Path) -> None:
    (files / "tsa.der").write_bytes(b"nonsense")
    rows = server.audit_log()
    with pytest.raises(CallerError, match="invalid_certificate"):
        apply_contents(server, InstanceContents.model_validate(CONTENTS), base=files)
    assert server.audit_log() == rows
    (files / "tsa.der").unlink()
    with pytest.raises(CallerError, match=r"tsa\.der: No such file"):
        apply_contents(server, InstanceContents.model_validate(CONTENTS), base=files)


def test_an_identifier_that_is_none() -> None:
    with pytest.raises(ValueError, match="management_service_provider"):
        InstanceContents.model_validate({"management_service_provider": "COM:1234"})


MAIN = "from sild.cli import main; main()"


def run_process(config: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", MAIN, "central-server", "--config", str(config)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )


def fetch(url: str) -> bytes:
    """The first answer that is not 404."""
    deadline = time.monotonic() + 10
    while True:
        try:
            with urlopen(url) as response:
                return bytes(response.read())
        except HTTPError as error:
            error.close()
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def test_the_process_serves_and_ends_when_asked(tmp_path: Path) -> None:
    config = tmp_path / "central-server.toml"
    config.write_text(TOML)
    for _start in range(2):  # created, then opened again
        with run_process(config) as process:
            assert process.stdout is not None
            started = json.loads(process.stdout.readline())
            (address,) = started["addresses"]
            assert b"Version: 6" in fetch(f"{address}/internalconf?version=6")
            process.send_signal(signal.SIGTERM)
            _, log = process.communicate(timeout=10)
        assert process.returncode == 0, log
        assert "publisher.published" in log
    server = CentralServer.open(tmp_path / "state")
    assert parse_anchor(server.anchor("INTERNAL").file).instance_identifier == "DEV"
    server.close()


@pytest.mark.parametrize(
    ("line", "replacement", "complaint"),
    [
        ('pin = "1234"', "", "either pin or pin_file"),
        ("regeneration_seconds = 0.2", "regeneration_secs = 1", "regeneration_secs"),
        ('signing_keys = "EC"', 'signing_keys = "DSA"', "instance.signing_keys"),
        ('pin = "1234"', 'pin_file = "missing"', "missing: No such file"),
    ],
)
def test_settings_that_are_wrong_are_named(
    tmp_path: Path, line: str, replacement: str, complaint: str
) -> None:
    config = tmp_path / "central-server.toml"
    config.write_text(TOML.replace(line, replacement))
    with pytest.raises(CallerError, match=re.escape(complaint)):
        asyncio.run(run(read_settings(CentralServerSettings, config), base=tmp_path))
