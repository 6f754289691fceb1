"""Entries of the public algorithm register: what a body says about a rule package or model that decides or helps to.

`packs/<pack>/algorithms/<id>.yaml`, in the country's languages. An entry is whole or it is none: impact assessments (DPIA, FRIA) and
what rights a person has are required, too. Live figures come from the decisions themselves (`figures.py`); the forms of other
registers are made of both (`algorithm_exports.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from sild.errors import CallerError

__all__ = ["AlgorithmEntry", "load_algorithms", "parse_algorithm", "shipped_algorithms"]

LANGUAGES = {"et", "vi", "en"}
# MinBZK/Algoritmeregister schema.json 1.0.0, where an entry goes out to.
LONGEST = {
    "name": 99,
    "description_short": 399,
    "organization": 99,
    "supplier": 199,
    "technical_operation": 4999,
}
LONGEST_TEXT = 2499
LONGEST_TITLE = 99
Month = Annotated[str, StringConstraints(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")]
Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=100)]
Theme = Literal[
    "administration", "culture", "economy", "finance", "housing", "international", "migration", "environment",
    "education", "safety", "law", "space", "social_security", "traffic", "work", "health",
]  # fmt: skip


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Words(_Part):
    """One text in each language of the platform."""

    et: Annotated[str, StringConstraints(min_length=1)]
    vi: Annotated[str, StringConstraints(min_length=1)]
    en: Annotated[str, StringConstraints(min_length=1)]

    def in_language(self, language: str) -> str:
        """In `en` if the language is none of these."""
        return str(getattr(self, language if language in LANGUAGES else "en"))


class Law(_Part):
    title: Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_TITLE)]
    article: str
    link: str


class Assessment(_Part):
    """made: `none` is an answer too; then `summary` says why none is needed."""

    made: Month | Literal["none"]
    link: str | None = None
    summary: Words


class Owner(_Part):
    """ATRS tier 2, 1.1. supplier_access: on which terms a supplier sees data."""

    team: Words
    responsible: Words
    supplier_access: Words


class Dataset(_Part):
    """ATRS tier 2, 4. register: whose it is."""

    name: Words
    register_: str = Field(alias="register")
    data_class: str = Field(alias="class")
    purpose: Words


class AIAct(_Part):
    """Regulation (EU) 2024/1689. annex_iii: its point, of a high-risk system (then Annex VIII: provider, intended purpose)."""

    risk: Literal["none", "limited", "high"]
    annex_iii: str | None = None
    provider: str | None = None
    intended_purpose: Words | None = None

    @model_validator(mode="after")
    def _annex_viii(self) -> Self:
        if self.risk == "high" and not (self.annex_iii and self.provider and self.intended_purpose):
            raise ValueError(
                "a high-risk system names its point of Annex III, its provider and its intended purpose (Annex VIII)"
            )
        return self


class ModelUse(_Part):
    """A glass-box model of the packs. sha256: of its file; another file is another version, and a new line here."""

    name: Identifier
    version: int = Field(ge=1)
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class GatewayUse(_Part):
    """For what it may ask a model, by which templates."""

    purposes: tuple[str, ...] = ()
    templates: tuple[str, ...] = ()


class AlgorithmEntry(_Part):
    """packages: names of the rule packages, of each country's law.  kind: `model` where something was learnt from data.

    models: files of the packs that may be used, every version that ever was.
    """

    id: Identifier
    version: str
    kind: Literal["rules", "model"]
    name: Words
    description_short: Words
    organization: Words
    theme: Annotated[tuple[Theme, ...], Field(min_length=1, max_length=3)]
    status: Literal["in_development", "in_use", "out_of_use"]
    start_date: Month
    end_date: Month | None = None
    contact: str
    publication_category: Literal["high_risk", "impactful", "other"]
    purpose_and_impact: Words
    considerations: Words
    human_intervention: Words
    risk_management: Words
    dpia: Assessment
    fria: Assessment
    rights: Words
    legal_basis: Annotated[tuple[Law, ...], Field(min_length=1)]
    data: Words
    technical_operation: Words
    supplier: Words
    packages: tuple[str, ...] = ()
    models: tuple[ModelUse, ...] = ()
    link: str | None = None
    processing_register_link: str | None = None
    source_code_link: str | None = None
    search_terms: tuple[str, ...] = ()
    owner: Owner
    appeals: Words
    oversight: Words
    datasets: tuple[Dataset, ...] = ()
    ai_act: AIAct
    gateway: GatewayUse = GatewayUse()

    @model_validator(mode="after")
    def _fits(self) -> Self:
        for name in type(self).model_fields:
            if isinstance(words := getattr(self, name), Words):
                most = LONGEST.get(name, LONGEST_TEXT)
                for language in sorted(LANGUAGES):
                    if len(words.in_language(language)) > most:
                        raise ValueError(f"{name}/{language} has more than {most} characters")
        return self

    @model_validator(mode="after")
    def _lasts(self) -> Self:
        if (self.status == "out_of_use") != (self.end_date is not None):
            raise ValueError("what is out of use has an end_date, and nothing else has")
        if self.kind == "rules" and not self.packages:
            raise ValueError("rules name their packages")
        if self.kind == "rules" and self.models:
            raise ValueError("rules use no model")
        if len({(one.name, one.version) for one in self.models}) != len(self.models):
            raise ValueError("one version of a model is one file")
        return self

    def names_model(self, name: str, version: int, sha256: str) -> bool:
        """Whether this very file may be used."""
        return any((one.name, one.version, one.sha256) == (name, version, sha256) for one in self.models)


def parse_algorithm(content: dict[str, Any]) -> AlgorithmEntry:  # YAML
    """Raises CallerError (`invalid_algorithm`), naming every place that does not fit."""
    try:
        return AlgorithmEntry.model_validate(content)
    except ValidationError as error:
        places = "; ".join(f"/{'/'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise CallerError(f"not an entry of an algorithm: {places}", code="invalid_algorithm") from None


@cache
def shipped_algorithms() -> Mapping[str, AlgorithmEntry]:
    """Those of Sild's own packs, by id; read once."""
    with resources.as_file(resources.files("sild") / "packs") as directory:
        return MappingProxyType(load_algorithms(directory))


def load_algorithms(packs: Path | Iterable[Path]) -> dict[str, AlgorithmEntry]:
    """By id, of `*/algorithms/*.yaml` below `packs` or of these files. Raises CallerError (`invalid_algorithm`), also for one id twice."""
    found: dict[str, AlgorithmEntry] = {}
    for file in sorted(packs.glob("*/algorithms/*.yaml")) if isinstance(packs, Path) else packs:
        try:
            content = yaml.safe_load(file.read_text("utf-8"))
            entry = parse_algorithm(content if isinstance(content, dict) else {})
        except (yaml.YAMLError, CallerError) as error:
            raise CallerError(f"{file.name}: {error}", code="invalid_algorithm") from None
        if entry.id in found:
            raise CallerError(f"{file.name}: {entry.id} has two entries", code="invalid_algorithm")
        found[entry.id] = entry
    return found
