"""The tests a package brings, in OpenFisca's form: `name`, `period`, `input`, `output`; `at`, the day, is ours.

Values stand for `period`, or by period. An expected null is an unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import yaml

from sild.rules.evaluation import Asked, Evaluation, Situation, ValueJSON
from sild.rules.package import RulePackage

__all__ = ["Example", "failures_of_tests", "first_example"]


@dataclass(frozen=True, slots=True)
class Example:
    """Made-up facts that the package brings. name: in English, of the test."""

    name: str
    situation: Situation
    asked: tuple[Asked, ...]
    at: date


def first_example(package: RulePackage) -> Example | None:
    """The first of its tests; None: it brings none."""
    for path in sorted(path for path in package.files if path.startswith("tests/")):
        for test in yaml.safe_load(package.files[path]):
            period = str(test["period"])
            asked = tuple(dict(_values(package, test["output"], period)))
            situation = _situation(package, test["input"], period)
            return Example(str(test["name"]), situation, asked, date.fromisoformat(str(test["at"])))
    return None


Evaluate = Callable[[Situation, list[Asked], date], Evaluation]


def failures_of_tests(package: RulePackage, evaluate: Evaluate) -> tuple[int, list[str]]:
    """How many values were compared, and which are not as expected."""
    compared, failures = 0, []
    for path in sorted(path for path in package.files if path.startswith("tests/")):
        for test in yaml.safe_load(package.files[path]):
            expected = dict(_values(package, test["output"], str(test["period"])))
            at = date.fromisoformat(str(test["at"]))
            found = evaluate(_situation(package, test["input"], str(test["period"])), list(expected), at)
            for asked, value in expected.items():
                compared += 1
                if found.value(*asked) != value:
                    failures.append(f"{path}: {test['name']}: {asked}: {found.value(*asked)}, not {value}")
    return compared, failures


def _situation(package: RulePackage, given: Mapping[str, Mapping[str, object]], period: str) -> Situation:
    situation: dict[str, dict[str, dict[str, object]]] = {}
    for plural, instances in given.items():
        for instance, values in instances.items():
            told = situation.setdefault(plural, {}).setdefault(instance, {})
            for name, value in values.items() if isinstance(values, Mapping) else ():
                fact = package.facts.get(name)
                told[name] = value if fact is None else _by_period(value, fact.period, period)
    return situation


def _values(
    package: RulePackage, expected: Mapping[str, Mapping[str, Mapping[str, object]]], period: str
) -> Iterator[tuple[Asked, ValueJSON]]:
    for instances in expected.values():
        for instance, values in instances.items():
            for name, value in values.items():
                for when, said in _by_period(value, package.outputs[name].period, period).items():
                    yield (instance, name, when), said


def _by_period(value: object, kind: str, period: str) -> dict[str, ValueJSON]:
    when = "ETERNITY" if kind == "eternity" else period
    by_period: Mapping[object, Any] = value if isinstance(value, Mapping) else {when: value}  # YAML
    return {str(p): str(v) if isinstance(v, date) else v for p, v in by_period.items()}
