"""A package that raises, loops, eats memory, or reaches for network, files, programs and its parent: refused, and the next one served."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from sild.errors import CallerError
from sild.rule_engine import RuleEngine
from sild.rules import RulePackage
from support.rules import AT, FAMILY, family, small_package

SITUATION = {
    "persons": {"a": {"pay": {"2026-01": "10.00"}}},
    "households": {"h": {"adult": ["a"]}},
}
ASKED = [("a", "x", "2026-01")]


@pytest.fixture(scope="module")
def engine() -> Iterator[RuleEngine]:
    with RuleEngine(workers=2, seconds=10.0, memory=128 << 20) as engine:
        yield engine


@pytest.fixture(scope="module")
def impatient() -> Iterator[RuleEngine]:
    with RuleEngine(workers=1, seconds=0.5) as engine:
        yield engine


def hostile(does: str, kind: str = "int") -> RulePackage:
    """does: statements of a formula; unless they return, the value is 1."""
    lines = "\n".join(f"        {line}" for line in does.strip().splitlines())
    return small_package(
        f"  x: {{entity: person, type: {kind}, period: month, label: {{en: x}}}}",
        f"class x(Variable):\n    def formula(person, period, law):\n{lines}\n        return constant(1)\n",
    )


def refused(engine: RuleEngine, package: RulePackage) -> CallerError:
    with pytest.raises(CallerError) as error:
        engine.evaluate(package, SITUATION, ASKED, at=AT)
    return error.value


def ensure_served(engine: RuleEngine) -> None:
    evaluation = engine.evaluate(FAMILY, family(), [("family", "birth_grant", "ETERNITY")], at=AT)
    assert evaluation.value("family", "birth_grant") == "320.00"


def test_harmless(engine: RuleEngine) -> None:
    """What the others are is to be measured against one that is not."""
    assert engine.evaluate(hostile("pass"), SITUATION, ASKED, at=AT).value("a", "x", "2026-01") == 1


@pytest.mark.parametrize(
    "raised", ["1 / 0", "raise KeyError('x')", "raise SystemExit(3)", "import os; os._exit(3)"]
)
def test_raises(engine: RuleEngine, raised: str) -> None:
    error = refused(engine, hostile(raised))

    assert error.code == "rule_failed"
    ensure_served(engine)


def test_names_the_variable_that_raises_and_not_what_it_says(engine: RuleEngine) -> None:
    error = refused(engine, hostile("raise ValueError('49403136526')"))

    assert error.detail["node"] == "x"
    assert "49403136526" not in str(error)


def test_raises_while_it_is_read(engine: RuleEngine) -> None:
    broken = small_package("  x: {entity: person, type: int, period: month, label: {en: x}}", "1 / 0\n")

    assert refused(engine, broken).code == "rule_failed"
    ensure_served(engine)


@pytest.mark.parametrize(
    "loop", ["while True: pass", "import time; time.sleep(60)", "sum(iter(int, 1))", "10 ** 10 ** 8 % 7"]
)
def test_loops(impatient: RuleEngine, loop: str) -> None:
    error = refused(impatient, hostile(loop))

    assert error.code == "rule_timeout"
    assert not impatient._idle  # it is not used again
    assert not impatient._busy


def test_the_kernel_ends_a_loop_whose_parent_does_not_look(engine: RuleEngine) -> None:
    """The limit of the processor: the seconds of the answer, and two more."""
    engine.evaluate(hostile("pass"), SITUATION, ASKED, at=AT)
    package = hostile("import resource; return constant(resource.getrlimit(resource.RLIMIT_CPU)[0])")

    assert 10 < int(str(engine.evaluate(package, SITUATION, ASKED, at=AT).value("a", "x", "2026-01"))) < 20


@pytest.mark.parametrize(
    "eats",
    ["[bytearray(1 << 26) for _ in range(64)]", "import numpy; numpy.ones(1 << 30)", "'x' * (1 << 32)"],
)
def test_eats_memory(engine: RuleEngine, eats: str) -> None:
    assert refused(engine, hostile(eats)).code == "rule_memory"
    ensure_served(engine)


NETWORK = [
    "import socket; socket.socket()",
    "import socket; socket.create_connection(('127.0.0.1', 80))",
    "import socket; socket.getaddrinfo('example.org', 80)",
    "import urllib.request; urllib.request.urlopen('http://127.0.0.1:80/')",
    "import _socket; _socket.socket()",
]
FILES = [
    "open('/tmp/rule-was-here', 'w')",
    "import os; os.open('/tmp/rule-was-here', os.O_CREAT | os.O_WRONLY)",
    "import pathlib; pathlib.Path('/tmp/rule-was-here').touch()",
    "import tempfile; tempfile.TemporaryFile()",
    "open('/etc/passwd')",
    "open('/proc/self/environ')",
    "import os; os.remove('/etc/hostname')",
    "import os; os.mkdir('/tmp/rule-was-here')",
    "import sqlite3; sqlite3.connect('/tmp/rule-was-here')",
    "import numpy; numpy.ones(9).tofile('/tmp/rule-was-here')",
    "import numpy; numpy.fromfile('/etc/passwd', 'u1')",
]
PROGRAMS = [
    "import os; os.system('true')",
    "import subprocess; subprocess.run(['true'])",
    "import os; os.fork()",
    "import os; os.execv('/bin/true', ['true'])",
    "import os; os.posix_spawn('/bin/true', ['true'], {})",
    "import os; os.kill(os.getppid(), 15)",
    "import ctypes; ctypes.CDLL(None).getpid()",
    "import ctypes; ctypes.pythonapi.PyErr_Clear()",
    "import resource; resource.setrlimit(resource.RLIMIT_AS, (-1, -1))",
    "import multiprocessing; multiprocessing.Process(target=print).start()",
]


TRIES = """
done = []
for reach in REACHES:
    try:
        exec(reach, {})
        done.append(reach)
    except BaseException:
        pass
