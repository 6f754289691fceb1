"""Clocks that disagree: the body's own that was set back, the authority's, another body's log. Nothing is hidden, and a person is told which."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import Engine

from sild.decisions import (
    BodyKeys,
    Checkpointer,
    DecisionStore,
    Input,
    MessageLogs,
    audit_log,
    bundle_of,
    render_bundle,
    verify_bundle,
)
from sild.errors import CallerError, Unavailable
from sild.pki import der

from .world import START, LocalStamps, Root, SetClock, draft


def fact(minutes: float) -> Input:
    """Fetched so long after the clock's present time."""
    at = START + timedelta(minutes=minutes)
    return Input(
        name="persons/mother/income/2025-01", type="text", value="1", message_id="m-1", fetched_at=at
    )


def test_a_clock_that_was_set_back_waits_until_it_has_caught_up(
    store: DecisionStore, clock: SetClock
) -> None:
    ahead = draft(store, inputs=[fact(2)], reasons=[])
    with store.engine.begin() as connection, pytest.raises(Unavailable) as later:
        store.decide(connection, ahead)
    assert later.value.code == "clock_behind" and "2026-03-02T09:02:00" in later.value.message
    clock.forward(minutes=3)
    with store.engine.begin() as connection:
        store.decide(connection, ahead)


def test_a_fact_from_the_future_is_refused_with_both_times(store: DecisionStore) -> None:
    with store.engine.begin() as connection, pytest.raises(CallerError) as refused:
        store.decide(connection, draft(store, inputs=[fact(60)], reasons=[]))
    assert refused.value.code == "invalid_decision"
    assert "clocks disagree" in refused.value.message and "2026-03-02T10:00:00" in refused.value.message
    assert "after the decision of 2026-03-02T09:00:00" in refused.value.message


async def test_a_time_stamp_earlier_than_the_decision(
    engine: Engine, root: Root, clock: SetClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The body's clock is an hour ahead of the authority's: verifier, audit and log all say so."""
    store = DecisionStore(engine, root.sealer(), BodyKeys(b"k" * 32), clock=clock)
    true_time = SetClock()
    stamps = LocalStamps(root.time_stamper(ec.generate_private_key(ec.SECP256R1())), true_time)
    clock.forward(hours=1)
    with engine.begin() as connection:
        decision = store.decide(connection, draft(store)).id
    with caplog.at_level(logging.WARNING):
        await Checkpointer(store, stamps, origin="SILD/GOV/70000004/social").tick()
    assert "decisions.clocks_disagree" in caplog.text
    with engine.connect() as connection:
        faults = list(audit_log(connection))
        bundle = render_bundle(bundle_of(store, connection, decision))
    assert faults == [
        f"decision {decision}: clocks disagree: decided 2026-03-02T10:00:00.123456+00:00, "
        "after its time-stamp of 2026-03-02T09:00:00.123000+00:00"
    ]
    broken = [one.text for one in verify_bundle(bundle, [der(root.certificate)]) if one.verdict == "broken"]
    assert broken == [
        "clocks disagree: it says it was decided 2026-03-02T10:00:00.123456+00:00, after the time-stamp of the log it "
        "lies in, 2026-03-02T09:00:00.123000+00:00"
    ]


@pytest.mark.parametrize(("hours", "verdicts"), [(0, ["holds"]), (3, ["unknown", "holds"])])
async def test_a_log_that_has_the_message_from_after_the_decision(hours: int, verdicts: list[str]) -> None:
    logged_at = (START + timedelta(hours=hours)).isoformat()

    async def ask(log: str, ids: Sequence[str]) -> Any:
        record = {
            "is_response": False,
            "logged_at": logged_at if log.endswith("Register") else START.isoformat(),
            "signature_sha256": "a" * 64,
            "whole": True,
            "fault": None,
            "timestamped_at": START.isoformat(),
            "client": "DEV/COM/1/Client",
            "service": "DEV/COM/2/Register/echo",
        }
        return {
            "kept_since": None,
            "items": [{"query_id": one, "failed": None, "records": [record]} for one in ids],
        }

    asked = [Input(name="x", type="text", value="x", register="DEV/COM/2/Register", message_id="m-1")]
    found = (await MessageLogs("DEV/COM/1/Client", ask).find(asked, by=START))["m-1"]
    of_register = [one for one in found if one.log == "DEV/COM/2/Register"]
    assert [one.verdict for one in of_register] == verdicts
    if hours:
        assert (
            "clocks disagree: the log of the provider, DEV/COM/2/Register, has it from" in of_register[0].text
        )


def test_the_verifier_names_late_facts_with_their_times(tmp_path: Path) -> None:
    """A record that no store of ours would make."""
    from .world import load_verifier

    verifier = load_verifier()
    record = {
        "id": "019cadc6-9a00-7000-8000-000000000000",
        "decided_at": "2026-03-02T09:00:00Z",
        "inputs": [{"name": "persons/a/x", "fetched_at": "2026-03-02T11:00:00Z"}],
    }
    milliseconds = int(record["id"].replace("-", "")[:12], 16)  # type: ignore[attr-defined]
    record["decided_at"] = (
        (
            START.replace(year=1970, month=1, day=1, hour=0, microsecond=0)
            + timedelta(milliseconds=milliseconds)
        )
        .isoformat()
        .replace("+00:00", "Z")
    )
    integrity = {"record_sha256": verifier.sha256(verifier.canonical(record))}
    with pytest.raises(verifier.Broken, match="with facts that came after it: persons/a/x at 2026-03-02T11"):
        verifier.check_record(record, integrity)
