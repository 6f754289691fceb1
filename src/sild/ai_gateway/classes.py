"""Classes of data, and where each may go. Pure.

A class travels with a value: a slot has the class of the register field it is filled from, and the caller may raise it but never
lower it. What may leave the country is law, not settings (`LEAVES_AT_MOST`, `DECISIONS` 4): settings can only forbid more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, get_args

from pydantic import model_validator

from sild.settings import Settings

__all__ = ["DATA_CLASSES", "DataClass", "Place", "RouteTable", "strictest"]

DataClass = Literal[
    "public",  # published text, law
    "statistics",
    "synthetic",  # people who do not exist
    "abstraction",  # typed, about one person, approved for its purpose: an age band, a kind of household
    "internal",  # an authority's own working matter
    "personal",  # of a person, and all free text that a person wrote
    "tax",
    "health",  # with genetic and biometric data
    "child",  # child protection, protected addresses
    "secret",  # state secrets, keys, what no model may see
]
"""From the least to the most guarded."""

DATA_CLASSES: tuple[DataClass, ...] = get_args(DataClass)

Place = Literal["abroad", "local"]

LEAVES_AT_MOST: frozenset[DataClass] = frozenset({"public", "statistics", "synthetic", "abstraction"})
NO_MODEL_AT_ALL: frozenset[DataClass] = frozenset({"secret"})

_BOTH: tuple[Place, ...] = ("abroad", "local")
_LOCAL: tuple[Place, ...] = ("local",)


def strictest(classes: Iterable[DataClass]) -> DataClass:
    """The most guarded of `classes`; `public` when there are none."""
    return max(classes, key=DATA_CLASSES.index, default="public")


class RouteTable(Settings):
    """Where values of a class may be sent. An empty list: to no model."""

    public: tuple[Place, ...] = _BOTH
    statistics: tuple[Place, ...] = _BOTH
    synthetic: tuple[Place, ...] = _BOTH
    abstraction: tuple[Place, ...] = _LOCAL
    internal: tuple[Place, ...] = _LOCAL
    personal: tuple[Place, ...] = _LOCAL
    tax: tuple[Place, ...] = _LOCAL
    health: tuple[Place, ...] = _LOCAL
    child: tuple[Place, ...] = _LOCAL
    secret: tuple[Place, ...] = ()

    @model_validator(mode="after")
    def _within_the_law(self) -> RouteTable:
        for name, places in self._places().items():
            if "abroad" in places and name not in LEAVES_AT_MOST:
                raise ValueError(f"{name} data never leave the country")
            if places and name in NO_MODEL_AT_ALL:
                raise ValueError(f"{name} data go to no model")
        return self

    def places(self, classes: Iterable[DataClass]) -> frozenset[Place]:
        """Where a prompt made of values of all these classes may go."""
        table = self._places()
        found: frozenset[Place] = frozenset(_BOTH)
        for each in classes:
            found &= frozenset(table[each])
        return found

    def _places(self) -> Mapping[DataClass, tuple[Place, ...]]:
        return {name: getattr(self, name) for name in DATA_CLASSES}
