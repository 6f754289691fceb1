"""What a person puts their name to: one action of a case as a plain text in their language, the same bytes whoever makes it. Pure.

It says what is said, of whom, with what answers, by whom and for whom, on which day and in which case: enough to be understood by itself
years later.
Only what the person was shown and answered stands in it.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sild.cases.case import Case
from sild.cases.views import FactLine
from sild.catalogue import PublicService, Screen
from sild.i18n import format_day

__all__ = ["Statement", "Words", "statement_of"]

Text = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Statement:
    """name: of the file.  text: composed (NFC), lines end with LF; UTF-8 when it is signed."""

    name: str
    text: str
    language: str

    @property
    def media_type(self) -> str:
        return "text/plain"

    @property
    def commitment(self) -> None:
        """A person's own words: the text says what they are for."""
        return None

    @property
    def content(self) -> bytes:
        return self.text.encode()

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True, slots=True)
class Words:
    """Texts of the packs in one language."""

    language: str
    texts: Mapping[str, str]
    service: str

    def of(self, key: str) -> str | None:
        return self.texts.get(f"{self.service}.{key}", self.texts.get(key))

    def said(self, text: Text) -> str:
        return text.get(self.language) or next(iter(text.values()), "")


def statement_of(
    case: Case,
    service: PublicService,
    screen: Screen,
    action: str,
    given: Mapping[str, Sequence[str]],
    facts: Sequence[FactLine],
    options: Mapping[str, Sequence[tuple[str, str]]],
    *,
    person: tuple[str, str],
    day: date,
    form: str,
    words: Words,
    represents: tuple[str, str] | None = None,
) -> Statement:
    """given, facts, options: as the form had them.  person: name, and code with country.  form: by which the screen's content is known.

    represents: code of whom the person signs for, with country, and the mandate's number.
    """
    button = screen.action(action)
    answers = [] if button.without_answers else [*_answers(screen, given, options, words)]
    blocks = [
        [words.said(screen.title), f"{words.said(service.title)}, {case.number}"],
        [words.said(screen.lead)] if screen.lead else [],
        [words.said(button.label)],
        [*answers, *_facts(facts, words)],
        [
            f"{words.texts['statement.signs']}: {', '.join(part for part in person if part)}",
            *([] if represents is None else [_for(represents, words)]),
            f"{words.texts['statement.day']}: {format_day(day, words.language)}",
            f"{words.texts['statement.form']}: {form}, {case.id}",
        ],
    ]
    text = "\n\n".join("\n".join(map(_line, block)) for block in blocks if block) + "\n"
    return Statement(_file_name(case.number, action), text, words.language)


def _for(represents: tuple[str, str], words: Words) -> str:
    code, mandate = represents
    by = f", {words.texts['statement.mandate']} {mandate}" if mandate else ""
    return f"{words.texts['statement.represents']}: {code}{by}"


def _answers(
    screen: Screen,
    given: Mapping[str, Sequence[str]],
    options: Mapping[str, Sequence[tuple[str, str]]],
    words: Words,
) -> Iterator[str]:
    for field in screen.fields():
        values = [value for value in given.get(field.name, ()) if value]
        if not values or field.kind == "file":
            continue
        labels = {one.value: words.said(one.label) for one in field.options}
        labels |= dict(options.get(field.options_from or field.name, ()))
        if field.kind in ("yes_no", "confirm"):
            labels |= {"yes": words.texts["statement.yes"], "no": words.texts["statement.no"]}
        yield f"{words.said(field.label)}: {', '.join(labels.get(value, value) for value in values)}"


def _facts(facts: Sequence[FactLine], words: Words) -> Iterator[str]:
    for fact in facts:
        said = None if fact.value is None else _value(fact.value, words)
        label = fact.label or words.of(f"concept.{fact.concept}")
        if said and label:
            yield f"{label}: {said}"


def _value(value: Any, words: Words) -> str | None:  # any JSON
    """In words; None: a code that only a register reads."""
    match value:
        case bool():
            return words.texts["statement.yes" if value else "statement.no"]
        case str():
            return None if re.fullmatch(r"[A-Z][A-Z_]+", value) else value
        case int() | float():
            return str(value)
        case Mapping() if words.language in value:
            return str(value[words.language])
        case Mapping():
            parts = [_value(part, words) for part in value.values()]
        case list() | tuple():
            parts = [_value(part, words) for part in value]
        case _:
            return None
    return ", ".join(part for part in parts if part) or None


def _line(text: str) -> str:
    """One line of signs that are seen as they are."""
    plain = unicodedata.normalize("NFC", text)
    kept = "".join(" " if unicodedata.category(sign)[0] in "CZ" else sign for sign in plain)
    return " ".join(kept.split())


def _file_name(number: str, action: str) -> str:
    plain = re.sub(r"[^A-Za-z0-9]+", "-", f"{number}-{action}").strip("-").lower()
    return f"{plain[:80]}.txt"
