"""A hospital's notices of births and deaths, as its system would write them."""

from __future__ import annotations

import json
from itertools import count
from typing import Any

from support.asgi import Answer
from support.notices import DOCTOR, MIDWIFE, SENT_BY, signed_bundle, signed_death

from .asking import Asker

SYSTEM = {"EE": "https://fhir.ee/sid/pid/est/ni", "VN": "urn:sild:sid:VN:ni"}
HOSPITAL = "urn:sild:hospital:90000001:birth-notices"
STAY: dict[str, Any] = {
    "resourceType": "Encounter",
    "status": "finished",
    "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"},
    "serviceProvider": {"display": "Tartu Ülikooli Kliinikum"},
    "location": [{"location": {"display": "Tartu linn"}}],
}
_numbers = count(1)


def bundle(
    mother: str | None,
    father: str | None = None,
    *,
    sex: str = "female",
    born: str = "2026-03-01",
    number: str | None = None,
    hospital: str = HOSPITAL,
    order: int | None = None,
    stillborn: bool = False,
    child: str | None = None,
) -> dict[str, Any]:
    patient: dict[str, Any] = {"resourceType": "Patient", "gender": sex, "birthDate": born}
    if order is not None:
        patient["multipleBirthInteger"] = order
    if stillborn:
        patient["deceasedBoolean"] = True
    if child is not None:
        patient["identifier"] = [identifier(child)]
    entries = [{"fullUrl": "urn:uuid:child", "resource": patient}]
    for role, code in (("MTH", mother), ("FTH", father)):
        if code is not None or role == "MTH":
            entries.append({"fullUrl": f"urn:uuid:{role}", "resource": related(role, code)})
    entries.append(
        {
            "fullUrl": "urn:uuid:encounter",
            "resource": {
                **STAY,
                "subject": {"reference": "urn:uuid:child"},
                "period": {"start": f"{born}T06:00:00+02:00"},
            },
        }
    )
    return {
        "resourceType": "Bundle",
        "type": "message",
        "identifier": {"system": hospital, "value": number or f"2026-{next(_numbers)}"},
        "timestamp": f"{born}T10:30:00+02:00",
        "entry": entries,
    }


def death_bundle(
    person: str,
    died: str,
    *,
    place: str | None = "Tartu",
    name: dict[str, Any] | None = None,
    number: str | None = None,
) -> dict[str, Any]:
    patient: dict[str, Any] = {
        "resourceType": "Patient",
        "identifier": [identifier(person)],
        "deceasedDateTime": died,
    }
    if name is not None:
        patient["name"] = [name]
    stay = {
        **STAY,
        "subject": {"reference": "urn:uuid:person"},
        "period": {"start": "2026-01-01T06:00:00+02:00"},
        "location": [] if place is None else [{"location": {"display": place}}],
    }
    return {
        "resourceType": "Bundle",
        "type": "message",
        "identifier": {
            "system": "urn:sild:hospital:90000001:death-notices",
            "value": number or f"2026-{next(_numbers)}",
        },
        "timestamp": "2026-03-01T10:30:00+02:00",
        "entry": [
            {"fullUrl": "urn:uuid:person", "resource": patient},
            {"fullUrl": "urn:uuid:stay", "resource": stay},
        ],
    }


def identifier(code: str) -> dict[str, str]:
    return {"system": SYSTEM["VN" if len(code) == 12 else "EE"], "value": code}


def related(role: str, code: str | None) -> dict[str, Any]:
    said: dict[str, Any] = {
        "resourceType": "RelatedPerson",
        "patient": {"reference": "urn:uuid:child"},
        "relationship": [
            {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-RoleCode", "code": role}]}
        ],
    }
    if code is not None:
        said["identifier"] = [identifier(code)]
    return said


def notify(register: Asker, content: object, path: str = "/birth-notices", **said: Any) -> Answer:
    """Signed now by the hospital's midwife, unless it is signed or is no JSON object."""
    said = {"user": f"EE{MIDWIFE}", "X_Road_Client": SENT_BY, **said}
    if isinstance(content, dict) and "signature" not in content:
        content = signed_bundle(content, at=register.site.app.state.kernel.now)  # type: ignore[attr-defined]  # of `support.acting`
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    headers = {name.replace("_", "-"): value for name, value in register.headers(**said).items()}
    headers["Content-Type"] = "application/fhir+json"
    return register.site.request("POST", path, body=body, headers=headers)


def notify_death(register: Asker, person: str, died: str, **said: Any) -> Answer:
    """Signed now by the hospital's doctor."""
    at = register.site.app.state.kernel.now  # type: ignore[attr-defined]  # as above
    notice = signed_death(death_bundle(person, died), at=at)
    return notify(register, notice, "/deaths", **{"user": f"EE{DOCTOR}", **said})


def died(register: Asker, person: str, day: str, **said: Any) -> None:
    answer = notify_death(register, person, day, **said)
    assert answer.status == 201, answer.text


def notify_stillborn(register: Asker, mother: str, child: str, born: str = "2026-03-01") -> Answer:
    """Of a child that was recorded as living."""
    return notify(register, bundle(mother, born=born, stillborn=True, child=child), "/stillbirths")


def recorded(register: Asker, content: object, **said: Any) -> str:
    """The child's identity code."""
    answer = notify(register, content, **said)
    assert (answer.status, answer.json()["outcome"]) == (201, "RECORDED"), answer.text
    child: str = answer.json()["child"]
    return child
