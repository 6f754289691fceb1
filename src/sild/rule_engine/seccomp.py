"""A filter of system calls for a process that only computes: no sockets, programs, processes, signals or files to write.

Classic BPF for prctl(PR_SET_SECCOMP), built here: a refused call answers EPERM, so that the rule sees an error and can be reported.
Linux on x86-64 and arm64; elsewhere there is none and the other locks of sandbox.py remain.
"""

from __future__ import annotations

import ctypes
import platform
import struct

__all__ = ["forbid_system_calls"]

# number of the architecture (AUDIT_ARCH), then of calls, x86-64 and arm64
_ARCHITECTURES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
_REFUSED: dict[str, tuple[int | None, int | None]] = {
    "socket": (41, 198),
    "socketpair": (53, 199),
    "connect": (42, 203),
    "bind": (49, 200),
    "sendto": (44, 206),
    "sendmsg": (46, 211),
    "execve": (59, 221),
    "execveat": (322, 281),
    "fork": (57, None),
    "vfork": (58, None),
    "ptrace": (101, 117),
    "process_vm_writev": (311, 271),
    "kill": (62, 129),
    "tkill": (200, 130),
    "pidfd_open": (434, 434),
    "rename": (82, None),
    "renameat": (264, 38),
    "renameat2": (316, 276),
    "mkdir": (83, None),
    "mkdirat": (258, 34),
    "rmdir": (84, None),
    "unlink": (87, None),
    "unlinkat": (263, 35),
    "symlink": (88, None),
    "symlinkat": (266, 36),
    "link": (86, None),
    "linkat": (265, 37),
    "chmod": (90, None),
    "fchmodat": (268, 53),
    "creat": (85, None),
    "truncate": (76, 45),
    "mknodat": (259, 33),
    "mount": (165, 40),
    "unshare": (272, 97),
    "setns": (308, 268),
    "io_uring_setup": (425, 425),
    "bpf": (321, 280),
    "openat2": (437, 437),
}
_OPEN, _OPENAT, _CLONE, _CLONE3 = (2, None), (257, 56), (56, 220), (435, 435)
_WRITING = 0o1 | 0o2 | 0o100  # O_WRONLY, O_RDWR, O_CREAT
_THREAD = 0x00010000  # CLONE_THREAD

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_X32 = 0x40000000  # on x86-64 the same calls have other numbers from here on
_ALLOW, _EPERM, _ENOSYS, _KILL = 0x7FFF0000, 0x00050001, 0x00050026, 0x80000000
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16


def forbid_system_calls() -> bool:
    """For this process, for good; whether the kernel does it."""
    known = _ARCHITECTURES.get(platform.machine())
    if known is None or platform.system() != "Linux":
        return False
    program = _program(*known)
    code = ctypes.create_string_buffer(program, len(program))
    header = ctypes.create_string_buffer(
        struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(code)), 16
    )
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    prctl.argtypes = [ctypes.c_int, ctypes.c_ulong, ctypes.c_void_p, ctypes.c_ulong, ctypes.c_ulong]
    no_new_privileges, seccomp, filtering = 38, 22, 2
    if prctl(no_new_privileges, 1, None, 0, 0) != 0:
        return False
    return bool(prctl(seccomp, filtering, ctypes.addressof(header), 0, 0) == 0)


def _program(architecture: int, column: int) -> bytes:
    steps = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
    ]
    if column == 0:
        steps += [(_AT_LEAST, 0, 1, _X32), (_RETURN, 0, 0, _EPERM)]
    for numbers in _REFUSED.values():
        number = numbers[column]
        if number is not None:
            steps += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _EPERM)]
    steps += [
        (_EQUAL, 0, 1, _CLONE3[column]),
        (_RETURN, 0, 0, _ENOSYS),
    ]  # libc falls back to clone, which is looked at
    steps += _unless_bits(_CLONE[column], 0, _THREAD, refused_when_set=False)
    for call, argument in ((_OPEN, 1), (_OPENAT, 2)):
        number = call[column]
        if number is not None:
            steps += _unless_bits(number, argument, _WRITING, refused_when_set=True)
    steps.append((_RETURN, 0, 0, _ALLOW))
    return b"".join(struct.pack("HBBI", *step) for step in steps)


def _unless_bits(
    number: int, argument: int, bits: int, *, refused_when_set: bool
) -> list[tuple[int, int, int, int]]:
    """Of one call, by its argument."""
    test = (_ANY_BIT, 0, 1, bits) if refused_when_set else (_ANY_BIT, 1, 0, bits)
    return [
        (_EQUAL, 0, 4, number),
        (_LOAD, 0, 0, _FIRST_ARGUMENT + 8 * argument),
        test,
        (_RETURN, 0, 0, _EPERM),
        (_RETURN, 0, 0, _ALLOW),
    ]
