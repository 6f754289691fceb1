"""A gateway served for real, with two foreign parties and a local model behind it, each an HTTP server on loopback.

world.complete("explain", passage="...")      over HTTP, as `sild.gateway_client` does it
world.openai.reached                           what reached the foreign party
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

import sild.packs
from sild.ai_gateway import Gateway, GatewaySettings, gateway_app, metrics_app, open_parts
from sild.asgi import serve_application
from sild.gateway_client import Completion, GatewayClient
from support.ai_providers import Foreign, foreign

PROFILE = {
    "region": "EU", "zero_retention": True, "no_training": True, "contract": "RHR-1",
    "expires": "2030-01-01", "eu_transfer_ground": "adequacy 2023/1795", "ctia_dossier": "A05-17",
}  # fmt: skip

PROMPTS = {
    "explain/1": """
        id: explain
        version: "1"
        about: Explains a published passage in plain words.
        slots:
          passage: {class: public, origin: document, most_characters: 30000}
        messages:
          - {role: system, text: Explain the passage in plain words.}
          - {role: user, text: "{{ passage }}"}
        output: {most_tokens: 200, links: [eesti.ee]}
    """,
    "ask/1": """
        id: ask
        version: "1"
        about: Answers what a person asks.
        slots:
          question: {origin: person, from_message: true}
        messages:
          - {role: system, text: Answer shortly.}
          - {role: user, text: "{{ question }}"}
        output: {most_tokens: 40}
    """,
    "sort/1": """
        id: sort
        version: "1"
        about: Sorts a notice by its topic.
        slots:
          notice: {class: public, origin: document}
        messages:
          - {role: user, text: "{{ notice }}"}
        output:
          schema:
            type: object
            properties: {topic: {enum: [birth, move, other]}, why: {type: string, maxLength: 200}}
            required: [topic]
            additionalProperties: false
    """,
    "kind/1": """
        id: kind
        version: "1"
        about: One word for a notice.
        slots:
          notice: {class: public, origin: document}
        messages:
          - {role: user, text: "{{ notice }}"}
        output:
          most_tokens: 60
          schema: {type: object, properties: {topic: {enum: [birth, move, other]}}, required: [topic], additionalProperties: false}
    """,
    "letter/1": """
        id: letter
        version: "1"
        about: Words a letter whose addressee stays here.
        slots:
          addressee: {field: person.name, as_token: true}
          topic: {class: public}
        messages:
          - {role: user, text: "Write to {{ addressee }} about {{ topic }}."}
    """,
    "band/1": """
        id: band
        version: "1"
        about: Words for an age band.
        slots:
          age: {class: abstraction, type: choice, choices: ["0-18", "19-64", "65-"], country: VN}
        messages:
          - {role: user, text: "Write for {{ age }}."}
        output: {most_tokens: 40}
    """,
    "benefit/1": """
        id: benefit
        version: "1"
        about: Says what a sum means.
        slots:
          amount: {field: person.income, type: decimal}
        messages:
          - {role: user, text: "{{ amount }}"}
    """,
    "vault/1": """
        id: vault
        version: "1"
        about: Must not work.
        slots:
          key: {field: office.key}
        messages:
          - {role: user, text: "{{ key }}"}
    """,
}
FIELDS = "person.name: personal\nperson.income: tax\noffice.key: secret\nperson.diagnosis: health\n"


def entry(**changes: Any) -> str:
    """A whole entry of the algorithm register, that of the packs' assistant under another name; YAML. gateway: what keys are for."""
    shipped = yaml.safe_load((Path(sild.packs.__path__[0]) / "state/algorithms/assistant.yaml").read_text())
    gateway = {"purposes": ["plain words"], "templates": [name.partition("/")[0] for name in PROMPTS]}
    changes = {"id": "plain-words", "start_date": "2026-01", "gateway": gateway, **changes}
    return yaml.safe_dump({**shipped, **changes}, allow_unicode=True)


