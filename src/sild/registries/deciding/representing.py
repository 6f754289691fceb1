"""Who acted for whom in what was decided: the mandate that is proved in the message, under the pseudonyms of the record."""

from __future__ import annotations

from sild.decisions import DecisionStore, Representation
from sild.registries.kernel import Usage

__all__ = ["representation_of"]


def representation_of(store: DecisionStore, usage: Usage) -> Representation | None:
    """None: nobody did, or nobody proved it."""
    spoken = usage.spoken
    if spoken is None:
        return None
    return Representation(
        mandate=spoken.mandate,
        chain_sha256=spoken.sha256,
        delegate=store.pseudonym(spoken.delegate),
        representee=store.pseudonym(spoken.representee),
        basis=spoken.basis,
        proof=spoken.proof,
    )
