"""A hospital's notice of a birth: a FHIR R4 Bundle of Patient (the child), RelatedPerson (mother, perhaps father), Encounter.

Parsed strictly: what is not described here is refused by name, so that nothing a midwife wrote is lost without a word. Pure.
https://hl7.org/fhir/R4/bundle.html
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from sild.errors import CallerError
from sild.registries.fhir import canonical_bundle
from sild.registries.identity_codes import Sex
from sild.registries.population.fhir_notice import (
    Bundle,
    Concept,
    Day,
    Encounter,
    Identifier,
    Instant,
    Name,
    NoticeSignature,
    Part,
    Reading,
    Reference,
    Resource,
    Uri,
    read_bundle,
)

__all__ = [
    "PAPER",
    "BirthNotice",
    "Notified",
    "RelatedName",
    "SignedNotice",
    "parse_birth_notice",
    "read_notice",
]

PAPER = "urn:sild:paper"
"""Whose number of a notice is one that an office reserved."""
BIRTH_TIME = "http://hl7.org/fhir/StructureDefinition/patient-birthTime"
ROLES = "http://terminology.hl7.org/CodeSystem/v3-RoleCode"
REFUSED = CallerError("not a notice of birth", code="invalid_birth_notice")


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

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "signed_at": self.signed_at.isoformat()}


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

    def stillbirth(self) -> dict[str, Any]:
        """What is kept of a stillbirth: enough to know the notice again, and who gave it."""
        notified = None if self.notified is None else self.notified.to_json()
        return {
            "digest": self.digest,
            "system": self.system,
            "order": self.order,
            "sex": self.sex,
            "notified": notified,
        }

    def to_json(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(json.dumps(asdict(self), default=lambda value: value.isoformat()))
        return said


@dataclass(frozen=True, slots=True)
class SignedNotice:
    """content: what is signed.  signature: None: the Bundle bears none.  child: identity code, of one that was recorded before."""

    notice: BirthNotice
    content: bytes
    signature: NoticeSignature | None
    child: str | None = None


def parse_birth_notice(content: bytes) -> SignedNotice:
    """content: `application/fhir+json`. Raises CallerError (`invalid_birth_notice`), with every place that does not fit."""
    said, bundle = read_bundle(content, _Bundle, REFUSED)
    reading = _Reading(bundle)
    return SignedNotice(reading.notice(), canonical_bundle(said), reading.signature(), reading.child)


def read_notice(said: Mapping[str, Any]) -> BirthNotice:
    """What `to_json` wrote."""
    return _NOTICE.validate_python(said)


_NOTICE = TypeAdapter(BirthNotice)


# --- the parts of FHIR it is made of


class _BirthTime(Part):
    url: Literal["http://hl7.org/fhir/StructureDefinition/patient-birthTime"]
    valueDateTime: Instant


class _BirthDate(Part):
    extension: list[_BirthTime] = Field(min_length=1, max_length=1)


class _Patient(Resource):
    resourceType: Literal["Patient"]
    identifier: list[Identifier] = Field(default=[], max_length=5)
    active: bool | None = None
    gender: Literal["female", "male"]
    birthDate: Day
    birth_time: _BirthDate | None = Field(default=None, alias="_birthDate")
    multipleBirthInteger: Annotated[int, Field(strict=True, ge=1, le=9)] | None = None
    multipleBirthBoolean: Annotated[bool, Field(strict=True)] | None = None
    deceasedBoolean: Annotated[bool, Field(strict=True)] | None = None


class _RelatedPerson(Resource):
    resourceType: Literal["RelatedPerson"]
    identifier: list[Identifier] = Field(default=[], max_length=5)
    active: bool | None = None
    patient: Reference
    relationship: list[Concept] = Field(min_length=1, max_length=5)
    name: list[Name] = Field(default=[], max_length=3)


class _Entry(Part):
    fullUrl: Uri
    resource: Annotated[_Patient | _RelatedPerson | Encounter, Field(discriminator="resourceType")]


class _Bundle(Bundle):
    entry: list[_Entry] = Field(min_length=3, max_length=4)


# --- what the parts say together


class _Reading(Reading):
    refused = REFUSED

    def __init__(self, bundle: _Bundle) -> None:
        super().__init__(bundle)
        self._bundle = bundle
        self.child: str | None = None

    def notice(self) -> BirthNotice:
        """Raises Defects (`invalid_birth_notice`)."""
        bundle = self._bundle
        self._ensure_one_of_each()
        (patient_url, patient), (encounter_url, encounter) = self._patient(), self._encounter()
        child = self._code(patient.identifier, "/entry/child")
        self.child = None if child is None else child.text
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
        self._refuse()
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

    def _ensure_one_of_each(self) -> None:
        """One child, one encounter, no address twice: nothing may be said of two."""
        entries = self._bundle.entry
        kinds = [entry.resource.resourceType for entry in entries]
        for kind in ("Patient", "Encounter"):
            if kinds.count(kind) != 1:
                self._wrong("not_one", f"a notice has one {kind}; twins have a notice each", "/entry")
        if len({entry.fullUrl for entry in entries}) < len(entries):
            self._wrong("same_address", "two entries have the same fullUrl", "/entry")
        self._refuse()

    def _patient(self) -> tuple[str, _Patient]:
        return next((e.fullUrl, e.resource) for e in self._bundle.entry if isinstance(e.resource, _Patient))

    def _encounter(self) -> tuple[str, Encounter]:
        return next((e.fullUrl, e.resource) for e in self._bundle.entry if isinstance(e.resource, Encounter))

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
            found[role] = RelatedName(self._parent(related, role, place), *_names(related))
        return found

    def _parent(self, related: _RelatedPerson, role: str, place: str) -> str | None:
        code = self._code(related.identifier, place)
        if code is not None and code.sex != ("F" if role == "MTH" else "M"):
            self._wrong("identity_code", "the code is of the other sex", f"{place}/identifier")
        return None if code is None else code.text


def _names(related: _RelatedPerson) -> tuple[str | None, str | None]:
    if not related.name:
        return None, None
    return related.name[0].family, " ".join(related.name[0].given) or None
