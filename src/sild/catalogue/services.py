"""A public service as its pack describes it, with CPSV-AP's words: who, for what event, on what evidence, with what outcome."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from sild.errors import CallerError

__all__ = [
    "Channel",
    "Clockwork",
    "Cost",
    "Evidence",
    "LegalResource",
    "Output",
    "PublicService",
    "Rule",
    "parse_service",
]

Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$")]
Text = Mapping[str, str]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Described(_Part):
    id: Identifier
    title: Text
    description: Text | None = None


class LegalResource(_Part):
    """uri: ELI, or the number of the act.  title: as people cite it.  article: the provision the service rests on.

    countries: whose law it is; empty: of every country of the service.  version_date: of the consolidated text it was read in.
    """

    uri: str
    title: str
    article: str = ""
    version_date: date | None = None
    countries: tuple[str, ...] = ()


class Rule(_Part):
    """What the service follows. implements: URIs of the legal resources it carries out."""

    id: Identifier
    title: Text
    description: Text
    implements: tuple[str, ...] = ()


class Evidence(Described):
    """concept: what it proves.  held_by: the register that has it; None: the person brings it.  ground: the legal basis of
    fetching it, one of the codes in the messages; a pack for several countries gives one for each, `{EE: ..., VN: ...}`.
    """

    concept: str
    held_by: str | None = None
    ground: str | None = None


class Need(_Part):
    """What a party has to prove, and may have asked of another country. requirement: its name in the directory (CCCEV).  of: roles.

    procedure: code of Annex II of Regulation (EU) 2018/1724, `V1`.
    """

    requirement: Identifier
    of: tuple[str, ...] = Field(min_length=1)
    procedure: str = Field(pattern=r"^[A-Z][0-9]$")


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


def _several(said: object) -> object:
    return (said,) if isinstance(said, str) else said


class Clockwork(_Part):
    """A promise the case makes. deadline: its name in the profile.  begins: the action that starts it.  ends: any that keeps it.

    during: statuses instead of `begins`: it runs while the case has one of them, anew each time, and is of no case that has not; left
    otherwise than by `ends` nothing is promised any more.
    """

    id: Identifier
    title: Text
    deadline: str
    begins: str | None = None
    during: tuple[str, ...] = ()
    ends: Annotated[tuple[str, ...], BeforeValidator(_several)] = Field(min_length=1)

    @model_validator(mode="after")
    def _begins_somehow(self) -> Clockwork:
        if (self.begins is None) != bool(self.during):
            raise ValueError("a clock has either `begins` or `during`")
        return self


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
    needs: tuple[Need, ...] = ()
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


def parse_service(content: Mapping[str, Any], country: str | None = None) -> PublicService:
    """A service from parsed YAML, with the law of one country: the first it names without more.

    Raises CallerError (`invalid_service`), naming every place that does not fit.
    """
    try:
        service = PublicService.model_validate(_under_law_of(content, country))
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


def _under_law_of(content: Mapping[str, Any], country: str | None) -> Mapping[str, Any]:
    """The same with that country's grounds and acts. What does not fit is left for the model to name."""
    named = content.get("countries")
    countries = list(named) if isinstance(named, list | tuple) else []
    wanted = country if country in countries else next(iter(countries), None)
    changed = dict(content)
    evidence = content.get("evidence")
    if isinstance(evidence, list):
        changed["evidence"] = [_with_ground(one, countries, wanted) for one in evidence]
    acts = content.get("legal_resources")
    if isinstance(acts, list):
        changed["legal_resources"] = [
            one
            for one in acts
            if wanted is None or not isinstance(one, Mapping) or wanted in (one.get("countries") or countries)
        ]
    return changed


def _with_ground(evidence: Any, countries: list[Any], wanted: str | None) -> Any:  # YAML
    ground = evidence.get("ground") if isinstance(evidence, Mapping) else None
    if not isinstance(ground, Mapping):
        return evidence
    if set(ground) != set(countries):
        odd = ", ".join(sorted(map(str, set(ground) ^ set(countries))))
        raise CallerError(
            f"not a service: the ground of {evidence.get('id')} in {odd}", code="invalid_service"
        )
    return {**evidence, "ground": ground[wanted]}
