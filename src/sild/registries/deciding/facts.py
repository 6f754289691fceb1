"""What a decision rests on: each fact with its place in the situation of the rules, who said so, and by which message."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from sild import decisions
from sild.decisions import FurtherMessage, Input, Secret
from sild.errors import CallerError
from sild.registries.kernel import Fact as Held
from sild.rules import RulePackage

__all__ = ["KnownFact", "brought", "refuse_models", "situation_of", "with_instances"]

Fact = str | int | bool | list[str] | None
QUALITY: Mapping[str, str] = {"register": "registered", "person": "declared", "official": "declared"}
"""By who says so, where the register does not say more."""


@dataclass(frozen=True, slots=True)
class KnownFact:
    """path: `persons/mother/income/2025-01`; of a role `families/family/child` with the names of its members.

    value: money as a decimal string, a date in ISO 8601; None: nobody knows, and the fact stays out of the record's inputs.
    register: who has it, `INSTANCE/CLASS/CODE/SUBSYSTEM`.  message_id: of the message that brought it; None: our own data.
    in_clear: nothing personal, so that the record may show it.
    valid_at: the day as of which it was told; None: when it was fetched.  It stands in clear: never the value of a date that is sealed.
    quality: `registered`, `declared`, `derived` of others, `disputed`; None: by who says so.
    further_messages: register, id and time of the other messages it was made of.
    """

    path: str
    type: str
    value: Fact
    register: str | None = None
    message_id: str | None = None
    valid_at: date | None = None
    fetched_at: datetime | None = None
    asserted_by: Literal["register", "person", "model", "official"] = "register"
    in_clear: bool = False
    quality: str | None = None
    further_messages: tuple[tuple[str, str, datetime | None], ...] = ()

    def as_input(self, day_of: Callable[[datetime | None], date | None] = lambda _at: None) -> Input:
        """day_of: which day it was in the country; of None, today."""
        return Input(
            name=self.path,
            type=self.type,
            value=self.value if self.in_clear else Secret(secret=self.value),
            register=self.register,
            message_id=self.message_id,
            further_messages=tuple(
                FurtherMessage(register=register, message_id=message, fetched_at=at)
                for register, message, at in self.further_messages
            )
            or None,
            valid_at=self.valid_at or day_of(self.fetched_at),
            fetched_at=self.fetched_at,
            asserted_by=self.asserted_by,
            quality=self.quality or QUALITY.get(self.asserted_by),
        )


def brought(facts: Iterable[Held], system: str) -> dict[str, Any]:
    """Of a register's own facts the messages that brought them, as `KnownFact` takes them; nothing of what it knew by itself.

    system: its own, whose tasks have no messages of the exchange.
    """
    own = system.strip("/")
    told = {
        one.provenance.message_id: (own, one.provenance.message_id, one.known_from)
        for one in facts
        if one.provenance.message_id
        and one.provenance.source.strip("/") not in (own, "")
        and one.provenance.source.count("/") >= 3
    }
    if not told:
        return {}
    first, *further = told.values()
    return {"message_id": first[1], "fetched_at": first[2], "further_messages": tuple(further)}


def refuse_models(package: RulePackage, facts: Iterable[KnownFact]) -> None:
    """Rules take a model's word for the facts that their package names (`model_inputs`), and for nothing else.

    Raises CallerError (`not_from_a_model`), with the fact's place and no value.
    """
    for fact in facts:
        if fact.asserted_by == "model" and not package.model_inputs.keys() & {*fact.path.split("/")[2:3]}:
            raise CallerError(f"{fact.path}: {package.name} takes it from no model", code="not_from_a_model")


def with_instances(facts: Sequence[KnownFact]) -> tuple[KnownFact, ...]:
    """And those of whom nothing is known but that they are there: a record names them, so that a replay sees them, too."""
    known = {tuple(fact.path.split("/")[:2]) for fact in facts if fact.value is not None}
    silent = dict.fromkeys(tuple(fact.path.split("/")[:2]) for fact in facts if fact.value is None)
    return (
        *facts,
        *(KnownFact("/".join(one), "instance", True, in_clear=True) for one in silent if one not in known),
    )


def situation_of(
    facts: Iterable[KnownFact],
) -> dict[str, dict[str, dict[str, Any]]]:  # JSON in OpenFisca's form
    """What the rules see of them: as a replay makes it again of the record's inputs."""
    return decisions.situation_of((fact.path, fact.value) for fact in facts)
