"""Killed in the middle, a run goes on: no chunk twice, none missing, the same results."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from sild.cohorts import Processes, Recipe, Run, make_population, run_package
from sild.cohorts.chunk import result_path
from sild.cohorts.files import held_alone
from sild.errors import CallerError
from sild.rules import RulePackage, parse_package


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty chunks."""
    directory = tmp_path_factory.mktemp("many")
    make_population(Recipe(12_000, countries=("EE",), chunk=200), directory, workers=1)
    return directory


@pytest.fixture(scope="module")
def whole(benefits: RulePackage, many: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run_package(benefits, many, tmp_path_factory.mktemp("whole"), Processes(2))


def test_after_kill_9(benefits: RulePackage, many: Path, whole: Run, tmp_path: Path) -> None:
    out = tmp_path / "run"
    manifest = out / "manifest.jsonl"
    command = [sys.executable, "-m", "sild", "cohorts", "run", "--package", "ee-family-benefits"]
    process = subprocess.Popen(
        [*command, "--people-dir", str(many), "--out", str(out)], stderr=subprocess.DEVNULL
    )
    while process.poll() is None and not (manifest.exists() and manifest.read_bytes().count(b"\n") >= 5):
        time.sleep(0.005)
    process.kill()
    process.wait()
    before = len(Run.read(out).lines)
    assert 5 <= before < 60 and not Run.read(out).finished
    with manifest.open("ab") as file:
        file.write(b'{"chunk":"EE-000')  # a line that death has torn
    computed: list[str] = []
    with pytest.raises(CallerError, match="--resume"):
        run_package(benefits, many, out, Processes(2))
    run = run_package(
        benefits, many, out, Processes(2), resume=True, done=lambda line: computed.append(line["chunk"])
    )
    assert run.finished and run.sha256 == whole.sha256
    names = [json.loads(line)["chunk"] for line in manifest.read_bytes().splitlines()]
    assert len(names) == len(set(names)) == 60
    assert len(computed) == 60 - before


def test_a_damaged_result_is_computed_again(benefits: RulePackage, many: Path, whole: Run) -> None:
    path = result_path(whole.directory, "EE-00007")
    path.write_bytes(path.read_bytes()[:-1])
    computed: list[str] = []
    run = run_package(
        benefits,
        many,
        whole.directory,
        Processes(1),
        resume=True,
        done=lambda line: computed.append(line["chunk"]),
    )
    assert computed == ["EE-00007"] and run.sha256 == whole.sha256


def test_a_killed_rule_process_is_replaced(
    benefits: RulePackage, many: Path, whole: Run, tmp_path: Path
) -> None:
    killed: list[int] = []

    def kill_one() -> None:
        for child in psutil.Process().children():
            if not killed and "sild.cohorts.worker" in child.cmdline():
                killed.append(child.pid)
                child.kill()

    lines: list[object] = []

    def done(line: object) -> None:
        lines.append(line)
        if len(lines) == 10:
            kill_one()

    run = run_package(benefits, many, tmp_path, Processes(2), done=done)
    assert killed and run.sha256 == whole.sha256


def test_another_package_is_another_run(benefits: RulePackage, many: Path, whole: Run) -> None:
    changed = parse_package({**benefits.files, "README": b"one file more"})
    with pytest.raises(CallerError, match="another package") as refused:
        run_package(changed, many, whole.directory, Processes(1), resume=True)
    assert refused.value.code == "run_other"


def test_a_run_has_one_process(benefits: RulePackage, many: Path, whole: Run) -> None:
    with held_alone(whole.directory / "lock"), pytest.raises(CallerError) as refused:
        run_package(benefits, many, whole.directory, Processes(1), resume=True)
    assert refused.value.code == "run_busy"


def test_a_full_disk_ends_the_run_and_it_goes_on_later(benefits: RulePackage, tmp_path: Path) -> None:
    people, out = tmp_path / "people", tmp_path / "run"
    make_population(Recipe(40_000, countries=("EE",), chunk=20_000), people, workers=1)
    program = (  # no file beyond 24 KiB, as a disk that is full
        "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (24 << 10,) * 2)\n"
        "from sild.cli import main; main()"
    )
    command = ["cohorts", "run", "--package", "ee-family-benefits", "--people-dir", str(people)]
    done = subprocess.run(
        [sys.executable, "-c", program, *command, "--out", str(out)], stderr=subprocess.PIPE, text=True
    )
    assert done.returncode == 2 and "disk_full" in done.stderr and "--resume" in done.stderr
    assert not Run.read(out).lines and not [*out.glob("*.draft"), *out.glob(".*.draft")]
    assert run_package(benefits, people, out, Processes(1), resume=True).finished
