"""What may be done with a prompt: where it may go, and why. Pure.

First lock: the class of every value. Second lock: what is found in the values, whatever their class. Both must agree that a prompt
goes abroad; neither changes what is sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sild.ai_gateway.classes import DATA_CLASSES, DataClass, Place, RouteTable, strictest
from sild.ai_gateway.profiles import Country
from sild.ai_gateway.second_lock import SecondLock, control_tokens_in, orders_in
from sild.ai_gateway.templates import Template
from sild.errors import CallerError

__all__ = ["Question", "Verdict", "judge"]


@dataclass(frozen=True, slots=True)
class Question:
    """What a caller asks: values by slot. classes: those it raises, by slot; a lower one than the slot's is no error and no use."""

    template: str
    slots: Mapping[str, str]
    classes: Mapping[str, str]
    most_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """places: where it may go.  classes: of the values that would go, sorted.  hits: what the second lock found.

    values: read by the slots' types.  hidden: slots whose value stays here, a token going instead.
    countries: whose people abstractions are about.  reason: why not everywhere.
    """

    places: frozenset[Place]
    classes: tuple[DataClass, ...]
    hits: tuple[str, ...]
    values: Mapping[str, str]
    hidden: frozenset[str]
    countries: frozenset[Country]
    reason: str | None

    @property
    def name(self) -> str:
        return "abroad" if "abroad" in self.places else "local" if self.places else "refused"


def judge(template: Template, question: Question, routes: RouteTable, lock: SecondLock) -> Verdict:
    """Raises CallerError for values that fit no slot."""
    values = template.read(question.slots)
    raised = {name: _class(name, given) for name, given in question.classes.items() if name in values}
    classes = {name: strictest((template.classes[name], raised.get(name, "public"))) for name in values}
    hidden = frozenset(name for name in values if template.slots[name].as_token and classes[name] != "secret")
    going = {name: value for name, value in values.items() if name not in hidden}
    going_classes = {classes[name] for name in going} or {"public"}
    numeric = frozenset(name for name in going if template.slots[name].type in ("integer", "decimal"))
    hits = list(lock.hits(going, numeric=numeric))
    foreign_text = [
        value
        for name, value in values.items()
        if template.slots[name].type == "text" and template.slots[name].origin != "authority"
    ]
    if any(map(orders_in, foreign_text)):
        hits.append("orders_in_data")
    if "canary" not in hits and lock.canaries.sing(" ".join(values.values())):
        hits.append("canary")  # in a value that stays here: who asks has what nobody may have
    if any(map(control_tokens_in, values.values())):
        hits.append("control_tokens")
    places, reason = _places(routes.places(going_classes), tuple(sorted(hits)))
    if reason is None and "abroad" not in places:
        reason = f"class_{strictest(going_classes)}"
    return Verdict(
        places=places,
        classes=tuple(sorted(going_classes, key=DATA_CLASSES.index)),
        hits=tuple(sorted(hits)),
        values=values,
        hidden=hidden,
        countries=frozenset(
            country
            for name in going
            if classes[name] == "abstraction" and (country := template.slots[name].country) is not None
        ),
        reason=reason,
    )


def _places(allowed: frozenset[Place], hits: tuple[str, ...]) -> tuple[frozenset[Place], str | None]:
    if "canary" in hits or "control_tokens" in hits:
        return frozenset(), "canary" if "canary" in hits else "control_tokens"
    if hits and "abroad" in allowed:
        return allowed - {"abroad"}, "second_lock"
    return allowed, None


def _class(name: str, given: str) -> DataClass:
    for each in DATA_CLASSES:
        if each == given:
            return each
    raise CallerError(f"{name}: no class {given[:40]}", code="invalid_slot", slot=name)
