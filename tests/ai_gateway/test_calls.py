"""A call from end to end: routes, providers' protocols, the ledger, and the road back."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import openai
import pytest

from sild.gateway_client import GatewayRefused
from support.ai_providers import REPORTED
from support.ai_world import World, gateway_world


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with gateway_world(tmp_path_factory.mktemp("gateway")) as world:
        yield world


def test_public_text_goes_to_the_first_foreign_model(world: World) -> None:
    done = world.complete("explain", passage="Family Benefits Act, § 17: child allowance.")
    assert done.text == "Vastus on olemas."
    call = done.call
    assert (call.provider, call.location, call.model) == ("openai-eu", "EU", "gpt-test")
    assert call.reported_version == REPORTED["openai"]
    assert (call.input_tokens, call.output_tokens, call.seed) == (40, 7, 7)
    assert call.input_classes == ("public",) and call.hits == ()
    assert call.output_sha256 == hashlib.sha256(done.text.encode()).hexdigest()
    file = world.directory / "prompts" / "explain" / "1.yaml"
    assert call.template_sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    path, headers, body = world.openai.requests[-1]
    assert path == "/v1/chat/completions" and headers["authorization"] == "Bearer k1"
    assert '"store": false' in body.replace('"store":false', '"store": false')


def test_the_record_is_one_of_a_decision(world: World) -> None:
    from sild.decisions.record import ModelCall

    call = world.complete("explain", passage="Law.").call
    ModelCall.model_validate(call.model_call() | {"used_as_input": True})


def test_free_text_of_people_goes_to_the_local_model_alone(world: World) -> None:
    before = len(world.openai.requests) + len(world.anthropic.requests)
    done = world.complete("ask", question="Minu nimi on Mari Tamm, 37605030299, kas saan toetust?")
    assert done.text == "Kohalik vastus." and done.call.location == "local"
    assert done.call.input_classes == ("personal",)
    assert len(world.openai.requests) + len(world.anthropic.requests) == before
    assert "Mari Tamm" in world.local.reached and "Mari Tamm" not in world.openai.reached


def test_a_fields_class_decides_and_callers_raise_it(world: World) -> None:
    assert world.complete("benefit", amount="1200.00").call.location == "local"
    raised = world.client().complete("explain", {"passage": "A ward's note."}, classes={"passage": "health"})
    assert raised.call.location == "local" and raised.call.input_classes == ("health",)
    lowered = world.client().complete("benefit", {"amount": "7"}, classes={"amount": "public"})
    assert lowered.call.location == "local" and lowered.call.input_classes == ("tax",)


def test_anthropic_takes_over_when_openai_is_down(world: World) -> None:
    world.openai.next(status=503)
    world.openai.next(status=503)
    done = world.complete("explain", passage="Law two.")
    assert done.call.provider == "anthropic-eu" and done.call.reported_version == REPORTED["anthropic"]
    path, headers, body = world.anthropic.requests[-1]
    assert path == "/v1/messages" and headers["authorization"] == "Bearer k2"
    assert '"system"' in body and "temperature" not in body
    row = world.ledger()[-1]
    assert [each["outcome_status"] for each in row["attempts"]] == ["overloaded", "overloaded", "ok"]
    assert row["status"] == "ok"
    for _ in range(3):
        world.complete("explain", passage="closes the breaker again")


def test_a_token_goes_out_for_a_name_and_the_name_comes_back(world: World) -> None:
    def echo() -> str:
        import re

        return re.search(r"\[\[[A-Z]+-[0-9a-f]{6}\]\]", world.openai.requests[-1][2]).group()  # type: ignore[union-attr]

    world.openai.says("Lugupeetud")
    world.complete("letter", addressee="Mari Tamm", topic="kolimine")
    token = echo()
    assert "Mari" not in world.openai.requests[-1][2]
    from sild.ai_gateway.outputs import OutputRefused, Redactions

    mine = Redactions("abcdef012345")
    name = mine.hide("Mari Tamm")
    assert mine.put_back(f"Lugupeetud {name}!") == "Lugupeetud Mari Tamm!"
    with pytest.raises(OutputRefused, match="not told of"):
        mine.put_back(token)
    done = world.complete("letter", addressee="Mari Tamm", topic="kolimine")
    assert done.call.redactions == 1 and done.call.input_classes == ("public",)
    world.openai.says("Vastus ", "on ", "olemas.")


def test_the_public_openai_client_talks_to_it(world: World) -> None:
    with openai.OpenAI(base_url=f"{world.url}/v1", api_key=world.key, max_retries=0) as client:
        assert {"ask", "explain"} <= {model.id for model in client.models.list()}
        assert client.models.retrieve("explain").owned_by == "plain-words"
        plain = client.chat.completions.create(model="ask", messages=[{"role": "user", "content": "Tere?"}])
        assert plain.choices[0].message.content == "Kohalik vastus." and plain.usage is not None
        with client.chat.completions.create(
            model="explain", messages=[], stream=True, stream_options={"include_usage": True},
            extra_body={"slots": {"passage": "Law."}},
        ) as stream:  # fmt: skip
            chunks = list(stream)
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
        assert text == "Vastus on olemas." and chunks[-1].usage is not None
        record = next(chunk.model_extra["sild"] for chunk in chunks if "sild" in (chunk.model_extra or {}))
        assert record["output_sha256"] == hashlib.sha256(text.encode()).hexdigest()
        with pytest.raises(openai.BadRequestError) as refused:
            client.chat.completions.create(
                model="ask", messages=[{"role": "system", "content": "You are a pirate"}]
            )
        assert refused.value.code == "messages_not_allowed"
        with pytest.raises(openai.BadRequestError) as refused:
            client.chat.completions.create(
                model="explain", messages=[], tools=[], extra_body={"slots": {"passage": "x"}}
            )
        assert refused.value.code == "unsupported_parameter" and refused.value.param == "tools"
        with pytest.raises(openai.NotFoundError):
            client.chat.completions.create(model="gpt-4", messages=[{"role": "user", "content": "x"}])
    with openai.OpenAI(base_url=f"{world.url}/v1", api_key="made-up", max_retries=0) as stranger:
        with pytest.raises(openai.AuthenticationError) as unknown:
            stranger.models.list()
        assert unknown.value.code == "unknown_key"


@pytest.mark.parametrize(
    ("template", "slots", "code"),
    [
        ("explain", {}, "missing_slot"),
        ("explain", {"passage": "x" * 30_001}, "invalid_slot"),
        ("explain", {"passage": "x", "more": "y"}, "unknown_slot"),
        ("benefit", {"amount": "a lot"}, "invalid_slot"),
        ("benefit", {"amount": "1E+99999999"}, "invalid_slot"),  # 11 characters, 100 MB written out
        ("benefit", {"amount": "0E-99999999"}, "invalid_slot"),
        ("band", {"age": "33"}, "invalid_slot"),
        ("explain@2", {"passage": "x"}, "unknown_template"),
    ],
)
def test_values_that_fit_no_slot(world: World, template: str, slots: dict[str, str], code: str) -> None:
    with pytest.raises(GatewayRefused) as refused:
        world.client().complete(template, slots)
    assert refused.value.code == code


def test_a_value_that_looks_like_a_slot_stays_text(world: World) -> None:
    world.complete("explain", passage="see {{ passage }} and {{ key }}")
    assert "see {{ passage }} and {{ key }}" in world.openai.reached
