"""What a case of birth keeps from whom a protection order is against: where the child and the protected parent are to be found.

Closed by default: what is not named here as open says where a door is, or may one day.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sild.cases.actor import Actor, Reader
from sild.cases.birth_facts import is_kept_from
from sild.cases.case import Case

__all__ = ["ACTIONS", "FACTS", "OPTIONS", "SCREENS", "SUGGESTED", "is_kept", "open_results"]

SCREENS = frozenset(
    ("birth.check_and_name", "birth.cosign", "birth.paternity", "birth.offer", "birth.account")
)
"""Screens that ask nothing about a door."""
FACTS = frozenset(("child", "parent", "me", "declaration", "paternity", "offer", "returned"))
OPTIONS = frozenset(("family_names", "homes", "kindergartens", "doctors", "benefit_choices"))
"""Of homes their own, with the kindergartens and doctors near it."""
SUGGESTED = frozenset(("given_names", "family_name"))
ACTIONS = frozenset(
    ("RECORD", "DECLARE", "COSIGN", "PROPOSE", "ACKNOWLEDGE", "DENY", "TAKE_PATERNITY", "CONTEST_PATERNITY",
     "PATERNITY_CONTESTED", "PATERNITY", "REMIND", "LAPSE", "EXAMINE", "APPROVE", "RETURN",
     "ENTER_OFFLINE", "NAME_FOR", "HALT", "REGISTER", "COVER", "OFFER", "HOLD_OFFER", "ACCEPT", "AWAIT_WORD", "REFUSE_ACCEPTANCE",
     "GRANT", "PAID", "PAYMENT_RETURNED", "GIVE_ACCOUNT", "TAKE_ACCOUNT", "REFUSE_ACCOUNT", "CLOSE", "REOPEN", "ENTRUST", "REST", "LIFT", "REVIVE")
)  # fmt: skip
RESULTS = frozenset(
    ("given_names", "family_name", "registered_at", "cover_from", "offer_held", "offer_refused", "offer_named", "offer_waits",
     "benefits", "payments", "certificate", "silence")
)  # fmt: skip
DECISIONS = frozenset(("population", "insurance", "social"))
"""Registers whose decisions say nothing of a door."""


def is_kept(case: Case, reader: Actor | Reader) -> bool:
    return is_kept_from(case, reader.person, reader.acting_for)


def open_results(found: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in found.items() if name in RESULTS}
    decisions = [one for one in found.get("decisions", ()) if one[0] in DECISIONS]
    return {**kept, **({"decisions": decisions} if decisions else {})}
