"""The mandates' interface for information systems, shaped as Pääsuke's X-Road services (e-gov/PH 0.9.1).

GET  /v1/roles                                                                    roles that can be given
GET  /v1/delegates/{delegate}/representees                                        whom a person may act for
GET  /v1/delegates/{delegate}/representees/mandates                               the same with mandates
GET  /v1/representees/{representee}/delegates/mandates                            what a representee has given
GET  /v1/representees/{representee}/delegates/{delegate}/mandates                 between two
POST /v1/nss/{ns}/representees/{representee}/delegates/{delegate}/mandates        give one
POST /v1/nss/{ns}/representees/{representee}/delegates/{delegate}/mandates/{id}/subdelegates    pass it on
PUT  /v1/nss/{ns}/representees/{representee}/delegates/{delegate}/mandates/{id}   {"action": "DELETE"}: withdraw
GET  /v1/delegates/{delegate}/appointments                                         what an auditor may look at; ours
GET  /mandates/{id}                                                               the status of one

A client authenticates as at the token endpoint, needs `mandate_namespaces`, and changes only its own namespaces. Who acted
stands in `authorizations[0].userIdentifier`, or `X-Road-UserId`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.responses import JSONResponse, Response

from sild.errors import CallerError
from sild.identity_provider.clients import Clients
from sild.identity_provider.edge import Call
from sild.identity_provider.mandates import Mandates
from sild.identity_provider.settings import IdentityProviderSettings
from sild.openid import Client, Mandate, OpenIDError, Party, PartyType, chain_hash

__all__ = ["MandateApi", "appointments_json"]


class _Body(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


Kind = TypeVar("Kind", bound=_Body)


class _Period(_Body):
    from_: date | None = Field(default=None, alias="from")
    through: date | None = None


class _Person(_Body):
    type: PartyType
    identifier: str = Field(pattern=r"^[A-Z]{2}[A-Za-z0-9:._+-]{1,254}$")
    firstName: str | None = Field(default=None, max_length=255)
    surname: str | None = Field(default=None, max_length=255)
    legalName: str | None = Field(default=None, max_length=255)

    @property
    def party(self) -> Party:
        return Party(self.type, self.identifier, self.legalName, self.firstName, self.surname)


class _MandateToAdd(_Body):
    role: str = Field(max_length=100)
    validityPeriod: _Period = _Period()
    canSubDelegate: bool = False
    subDelegationDepth: int | None = Field(
        default=None, ge=0
    )  # ours: how many times; 1 when only "can" is said

    @property
    def depth(self) -> int:
        return self.subDelegationDepth if self.subDelegationDepth is not None else int(self.canSubDelegate)


class _Authorization(_Body):
    userIdentifier: str


class _AddMandateTriplet(_Body):
    representee: _Person
    delegate: _Person
    mandate: _MandateToAdd
    authorizations: tuple[_Authorization, ...] = Field(min_length=1, max_length=10)


class _MandateToSubDelegate(_Body):
    subDelegate: _Person
    validityPeriod: _Period = _Period()
    subDelegationDepth: int = Field(default=0, ge=0)
    authorizations: tuple[_Authorization, ...] = Field(min_length=1, max_length=10)


class _EditMandate(_Body):
    action: str = Field(pattern="^DELETE$")
    authorizations: tuple[_Authorization, ...] = Field(min_length=1, max_length=10)


class MandateApi:
    def __init__(self, settings: IdentityProviderSettings, clients: Clients, mandates: Mandates) -> None:
        self._settings = settings
        self._clients = clients
        self._mandates = mandates

    def roles(self, call: Call) -> Response:
        self._client(call)
        return JSONResponse(
            [
                {"code": role.code, "title": role.title, "canSubDelegate": role.sub_delegation}
                for role in self._settings.mandate_roles
            ]
        )

    def representees(self, call: Call) -> Response:
        self._client(call)
        return JSONResponse(
            [_person(party) for party in self._mandates.representees_of(call.parameters["delegate"])]
        )

    def representees_with_mandates(self, call: Call) -> Response:
        self._client(call)
        chains = self._mandates.chains_of(call.parameters["delegate"])
        return JSONResponse(_triplets([chain[-1] for chain in chains]))

    def given(self, call: Call) -> Response:
        self._client(call)
        return JSONResponse(_triplets(self._mandates.given_by(call.parameters["representee"])))

    def between(self, call: Call) -> Response:
        self._client(call)
        names = call.parameters
        chains = self._mandates.chains_of(names["delegate"], representee=names["representee"])
        return JSONResponse(_triplets([chain[-1] for chain in chains]))

    def add(self, call: Call) -> Response:
        client = self._client(call, changes=True)
        wanted = _read(_AddMandateTriplet, call)
        named = (wanted.representee.identifier, wanted.delegate.identifier)
        if named != (call.parameters["representee"], call.parameters["delegate"]):
            raise CallerError("the body speaks of others than the address", code="unprocessable")
        if not wanted.mandate.role.startswith(call.parameters["ns"] + ":"):
            raise CallerError("the role is of another namespace", code="unprocessable")
        made = self._mandates.add(
            wanted.representee.party,
            wanted.delegate.party,
            wanted.mandate.role,
            actor=wanted.authorizations[0].userIdentifier,
            valid_from=wanted.mandate.validityPeriod.from_,
            valid_through=wanted.mandate.validityPeriod.through,
            depth=wanted.mandate.depth,
        )
        return JSONResponse({**_mandate(made), "addedBy": client.client_id}, 201)

    def sub_delegate(self, call: Call) -> Response:
        self._client(call, changes=True)
        self._addressed(call)
        wanted = _read(_MandateToSubDelegate, call)
        made = self._mandates.sub_delegate(
            call.parameters["id"],
            wanted.subDelegate.party,
            actor=wanted.authorizations[0].userIdentifier,
            valid_through=wanted.validityPeriod.through,
            depth=wanted.subDelegationDepth,
        )
        return JSONResponse(_mandate(made), 201)

    def edit(self, call: Call) -> Response:
        self._client(call, changes=True)
        self._addressed(call)
        wanted = _read(_EditMandate, call)
        self._mandates.withdraw(call.parameters["id"], actor=wanted.authorizations[0].userIdentifier)
        return Response(status_code=200)

    def appointments(self, call: Call) -> Response:
        """What a person may look at for a body that supervises others: now, each time anew."""
        self._client(call)
        return JSONResponse(appointments_json(self._mandates, call.parameters["delegate"]))

    def status(self, call: Call) -> Response:
        """For whoever holds a token and wants to know whether its mandate still counts."""
        self._client(call)
        found, status = self._mandates.status(call.parameters["id"])
        return JSONResponse(
            {"id": found.id, "status": status, "role": found.role, "representee": found.representee.identifier,
             "delegate": found.delegate.identifier, "hash": chain_hash((found,))}
        )  # fmt: skip

    def _client(self, call: Call, *, changes: bool = False) -> Client:
        """Raises OpenIDError (`invalid_client`, `access_denied`)."""
        client = self._clients.authenticate(call.headers, {}, address=call.address)
        if not client.mandate_namespaces:
            raise OpenIDError("the client has nothing to do with mandates", code="access_denied")
        if changes and call.parameters["ns"] not in client.mandate_namespaces:
            raise OpenIDError("the namespace is another body's", code="access_denied")
        return client

    def _addressed(self, call: Call) -> None:
        """The mandate in the address is what the rest of the address says. Raises CallerError (`not_found`)."""
        found, _status = self._mandates.status(call.parameters["id"])
        names = (found.namespace, found.representee.identifier, found.delegate.identifier)
        if names != tuple(call.parameters[name] for name in ("ns", "representee", "delegate")):
            raise CallerError("no such mandate", code="not_found")


def appointments_json(mandates: Mandates, delegate: str) -> list[dict[str, object]]:
    """delegate: with the country, `EE38001085718`."""
    return [
        {**_mandate(one), "body": _person(one.representee), "scope": one.scope.to_json()}
        for one in mandates.appointments_of(delegate)
        if one.scope is not None
    ]


def _read(kind: type[Kind], call: Call) -> Kind:
    try:
        return kind.model_validate(json.loads(call.body))
    except ValidationError as error:
        where = ", ".join(".".join(map(str, fault["loc"])) for fault in error.errors()[:5])
        raise CallerError(f"the body is wrong at: {where}", code="invalid_request") from None
    except (ValueError, RecursionError) as error:
        raise CallerError("the body is not JSON", code="invalid_request") from error


def _triplets(mandates: Sequence[Mandate]) -> list[dict[str, object]]:
    found: dict[tuple[str, str], dict[str, object]] = {}
    listed: dict[tuple[str, str], list[dict[str, object]]] = {}
    for mandate in mandates:
        key = (mandate.representee.identifier, mandate.delegate.identifier)
        listed.setdefault(key, []).append(_mandate(mandate))
        found[key] = {
            "representee": _person(mandate.representee),
            "delegate": _person(mandate.delegate),
            "mandates": listed[key],
        }
    return list(found.values())


def _mandate(mandate: Mandate) -> dict[str, object]:
    address = (
        f"/v1/nss/{mandate.namespace}/representees/{mandate.representee.identifier}"
        f"/delegates/{mandate.delegate.identifier}/mandates/{mandate.id}"
    )
    links: dict[str, object] = {}
    if mandate.basis == "POWER_OF_ATTORNEY":
        links = (
            {"delete": address, "addSubDelegate": f"{address}/subdelegates"}
            if mandate.depth
            else {"delete": address}
        )
    through = mandate.valid_through.isoformat() if mandate.valid_through else None
    return {
        "id": mandate.id,
        "role": mandate.role,
        "basis": mandate.basis,
        "validityPeriod": {"from": mandate.valid_from.isoformat(), "through": through},
        "canSubDelegate": mandate.depth > 0,
        "subDelegationDepth": mandate.depth,  # ours: how many times
        "parent": mandate.parent,  # ours: the mandate it was passed on from
        "links": links,
    }


def _person(party: Party) -> dict[str, object]:
    if party.type == "LEGAL_PERSON":
        return {"type": party.type, "identifier": party.identifier, "legalName": party.legal_name}
    return {
        "type": party.type,
        "identifier": party.identifier,
        "firstName": party.first_name,
        "surname": party.surname,
    }