@dataclass
class World:
    directory: Path
    gateway: Gateway
    url: str
    metrics_url: str
    key: str
    openai: Foreign
    anthropic: Foreign
    local: Foreign
    now: list[datetime]

    def client(self, key: str | None = None, seconds: float = 20.0) -> GatewayClient:
        return GatewayClient(self.url, key or self.key, seconds=seconds)

    def complete(self, template: str, **slots: str) -> Completion:
        return self.client(seconds=60.0).complete(template, slots)

    def new_key(self, *templates: str, **more: Any) -> str:
        wanted = {"purpose": "plain words", "algorithm": "plain-words", "made_by": "test", **more}
        _key, text = self.gateway.keys.issue(templates=templates, **wanted)
        return text

    def ledger(self) -> list[dict[str, Any]]:
        day = self.now[0].date()
        return self.gateway.parts.store.ledger(since=day - timedelta(days=1), until=day)


def settings(
    directory: Path, openai: Foreign, anthropic: Foreign, local: Foreign | None, **more: Any
) -> GatewaySettings:
    providers: list[dict[str, Any]] = [
        {
            "name": "openai-eu",
            "kind": "openai",
            "model": "gpt-test",
            "url": openai.url,
            "api_key": "k1",
            "profile": PROFILE,
            "seconds": 2,
        },
        {
            "name": "anthropic-eu",
            "kind": "anthropic",
            "model": "claude-test",
            "url": anthropic.url,
            "api_key": "k2",
            "profile": PROFILE,
            "seconds": 2,
        },
    ]
    if local is not None:
        providers.append({"name": "here", "kind": "local", "model": "small", "url": local.url, "seconds": 5})
    given = {
        "directory": "state", "providers": providers, "prompts": ["prompts"], "algorithms": ["algorithms"],
        "canary_file": "canaries.txt", "routes": {"abstraction": ["abroad", "local"]}, **more,
    }  # fmt: skip
    return GatewaySettings.model_validate(given)


def write_data(directory: Path) -> None:
    for name, text in PROMPTS.items():
        file = directory / "prompts" / f"{name}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        lines = text.strip("\n").splitlines()
        file.write_text("\n".join(line[8:] for line in lines).rstrip() + "\n")
    (directory / "prompts" / "fields.yaml").write_text(FIELDS)
    (directory / "algorithms").mkdir(exist_ok=True)
    (directory / "algorithms" / "plain-words.yaml").write_text(entry())
    (directory / "canaries.txt").write_text("Kanaarilind Kollasulg\nEE-KANAARI-77812\n")


@contextmanager
def gateway_world(directory: Path, *, with_local: bool = True, **more: Any) -> Iterator[World]:
    write_data(directory)
    with ExitStack() as stack:
        openai, anthropic = (stack.enter_context(foreign(kind)) for kind in ("openai", "anthropic"))
        local = stack.enter_context(foreign("openai"))
        local.says("Kohalik ", "vastus.")
        now = [datetime(2026, 11, 22, 12, tzinfo=UTC)]
        given = settings(directory, openai, anthropic, local if with_local else None, **more)
        served = stack.enter_context(_serving(given, directory, now))
        world = World(directory, *served, "", openai, anthropic, local, now)
        world.key = world.new_key(
            *(name.partition("/")[0] for name in PROMPTS), calls_per_minute=10_000, tokens_per_day=10_000_000
        )
        yield world


@contextmanager
def _serving(
    given: GatewaySettings, directory: Path, now: list[datetime]
) -> Iterator[tuple[Gateway, str, str]]:
    """The gateway on a loop of its own, as the process runs it."""
    ready, ended = threading.Event(), threading.Event()
    found: list[Any] = []

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        gateway = Gateway(open_parts(given, directory, clock=lambda: _tick(now)))
        watching = asyncio.create_task(gateway.run())
        server = await serve_application(gateway_app(gateway), "127.0.0.1", 0)
        metrics = await serve_application(metrics_app(gateway), "127.0.0.1", 0)
        found.extend([gateway, server.url, metrics.url, lambda: loop.call_soon_threadsafe(stop.set)])
        ready.set()
        await stop.wait()
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await server.close()
        await metrics.close()
        await gateway.close()
        ended.set()

    thread = threading.Thread(target=lambda: asyncio.run(main()), daemon=True)
    thread.start()
    if not ready.wait(20):
        raise RuntimeError("the gateway did not start")
    try:
        yield found[0], found[1], found[2]
    finally:
        found[3]()
        thread.join(20)


def _tick(now: list[datetime]) -> datetime:
    """Time goes on at each look, so that rows have an order."""
    now[0] += timedelta(microseconds=1)
    return now[0]
