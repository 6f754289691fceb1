"""Reasons that registers give besides those of the rules: words of `packs/PACK/reasons/LANGUAGE.toml`, by code."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Literal

from babel.dates import format_date

from sild.decisions import Reason, Secret

__all__ = ["reason_of"]

LANGUAGES = ("et", "vi", "en")


def reason_of(
    pack: str,
    code: str,
    article: str,
    *,
    words: str | None = None,
    origin: Literal["trace", "official"] = "trace",
    said: str = "",
    **values: date,
) -> Reason:
    """words: key of the text, if it is not the code.  said: by an official, in their own words, after the text.  values: days in the text.

    Sealed: it is about people. Raises KeyError for a code without words.
    """
    texts = {
        language: _texts(pack, language)[words or code].format(
            **{name: format_date(day, "long", locale=language) for name, day in values.items()}
        )
        for language in LANGUAGES
    }
    return Reason(
        code=code,
        article=article,
        text={language: Secret(secret=f"{text} {said}".strip()) for language, text in texts.items()},
        origin=origin,
    )


@cache
def _texts(pack: str, language: str) -> Mapping[str, str]:
    file = files("sild") / "packs" / pack / "reasons" / f"{language}.toml"
    return tomllib.loads(file.read_text("utf-8"))
