"""What is taken from a worker before it sees a package: network, files, other programs, memory and time without end.

Three locks, each of which holds if the next is not to be had: the kernel's (a network namespace, a list of the files that may be
read, a filter of system calls, resource limits), Python's (an audit hook that cannot be taken off), and the parent, who kills what does not answer in time.
"""

from __future__ import annotations

import ctypes
import os
import resource
import site
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

from sild.rule_engine.landlock import forbid_other_files
from sild.rule_engine.seccomp import forbid_system_calls

__all__ = ["limit_time", "lock"]

_NEW_USER, _NEW_NETWORK = 0x10000000, 0x40000000
_HARMLESS = frozenset(
    {
        "array.__new__",
        "builtins.id",
        "code.__new__",
        "compile",
        "exec",
        "gc.get_objects",
        "import",
        "marshal.loads",
        "marshal.load",
        "object.__getattr__",
        "object.__setattr__",
        "object.__delattr__",
        "os.listdir",
        "os.scandir",
        "pickle.find_class",
        "sys._getframe",
        "sys.excepthook",
        "sys.unraisablehook",
        "time.sleep",
    }
)
"""Audit events that a computation may raise. Every other is refused: also those that a later Python adds."""


_SHARED_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache")
"""Where the system's loader looks for what a late import links to."""


def lock(memory: int) -> dict[str, bool]:
    """For this process, for good. memory: bytes more than it has now.  Which of the kernel's locks are had."""
    network = _leave_network()
    resource.setrlimit(resource.RLIMIT_AS, (_size() + memory,) * 2)
    for limit, most in (
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 64),
    ):
        resource.setrlimit(limit, (most, most))
    places = _readable()
    listed = forbid_other_files((*places, *_SHARED_LIBRARIES))
    filtered = forbid_system_calls()
    sys.addaudithook(_Hook(places))
    return {"network_namespace": network, "files": listed, "system_calls": filtered}


def limit_time(seconds: float) -> None:
    """Of the processor, from now; the kernel ends a process that goes over, even if its parent is gone."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    most = int(used.ru_utime + used.ru_stime + seconds) + 2
    resource.setrlimit(resource.RLIMIT_CPU, (most, resource.RLIM_INFINITY))


def _readable() -> tuple[str, ...]:
    """Directories where Python and its libraries lie, with a separator at the end: some import late."""
    places = {sys.prefix, sys.base_prefix, *site.getsitepackages(), *sysconfig.get_paths().values()}
    source = Path(__file__).resolve().parents[1]
    return tuple(sorted({f"{Path(place).resolve()}{os.sep}" for place in (*places, str(source))}))


class _Hook:
    """Reading in `places` is allowed."""

    def __init__(self, places: tuple[str, ...]) -> None:
        self._places = places
        self._real = os.path.realpath
        self._harmless = _HARMLESS

    def __call__(self, event: str, arguments: Sequence[object]) -> None:
        if event in self._harmless:
            return
        if event == "open":
            path, mode, flags = arguments
            writing = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            wanted = isinstance(mode, str) and set(mode) & set("wax+")
            if (
                not writing
                and not wanted
                and isinstance(path, str)
                and self._real(path).startswith(self._places)
            ):
                return
        if event == "resource.setrlimit" and arguments[0] == resource.RLIMIT_CPU:
            return
        raise PermissionError(f"a rule may not: {event}")


def _leave_network() -> bool:
    """A namespace with nothing in it: as root, or as a user of a namespace of its own."""
    if sys.platform != "linux":
        return False
    unshare = ctypes.CDLL(None, use_errno=True).unshare
    return bool(unshare(_NEW_NETWORK) == 0 or unshare(_NEW_USER | _NEW_NETWORK) == 0)


def _size() -> int:
    """Of the address space, bytes."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except OSError:
        return 1 << 30
