"""Rights that registers answer for: parents and guardians by the population register, boards by the business register (`MandateSource`).

Asked over the exchange each time, as the information system of the identity provider, on behalf of whoever would act.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Literal
from uuid import uuid4

from sild.adapter import AsyncXRoadClient, CallContext, case_of_look
from sild.errors import CallerError, PeerError, PlatformError, Unavailable
from sild.openid import Mandate, Party, register_code
from sild.xroad import ServiceId

__all__ = ["BoardRights", "FamilyRelations", "RegisteredRights"]

UNKNOWN = ("unknown_person", "unknown_company")
"""With which a register says that it knows nobody of the code; any other 404 is of something else, and no answer."""
ASK_SECONDS = 10.0
REPRESENTS = "represents"
"""What a look at relations is for, in its case id."""
ROLES: Mapping[str, tuple[Literal["PARENT", "GUARDIAN"], str]] = {
    "child": ("PARENT", "CHILD:PARENT"),
    "ward": ("GUARDIAN", "WARD:GUARDIAN"),
}
BOARD_ROLE = "BR_REPRIGHT:SOLEREP"
"""Of Pääsuke's: the right of a member of a board to represent the company alone, by the business register."""


class RegisteredRights(ABC):
    """What one register says of whom somebody represents, over the exchange, each time anew (`MandateSource`)."""

    name: str
    path: str
    """Below the person: `relations`."""
    kind: Literal["NATURAL_PERSON", "LEGAL_PERSON"]
    """Of whom it says whether they stand."""
    standing: Collection[str]
    """What their status may be."""

    def __init__(
        self, client: AsyncXRoadClient, service: ServiceId, loop: asyncio.AbstractEventLoop, basis: str
    ) -> None:
        """basis: the provision by which they represent."""
        self._client = client
        self._basis = basis
        self._service = service
        self._loop = loop

    def mandates_of(self, delegate: str, at: datetime) -> Sequence[Mandate]:
        """Called in a thread of the identity provider; of another country's people nothing is asked. Raises Unavailable."""
        code = _known_code(delegate)
        said = None if code is None else self._ask(("persons", code, self.path), delegate, at)
        if said is None:  # nobody the register knows: represents nobody
            return []
        if not isinstance(said.get("items"), list):
            raise self._silent("not a list", "invalid_body")
        items = [one for one in said["items"] if isinstance(one, dict)]
        return [mandate for one in items if (mandate := self._mandate(one, delegate)) is not None]

    def stands(self, party: Party, *, delegate: str, at: datetime) -> bool | None:
        """Called in a thread of the identity provider. Raises Unavailable."""
        code = _known_code(party.identifier) if party.type == self.kind else None
        said = None if code is None else self._ask(self._status_path(code), delegate, at)
        return None if said is None else self._status(said) in self.standing

    @abstractmethod
    def _mandate(self, one: dict[str, Any], delegate: str) -> Mandate | None:
        """Of what the register said of one; None: it is no right to act."""

    @abstractmethod
    def _status_path(self, code: str) -> tuple[str, ...]:
        """Where the register says whether they stand."""

    def _status(self, said: dict[str, Any]) -> object:
        return said.get("status")

    def _ask(self, path: Sequence[str], delegate: str, at: datetime) -> dict[str, Any] | None:
        """None: nobody the register knows. Raises Unavailable."""
        asked = asyncio.run_coroutine_threadsafe(self._asked(path, delegate, at.date()), self._loop)
        try:
            return asked.result(ASK_SECONDS)
        except PlatformError as error:
            raise self._silent(error.message, error.code) from error
        except TimeoutError:
            asked.cancel()
            raise self._silent("does not answer", "timeout") from None

    def _silent(self, why: str, code: str) -> Unavailable:
        return Unavailable(f"the {self.name} register: {why}", code=code)

    async def _asked(self, path: Sequence[str], delegate: str, day: date) -> dict[str, Any] | None:
        answer = await self._client.get(
            self._service,
            list(path),
            context=CallContext(
                user_id=delegate,
                legal_ground=self._basis,
                issue=case_of_look(REPRESENTS, delegate, day.isoformat()),
            ),
            query_id=f"{self._service.client_id.instance_identifier}-{uuid4()}",
        )
        if answer.status == 404 and _knows_nobody(answer.json()):
            return None
        body = answer.ensure_success().json()
        if not isinstance(body, dict):
            raise PeerError("not an object", code="invalid_body")
        return body


def _knows_nobody(problem: object) -> bool:
    return isinstance(problem, dict) and str(problem.get("type")).rpartition(":")[2] in UNKNOWN


def _known_code(identifier: str) -> str | None:
    """None: of another country than these registers'."""
    try:
        return register_code(identifier)
    except CallerError:
        return None


class FamilyRelations(RegisteredRights):
    """Children and wards, from the population register."""

    name = "population"
    path = "relations"
    kind = "NATURAL_PERSON"
    standing = ("LIVING", "UNNAMED")

    def _status_path(self, code: str) -> tuple[str, ...]:
        return ("persons", code, "status")

    def _mandate(self, one: dict[str, Any], delegate: str) -> Mandate | None:
        by_law = one.get("relation") == "ward" or (one.get("relation") == "child" and one.get("custody"))
        if not by_law or one.get("status") == "DEAD":
            return None
        basis, role = ROLES[one["relation"]]
        child = Party(
            "NATURAL_PERSON",
            f"{one['country']}{one['code']}",
            first_name=one.get("given_names") or None,
            surname=one.get("family_name") or None,
        )
        return Mandate(
            id=f"{basis.lower()}-{one['fact']}",
            representee=child,
            delegate=Party("NATURAL_PERSON", delegate),
            role=role,
            basis=basis,
            source=self.name,
            valid_from=date.fromisoformat(one["since"]),
        )


class BoardRights(RegisteredRights):
    """Companies of which somebody is on the board and represents them alone, from the business register.

    Who represents a company with others only has no mandate: one person's click is not the word of two (ADR 0046). Nor has anybody of a
    company that is deleted, bankrupt or in liquidation: there others act for it.
    """

    name = "business"
    path = "companies"
    kind = "LEGAL_PERSON"
    standing = ("registered",)

    def _status_path(self, code: str) -> tuple[str, ...]:
        return ("companies", code)

    def _status(self, said: dict[str, Any]) -> object:
        entry = said.get("status")
        return entry.get("value") if isinstance(entry, dict) else None

    def _mandate(self, one: dict[str, Any], delegate: str) -> Mandate | None:
        if one.get("right") != "sole" or one.get("status") != "registered":
            return None
        company = Party("LEGAL_PERSON", f"{one['country']}{one['company']}", legal_name=str(one["name"]))
        return Mandate(
            id=f"board-{one['fact']}",
            representee=company,
            delegate=Party("NATURAL_PERSON", delegate),
            role=BOARD_ROLE,
            basis="BOARD",
            source=self.name,
            valid_from=date.fromisoformat(one["since"]),
        )
