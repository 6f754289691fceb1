"""The hospital's REST interface towards the exchange: what every information system answers. Notices go out from it."""

from __future__ import annotations

from fastapi import FastAPI

from sild.registries.hospital.register import HospitalRegister
from sild.registries.kernel.http import Concept, SelfDescription, register_app

__all__ = ["ACTIONS", "make_app"]

DESCRIPTION = SelfDescription(
    "hospital",
    {"en": "Hospital information system", "et": "Haigla infosüsteem", "vi": "Hệ thống thông tin bệnh viện"},
    "Hospital",
    (Concept("child.medical_birth_record", "What the ward wrote down of a birth"),),
)


ACTIONS = {
    "writeNotice": "The ward wrote a notice of a birth or a death",
    "signNotice": "Who wrote the notice signed it",
    "withdrawNotice": "A notice that was not signed was withdrawn",
}


def make_app(register: HospitalRegister, *, url: str | None = None) -> FastAPI:
    return register_app(
        register.kernel, DESCRIPTION, actions=ACTIONS, apply_event=register.apply_event, url=url
    )
