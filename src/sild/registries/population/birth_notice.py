"""A hospital's notice of a birth: a FHIR R4 Bundle of Patient (the child), RelatedPerson (mother, perhaps father), Encounter.

Parsed strictly: what is not described here is refused by name, so that nothing a midwife wrote is lost without a word. Pure.
https://hl7.org/fhir/R4/bundle.html
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
)

from sild.errors import CallerError
from sild.registries.fhir import (
    AUTHORS_SIGNATURE,
    IDENTITY_SYSTEMS,
    PURPOSES,
    canonical_bundle,
)
from sild.registries.identity_codes import Sex, parse_identity_code
from sild.registries.kernel import Defect, Defects, refuse_defects

__all__ = [
    "MAX_NOTICE_BYTES",
    "PAPER",
    "BirthNotice",
    "NoticeSignature",
    "Notified",
    "RelatedName",
    "SignedNotice",
    "parse_birth_notice",
    "read_notice",
]

MAX_NOTICE_BYTES = 64 * 1024
COUNTRIES = {system: country for country, system in IDENTITY_SYSTEMS.items()}
PAPER = "urn:sild:paper"
"""Whose number of a notice is one that an office reserved."""
BIRTH_TIME = "http://hl7.org/fhir/StructureDefinition/patient-birthTime"
ROLES = "http://terminology.hl7.org/CodeSystem/v3-RoleCode"
ACTS = "http://terminology.hl7.org/CodeSystem/v3-ActCode"


@dataclass(frozen=True, slots=True)
class RelatedName:
    """A parent as the notice names them. code: identity code, if it was told."""

    code: str | None
    family_name: str | None
    given_names: str | None


@dataclass(frozen=True, slots=True)
class Notified:
    """Who gave the notice, as people are told: by name and profession, not by identity code."""

    name: str
    profession: str
    licence: str | None
    signed_at: datetime


@dataclass(frozen=True, slots=True)
class BirthNotice:
    """system, value: the hospital's own number of the notice.  order: of a twin, from 1.  digest: of everything said but the time of sending.

    notified: None: of before notices were signed, or an office's paper (`paper_births.py`): then on which ground of the law, who attended
    or testifies, and the names written down.
    """

    system: str
    value: str
    sent_at: datetime
    sex: Sex
    born: date
    born_at: datetime | None
    order: int | None
    stillborn: bool
    mother: RelatedName
    father: RelatedName | None
    hospital: str | None
    place: str | None
    digest: str
    notified: Notified | None = None
    ground: str | None = None
    attended_by: str | None = None
    given_names: str | None = None
    family_name: str | None = None

    @property
    def is_paper(self) -> bool:
        return self.system == PAPER

    @property
    def key(self) -> str:
        """The notice among all hospitals' notices: 40 hexadecimal digits."""
        return hashlib.sha256(f"{self.system}|{self.value}".encode()).hexdigest()[:40]

    @property
    def told_of(self) -> tuple[str, ...]:
        """Parents whose codes it has."""
        parents = (self.mother, self.father)
        return tuple(one.code for one in parents if one is not None and one.code is not None)

    def to_json(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(json.dumps(asdict(self), default=lambda value: value.isoformat()))
        return said


@dataclass(frozen=True, slots=True)
class NoticeSignature:
    """who: identity code.  data: XAdES, not verified."""

    who: str
    data: bytes


@dataclass(frozen=True, slots=True)
class SignedNotice:
    """content: what is signed.  signature: None: the Bundle bears none."""

    notice: BirthNotice
    content: bytes
    signature: NoticeSignature | None


def parse_birth_notice(content: bytes) -> SignedNotice:
    """content: `application/fhir+json`. Raises CallerError (`invalid_birth_notice`), with every place that does not fit."""
    if len(content) > MAX_NOTICE_BYTES:
        raise CallerError(f"a notice has at most {MAX_NOTICE_BYTES} bytes", code="invalid_birth_notice")
    try:
        said = json.loads(content, object_pairs_hook=_no_name_twice)
        bundle = _Bundle.model_validate(said)
    except ValidationError as error:
        raise _refused(
            Defect("not_described", str(fault["msg"]), "/" + "/".join(str(step) for step in fault["loc"]))
            for fault in error.errors()[:50]
        ) from None
    except (ValueError, RecursionError):
        raise CallerError("not a FHIR Bundle in JSON", code="invalid_birth_notice") from None
    reading = _Reading(bundle)
    return SignedNotice(reading.notice(), canonical_bundle(said), reading.signature())


def read_notice(said: Mapping[str, Any]) -> BirthNotice:
    """What `to_json` wrote."""
    return _NOTICE.validate_python(said)


_NOTICE = TypeAdapter(BirthNotice)


# --- the parts of FHIR a notice is made of


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=False)


