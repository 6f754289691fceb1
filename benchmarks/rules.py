"""How fast rules are: one family through a worker, and families in columns on one core.

    .venv/bin/python benchmarks/rules.py [FAMILIES]

Prints the median and the 95th percentile of a warm answer, then seconds and peak memory of FAMILIES (100 000) in columns.
"""

from __future__ import annotations

import json
import resource
import statistics
import sys
import time
from datetime import date
from pathlib import Path

import numpy as np

import sild
from sild.rule_engine import RuleEngine
from sild.rules import Group, RulePackage, evaluate_columns, load_packages, outputs_of_choices

AT = date(2026, 4, 1)
OUTPUTS = ("child_allowance", "birth_grant", "parental_benefit")


def main(families: int) -> None:
    packs = Path(sild.__file__).parent / "packs"
    package = next(p for p in load_packages(packs).values() if p.name == "ee-family-benefits")
    one_by_one(package)
    in_columns(package, families)


def one_by_one(package: RulePackage) -> None:
    example = Path(__file__).parents[1] / "examples" / "family_benefits.json"
    situation = json.loads(example.read_text())
    asked = outputs_of_choices(package, situation)
    with RuleEngine(workers=1) as engine:
        started = time.perf_counter()
        engine.evaluate(package, situation, asked, at=AT)
        print(f"first answer  {time.perf_counter() - started:.2f} s")
        taken = []
        for _ in range(300):
            started = time.perf_counter()
            engine.evaluate(package, situation, asked, at=AT)
            taken.append(1000 * (time.perf_counter() - started))
    print(f"warm answer   {statistics.median(taken):.1f} ms, 95 % within {sorted(taken)[285]:.1f} ms")


def in_columns(package: RulePackage, families: int) -> None:
    """A child, a mother and a father each; births all over one year; every month of income known."""
    chance = np.random.default_rng(1)
    born = np.ma.masked_all(3 * families, "datetime64[D]")
    born[::3] = np.datetime64("2025-04-01") + chance.integers(0, 365, families)
    columns = {("born", "ETERNITY"): born, ("older_siblings", "ETERNITY"): chance.integers(0, 4, families)}
    for month in range(2023 * 12 + 6, 2025 * 12 + 6):
        columns["income", f"{month // 12}-{month % 12 + 1:02d}"] = chance.integers(0, 800_000, 3 * families)
    group = Group(
        np.repeat(np.arange(families), 3), np.tile(np.array(["child", "mother", "father"]), families)
    )
    started = time.perf_counter()
    evaluate_columns(
        package,
        columns,
        [(output, "ETERNITY") for output in OUTPUTS],
        at=AT,
        counts={"person": 3 * families, "family": families},
        groups={"family": group},
    )
    taken = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(
        f"in columns    {families} families in {taken:.2f} s, {families / taken:,.0f} a second, {peak} MiB with the facts"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
