"""Which notices others have overtaken: once the birth is registered, nobody needs to be told to choose a name. Pure.

It says how a notice is shown and whether it counts as news; it is kept, with the moment it was read, as it was sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sild.cases.views import Notice

__all__ = ["OVERTAKES", "with_overtaken"]

_NAMING = ("child_recorded", "choose_by", "paternity_asked", "paternity_acknowledged", "cosign_asked")
_AT_THE_OFFICE = ("first_name_holds", "other_name_sent", "with_official", "returned")
_ASKED = ("consent_asked", "join_asked", "custody_asked")
_BEFORE_ACCEPTANCE = (
    "returned",
    "disputed",
    "owners_differ",
    "lapsed",
    "missing_residence",
    "missing_population",
)


def _keys(prefix: str, table: Mapping[str, Sequence[str]]) -> dict[str, frozenset[str]]:
    return {
        f"{prefix}{later}": frozenset(f"{prefix}{one}" for one in earlier) for later, earlier in table.items()
    }


OVERTAKES: Mapping[str, frozenset[str]] = {
    **_keys(
        "birth.notice.",
        {
            "choose_by": ("child_recorded",),
            "paternity_acknowledged": ("paternity_asked",),
            "cosign_asked": ("child_recorded", "choose_by"),
            "with_official": (*_NAMING, "returned"),
            "registered": (*_NAMING, *_AT_THE_OFFICE),
            "place_offered": ("no_place_yet", "wish_changed", "wish_refused"),
            "no_place_yet": ("place_offered",),
            "offer_ready": ("offer_held",),
            "offer_held": ("offer_ready",),
            "offer_refused": ("offer_ready", "offer_held"),
            "granted": ("offer_ready", "offer_held", "acceptance_refused"),
        },
    ),
    **_keys(
        "move.notice.",
        {
            "accepted": _BEFORE_ACCEPTANCE,
            "registered": ("accepted", *_BEFORE_ACCEPTANCE),
            "merged": ("accepted", *_BEFORE_ACCEPTANCE),
            "owner_told": ("consent_asked",),
            "withdrawn": _ASKED,
        },
    ),
    **_keys("removal.notice.", {"resident_removed": ("asked",), "resident_kept": ("asked",)}),
}
"""A text by key -> those it overtakes, of the same case and person. Texts of a reminder or an answer that may come again follow one
another, so two may overtake each other: the later one holds."""


def with_overtaken(notices: Sequence[Notice]) -> tuple[Notice, ...]:
    """notices: of one person, the newest first."""
    later: dict[str, set[str]] = {}
    told = []
    for notice in notices:
        over = later.setdefault(notice.case, set())
        told.append(replace(notice, is_overtaken=True) if notice.text in over else notice)
        over |= OVERTAKES.get(notice.text, frozenset())
    return tuple(told)
