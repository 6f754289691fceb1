"""Who may be asked, on which terms. Pure: whether a provider may be asked now is a function of its profile and the time."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, model_validator

from sild.ai_gateway.classes import Place
from sild.settings import Settings

__all__ = ["ProviderProfile", "ProviderSettings", "profile_refusal"]

Country = Literal["EE", "VN"]
_HERE = ("localhost",)


class ProviderProfile(Settings):
    """The terms under which a foreign provider works, as its contract has them."""

    region: str  # where the model runs: "EU", "US", "SG"
    zero_retention: bool
    no_training: bool
    contract: str = Field(min_length=1)
    expires: date  # last day of the contract
    eu_transfer_ground: str | None = (
        None  # what about people of Estonia goes out by: "adequacy 2023/1795", "SCC 2021/914"
    )
    ctia_dossier: str | None = None  # of Vietnam's transfer impact assessment (Law 91/2025, Decree 356/2025)
    ctia_expires: date | None = None


class ProviderSettings(Settings):
    """One model of one provider; those named first are asked first.

    url: of the API, with `/v1` where it has one; for `local` an address of this machine or its network.
    model: as the provider names it; for `llama` a GGUF file.
    api_key_file: the key is its first line.  region_parameter: Anthropic's `inference_geo`.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    kind: Literal["openai", "anthropic", "local", "llama"]
    model: str
    url: str | None = None
    api_key: SecretStr | None = None
    api_key_file: Path | None = None
    profile: ProviderProfile | None = None
    region_parameter: str | None = None
    context_tokens: int = Field(default=4_096, ge=256)  # of a `llama` model
    threads: int = Field(default=0, ge=0)  # of a `llama` model; 0: as many as there are cores
    seconds: float = Field(default=30.0, gt=0, le=600)  # for one answer

    @model_validator(mode="after")
    def _is_where_it_says(self) -> ProviderSettings:
        if self.kind == "local" and (self.url is None or not is_near(self.url)):
            raise ValueError("a local model is at an address of this machine or of a private network")
        if self.kind == "llama" and self.url is not None:
            raise ValueError("a llama model is a file and has no url")
        return self

    @property
    def place(self) -> Place:
        return "local" if self.kind in ("local", "llama") else "abroad"

    @property
    def region(self) -> str:
        return "local" if self.place == "local" else (self.profile.region if self.profile else "unknown")


def profile_refusal(provider: ProviderSettings, countries: Iterable[Country], *, today: date) -> str | None:
    """Why `provider` must not be asked today, as a code; None when it may.

    countries: whose people the prompt holds abstractions about; each needs a ground of its own.
    """
    if provider.place == "local":
        return None
    profile = provider.profile
    if profile is None:
        return "profile_missing"
    if profile.expires < today:
        return "contract_expired"
    if not profile.zero_retention:
        return "keeps_data"
    if not profile.no_training:
        return "trains_on_data"
    for country in countries:
        if country == "EE" and not profile.eu_transfer_ground:
            return "eu_transfer_ground_missing"
        if country == "VN" and not profile.ctia_dossier:
            return "ctia_dossier_missing"
        if country == "VN" and profile.ctia_expires is not None and profile.ctia_expires < today:
            return "ctia_dossier_expired"
    return None


def is_near(url: str) -> bool:
    """Whether `url` leads to this machine or a private network, by its address: a name could lead anywhere tomorrow."""
    host = urlsplit(url).hostname or ""
    if host in _HERE:
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or (address.is_private and not address.is_unspecified)
