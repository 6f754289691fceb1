"""What a gateway is made of, opened from its settings in one place."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sild.ai_gateway.asking import Provider
from sild.ai_gateway.breaker import Breaker
from sild.ai_gateway.measures import Measures
from sild.ai_gateway.names import load_gazetteer
from sild.ai_gateway.providers import open_provider
from sild.ai_gateway.registers import AlgorithmRegister, FiledAlgorithms
from sild.ai_gateway.second_lock import Canaries, SecondLock, any_of
from sild.ai_gateway.settings import GatewaySettings
from sild.ai_gateway.store import Store
from sild.ai_gateway.switches import KillSwitches
from sild.ai_gateway.templates import Templates, load_templates
from sild.clock import Clock, system_clock
from sild.database import sqlite_url
from sild.errors import CallerError

if TYPE_CHECKING:
    from sild.ai_gateway.tracing import Tracing

__all__ = ["Parts", "open_data", "open_parts", "open_store"]

_PACKS = Path(__file__).parents[1] / "packs"
_GAZETTEER = Path(__file__).parent / "names.txt"


@dataclass(frozen=True, slots=True)
class Parts:
    settings: GatewaySettings
    store: Store
    templates: Templates
    algorithms: AlgorithmRegister
    lock: SecondLock
    providers: tuple[Provider, ...]
    switches: KillSwitches
    measures: Measures
    tracing: Tracing | None
    clock: Clock


def open_parts(settings: GatewaySettings, base: Path, *, clock: Clock = system_clock) -> Parts:
    """base: where relative paths start. Raises CallerError (template, gazetteer, key, library), Unavailable (database)."""
    templates, algorithms = open_data(settings, base)
    lock = SecondLock(
        load_gazetteer((_GAZETTEER, *(base / file for file in settings.gazetteers))),
        _canaries(settings.canary_file and base / settings.canary_file),
        settings.most_characters_abroad,
    )
    providers = tuple(
        Provider(each, open_provider(each, base), Breaker(settings.breaker)) for each in settings.providers
    )
    store = open_store(settings, base)
    return Parts(
        settings=settings,
        store=store,
        templates=templates,
        algorithms=algorithms,
        lock=lock,
        providers=providers,
        switches=KillSwitches(store),
        measures=Measures(),
        tracing=_tracing(settings.opentelemetry_endpoint),
        clock=clock,
    )


def open_store(settings: GatewaySettings, base: Path) -> Store:
    return Store(settings.database or sqlite_url(base / settings.directory / "ai-gateway.db"))


def open_data(settings: GatewaySettings, base: Path) -> tuple[Templates, AlgorithmRegister]:
    """Templates and the algorithm register, from the settings' directories or the packs."""
    prompts = tuple(base / each for each in settings.prompts) or tuple(sorted(_PACKS.glob("*/prompts")))
    entries = tuple(base / each for each in settings.algorithms) or tuple(sorted(_PACKS.glob("*/algorithms")))
    return load_templates(prompts), FiledAlgorithms(entries)


def _canaries(file: Path | None) -> Canaries:
    if file is None:
        return Canaries()
    try:
        return any_of(file.read_text(encoding="utf-8").splitlines())
    except (OSError, UnicodeDecodeError) as error:
        raise CallerError(f"{file}: {error}") from error


def _tracing(endpoint: str | None) -> Tracing | None:
    if endpoint is None:
        return None
    from sild.ai_gateway.tracing import Tracing

    return Tracing(endpoint)
