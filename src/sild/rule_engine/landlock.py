"""Which files a process may open at all: Landlock, the kernel's own list (Linux 5.13 and later).

Python's audit hook can be found and taken off by what runs in the same process; this cannot. Without it a package that takes the
hook off reads what its user may read, the keys of the body among it.
"""

from __future__ import annotations

import ctypes
import os
import platform
import stat
import struct
from collections.abc import Iterable

__all__ = ["forbid_other_files"]

# The same numbers on all architectures (include/uapi/asm-generic/unistd.h), and the rights of ABI 1 (include/uapi/linux/landlock.h)
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_ALL_RIGHTS = (1 << 13) - 1
_READ_FILE, _READ_DIRECTORY = 1 << 2, 1 << 3
_PATH_BENEATH, _NO_NEW_PRIVILEGES = 1, 38


def forbid_other_files(places: Iterable[str]) -> bool:
    """For this process, for good: what is, or lies in, one of these is read, nothing else is opened; whether the kernel does it."""
    if platform.system() != "Linux":
        return False
    system = ctypes.CDLL(None, use_errno=True)
    handled = ctypes.create_string_buffer(struct.pack("Q", _ALL_RIGHTS), 8)
    rules = system.syscall(_CREATE_RULESET, handled, ctypes.c_size_t(8), 0)
    if rules < 0:
        return False
    try:
        for place in places:
            _allow(system, rules, place)
        zero = ctypes.c_ulong(0)
        if system.prctl(_NO_NEW_PRIVILEGES, ctypes.c_ulong(1), zero, zero, zero) != 0:
            return False
        return bool(system.syscall(_RESTRICT_SELF, rules, 0) == 0)
    finally:
        os.close(rules)


def _allow(system: ctypes.CDLL, rules: int, place: str) -> None:
    """To read there. A place that is not there is allowed to nobody."""
    try:
        directory = os.open(place, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        within = _READ_DIRECTORY if stat.S_ISDIR(os.fstat(directory).st_mode) else 0
        rights = struct.pack("=Qi", _READ_FILE | within, directory)
        system.syscall(_ADD_RULE, rules, _PATH_BENEATH, ctypes.create_string_buffer(rights, len(rights)), 0)
    finally:
        os.close(directory)
