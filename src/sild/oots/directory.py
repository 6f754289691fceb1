"""What the OOTS common services know, as data (TDD 1.2, chapter 3): which evidence proves a requirement, and who gives it where.

The Evidence Broker's half (requirement -> evidence types of each country) is a pack's; the Data Service Directory's half (evidence type
and country -> provider, format, address) is of a deployment: what no entry names is not asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from sild.errors import CallerError
from sild.oots.agents import CLASSIFICATION, REPOSITORY
from sild.oots.model import Agent, EvidenceType, Requirement, Text
from sild.oots.regrep import UUID

__all__ = ["DataService", "Directory", "EvidenceTypeEntry", "RequirementEntry", "parse_requirements"]

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,49}$")]
LANGUAGES = ("et", "vi", "en")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class EvidenceTypeEntry(_Part):
    """One kind of evidence of one country. classification: URL of the semantic repository, with country and UUID."""

    id: Name
    country: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
    classification: Annotated[str, StringConstraints(pattern=CLASSIFICATION.pattern)]
    title: Text
    description: Text
    format: str = "application/pdf"

    @property
    def identifier(self) -> str:
        """The UUID of its classification."""
        return self.classification.rpartition("/")[2]

    def as_asked(self) -> EvidenceType:
        return EvidenceType(self.identifier, self.classification, self.title, self.format, self.description)


class RequirementEntry(_Part):
    """identifier: URL of the semantic repository.  evidence_types: any one of them proves it."""

    id: Name
    identifier: str
    title: Text
    description: Text
    evidence_types: tuple[EvidenceTypeEntry, ...]

    def as_asked(self) -> Requirement:
        return Requirement(self.identifier, self.title)


class _Requirements(_Part):
    requirements: tuple[RequirementEntry, ...]


@dataclass(frozen=True, slots=True)
class DataService:
    """One entry of the Data Service Directory. classification: of the evidence type.  system: of the provider on the exchange, with its
    instance, `VN/GOV/70000002/population`.  preview: origin of the pages where people look at it first, `https://portal.example`.
    """

    classification: str
    country: str
    system: str
    provider: Agent
    preview: str


class Directory:
    """Both halves together."""

    def __init__(
        self, requirements: Sequence[RequirementEntry], services: Sequence[DataService] = ()
    ) -> None:
        self.requirements: Mapping[str, RequirementEntry] = {one.id: one for one in requirements}
        self.services = tuple(services)

    def requirement(self, name: str) -> RequirementEntry:
        """Raises CallerError (`unknown_requirement`)."""
        found = self.requirements.get(name)
        if found is None:
            raise CallerError(f"no requirement {name[:50]} is known", code="unknown_requirement")
        return found

    def types_of(self, requirement: str) -> Sequence[EvidenceTypeEntry]:
        """Evidence Broker: what proves it, in any country. Raises CallerError (`unknown_requirement`)."""
        return self.requirement(requirement).evidence_types

    def providers_of(self, requirement: str) -> Sequence[tuple[EvidenceTypeEntry, DataService]]:
        """Data Service Directory: who gives what proves it, with which type. Raises CallerError (`unknown_requirement`)."""
        return [
            (kind, service)
            for kind in self.types_of(requirement)
            for service in self.services
            if service.classification == kind.classification
        ]

    def type_of(self, country: str, kind: str) -> EvidenceTypeEntry:
        """Raises CallerError (`unknown_evidence_type`)."""
        for requirement in self.requirements.values():
            for one in requirement.evidence_types:
                if (one.country, one.id) == (country, kind):
                    return one
        raise CallerError(f"{country} has no evidence {kind[:50]}", code="unknown_evidence_type")


def parse_requirements(content: Mapping[str, Any]) -> tuple[RequirementEntry, ...]:
    """From parsed YAML of a pack. Raises CallerError (`invalid_requirements`), naming every place that does not fit."""
    try:
        found = _Requirements.model_validate(content).requirements
    except ValidationError as error:
        places = "; ".join(f"/{'/'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise CallerError(f"no requirements: {places}", code="invalid_requirements") from None
    for one in found:
        _, _, uuid = one.identifier.partition(f"{REPOSITORY}requirements/")
        if not UUID.fullmatch(uuid):
            raise CallerError(f"{one.id}: no URL of a requirement", code="invalid_requirements")
        for text in (one.title, one.description, *(words for kind in one.evidence_types for words in (kind.title, kind.description))):  # fmt: skip
            if not all(text.get(language, "").strip() for language in LANGUAGES):
                raise CallerError(f"{one.id}: a text lacks a language", code="invalid_requirements")
        if any(kind.country != kind.classification.split("/")[-2] for kind in one.evidence_types):
            raise CallerError(f"{one.id}: a classification of another country", code="invalid_requirements")
    return found
