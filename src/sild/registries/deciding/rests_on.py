"""What decisions rest on, from the facts of their rule packages: which correction, of whose fact, can reach which inputs. Pure.

A fact of a person is of whom the situation calls so; a fact of a group is made of facts of everybody in it, and who its mother and its
father are is what the register says of the parents.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sild.registries.deciding.ripple import RestsOn
from sild.rules import RulePackage, register_concepts

__all__ = ["rests_on"]

PARENTS = frozenset(("mother", "father"))
OF_PARENTS = ("person.parents", "child.paternity")


def rests_on(packages: Iterable[RulePackage], roles: Mapping[str, Sequence[str]]) -> RestsOn:
    """roles: of a decision's subjects -> what the situation calls them, `parent` -> `mother`, `father`."""
    found: dict[str, dict[str, dict[str, None]]] = {}

    def add(concept: str, role: str, pattern: str) -> None:
        found.setdefault(concept, {}).setdefault(role, {})[pattern] = None

    for package in packages:
        for variable, fact in package.facts.items():
            plural = package.entities[fact.entity].plural
            for concept in register_concepts(fact.concept):
                for role, names in roles.items():
                    for name in names if fact.entity == package.person else ("%",):
                        add(concept, role, f"{plural}/{name}/{variable}/%")
        for entity in package.entities.values():
            for member in PARENTS & set(entity.roles or ()):
                for concept in OF_PARENTS:
                    for role in roles:
                        add(concept, role, f"{entity.plural}/%/{member}")
    return {
        concept: {role: tuple(patterns) for role, patterns in by_role.items()}
        for concept, by_role in found.items()
    }
