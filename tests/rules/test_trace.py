"""The trace: of the same facts and rules the same bytes, in whatever process; one fact otherwise, and the first node that differs."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import pytest

from sild.errors import CallerError
from sild.rules import Evaluation, Trace, canonical_json, evaluate, first_difference
from support.rules import AT, FAMILY, PACKS, family, small_package

ROOT = "4004a21c1f5dbb8fb61509637b01feb895d681897878e1bc6f7d45b1625ca3d6"
OUTPUTS = [("family", "child_allowance", "ETERNITY"), ("mother", "parental_benefit", "ETERNITY")]


def test_each_node_comes_after_its_inputs_and_names_law_in_force() -> None:
    trace = evaluate(FAMILY, family(), OUTPUTS, at=AT).trace

    seen: set[str] = set()
    for node in trace.nodes:
        assert set(node.inputs) <= seen
        seen.add(node.id)
    allowance = trace.find("family/child_allowance@ETERNITY")
    assert allowance is not None
    assert allowance.inputs == ("family/begins@ETERNITY", "family/older_siblings@ETERNITY")
    assert allowance.parameters == (
        "allowance.first_two@2023-01-01",
        "allowance.third_child_after@2000-01-01",
    )  # not of the third


@pytest.mark.parametrize("seed", ["1", "77"])
def test_another_process_gives_the_same_bytes(seed: str) -> None:
    program = (
        "import json, sys; from datetime import date; from pathlib import Path; from sild.rules import *\n"
        "p = max((p for p in load_packages(Path(sys.argv[1])).values() if p.name == 'ee-family-benefits'), key=lambda p: p.version)\n"
        "e = evaluate(p, json.loads(sys.argv[2]), [tuple(o) for o in json.loads(sys.argv[3])], at=date(2026, 4, 1))\n"
        "sys.stdout.buffer.write(canonical_json(e.to_json()))"
    )
    there = subprocess.run(
        [sys.executable, "-c", program, str(PACKS), json.dumps(family()), json.dumps(OUTPUTS)],
        capture_output=True,
        check=True,
        env={"PYTHONHASHSEED": seed},
    )

    assert there.stdout == canonical_json(evaluate(FAMILY, family(), OUTPUTS, at=AT).to_json())


def test_the_order_in_which_facts_are_told_changes_nothing() -> None:
    other = {key: dict(reversed(value.items())) for key, value in reversed(family().items())}

    assert evaluate(FAMILY, other, OUTPUTS, at=AT).trace == evaluate(FAMILY, family(), OUTPUTS, at=AT).trace


def test_the_first_difference_is_the_fact_and_not_what_follows() -> None:
    told = evaluate(FAMILY, family(), OUTPUTS, at=AT).trace
    situation = family()
    situation["persons"]["mother"]["income"]["2024-09"] = "1200.12"
    other = evaluate(FAMILY, situation, OUTPUTS, at=AT).trace

    found = first_difference(told, other)

    assert found is not None
    assert found.id == "mother/income@2024-09"
    assert told.root != other.root
    assert first_difference(told, told) is None


def test_a_node_too_many_or_too_few_is_found() -> None:
    trace = evaluate(FAMILY, family(), OUTPUTS, at=AT).trace
    shorter = Trace(trace.nodes[:-1])

    assert first_difference(trace, shorter) == trace.nodes[-1]
    assert first_difference(shorter, trace) == trace.nodes[-1]


def test_an_evaluation_comes_back_from_json_and_its_root_is_computed() -> None:
    evaluation = evaluate(FAMILY, family(), OUTPUTS, at=AT)
    said = json.loads(canonical_json(evaluation.to_json()))
    assert Evaluation.from_json(said) == evaluation

    said["trace"]["nodes"][0]["value"] = "1200.01"
    assert Evaluation.from_json(said).trace.root != said["trace"]["root"]


def test_the_root_is_known() -> None:
    """A change here changes every replay: it needs a new version of the trace, and a way to read the old."""
    assert evaluate(FAMILY, family(), OUTPUTS, at=AT).trace.root == ROOT


def test_the_trace_is_of_what_was_asked_alone() -> None:
    trace = evaluate(FAMILY, family(), OUTPUTS[:1], at=AT).trace

    assert {node.variable for node in trace.nodes} == {"child_allowance", "begins", "born", "older_siblings"}


def test_a_rule_that_asks_itself_is_refused() -> None:
    circle = "class x(Variable):\n    def formula(person, period, law):\n        return person('y')\n"
    package = small_package(
        "  x: {entity: person, type: int, label: {en: x}}\n  y: {entity: person, type: int, label: {en: y}}",
        circle + circle.replace("'y'", "'x'").replace("class x", "class y"),
    )

    with pytest.raises(CallerError) as refused:
        evaluate(
            package,
            {"persons": {"a": {}}, "households": {"h": {"adult": ["a"]}}},
            [("a", "x", "ETERNITY")],
            at=AT,
        )

    assert refused.value.code == "rule_failed"


def test_a_rule_that_is_not_in_force_yet_gives_no_default() -> None:
    package = small_package(
        "  x: {entity: person, type: int, period: month, label: {en: x}}",
        "class x(Variable):\n    def formula_2026(person, period, law):\n        return 1\n",
    )
    situation = {"persons": {"a": {}}, "households": {"h": {"adult": ["a"]}}}

    assert evaluate(package, situation, [("a", "x", "2026-01")], at=AT).value("a", "x", "2026-01") == 1
    with pytest.raises(CallerError, match="in force") as refused:
        evaluate(package, situation, [("a", "x", "2025-12")], at=AT)
    assert refused.value.detail["node"] == "x"


def test_nodes_with_another_value_are_other_nodes() -> None:
    trace = evaluate(FAMILY, family(), OUTPUTS, at=AT).trace
    for number, node in enumerate(trace.nodes):
        changed = Trace((*trace.nodes[:number], replace(node, value="x"), *trace.nodes[number + 1 :]))
        assert first_difference(trace, changed) == node
        assert changed.root != trace.root
