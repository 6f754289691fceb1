"""A hospital's notice of a death: a FHIR R4 Bundle of Patient (who died) and Encounter. Parsed as strictly as a notice of birth. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field

from sild.errors import CallerError
from sild.registries.fhir import canonical_bundle
from sild.registries.population.birth_notice import RelatedName
from sild.registries.population.fhir_notice import (
    Bundle,
    Day,
    Encounter,
    Identifier,
    Instant,
    Name,
    NoticeSignature,
    Part,
    Reading,
    Resource,
    Uri,
    read_bundle,
)

__all__ = ["DeathNotice", "SignedDeath", "parse_death_notice"]

REFUSED = CallerError("not a notice of death", code="invalid_death_notice")


@dataclass(frozen=True, slots=True)
class DeathNotice:
    """system, value: the hospital's own number of the notice.  named: who died, as the hospital knows them.  died_at: None: the day alone
    is told.  place: where; None: not told.
    """

    system: str
    value: str
    person: str
    named: RelatedName
    died: date
    died_at: datetime | None
    hospital: str | None
    place: str | None

    @property
    def key(self) -> str:
        """The notice among all hospitals' notices: 40 hexadecimal digits."""
        return hashlib.sha256(f"{self.system}|{self.value}".encode()).hexdigest()[:40]


@dataclass(frozen=True, slots=True)
class SignedDeath:
    """content: what is signed.  signature: None: the Bundle bears none."""

    notice: DeathNotice
    content: bytes
    signature: NoticeSignature | None


def parse_death_notice(content: bytes, zone: ZoneInfo) -> SignedDeath:
    """content: `application/fhir+json`.  zone: of the register, by whose clock a time is on a day.

    Raises CallerError (`invalid_death_notice`), with every place that does not fit."""
    said, bundle = read_bundle(content, _Bundle, REFUSED)
    reading = _Reading(bundle, zone)
    return SignedDeath(reading.notice(), canonical_bundle(said), reading.signature())


class _Patient(Resource):
    resourceType: Literal["Patient"]
    identifier: list[Identifier] = Field(min_length=1, max_length=5)
    active: bool | None = None
    name: list[Name] = Field(default=[], max_length=3)
    gender: Literal["female", "male"] | None = None
    birthDate: Day | None = None
    deceasedDateTime: Instant | Day


class _Entry(Part):
    fullUrl: Uri
    resource: Annotated[_Patient | Encounter, Field(discriminator="resourceType")]


class _Bundle(Bundle):
    entry: list[_Entry] = Field(min_length=2, max_length=2)


class _Reading(Reading):
    refused = REFUSED

    def __init__(self, bundle: _Bundle, zone: ZoneInfo) -> None:
        super().__init__(bundle)
        self._bundle = bundle
        self._zone = zone

    def notice(self) -> DeathNotice:
        """Raises Defects (`invalid_death_notice`)."""
        resources = [(one.fullUrl, one.resource) for one in self._bundle.entry]
        patients = [(url, one) for url, one in resources if isinstance(one, _Patient)]
        stays = [one for _url, one in resources if isinstance(one, Encounter)]
        if len(patients) != 1 or len(stays) != 1:
            self._wrong("not_one", "a notice has one Patient and one Encounter", "/entry")
        self._refuse()
        ((address, patient),), (stay,) = patients, stays
        if stay.subject.reference != address:
            self._wrong("another_subject", "the encounter is not this person's", "/entry")
        code = self._code(patient.identifier, "/entry/patient")
        if code is None:
            self._wrong("identity_code", "a notice names who died by identity code", "/entry/patient")
        self._refuse()
        assert code is not None
        told = patient.deceasedDateTime
        died = self._day(told)
        return DeathNotice(
            system=self._bundle.identifier.system,
            value=self._bundle.identifier.value,
            person=code.text,
            named=_named(code.text, patient),
            died=died,
            died_at=told if isinstance(told, datetime) else None,
            hospital=stay.serviceProvider.display if stay.serviceProvider else None,
            place=stay.location[0].location.display if stay.location else None,
        )

    def _day(self, died: date) -> date:
        """By the register's clock, whatever zone the sender wrote."""
        if not isinstance(died, datetime):
            return died
        try:
            return died.astimezone(self._zone).date()
        except OverflowError:
            self._wrong("date_out_of_range", "no calendar has this time", "/entry/patient/deceasedDateTime")
            self._refuse()
            raise


def _named(code: str, patient: _Patient) -> RelatedName:
    """In parts, or all in one text."""
    if not patient.name:
        return RelatedName(code, None, None)
    name = patient.name[0]
    if name.family is None and not name.given:
        return RelatedName(code, name.text, None)
    return RelatedName(code, name.family, " ".join(name.given) or None)
