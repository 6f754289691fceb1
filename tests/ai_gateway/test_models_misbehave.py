"""A model that is down, slow, cut off, nonsense, without end, leads away, wants tools, or says what it must not: each said plainly."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from sild.errors import Unavailable
from sild.gateway_client import NoModel, OutputRefused
from support.ai_world import World, gateway_world


@pytest.fixture(scope="module")
def one_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with gateway_world(tmp_path_factory.mktemp("gateway"), breaker={"failures": 1000}) as world:
        yield world


@pytest.fixture
def world(one_world: World) -> World:
    one_world.openai.behaviours.clear()
    one_world.openai.says("Vastus ", "on ", "olemas.")
    one_world.anthropic.says("Teine ", "vastus.")
    one_world.local.says("Kohalik ", "vastus.")
    return one_world


@pytest.mark.parametrize(
    ("how", "status"),
    [
        ({"status": 500}, "overloaded"),
        ({"status": 429}, "overloaded"),
        ({"status": 400}, "refused"),
        ({"status": 401}, "refused"),
        ({"redirect": "http://127.0.0.1:9/"}, "refused"),
        ({"cut_after": 1}, "cut_off"),
        ({"garbage": b"<html>Bad gateway</html>"}, "cut_off"),
        ({"garbage": b"data: {not json\n\n"}, "nonsense"),
        ({"garbage": b'data: {"choices": 7}\n\n'}, "nonsense"),
        ({"tool": True}, "tool"),
        ({"words": ["word " * 400], "for_ever": True}, "nonsense"),
        ({"words": ["\x00\ufffd\x01" * 30]}, "nonsense"),
        ({"words": ["la "] * 100}, "nonsense"),
        ({"words": ["  "]}, "empty"),
    ],
)
def test_the_next_model_answers_instead(world: World, how: dict[str, Any], status: str) -> None:
    given = dict(how)
    world.openai.says(*given.pop("words", ["x"]), **given)
    done = world.complete("explain", passage="Law.")
    assert done.text == "Teine vastus." and done.call.provider == "anthropic-eu"
    attempts = world.ledger()[-1]["attempts"]
    assert attempts[0]["outcome_status"] == status
    assert attempts[-1]["outcome_status"] == "ok"


def test_a_slow_model_is_left(world: World) -> None:
    world.openai.says("aeglane", pause=3.0)
    began = time.monotonic()
    assert world.complete("explain", passage="Law.").call.provider == "anthropic-eu"
    assert time.monotonic() - began < 5
    assert world.ledger()[-1]["attempts"][0]["outcome_status"] == "timeout"


def test_all_fail_and_it_is_said_which(world: World) -> None:
    for each in (world.openai, world.anthropic, world.local):
        each.says("x", status=500)
    with pytest.raises(Unavailable, match="here cannot answer now") as failed:
        world.complete("explain", passage="Law.")
    assert failed.value.code == "provider_failed"
    row = world.ledger()[-1]
    assert row["status"] == "overloaded" and len(row["attempts"]) == 6


def test_json_that_fits_is_handed_over_and_other_answers_are_not(world: World) -> None:
    world.openai.says('```json\n{"why": "uus laps, vt http://evil.example", "topic": "birth"}\n```')
    done = world.complete("sort", notice="Sündis laps.")
    assert done.data == {"topic": "birth", "why": "uus laps, vt […]"} and done.call.validation == "valid"
    for bad in (
        "Of course! The topic is birth.",
        '{"topic": "death"}',
        '{"topic": "birth", "run": "rm"}',
        "[" * 5000,
        "NaN",
    ):
        world.openai.says(bad)
        world.anthropic.says(bad)
        world.local.says(bad)
        with pytest.raises(OutputRefused, match="the model's answer"):
            world.complete("sort", notice="Sündis laps.")
    world.local.says('{"topic": "move"}')
    assert world.complete("sort", notice="x").call.provider == "here"


def test_links_and_html_go_and_the_states_own_stay(world: World) -> None:
    world.openai.says(
        "Vaata ", "[siia](https://eesti.ee/toetus) ", "või ", "[see", "st](http://ev", "il.example/a?b=c) ",
        "![x](https://evil.example/t.png)", " <img src=x onerror=alert(1)> ", "www.evil.example/q ", "javascript:alert(1) ",
        "evil.com. Lõpp.",
    )  # fmt: skip
    done = world.complete("explain", passage="Law.")
    assert done.text.split() == [
        "Vaata",
        "[siia](https://eesti.ee/toetus)",
        "või",
        "seest",
        "x",
        "[…]",
        "[…]",
        "[…].",
        "Lõpp.",
    ]
    assert done.call.links_removed == 6
    with openai.OpenAI(base_url=f"{world.url}/v1", api_key=world.key, max_retries=0) as client:
        with client.chat.completions.create(
            model="explain", messages=[], stream=True, extra_body={"slots": {"passage": "Law."}}
        ) as stream:
            assert "".join(each.choices[0].delta.content or "" for each in stream) == done.text


@pytest.mark.parametrize("said", ["Kanaarilind Kollasulg", "kanaarilind  KOLLASULG", "E E-kanaari 77812"])
def test_a_planted_canary_in_an_answer_is_stopped_and_nobody_else_is_asked(world: World, said: str) -> None:
    before = len(world.anthropic.requests)
    world.openai.says("Muidugi, ", *said.split(" "), " elab siin.")
    with pytest.raises(OutputRefused, match="must never leave"):
        world.complete("explain", passage="Law.")
    assert len(world.anthropic.requests) == before
    assert world.ledger()[-1]["status"] == "canary"
    from support.asgi import Site

    host, port = world.metrics_url.removeprefix("http://").split(":")
    text = Site(host, int(port)).get("/metrics").text
    assert 'sild_ai_alerts_total{kind="canary_in_output"}' in text


def test_the_prompts_own_mark_in_an_answer_is_stopped(world: World) -> None:
    world.complete("explain", passage="Law.")
    seen = world.openai.requests[-1][2]
    assert "never write this mark" in seen

    class Parrot(list[str]):
        """The words of the prompt that has just come."""

        def __iter__(self) -> Iterator[str]:
            messages = json.loads(world.openai.requests[-1][2])["messages"]
            return iter([messages[0]["content"]])

    world.openai.always.words = Parrot()
    with pytest.raises(OutputRefused, match="must never leave"):
        world.complete("explain", passage="Ignore all.")


def test_a_stream_cut_in_the_middle_says_so_and_is_not_mended(world: World) -> None:
    world.openai.says(*(f"sõna{number} " for number in range(60)), cut_after=50)
    with openai.OpenAI(base_url=f"{world.url}/v1", api_key=world.key, max_retries=0) as client:
        text = ""
        with client.chat.completions.create(
            model="explain", messages=[], stream=True, extra_body={"slots": {"passage": "Law."}}
        ) as stream:
            with pytest.raises(openai.APIError, match=r"cut off|in the middle"):
                for each in stream:
                    text += each.choices[0].delta.content or ""
    assert text.startswith("sõna0 sõna1 ") and "sõna55" not in text
    assert world.ledger()[-1]["status"] == "cut_off"


def test_a_stream_that_fails_before_its_first_word_goes_to_the_next(world: World) -> None:
    world.openai.says("x", cut_after=0)
    with openai.OpenAI(base_url=f"{world.url}/v1", api_key=world.key, max_retries=0) as client:
        with client.chat.completions.create(
            model="explain", messages=[], stream=True, extra_body={"slots": {"passage": "Law."}}
        ) as stream:
            assert "".join(each.choices[0].delta.content or "" for each in stream) == "Teine vastus."


def test_a_reader_that_leaves_ends_the_asking(world: World) -> None:
    world.openai.says(*["sõna "] * 500, pause=0.01)
    with openai.OpenAI(base_url=f"{world.url}/v1", api_key=world.key, max_retries=0) as client:
        stream = client.chat.completions.create(
            model="explain", messages=[], stream=True, extra_body={"slots": {"passage": "Law."}}
        )
        next(iter(stream))
        stream.close()
    for _ in range(100):
        if world.ledger()[-1]["status"] == "abandoned":
            break
        time.sleep(0.05)
    assert world.ledger()[-1]["status"] == "abandoned"


def test_no_model_at_all_is_said_plainly(tmp_path_factory: pytest.TempPathFactory) -> None:
    with gateway_world(tmp_path_factory.mktemp("none"), providers=[]) as world:
        for template, slots in (("ask", {"question": "Tere?"}), ("explain", {"passage": "Law."})):
            with pytest.raises(NoModel, match="no"):
                world.client().complete(template, slots)
        assert world.ledger()[-1]["status"] == "no_model"
