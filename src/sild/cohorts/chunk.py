"""One chunk: facts in, results, unknowns and their hash out. Runs where the engine puts it; needs the two directories and nothing else.

results-EE-00007.parquet    household, and each result with `NAME?`: whether it is unknown; null and not unknown: there is nobody whose it is
unknowns-EE-00007.parquet   household, cause (by number in run.json): a fact that alone keeps a result unknown

The output hash is over the values, not over the files: another release of the Parquet library, or another engine, changes nothing.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sild.cohorts.messages import Array
from sild.cohorts.plan import Cause, Key, Plan, Rows, plan_of, rows_of
from sild.cohorts.population import Chunk, Columns, household_name, read_chunk, write_table
from sild.cohorts.rule_process import Limits, RuleProcess, peak_memory
from sild.errors import CallerError, Unavailable
from sild.rules import DTYPES, RulePackage, canonical_json, parse_package

__all__ = [
    "MOST_FAILURES",
    "Job",
    "causes_of",
    "end_rule_processes",
    "result_path",
    "run_chunk",
    "unknowns_path",
]

MOST_FAILURES = 10
"""Households of one chunk for which a package may raise; then it is the package."""


Failure = tuple[int, CallerError]
"""A row of what is decided on, and what the package does there."""


@dataclass(frozen=True)
class Job:
    """What every chunk of a run has in common; can be pickled. package: files by path."""

    people: str
    directory: str
    package: Mapping[str, bytes] = field(repr=False)
    at: date
    outputs: tuple[str, ...]
    limits: Limits


def run_chunk(job: Job, chunk: Chunk) -> dict[str, Any]:
    """The chunk's line of the manifest, plain JSON.

    Raises CallerError: corrupt_chunk; what a package does wrong, with `household`.  Unavailable: disk_full, rule_process_died.
    """
    began, cpu = time.monotonic(), time.thread_time()
    rules = _rules_of(job)
    cpu += rules.process.cpu
    plan = plan_of(rules.package, job.at, job.outputs)
    rows = rows_of(plan, *read_chunk(Path(job.people), chunk, rules.package.facts))
    work = _Work(plan, rules, chunk)
    failed: list[Failure] = []
    found = work.results(rows, failed)
    unknowns = work.unknowns(rows, found, failed)
    directory = Path(job.directory)
    written = [
        write_table(path(directory, chunk.name), columns)
        for path, columns in ((result_path, found), (unknowns_path, unknowns))
    ]
    return {
        "chunk": chunk.name,
        "input": list(chunk.sha256),
        "package": rules.package.sha256,
        "output": _digest(found, unknowns),
        "files": [hashlib.sha256(content).hexdigest() for content in written],
        "people": chunk.people,
        "households": chunk.households,
        "decided": len(rows.household),
        "failed": [work.told(rows, failure) for failure in failed],
        "results": {result.name: _summary(found, result.name) for result in plan.results},
        "unknowns": _counted(unknowns, plan),
        "seconds": round(time.monotonic() - began, 3),
        "cpu": round(max(0.0, time.thread_time() + rules.process.cpu - cpu), 3),
        "peak": {**peak_memory(rules.parent), **rules.process.peak},
    }


def result_path(directory: Path, chunk: str) -> Path:
    return directory / f"results-{chunk}.parquet"


def unknowns_path(directory: Path, chunk: str) -> Path:
    return directory / f"unknowns-{chunk}.parquet"


def causes_of(plan: Plan) -> list[Cause]:
    """All that may be missing."""
    roles = plan.package.entities[plan.group].roles if plan.group else None
    return [
        (name, role)
        for name, spec in plan.package.facts.items()
        for role in (roles if roles and spec.entity != plan.group else [""])
    ]


@dataclass
class _Work:
    plan: Plan
    rules: _Rules
    chunk: Chunk

    def results(self, rows: Rows, failed: list[Failure]) -> Columns:
        """failed: gets those for whom the package raises; they have no result."""
        answers = self._ask_halves(rows, np.arange(len(rows.household)), failed)
        found: Columns = {"household": np.ma.MaskedArray(rows.household)}
        lost = np.zeros(len(rows.household), np.bool_)
        lost[[row for row, _ in failed]] = True
        for result in self.plan.results:
            values, unknown, nobody = self._shaped(rows, answers[result.variable, result.period], result.role)
            unknown = unknown | (lost & ~nobody)
            values[unknown | nobody] = np.zeros(1, values.dtype)[0]
            found[result.name] = np.ma.MaskedArray(values, mask=unknown | nobody)
            found[f"{result.name}?"] = np.ma.MaskedArray(unknown)
        return found

    def told(self, rows: Rows, failure: Failure) -> dict[str, str]:
        row, error = failure
        node = str(error.detail.get("node", ""))
        return {"household": self._name(rows, row), "node": node, "code": error.code}

    def unknowns(self, rows: Rows, found: Columns, failed: list[Failure]) -> Columns:
        """A fact is a cause where a result stays unknown with everything else there."""
        kept: list[tuple[NDArray[np.int64], int]] = []
        open_ = np.zeros(len(rows.household), np.bool_)
        for result in self.plan.results:
            open_ |= np.ma.getdata(found[f"{result.name}?"])
        open_[[row for row, _ in failed]] = False
        if open_.any():
            some = rows.take(open_)
            for number, cause in enumerate(causes_of(self.plan)):
                if (columns := self._only(some, cause)) is not None:
                    blocked = self._blocked(some, columns)
                    kept.append((some.household[blocked], number))
        households = np.concatenate([np.zeros(0, np.int64), *(each for each, _ in kept)])
        causes = np.repeat([number for _, number in kept], [len(each) for each, _ in kept]).astype(np.int8)
        order = np.lexsort((causes, households))
        return {
            "household": np.ma.MaskedArray(households[order]),
            "cause": np.ma.MaskedArray(causes[order]),
        }

    def _ask(self, rows: Rows, columns: Mapping[Key, Array] | None = None) -> dict[Key, Array]:
        return self.rules.evaluate_columns(
            rows.columns if columns is None else columns,
            self.plan.asked,
            at=self.plan.at,
            counts=rows.counts(self.plan),
            groups=rows.groups(self.plan),
        )

    def _ask_halves(self, rows: Rows, at: NDArray[np.int64], failed: list[Failure]) -> dict[Key, Array]:
        """Where a package raises, all but the households it raises for."""
        try:
            return self._ask(rows)
        except CallerError as error:
            if error.code != "rule_failed" or len(failed) >= MOST_FAILURES:
                raise self._named(error, rows) from error
            if len(at) == 1:
                failed.append((int(at[0]), error))
                return self._nothing(rows)
        half = np.arange(len(at)) < len(at) // 2
        one = self._ask_halves(rows.take(half), at[half], failed)
        other = self._ask_halves(rows.take(~half), at[~half], failed)
        return {key: self._joined(rows, key, half, one[key], other[key]) for key in self.plan.asked}

    def _joined(self, rows: Rows, key: Key, half: NDArray[np.bool_], one: Array, other: Array) -> Array:
        """Back in the order of `rows`; a half without a single answer has no type of its own."""
        spec = self.plan.package.outputs[key[0]]
        of_group = rows.of is None or spec.entity == self.plan.group
        first = half if of_group or rows.of is None else half[rows.of]
        values = np.zeros(len(first), np.result_type(one, other))
        mask = np.ones(len(first), np.bool_)
        for where, part in ((first, one), (~first, other)):
            known = ~np.ma.getmaskarray(part)
            rows_known = np.flatnonzero(where)[known]
            values[rows_known] = np.ma.getdata(part)[known]
            mask[rows_known] = False
        return np.ma.MaskedArray(values, mask=mask)

    def _nothing(self, rows: Rows) -> dict[Key, Array]:
        counts = rows.counts(self.plan)
        empty = {}
        for key in self.plan.asked:
            spec = self.plan.package.outputs[key[0]]
            count = counts[spec.entity]
            values = np.zeros(count, DTYPES[spec.type])
            empty[key] = np.ma.MaskedArray(values, mask=np.ones(count, np.bool_))
        return empty

    def _named(self, error: CallerError, rows: Rows) -> CallerError:
        """With the households it was about."""
        first, last = self._name(rows, 0), self._name(rows, -1)
        where = first if first == last else f"{first} to {last}"
        detail = {**error.detail, "chunk": self.chunk.name, "household": where}
        return CallerError(f"{error.message} (household {where})", code=error.code, **detail)

    def _name(self, rows: Rows, row: int) -> str:
        return household_name(self.chunk.name, int(rows.household[row]))

    def _shaped(
        self, rows: Rows, answer: Array, role: str
    ) -> tuple[NDArray[Any], NDArray[np.bool_], NDArray[np.bool_]]:  # of whatever type
        """Values, unknown, nobody: by row of what is decided on."""
        values, unknown = np.ma.getdata(answer), np.ma.getmaskarray(answer)
        if not role:
            return values.copy(), unknown, np.zeros(len(values), np.bool_)
        holder = rows.holder(role)
        nobody = holder < 0
        return values[holder], unknown[holder] & ~nobody, nobody

    def _only(self, rows: Rows, cause: Cause) -> dict[Key, Array] | None:
        """The facts with everything there but this one, where it is not; None: it is."""
        variable, role = cause
        missing = all(key[0] != variable for key in rows.columns)
        columns: dict[Key, Array] = {}
        for key, values in rows.columns.items():
            mask = np.ma.getmaskarray(values)
            keep = np.zeros_like(mask)
            if key[0] == variable:
                keep = mask & (rows.roles == role) if role else mask
                missing = missing or bool(keep.any())
            columns[key] = np.ma.MaskedArray(_filled(np.ma.getdata(values), mask, self.plan.at), mask=keep)
        return columns if missing else None

    def _blocked(self, rows: Rows, columns: Mapping[Key, Array]) -> NDArray[np.bool_]:
        blocked = np.zeros(len(rows.household), np.bool_)
        try:
            answers = self._ask(rows, columns)
        except CallerError as error:
            if error.code != "rule_failed":
                raise
            return ~blocked  # it raises for what stands in: nobody can tell, so the holder is asked
        for result in self.plan.results:
            blocked |= self._shaped(rows, answers[result.variable, result.period], result.role)[1]
        return blocked


def _filled(values: NDArray[Any], mask: NDArray[np.bool_], at: date) -> NDArray[Any]:
    """In place of what is missing some value that is there, so that the law has an answer to it."""
    if not mask.any():
        return values
    known = values[~mask]
    day = np.datetime64(at) if values.dtype.kind == "M" else np.zeros(1, values.dtype)[0]
    stand_in = known[0] if len(known) else day
    return np.where(mask, stand_in, values).astype(values.dtype)


def _digest(*tables: Columns) -> str:
    digest = hashlib.sha256()
    for columns in tables:
        for name, values in columns.items():
            plain = np.ascontiguousarray(np.ma.getdata(values))
            digest.update(canonical_json([name, plain.dtype.str, len(plain)]))
            digest.update(plain.view(np.uint8).data)
            digest.update(np.ascontiguousarray(np.ma.getmaskarray(values)).view(np.uint8).data)
    return digest.hexdigest()


def _summary(found: Columns, name: str) -> dict[str, Any]:
    values, unknown = found[name], np.ma.getdata(found[f"{name}?"])
    known = np.ma.getdata(values)[~np.ma.getmaskarray(values)]
    told: dict[str, Any] = {"known": len(known), "unknown": int(unknown.sum())}
    if known.dtype.kind in "ib" and len(known):
        told |= {"sum": int(known.sum()), "least": int(known.min()), "most": int(known.max())}
    return told


def _counted(unknowns: Columns, plan: Plan) -> dict[str, int]:
    causes = np.ma.getdata(unknowns["cause"])
    named = causes_of(plan)
    return {
        ".".join(filter(None, named[number])): int(count)
        for number, count in zip(*np.unique(causes, return_counts=True), strict=True)
    }


# --- one rule process for each thread that computes


class _Rules:
    def __init__(self, job: Job) -> None:
        self.package: RulePackage = parse_package(job.package)
        self.process = RuleProcess(self.package, job.limits)
        self.parent = os.getpid()

    def evaluate_columns(self, *arguments: Any, **named: Any) -> dict[Key, Array]:  # passed on as they are
        """Once more when the process was killed: it holds nothing."""
        try:
            return self.process.evaluate_columns(*arguments, **named)
        except Unavailable:
            if self.process.closed:
                raise
            return self.process.evaluate_columns(*arguments, **named)


_own = threading.local()
_all: list[_Rules] = []


def _rules_of(job: Job) -> _Rules:
    held: tuple[Job, _Rules] | None = getattr(_own, "held", None)
    if held is None or (held[0].package, held[0].limits) != (job.package, job.limits):
        if held is not None:
            held[1].process.close()
        held = _own.held = (job, _Rules(job))
        _all.append(held[1])
    return held[1]


def end_rule_processes() -> None:
    """Of all threads of this process."""
    while _all:
        _all.pop().process.close()
