"""`sild treasury`: files out, reports in, as often as one likes; killed between, nothing is paid twice or forgotten."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner

from sild.cli import cli
from sild.registries import TreasuryRegister

from .bank import Bank, report
from .conftest import ORDER, usage

CONFIG = 'kind = "treasury"\nsystem = "SILD/GOV/70000007/treasury"\ndirectory = "books"\n'


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "treasury.toml"
    path.write_text(CONFIG)
    register = TreasuryRegister.open(tmp_path / "books")
    register.order(ORDER, usage())
    register.close()
    return path


def run(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(cli, ["treasury", *map(str, arguments)])
    return done.exit_code, done.output


def test_out_and_in(config: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for _ in range(2):
        status, said = run("instruct", "--config", config, "--currency", "EUR", "--to", out)
        assert status == 0 and "1 transfers, 80.00 EUR" in said
    (file,) = out.iterdir()
    bank = Bank()
    answer = tmp_path / "answer.xml"
    answer.write_bytes(bank.take(file.read_bytes()))
    for expected in ("1 executed", "0 executed"):
        status, said = run("report", "--config", config, answer)
        assert status == 0 and expected in said
    assert run("instruct", "--config", config, "--currency", "EUR", "--to", out) == (0, "")
    assert bank.paid == {"EE382200221020145685": Decimal("80.00")}


def test_what_cannot_be_is_said(config: Path, tmp_path: Path) -> None:
    out, answer = tmp_path / "out", tmp_path / "answer.xml"
    run("instruct", "--config", config, "--currency", "EUR", "--to", out)
    (file,) = out.iterdir()
    answer.write_bytes(report(file.stem, {"0" * 32: None}))
    status, said = run("report", "--config", config, answer)
    assert status == 1 and "cannot be" in said
    answer.write_bytes(b"<no")
    status, said = run("report", "--config", config, answer)
    assert status == 1 and "not well-formed" in said


def test_another_register(tmp_path: Path) -> None:
    path = tmp_path / "social.toml"
    path.write_text(CONFIG.replace('"treasury"\nsystem', '"social"\nsystem'))
    status, said = run("instruct", "--config", path, "--currency", "EUR", "--to", tmp_path)
    assert status == 1 and "not of a treasury" in said


KILLED = """
import os, signal, sys
from sqlalchemy import Engine, event
commits = 0
def count(_connection):
    global commits
    commits += 1
    if commits == int(sys.argv[1]):
        os.kill(os.getpid(), signal.SIGKILL)
event.listen(Engine, "commit", count)
from sild.cli import cli
cli(["treasury", *sys.argv[2:]], standalone_mode=False)
print(commits)
"""


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 99])
def test_killed_before_any_of_its_commits(config: Path, tmp_path: Path, number: int) -> None:
    """The file is there after the next call, one and the same, with each order once."""
    out = tmp_path / "out"
    command = ["instruct", "--config", str(config), "--currency", "EUR", "--to", str(out)]
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, str(number), *command],
        capture_output=True,
        env=os.environ,
        timeout=60,
        check=False,
    )
    assert ended.returncode in (0, -signal.SIGKILL), ended.stderr.decode()
    if number == 99:
        assert 1 <= int(ended.stdout.split()[-1]) <= 5, "the other numbers cover every commit"
    for _ in range(2):
        assert run(*command)[0] == 0
    (file,) = [path for path in out.iterdir() if path.suffix == ".xml"]
    assert file.read_bytes().count(b"<CdtTrfTxInf>") == 1
