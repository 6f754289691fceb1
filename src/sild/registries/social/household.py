"""What an offer is made from, asked of other registers before its transaction: the family as far as it is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sild.errors import PlatformError
from sild.registries.exchange import JSON, Ask, Because, Told
from sild.registries.identity_codes import Country, parse_identity_code
from sild.registries.social.rules import CHILD_UNTIL, Unknown, birthday, ground
from sild.registries.sources import PersonTold, Sources
from sild.registries.tasks import Held, Task
from sild.telemetry import get_logger

__all__ = ["Household", "gather"]

log = get_logger("register")


@dataclass(frozen=True, slots=True)
class Sayings:
    """Who said it, by which message. siblings: every answer of which the number of those who live in the household was made."""

    person: PersonTold
    siblings: tuple[Told, ...]


class Listening:
    """Asks, and keeps the answers, in their order."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self.heard: list[Told] = []

    async def ask(self, register: str, path: Sequence[str], *, because: Because) -> Told:
        return self._kept(await self._ask.ask(register, path, because=because))

    async def send(
        self,
        register: str,
        path: Sequence[str],
        body: Mapping[str, Any] | bytes,
        *,
        because: Because,
        content_type: str = JSON,
    ) -> Told:
        return self._kept(
            await self._ask.send(register, path, body, because=because, content_type=content_type)
        )

    def _kept(self, told: Told) -> Told:
        self.heard.append(told)
        return told


@dataclass(frozen=True, slots=True)
class Household:
    """foreign: why another country may have to do with it, if so.  complete: has everybody who was asked answered?"""

    country: Country
    child: str
    born: date
    mother: str
    father: str | None
    older_siblings: int | Unknown
    foreign: str | None
    complete: bool
    told: Sayings

    @property
    def roles(self) -> Mapping[str, str | None]:
        """As the rules call them."""
        return {"child": self.child, "mother": self.mother, "father": self.father}

    @property
    def parents(self) -> tuple[str, ...]:
        return (self.mother, self.father) if self.father else (self.mother,)


async def gather(ask: Ask, task: Task) -> Household:
    """Without the population register there is no offer yet; without the residence register something in it is unknown.

    Raises Held (`no_mother`): no rule decides; else as `Ask` does.
    """
    listening = Listening(ask)
    sources = Sources(listening)
    country = parse_identity_code(task.subject).country
    because = task.because(ground(country))
    child = await sources.person(task.subject, because)
    if child.mother is None:
        raise Held("the child has no mother in the register", code="no_mother")
    begun = len(listening.heard)
    siblings = await _older_siblings(sources, child, because)
    settled = listening.heard[begun:]
    try:
        abroad = [await sources.lives_abroad(parent, because) for parent in child.parents]
        household: tuple[str, ...] | None = ()
        if siblings:
            household = await sources.household(child.mother, because)
            settled.append(listening.heard[-1])
        known = household is not None
        number: int | Unknown = len(siblings & set(household or ())) if known else _unknown(child)
        complete = True
    except PlatformError as error:
        log.refusal("offer.residence_unknown", error)
        abroad, number, complete = [], _unknown(child), False
    foreign = None
    if any(parse_identity_code(parent).country != country for parent in child.parents):
        foreign = "foreign_parent"
    elif any(abroad):
        foreign = "lives_abroad"
    return Household(
        country=country,
        child=child.code,
        born=child.born,
        mother=child.mother,
        father=child.father,
        older_siblings=number,
        foreign=foreign,
        complete=complete,
        told=Sayings(child, tuple(settled)),
    )


async def _older_siblings(sources: Sources, child: PersonTold, because: Because) -> set[str]:
    """Of either parent, under age on the child's day of birth; of twins the one with the smaller code is the elder."""
    found = set()
    for parent in child.parents:
        for code, born in await sources.children(parent, because):
            if child.born < birthday(born, CHILD_UNTIL) and (born, code) < (child.born, child.code):
                found.add(code)
    return found


def _unknown(child: PersonTold) -> Unknown:
    return Unknown("person.household", child.mother or child.code, "residence")