return constant(" | ".join(done) or "nothing")
"""
UNHOOK = """
import gc
for found in gc.get_objects():
    if type(found).__name__ == "_Hook":
        type(found).__call__ = lambda *_: None
"""


X32_MKDIR = """
import ctypes
number, path = 0x40000000 + 83, b"/tmp/rule-was-here"
assert ctypes.CDLL(None).syscall(number, path, 0o700) == 0
"""
"""A call that is refused, under its other number (x86-64)."""


def achieved(engine: RuleEngine, reaches: list[str], first: str = "") -> object:
    """What a package that tries each of them gets done, all in one process."""
    package = hostile(f"REACHES = {reaches!r}\n{first}\n{TRIES}", "text")
    return engine.evaluate(package, SITUATION, ASKED, at=AT).value("a", "x", "2026-01")


@pytest.mark.parametrize("reaches", [NETWORK, FILES, PROGRAMS], ids=["network", "files", "programs"])
def test_reaches_out(engine: RuleEngine, reaches: list[str]) -> None:
    assert achieved(engine, reaches) == "nothing"
    assert not Path("/tmp/rule-was-here").exists()


def test_a_reach_that_is_not_caught_ends_the_answer(engine: RuleEngine) -> None:
    error = refused(engine, hostile("import socket; socket.socket()"))

    assert error.code == "rule_failed"
    assert error.message == "x raises PermissionError"
    ensure_served(engine)


def test_takes_off_the_lock_of_python_and_meets_that_of_the_kernel(
    engine: RuleEngine, tmp_path: Path
) -> None:
    """Who looks for the hook finds it; the list of files and the filter of system calls still stand."""
    mine = tmp_path / "decisions.keys"
    mine.write_bytes(b"k" * 32)
    python = f"open({os.__file__!r})"
    assert achieved(engine, [python, f"open({str(mine)!r})"], UNHOOK) == python

    reaches = [
        "open('/etc/passwd')",
        "open('/proc/self/environ')",
        "import os; os.listdir('/etc')",
        f"import os; os.listdir({str(tmp_path)!r})",
        "import _socket; _socket.socket()",
        "open('/tmp/rule-was-here', 'w')",
        "import os; os.open('/tmp/rule-was-here', os.O_CREAT)",
        "import os; os.mkdir('/tmp/rule-was-here')",
        "import os; os.fork()",
        "import os; os.kill(os.getppid(), 15)",
        "import os; os.execv('/bin/true', ['true'])",
        "import os; os.posix_spawn('/bin/true', ['true'], {})",
        "import os; os.rename('/tmp', '/rule-was-here')",
        X32_MKDIR,
    ]
    assert achieved(engine, reaches, UNHOOK) == "nothing"
    assert not Path("/tmp/rule-was-here").exists()


def test_prints_and_reads_and_nobody_minds(engine: RuleEngine) -> None:
    package = hostile("print('x' * 100_000); import sys; sys.stdin.read(); sys.stderr.write('y')")

    assert engine.evaluate(package, SITUATION, ASKED, at=AT).value("a", "x", "2026-01") == 1


def test_writes_into_the_pipe_of_the_answer(engine: RuleEngine) -> None:
    package = hostile(
        "import os\nfor n in range(3, 20):\n    try: os.write(n, b'\\0\\0\\0\\2{}')\n    except OSError: pass"
    )

    assert refused(engine, package).code == "rule_failed"
    ensure_served(engine)


def test_spoils_what_it_can_reach_and_another_package_is_untouched(engine: RuleEngine) -> None:
    package = hostile(
        "import sild.rules.columns as c\nc.where = lambda *_: c.constant(666)\nimport numpy; numpy.where = None"
    )
    engine.evaluate(package, SITUATION, ASKED, at=AT)

    found = engine.evaluate(FAMILY, family(), [("family", "child_allowance", "ETERNITY")], at=AT)

    assert found.value("family", "child_allowance") == "80.00"


def test_a_worker_that_was_killed_is_replaced(engine: RuleEngine) -> None:
    ensure_served(engine)
    [worker] = [w for w in engine._idle if w.name == FAMILY.name]
    os.kill(worker._process.pid, signal.SIGKILL)
    worker._process.wait()

    ensure_served(engine)


def test_the_kernel_locks_this_machine_has(engine: RuleEngine) -> None:
    ensure_served(engine)

    for lock in ("files", "system_calls"):
        assert all(worker.locks[lock] for worker in engine._idle), lock
