"""Notices as FHIR R4 Bundles: of a birth, Patient, RelatedPerson and Encounter; of a death, Patient and Encounter. Pure."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal
from uuid import NAMESPACE_URL, uuid5

from sild.errors import CallerError
from sild.registries.fhir import (
    AUTHORS_SIGNATURE,
    FHIR_JSON,
    IDENTITY_SYSTEMS,
    PURPOSES,
    XML_SIGNATURE,
)
from sild.registries.identity_codes import parse_identity_code

__all__ = ["Birth", "Death", "birth_bundle", "bundle_signature", "death_bundle"]

ROLES = "http://terminology.hl7.org/CodeSystem/v3-RoleCode"
BIRTH_TIME = "http://hl7.org/fhir/StructureDefinition/patient-birthTime"


@dataclass(frozen=True, slots=True)
class Birth:
    """One child. born: with its zone.  multiple: which of twins, from 1; None: the only one.  father: as the mother names him.

    child: code of a stillborn one that was recorded as living.
    """

    number: str
    mother: str
    father: str | None
    sex: Literal["female", "male"]
    born: datetime
    stillborn: bool
    multiple: int | None
    place: str
    child: str | None = None


@dataclass(frozen=True, slots=True)
class Death:
    """full_name: of who died, in any order, as the hospital knows them; None: not known."""

    number: str
    person: str
    full_name: str | None
    died: date
    place: str


def birth_bundle(birth: Birth, *, hospital: str, name: str, at: datetime) -> dict[str, Any]:
    """hospital: member code.  name: of the hospital.  The same birth at the same time is the same document.

    Raises InvalidIdentityCode, CallerError (`date_out_of_range`): born in the future, or without a zone.
    """
    if birth.born.tzinfo is None or birth.born > at:
        raise CallerError(
            "a birth is noted after it has happened, with its time zone", code="date_out_of_range"
        )
    ids = {part: _urn(hospital, birth.number, part) for part in ("child", "mother", "father", "stay")}
    patient: dict[str, Any] = {
        "resourceType": "Patient",
        "gender": birth.sex,
        "birthDate": birth.born.date().isoformat(),
        "_birthDate": {"extension": [{"url": BIRTH_TIME, "valueDateTime": birth.born.isoformat()}]},
    }
    if birth.multiple is not None:
        patient["multipleBirthInteger"] = birth.multiple
    if birth.stillborn:
        patient["deceasedBoolean"] = True
    if birth.child is not None:
        patient["identifier"] = [_identifier(birth.child)]
    stay = _stay(ids["child"], birth.born, name, birth.place)
    resources = [(ids["child"], patient), (ids["mother"], _related(ids["child"], "MTH", birth.mother))]
    if birth.father:
        resources.append((ids["father"], _related(ids["child"], "FTH", birth.father)))
    resources.append((ids["stay"], stay))
    return _bundle(f"urn:sild:hospital:{hospital}:birth-notices", birth.number, at, resources)


def death_bundle(death: Death, *, hospital: str, name: str, at: datetime) -> dict[str, Any]:
    """As `birth_bundle`. Raises InvalidIdentityCode."""
    patient: dict[str, Any] = {
        "resourceType": "Patient",
        "identifier": [_identifier(death.person)],
        "deceasedDateTime": death.died.isoformat(),
    }
    if death.full_name:
        patient["name"] = [{"text": death.full_name}]
    ids = {part: _urn(hospital, f"death-{death.number}", part) for part in ("person", "stay")}
    stay = _stay(ids["person"], at, name, death.place)
    resources = [(ids["person"], patient), (ids["stay"], stay)]
    return _bundle(f"urn:sild:hospital:{hospital}:death-notices", death.number, at, resources)


def bundle_signature(xades: bytes, *, author: str, hospital: str, at: datetime) -> dict[str, Any]:
    """`Bundle.signature`. xades: over `canonical_bundle`.  author: identity code.  hospital: its name."""
    return {
        "type": [{"system": PURPOSES, "code": AUTHORS_SIGNATURE, "display": "Author's Signature"}],
        "when": at.isoformat(),
        "who": {"identifier": _identifier(author)},
        "onBehalfOf": {"display": hospital},
        "targetFormat": FHIR_JSON,
        "sigFormat": XML_SIGNATURE,
        "data": base64.b64encode(xades).decode(),
    }


def _bundle(
    system: str, number: str, at: datetime, resources: Sequence[tuple[str, Mapping[str, Any]]]
) -> dict[str, Any]:
    return {
        "resourceType": "Bundle",
        "type": "message",
        "identifier": {"system": system, "value": number},
        "timestamp": at.isoformat(),
        "entry": [{"fullUrl": url, "resource": resource} for url, resource in resources],
    }


def _stay(subject: str, since: datetime, name: str, place: str) -> dict[str, Any]:
    return {
        "resourceType": "Encounter",
        "status": "finished",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"},
        "subject": {"reference": subject},
        "period": {"start": since.isoformat()},
        "serviceProvider": {"display": name},
        "location": [{"location": {"display": place}}],
    }


def _identifier(code: str) -> dict[str, str]:
    return {"system": IDENTITY_SYSTEMS[parse_identity_code(code).country], "value": code}


def _related(child: str, role: str, code: str) -> dict[str, Any]:
    return {
        "resourceType": "RelatedPerson",
        "patient": {"reference": child},
        "relationship": [{"coding": [{"system": ROLES, "code": role}]}],
        "identifier": [_identifier(code)],
    }


def _urn(*parts: str) -> str:
    return f"urn:uuid:{uuid5(NAMESPACE_URL, '/'.join(('urn:sild:birth', *parts)))}"
