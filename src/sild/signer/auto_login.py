"""Automatic token login (UG-AUTOLOGIN): PINs from settings, a file or a command, given once to each token.

The text of a file or a command's output has one PIN a line, `token:PIN`, where token is a token's id or label; `0` and
`softToken-0` are the software token. A line without a token is the software token's PIN, so one bare PIN is enough there.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from sild.errors import CallerError, PlatformError, Unavailable
from sild.signer.tokens import Token
from sild.telemetry import get_logger

__all__ = ["AutoLogin", "PinSource", "parse_pins", "pins_from_command", "pins_from_file"]

SOFTWARE_TOKEN = "softToken-0"  # noqa: S105 - its name
COMMAND_SECONDS = 60.0
NOTHING_TO_SAY = 127  # a command's exit status: it has no PIN, and that is no error

log = get_logger("signer")

PinSource = Callable[[], Awaitable[Mapping[str, str]]]


class LabelledToken(Token, Protocol):
    @property
    def label(self) -> str: ...

    @property
    def accepts_guesses(self) -> bool:
        """False when a wrong PIN would lock it, or it is locked."""
        ...


class AutoLogin:
    """pins: by token id or label; asked until it answers once.

    A token that has been logged in to is left alone afterwards: who logs out by hand means it. A PIN that was wrong is not
    tried again, and none is tried on a token that would lock itself.
    """

    def __init__(self, pins: PinSource | None = None) -> None:
        self._source = pins
        self._pins: Mapping[str, str] | None = None if pins is not None else {}
        self._tokens: list[LabelledToken] = []
        self._done: set[str] = set()

    def watch(self, token: LabelledToken) -> None:
        """Log in to `token` too, from the next `attempt` on."""
        self._tokens.append(token)

    @property
    def is_waiting(self) -> bool:
        """The PINs could not be had yet."""
        return self._pins is None

    async def attempt(self) -> None:
        """Log in where it is due. Failures are logged."""
        if self._pins is None and self._source is not None:
            try:
                self._pins = await self._source()
            except PlatformError as error:
                log.refusal("auto_login.no_pins", error)
        for token in list(self._tokens):
            pins = self._pins or {}
            pin = pins.get(token.token_id, pins.get(token.label))
            if pin is not None and token.token_id not in self._done and not token.is_active:
                await self._log_in(token, pin)

    async def _log_in(self, token: LabelledToken, pin: str) -> None:
        if not token.accepts_guesses:
            self._done.add(token.token_id)
            log.warning("auto_login.refused", token=token.token_id, reason="a wrong PIN would lock the token")
            return
        try:
            await token.login(pin)
        except CallerError as error:  # the PIN, or a token that accepts none
            self._done.add(token.token_id)
            log.refusal("auto_login.failed", error, token=token.token_id)
        except PlatformError as error:
            log.refusal("auto_login.failed", error, token=token.token_id)
        else:
            self._done.add(token.token_id)


def parse_pins(text: str) -> dict[str, str]:
    """By token id or label: what stands before a line's first colon; a PIN may hold further ones.

    Raises CallerError (a line without a PIN, two PINs of one token), which shows no PIN.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    pins: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        name, colon, pin = line.partition(":")
        if not colon:
            name, pin = SOFTWARE_TOKEN, line
        name = SOFTWARE_TOKEN if name.strip() == "0" else name.strip()
        if not pin or name in pins:
            raise CallerError(f"line {number} of the PINs: {'a second PIN' if pin else 'no PIN'}")
        pins[name] = pin
    return pins


async def pins_from_file(path: Path) -> dict[str, str]:
    """Raises Unavailable (`login_failed`), CallerError."""
    try:
        return parse_pins(await asyncio.to_thread(path.read_text))
    except OSError as error:
        raise Unavailable(f"{path}: {error.strerror}", code="login_failed") from error


async def pins_from_command(command: Sequence[str]) -> dict[str, str]:
    """What `command` (program and arguments, no shell) prints. Raises Unavailable (`login_failed`), CallerError."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,  # a script's own programs are ended with it
        )
    except OSError as error:
        raise Unavailable(f"{command[0]}: {error.strerror}", code="login_failed") from error
    try:
        async with asyncio.timeout(COMMAND_SECONDS):
            output, _ = await process.communicate()
    except TimeoutError:
        raise Unavailable(f"{command[0]} gives no PIN", code="login_failed") from None
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    if process.returncode == NOTHING_TO_SAY:
        return {}
    if process.returncode:
        raise Unavailable(f"{command[0]} ends with status {process.returncode}", code="login_failed")
    return parse_pins(output.decode("utf-8", "replace"))
