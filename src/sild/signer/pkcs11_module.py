"""A PKCS#11 library in this process, and the one thread that calls it.

`C_Initialize` and `C_Finalize` are the process's, so is every login: whoever needs a library shares one `Pkcs11Module`
(`acquire`, `release`). python-pkcs11 initialises without asking for locks, so no two threads may be inside; and calls may
take as long as a device likes. So every call is made in the library's own thread, one after another, off the event loop.

Beginning a library anew (`reinitialize`) voids all sessions, whose handles may then be given to others: `generation` counts.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, ClassVar, TypeVar

import pkcs11

from sild.errors import PlatformError
from sild.signer.pkcs11_errors import refusal_of
from sild.telemetry import get_logger

if TYPE_CHECKING:
    from pkcs11._pkcs11 import lib as Library

__all__ = ["Found", "Pkcs11Module"]

log = get_logger("signer")

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Found:
    """An initialised token in a slot, as it is at this moment."""

    slot_id: int
    serial_number: str
    label: str
    flags: pkcs11.TokenFlag
    token: pkcs11.Token


class Pkcs11Module:
    """Get one by `acquire`. What is documented as "in the thread" is called by a function given to `run`."""

    _all: ClassVar[dict[str, Pkcs11Module]] = {}
    _lock: ClassVar[Lock] = Lock()

    def __init__(self, library: str) -> None:
        self.library = library
        self.generation = 0
        self._users = 0
        self._library: Library | None = None
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="pkcs11")

    @classmethod
    def acquire(cls, library: str) -> Pkcs11Module:
        """The process's module for `library`; nothing is loaded before the first call. Pair it with `release`."""
        path = os.path.realpath(library) if os.sep in library else library
        with cls._lock:
            module = cls._all.get(path)
            if module is None:
                module = cls._all[path] = cls(path)
            module._users += 1
            return module

    async def release(self) -> None:
        """The last one out finalises the library."""
        with self._lock:
            self._users -= 1
            if self._users:
                return
            del self._all[self.library]
        await asyncio.get_running_loop().run_in_executor(self._executor, self._finalize)
        self._executor.shutdown()

    async def run(self, work: Callable[[], Result]) -> Result:
        """`work()` in the library's thread. Raises what it raises, PKCS#11 errors as PlatformError."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, _translated, work)

    def found(self, slot_ids: Sequence[int] = ()) -> list[Found]:
        """In the thread: the tokens in `slot_ids` (empty: in all slots). Raises PKCS11Error, but not for one slot."""
        found = []
        self._library = pkcs11.lib(self.library)
        for slot in self._library.get_slots(token_present=True):
            if slot_ids and slot.slot_id not in slot_ids:
                continue
            try:
                token = slot.get_token()
            except pkcs11.PKCS11Error:
                continue  # pulled out since the list was made, nothing we understand, or broken
            if pkcs11.TokenFlag.TOKEN_INITIALIZED in token.flags:
                serial_number = token.serial.decode("utf-8", "replace").strip()
                found.append(Found(slot.slot_id, serial_number, token.label.strip(), token.flags, token))
        return found

    def found_anew(self, slot_ids: Sequence[int] = ()) -> list[Found]:
        """In the thread: as `found`, after beginning the library anew. Raises PKCS11Error."""
        self.generation += 1
        log.warning("pkcs11.reinitialized", library=self.library)
        self._finalize()
        return self.found(slot_ids)

    def _finalize(self) -> None:
        if self._library is None or not self._library.initialized:
            return
        try:
            self._library.finalize()
        except pkcs11.PKCS11Error as error:
            log.refusal("pkcs11.not_finalized", refusal_of(error), library=self.library)


def _translated(work: Callable[[], Result]) -> Result:
    """The refusal is raised outside the handler: with the foreign exception in its context it would keep frames alive,
    and python-pkcs11's operations, which free a lock when they are collected, must be collected in this thread."""
    refusal: PlatformError
    try:
        return work()
    except pkcs11.PKCS11Error as error:
        refusal = refusal_of(error)
    raise refusal
