"""A hospital's notices of birth, as its system would write them."""

from __future__ import annotations

import json
from itertools import count
from typing import Any

from support.asgi import Answer
from support.notices import MIDWIFE, SENT_BY, signed_bundle

from .asking import Asker

SYSTEM = {"EE": "https://fhir.ee/sid/pid/est/ni", "VN": "urn:sild:sid:VN:ni"}
HOSPITAL = "urn:sild:hospital:90000001:birth-notices"
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
) -> dict[str, Any]:
    patient: dict[str, Any] = {"resourceType": "Patient", "gender": sex, "birthDate": born}
    if order is not None:
        patient["multipleBirthInteger"] = order
    if stillborn:
        patient["deceasedBoolean"] = True
    entries = [{"fullUrl": "urn:uuid:child", "resource": patient}]
    for role, code in (("MTH", mother), ("FTH", father)):
        if code is not None or role == "MTH":
            entries.append({"fullUrl": f"urn:uuid:{role}", "resource": related(role, code)})
    entries.append(
        {
            "fullUrl": "urn:uuid:encounter",
            "resource": {
                "resourceType": "Encounter",
                "status": "finished",
                "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"},
                "subject": {"reference": "urn:uuid:child"},
                "period": {"start": f"{born}T06:00:00+02:00"},
                "serviceProvider": {"display": "Tartu Ülikooli Kliinikum"},
                "location": [{"location": {"display": "Tartu linn"}}],
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


def related(role: str, code: str | None) -> dict[str, Any]:
    said: dict[str, Any] = {
        "resourceType": "RelatedPerson",
        "patient": {"reference": "urn:uuid:child"},
        "relationship": [
            {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-RoleCode", "code": role}]}
        ],
    }
    if code is not None:
        country = "VN" if len(code) == 12 else "EE"
        said["identifier"] = [{"system": SYSTEM[country], "value": code}]
    return said


def notify(register: Asker, content: object, **said: Any) -> Answer:
    """Signed now by the hospital's midwife, unless it is signed or is no JSON object."""
    said = {"user": f"EE{MIDWIFE}", "X_Road_Client": SENT_BY, **said}
    if isinstance(content, dict) and "signature" not in content:
        content = signed_bundle(content, at=register.site.app.state.kernel.now)  # type: ignore[attr-defined]  # of `support.acting`
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    headers = {name.replace("_", "-"): value for name, value in register.headers(**said).items()}
    headers["Content-Type"] = "application/fhir+json"
    return register.site.request("POST", "/birth-notices", body=body, headers=headers)


def recorded(register: Asker, content: object, **said: Any) -> str:
    """The child's identity code."""
    answer = notify(register, content, **said)
    assert (answer.status, answer.json()["outcome"]) == (201, "RECORDED"), answer.text
    child: str = answer.json()["child"]
    return child
