"""Registers of a state, each an information system of its own: owns its data, is reached through its security server alone.

Called by processes and the nation. So far one register: population/, synthetic people, families and homes of two countries,
and a record of every use. identity_codes/ tells what identity codes mean (pure).

population/store.py  the register       population/http.py  its REST interface       population/people.py  who lives there
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sild.registries.identity_codes import IdentityCode, InvalidIdentityCode, parse_identity_code
from sild.registries.population.register import PopulationRegister

if TYPE_CHECKING:
    from fastapi import FastAPI

__all__ = [
    "IdentityCode",
    "InvalidIdentityCode",
    "PopulationRegister",
    "parse_identity_code",
    "population_app",
]


def population_app(register: PopulationRegister, *, url: str | None = None) -> FastAPI:
    """The register's ASGI application. url: the address its OpenAPI description (`/openapi.json`) gives, if it should.

    FastAPI is imported only now: a process that starts no register does without.
    """
    from sild.registries.population.http import make_app

    return make_app(register, url=url)
