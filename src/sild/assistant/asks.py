"""What a question asks for, time or money, and whether a passage tells it: patterns kept as data (`asks.toml`)."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal

from sild.assistant.words import clean, folded

__all__ = ["Asked", "asked_for", "told_in"]

Asked = Literal["time", "amount"]


def asked_for(question: str, language: str) -> Asked | None:
    plain = " ".join(folded(clean(question)).split())
    for asked, pattern in _patterns("question", language).items():
        if pattern.search(plain):
            return asked
    return None


def told_in(text: str) -> frozenset[Asked]:
    """In whatever language."""
    plain = folded(clean(text))
    return frozenset(asked for asked, pattern in _patterns("passage", "all").items() if pattern.search(plain))


@cache
def _patterns(part: str, language: str) -> Mapping[Asked, re.Pattern[str]]:
    content = tomllib.loads((Path(__file__).parent / "asks.toml").read_text("utf-8"))
    return {asked: re.compile(found[language]) for asked, found in content[part].items()}
