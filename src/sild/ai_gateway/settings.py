"""Settings of the gateway."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from sild.ai_gateway.breaker import BreakerRules
from sild.ai_gateway.classes import RouteTable
from sild.ai_gateway.profiles import ProviderSettings
from sild.settings import Settings

__all__ = ["GatewaySettings"]


class GatewaySettings(Settings):
    """Relative paths start at the TOML file. Without `providers` the gateway answers `no_model`, and says so plainly.

    prompts, algorithms: directories; without them those of the packs.  gazetteers: files beside the one that ships.
    """

    directory: Path
    database: str | None = None  # SQLAlchemy URL; without it ai-gateway.db in `directory`
    providers: tuple[ProviderSettings, ...] = ()
    routes: RouteTable = RouteTable()
    prompts: tuple[Path, ...] = ()
    algorithms: tuple[Path, ...] = ()
    gazetteers: tuple[Path, ...] = ()
    canary_file: Path | None = None  # a planted value a line, beside those `canary rotate` makes
    canary_trips: tuple[
        Literal["request", "answer"], ...
    ] = ()  # one heard switches off: all abroad; whoever said it
    most_characters_abroad: int = Field(default=20_000, ge=100)  # of all values of a prompt
    seconds_in_all: float = Field(default=60.0, gt=0, le=600)  # for a call with all its attempts
    breaker: BreakerRules = BreakerRules()
    opentelemetry_endpoint: str | None = None  # OTLP over HTTP: http://collector:4318/v1/traces

    @model_validator(mode="after")
    def _names_differ(self) -> GatewaySettings:
        names = [provider.name for provider in self.providers]
        if len(names) != len(set(names)):
            raise ValueError("two providers of one name")
        return self
