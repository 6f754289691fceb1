"""What is overturned is decided anew: which lines of the outcome an official may decide by hand, and what the register is told. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sild.cases.birth_facts import bare
from sild.cases.case import Case
from sild.cases.decision_words import DecisionLine, Worded
from sild.catalogue import Defect
from sild.errors import CallerError
from sild.i18n import parse_money

__all__ = ["LANGUAGES", "by_hand", "given_by_hand", "in_words", "neither_way", "new_decision"]

LANGUAGES = ("et", "vi", "en")
LINES = ("one", "two", "three")
MAY_STILL = ("not_its_kind", "not_an_outcome", "not_your_contest")
"""Why a register refuses what it may yet take: with another value, of another line, or of another official."""
REGISTERS_OWN = ("given_names", "family_name", "kindergarten", "wanted_from")
"""Lines that no rule gave, and that an official may give: the names a child is entered with, the kindergarten where it has a place."""
NOBODYS = ("bound", "child_is_alive", "earliest")
"""Lines of rules that are no decision: whether a rule made it, what another act says, what follows from an age."""
YES_NO = {"yes": True, "no": False}


def by_hand(found: Worded) -> list[DecisionLine]:
    """Lines of the outcome that an official may give otherwise: of those that rules gave all but NOBODYS, and REGISTERS_OWN."""
    return [
        one
        for one in found.outcome
        if one.name in REGISTERS_OWN or (one.name.count("/") == 2 and one.name.split("/")[1] not in NOBODYS)
    ]


def given_by_hand(
    values: Mapping[str, Any], lines: Sequence[DecisionLine]
) -> tuple[dict[str, Any], tuple[Defect, ...]]:
    """The answers with `values`, the new value of each line that was chosen, by its name; or what is wrong with them."""
    known = {one.name: one for one in lines}
    found: dict[str, Any] = {}
    defects = []
    for number in LINES:
        name, said = values.get(f"line_{number}"), str(values.get(f"value_{number}") or "").strip()
        if not name:
            if said or number == "one":
                defects.append(Defect(f"line_{number}", "missing"))
            continue
        try:
            if name not in known or name in found:
                raise ValueError(name)
            found[name] = _typed(known[name], said)
        except CallerError as wrong:
            defects.append(Defect(f"value_{number}", wrong.code if said else "missing"))
        except ValueError:
            defects.append(Defect(f"value_{number}", "not_of_kind" if said else "missing"))
    return {**values, "values": found}, tuple(defects)


def neither_way(case: Case, lines: Sequence[DecisionLine]) -> bool:
    """Whether the register has left it to people, and nothing of it is decided by hand either. lines: that may be given otherwise."""
    way, left = "", set()
    for taken in case.all("BY_RULE", "BY_HAND", "LEFT"):
        if taken.name != "LEFT":
            way = taken.name
        elif taken.data["reason"] not in MAY_STILL:
            left.add(way)
    return "BY_RULE" in left and ("BY_HAND" in left or not lines)


def in_words(values: Mapping[str, Any], language: str) -> str:
    """The reasons that were given in every language, in one."""
    return str(values[f"reasons_{language if language in LANGUAGES else 'en'}"])


def _typed(line: DecisionLine, said: str) -> str | int | bool:
    """As the outcome has it. Raises ValueError: not of this kind; CallerError: as `parse_money`."""
    match line.kind:
        case "money":
            return parse_money(said, line.currency)
        case "date":
            return date.fromisoformat(said).isoformat()
        case "int" if said.isascii() and said.isdigit():
            return int(said)
        case "bool" if said.lower() in YES_NO:
            return YES_NO[said.lower()]
        case "text" if said:
            return said
    raise ValueError("not of this kind")


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
