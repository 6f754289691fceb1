"""The same rule packages over a whole population: in columns, out of core, on this machine's cores or on a cluster.

population.py  chunks of households in Parquet, hashed     synthetic.py  made-up ones, the same of the same seed
plan.py        how a package looks at them                 chunk.py      one chunk: facts in, results, unknowns and hash out
worker.py      the locked child that has the rules         messages.py, rule_process.py  its parent's side
engines.py     processes of this machine, or Dask          run.py        the manifest: what is done, and going on
check.py       a sample through the path for one           compare.py    two runs: who gains, who loses, who is to be decided again
show.py        totals, pictures, unknowns by holder        what_if.py    a package with another parameter

Called by the command `sild cohorts` and by programs. Needs the extra `cohorts` (pyarrow; Dask for a cluster). Docs: docs/cohorts.md.
Neither this process nor a cluster's worker imports OpenFisca or runs a package's code: their children do, under sild.rule_engine's
locks. For those children's sake nothing is imported before it is named.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sild.cohorts.check import Difference, check_run
    from sild.cohorts.compare import Comparison, compare_runs
    from sild.cohorts.engines import Dask, Engine, Processes
    from sild.cohorts.population import Population
    from sild.cohorts.rule_process import Limits
    from sild.cohorts.run import Run, run_package
    from sild.cohorts.show import (
        Histogram,
        histogram,
        histogram_svg,
        totals,
        unknowns_by_holder,
        write_missing,
    )
    from sild.cohorts.synthetic import Recipe, make_population
    from sild.cohorts.what_if import with_parameter

__all__ = [
    "Comparison",
    "Dask",
    "Difference",
    "Engine",
    "Histogram",
    "Limits",
    "Population",
    "Processes",
    "Recipe",
    "Run",
    "check_run",
    "compare_runs",
    "histogram",
    "histogram_svg",
    "make_population",
    "run_package",
    "totals",
    "unknowns_by_holder",
    "with_parameter",
    "write_missing",
]

_ROOMS = {
    "Comparison": "compare",
    "Dask": "engines",
    "Difference": "check",
    "Engine": "engines",
    "Histogram": "show",
    "Limits": "rule_process",
    "Population": "population",
    "Processes": "engines",
    "Recipe": "synthetic",
    "Run": "run",
    "check_run": "check",
    "compare_runs": "compare",
    "histogram": "show",
    "histogram_svg": "show",
    "make_population": "synthetic",
    "run_package": "run",
    "totals": "show",
    "unknowns_by_holder": "show",
    "with_parameter": "what_if",
    "write_missing": "show",
}


def __getattr__(name: str) -> object:
    if name not in _ROOMS:
        raise AttributeError(name)
    return getattr(import_module(f"sild.cohorts.{_ROOMS[name]}"), name)
