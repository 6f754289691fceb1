"""A matter of a register as its official reads it: what waits, what the person said, what it rests on. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from sild.cases.contest_anew import by_hand
from sild.cases.contest_words import fact_line
from sild.cases.decision_words import DecisionLine, Worded, worded
from sild.cases.views import FactLine
from sild.i18n import Texts, format_day, format_money
from sild.rules import shipped_packages

__all__ = ["lines_of", "outcome_of", "said_of"]

OF = "matter"
_AMOUNT = re.compile(r"([0-9]+(?:\.[0-9]+)?) ([A-Z]{3})")
CODED = ("held_because", "listed_because", "reached_by", "review_because", "home_because", "notice_sex")
"""Facts whose value is a code with words of its own."""
HOMES = ("home_mother", "home_father")
INNER = ("dwelling_mother", "dwelling_father")
"""What the register is told, and nobody reads."""


def lines_of(matter: Mapping[str, Any], register: str, texts: Texts, language: str) -> Sequence[FactLine]:
    """matter: as the register tells it.  register: `GOV/70000004/social`. Raises KeyError, TypeError for what is none."""
    spoken = texts.choose([language])

    def label(name: str) -> str:
        return _say(texts, spoken, f"register_matter.line.{name}") or name.replace("_", " ").capitalize()

    lines = [
        FactLine("register_matter.line", OF, format_day(_day(matter["since"]), spoken), label=label("since"))
    ]
    if matter["said"]:
        lines.append(FactLine("register_matter.line", OF, matter["said"], label=label("said")))
    shown = (one for one in matter["facts"] if one["name"] not in INNER and _is_for(one, spoken))
    lines += [_fact(one, register, label, texts, spoken) for one in shown]
    if matter["state"] == "ended":
        gone = _say(texts, spoken, "register_matter.line.gone")
        lines.append(FactLine("register_matter.line", OF, gone, label=label("ended")))
    if matter.get("evidence"):
        lines += _evidence(matter["evidence"], spoken, label)
    return lines


def _is_for(one: Mapping[str, Any], language: str) -> bool:
    """Who asks is said in every language."""
    return one["name"] != "asked_by" or one.get("about") in ("", language)


def outcome_of(matter: Mapping[str, Any], language: str) -> list[DecisionLine]:
    """Lines of the decision that it is about which an official may give otherwise."""
    return by_hand(_worded(matter["evidence"], language)) if matter.get("evidence") else []


def said_of(matter: Mapping[str, Any], name: str) -> str | None:
    """The value of the fact of this name."""
    return next((one["value"] for one in matter["facts"] if one["name"] == name), None)


def _fact(one: Mapping[str, Any], register: str, label: Any, texts: Texts, language: str) -> FactLine:
    """label: of a name, in the language."""
    name, value = one["name"], one["value"]
    about = one.get("about") or ""
    if name in CODED and value is not None:
        value = _say(texts, language, f"register_matter.{name}.{value}") or str(value).replace("_", " ")
    if name in HOMES and value is not None:
        value = _say(texts, language, f"register_matter.home_level.{value}") or value
    title = label(name)
    if name == "answer_by" and value is not None:
        value = format_day(_day(value), language)
    if name == "disclosed" and about:
        title = f"{title}: {about}"
    if name in ("fact", "reached_by"):
        words = _say(texts, language, f"register_matter.concept.{about}") or about
        value, title = (_money(value, language), words) if name == "fact" else (value or words, title)
    return FactLine(
        "register_matter.line",
        OF,
        value,
        None if value is not None else "not_held",
        register=register if name == "fact" else "",
        source=one.get("source") or None,
        valid_from=one.get("valid_from"),
        basis=one.get("basis") or None,
        label=title,
    )


def _money(value: str | None, language: str) -> str | None:
    """An amount as people of the language write it; anything else as it is."""
    found = _AMOUNT.fullmatch(value or "")
    return value if found is None else format_money(found[1], found[2], language)


def _evidence(evidence: Mapping[str, Any], language: str, label: Any) -> Iterator[FactLine]:
    """The decision it is about: why, what comes of it, and the facts it rests on, each with its register."""
    found = _worded(evidence, language)
    for text, article in dict.fromkeys(found.reasons):
        yield FactLine("register_matter.line", OF, f"{text} ({article})", label=label("why"))
    for line in found.outcome:
        yield fact_line("register_matter.line", OF, line, language)
    for line in found.facts:
        yield fact_line("register_matter.line", OF, line, language)


def _worded(evidence: Mapping[str, Any], language: str) -> Worded:
    record = evidence["record"]
    package = shipped_packages().get((record.get("rules") or {}).get("sha256", ""))
    return worded(record, evidence["values"], package, language)


def _say(texts: Texts, language: str, key: str) -> str | None:
    return texts.speaker(language)(key) if key in texts else None


def _day(text: str) -> date:
    return date.fromisoformat(text[:10])
