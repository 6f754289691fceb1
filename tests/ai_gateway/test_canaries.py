"""Canaries planted by class: heard in a value or an answer, told to officials in the public report, tripping the switch; rotated."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from sild.ai_gateway import Canary, Store, Switch, make_canaries
from sild.ai_gateway.canaries import PLANTED, listen_for
from sild.ai_gateway.store import Alarm
from sild.gateway_client import GatewayRefused, OutputRefused
from sild.registries.identity_codes import parse_identity_code
from support.ai_world import World, gateway_world
from support.asgi import Site
from support.postgres import either_url, postgresql  # noqa: F401 - fixtures


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    directory = tmp_path_factory.mktemp("gateway")
    with gateway_world(directory, canary_trips=["request", "answer"], breaker={"failures": 1000}) as world:
        yield world


def plant(world: World) -> dict[str, str]:
    """By class and kind."""
    world.now[0] += timedelta(seconds=1)
    batch = f"batch-{world.now[0]:%H%M%S}"
    made = make_canaries("EE", batch, world.now[0], random=Random(batch))
    world.gateway.parts.store.add_canaries(made)
    return {f"{one.data_class} {one.kind}": one.value for one in made}


def alarm_of(world: World) -> Alarm:
    """The newest."""
    day = world.now[0].date()
    return world.gateway.parts.store.alarms(since=day, until=day)[-1]


def report(world: World) -> dict[str, Any]:
    """As it is told now: a report may be as old as ten times what making it took."""
    day = world.now[0].date()
    alarms = len(world.gateway.parts.store.alarms(since=day, until=day))
    for _ in range(100):
        found = asked(world)
        if len(found["alarms"]) == alarms:
            return found
        time.sleep(0.02)
    raise AssertionError("the report does not tell of the newest alarm")


def asked(world: World) -> dict[str, Any]:
    host, port = world.url.removeprefix("http://").split(":")
    found: dict[str, Any] = Site(host, int(port)).get(f"/egress/{world.now[0]:%Y-%m-%d}.json").json()
    return found


def revive(world: World) -> None:
    for name in ("*", "openai-eu", "anthropic-eu", "here"):
        world.gateway.parts.store.throw(Switch(name, False, world.now[0], "test", "test"))


@pytest.mark.parametrize("country", ["EE", "VN"])
def test_a_set_has_every_guarded_class_and_a_person_who_never_lived(country: str, world: World) -> None:
    first, second = (
        make_canaries(country, f"b{number}", world.now[0], random=Random(number)) for number in (1, 2)
    )
    assert {one.data_class for one in first} == set(PLANTED)
    code = next(one.value for one in first if one.kind == "code")
    assert parse_identity_code(code).country == country
    assert code[1:3] == "50" if country == "EE" else code[3] in "01" and code[4:6] == "00"
    assert not {one.value for one in first} & {one.value for one in second}


@pytest.mark.parametrize(
    "what", [f"{name} word" for name in PLANTED if name != "personal"] + ["personal code"]
)
def test_one_in_a_value_goes_to_nobody_and_an_official_hears(world: World, what: str) -> None:
    value = plant(world)[what]
    asked = [len(each.requests) for each in (world.openai, world.anthropic, world.local)]
    with pytest.raises(GatewayRefused, match="people were told"):
        world.complete("ask", question=f"Kellele kuulub {value.upper().replace('-', ' - ')}?")
    assert asked == [len(each.requests) for each in (world.openai, world.anthropic, world.local)]
    alarm = alarm_of(world)
    assert (alarm.stage, alarm.data_class) == ("request", what.partition(" ")[0])
    assert alarm.switched_off == "*" and alarm.provider is None
    assert world.gateway.parts.store.switched_off() == {"*"}, "everybody abroad is off until people look"
    assert value not in json.dumps(report(world))
    revive(world)


def test_a_name_counts_whole_in_either_order_and_also_where_a_token_would_go(world: World) -> None:
    planted = plant(world)
    given, family = planted["personal given_names"], planted["personal family_name"]
    world.complete("ask", question=f"Mis on {given}?")
    for whole in (f"{given} {family}", f"{family}, {given.upper()}"):
        with pytest.raises(GatewayRefused, match="people were told"):
            world.complete("letter", addressee=whole, topic="a move")
    revive(world)


def test_one_in_an_answer_switches_off_who_said_it(world: World) -> None:
    value = plant(world)["tax word"]
    world.openai.says("Maksuviide on ", value[:7], value[7:], ".")
    before = len(world.anthropic.requests)
    with pytest.raises(OutputRefused, match="must never leave"):
        world.complete("explain", passage="Law.")
    alarm = alarm_of(world)
    assert (alarm.stage, alarm.data_class, alarm.provider) == ("answer", "tax", "openai-eu")
    assert alarm.switched_off == "openai-eu" and world.gateway.parts.store.switched_off() == {"openai-eu"}
    assert len(world.anthropic.requests) == before
    world.anthropic.says("Teine.")
    assert world.complete("explain", passage="Law.").call.provider == "anthropic-eu"
    world.openai.says("Vastus.")
    revive(world)


def test_the_day_says_how_many_stand_and_that_none_left(world: World) -> None:
    before = report(world)["canaries"]
    plant(world)
    with pytest.raises(GatewayRefused):
        world.complete("ask", question="Kes on Kanaarilind Kollasulg?")
    told = report(world)["canaries"]
    assert told["stopped_in_requests"] == before["stopped_in_requests"] + 1
    assert told["left"] == 0 and set(told["planted"]) == set(PLANTED)
    assert report(world)["alarms"][-1]["class"] == "other"
    host, port = world.url.removeprefix("http://").split(":")
    page = Site(host, int(port)).get("/egress?lang=en").text
    assert "people who never lived" in page and "Left: 0" in page
    revive(world)


def test_what_was_given_up_is_listened_for_still(world: World) -> None:
    old = plant(world)["health word"]
    plant(world)
    store = world.gateway.parts.store
    assert {one.batch for one in store.canaries() if one.given_up_at is None} == {
        f"batch-{world.now[0]:%H%M%S}"
    }
    with pytest.raises(GatewayRefused, match="people were told"):
        world.complete("explain", passage=old)
    revive(world)


def test_alarms_are_not_taken_back(world: World) -> None:
    engine = world.gateway.parts.store._engine
    for statement in ("DELETE FROM ai_alarms", "UPDATE ai_alarms SET stage = 'x'"):
        with pytest.raises(DBAPIError, match="append-only"), engine.begin() as connection:
            connection.execute(text(statement))


def test_the_same_on_either_database(either_url: str, world: World) -> None:  # noqa: F811
    store = Store(either_url)
    first, second = (
        make_canaries("VN", name, world.now[0] + timedelta(days=day), random=Random(name))
        for day, name in enumerate(("a", "b"))
    )
    store.add_canaries(first)
    store.add_canaries(second)
    found: list[Canary] = store.canaries()
    assert [one.batch for one in found if one.given_up_at is None] == ["b"] * len(second)
    assert listen_for(found, frozenset()).heard_class(first[0].value) == "personal"
    store.close()


def test_the_commands(world: World, tmp_path: Path) -> None:
    config = tmp_path / "gateway.toml"
    config.write_text('directory = "state"\n')

    def sild(*words: str) -> list[dict[str, str]]:
        run = [sys.executable, "-m", "sild", "ai-gateway", *words, "--config", str(config)]
        done = subprocess.run(run, capture_output=True, text=True, check=True, timeout=60)
        return [json.loads(line) for line in done.stdout.splitlines()]

    made = sild("canary", "rotate", "--country", "EE")
    assert {one["data_class"] for one in made} == set(PLANTED)
    sild("canary", "rotate", "--country", "VN")
    listed = sild("canary", "list")
    assert len(listed) == 2 * len(made) and sum(one["given_up_at"] is None for one in listed) == len(made)
