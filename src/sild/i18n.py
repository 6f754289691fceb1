"""Texts of screens in several languages: one TOML file a language, a language that lacks a text refused at the start.

    texts/en.toml   [login]            texts = Texts.load(Path(__file__).parent / "texts")
                    title = "Log in"   say = texts.speaker(texts.choose(["vi-VN", "en"]))
                                       say("login.title"); say("login.attempts", count=3)

Placeholders are `{name}`. A value put into one is plain text: templates escape the result as a whole.
"""

from __future__ import annotations

import re
import string
import tomllib
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path

from babel import Locale
from babel.dates import format_date, format_datetime, format_skeleton
from babel.numbers import format_currency, get_currency_precision

from sild.errors import CallerError

__all__ = [
    "Speaker",
    "Texts",
    "country_name",
    "folded",
    "format_day",
    "format_moment",
    "format_money",
    "format_month",
    "parse_accept_language",
    "parse_money",
    "shipped_texts",
    "whole_name",
]

Speaker = Callable[..., str]
"""`say(key, **values)`."""

_TAG = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8})*", re.ASCII)
_MONEY = re.compile(r"([0-9]{1,13}|[0-9]{1,3}(?:[ \u00a0\u202f][0-9]{3}){1,4})(?:[.,]([0-9]{1,2}))?")


FAMILY_NAME_FIRST = frozenset({"CN", "HU", "JP", "KH", "KP", "KR", "TW", "VN"})
"""Countries whose people write the family name first (CLDR 47, personNames, nameOrderLocales)."""


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts by language and key. The first language is the one for those who speak none of them."""

    languages: tuple[str, ...]
    _texts: Mapping[str, Mapping[str, str]]

    @classmethod
    def load(cls, directory: Path, languages: tuple[str, ...] = ("et", "vi", "en")) -> Texts:
        """Read `directory/<language>.toml`. Raises ValueError when keys or placeholders of two languages differ."""
        texts = {language: _read(directory / f"{language}.toml") for language in languages}
        first = texts[languages[0]]
        for language, found in texts.items():
            if found.keys() != first.keys():
                odd = sorted(found.keys() ^ first.keys())
                raise ValueError(
                    f"{directory.name}/{language}.toml: {', '.join(odd[:5])} not in every language"
                )
            for key, text in found.items():
                if _placeholders(text) != _placeholders(first[key]):
                    raise ValueError(f"{directory.name}/{language}.toml: {key} has other placeholders")
        return cls(languages, texts)

    def __contains__(self, key: str) -> bool:
        return key in self._texts[self.languages[0]]

    def choose(self, wanted: Iterable[str]) -> str:
        """The first of `wanted` (BCP 47 tags) there are texts for; `vi-VN` is `vi`."""
        for tag in wanted:
            language = tag.partition("-")[0].lower()
            if language in self._texts:
                return language
        return self.languages[0]

    def speaker(self, language: str) -> Speaker:
        """`say(key, **values)`. Raises KeyError for a text that does not exist: a test renders every screen."""
        texts = self._texts[language]

        def say(key: str, **values: object) -> str:
            return texts[key].format(**values) if values else texts[key]

        return say


@cache
def shipped_texts(directory: Path, languages: tuple[str, ...] = ("et", "vi", "en")) -> Texts:
    """Those of the package itself, which do not change while it runs: read once. Raises as `Texts.load`."""
    return Texts.load(directory, languages)


def whole_name(given_names: str, family_name: str, country: str) -> str:
    """As the person's own country writes it: `Mari Tamm`, `Nguyễn Minh Anh`. country: `EE`; a subject does, `EE38001085718`."""
    names = [given_names, family_name]
    if country[:2] in FAMILY_NAME_FIRST:
        names.reverse()
    return " ".join(filter(None, names))


def folded(text: str) -> str:
    """Text as people type it, without case and accents: Nguyễn and nguyen, Õunapuu and ounapuu, Đỗ and do are the same."""
    decomposed = unicodedata.normalize("NFKD", text.strip().casefold().replace("đ", "d"))
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def parse_accept_language(header: str) -> list[str]:
    """Tags of an Accept-Language header, the most wanted first (RFC 9110 12.5.4); nonsense is passed over."""
    found: list[tuple[float, int, str]] = []
    for number, part in enumerate(header[:1000].split(",")):
        tag, _, parameter = part.strip().partition(";")
        try:
            quality = float(parameter.strip().removeprefix("q=") or 1)
        except ValueError:
            continue
        if _TAG.fullmatch(tag.strip()) and 0 < quality <= 1:
            found.append((-quality, number, tag.strip()))
    return [tag for _quality, _number, tag in sorted(found)]


def country_name(code: str, language: str) -> str:
    """code: ISO 3166-1 alpha-2; what is none stays as it is."""
    return str(Locale.parse(language).territories.get(code, code))


def format_day(day: date, language: str) -> str:
    """A date as people of the language write it, the month in letters."""
    pattern = "d MMMM y" if language == "en" else "long"  # as format_moment's, not the American order
    return format_date(day, format=pattern, locale=Locale.parse(language))


def format_moment(at: datetime, language: str) -> str:
    """Date and time, to the minute, in the zone `at` is in."""
    patterns = {"et": "d. MMMM y HH:mm", "vi": "HH:mm, d MMMM, y"}
    pattern = patterns.get(language, "d MMMM y, HH:mm")
    return format_datetime(at, format=pattern, locale=Locale.parse(language))


def format_month(period: str, language: str) -> str:
    """`2026-03` in words: `March 2026`. Raises ValueError: no month."""
    year, _, month = period.partition("-")
    day = date(int(year), int(month), 1)
    return str(format_skeleton("yMMMM", day, locale=Locale.parse(language)))


def format_money(amount: str | Decimal, currency: str, language: str) -> str:
    """With the currency's sign and its number of decimals, as people of the language write it: `320,00 €`, `€320.00`, `5.000.000 ₫`.

    currency: ISO 4217.  Raises ValueError: no number.
    """
    try:
        return str(format_currency(Decimal(amount), currency, locale=Locale.parse(language)))
    except ArithmeticError as error:
        raise ValueError(f"{amount!r} is no amount") from error


def parse_money(text: str, currency: str) -> str:
    """An amount as people write it, `1900,5` or `1 900.00`, as `1900.50`. currency: ISO 4217.

    A dot or a comma is before decimals and nowhere else: `1.500` is one and a half to some and fifteen hundred to others. Raises
    CallerError: `not_an_amount`, `no_decimals` (the currency has none).
    """
    found = _MONEY.fullmatch(text.strip())
    if found is None:
        raise CallerError("not plainly an amount of money", code="not_an_amount")
    whole, part = re.sub(r"\s", "", found[1]), found[2]
    if part is None:
        return whole
    if get_currency_precision(currency) == 0:
        raise CallerError("the currency has no decimals", code="no_decimals")
    return f"{whole}.{part:0<2}"


def _read(path: Path) -> dict[str, str]:
    with path.open("rb") as file:
        return dict(_flat(tomllib.load(file), ""))


def _flat(table: Mapping[str, object], prefix: str) -> Iterable[tuple[str, str]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        elif isinstance(value, str):
            yield f"{prefix}{key}", value
        else:
            raise ValueError(f"{prefix}{key} is no text")


def _placeholders(text: str) -> set[str]:
    return {name for _literal, name, _spec, _conversion in string.Formatter().parse(text) if name is not None}
