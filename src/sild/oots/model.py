"""The three messages of the exchange data model as values (OOTS TDD 1.2, chapters 4.3 and 4.5), and the codes of its exceptions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum

__all__ = [
    "SPECIFICATION",
    "Agent",
    "EdmException",
    "ErrorResponse",
    "Evidence",
    "EvidenceRequest",
    "EvidenceResponse",
    "EvidenceType",
    "Requirement",
    "Subject",
    "Text",
]

SPECIFICATION = "oots-edm:v1.2"
Text = Mapping[str, str]
"""By language, ISO 639-1 in small letters."""


class EdmException(Enum):
    """Code list EDMErrorCodes: code, type of `rs:Exception`, message."""

    AUTHENTICATION = ("EDM:ERR:0001", "rs:AuthenticationExceptionType", "Failed Authentication")
    AUTHORIZATION = ("EDM:ERR:0002", "rs:AuthorizationExceptionType", "Missing Authorization")
    INVALID_REQUEST = (
        "EDM:ERR:0003",
        "rs:InvalidRequestExceptionType",
        "Syntactically or semantically invalid request",
    )
    OBJECT_NOT_FOUND = ("EDM:ERR:0004", "rs:ObjectNotFoundExceptionType", "Object not found")
    TIMEOUT = ("EDM:ERR:0005", "rs:TimeoutExceptionType", "Exceeding timeout period")
    UNRESOLVED_REFERENCE = (
        "EDM:ERR:0006",
        "rs:UnresolvedReferenceExceptionType",
        "Referenced object that cannot be resolved",
    )
    UNSUPPORTED_CAPABILITY = (
        "EDM:ERR:0007",
        "rs:UnsupportedCapabilityExceptionType",
        "Optional feature or capability is not supported",
    )
    QUERY = ("EDM:ERR:0008", "query:QueryExceptionType", "Problem during the processing of a QueryRequest")

    @property
    def code(self) -> str:
        return self.value[0]

    @property
    def type(self) -> str:
        return self.value[1]

    @property
    def message(self) -> str:
        return self.value[2]


@dataclass(frozen=True, slots=True)
class Agent:
    """Who asks, or gives. scheme: of the identifier, a URN of EAS or `...:unregistered:EE`.  country: ISO 3166-1, where an address is given."""

    identifier: str
    scheme: str
    name: Text
    country: str | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """The natural person whose evidence it is, as they logged in where the procedure is (eIDAS minimum data set).

    identifier: `EE/FI/38001085718`: whose, for whom, and the code itself.  level: `Low`, `Substantial`, `High`; None: in a response.
    """

    identifier: str
    family_name: str
    given_name: str
    born: date
    level: str | None = None

    @property
    def code(self) -> str:
        """With its country in front, as log-ins write it: `EE38001085718`."""
        origin, _for, code = self.identifier.split("/", 2)
        return f"{origin}{code}"

    @property
    def asked_of(self) -> str:
        """The country the identifier was made for."""
        return self.identifier.split("/", 2)[1]


@dataclass(frozen=True, slots=True)
class Requirement:
    """identifier: URL of the semantic repository."""

    identifier: str
    name: Text


@dataclass(frozen=True, slots=True)
class EvidenceType:
    """identifier: UUID of the directory's entry.  classification: URL with country and UUID.  format: media type."""

    identifier: str
    classification: str
    title: Text
    format: str
    description: Text = field(default_factory=dict)
    conforms_to: str | None = None


@dataclass(frozen=True, slots=True)
class EvidenceRequest:
    """id: `urn:uuid:...`.  procedure: code of Annex II, `R1`.  language: wanted of the evidence.

    preview_location: of the second request, as the provider gave it.
    """

    id: str
    issued: datetime
    procedure: str
    explicitly_requested: bool
    can_preview: bool
    requirements: tuple[Requirement, ...]
    requester: Agent
    provider: Agent
    subject: Subject
    evidence_type: EvidenceType
    preview_location: str | None = None
    language: str = "en"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One document with its metadata. id: UUID.  content: name of its part, `ID@HOST`, of `cid:ID@HOST`.  about: no level.  issued: the day."""

    id: str
    about: Subject
    authority: Agent
    evidence_type: EvidenceType
    issued: date
    content: str
    language: str


@dataclass(frozen=True, slots=True)
class EvidenceResponse:
    """id: UUID, without a prefix."""

    id: str
    request_id: str
    issued: datetime
    provider: Agent
    requester: Agent
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class ErrorResponse:
    """preview_location: where the person looks at the evidence first; then the exception is `AUTHORIZATION`, of severity PreviewRequired."""

    id: str
    request_id: str
    issued: datetime
    provider: Agent
    requester: Agent
    exception: EdmException
    detail: str = ""
    preview_location: str | None = None
    preview_description: Text = field(default_factory=dict)
