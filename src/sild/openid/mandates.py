"""Mandates and the chains they form: who may act for whom, in which role, until when, passed on how far (Pääsuke's words).

A chain starts at the representee and ends at the person who acts. Each further link must have been given by the holder of
the link before it, for the same representee, in the same role, inside its time, one step less deep. `verify_chain` names
the first link that breaks one of these.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from zoneinfo import ZoneInfo

from sild.errors import TrustError
from sild.openid.audit_scope import AuditScope

__all__ = ["MAX_DEPTH", "Mandate", "MandateBasis", "Party", "PartyType", "chain_hash", "verify_chain"]

PartyType = Literal["NATURAL_PERSON", "LEGAL_PERSON"]
MandateBasis = Literal["PARENT", "GUARDIAN", "BOARD", "POWER_OF_ATTORNEY", "APPOINTMENT"]

MAX_DEPTH = 5
"""Links in a chain, the first included; a longer one is nobody's intention."""


@dataclass(frozen=True, slots=True)
class Party:
    """identifier: country code and code, `EE60001019906`, `EE12345678`. A natural person has first_name and surname."""

    type: PartyType
    identifier: str
    legal_name: str | None = None
    first_name: str | None = None
    surname: str | None = None

    @property
    def name(self) -> str:
        return self.legal_name or " ".join(part for part in (self.first_name, self.surname) if part)


@dataclass(frozen=True, slots=True)
class Mandate:
    """One right to act. role: `NAMESPACE:ROLE`.  valid_through: the last day, inclusive; None: until withdrawn.
    depth: how many further times it may be passed on.  parent: the mandate it was passed on from.
    source: the register or `mandates` that answers for it.  scope: of an appointment, what may be looked at.
    """

    id: str
    representee: Party
    delegate: Party
    role: str
    basis: MandateBasis
    source: str
    valid_from: date
    valid_through: date | None = None
    depth: int = 0
    parent: str | None = None
    withdrawn_at: datetime | None = None
    scope: AuditScope | None = None

    @property
    def namespace(self) -> str:
        return self.role.partition(":")[0]

    def summary(self) -> dict[str, object]:
        """What stands in a token and under the chain's hash: enough to check the chain, no names."""
        return {
            "id": self.id,
            "representee": self.representee.identifier,
            "delegate": self.delegate.identifier,
            "role": self.role,
            "basis": self.basis,
            "source": self.source,
            "valid_from": self.valid_from.isoformat(),
            "valid_through": self.valid_through.isoformat() if self.valid_through else None,
            "depth": self.depth,
            "parent": self.parent,
            **({} if self.scope is None else {"scope": self.scope.to_json()}),
        }

    def status(
        self, at: datetime, zone: ZoneInfo
    ) -> Literal["valid", "withdrawn", "expired", "not_yet_valid"]:
        """By the calendar of `zone`: a last day ends at midnight there."""
        day = at.astimezone(zone).date()
        if self.withdrawn_at is not None and self.withdrawn_at <= at:
            return "withdrawn"
        if day < self.valid_from:
            return "not_yet_valid"
        if self.valid_through is not None and day > self.valid_through:
            return "expired"
        return "valid"


def chain_hash(chain: Sequence[Mandate]) -> str:
    """SHA-256, hexadecimal, over the links' summaries as JSON with sorted keys and no spaces, UTF-8 (RFC 8785 for these types)."""
    summaries = [mandate.summary() for mandate in chain]
    text = json.dumps(summaries, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def verify_chain(chain: Sequence[Mandate], *, delegate: str, at: datetime, zone: ZoneInfo) -> None:
    """Check that `chain` lets `delegate` act at `at`. Raises TrustError (`mandate_chain_broken`, `mandate_not_valid`);
    its detail `link` says which, counted from the representee."""
    if not chain or len(chain) > MAX_DEPTH:
        raise _broken("a chain has one to five links", 0)
    if chain[0].parent is not None:
        raise _broken("the first link must come from the representee", 0)
    for number, mandate in enumerate(chain):
        if number > 0:
            _check_passed_on(chain[number - 1], mandate, number)
        status = mandate.status(at, zone)
        if status != "valid":
            raise TrustError(
                f"a mandate is {status}", code="mandate_not_valid", link=number, mandate=mandate.id
            )
    if chain[-1].delegate.identifier != delegate:
        raise _broken("the last link is another person's", len(chain) - 1)
    if len({mandate.id for mandate in chain}) != len(chain):
        raise _broken("a mandate stands twice", len(chain) - 1)


def _check_passed_on(before: Mandate, mandate: Mandate, number: int) -> None:
    if mandate.parent != before.id:
        raise _broken("a link does not come from the one before it", number)
    if mandate.representee.identifier != before.representee.identifier or mandate.role != before.role:
        raise _broken("a link speaks of another representee or role", number)
    if before.depth < 1 or mandate.depth >= before.depth:
        raise _broken("a mandate was passed on further than it may be", number)
    if before.valid_through is not None and (
        mandate.valid_through is None or mandate.valid_through > before.valid_through
    ):
        raise _broken("a link lasts longer than the one before it", number)


def _broken(message: str, link: int) -> TrustError:
    return TrustError(message, code="mandate_chain_broken", link=link)
