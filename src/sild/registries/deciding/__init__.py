"""A register that decides: rules in their sandbox, facts with the messages that brought them, a sealed record in the same transaction.

deciding = Deciding.open(kernel, directory, clock=clock)         # on a kernel opened with DECISION_MIGRATIONS
judged = deciding.judge("ee-family-benefits", facts, at=day)     # nothing is decided yet
record = deciding.record(use, judged, Ruling(effect="offer", ...))  # in the transaction of the effect

body.py  the body's keys: seal, pseudonyms, sealed values       facts.py  what a decision rests on       deciding.py  from facts to record
supervision.py  what auditors may look at, closed by default    supervision_http.py  their paths
officials.py  who decides for the body, and by which order       owed.py  remedy, hearing, delivery as the law has them
rules_changed.py  what a new version of the rules gives otherwise
words.py  reasons that no rule gives       looks.py   an official's step       ripple.py  a corrected fact reaches what was decided from it
finding_ripple.py  a finding that the body upholds reaches what it touches       anew.py  what a contest overturned is decided anew
ripple_by_hand.py  what a corrected fact reached, and no rule makes anew, an official decides by hand
"""

from __future__ import annotations

from sild.registries.deciding.anew import ByHand, Otherwise, record_by_hand
from sild.registries.deciding.body import Body, Certify, open_body, open_seal
from sild.registries.deciding.deciding import Deciding, Judged, Ruling
from sild.registries.deciding.facts import KnownFact, brought, situation_of
from sild.registries.deciding.looks import Look, human_step
from sild.registries.deciding.mismatches import replay_mismatched
from sild.registries.deciding.officials import Official, Officials, appoint
from sild.registries.deciding.rests_on import rests_on
from sild.registries.deciding.ripple import (
    CORRECTED,
    DECIDED_AGAIN,
    QUEUE,
    Correction,
    LeftToPeople,
    RestsOn,
    Ripples,
    why_again,
)
from sild.registries.deciding.rules_changed import TakesUpRules, take_up_rules
from sild.registries.deciding.supervision import (
    Appointment,
    AuditorMandates,
    MandatesOverExchange,
    Supervision,
)
from sild.registries.deciding.words import reason_of

__all__ = [
    "CORRECTED",
    "DECIDED_AGAIN",
    "QUEUE",
    "Appointment",
    "AuditorMandates",
    "Body",
    "ByHand",
    "Certify",
    "Correction",
    "Deciding",
    "Judged",
    "KnownFact",
    "LeftToPeople",
    "Look",
    "MandatesOverExchange",
    "Official",
    "Officials",
    "Otherwise",
    "RestsOn",
    "Ripples",
    "Ruling",
    "Supervision",
    "TakesUpRules",
    "appoint",
    "brought",
    "human_step",
    "open_body",
    "open_seal",
    "reason_of",
    "record_by_hand",
    "replay_mismatched",
    "rests_on",
    "situation_of",
    "take_up_rules",
    "why_again",
]