Text = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
Uri = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\s\x00-\x1f\x7f]+$")]


class _Identifier(_Part):
    use: Text | None = None
    system: Uri
    value: Text


class _Coding(_Part):
    system: Uri
    code: Text
    display: Text | None = None


class _Concept(_Part):
    coding: list[_Coding] = Field(min_length=1, max_length=5)
    text: Text | None = None


class _Reference(_Part):
    reference: Uri


class _Name(_Part):
    use: Text | None = None
    text: Text | None = None
    family: Text | None = None
    given: list[Text] = Field(default=[], max_length=5)


class _Meta(_Part):
    profile: list[Uri] = Field(default=[], max_length=5)


class _Resource(_Part):
    id: Text | None = None
    meta: _Meta | None = None


class _BirthTime(_Part):
    url: Literal["http://hl7.org/fhir/StructureDefinition/patient-birthTime"]
    valueDateTime: AwareDatetime


class _BirthDate(_Part):
    extension: list[_BirthTime] = Field(min_length=1, max_length=1)


class _Patient(_Resource):
    resourceType: Literal["Patient"]
    identifier: list[_Identifier] = Field(default=[], max_length=5)
    active: bool | None = None
    gender: Literal["female", "male"]
    birthDate: date
    birth_time: _BirthDate | None = Field(default=None, alias="_birthDate")
    multipleBirthInteger: Annotated[int, Field(strict=True, ge=1, le=9)] | None = None
    multipleBirthBoolean: Annotated[bool, Field(strict=True)] | None = None
    deceasedBoolean: Annotated[bool, Field(strict=True)] | None = None


class _RelatedPerson(_Resource):
    resourceType: Literal["RelatedPerson"]
    identifier: list[_Identifier] = Field(default=[], max_length=5)
    active: bool | None = None
    patient: _Reference
    relationship: list[_Concept] = Field(min_length=1, max_length=5)
    name: list[_Name] = Field(default=[], max_length=3)


class _Period(_Part):
    start: AwareDatetime
    end: AwareDatetime | None = None


class _Display(_Part):
    display: Text
    identifier: _Identifier | None = None


class _Location(_Part):
    location: _Display


class _Encounter(_Resource):
    resourceType: Literal["Encounter"]
    identifier: list[_Identifier] = Field(default=[], max_length=5)
    status: Literal["arrived", "in-progress", "finished"]
    kind: _Coding = Field(alias="class")
    subject: _Reference
    period: _Period
    serviceProvider: _Display | None = None
    location: list[_Location] = Field(default=[], max_length=3)


class _Entry(_Part):
    fullUrl: Uri
    resource: Annotated[_Patient | _RelatedPerson | _Encounter, Field(discriminator="resourceType")]


def _base64(text: object) -> bytes:
    if not isinstance(text, str):
        raise ValueError("base64")
    return base64.b64decode(text, validate=True)


class _Who(_Part):
    identifier: _Identifier
    display: Text | None = None


class _Signature(_Part):
    """https://hl7.org/fhir/R4/datatypes.html#Signature; of an XML signature over JSON, which is beside it."""

    type: list[_Coding] = Field(min_length=1, max_length=5)
    when: AwareDatetime
    who: _Who
    onBehalfOf: _Display | None = None
    targetFormat: Literal["application/fhir+json"]
    sigFormat: Literal["application/signature+xml"]
    data: Annotated[bytes, BeforeValidator(_base64)]


class _Bundle(_Part):
    resourceType: Literal["Bundle"]
    id: Text | None = None
    meta: _Meta | None = None
    identifier: _Identifier
    type: Literal["message", "collection"]
    timestamp: AwareDatetime
    entry: list[_Entry] = Field(min_length=3, max_length=4)
    signature: _Signature | None = None


# --- what the parts say together


