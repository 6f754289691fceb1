"""A public service as its pack describes it, with CPSV-AP's words: who, for what event, on what evidence, with what outcome."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from sild.errors import CallerError

__all__ = ["Channel", "Cost", "Evidence", "LegalResource", "Output", "PublicService", "Rule", "parse_service"]

Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$")]
Text = Mapping[str, str]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Described(_Part):
    id: Identifier
    title: Text
    description: Text | None = None


class LegalResource(_Part):
    """uri: ELI, or the number of the act.  title: as people cite it."""

    uri: str
    title: str


class Rule(_Part):
    """What the service follows. implements: URIs of the legal resources it carries out."""

    id: Identifier
    title: Text
    description: Text
    implements: tuple[str, ...] = ()


class Evidence(Described):
    """concept: what it proves.  held_by: the register that has it; None: the person brings it.  ground: the legal basis of
    fetching it, one of the codes in the messages.
    """

    concept: str
    held_by: str | None = None
    ground: str | None = None


class Output(Described):
    pass


class Channel(_Part):
    """processing_days: working days."""

    id: Identifier
    kind: Literal["portal", "app", "desk", "assisted", "proactive"]
    description: Text | None = None
    processing_days: int | None = None


class Cost(_Part):
    id: Identifier
    value: Decimal
    currency: str
    description: Text


class Clockwork(_Part):
    """A promise the case makes. deadline: its name in the profile.  begins: the action that starts it.  ends: that keeps it."""

    id: Identifier
    title: Text
    deadline: str
    begins: str
    ends: str


class PublicService(Described):
    """description: required.  authority: matter by which the profile finds the competent office.  screens: ids, in their order.

    owner: subsystem of the body that answers for it, `GOV/70000002`.
    """

    description: Text
    version: int = Field(ge=1)
    owner: str
    authority: str
    countries: tuple[str, ...]
    languages: tuple[str, ...] = ("et", "vi", "en")
    life_events: tuple[Identifier, ...] = ()
    business_events: tuple[Identifier, ...] = ()
    keywords: tuple[Text, ...] = ()
    legal_resources: tuple[LegalResource, ...] = Field(min_length=1)
    rules: tuple[Rule, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    outputs: tuple[Output, ...] = Field(min_length=1)
    channels: tuple[Channel, ...] = Field(min_length=1)
    costs: tuple[Cost, ...] = ()
    clocks: tuple[Clockwork, ...] = ()
    screens: tuple[str, ...] = ()

    def ground_of(self, concept: str) -> str:
        """The legal ground on which this service may fetch a concept. Raises CallerError (`no_legal_ground`)."""
        for evidence in self.evidence:
            if evidence.concept == concept and evidence.ground is not None:
                return evidence.ground
        raise CallerError(f"{self.id} has no ground to fetch {concept}", code="no_legal_ground")


def parse_service(content: Mapping[str, Any]) -> PublicService:
    """A service from parsed YAML. Raises CallerError (`invalid_service`), naming every place that does not fit."""
    try:
        service = PublicService.model_validate(content)
    except ValidationError as error:
        places = "; ".join(
            f"/{'/'.join(str(step) for step in fault['loc'])}: {fault['msg']}" for fault in error.errors()
        )
        raise CallerError(f"not a service: {places}", code="invalid_service") from None
    for part in (service, *service.evidence, *service.outputs):
        missing = [language for language in service.languages if not part.title.get(language)]
        if missing:
            raise CallerError(
                f"{service.id}: the title of {part.id} is missing in {', '.join(missing)}",
                code="invalid_service",
            )
    return service
