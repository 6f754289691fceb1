"""What notices of hospitals have in common: the parts of FHIR R4 they are made of, parsed strictly, and their author's signature. Pure.

https://hl7.org/fhir/R4/bundle.html
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)

from sild.errors import CallerError
from sild.registries.fhir import AUTHORS_SIGNATURE, IDENTITY_SYSTEMS, PURPOSES
from sild.registries.identity_codes import IdentityCode, parse_identity_code
from sild.registries.kernel import Defect, Defects, refuse_defects

__all__ = [
    "MAX_NOTICE_BYTES",
    "Bundle",
    "Concept",
    "Day",
    "Encounter",
    "Identifier",
    "Instant",
    "Name",
    "NoticeSignature",
    "Part",
    "Reading",
    "Reference",
    "Resource",
    "Uri",
    "read_bundle",
]

MAX_NOTICE_BYTES = 64 * 1024
COUNTRIES = {system: country for country, system in IDENTITY_SYSTEMS.items()}


@dataclass(frozen=True, slots=True)
class NoticeSignature:
    """who: identity code.  data: XAdES, not verified."""

    who: str
    data: bytes


def _written(form: str, meant: str) -> Callable[[object], object]:
    """Looks at the text before pydantic does, which would read a year or a number as seconds since 1970."""
    pattern = re.compile(form)

    def check(said: object) -> object:
        if not isinstance(said, str) or pattern.fullmatch(said) is None:
            raise ValueError(meant)
        return said

    return check


_DAY = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME = r"T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})"
Day = Annotated[date, BeforeValidator(_written(_DAY, "a whole day, 2026-03-01"))]
"""https://hl7.org/fhir/R4/datatypes.html#date; a year or a month alone is not taken."""
Instant = Annotated[
    AwareDatetime, BeforeValidator(_written(_DAY + _TIME, "a time with its zone, 2026-03-01T06:00:00+02:00"))
]
"""https://hl7.org/fhir/R4/datatypes.html#instant, or a dateTime that is as exact."""


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=False)


Text = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
Uri = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\s\x00-\x1f\x7f]+$")]


class Identifier(Part):
    use: Text | None = None
    system: Uri
    value: Text


class Coding(Part):
    system: Uri
    code: Text
    display: Text | None = None


class Concept(Part):
    coding: list[Coding] = Field(min_length=1, max_length=5)
    text: Text | None = None


class Reference(Part):
    reference: Uri


class Name(Part):
    use: Text | None = None
    text: Text | None = None
    family: Text | None = None
    given: list[Text] = Field(default=[], max_length=5)


class Meta(Part):
    profile: list[Uri] = Field(default=[], max_length=5)


class Resource(Part):
    id: Text | None = None
    meta: Meta | None = None


class Period(Part):
    start: Instant
    end: Instant | None = None


class Display(Part):
    display: Text
    identifier: Identifier | None = None


class Location(Part):
    location: Display


class Encounter(Resource):
    resourceType: Literal["Encounter"]
    identifier: list[Identifier] = Field(default=[], max_length=5)
    status: Literal["arrived", "in-progress", "finished"]
    kind: Coding = Field(alias="class")
    subject: Reference
    period: Period
    serviceProvider: Display | None = None
    location: list[Location] = Field(default=[], max_length=3)


def _base64(text: object) -> bytes:
    if not isinstance(text, str):
        raise ValueError("base64")
    return base64.b64decode(text, validate=True)


class Who(Part):
    identifier: Identifier
    display: Text | None = None


class Signature(Part):
    """https://hl7.org/fhir/R4/datatypes.html#Signature; of an XML signature over JSON, which is beside it."""

    type: list[Coding] = Field(min_length=1, max_length=5)
    when: Instant
    who: Who
    onBehalfOf: Display | None = None
    targetFormat: Literal["application/fhir+json"]
    sigFormat: Literal["application/signature+xml"]
    data: Annotated[bytes, BeforeValidator(_base64)]


class Bundle(Part):
    """Without its entries, which are of each kind of notice."""

    resourceType: Literal["Bundle"]
    id: Text | None = None
    meta: Meta | None = None
    identifier: Identifier
    type: Literal["message", "collection"]
    timestamp: Instant
    signature: Signature | None = None


B = TypeVar("B", bound=Bundle)


def read_bundle(content: bytes, model: type[B], refused: CallerError) -> tuple[dict[str, Any], B]:
    """What was said, and read as `model`. refused: `not a notice of birth`, and its code.

    Raises CallerError (of that code), with every place that does not fit.
    """
    if len(content) > MAX_NOTICE_BYTES:
        raise CallerError(f"a notice has at most {MAX_NOTICE_BYTES} bytes", code=refused.code)
    try:
        said = json.loads(content, object_pairs_hook=_no_name_twice)
        return said, model.model_validate(said)
    except ValidationError as error:
        raise _defects(refused, error) from None
    except (ValueError, RecursionError):
        raise CallerError("not a FHIR Bundle in JSON", code=refused.code) from None


class Reading:
    """What the parts say together; all that is wrong is told at once."""

    refused: ClassVar[CallerError]

    def __init__(self, bundle: Bundle) -> None:
        self._signature = bundle.signature
        self._defects: list[Defect] = []

    def signature(self) -> NoticeSignature | None:
        """Raises Defects."""
        signed = self._signature
        if signed is None:
            return None
        if (PURPOSES, AUTHORS_SIGNATURE) not in {(one.system, one.code) for one in signed.type}:
            self._wrong("signature", "not an author's signature", "/signature/type")
        who = self._code([signed.who.identifier], "/signature/who")
        if who is None:
            self._wrong("identity_code", "a signature names its author", "/signature/who")
        self._refuse()
        assert who is not None
        return NoticeSignature(who.text, signed.data)

    def _code(self, identifiers: Sequence[Identifier], place: str) -> IdentityCode | None:
        """The identity code among somebody's numbers."""
        codes = [one for one in identifiers if one.system in COUNTRIES]
        if len(codes) > 1:
            self._wrong("identity_code", "more than one identity code", f"{place}/identifier")
        if not codes:
            return None
        try:
            code = parse_identity_code(codes[0].value)
        except CallerError as error:
            self._wrong("identity_code", error.message, f"{place}/identifier")
            return None
        if code.country != COUNTRIES[codes[0].system]:
            self._wrong("identity_code", "the code is of another country", f"{place}/identifier")
        return code

    def _wrong(self, code: str, detail: str, pointer: str) -> None:
        self._defects.append(Defect(code, detail, pointer))

    def _refuse(self) -> None:
        refuse_defects(self.refused.message, code=self.refused.code, defects=self._defects)


def _defects(refused: CallerError, error: ValidationError) -> Defects:
    found: Iterator[Defect] = (
        Defect("not_described", str(fault["msg"]), "/" + "/".join(str(step) for step in fault["loc"]))
        for fault in error.errors()[:50]
    )
    return Defects(refused.message, code=refused.code, defects=tuple(found))


def _no_name_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object with one name twice says two things; which one was meant is nobody's to choose."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice in one object")
    return found
