"""Once only, at publication: a screen that asks for a fact some register holds cannot be published; nor one that speaks of what nobody knows."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from sild.catalogue.screens import Screen
from sild.errors import CallerError

__all__ = ["ensure_concepts_known", "ensure_once_only"]


def ensure_concepts_known(where: str, concepts: Iterable[str], known: Collection[str]) -> None:
    """A concept with a slip of the pen would be held by nobody, and asked for by everybody. known: of the packs.

    Raises CallerError (`unknown_concept`), naming every such concept.
    """
    unknown = sorted({*concepts}.difference(known))
    if unknown:
        raise CallerError(f"{where}: no pack names {', '.join(unknown)}", code="unknown_concept")


def ensure_once_only(screen: Screen, holdings: Mapping[str, str]) -> None:
    """holdings: the register that holds a concept, by concept, from the registers' own descriptions.

    A field may let people choose among known things (`chosen_from`), confirm, or change what is known (`changes`), where the screen
    shows it to them; it may not ask for what is known.
    Raises CallerError (`once_only_breach`) naming every such field, its concept and the register to ask instead.
    """
    shown = screen.shown()
    breaches = [
        f"{field.name} asks for {field.concept}, which {holdings[field.concept]} holds"
        for field in screen.fields()
        if field.concept in holdings
        and field.kind != "confirm"
        and field.chosen_from is None
        and not field.changes
    ]
    breaches += [
        f"{field.name} changes {field.concept}, and does not show it"
        for field in screen.fields()
        if field.changes and field.concept not in shown
    ]
    unknown = [
        f"{field.name} changes {field.concept}, which no register holds"
        for field in screen.fields()
        if field.changes and field.concept not in holdings
    ]
    unknown += [
        f"{field.name} lets choose from {field.chosen_from}, which no register holds"
        for field in screen.fields()
        if field.chosen_from is not None and field.chosen_from not in holdings
    ]
    if breaches or unknown:
        raise CallerError(f"{screen.id}: {'; '.join([*breaches, *unknown])}", code="once_only_breach")
