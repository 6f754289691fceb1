"""Rules as code: packages of rules as data, what they say of a situation, and the trace of how.

Pure: files, facts and the day come in, an evaluation goes out. A missing fact is unknown, never zero, and blocks what it feeds and
nothing else; money is exact; each parameter is dated and cites its article; the same facts give the same trace, byte for byte.

package.py     a package, addressed by its content        columns.py   arithmetic that knows what is unknown
rows.py        what a formula sees                        guard.py     OpenFisca, and what keeps it from guessing
situation.py   facts in OpenFisca's form                  calculate.py one situation, or a population in columns
evaluation.py  values, unknowns, law, trace               choices.py   the lawful ways to receive, from outputs
reasons.py     texts filled from the trace                what_if.py   the smallest change that changes an outcome

`evaluate`, `evaluate_columns` and `counterfactuals` import OpenFisca (AGPL-3.0) when they are first named, and run code of the package: name them in a
process made for it (sild.rule_engine, cohorts' workers), nowhere else. The rest of the door may be used by everybody.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from sild.rules.canonical import canonical_json, sha256_of
from sild.rules.choices import Choice, Item, choices, outputs_of_choices
from sild.rules.concepts import register_concepts
from sild.rules.evaluation import (
    MISSING,
    Asked,
    Counterfactual,
    Evaluation,
    Node,
    Situation,
    Trace,
    Unknown,
    UsedParameter,
    UsedRounding,
    Value,
    first_difference,
)
from sild.rules.package import (
    RulePackage,
    decimal_text,
    load_package,
    load_packages,
    minor_units,
    parse_package,
    shipped_packages,
)
from sild.rules.package_tests import Example, failures_of_tests, first_example
from sild.rules.reasons import Reason, reasons

if TYPE_CHECKING:
    from sild.rules.calculate import evaluate, evaluate_columns
    from sild.rules.situation import DTYPES, Group
    from sild.rules.what_if import counterfactuals

__all__ = [
    "DTYPES",
    "MISSING",
    "Asked",
    "Choice",
    "Counterfactual",
    "Evaluation",
    "Example",
    "Group",
    "Item",
    "Node",
    "Reason",
    "RulePackage",
    "Situation",
    "Trace",
    "Unknown",
    "UsedParameter",
    "UsedRounding",
    "Value",
    "canonical_json",
    "choices",
    "counterfactuals",
    "decimal_text",
    "evaluate",
    "evaluate_columns",
    "failures_of_tests",
    "first_difference",
    "first_example",
    "load_package",
    "load_packages",
    "minor_units",
    "outputs_of_choices",
    "parse_package",
    "reasons",
    "register_concepts",
    "sha256_of",
    "shipped_packages",
]

_LATER = {
    "DTYPES": "situation",
    "Group": "situation",
    "counterfactuals": "what_if",
    "evaluate": "calculate",
    "evaluate_columns": "calculate",
}


def __getattr__(name: str) -> object:
    """NumPy and OpenFisca take their time, and OpenFisca its licence: whoever names them loads them."""
    if name not in _LATER:
        raise AttributeError(name)
    return getattr(import_module(f"sild.rules.{_LATER[name]}"), name)
