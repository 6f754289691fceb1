"""A run: which package over which population, what is done, and going on after whatever death.

run.json         what this run is of; another package, day or population is another run
manifest.jsonl   a line for each finished chunk, appended after its files are on the disk
package/         the files of the rules, as they were run
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

from sild.cohorts.chunk import Job, causes_of, result_path, unknowns_path
from sild.cohorts.engines import Engine
from sild.cohorts.files import held_alone, translated, write_whole
from sild.cohorts.plan import plan_of
from sild.cohorts.population import Chunk, Population
from sild.cohorts.rule_process import Limits
from sild.errors import CallerError
from sild.rules import RulePackage, load_package, sha256_of

__all__ = ["Run", "run_package"]

Line = Mapping[str, Any]  # of the manifest, plain JSON


@dataclass(frozen=True)
class Run:
    """A run on the disk. head: of run.json.  lines: by chunk."""

    directory: Path
    head: Mapping[str, Any]  # plain JSON
    lines: Mapping[str, Line]

    @classmethod
    def read(cls, directory: Path) -> Run:
        """Raises CallerError (no_run)."""
        try:
            head = json.loads((directory / "run.json").read_bytes())
            return cls(directory, head, {line["chunk"]: line for line in _lines(directory)})
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CallerError(f"{directory}: no run of a rule package", code="no_run") from error

    @property
    def finished(self) -> bool:
        return self.lines.keys() == set(self.head["chunks"])

    @cached_property
    def sha256(self) -> str:
        """Of all results, whoever computed them in whatever order."""
        return sha256_of({name: line["output"] for name, line in self.lines.items()})

    @property
    def failed(self) -> list[dict[str, str]]:
        return [failure for name in sorted(self.lines) for failure in self.lines[name]["failed"]]

    @property
    def people(self) -> int:
        return sum(line["people"] for line in self.lines.values())

    def package(self) -> RulePackage:
        return load_package(self.directory / "package")


def run_package(
    package: RulePackage,
    people: Path,
    directory: Path,
    engine: Engine,
    *,
    at: date | None = None,
    outputs: Sequence[str] = (),
    resume: bool = False,
    limits: Limits | None = None,
    starting: Callable[[int, int], None] = lambda people, before: None,
    done: Callable[[Line], None] = lambda line: None,
) -> Run:
    """All chunks of the package's country. at: the population's own day unless said.

    starting: called with the people to compute and those computed before.  done: with each finished line.
    Raises CallerError: no_population, run_there (and not `resume`), run_other (not this package, day or population), run_busy; what
    `run_chunk` raises. What is finished then stays so.
    """
    population = Population.read(people)
    chunks = population.of_country(package.country)
    if not chunks:
        raise CallerError(f"{people}: nobody there lives in {package.country}", code="unsuited_package")
    day = at or population.as_of
    plan = plan_of(package, day, outputs)
    head = {
        "package": {"name": package.name, "version": package.version, "sha256": package.sha256},
        "country": package.country,
        "at": day.isoformat(),
        "population": {"directory": str(people.resolve()), "sha256": population.sha256},
        "results": {
            result.name: {"type": result.type, "currency": result.currency} for result in plan.results
        },
        "causes": [_cause(package, *cause) for cause in causes_of(plan)],
        "chunks": [chunk.name for chunk in chunks],
    }
    with translated(directory):
        directory.mkdir(parents=True, exist_ok=True)
    with held_alone(directory / "lock"):
        finished = _begin(directory, head, package, chunks, resume)
        rest = [chunk for chunk in chunks if chunk.name not in finished]
        before = sum(chunk.people for chunk in chunks if chunk.name in finished)
        starting(sum(chunk.people for chunk in chunks), before)
        job = Job(
            str(people.resolve()),
            str(directory.resolve()),
            package.files,
            day,
            tuple(outputs),
            limits or Limits(),
        )
        for line in engine.run(job, rest) if rest else ():
            _append(directory / "manifest.jsonl", line)
            done(line)
        return Run.read(directory)


def _begin(
    directory: Path, head: Mapping[str, object], package: RulePackage, chunks: Sequence[Chunk], resume: bool
) -> set[str]:
    """Names of the chunks that are done."""
    if not (directory / "run.json").exists():
        for path, content in package.files.items():
            with translated(directory):
                (directory / "package" / path).parent.mkdir(parents=True, exist_ok=True)
            write_whole(directory / "package" / path, content)
        write_whole(directory / "manifest.jsonl", b"")
        write_whole(directory / "run.json", json.dumps(head, indent=1).encode())
        return set()
    if not resume:
        raise CallerError(f"{directory} has a run: --resume, or another --out", code="run_there")
    there = json.loads((directory / "run.json").read_bytes())
    for name, value in head.items():
        if name == "population":
            same = there[name]["sha256"] == head["population"]["sha256"]  # type: ignore[index]  # a mapping
        else:
            same = there[name] == value
        if not same:
            raise CallerError(
                f"{directory} is a run of another {name}: go on with that one, or choose another --out",
                code="run_other",
            )
    by_name = {chunk.name: chunk for chunk in chunks}
    kept = {line["chunk"]: line for line in _lines(directory) if _sound(directory, line, by_name)}
    write_whole(directory / "manifest.jsonl", b"".join(map(_text, kept.values())))
    return set(kept)


def _sound(directory: Path, line: Line, chunks: Mapping[str, Chunk]) -> bool:
    """Of these facts, and its files are as they were written."""
    chunk = chunks.get(line["chunk"])
    if chunk is None or tuple(line["input"]) != chunk.sha256:
        return False
    paths = (result_path(directory, chunk.name), unknowns_path(directory, chunk.name))
    try:
        found = [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]
        return found == list(line["files"])
    except OSError:
        return False


def _lines(directory: Path) -> Iterable[Line]:
    """Whole ones: what a death has torn was not finished."""
    for line in (directory / "manifest.jsonl").read_bytes().split(b"\n")[:-1]:
        yield json.loads(line)


def _append(path: Path, line: Line) -> None:
    with translated(path), path.open("ab") as file:
        file.write(_text(line))
        file.flush()
        os.fsync(file.fileno())


def _text(line: Line) -> bytes:
    return json.dumps(line, separators=(",", ":")).encode() + b"\n"


def _cause(package: RulePackage, variable: str, role: str) -> dict[str, str]:
    fact = package.facts[variable]
    name = ".".join(filter(None, (variable, role)))
    return {"cause": name, "concept": fact.concept, "holder": fact.holder}
