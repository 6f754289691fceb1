"""PINs from a file or a command, each given once."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path

import psutil
import pytest

from sild.errors import CallerError, Unavailable
from sild.signer import AutoLogin, SoftwareToken, auto_login, parse_pins, pins_from_command
from support.signer_world import PIN


@pytest.mark.parametrize(
    ("text", "pins"),
    [
        ("", {}),
        ("1234\n", {"softToken-0": "1234"}),
        ("0:1234\n1:5678\n", {"softToken-0": "1234", "1": "5678"}),
        ("1234\n\n hsm first : x \nother:a:b\n", {"softToken-0": "1234", "hsm first": " x", "other": "a:b"}),
    ],
)
def test_lines(text: str, pins: dict[str, str]) -> None:
    assert parse_pins(text) == pins


@pytest.mark.parametrize("text", ["a:1\na:2\n", "1\n2\n", "0:1\n2\n", "a:\n"])
def test_lines_that_cannot_be_meant(text: str) -> None:
    with pytest.raises(CallerError, match="line"):
        parse_pins(text)


def printing(code: str) -> list[str]:
    return [sys.executable, "-c", code]


async def test_a_command() -> None:
    assert await pins_from_command(printing("print('0:1234'); print('hsm:5')")) == {
        "softToken-0": "1234",
        "hsm": "5",
    }
    assert await pins_from_command(printing("import sys; print('0:1234'); sys.exit(127)")) == {}
    for command in (printing("import sys; sys.exit(1)"), ["/does/not/exist"]):
        with pytest.raises(Unavailable) as refused:
            await pins_from_command(command)
        assert refused.value.code == "login_failed"


async def test_a_source_that_fails_is_asked_again(tmp_path: Path) -> None:
    token = SoftwareToken(tmp_path / "token")
    await token.initialize(PIN)
    answers: list[Mapping[str, str] | None] = [None, {"softToken-0": PIN}]

    async def source() -> Mapping[str, str]:
        answer = answers.pop(0)
        if answer is None:
            raise Unavailable("not now", code="login_failed")
        return answer

    login = AutoLogin(source)
    login.watch(token)
    await login.attempt()
    assert (login.is_waiting, token.is_active) == (True, False)
    await login.attempt()
    assert (login.is_waiting, token.is_active) == (False, True)
    await token.logout()
    await login.attempt()
    assert not token.is_active  # who logs out means it


async def test_a_wrong_pin_is_tried_once(tmp_path: Path) -> None:
    token = SoftwareToken(tmp_path / "token")
    await token.initialize(PIN)
    tries = 0

    async def source() -> Mapping[str, str]:
        return {"softToken-0": "wrong"}

    class Counting(SoftwareToken):
        async def login(self, pin: str) -> None:
            nonlocal tries
            tries += 1
            await super().login(pin)

    login = AutoLogin(source)
    login.watch(Counting(tmp_path / "token"))
    await login.attempt()
    await login.attempt()
    assert tries == 1


async def test_a_token_about_to_lock_itself_is_left_to_a_person(tmp_path: Path) -> None:
    class LastTry(SoftwareToken):
        @property
        def accepts_guesses(self) -> bool:
            return False

    async def source() -> Mapping[str, str]:
        return {"softToken-0": PIN}

    token = LastTry(tmp_path / "token")
    await token.initialize(PIN)
    login = AutoLogin(source)
    login.watch(token)
    await login.attempt()
    assert not token.is_active


async def test_a_command_that_hangs_is_ended_with_all_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A script's own program holds the pipe open: waiting for that, the server would never try again."""
    monkeypatch.setattr(auto_login, "COMMAND_SECONDS", 0.5)
    note = tmp_path / "process"
    async with asyncio.timeout(10):
        with pytest.raises(Unavailable, match="gives no PIN"):
            await pins_from_command(("sh", "-c", f"sleep 60 & echo $! > {note}; wait"))
    gone, left = psutil.wait_procs(
        [each for each in psutil.process_iter() if each.pid == int(note.read_text())], 5
    )
    assert not [each for each in left if each.status() != psutil.STATUS_ZOMBIE], gone
