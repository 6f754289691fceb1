"""A decision becomes a record in the caller's transaction: sealed, and chained to the one before."""

from __future__ import annotations

import hashlib
import json
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from sild.decisions import DecisionRecord, DecisionStore, Sealed
from sild.errors import CallerError, Unavailable
from sild.pki import SignatureAlgorithm, verify_bytes

from .world import SetClock, draft


def test_a_record_is_what_was_drafted_sealed_by_the_body(store: DecisionStore, clock: SetClock) -> None:
    with store.engine.begin() as connection:
        record = store.decide(connection, draft(store))
    with store.engine.connect() as connection:
        found = store.find(connection, record.id)
    assert found.record == record
    assert record.decided_at == clock.at
    assert found.content == record.canonical()
    assert hashlib.sha256(found.content).hexdigest() == record.sha256 == found.link["record"]
    certificate = store.sealer.chain[0]
    link = json.dumps(found.link, sort_keys=True, separators=(",", ":")).encode()
    verify_bytes(certificate.public_key(), SignatureAlgorithm.ECDSA_SHA256, found.seal, link)


def test_the_case_is_a_chain(store: DecisionStore, clock: SetClock) -> None:
    for _ in range(3):
        with store.engine.begin() as connection:
            store.decide(connection, draft(store))
        clock.forward(seconds=1)
    with store.engine.connect() as connection:
        chain = store.of_case(connection, "case-1")
    assert [one.position for one in chain] == [0, 1, 2]
    assert [one.link["previous"] for one in chain] == [None, chain[0].link_sha256, chain[1].link_sha256]


def test_nothing_remains_of_an_effect_that_failed(store: DecisionStore) -> None:
    with pytest.raises(RuntimeError), store.engine.begin() as connection:
        store.decide(connection, draft(store))
        raise RuntimeError("the payment order could not be written")
    with store.engine.connect() as connection:
        assert store.listed(connection) == []


def test_a_secret_is_nowhere_in_clear(store: DecisionStore) -> None:
    with store.engine.begin() as connection:
        record = store.decide(connection, draft(store))
    assert b"1200.00" not in record.canonical()
    with store.engine.connect() as connection:
        for table in ("decision_values", "decision_value_keys", "decision_entries", "decision_records"):
            for row in connection.execute(text(f"SELECT * FROM {table}")):
                assert b"1200.00" not in b"".join(
                    bytes(value) for value in row if isinstance(value, bytes | memoryview)
                )


def test_a_clock_that_goes_back_decides_nothing(store: DecisionStore, clock: SetClock) -> None:
    with store.engine.begin() as connection:
        store.decide(connection, draft(store))
    clock.forward(seconds=-1)
    with pytest.raises(Unavailable) as refused, store.engine.begin() as connection:
        store.decide(connection, draft(store))
    assert refused.value.code == "clock_behind"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"discretion": "free", "considerations": [{"code": "c", "text": "weighed"}]}, "free discretion"),
        ({"discretion": "structured"}, "considerations are required"),
        ({"automation": 5}, "automation"),
        ({"automation": 3}, "somebody decides"),
        ({"algorithm": None}, "algorithm register"),
        ({"rules": None}, "names its rules"),
        ({"kind": "model_assisted"}, "model's calls"),
        ({"effect": "refuse"}, "remedy"),
        ({"effect": "refuse", "reasons": []}, "reasons"),
        ({"hearing": {"required": True}}, "hearing"),
        ({"subjects": []}, "subjects"),
        ({"subjects": [{"ref": "49001010005", "role": "parent"}]}, "ref"),
        ({"outcome": {"type": "b", "items": [{"name": "x", "type": "money", "value": 80.0, "currency": "EUR"}]}}, "value"),
        ({"outcome": {"type": "b", "items": [{"name": "x", "type": "money", "value": 80, "currency": "EUR"}]}}, "decimal"),
        ({"outcome": {"type": "b", "items": [{"name": "x", "type": "money", "value": "80.00"}]}}, "currency"),
        ({"unknowns": [{"name": "families/f1/children", "asked_of": "p", "blocking": True}]}, "known or unknown"),
        ({"reasons": [{"code": "c", "article": "a", "inputs": ["nothing"], "text": {}, "origin": "trace"}]}, "refer to inputs"),
        ({"whim": "yes"}, "whim"),
    ],
)  # fmt: skip
def test_what_breaks_a_rule_of_the_record_is_no_decision(changes: dict[str, object], reason: str) -> None:
    class Named:
        def pseudonym(self, code: str) -> str:
            return "p-" + hashlib.sha256(code.encode()).hexdigest()[:40]

    with pytest.raises(ValueError, match=reason):
        draft(Named(), **changes)  # type: ignore[arg-type]  # a draft needs no more of a store


