"""What a person filled in, read against its screen: typed values, or every defect at once, each with a reason code."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sild.catalogue.screens import Field, Screen

__all__ = ["Answers", "Defect", "read_answers"]

Option = tuple[str, Mapping[str, str]]

MAX_CHOICES = 100


@dataclass(frozen=True, slots=True)
class Defect:
    """field: its name on the screen.  reason: `missing`, `too_long`, `not_a_date`, `not_an_option`, `not_an_account`,
    `not_plain_text`, `not_confirmed`, `file_gone`; a case adds reasons of its own.
    """

    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class Answers:
    """values: by field name: text, ISO date, bool, or list of options. Complete and valid when there are no defects."""

    values: Mapping[str, Any]
    defects: tuple[Defect, ...]


def read_answers(
    screen: Screen,
    given: Mapping[str, Sequence[str]],
    options: Mapping[str, Sequence[str]] | None = None,
    files: Mapping[str, Collection[str]] | None = None,
) -> Answers:
    """given: as a form sends it, each name with its values.  options: of the fields with `options_from`, by that name.
    files: ids of those that the person has added, by the name of their field: a file's answer is such an id.

    A field whose condition does not hold is not read; a name the screen does not have is passed over.
    """
    values: dict[str, Any] = {}
    defects: list[Defect] = []
    for field in screen.fields():
        if field.only_if is not None and field.only_if.value not in given.get(field.only_if.field, ()):
            continue
        value, reason = _read(field, [*given.get(field.name, ())], options or {}, files or {})
        if reason is not None:
            defects.append(Defect(field.name, reason))
        elif value is not None:
            values[field.name] = value
    return Answers(values, tuple(defects))


def _read(
    field: Field,
    given: list[str],
    options: Mapping[str, Sequence[str]],
    files: Mapping[str, Collection[str]],
) -> tuple[Any, str | None]:
    """The value and no reason, or None and why not; None and no reason for what was left out and may be."""
    if field.kind == "choices":
        return _choices(field, given, options)
    text = unicodedata.normalize("NFC", given[0]).strip() if given else ""
    if field.kind == "confirm":
        return (True, None) if text == "yes" else (None, "not_confirmed" if field.required else None)
    if not text:
        return None, "missing" if field.required else None
    if len(text) > field.max_length:
        return None, "too_long"
    match field.kind:
        case "date":
            return _date(text)
        case "yes_no":
            return (text == "yes", None) if text in ("yes", "no") else (None, "not_an_option")
        case "choice":
            return (text, None) if text in _values(field, options) else (None, "not_an_option")
        case "account":
            return _account(text)
        case "file":
            return (text, None) if text in files.get(field.name, ()) else (None, "file_gone")
        case _:
            return (text, None) if _is_plain(text) else (None, "not_plain_text")


def _choices(field: Field, given: list[str], options: Mapping[str, Sequence[str]]) -> tuple[Any, str | None]:
    chosen = list(dict.fromkeys(value for value in given if value))
    if not chosen:
        return None, "missing" if field.required else None
    allowed = _values(field, options)
    if len(chosen) > MAX_CHOICES or not all(value in allowed for value in chosen):
        return None, "not_an_option"
    return chosen, None


def _values(field: Field, options: Mapping[str, Sequence[str]]) -> Sequence[str]:
    if field.options_from is not None:
        return options.get(field.options_from, ())
    return [option.value for option in field.options]


def _date(text: str) -> tuple[str | None, str | None]:
    try:
        return date.fromisoformat(text).isoformat(), None
    except ValueError:
        return None, "not_a_date"


def _account(text: str) -> tuple[str | None, str | None]:
    """An IBAN with its check digits (ISO 13616), or a domestic account number of 6 to 20 digits."""
    account = text.replace(" ", "").replace("-", "").upper()
    if account.isascii() and account.isdigit() and 6 <= len(account) <= 20:
        return account, None
    fits = account.isascii() and account.isalnum() and 15 <= len(account) <= 34
    if not fits or not account[:2].isalpha() or not account[2:4].isdigit():
        return None, "not_an_account"
    number = "".join(str(int(sign, 36)) for sign in account[4:] + account[:4])
    return (account, None) if int(number) % 97 == 1 else (None, "not_an_account")


def _is_plain(text: str) -> bool:
    """Letters, marks, digits, punctuation and line ends: no control characters, no direction overrides."""
    return all(
        sign in "\n\r\t" or unicodedata.category(sign) not in ("Cc", "Cf", "Cs", "Co") for sign in text
    )
