"""Who acts: what the identity provider vouches for, as one value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from sild.cases.refusals import Refused

__all__ = ["ASSIST", "AUTOMATIC", "STATE", "Acr", "Actor", "Reader", "Voucher", "ensure_may_write", "reaches"]

Acr = Literal["low", "substantial", "high"]
_LEVELS = ("low", "substantial", "high")

ASSIST = "assist-"
"""How the id of a clerk's one-off mandate begins."""
AUTOMATIC = "automatic"
"""The person acting when nobody does: a rule, or another body's event."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Who looks, and whose view it is: what is kept from either is not shown."""

    person: str
    acting_for: str


@dataclass(frozen=True, slots=True)
class Actor:
    """person: `EE38001085718`.  acr: level of the log-in (eIDAS).  representee, mandate_id: for whom, and what proves it.

    posture: of the device.  roles: `official`, `clerk`, `supervisor`, `oversight`; nobody's is empty.
    authority: of an official, `birth@0793`, the matter and the division.  session: by which a `Voucher` knows the log-in.
    mandate_sha256: of a clerk's mandate, as it was recorded.  speaks_for: whom they represent by law in what they do, in their own name.
    statement_sha256: of what exactly they say (`sild.openid.statement_hash`).
    """

    person: str
    name: str = ""
    acr: Acr = "low"
    amr: frozenset[str] = frozenset()
    representee: str | None = None
    mandate_id: str | None = None
    posture: Literal["managed", "unmanaged"] = "unmanaged"
    roles: frozenset[str] = frozenset()
    authority: str | None = None
    language: str = "en"
    session: str = field(default="", repr=False, compare=False)
    mandate_sha256: str | None = field(default=None, compare=False)
    speaks_for: tuple[str, ...] = field(default=(), compare=False)
    statement_sha256: str | None = field(default=None, compare=False)

    @property
    def acting_for(self) -> str:
        """Whose case it is: the representee's, or their own."""
        return self.representee or self.person

    @property
    def reader(self) -> Reader:
        return Reader(self.person, self.acting_for)

    @property
    def is_assisting(self) -> bool:
        """A clerk, on a mandate for one case."""
        return self.mandate_id is not None and self.mandate_id.startswith(ASSIST)

    @property
    def is_staff(self) -> bool:
        """Acts for a body, not for themselves."""
        return bool(self.roles)


STATE = Actor(person=AUTOMATIC, name="", acr="high", posture="managed", roles=frozenset({"state"}))
"""The state acting by rule."""


class Voucher(Protocol):
    """The identity provider's word about who acts, for registers that take nobody else's."""

    async def vouch(
        self, actor: Actor, case: str, registers: Sequence[str], *, acts: bool, operations: Sequence[str] = ()
    ) -> str | None:
        """For one case and these registers (`INSTANCE/CLASS/CODE/SUBSYSTEM`); None: the log-in says nothing of the kind.

        operations: of the registers, for which alone it is; none: whatever officials do.
        acts: what a register is asked to do on it may come days later; otherwise it is for a look, now.
        Raises Unavailable.
        """
        ...


def reaches(level: Acr, needed: Acr) -> bool:
    return _LEVELS.index(level) >= _LEVELS.index(needed)


def ensure_may_write(actor: Actor, needed: Acr = "low") -> None:
    """An official writes at level high, on a device of theirs; people at the level that is needed.

    Raises Refused (`read_only_device`, `level_too_low`).
    """
    if actor.is_staff and actor.posture != "managed":
        raise Refused("this device may only read", code="read_only_device")
    if not reaches(actor.acr, level := "high" if actor.is_staff else needed):
        raise Refused(f"this needs a log-in of level {level}", code="level_too_low")