def test_a_decision_is_superseded_once(store: DecisionStore) -> None:
    with store.engine.begin() as connection:
        first = store.decide(connection, draft(store))
        second = store.decide(connection, draft(store, supersedes=first.id))
        assert store.superseded_by(connection, first.id) == str(second.id)
    with pytest.raises(CallerError) as refused, store.engine.begin() as connection:
        store.decide(connection, draft(store, supersedes=first.id))
    assert refused.value.code == "superseded_already"


def test_what_was_built_on_a_fact_is_found(store: DecisionStore, clock: SetClock) -> None:
    with store.engine.begin() as connection:
        first = store.decide(connection, draft(store))
        other = store.decide(connection, draft(store, case="case-2"))
        second = store.decide(connection, draft(store, supersedes=first.id))
    with store.engine.connect() as connection:
        found = store.built_on(connection, register="SILD/GOV/70000005/tax", name="%/income/2025-01")
        assert {one.record.id for one in found} == {second.id, other.id}  # and no longer the first
        assert store.built_on(connection, message_id="SILD-0001", valid_from=date(2025, 2, 1)) == []
        assert (
            len(store.built_on(connection, message_id="SILD-0001", subject=store.pseudonym("49001010005")))
            == 2
        )
        assert store.built_on(connection, message_id="SILD-0001", subject=store.pseudonym("other")) == []
        with pytest.raises(CallerError):
            store.built_on(connection)


def test_a_record_read_back_is_the_same_bytes(store: DecisionStore) -> None:
    with store.engine.begin() as connection:
        record = store.decide(connection, draft(store))
    assert DecisionRecord.model_validate_json(record.canonical()).canonical() == record.canonical()


CALL = {
    "call_id": "call-1",
    "purpose": "triage",
    "provider": "local",
    "model": "m",
    "location": "EE",
    "template_id": "t",
    "template_sha256": "c" * 64,
    "validation": "passed",
    "used_as_input": True,
}
SAID = {"name": "persons/child/wish/ETERNITY", "type": "text", "asserted_by": "model", "message_id": "call-1"}
PERSON = {"official": "o-1", "role": "official", "view_sha256": "0" * 64, "action": "confirm", "seconds": 40}


def assisted(store: DecisionStore, **changes: Any) -> Any:
    inputs = [{**SAID, "value": {"secret": "district 3"}}]
    fields = {"kind": "model_assisted", "automation": 3, "human": [PERSON], "inputs": inputs, "reasons": []}
    return draft(store, **{**fields, "model_calls": [CALL], **changes})


def test_what_a_model_said_is_an_input_with_the_hash_of_its_output(store: DecisionStore) -> None:
    with store.engine.begin() as connection:
        record = store.decide(connection, assisted(store))
    (said,), (call,) = record.inputs, record.model_calls
    assert isinstance(said.value, Sealed)
    assert call.output_sha256 == said.sha256 == said.value.sha256


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"model_calls": [{**CALL, "used_as_input": False}]}, "one each"),
        ({"inputs": []}, "one each"),
        ({"kind": "rule"}, "model_assisted"),
        ({"inputs": [{**SAID, "value": "x", "sha256": "d" * 64}], "model_calls": [{**CALL, "output_sha256": "e" * 64}]}, "what the model said"),
    ],
)  # fmt: skip
def test_a_models_word_enters_no_other_way(
    store: DecisionStore, changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        assisted(store, **changes)


def test_an_input_with_another_hash_or_from_the_future(store: DecisionStore, clock: SetClock) -> None:
    plain = {"name": "persons/child/wish/ETERNITY", "type": "text", "value": "x"}
    for wrong in ({"sha256": "d" * 64}, {"fetched_at": clock.at + timedelta(hours=1)}):
        with pytest.raises(CallerError) as refused, store.engine.begin() as connection:
            store.decide(connection, draft(store, inputs=[{**plain, **wrong}], reasons=[]))
        assert refused.value.code == "invalid_decision"
