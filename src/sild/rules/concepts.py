"""What rule packages call a fact, and what the register that keeps it calls the facts it is made of. Pure.

Packages are immutable, and a package may name what it needs in its own words; corrections and disputes are of the registers' facts.
This table is the only place where the two meet: a concept that does not stand here is the register's own.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["MADE_OF", "register_concepts"]

MADE_OF: Mapping[str, tuple[str, ...]] = {
    "person.born": ("person.date_of_birth",),
    "person.code": ("person.identity_code",),
    "person.household": (
        "person.residence",
        "person.parents",
        "person.date_of_birth",
        "person.date_of_death",
    ),
    "person.siblings": ("child.kindergarten_queue", "person.parents"),
    "kindergarten.joined": ("child.kindergarten_queue",),
    "child.names_signed": ("person.given_names", "person.family_name"),
}


def register_concepts(concept: str) -> tuple[str, ...]:
    """Whose correction changes a fact of a package: `person.born` is made of `person.date_of_birth`."""
    return MADE_OF.get(concept, (concept,))
