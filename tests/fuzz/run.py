"""`make fuzz`: every target for FUZZ_SECONDS, as many at once as there are cores; what is found becomes a regression vector.

    python tests/fuzz/run.py [TARGET ...]        python tests/fuzz/run.py --list
Environment: FUZZ_SECONDS (60), FUZZ_JOBS (cores), FUZZ_CORPUS (.fuzz).  Exit status 1: something was found.

Each target runs in a process of its own, guided by coverage (atheris) where that is installed, else at random. A finding does not
end it: it is made small, written to tests/vectors/regressions/<target>/<what>.bin with its story beside the log, and counted once.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random, SystemRandom

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests")]
SECONDS = float(os.environ.get("FUZZ_SECONDS", "60"))
JOBS = int(os.environ.get("FUZZ_JOBS", "0")) or os.cpu_count() or 1
CORPUS = Path(os.environ.get("FUZZ_CORPUS", ROOT / ".fuzz"))
MAX_DATA_BYTES = 3 * 1024**3
SECONDS_TO_SHRINK = 10.0


def main() -> int:
    arguments = argparse.ArgumentParser(prog="make fuzz")
    arguments.add_argument("targets", nargs="*")
    arguments.add_argument("--list", action="store_true")
    arguments.add_argument("--one", action="store_true", help="run the one target named in this process")
    given = arguments.parse_args()
    if given.one:
        return _one(given.targets[0])
    names = _names()
    if given.list:
        print("\n".join(names))
        return 0
    unknown = set(given.targets) - set(names)
    if unknown:
        print(f"no such target: {', '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    return _all(given.targets or names)


def _names() -> list[str]:
    from fuzz.targets import TARGETS

    return list(TARGETS)


# --- all of them


def _all(names: list[str]) -> int:
    CORPUS.mkdir(exist_ok=True)
    waiting, running, failed = list(names), dict[str, subprocess.Popen[bytes]](), list[str]()
    while waiting or running:
        while waiting and len(running) < JOBS:
            name = waiting.pop(0)
            running[name] = _start(name)
        time.sleep(0.2)
        for name, process in list(running.items()):
            if process.poll() is None:
                continue
            del running[name]
            left = _left_behind(name)
            if process.returncode != 0 or left:
                failed.append(name)
            told = (CORPUS / f"{name}.log").read_text(errors="replace")
            lines = [line for line in told.splitlines() if line.startswith(("FOUND", "DONE"))] + left
            print(f"{name}: {'; '.join(lines) or f'exit status {process.returncode}'}", flush=True)
    if failed:
        print(f"findings in: {', '.join(failed)}; their vectors are in tests/vectors/regressions")
    return 1 if failed else 0


def _start(name: str) -> subprocess.Popen[bytes]:
    with (CORPUS / f"{name}.log").open("wb") as log:
        command = [sys.executable, __file__, "--one", name]
        return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=ROOT)


def _left_behind(name: str) -> list[str]:
    """Inputs that ended the process itself: it hung, or ran out of memory."""
    from fuzz.target import REGRESSIONS

    moved = []
    for kind in ("crash", "timeout", "oom"):
        for path in (CORPUS / name).glob(f"{kind}-*"):
            target = REGRESSIONS / name / f"{kind}-{path.name[-8:]}.bin"
            target.parent.mkdir(parents=True, exist_ok=True)
            path.replace(target)
            moved.append(f"FOUND {target.name}")
    return moved


# --- one


def _one(name: str) -> int:
    resource.setrlimit(resource.RLIMIT_DATA, (MAX_DATA_BYTES, MAX_DATA_BYTES))
    atheris = None
    with suppress(ImportError):
        import atheris
    if atheris is None:
        return _at_random(name)
    return _guided(name, atheris)


class _Watch:
    """Tries inputs, and keeps the first of each kind that finds something."""

    def __init__(self, name: str) -> None:
        from fuzz.target import REGRESSIONS, attempt
        from fuzz.targets import TARGETS

        self.target = TARGETS[name]
        self._attempt = attempt
        self._directory = REGRESSIONS / name
        self._known = {path.stem for path in self._directory.glob("*.bin")}
        self.tried = 0
        self.found = 0

    def try_one(self, data: bytes) -> None:
        self.tried += 1
        finding = self._attempt(self.target, data)
        if finding is None or finding.what in self._known:
            return
        if finding.what in ("slow", "memory") and self._attempt(self.target, data) is None:
            return  # something else on this machine
        self._known.add(finding.what)
        self.found += 1
        small = self._shrunk(data, finding.what)
        self._directory.mkdir(parents=True, exist_ok=True)
        (self._directory / f"{finding.what}.bin").write_bytes(small)
        print(f"FOUND {finding.what}: {small[:200]!r}\n{finding.story}", flush=True)

    def _shrunk(self, data: bytes, what: str) -> bytes:
        """Pieces taken out, larger ones first, as long as the same thing is found."""
        end = time.monotonic() + SECONDS_TO_SHRINK
        size = max(len(data) // 2, 1)
        while time.monotonic() < end:
            at, before = 0, len(data)
            while at < len(data) and time.monotonic() < end:
                less = data[:at] + data[at + size :]
                found = self._attempt(self.target, less)
                if found is not None and found.what == what:
                    data = less
                else:
                    at += size
            if size == 1 and len(data) == before:
                break
            size = max(size // 2, 1)
        return data

    def done(self) -> int:
        print(f"DONE {self.tried} inputs, {self.found} findings", flush=True)
        return 1 if self.found else 0


def _at_random(name: str) -> int:
    from fuzz.mutations import mutate

    watch, end = _Watch(name), time.monotonic() + SECONDS
    seeds = watch.target.seeds
    random = Random(SystemRandom().getrandbits(64))
    for seed in seeds:
        watch.try_one(seed)
    while seeds and time.monotonic() < end:
        data = random.choice(seeds)
        for _ in range(random.choice((1, 1, 1, 2, 4))):
            data = mutate(data, watch.target.kind, random, seeds)[: watch.target.max_bytes]
        watch.try_one(data)
    return watch.done()


def _guided(name: str, atheris) -> int:  # type: ignore[no-untyped-def]  # a module without types
    with atheris.instrument_imports(include=["sild"], enable_loader_override=False):
        watch = _Watch(name)
    from fuzz.mutations import mutate

    target = watch.target
    seeds = target.seeds
    if not seeds:
        return watch.done()
    directory = CORPUS / name
    corpus = directory / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds):
        (corpus / f"seed-{number}").write_bytes(seed)
        watch.try_one(seed)

    def changed(data: bytes, max_size: int, seed: int) -> bytes:
        random = Random(seed)
        if random.random() < 0.3:
            return bytes(atheris.Mutate(data, max_size))
        for _ in range(random.choice((1, 1, 2))):
            data = mutate(data, target.kind, random, seeds)[:max_size]
        return data

    options = [
        f"-max_total_time={int(SECONDS)}",
        f"-max_len={target.max_bytes}",
        "-timeout=30",
        "-rss_limit_mb=3000",
        f"-artifact_prefix={directory}/",
        "-print_final_stats=0",
        "-verbosity=0",
    ]
    atheris.Setup([sys.argv[0], *options, str(corpus)], _telling(watch), custom_mutator=changed)
    atheris.Fuzz()  # ends the process
    return 0


def _telling(watch: _Watch) -> Callable[[bytes], None]:
    """libFuzzer ends the process without asking us: say how far we are before it does."""
    end = time.monotonic() + SECONDS - 1

    def one(data: bytes) -> None:
        nonlocal end
        watch.try_one(data)
        if time.monotonic() > end:
            end = float("inf")
            status = watch.done()
            if status:
                os._exit(status)

    return one


if __name__ == "__main__":
    raise SystemExit(main())
