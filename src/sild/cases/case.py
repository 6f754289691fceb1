"""A case as its actions make it: nothing here is stored but parties and actions, everything else is a fold over them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

__all__ = ["DEATH", "Case", "Party", "Taken"]

DEATH = "death"
"""Why a case is silent, or goes on without somebody."""


@dataclass(frozen=True, slots=True)
class Party:
    """role: of the process, `parent`, `child`, `owner`.

    person: identity code as the country's registers write it, `38001085718`, without the country in front; a foreigner's has it.
    """

    role: str
    person: str


@dataclass(frozen=True, slots=True)
class Taken:
    """One accepted action. seq: its place in the case, from 1.  person: who acted (a code as in `Party`), or `automatic`.  role: as what.

    acting_for: whose act it is, when the person had a mandate, and which.  data: JSON, as the process checked it.
    """

    seq: int
    name: str
    at: datetime
    person: str
    role: str
    acting_for: str
    data: Mapping[str, Any]
    mandate: str | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """id: not guessable, in addresses and messages.  number: for people.  office: who decides, `birth@0793`, if known.

    status: what the process folds out of the actions.  data: from its opening.
    """

    id: str
    number: str
    service: str
    opened_at: datetime
    parties: tuple[Party, ...]
    actions: tuple[Taken, ...]
    status: str
    office: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def seq(self) -> int:
        return self.actions[-1].seq if self.actions else 0

    def last(self, name: str) -> Taken | None:
        """The newest action of that name."""
        return next((taken for taken in reversed(self.actions) if taken.name == name), None)

    def all(self, *names: str) -> tuple[Taken, ...]:
        return tuple(taken for taken in self.actions if taken.name in names)

    def has(self, name: str) -> bool:
        return self.last(name) is not None

    def since(self, name: str) -> tuple[Taken, ...]:
        """The actions after the newest one of that name; all, if there is none."""
        newest = self.last(name)
        return tuple(taken for taken in self.actions if newest is None or taken.seq > newest.seq)

    def persons(self, *roles: str) -> tuple[str, ...]:
        """In the order they came in, each once."""
        return tuple(dict.fromkeys(party.person for party in self.parties if party.role in roles))

    def roles_of(self, person: str) -> tuple[str, ...]:
        return tuple(party.role for party in self.parties if party.person == person)

    def departed(self) -> frozenset[str]:
        """Parties without whom the case lives on (`Process.mourned`)."""
        return frozenset(one.data["person"] for one in self.all("BEREAVE") if not self._was_none(one))

    def silences(self) -> tuple[Taken, ...]:
        """What silences the case now: an order against somebody holds until it is lifted (`LIFT` {against}), a death until it turns out
        to have been none (`REVIVE` {person}), everything else for good."""
        lifted = {taken.data.get("against"): taken.seq for taken in self.all("LIFT")}
        return tuple(
            taken
            for taken in self.all("SILENCE")
            if (
                taken.data["reason"] != "protection_order"
                or taken.seq > lifted.get(taken.data.get("against"), 0)
            )
            and not self._was_none(taken)
        )

    def is_silent(self) -> bool:
        """Whether anything silenced it, but for deaths that were none."""
        return any(not self._was_none(taken) for taken in self.all("SILENCE"))

    def rests_on_death_of(self, person: str) -> bool:
        """Whether the case ended, fell silent, or goes on without the person, because they died."""
        fell = any((one.data["reason"], one.data["person"]) == (DEATH, person) for one in self.silences())
        rests = self.given("REST").get("reason") == DEATH and person in self.persons("child")
        return fell or person in self.departed() or (rests and not self.has("REVIVE"))

    def _was_none(self, taken: Taken) -> bool:
        """Of what followed a death: the person lives."""
        lives = (one.seq for one in self.all("REVIVE") if one.data["person"] == taken.data.get("person"))
        return taken.data.get("reason") == DEATH and taken.seq < max(lives, default=0)

    def given(self, name: str) -> Mapping[str, Any]:
        """The data of the newest action of that name; empty when there is none."""
        newest = self.last(name)
        return newest.data if newest is not None else {}

    def with_action(self, taken: Taken, status: str) -> Case:
        """With one more action, and the status it makes."""
        return replace(self, actions=(*self.actions, taken), status=status)
