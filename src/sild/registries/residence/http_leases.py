"""Leases: what somebody rents and leases out, and how one is entered, by who owns the dwelling or by an official."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import FastAPI, Path
from pydantic import Field

from sild.registries.identity_codes import parse_company_code
from sild.registries.kernel import Fact, Kernel, Use
from sild.registries.kernel.asking import AtDesk, SaidByPerson
from sild.registries.kernel.http import Model, PersonalUsage
from sild.registries.kernel.matters import ensure_official
from sild.registries.residence.addresses import dwelling, dwelling_texts
from sild.registries.residence.homes import is_sealed, owners_of, require_person
from sild.registries.residence.leases import are_kept_apart, end_lease, enter_lease, leases_given, leases_of

__all__ = ["LEASE_TITLES", "add_lease_paths"]

LEASE_TITLES: dict[str, tuple[int, str]] = {
    "unknown_lease": (404, "Unknown lease"),
    "ends_in_the_past": (409, "A lease ends today at the earliest"),
    "another_lease_follows": (409, "Another lease follows"),
    "date_out_of_range": (400, "A day is too far away"),
}

Code = Annotated[str, Path(max_length=20, description="Identity code")]
CompanyCode = Annotated[str, Path(max_length=20, description="Registry code")]
LeaseId = Annotated[int, Path(ge=1, le=2**31 - 1)]
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


class LeaseSaid(Lease):
    lessee: str
    co_owners: list[str] = Field(
        description="Who owns the dwelling besides whoever said it: they are to hear of it"
    )
    is_kept_apart: bool = Field(
        default=False,
        description="For the case alone, never shown: an order keeps the two apart, and the lessee is not to be told",
    )
    is_withdrawn: bool = Field(default=False, description="Before it began: there is none")


class SaidLease(Model):
    number: str = Field(min_length=1, max_length=20, pattern=r"^[A-Za-z0-9./_-]*[0-9][A-Za-z0-9./_-]*$")
    lessee: SomeCode
    valid_from: date
    valid_to: date | None = Field(default=None, description="The first day on which it is over")


class NewLease(SaidLease):
    dwelling: str = Field(max_length=20)
    lessor: SomeCode


class End(Model):
    valid_to: date | None = Field(description="The first day on which it is over; null: no end is agreed")


def add_lease_paths(app: FastAPI, kernel: Kernel) -> None:
    _add_rented(app, kernel)
    _add_given(app, kernel)
    _add_said(app, kernel)


def _add_rented(app: FastAPI, kernel: Kernel) -> None:
    @app.get("/persons/{code}/leases", operation_id="getLeases", response_model_exclude_none=True)
    def get_leases(code: Code, usage: PersonalUsage) -> Leases:
        """What the person rents today or later; of whom the address is sealed, nothing."""
        with kernel.used("getLeases", usage) as use:
            require_person(use, code)
            found = () if is_sealed(use, code) else leases_of(use, code)
            texts = dwelling_texts(use, [str(fact.key) for fact in found])
            return Leases(items=[_lease(fact, texts[str(fact.key)]) for fact in found])

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
                answer = use.answer(_lease(fact, dwelling(use, body.dwelling).text).model_dump(mode="json"))
            return Lease(**answer)


def _add_given(app: FastAPI, kernel: Kernel) -> None:
    @app.get("/persons/{code}/leases-given", operation_id="getLeasesGiven", response_model_exclude_none=True)
    def get_given(code: Code, usage: PersonalUsage) -> Leases:
        """What is leased of the dwellings the person owns, today or later: by its number, to whom nobody is told here."""
        with kernel.used("getLeasesGiven", usage) as use:
            require_person(use, code)
            return _given(use, code)

    @app.get(
        "/companies/{code}/leases-given",
        operation_id="getCompanysLeasesGiven",
        response_model_exclude_none=True,
    )
    def get_companys_given(code: CompanyCode, usage: PersonalUsage) -> Leases:
        """As `/persons/{code}/leases-given`."""
        with kernel.used("getCompanysLeasesGiven", usage) as use:
            use.concerns(parse_company_code(code).text)
            return _given(use, code)


def _add_said(app: FastAPI, kernel: Kernel) -> None:
    @app.post(
        "/dwellings/{dwelling_id}/leases",
        operation_id="leaseOut",
        status_code=201,
        response_model_exclude_none=True,
    )
    def post_said(
        dwelling_id: Annotated[str, Path(max_length=20)], body: SaidLease, usage: SaidByPerson
    ) -> LeaseSaid:
        """By who owns the dwelling, for themselves or for the company they represent. Said again of the same lessee it is corrected."""
        with kernel.used("leaseOut", usage) as use:
            use.concerns(body.lessee)
            answer = use.answered()
            if answer is None:
                fact = enter_lease(
                    use, lessor=usage.principal or "", dwelling_id=dwelling_id, **body.model_dump()
                )
                answer = use.answer(_said(use, fact).model_dump(mode="json"))
            return LeaseSaid(**answer)

    @app.post("/leases/{fact}/end", operation_id="endLease", response_model_exclude_none=True)
    def post_end(fact: LeaseId, body: End, usage: SaidByPerson) -> LeaseSaid:
        """By who owns the dwelling now: another end, or none; today at the earliest. One that has not begun is withdrawn by its first day."""
        with kernel.used("endLease", usage) as use:
            answer = use.answered()
            if answer is None:
                said, holds = end_lease(use, fact, valid_to=body.valid_to)
                told = _said(use, said).model_copy(update={"is_withdrawn": not holds})
                answer = use.answer(told.model_dump(mode="json"))
            return LeaseSaid(**answer)


def _given(use: Use, owner: str) -> Leases:
    found = leases_given(use, owner)
    texts = dwelling_texts(use, [str(fact.key) for fact in found])
    return Leases(items=[_lease(fact, texts[str(fact.key)]) for fact in found])


def _said(use: Use, fact: Fact) -> LeaseSaid:
    owners = [str(owner.key) for owner in owners_of(use, str(fact.key), on=use.today)]
    others = [owner for owner in owners if owner != use.usage.principal]
    apart = are_kept_apart(use, fact.entity, *owners)
    held = _lease(fact, dwelling(use, str(fact.key)).text)
    return LeaseSaid(**held.model_dump(), lessee=fact.entity, co_owners=others, is_kept_apart=apart)


def _lease(fact: Fact, text: str) -> Lease:
    return Lease(
        number=fact.value["number"],
        dwelling=str(fact.key),
        text=text,
        lessor=fact.value["lessor"],
        valid_from=fact.valid_from,
        valid_to=fact.valid_to,
        source=fact.provenance.source,
        basis=fact.provenance.basis,
        fact=fact.id,
    )
