"""Once only, at publication: a screen that asks for a fact some register holds cannot be published."""

from __future__ import annotations

from collections.abc import Mapping

from sild.catalogue.screens import Screen
from sild.errors import CallerError

__all__ = ["ensure_once_only"]


def ensure_once_only(screen: Screen, holdings: Mapping[str, str]) -> None:
    """holdings: the register that holds a concept, by concept, from the registers' own descriptions.

    A field may let people choose among known things (`chosen_from`), or confirm; it may not ask for what is known.
    Raises CallerError (`once_only_breach`) naming every such field, its concept and the register to ask instead.
    """
    breaches = [
        f"{field.name} asks for {field.concept}, which {holdings[field.concept]} holds"
        for field in screen.fields()
        if field.concept in holdings and field.kind != "confirm" and field.chosen_from is None
    ]
    unknown = [
        f"{field.name} lets choose from {field.chosen_from}, which no register holds"
        for field in screen.fields()
        if field.chosen_from is not None and field.chosen_from not in holdings
    ]
    if breaches or unknown:
        raise CallerError(f"{screen.id}: {'; '.join([*breaches, *unknown])}", code="once_only_breach")
