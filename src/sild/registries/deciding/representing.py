"""Who acted for whom in what was decided: the mandates that are proved in the message, under the pseudonyms of the record."""

from __future__ import annotations

from collections.abc import Collection

from sild.decisions import AlsoRepresented, DecisionStore, Representation
from sild.registries.kernel import Usage

__all__ = ["representation_of"]


def representation_of(
    store: DecisionStore, usage: Usage, about: Collection[str] = ()
) -> Representation | None:
    """None: nobody did, or nobody proved it.

    about: codes of whom the decision is about: of several represented those among them, if there are any. A notice that is sent back is
    about who sent it, and names all.
    """
    if usage.spoken is None:
        return None
    every = (usage.spoken, *usage.spoken.also)
    first, *further = [one for one in every if one.representee in about] or every
    return Representation(
        mandate=first.mandate,
        chain_sha256=first.sha256,
        delegate=store.pseudonym(first.delegate),
        representee=store.pseudonym(first.representee),
        basis=first.basis,
        proof=first.proof,
        further=tuple(
            AlsoRepresented(
                mandate=one.mandate,
                chain_sha256=one.sha256,
                representee=store.pseudonym(one.representee),
                basis=one.basis,
            )
            for one in further
        )
        or None,
    )
