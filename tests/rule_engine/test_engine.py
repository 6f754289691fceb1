"""Workers: the same answers as in one's own process, quickly, from several threads; OpenFisca in the child alone."""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import sild
from sild.errors import CallerError, Unavailable
from sild.rule_engine import RuleEngine
from sild.rules import counterfactuals, evaluate
from support.rules import AT, FAMILY, PACKAGES, VIETNAMESE, family

OUTPUTS = [("family", "child_allowance", "ETERNITY"), ("mother", "parental_benefit", "ETERNITY")]


@pytest.fixture(scope="module")
def engine() -> Iterator[RuleEngine]:
    with RuleEngine(workers=2) as engine:
        yield engine


def test_a_worker_says_what_the_rules_say(engine: RuleEngine) -> None:
    assert engine.evaluate(FAMILY, family(), OUTPUTS, at=AT) == evaluate(FAMILY, family(), OUTPUTS, at=AT)
    assert engine.counterfactuals(FAMILY, family(), OUTPUTS, at=AT) == counterfactuals(
        FAMILY, family(), OUTPUTS, at=AT
    )


def test_a_refusal_comes_through_and_the_worker_stays(engine: RuleEngine) -> None:
    engine.evaluate(FAMILY, family(), OUTPUTS, at=AT)
    before = [worker._process.pid for worker in engine._idle if worker.name == FAMILY.name]

    with pytest.raises(CallerError) as refused:
        engine.evaluate(FAMILY, {"persons": {}}, OUTPUTS, at=AT)

    assert refused.value.code == "invalid_situation"
    assert [worker._process.pid for worker in engine._idle if worker.name == FAMILY.name] == before


def test_a_warm_answer_takes_milliseconds(engine: RuleEngine) -> None:
    engine.evaluate(FAMILY, family(), OUTPUTS, at=AT)
    taken = []
    for _ in range(50):
        started = time.perf_counter()
        engine.evaluate(FAMILY, family(), OUTPUTS, at=AT)
        taken.append(time.perf_counter() - started)

    assert statistics.median(taken) < 0.1  # about 3 ms where nothing else runs


def test_more_packages_than_workers_and_more_threads_than_both(engine: RuleEngine) -> None:
    def ask(number: int) -> object:
        package = (FAMILY, VIETNAMESE)[number % 2]
        situation = family()
        if package is VIETNAMESE:
            del situation["families"]["family"]["older_siblings"]
        return (
            engine.evaluate(package, situation, [("family", "birth_grant", "ETERNITY")], at=AT)
            .values[0]
            .value
        )

    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(ask, range(40)))

    assert found == ["320.00", "4680000"] * 20
    cover = PACKAGES["ee-health-cover"]
    person = {"persons": {"a": {"born": {"ETERNITY": "2026-01-01"}}}}
    assert (
        engine.evaluate(cover, person, [("a", "cover_until", "ETERNITY")], at=AT).values[0].value
        == "2045-01-01"
    )
    assert len(engine._idle) <= 2


async def test_the_event_loop_goes_on(engine: RuleEngine) -> None:
    answers = await asyncio.gather(
        *(engine.evaluate_async(FAMILY, family(), OUTPUTS, at=AT) for _ in range(4))
    )

    assert {answer.trace.root for answer in answers} == {answers[0].trace.root}


def test_a_closed_engine_says_so_and_leaves_no_process() -> None:
    engine = RuleEngine(workers=1)
    engine.evaluate(FAMILY, family(), OUTPUTS, at=AT)
    [worker] = engine._idle
    engine.close()

    assert worker._process.poll() is not None
    with pytest.raises(Unavailable) as refused:
        engine.evaluate(FAMILY, family(), OUTPUTS, at=AT)
    assert refused.value.code == "rule_engine_closed"


def test_who_asks_never_loads_openfisca() -> None:
    """AGPL-3.0 stays in the worker; NumPy, which takes a tenth of a second, too."""
    program = (
        "import sys, json, datetime\n"
        "from pathlib import Path\n"
        "from sild.rule_engine import RuleEngine\n"
        "from sild.rules import load_packages, choices, reasons, outputs_of_choices\n"
        "p = max((p for p in load_packages(Path(sys.argv[1])).values() if p.name == 'ee-family-benefits'), key=lambda p: p.version)\n"
        "s = json.loads(sys.argv[2])\n"
        "with RuleEngine() as engine:\n"
        "    e = engine.evaluate(p, s, outputs_of_choices(p, s), at=datetime.date(2026, 4, 1))\n"
        "    assert len(choices(p, s, e)) == 3 and reasons(p, e)\n"
        "print(sorted({'openfisca_core', 'numpy', 'pytest', 'sild.rules.guard'} & set(sys.modules)))"
    )
    said = subprocess.run(
        [sys.executable, "-c", program, str(Path(sild.__file__).parent / "packs"), json.dumps(family())],
        capture_output=True,
        text=True,
        check=True,
    )

    assert said.stdout.strip() == "[]"


def test_one_module_names_openfisca() -> None:
    source = Path(sild.__file__).parent
    naming = {
        path.relative_to(source).as_posix()
        for path in source.rglob("*.py")
        if any(
            line.lstrip().startswith(("import openfisca", "from openfisca"))
            for line in path.read_text().splitlines()
        )
    }

    assert naming == {"rules/guard.py"}
