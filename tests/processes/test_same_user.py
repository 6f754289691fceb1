"""Commands beside a server of another user: refused before anything is made that the server could not read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from sild.central_server import CentralServer
from sild.errors import CallerError
from sild.processes.central_server import command as central_server
from sild.processes.security_server import command as security_server

NOBODY = 65534

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


def refused(command: object, *arguments: str) -> str:
    result = CliRunner().invoke(command, arguments, standalone_mode=False)  # type: ignore[arg-type] # click's commands
    assert isinstance(result.exception, CallerError), result.output
    return result.exception.message


def test_a_security_server(tmp_path: Path) -> None:
    config, made = tmp_path / "ss.toml", tmp_path / "state/internal-tls.pem"
    config.write_text('owner = "DEV:COM:1"\nserver_code = "SS"\nanchor = "anchor.xml"\ndirectory = "state"\n')
    made.parent.mkdir()
    made.write_text("")
    os.chown(made, NOBODY, NOBODY)
    assert "sudo -u nobody sild" in refused(security_server, "states", "--config", str(config))
    assert list(made.parent.iterdir()) == [made]


def test_a_central_server(tmp_path: Path) -> None:
    config, directory = tmp_path / "cs.toml", tmp_path / "state"
    config.write_text(
        'directory = "state"\ninstance_identifier = "DEV"\naddress = "cs.example.org"\npin = "1234"\n'
    )
    CentralServer.create(directory, instance_identifier="DEV", address="cs.example.org", pin="1234").close()
    result = CliRunner().invoke(central_server, ["requests", "list", "--config", str(config)])
    assert (result.exit_code, result.output) == (0, "0 of 0\n")
    os.chown(directory / "keys/softtoken.p12", NOBODY, NOBODY)
    assert "sudo -u nobody sild" in refused(central_server, "tls", "renew", "--config", str(config))
    assert not (directory / "ssl").exists()
