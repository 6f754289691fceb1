"""A decision made again by the real engine from its bundle: equal byte for byte, or the first node that is not."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import text

import sild.packs
from sild.database import open_database, sqlite_url
from sild.decisions import (
    DECISION_MIGRATIONS,
    BodyKeys,
    Checkpointer,
    DecisionRecord,
    DecisionStore,
    InLog,
    Input,
    NightlyReplay,
    Outcome,
    Secret,
    bundle_of,
    canonical_json,
    draw,
    fields_of,
    figures_of,
    match_rate,
    open_values,
    outcome_items,
    publish_sample,
    replay,
    run_sample,
    shred,
    situation_of,
    verify_bundle,
)
from sild.errors import CallerError
from sild.pki import der
from sild.rule_engine import RuleEngine
from sild.rules import Evaluation, RulePackage, load_package

from .world import START, LocalStamps, Root, SetClock, draft

PACKAGE = Path(sild.packs.__path__[0]) / "social" / "rules" / "ee-family-benefits"
AT = date(2026, 3, 2)
OUTPUTS = [
    ("f", "child_allowance", "ETERNITY"),
    ("f", "birth_grant", "ETERNITY"),
    ("anna", "parental_benefit", "ETERNITY"),
]
SITUATION: dict[str, Any] = {
    "persons": {
        "child": {"born": {"ETERNITY": "2026-02-20"}},
        "anna": {"income": {f"2025-{month:02}": "1234.57" for month in range(1, 13)}},
    },
    "families": {"f": {"child": ["child"], "mother": ["anna"], "older_siblings": {"ETERNITY": 1}}},
}


@pytest.fixture(scope="module")
def package() -> RulePackage:
    return load_package(max(PACKAGE.iterdir()))


@pytest.fixture(scope="module")
def rules(package: RulePackage) -> Iterator[RuleEngine]:
    with RuleEngine(workers=1) as engine:
        yield engine


@pytest.fixture(scope="module")
def evaluation(rules: RuleEngine, package: RulePackage) -> Evaluation:
    return rules.evaluate(package, SITUATION, OUTPUTS, at=AT)


def facts_in(part: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    if not isinstance(part, dict):
        yield place, part
        return
    for name, inner in part.items():
        yield from facts_in(inner, f"{place}/{name}" if place else name)


def test_inputs_make_the_situation_that_the_rules_saw() -> None:
    assert situation_of(facts_in(SITUATION)) == SITUATION
    unknown = [("persons/x/income/2025-01", None), ("persons/y", True), ("what an official saw", "x")]
    assert situation_of(unknown) == {"persons": {"x": {}, "y": {}}}, (
        "somebody of whom nothing is known is there"
    )


class World:
    def __init__(self, directory: Path, package: RulePackage, evaluation: Evaluation) -> None:
        self.clock, self.root = SetClock(), Root()
        engine = open_database(sqlite_url(directory / "d.db"), DECISION_MIGRATIONS, durable=False)
        self.store = DecisionStore(engine, self.root.sealer(), BodyKeys(b"k" * 32), clock=self.clock)
        stamps = LocalStamps(self.root.time_stamper(ec.generate_private_key(ec.SECP256R1())), self.clock)
        self.checkpointer = Checkpointer(self.store, stamps, origin="SILD/GOV/70000004/social")
        self.package, self.evaluation = package, evaluation

    def decide(self, case: str = "case-1", **changes: Any) -> str:
        inputs = [
            Input(
                name=name,
                type="text",
                value=Secret(secret=value),
                register="SILD/GOV/1/x",
                message_id="m-1",
                valid_at=AT,
                fetched_at=START,
            )
            for name, value in facts_in(SITUATION)
        ]
        fields = fields_of(self.package, self.evaluation, inputs=inputs)
        outcome = Outcome(type="benefit", items=tuple(outcome_items(self.package, self.evaluation)))
        with self.store.engine.begin() as connection:
            self.store.keep_package(connection, self.package.sha256, self.package.files)
            made = draft(self.store, case, **{**fields, "inputs": inputs, "outcome": outcome, **changes})
            return str(self.store.decide(connection, made).id)

    def bundle(self, decision: str) -> dict[str, Any]:
        with self.store.engine.connect() as connection:
            return bundle_of(self.store, connection, decision, open_refs=None)

    @property
    def trust(self) -> list[bytes]:
        return [der(self.root.certificate)]


@pytest.fixture
def world(tmp_path: Path, package: RulePackage, evaluation: Evaluation) -> World:
    return World(tmp_path, package, evaluation)


async def test_a_replay_is_equal_byte_for_byte(world: World, rules: RuleEngine) -> None:
    decision = world.decide()
    await world.checkpointer.tick()
    found = replay(
        world.bundle(decision),
        engine=rules,
        trusted=world.trust,
        find_message=lambda _message: [InLog("SILD/GOV/1/x", "holds", "the log has it")],
    )
    assert (found.result, found.difference) == ("match", None), found
    assert {step.verdict for step in found.steps} == {"holds"}
    assert [step.number for step in found.steps] == sorted(step.number for step in found.steps)
    assert b"1234.57" not in json.dumps(world.bundle(decision)["record"]).encode()


def test_a_record_holds_reasons_in_three_languages_out_of_the_trace(world: World) -> None:
    decision = world.decide()
    with world.store.engine.connect() as connection:
        record = world.store.find(connection, decision).record
        opened = open_values(world.store, connection, decision)
    assert record.reasons
    for reason in record.reasons:
        words = {language: opened[one.sealed].value for language, one in reason.text.items()}  # type: ignore[union-attr]
        assert words.keys() == {"et", "vi", "en"} and all(words.values())
        assert reason.origin == "trace" and reason.article


def test_a_trace_that_says_something_else_is_named_by_its_first_node(world: World, rules: RuleEngine) -> None:
    """Decided by other rules than those it names: what a body would do that fills in its favourite result."""
    nodes = list(world.evaluation.trace.nodes)
    number = next(at for at, node in enumerate(nodes) if node.variable == "child_allowance")
    nodes[number] = replace(nodes[number], value="999.00")
    trace = replace(world.evaluation.trace, nodes=tuple(nodes))
    values = tuple(
        replace(one, value="999.00") if one.variable == "child_allowance" else one
        for one in world.evaluation.values
    )
    world.evaluation = replace(world.evaluation, trace=trace, values=values)
    found = replay(world.bundle(world.decide()), engine=rules)
    assert found.result == "mismatch"
    assert found.difference is not None
    assert found.difference["node"] == nodes[number].id
    assert found.difference["recorded"]["value"] == "999.00"
    assert found.difference["replayed"]["value"] != "999.00"


def test_rules_that_are_not_those_named(world: World, rules: RuleEngine) -> None:
    bundle = world.bundle(world.decide())
    name = next(path for path in bundle["package"] if path.startswith("parameters/"))
    content = base64.b64decode(bundle["package"][name])
    bundle["package"][name] = base64.b64encode(content + b"# \n").decode()
    found = replay(bundle, engine=rules)
    assert found.result == "mismatch"
    assert any("rules are not those" in step.text for step in found.steps)


def test_a_message_that_one_of_the_logs_does_not_have(world: World, rules: RuleEngine) -> None:
    bundle = world.bundle(world.decide())
    lost = InLog("SILD/GOV/1/x", "broken", "the log of the provider, SILD/GOV/1/x, does not have it")
    found = replay(bundle, engine=rules, find_message=lambda _message: [lost])
    assert found.result == "mismatch"
    assert any("SILD/GOV/1/x, does not have it" in step.text for step in found.steps)
    silent = InLog("SILD/GOV/1/x", "unknown", "could not be asked")
    found = replay(bundle, engine=rules, find_message=lambda _message: [silent])
    assert found.result == "match"
    assert any(step.verdict == "unknown" and "could not be asked" in step.text for step in found.steps)
    assert any("they were not asked" in step.text for step in replay(bundle, engine=rules).steps)


def test_after_shredding_nothing_can_be_replayed_and_all_proofs_hold(world: World, rules: RuleEngine) -> None:
    decision = world.decide()
    with world.store.engine.connect() as connection:
        refs = list(open_values(world.store, connection, decision))
    assert shred(world.store, refs, ground="GDPR 17") == len(refs)
    found = replay(world.bundle(decision), engine=rules)
    assert found.result == "impossible"
    assert not [step for step in found.steps if step.verdict == "broken"]


async def test_a_nightly_sample(world: World, rules: RuleEngine) -> None:
    decisions = [world.decide(f"case-{number}") for number in range(6)]
    ends = START + timedelta(hours=1)
    sample = publish_sample(
        world.store, "2026-03-02", begins=START, ends=ends, size=3, seed="published before"
    )
    tried: list[str] = []

    def replay_one(decision: str) -> Any:
        tried.append(decision)
        if len(tried) == 2:
            raise KeyboardInterrupt
        return replay(world.bundle(decision), engine=rules)

    with pytest.raises(CallerError):  # before its time has ended
        run_sample(world.store, sample, replay_one)
    world.clock.forward(hours=2)
    with pytest.raises(KeyboardInterrupt):
        run_sample(world.store, sample, replay_one)
    rate = run_sample(world.store, sample, replay_one)  # goes on where it was killed
    assert (rate.matched, rate.percent) == (3, 100)
    with world.store.engine.connect() as connection:
        assert sorted(draw(connection, sample)) == sorted(set(tried)) and set(tried) < set(decisions)
        assert match_rate(connection, algorithm="family-benefits").matched == 3
        assert len(tried) == 4
        kept = connection.execute(text("SELECT report FROM decision_replays")).scalars().all()
    assert "1234.57" not in json.dumps(kept)
    with pytest.raises(CallerError) as refused:
        publish_sample(world.store, "2026-03-02", begins=START, ends=ends, size=3, seed="a nicer one")
    assert refused.value.code == "sample_exists"


def test_every_night_the_day_before(world: World, rules: RuleEngine) -> None:
    for number in range(3):
        world.decide(f"case-{number}")
    tried: list[str] = []

    def replay_one(decision: str) -> Any:
        tried.append(decision)
        return replay(world.bundle(decision), engine=rules)

    nightly = NightlyReplay(world.store, replay_one, size=2)
    assert nightly.tick().percent is None  # of the day before there is nothing
    world.clock.forward(days=1)
    assert (nightly.tick().matched, nightly.tick().matched) == (2, 2)
    assert len(tried) == 2


def test_every_night_what_was_contested_since_its_last_replay(
    world: World, rules: RuleEngine, caplog: pytest.LogCaptureFixture
) -> None:
    """However long ago it was decided; and a replay that gives another outcome is told to whoever is to see to it."""
    first, second = (world.decide(f"case-{number}") for number in range(2))
    world.clock.forward(days=3)
    tried: list[str] = []
    told: list[tuple[int, str]] = []

    def replay_one(decision: str) -> Any:
        tried.append(decision)
        report = replay(world.bundle(decision), engine=rules)
        return replace(report, result="mismatch") if decision == second else report

    nightly = NightlyReplay(
        world.store, replay_one, mismatched=lambda number, one: told.append((number, one))
    )
    nightly.tick()
    assert tried == [], "the day before has none, and nobody contests"
    for number, decision in enumerate((first, second, first)):
        with world.store.engine.begin() as connection:
            world.store.contested(connection, f"contest-{number}", decision, line="fact")
        world.clock.forward(minutes=1)
        nightly.tick()
        nightly.tick()
        world.clock.forward(minutes=1)
    assert tried == [first, second, first]
    assert {decision for _, decision in told} == {second} and len(set(told)) == 1 < len(told)
    assert caplog.text.count("decisions.replay_mismatch") == 1, "the log hears of it once"
    with world.store.engine.connect() as connection:
        found = figures_of(connection, "family-benefits")
    assert (found.replays_matched, found.replays_mismatched) == (1, 1)


RECORDS = Path(__file__).parent / "records"


def test_a_record_of_an_earlier_day_verifies_and_replays(rules: RuleEngine) -> None:
    """Made before records had costs, further messages and a time of hearing: its bytes and its hash are what they were."""
    content = (RECORDS / "of-1.0.json").read_bytes()
    bundle = json.loads(content)
    fields = {name: value for name, value in bundle["record"].items() if name != "integrity"}
    record = DecisionRecord.model_validate_json(json.dumps(fields))
    assert record.canonical() == canonical_json(fields)
    assert record.sha256 == bundle["record"]["integrity"]["record_sha256"]
    trusted = [der(x509.load_pem_x509_certificate((RECORDS / "of-1.0.pem").read_bytes()))]
    assert {finding.verdict for finding in verify_bundle(content, trusted)} == {"holds"}
    assert replay(bundle, engine=rules, trusted=trusted).result == "match"
