"""Who may ask, how much, and how a provider is taken off the wire: keys, budgets, breaker, kill switch, ledger."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from sild.ai_gateway import KeyRefused, Switch
from sild.ai_gateway.store import Attempt, Store
from sild.database import sqlite_url
from sild.errors import CallerError, Unavailable
from sild.gateway_client import GatewayRefused, NoModel
from support.ai_world import World, entry, gateway_world
from support.kept_files import kept_in
from support.postgres import PostgreSQL, postgresql  # noqa: F401 - a fixture


@pytest.fixture(scope="module")
def one_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with gateway_world(tmp_path_factory.mktemp("gateway"), breaker={"failures": 2, "seconds": 30}) as world:
        yield world


@pytest.fixture
def world(one_world: World) -> Iterator[World]:
    one_world.now[0] += timedelta(minutes=1)  # breakers of the test before are closed again
    for each in (one_world.openai, one_world.anthropic, one_world.local):
        each.says("Vastus.")
    one_world.complete("explain", passage="Law.")
    yield one_world
    (one_world.directory / "algorithms" / "plain-words.yaml").write_text(entry())


def throw(world: World, provider: str, *, off: bool) -> None:
    world.gateway.parts.store.throw(Switch(provider, off, world.now[0], "test", "test"))


# keys


def test_no_entry_no_key(world: World) -> None:
    with pytest.raises(KeyRefused, match="no entry in the algorithm register") as refused:
        world.new_key("explain", algorithm="made-up")
    assert refused.value.code == "no_algorithm_entry"
    with pytest.raises(CallerError, match="no template"):
        world.new_key("made-up")


@pytest.mark.parametrize(
    "written",
    [
        entry(status="out_of_use", end_date="2026-12"),
        entry(start_date="2027-01"),
        entry(gateway={"purposes": ["something else"], "templates": ["explain"]}),
        entry(gateway={"purposes": ["plain words"], "templates": ["ask"]}),
        entry(gateway={"purposes": ["plain words"]}),
        entry(gateway={}),
        "",
    ],
)
def test_an_entry_that_ends_takes_its_keys_with_it(world: World, written: str) -> None:
    key = world.new_key("explain")
    assert world.client(key).complete("explain", {"passage": "Law."})
    (world.directory / "algorithms" / "plain-words.yaml").write_text(written)
    with pytest.raises(GatewayRefused) as refused:
        world.client(key).complete("explain", {"passage": "Law."})
    assert refused.value.code == "no_algorithm_entry"


@pytest.mark.parametrize("missing", ["dpia", "fria", "rights", "legal_basis", "owner", "status"])
def test_an_entry_that_is_not_whole_is_none(world: World, missing: str) -> None:
    whole = yaml.safe_load(entry())
    del whole[missing]
    (world.directory / "algorithms" / "plain-words.yaml").write_text(yaml.safe_dump(whole))
    with pytest.raises(CallerError, match=f"/{missing}") as refused:
        world.new_key("explain")
    assert refused.value.code == "invalid_algorithm_entry"


def test_a_key_is_for_its_templates_until_it_ends(world: World) -> None:
    key = world.new_key("explain", expires=world.now[0].date())
    with pytest.raises(GatewayRefused) as refused:
        world.client(key).complete("ask", {"question": "Tere?"})
    assert refused.value.code == "template_not_allowed"
    was = world.now[0]
    world.now[0] += timedelta(days=1)
    with pytest.raises(GatewayRefused, match="expired"):
        world.client(key).complete("explain", {"passage": "Law."})
    world.now[0] = was + timedelta(seconds=1)
    row = world.gateway.keys.open(key)
    assert world.gateway.parts.store.revoke_key(row.id, world.now[0])
    with pytest.raises(GatewayRefused, match="revoked"):
        world.client(key).complete("explain", {"passage": "Law."})
    assert key.encode() not in kept_in(world.directory / "state")


# budgets


def test_a_keys_tokens_are_for_a_day(world: World) -> None:
    key = world.new_key("explain", tokens_per_day=300)  # a call uses 47, and reserves some 240
    client = world.client(key)
    client.complete("explain", {"passage": "Law."})
    with pytest.raises(Unavailable, match="today's 300 tokens") as spent:
        for _ in range(5):
            client.complete("explain", {"passage": "Law."})
    assert spent.value.code == "budget_spent"
    assert world.ledger()[-1]["reason"] == "budget_spent" and world.ledger()[-1]["attempts"] == []
    world.now[0] += timedelta(days=1)
    client.complete("explain", {"passage": "Law."})
    world.now[0] -= timedelta(days=1)


def test_calls_of_a_minute(world: World) -> None:
    key = world.new_key("explain", calls_per_minute=3)
    answers: list[str] = []

    def ask() -> None:
        try:
            world.client(key).complete("explain", {"passage": "Law."})
            answers.append("ok")
        except Unavailable as error:
            answers.append(error.code)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == ["budget_spent"] * 5 + ["ok"] * 3


# breaker


def test_a_provider_that_fails_is_left_alone_and_tried_again(world: World) -> None:
    world.openai.says("x", status=500)
    world.complete("explain", passage="Law.")  # twice: the breaker opens
    count = len(world.openai.requests)
    for _ in range(3):
        assert world.complete("explain", passage="Law.").call.provider == "anthropic-eu"
    assert len(world.openai.requests) == count
    world.openai.says("Jälle ", "siin.")
    world.now[0] += timedelta(seconds=31)
    assert world.complete("explain", passage="Law.").text == "Jälle siin."


# kill switch


def test_a_switch_ends_what_is_under_way_and_lets_nothing_out_after_it(world: World) -> None:
    world.openai.says(*["sõna "] * 60, pause=0.05)
    said: list[str] = []
    asking = threading.Thread(
        target=lambda: said.append(world.complete("explain", passage="Law.").call.provider)
    )
    asking.start()
    time.sleep(0.5)
    began = time.monotonic()
    throw(world, "openai-eu", off=True)
    asking.join(10)
    assert said == ["anthropic-eu"] and time.monotonic() - began < 1.5
    assert [(each["provider"], each["outcome_status"]) for each in world.ledger()[-1]["attempts"]] == [
        ("openai-eu", "killed"),
        ("anthropic-eu", "ok"),
    ]
    count = len(world.openai.requests)
    assert world.complete("explain", passage="Law.").call.provider == "anthropic-eu"
    throw(world, "*", off=True)
    assert world.complete("explain", passage="Law.").call.location == "local"
    throw(world, "here", off=True)
    with pytest.raises(NoModel):
        world.complete("explain", passage="Law.")
    assert len(world.openai.requests) == count
    for provider in ("openai-eu", "*", "here"):
        throw(world, provider, off=False)
    world.openai.says("Jälle.")
    assert world.complete("explain", passage="Law.").call.provider == "openai-eu"
    assert len(world.gateway.parts.store.switch_history()) == 6


def test_a_switch_thrown_while_the_ledger_is_written_still_comes_in_time(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, count = world.gateway.parts.store, len(world.openai.requests)
    write = store.open_attempt

    def slowly(attempt: Attempt) -> None:
        write(attempt)
        if attempt.provider == "openai-eu":
            throw(world, "openai-eu", off=True)

    monkeypatch.setattr(store, "open_attempt", slowly)
    try:
        assert world.complete("explain", passage="Law.").call.provider == "anthropic-eu"
    finally:
        throw(world, "openai-eu", off=False)
    assert len(world.openai.requests) == count, "nothing went out"


def test_the_commands(world: World) -> None:
    """The command throws the switch of the process that runs; keys are made, listed and revoked; the report is told."""
    url = f"http://127.0.0.1:{world.openai.port}/v1"
    config = world.directory / "gateway.toml"
    config.write_text(
        'directory = "state"\nprompts = ["prompts"]\nalgorithms = ["algorithms"]\n'
        f'[[providers]]\nname = "openai-eu"\nkind = "openai"\nmodel = "m"\nurl = "{url}"\napi_key = "k"\n'
    )

    def sild(*arguments: str, status: int = 0) -> str:
        command = [
            str(Path(sys.executable).parent / "sild"),
            "ai-gateway",
            *arguments,
            "--config",
            str(config),
        ]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=60, env={**os.environ, "USER": "op"}, check=False
        )
        assert done.returncode == status, done.stderr
        return done.stdout.strip() or done.stderr.strip()

    sild("kill", "openai-eu", "--reason", "contract in doubt")
    assert world.complete("explain", passage="Law.").call.provider == "anthropic-eu"
    sild("revive", "openai-eu", "--reason", "settled")
    assert world.complete("explain", passage="Law.").call.provider == "openai-eu"
    assert "no provider openai" in sild("kill", "openai", "--reason", "x", status=2)
    key = sild(
        "key", "add", "--purpose", "plain words", "--algorithm", "plain-words", "--template", "explain"
    )
    assert world.client(key).complete("explain", {"passage": "Law."})
    listed = sild("key", "list")
    assert key not in listed and "plain words" in listed
    key_id = world.gateway.keys.open(key).id
    sild("key", "revoke", key_id)
    with pytest.raises(GatewayRefused, match="revoked"):
        world.client(key).complete("explain", {"passage": "Law."})
    assert '"provider": "openai-eu"' in sild("report", "--day", world.now[0].date().isoformat())
    assert "no entry" in sild(
        "key", "add", "--purpose", "x", "--algorithm", "x", "--template", "ask", status=2
    )


# the ledger


@contextmanager
def a_database(kind: str, server: PostgreSQL) -> Iterator[dict[str, str]]:
    if kind == "sqlite":
        yield {}
        return
    with server.database() as url:
        yield {"database": url}


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_the_ledger_only_grows_and_is_written_before_the_call(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    server = request.getfixturevalue("postgresql") if kind == "postgresql" else None
    with a_database(kind, server) as more, gateway_world(tmp_path, **more) as world:
        seen: list[int] = []
        store = world.gateway.parts.store
        answer = world.openai.answer

        def look(handler: object, how: object, asked: object) -> None:
            row = world.ledger()[-1]
            seen.append(len(row["attempts"]))
            assert row["attempts"][0]["outcome_status"] is None and row["status"] is None
            answer(handler, how, asked)  # type: ignore[arg-type]

        world.openai.answer = look  # type: ignore[method-assign]
        world.complete("explain", passage="Law.")
        assert seen == [1]
        for statement in (
            "UPDATE ai_calls SET verdict = 'local'",
            "DELETE FROM ai_attempts",
            "DELETE FROM ai_outcomes",
        ):
            with pytest.raises(DBAPIError, match="append-only"), store._engine.begin() as connection:
                connection.execute(text(statement))
        spender = world.client(world.new_key("explain", tokens_per_day=300))
        with pytest.raises(Unavailable):
            for _ in range(6):
                spender.complete("explain", {"passage": "Law."})
        throw(world, "*", off=True)
        assert world.complete("explain", passage="Law.").call.location == "local"


def test_what_cannot_be_logged_is_not_asked(tmp_path: Path) -> None:
    with gateway_world(tmp_path) as world:
        with world.gateway.parts.store._engine.begin() as connection:
            connection.execute(text("ALTER TABLE ai_attempts RENAME TO gone"))
        with pytest.raises(Unavailable, match="nothing is asked") as down:
            world.complete("explain", passage="Law.")
        assert down.value.code == "ledger_unavailable"
        assert world.openai.requests == [] and world.local.requests == []


def test_a_call_begun_after_a_key_was_revoked_is_served_by_nobody(world: World) -> None:
    """Callers without a pause: of those that began once the revocation had answered, none gets a word."""
    key = world.new_key("explain", calls_per_minute=100_000, tokens_per_day=10_000_000)
    row = world.gateway.keys.open(key)
    served: list[float] = []  # when they began
    stop = threading.Event()

    def hammer() -> None:
        while not stop.is_set():
            began = time.monotonic()
            try:
                world.client(key).complete("explain", {"passage": "Law."})
            except GatewayRefused:
                continue
            served.append(began)

    threads = [threading.Thread(target=hammer) for _ in range(4)]
    for each in threads:
        each.start()
    try:
        while len(served) < 8:
            time.sleep(0.01)
        other = Store(
            sqlite_url(world.directory / "state" / "ai-gateway.db")
        )  # as the command, with a database of its own
        assert other.revoke_key(row.id, world.now[0])
        answered = time.monotonic()
        other.close()
        for _ in range(20):
            with pytest.raises(GatewayRefused, match="revoked"):
                world.client(key).complete("explain", {"passage": "Law."})
    finally:
        stop.set()
        for each in threads:
            each.join()
    assert served and max(served) < answered


def test_a_call_that_waits_is_not_asked_for_once_its_key_is_revoked(world: World) -> None:
    """The first provider fails slowly; meanwhile the key is taken away: the next one is not asked."""
    key = world.new_key("explain")
    row = world.gateway.keys.open(key)
    asked, others = len(world.openai.requests), len(world.anthropic.requests)
    world.openai.says("x", pause=30.0)

    def revoke() -> None:
        while len(world.openai.requests) == asked:
            time.sleep(0.01)
        world.gateway.parts.store.revoke_key(row.id, world.now[0])

    thread = threading.Thread(target=revoke)
    thread.start()
    with pytest.raises(GatewayRefused, match="revoked"):
        world.client(key).complete("explain", {"passage": "Law."})
    thread.join()
    assert len(world.anthropic.requests) == others and world.ledger()[-1]["status"] == "key_refused"
