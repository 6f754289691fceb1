"""Two runs over one population: what changes for whom. New law against old, or what a correction of the rules ripples to."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sild.cohorts.chunk import result_path
from sild.cohorts.files import write_whole
from sild.cohorts.population import Columns, household_name, read_table
from sild.cohorts.run import Run
from sild.errors import CallerError
from sild.rules import decimal_text

__all__ = ["Change", "Comparison", "compare_runs"]


@dataclass
class Change:
    """Of one result. gain, loss: sums in minor units, of numbers alone.  other: known in both and neither more nor less; or now (un)known."""

    same: int = 0
    gainers: int = 0
    losers: int = 0
    other: int = 0
    gain: int = 0
    loss: int = 0


@dataclass
class Comparison:
    """again: households with any change."""

    again: int = 0
    decided: int = 0
    changes: dict[str, Change] = field(default_factory=dict)


def compare_runs(old: Run, new: Run, listing: Path | None = None) -> Comparison:
    """listing: a CSV file for those to decide again: household, result, before, after (empty: nobody's; `unknown`).

    Raises CallerError: run_other (not of one population, no result in common), run_unfinished; Unavailable (disk_full).
    """
    if old.head["population"]["sha256"] != new.head["population"]["sha256"]:
        raise CallerError("the two runs are of different populations", code="run_other")
    if not (old.finished and new.finished):
        raise CallerError("a run is not finished: sild cohorts run --resume", code="run_unfinished")
    shared = [name for name in old.head["results"] if name in new.head["results"]]
    if not shared or old.head["chunks"] != new.head["chunks"]:
        raise CallerError("the two runs have no result in common", code="run_other")
    found = Comparison(changes={name: Change() for name in shared})
    text = StringIO()
    rows = csv.writer(text)
    rows.writerow(["household", "result", "before", "after"])
    for chunk in old.head["chunks"]:
        before, after = (read_table(result_path(run.directory, chunk)) for run in (old, new))
        again = np.zeros(len(before["household"]), np.bool_)
        for name in shared:
            moved = _count(before, after, name, found.changes[name])
            again |= moved
            if listing is not None:
                currency = old.head["results"][name]["currency"]
                rows.writerows(_listed(chunk, before, after, name, moved, currency))
        found.again += int(again.sum())
        found.decided += len(again)
    if listing is not None:
        write_whole(listing, text.getvalue().encode())
    return found


def _count(before: Columns, after: Columns, name: str, change: Change) -> NDArray[np.bool_]:
    """Which rows are not as they were."""
    (one, one_there), (other, other_there) = _known(before, name), _known(after, name)
    both = one_there & other_there
    moved: NDArray[np.bool_] = (one_there != other_there) | (both & (one != other))
    moved |= np.ma.getdata(before[f"{name}?"]) != np.ma.getdata(after[f"{name}?"])
    change.same += int((~moved).sum())
    if one.dtype.kind != "i":
        change.other += int(moved.sum())
        return moved
    difference = np.where(both, other - one, 0)
    more, less = difference > 0, difference < 0
    change.gainers += int(more.sum())
    change.losers += int(less.sum())
    change.gain += int(difference[more].sum())
    change.loss -= int(difference[less].sum())
    change.other += int((moved & ~more & ~less).sum())
    return moved


def _known(columns: Columns, name: str) -> tuple[NDArray[Any], NDArray[np.bool_]]:  # of whatever type
    return np.ma.getdata(columns[name]), ~np.ma.getmaskarray(columns[name])


def _listed(
    chunk: str, before: Columns, after: Columns, name: str, moved: NDArray[np.bool_], currency: str | None
) -> Iterator[tuple[str, str, str, str]]:
    for row in np.flatnonzero(moved):
        household = household_name(chunk, int(np.ma.getdata(before["household"])[row]))
        yield household, name, _said(before, name, row, currency), _said(after, name, row, currency)


def _said(columns: Columns, name: str, row: np.intp, currency: str | None) -> str:
    if bool(np.ma.getdata(columns[f"{name}?"])[row]):
        return "unknown"
    if np.ma.getmaskarray(columns[name])[row]:
        return ""
    value = np.ma.getdata(columns[name])[row]
    return decimal_text(int(value), currency) if currency else str(value)
