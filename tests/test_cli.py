"""The command `sild`: help at once, refusals in one line with status 2, settings refused by name and without their values."""

from __future__ import annotations

import logging
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from sild import __version__
from sild.cli import _COMMANDS, cli, main


def test_help_loads_no_command() -> None:
    program = (
        "import sys; from sild.cli import cli; cli(['--help'], standalone_mode=False); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30)
    help_text, modules = done.stdout.rsplit("\n", 2)[:2]
    assert all(name in help_text for name in _COMMANDS)
    assert not {"sqlalchemy", "cryptography", "asyncio", "lxml"} & set(modules.split())


@pytest.mark.parametrize("name", sorted(_COMMANDS))
def test_every_command_explains_itself(name: str) -> None:
    result = CliRunner().invoke(cli, [name, "--help"])
    assert result.exit_code == 0, result.output
    assert result.output.startswith(f"Usage: cli {name}")


def test_version_and_unknown_command() -> None:
    assert CliRunner().invoke(cli, ["--version"]).output == f"sild, version {__version__}\n"
    command = [sys.executable, "-m", "sild", "gevern"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode == 2
    assert "No such command 'gevern'" in done.stderr


SECURITY_SERVER = 'owner = "DEV:COM:1"\nserver_code = "SS1"\nanchor = "anchor.xml"\ndirectory = "state"\n'
CENTRAL_SERVER = 'directory = "state"\ninstance_identifier = "DEV"\naddress = "cs"\n'
WRONG = [
    ("security-server", SECURITY_SERVER + 'pinn = "hunter2"', "pinn: no such setting"),
    ("security-server", SECURITY_SERVER.replace("DEV:COM:1", "DEV:COM"), "owner: a client identifier is"),
    ("security-server", SECURITY_SERVER.replace("COM:1", "COM:1:Sub"), "owner: a member owns a server"),
    ("security-server", SECURITY_SERVER + 'unlogged_local_providers = ["x"]', "unlogged_local_providers: "),
    ("security-server", SECURITY_SERVER + 'pin = "hunter2"\npin_file = "pin"', "either pin or pin_file"),
    ("security-server", SECURITY_SERVER + 'pin_file = "none"', "none: No such file or directory"),
    ("security-server", SECURITY_SERVER + 'log_level = "loud"', "log_level: Input should be 'DEBUG'"),
    ("security-server", SECURITY_SERVER + "client_http_port = true", "client_http_port: a port's number, or"),
    ("security-server", 'server_code = "SS1"', "owner: is needed; anchor: is needed; directory: is needed"),
    ("trust", 'directory = "state"', "either password or password_file"),
    ("trust", 'directory = "state"\npassword = "hunter2"\nkey_kind = "dsa"', "key_kind: Input should be"),
    ("central-server", CENTRAL_SERVER + 'pin = "hunter2"\n[instance]\nmember_clases = 1', "no such setting"),
    ("central-server", CENTRAL_SERVER + 'pin_file = "none"', "none: No such file or directory"),
    ("op-monitor", 'directory = "state"\nclient_certificates = ["x"]', "client_certificates go with a certi"),
    ("op-monitor", 'directory = "state"\n[monitoring]\nbuffer_size = -1', "monitoring.buffer_size: Input"),
    (
        "registry",
        'system = "DEV/GOV/1/people"\ndirectory = "state"\npeople = 5',
        "people: Input should be greater",
    ),
    ("registry", "directory = ", "is not TOML"),
    (
        "portal",
        'directory = "state"\n[cases]\ncountry = "EE"',
        "cases.system: is needed; cases.registers: is needed",
    ),
]


@pytest.fixture
def logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger("sild")
    before = root.handlers[:], root.level, root.propagate
    yield
    root.handlers[:], root.propagate = before[0], before[2]
    root.setLevel(before[1])


@pytest.mark.usefixtures("logging_as_it_was")
@pytest.mark.parametrize(("command", "settings", "told"), WRONG)
def test_wrong_settings_are_named(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
    settings: str,
    told: str,
) -> None:
    config = tmp_path / "it.toml"
    config.write_text(settings)
    monkeypatch.setattr(sys, "argv", ["sild", command, "--config", str(config)])
    with pytest.raises(SystemExit) as ended:
        main()
    printed = capsys.readouterr().err
    assert ended.value.code == 2
    assert printed.startswith("sild: ")
    assert len(printed.splitlines()) == 1
    assert told in printed
    assert "hunter2" not in printed
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize(
    ("command", "settings"),
    [
        (
            "security-server",
            SECURITY_SERVER + "client_http_port = PORT\nclient_https_port = 0\nserver_proxy_port = 0\n"
            "ocsp_responder_port = 0",
        ),
        (
            "registry",
            'system = "DEV/GOV/1/people"\ndirectory = "state"\npeople = 100\nlisten = [{ port = PORT }]',
        ),
    ],
)
def test_a_port_that_is_taken_is_named(tmp_path: Path, command: str, settings: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (tmp_path / "it.toml").write_text(settings.replace("PORT", str(port)) + '\nlog_level = "ERROR"\n')
        arguments = [sys.executable, "-m", "sild", command, "--config", str(tmp_path / "it.toml")]
        done = subprocess.run(arguments, capture_output=True, text=True, timeout=30)
    assert done.returncode == 2
    assert done.stderr == f"sild: bad_request: cannot listen on 127.0.0.1:{port}: Address already in use\n"
    assert done.stdout == ""
