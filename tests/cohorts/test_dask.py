"""A real cluster on this machine: a scheduler and two workers. The same results; a worker may die."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sild.cohorts import Dask, Processes, Recipe, make_population, run_package
from sild.errors import Unavailable
from sild.rules import RulePackage


class Cluster:
    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{self.port}"
        self.scheduler = self._start("dask_scheduler", "--port", str(self.port))
        self.workers = [
            self._start("dask_worker", self.address, "--nthreads", "1", "--no-nanny") for _ in range(2)
        ]

    def _start(self, module: str, *arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [
                sys.executable,
                "-m",
                f"distributed.cli.{module}",
                *arguments,
                "--host",
                "127.0.0.1",
                "--no-dashboard",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def end(self) -> None:
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    started = Cluster()
    yield started
    started.end()


def test_the_cluster_says_what_this_machine_says(
    cluster: Cluster, benefits: RulePackage, people: Path, tmp_path: Path
) -> None:
    here = run_package(benefits, people, tmp_path / "here", Processes(1))
    there = run_package(benefits, people, tmp_path / "there", Dask(cluster.address))
    assert there.sha256 == here.sha256
    own = {process.rpartition("/")[2] for line in there.lines.values() for process in line["peak"]}
    assert {str(worker.pid) for worker in cluster.workers} & own


def test_a_worker_dies_in_the_middle(cluster: Cluster, benefits: RulePackage, tmp_path: Path) -> None:
    people = tmp_path / "people"
    make_population(Recipe(12_000, countries=("EE",), chunk=400), people, workers=1)
    lines: list[object] = []

    def done(line: object) -> None:
        lines.append(line)
        if len(lines) == 3:
            cluster.workers[0].kill()

    run = run_package(benefits, people, tmp_path / "there", Dask(cluster.address), done=done)
    assert run.finished and len(lines) == 30
    assert run.sha256 == run_package(benefits, people, tmp_path / "here", Processes(2)).sha256


def test_no_scheduler_there(benefits: RulePackage, people: Path, tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as refused:
        run_package(benefits, people, tmp_path, Dask("tcp://127.0.0.1:9", seconds=1))
    assert refused.value.code == "no_cluster"