class _Reading:
    def __init__(self, bundle: _Bundle) -> None:
        self._bundle = bundle
        self._defects: list[Defect] = []

    def notice(self) -> BirthNotice:
        """Raises Defects (`invalid_birth_notice`)."""
        bundle = self._bundle
        self._ensure_one_of_each()
        (patient_url, patient), (encounter_url, encounter) = self._patient(), self._encounter()
        if encounter.subject.reference != patient_url:
            self._wrong("another_subject", "the encounter is not this child's", encounter_url)
        parents = self._parents(patient_url)
        if "MTH" not in parents:
            self._wrong("no_mother", "a notice names the mother", "/entry")
        born_at = patient.birth_time.extension[0].valueDateTime if patient.birth_time else None
        if born_at is not None and born_at.date() != patient.birthDate:
            self._wrong("birth_time", "the time of birth is on another day", "/entry/_birthDate")
        if patient.multipleBirthBoolean and patient.multipleBirthInteger is None:
            self._wrong("no_birth_order", "of twins each has its number: multipleBirthInteger", "/entry")
        refuse_defects("not a notice of birth", code="invalid_birth_notice", defects=self._defects)
        said = bundle.model_dump(mode="json", exclude={"timestamp", "signature"})
        return BirthNotice(
            system=bundle.identifier.system,
            value=bundle.identifier.value,
            sent_at=bundle.timestamp,
            sex="F" if patient.gender == "female" else "M",
            born=patient.birthDate,
            born_at=born_at,
            order=patient.multipleBirthInteger,
            stillborn=patient.deceasedBoolean is True,
            mother=parents["MTH"],
            father=parents.get("FTH"),
            hospital=encounter.serviceProvider.display if encounter.serviceProvider else None,
            place=encounter.location[0].location.display if encounter.location else None,
            digest=hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest(),
        )

    def signature(self) -> NoticeSignature | None:
        """Raises Defects (`invalid_birth_notice`)."""
        signed = self._bundle.signature
        if signed is None:
            return None
        if (PURPOSES, AUTHORS_SIGNATURE) not in {(one.system, one.code) for one in signed.type}:
            self._wrong("signature", "not an author's signature", "/signature/type")
        who = self._who(signed.who.identifier)
        refuse_defects("not a notice of birth", code="invalid_birth_notice", defects=self._defects)
        return NoticeSignature(who, signed.data)

    def _who(self, identifier: _Identifier) -> str:
        try:
            code = parse_identity_code(identifier.value)
        except CallerError as error:
            self._wrong("identity_code", error.message, "/signature/who")
            return ""
        if COUNTRIES.get(identifier.system) != code.country:
            self._wrong("identity_code", "the code is of another country", "/signature/who")
        return code.text

    def _ensure_one_of_each(self) -> None:
        """One child, one encounter, no address twice: nothing may be said of two."""
        entries = self._bundle.entry
        kinds = [entry.resource.resourceType for entry in entries]
        for kind in ("Patient", "Encounter"):
            if kinds.count(kind) != 1:
                self._wrong("not_one", f"a notice has one {kind}; twins have a notice each", "/entry")
        if len({entry.fullUrl for entry in entries}) < len(entries):
            self._wrong("same_address", "two entries have the same fullUrl", "/entry")
        refuse_defects("not a notice of birth", code="invalid_birth_notice", defects=self._defects)

    def _patient(self) -> tuple[str, _Patient]:
        return next((e.fullUrl, e.resource) for e in self._bundle.entry if isinstance(e.resource, _Patient))

    def _encounter(self) -> tuple[str, _Encounter]:
        return next((e.fullUrl, e.resource) for e in self._bundle.entry if isinstance(e.resource, _Encounter))

    def _parents(self, patient_url: str) -> dict[str, RelatedName]:
        """By role, MTH or FTH."""
        found: dict[str, RelatedName] = {}
        for number, entry in enumerate(self._bundle.entry):
            related = entry.resource
            if not isinstance(related, _RelatedPerson):
                continue
            place = f"/entry/{number}/resource"
            roles = {c.code for concept in related.relationship for c in concept.coding if c.system == ROLES}
            if related.patient.reference != patient_url:
                self._wrong("another_patient", "not related to this child", place)
            if len(roles) != 1 or not roles <= {"MTH", "FTH"}:
                self._wrong("relationship", "mother (MTH) or father (FTH)", place)
                continue
            (role,) = roles
            if role in found:
                self._wrong("relationship", "two of one role", place)
            found[role] = RelatedName(self._code(related, role, place), *_names(related))
        return found

    def _code(self, related: _RelatedPerson, role: str, place: str) -> str | None:
        codes = [i for i in related.identifier if i.system in COUNTRIES]
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
        if code.sex != ("F" if role == "MTH" else "M"):
            self._wrong("identity_code", "the code is of the other sex", f"{place}/identifier")
        return code.text

    def _wrong(self, code: str, detail: str, pointer: str) -> None:
        self._defects.append(Defect(code, detail, pointer))


def _names(related: _RelatedPerson) -> tuple[str | None, str | None]:
    if not related.name:
        return None, None
    return related.name[0].family, " ".join(related.name[0].given) or None


def _no_name_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object with one name twice says two things; which one was meant is nobody's to choose."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


def _refused(defects: Iterator[Defect]) -> Defects:
    return Defects("not a notice of birth", code="invalid_birth_notice", defects=tuple(defects))
