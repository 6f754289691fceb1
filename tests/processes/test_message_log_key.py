"""`sild message-log-key`: a keystore made, a key more in it, nothing lost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from sild.errors import CallerError
from sild.message_log import BodyEncryption, read_keystore
from sild.processes.message_log_key import command


def run(*arguments: str | Path) -> None:
    result = CliRunner().invoke(command, [str(argument) for argument in arguments], standalone_mode=False)
    if result.exception is not None:
        raise result.exception


def test_keys_are_added_one_by_one(tmp_path: Path) -> None:
    keystore, password = tmp_path / "log.p12", tmp_path / "password"
    password.write_text("a password\n")
    run(keystore, "key1", "--password-file", password)
    first = read_keystore(keystore.read_bytes(), "a password")
    run(keystore, "key2", "--password-file", password)
    both = read_keystore(keystore.read_bytes(), "a password")
    assert both["key1"] == first["key1"] != both["key2"]
    assert len(both["key2"]) == 32
    assert keystore.stat().st_mode & 0o077 == 0
    assert BodyEncryption.from_keystore(keystore, "a password", "key2").key_ids == ("key1", "key2")
    before = keystore.read_bytes()
    with pytest.raises(CallerError, match="already"):
        run(keystore, "key2", "--password-file", password)
    password.write_text("another\n")
    with pytest.raises(CallerError, match="password"):
        run(keystore, "key3", "--password-file", password)
    assert keystore.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log.p12", "password"]


def test_two_at_once_lose_no_key(tmp_path: Path) -> None:
    """A key that was said to be there and is not would take the records under it along."""
    keystore, password = tmp_path / "log.p12", tmp_path / "password"
    password.write_text("a password\n")
    command_line = [
        sys.executable,
        "-m",
        "sild",
        "message-log-key",
        str(keystore),
        "--password-file",
        str(password),
    ]
    running = [
        subprocess.Popen([*command_line, f"key{number}"], stdout=subprocess.PIPE) for number in range(4)
    ]
    assert [process.wait(30) for process in running] == [0] * 4
    for process in running:
        process.communicate()
    assert sorted(read_keystore(keystore.read_bytes(), "a password")) == ["key0", "key1", "key2", "key3"]
