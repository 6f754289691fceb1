"""A register that decides: rules in their sandbox, facts with the messages that brought them, a sealed record in the same transaction.

deciding = Deciding.open(kernel, directory, clock=clock)         # on a kernel opened with DECISION_MIGRATIONS
judged = deciding.judge("ee-family-benefits", facts, at=day)     # nothing is decided yet
record = deciding.record(use, judged, Ruling(effect="offer", ...))  # in the transaction of the effect

body.py  the body's keys: seal, pseudonyms, sealed values       facts.py  what a decision rests on       deciding.py  from facts to record
"""

from __future__ import annotations

from sild.registries.deciding.body import Body, Certify, open_body
from sild.registries.deciding.deciding import Deciding, Judged, Ruling
from sild.registries.deciding.facts import KnownFact, situation_of

__all__ = ["Body", "Certify", "Deciding", "Judged", "KnownFact", "Ruling", "open_body", "situation_of"]
