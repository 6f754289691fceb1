"""An earlier decision that no rule makes anew: how those it is about are heard, and what the official gives the register. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from sild.cases.case import Case
from sild.cases.contest_anew import LANGUAGES
from sild.cases.views import FactLine
from sild.catalogue import Defect
from sild.i18n import Speaker, format_day

__all__ = ["HEARING", "heard_in", "hearing_lines", "may_speak", "new_decision", "what_is_heard"]

HEARING = "ripple.hearing"
"""The deadline of the profile by which they answer."""
LINE = "register_matter.line"


def may_speak(case: Case, person: str) -> bool:
    """They were asked, and have not answered yet."""
    return case.has("HEAR") and all(one.acting_for != person for one in case.all("SPEAK"))


def heard_in(case: Case, said: str | None, today: date) -> tuple[Mapping[str, Any], tuple[Defect, ...]]:
    """For the record how they were heard. said: the official's word, `heard`, `favourable` or `urgent`.

    `heard`: all have answered, or the day is over.
    """
    if said in ("favourable", "urgent"):
        return {"way": said}, ()
    asked, answers = case.last("HEAR"), case.all("SPEAK")
    everybody = {one.acting_for for one in answers} >= set(case.persons("person"))
    if asked is None or not (everybody or today > date.fromisoformat(asked.data["until"])):
        return {}, (Defect("hearing", "not_heard"),)
    if not answers:
        return {"way": "asked"}, ()
    return {"way": "answered", "at": answers[-1].at.isoformat()}, ()


def what_is_heard(case: Case, say: Speaker, language: str) -> list[FactLine]:
    """As who is asked reads it."""
    asked = case.given("HEAR")
    if not asked:
        return []
    until = format_day(date.fromisoformat(asked["until"]), language)
    return [
        FactLine(LINE, "hearing", value, label=say(f"line.{name}"))
        for name, value in (("considered", asked["words"]), ("until", until))
    ]


def hearing_lines(case: Case, say: Speaker, language: str) -> Iterator[FactLine]:
    """As the official reads it."""
    asked = case.given("HEAR")
    if asked:
        until = format_day(date.fromisoformat(asked["until"]), language)
        yield FactLine(LINE, "matter", until, label=say("line.asked_until"))
    for one in case.all("SPEAK"):
        yield FactLine(LINE, "matter", one.data["text"], source="person", label=say("line.heard"))


def new_decision(given: Mapping[str, Any]) -> dict[str, Any]:
    """For the register: the new values, what was weighed, why, and how they were heard."""
    return {
        "outcome": "by_hand",
        "new": {
            "country": given["country"],
            "values": given["values"],
            "considerations": given["considerations"],
            "reasons": {language: given[f"reasons_{language}"] for language in LANGUAGES},
            "hearing": given["heard"],
            **{name: given[name] for name in ("view_sha256", "posture", "seconds")},
        },
    }
