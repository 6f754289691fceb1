"""Registers of a state, each an information system of its own: owns its data, is reached through its security server alone.

Called by processes and the nation. Each register stands on kernel/ (bitemporal facts, a record of every use, events, disputes)
in a directory of its own: register.py opens it, http.py is its REST interface, what it does stands between the two. Their
synthetic people are the same (synthetic/). identity_codes/ tells what identity codes mean (pure).

population/  people, families, births, deaths        residence/  divisions, addresses, dwellings, who lives where
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sild.registries.identity_codes import IdentityCode, InvalidIdentityCode, parse_identity_code
from sild.registries.population.register import PopulationRegister
from sild.registries.residence.register import ResidenceRegister

if TYPE_CHECKING:
    from fastapi import FastAPI

__all__ = [
    "IdentityCode",
    "InvalidIdentityCode",
    "PopulationRegister",
    "ResidenceRegister",
    "parse_identity_code",
    "population_app",
    "residence_app",
]


def population_app(register: PopulationRegister, *, url: str | None = None) -> FastAPI:
    """The register's ASGI application. url: the address its OpenAPI description (`/openapi.json`) gives, if it should.

    FastAPI is imported only now: a process that starts no register does without.
    """
    from sild.registries.population.http import make_app

    return make_app(register, url=url)


def residence_app(register: ResidenceRegister, *, url: str | None = None) -> FastAPI:
    """As `population_app`."""
    from sild.registries.residence.http import make_app

    return make_app(register, url=url)
