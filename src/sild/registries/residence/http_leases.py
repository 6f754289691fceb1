"""Leases: what somebody rents, and how one is entered."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import FastAPI, Path
from pydantic import Field

from sild.registries.kernel import Fact, Kernel, Use
from sild.registries.kernel.asking import AtDesk
from sild.registries.kernel.http import Model, PersonalUsage
from sild.registries.kernel.matters import ensure_official
from sild.registries.residence.addresses import dwelling
from sild.registries.residence.homes import is_sealed, require_person
from sild.registries.residence.leases import enter_lease, leases_of

__all__ = ["add_lease_paths"]

Code = Annotated[str, Path(max_length=20, description="Identity code")]
SomeCode = Annotated[str, Field(max_length=20)]


class Lease(Model):
    number: str
    dwelling: str
    text: str
    lessor: str = Field(description="Code of a person or company")
    valid_from: date
    valid_to: date | None = Field(default=None, description="The first day on which it is over")
    source: str
    basis: str
    fact: int


class Leases(Model):
    items: list[Lease]


class NewLease(Model):
    number: str = Field(min_length=1, max_length=60, pattern=r"^[A-Za-z0-9./_-]+$")
    dwelling: str = Field(max_length=20)
    lessor: SomeCode
    lessee: SomeCode
    valid_from: date
    valid_to: date | None = None


def add_lease_paths(app: FastAPI, kernel: Kernel) -> None:
    @app.get("/persons/{code}/leases", operation_id="getLeases", response_model_exclude_none=True)
    def get_leases(code: Code, usage: PersonalUsage) -> Leases:
        """What the person rents today or later; of whom the address is sealed, nothing."""
        with kernel.used("getLeases", usage) as use:
            require_person(use, code)
            found = () if is_sealed(use, code) else leases_of(use, code)
            return Leases(items=[_lease(use, fact) for fact in found])

    @app.post("/leases", operation_id="enterLease", status_code=201, response_model_exclude_none=True)
    def post_lease(body: NewLease, usage: PersonalUsage, desk: AtDesk) -> Lease:
        """By an official who is neither of the two: the owner leases the dwelling out. With the day it ends, it ends; said again it is corrected."""
        with kernel.used("enterLease", usage) as use:
            use.concerns(body.lessor, body.lessee)
            desk.ensure()
            ensure_official(usage, (body.lessor, body.lessee))
            answer = use.answered()
            if answer is None:
                fact = enter_lease(
                    use,
                    lessor=body.lessor,
                    lessee=body.lessee,
                    dwelling_id=body.dwelling,
                    number=body.number,
                    valid_from=body.valid_from,
                    valid_to=body.valid_to,
                )
                answer = use.answer(_lease(use, fact).model_dump(mode="json"))
            return Lease(**answer)


def _lease(use: Use, fact: Fact) -> Lease:
    return Lease(
        number=fact.value["number"],
        dwelling=str(fact.key),
        text=dwelling(use, str(fact.key)).text,
        lessor=fact.value["lessor"],
        valid_from=fact.valid_from,
        valid_to=fact.valid_to,
        source=fact.provenance.source,
        basis=fact.provenance.basis,
        fact=fact.id,
    )
