"""What is overturned is decided anew: which lines of the outcome an official may decide by hand, and what the register is told. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from sild.cases.birth_facts import bare
from sild.cases.case import Case
from sild.cases.decision_words import DecisionLine, Worded
from sild.catalogue import Defect

__all__ = ["by_hand", "given_by_hand", "new_decision"]

LANGUAGES = ("et", "vi", "en")
LINES = ("one", "two", "three")
YES_NO = {"yes": True, "no": False}


def by_hand(found: Worded) -> list[DecisionLine]:
    """Lines of the outcome that rules gave and that an official may give otherwise."""
    return [one for one in found.outcome if one.name.count("/") == 2]


def given_by_hand(
    values: Mapping[str, Any], lines: Sequence[DecisionLine]
) -> tuple[dict[str, Any], tuple[Defect, ...]]:
    """The answers with `values`, the new value of each line that was chosen, by its name; or what is wrong with them."""
    kinds = {one.name: one.kind for one in lines}
    found: dict[str, Any] = {}
    defects = []
    for number in LINES:
        name, said = values.get(f"line_{number}"), str(values.get(f"value_{number}") or "").strip()
        if not name:
            if said or number == "one":
                defects.append(Defect(f"line_{number}", "missing"))
            continue
        value = _typed(kinds.get(name, ""), said)
        if value is None or name in found:
            defects.append(Defect(f"value_{number}", "missing" if not said else "not_of_kind"))
        else:
            found[name] = value
    return {**values, "values": found}, tuple(defects)


def _typed(kind: str, said: str) -> str | int | bool | None:
    """As the outcome has it; None: it is not of this kind. Money: `1234.56`, a comma or spaces are as well."""
    try:
        match kind:
            case "money":
                amount = Decimal(said.replace(" ", "").replace("\u00a0", "").replace(",", "."))
                return f"{amount:f}" if amount.is_finite() and amount >= 0 else None
            case "date":
                return date.fromisoformat(said).isoformat()
            case "int":
                return int(said)
            case "bool":
                return YES_NO.get(said.lower())
            case "text":
                return said or None
    except (InvalidOperation, ValueError):
        pass
    return None


def new_decision(case: Case, country: str) -> dict[str, Any]:
    """For the register: by rule, or by hand with what the official gave."""
    hand, rule = case.last("BY_HAND"), case.last("BY_RULE")
    by = "hand" if hand is not None and (rule is None or rule.seq < hand.seq) else "rule"
    told: dict[str, Any] = {"by": by, "country": country, "contested_by": bare(case.persons("person")[0])}
    if by == "rule" or hand is None:
        return told
    said = hand.data
    return told | {
        "values": said["values"],
        "considerations": said["considerations"],
        "reasons": {language: said[f"reasons_{language}"] for language in LANGUAGES},
        **{name: said[name] for name in ("view_sha256", "posture", "seconds")},
    }
