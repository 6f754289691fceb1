"""Every hardware token of a security server: found in its devices, logged in to by itself, found again after it was gone.

hardware = HardwareTokens(devices, found=signer.keyring.add_token, auto_login=AutoLogin(pins))
await hardware.open()           # what is there now; what is not is looked for by `run`
await hardware.run()            # until cancelled
await hardware.close()
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from sild.errors import CallerError, PlatformError
from sild.signer.auto_login import AutoLogin
from sild.signer.devices import Pkcs11Device
from sild.signer.tokens import Token
from sild.telemetry import get_logger

if TYPE_CHECKING:
    from sild.signer.pkcs11_module import Found, Pkcs11Module
    from sild.signer.pkcs11_token import Pkcs11Token

__all__ = ["HardwareTokens"]

REFRESH_SECONDS = 60.0  # the reference's `module-manager-update-interval`
FIRST_RETRY_SECONDS = 1.0

log = get_logger("signer")


class HardwareTokens:
    """devices: by name, see `read_devices_ini`.  found: told of each token once, when it is first seen.

    Raises CallerError when there are devices but not the package that speaks to them.
    """

    def __init__(
        self, devices: Mapping[str, Pkcs11Device], *, found: Callable[[Token], None], auto_login: AutoLogin
    ) -> None:
        self._devices = {name: device for name, device in devices.items() if device.enabled}
        self._found = found
        self._auto_login = auto_login
        self._modules: dict[str, Pkcs11Module] = {}
        self._tokens: dict[tuple[str, str, str], Pkcs11Token] = {}
        self._broken: set[str] = set()
        self._suspect: set[str] = set()
        self._refreshing = asyncio.Lock()
        self._wake = asyncio.Event()
        if self._devices:
            _ensure_library()

    @property
    def tokens(self) -> tuple[Pkcs11Token, ...]:
        """All that were ever found, also those that are out now."""
        return tuple(self._tokens.values())

    async def open(self) -> None:
        """Look for tokens and log in to those whose PIN is known. What fails is logged and tried again by `run`."""
        from sild.signer.pkcs11_module import Pkcs11Module

        for name, device in self._devices.items():
            if name not in self._modules:
                self._modules[name] = Pkcs11Module.acquire(device.library)
        await self.refresh()

    async def close(self) -> None:
        """Log out everywhere and let the libraries go."""
        for token in self._tokens.values():
            if token.is_logged_in:
                try:
                    await token.logout()
                except PlatformError as error:
                    log.refusal("token.not_deactivated", error, token=token.token_id)
        self._tokens.clear()
        modules, self._modules = self._modules, {}
        for module in modules.values():
            await module.release()

    async def refresh(self) -> None:
        """Compare what is known with what is there."""
        async with self._refreshing:
            for name in list(self._modules):
                try:
                    await self._refresh_device(name)
                    self._broken.discard(name)
                except PlatformError as error:
                    self._broken.add(name)
                    log.refusal("device.not_operational", error, device=name)
            await self._auto_login.attempt()

    async def run(self) -> None:
        """Look again every minute, and sooner, with back-off, while something is missing."""
        retry = FIRST_RETRY_SECONDS
        while self._devices or self._auto_login.is_waiting:
            if self._is_complete:
                delay, retry = REFRESH_SECONDS, FIRST_RETRY_SECONDS
            else:
                delay, retry = retry, min(retry * 2, REFRESH_SECONDS)
            try:
                async with asyncio.timeout(delay):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()
            await self.refresh()

    @property
    def _is_complete(self) -> bool:
        return (
            not self._broken
            and not self._auto_login.is_waiting
            and all(token.is_available for token in self._tokens.values())
        )

    async def _refresh_device(self, name: str) -> None:
        from sild.signer.pkcs11_token import Pkcs11Token

        module, device = self._modules[name], self._devices[name]
        found = {(one.serial_number, one.label): one for one in await self._look(name, module, device)}
        listed = []
        for token in self._known(name):
            one = found.pop((token.serial_number, token.label), None)
            await token.seen(one)
            if one is not None:
                listed.append(token)
        if listed and not any(token.is_available for token in listed):
            self._suspect.add(name)
        for (serial_number, label), one in found.items():
            token = Pkcs11Token(module, name, device, one)
            token.on_lost(self._wake.set)
            await token.read_public_keys()
            self._tokens[name, serial_number, label] = token
            log.info("token.found", token=token.token_id, label=label, keys=len(token.public_keys))
            self._auto_login.watch(token)
            self._found(token)

    async def _look(self, name: str, module: Pkcs11Module, device: Pkcs11Device) -> list[Found]:
        """A library that fails, or shows none of its tokens any longer, is begun anew, as the reference does: some see
        only then what was put back. It costs the other tokens their sessions, so not while one of them is there."""
        suspect = name in self._suspect
        self._suspect.discard(name)
        try:
            found = await module.run(lambda: module.found(device.slot_ids))
        except PlatformError:
            return await module.run(lambda: module.found_anew(device.slot_ids))
        there = {(one.serial_number, one.label) for one in found}
        known = self._known(name)
        lost = known and not any((token.serial_number, token.label) in there for token in known)
        if lost or suspect:
            return await module.run(lambda: module.found_anew(device.slot_ids))
        return found

    def _known(self, name: str) -> list[Pkcs11Token]:
        return [token for (owner, _, _), token in self._tokens.items() if owner == name]


def _ensure_library() -> None:
    try:
        import pkcs11  # noqa: F401 - only whether it is there
    except ImportError as error:
        raise CallerError(
            "hardware tokens need the package python-pkcs11: install sild[pkcs11]", code="bad_request"
        ) from error
