"""What came of a run: totals, how results are spread, what is not known and who would know it."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass
from html import escape
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np

from sild.cohorts.chunk import result_path, unknowns_path
from sild.cohorts.files import write_whole
from sild.cohorts.population import household_name, read_table
from sild.cohorts.run import Run
from sild.errors import CallerError
from sild.rules import decimal_text

__all__ = [
    "Histogram",
    "Missing",
    "histogram",
    "histogram_svg",
    "totals",
    "unknowns_by_holder",
    "write_missing",
]

BINS = 24


@dataclass(frozen=True, slots=True)
class Missing:
    """blocked: results' rows that this fact alone would keep unknown."""

    holder: str
    concept: str
    cause: str
    blocked: int


@dataclass(frozen=True, slots=True)
class Histogram:
    """counts: of values from edges[i], below edges[i + 1]; minor units."""

    name: str
    currency: str | None
    edges: tuple[int, ...]
    counts: tuple[int, ...]


def totals(run: Run) -> dict[str, dict[str, Any]]:
    """By result: known, unknown; of numbers also sum, mean, least, most; money as decimal strings. Plain JSON."""
    told = {}
    for name, about in run.head["results"].items():
        parts = [line["results"][name] for line in run.lines.values()]
        one: dict[str, Any] = {what: sum(part[what] for part in parts) for what in ("known", "unknown")}
        numbers = [part for part in parts if "sum" in part]
        if numbers:
            total = sum(part["sum"] for part in numbers)
            figures = {
                "sum": total,
                "mean": round(total / one["known"]),
                "least": min(part["least"] for part in numbers),
                "most": max(part["most"] for part in numbers),
            }
            currency = about["currency"]
            one |= {
                what: decimal_text(value, currency) if currency else value for what, value in figures.items()
            }
        told[name] = one
    return told


def unknowns_by_holder(run: Run) -> list[Missing]:
    """Most first."""
    counts: Counter[str] = Counter()
    for line in run.lines.values():
        counts.update(line["unknowns"])
    known = {cause["cause"]: cause for cause in run.head["causes"]}
    found = [
        Missing(known[cause]["holder"], known[cause]["concept"], cause, count)
        for cause, count in counts.items()
    ]
    return sorted(found, key=lambda each: (-each.blocked, each.cause))


def write_missing(run: Run, path: Path) -> int:
    """A CSV file to send around: holder, concept, cause, household; by holder. Its rows.  Raises Unavailable (disk_full)."""
    causes = run.head["causes"]
    text = StringIO()
    rows = csv.writer(text)
    rows.writerow(["holder", "concept", "cause", "household"])
    order = sorted(range(len(causes)), key=lambda number: (causes[number]["holder"], number))
    count = 0
    for number in order:
        about = causes[number]
        for chunk in sorted(run.lines):
            found = read_table(unknowns_path(run.directory, chunk))
            own = np.ma.getdata(found["household"])[np.ma.getdata(found["cause"]) == number]
            names = (household_name(chunk, int(each)) for each in own)
            rows.writerows([about["holder"], about["concept"], about["cause"], name] for name in names)
            count += len(own)
    write_whole(path, text.getvalue().encode())
    return count


def histogram(run: Run, name: str) -> Histogram:
    """Of a result that is a number.  Raises CallerError (bad_request, corrupt_chunk)."""
    parts = [line["results"].get(name, {}) for line in run.lines.values()]
    numbers = [part for part in parts if "sum" in part]
    if not numbers:
        raise CallerError(f"no result {name} that is a number")
    least, most = min(part["least"] for part in numbers), max(part["most"] for part in numbers)
    edges = np.unique(np.linspace(least, most + 1, BINS + 1).astype(np.int64))
    counts = np.zeros(len(edges) - 1, np.int64)
    for chunk in run.lines:
        values = read_table(result_path(run.directory, chunk))[name]
        counts += np.histogram(values.compressed().astype(np.int64), edges)[0]
    currency = run.head["results"][name]["currency"]
    return Histogram(name, currency, tuple(map(int, edges)), tuple(map(int, counts)))


def histogram_svg(found: Histogram, title: str) -> str:
    """A picture that stands alone, with the counts as titles of the bars."""
    width, height, left, top, bottom = 640, 300, 12, 44, 36
    most, bars = max(found.counts), []
    step = (width - 2 * left) / len(found.counts)
    for place, count in enumerate(found.counts):
        tall = (height - top - bottom) * count / most
        low, high = _amount(found.edges[place], found), _amount(found.edges[place + 1], found)
        bars.append(
            f'<rect x="{left + place * step:.1f}" y="{height - bottom - tall:.1f}" width="{step - 2:.1f}" '
            f'height="{tall:.1f}" fill="#2b5f8a"><title>{low} to {high}: {count:,}</title></rect>'
        )
    ends = (
        (left, "start", _amount(found.edges[0], found)),
        (width - left, "end", _amount(found.edges[-1], found)),
    )
    texts = [
        f'<text x="{x}" y="{height - 12}" text-anchor="{anchor}">{text}</text>' for x, anchor, text in ends
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" font-family="sans-serif" '
        f'font-size="13"><title>{escape(title)}</title><rect width="100%" height="100%" fill="#fff"/>'
        f'<text x="{left}" y="22" font-size="15">{escape(title)}</text>'
        f'<text x="{left}" y="38" fill="#555">most in one bar: {most:,}</text>{"".join(bars)}{"".join(texts)}</svg>\n'
    )


def _amount(units: int, found: Histogram) -> str:
    return f"{decimal_text(units, found.currency)} {found.currency}" if found.currency else f"{units:,}"
