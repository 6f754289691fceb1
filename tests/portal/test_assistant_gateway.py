"""The portal's settings name an AI gateway: its local model's words stand above the quotes; without a model the page is the same without them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

import sild
from sild.assistant import ALGORITHM, PURPOSE, TEMPLATE
from sild.cases import load_packs
from sild.errors import CallerError
from sild.portal import Portal, PortalSettings
from support.ai_world import World, gateway_world
from support.portal_world import PortalWorld

PACKS = Path(sild.__file__).parent / "packs"
QUESTION = "by when do I have to report a move?"
BORNE = "After moving, give the notice of residence within 14 days."
INVENTED = "Pay the fine of 100 euros at the bank."
HEADING = "in a language model"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    data = {
        "prompts": ["prompts", str(PACKS / "state/prompts")],
        "algorithms": ["algorithms", str(PACKS / "state/algorithms")],
    }
    with gateway_world(tmp_path_factory.mktemp("gateway"), **data) as world:
        world.key = world.new_key(TEMPLATE, purpose=PURPOSE, algorithm=ALGORITHM)
        yield world


@pytest.fixture(scope="module")
def portal(gateway: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PortalWorld]:
    directory = tmp_path_factory.mktemp("portal")
    key = directory / "assistant.key"
    key.write_text(f"{gateway.key}\n")
    settings = {"assistant_gateway_url": gateway.url, "assistant_gateway_key_file": key}
    with PortalWorld(directory, **settings).running() as world:
        yield world


def ask(portal: PortalWorld) -> str:
    browser = portal.browser()
    page = browser.submit(browser.open("/assistant"), "/assistant", question=QUESTION)
    assert page.status == 200
    return page.text


def test_the_models_words_are_named_as_its_own_above_the_quotes(gateway: World, portal: PortalWorld) -> None:
    sentences = [{"quote": number, "text": text} for number in (1, 2, 3) for text in (BORNE, INVENTED)]
    gateway.local.says(json.dumps({"sentences": sentences}))
    text = ask(portal)
    assert HEADING in text and BORNE in text and INVENTED not in text
    assert "RRS § 69 lg 1" in text
    assert QUESTION in gateway.local.reached
    assert not gateway.openai.requests and not gateway.anthropic.requests


def test_without_a_model_the_quotes_stand_alone(gateway: World, portal: PortalWorld) -> None:
    gateway.local.says("", status=500)
    text = ask(portal)
    assert HEADING not in text and "RRS § 69 lg 1" in text and "within 14 days" in text
    assert not gateway.openai.requests and not gateway.anthropic.requests


def test_a_key_that_is_not_there_is_said_at_the_start(portal: PortalWorld, tmp_path: Path) -> None:
    settings = portal.portal.settings.model_copy(update={"assistant_gateway_key_file": tmp_path / "no-key"})
    with pytest.raises(CallerError, match="no-key"):
        Portal(settings, portal.cases, portal.exchange, load_packs("EE").profile)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"assistant_gateway_url": "http://127.0.0.1:8090"}, "go together"),
        ({"assistant_gateway_key_file": "assistant.key"}, "go together"),
        ({"assistant_gateway_url": "http://gateway.example:8090", "assistant_gateway_key_file": "k"}, "must be https"),
        ({"assistant_gateway_url": "http://8.8.8.8", "assistant_gateway_key_file": "k"}, "must be https"),
        ({"assistant_gateway_url": "127.0.0.1:8090", "assistant_gateway_key_file": "k"}, "must be https"),
    ],
)  # fmt: skip
def test_questions_and_key_travel_over_no_strange_network_in_the_clear(
    wrong: dict[str, Any], why: str
) -> None:
    whole: dict[str, Any] = {
        "directory": "x",
        "url": "https://portal.example",
        "issuer": "https://id.example",
        "client_secret": SecretStr("s"),
        "key_password": SecretStr("p"),
    }
    near = {"assistant_gateway_url": "http://10.1.2.3:8090", "assistant_gateway_key_file": "k"}
    PortalSettings.model_validate({**whole, **near})
    with pytest.raises(ValidationError, match=why):
        PortalSettings.model_validate({**whole, **wrong})
