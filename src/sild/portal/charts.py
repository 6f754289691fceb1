"""Bars for a number and its parts, as positions in an SVG of 340 units across; the same numbers stand in a table below."""

from __future__ import annotations

from dataclasses import dataclass

from babel.numbers import format_decimal

from sild.cases import Explained

__all__ = ["Bar", "Bars", "bars_of", "tenths"]

WIDTH = 340
ROW = 40
LEAST = 1.5


@dataclass(frozen=True, slots=True)
class Bar:
    """x, width, y: of the bar.  at: y of the words above it.  adds: more is added than taken."""

    label: str
    amount: str
    x: float
    width: float
    y: int
    at: int
    adds: bool


@dataclass(frozen=True, slots=True)
class Bars:
    rows: tuple[Bar, ...]
    zero: float
    height: int


def bars_of(explained: Explained, language: str) -> Bars:
    """Each part from the line of nothing to the right or the left, all on one scale."""
    amounts = [part.amount for part in explained.parts]
    low, high = min(0, *amounts), max(0, *amounts)
    span = (high - low) or 1
    zero = -low / span * WIDTH
    rows = []
    for number, part in enumerate(explained.parts):
        width = max(LEAST, abs(part.amount) / span * WIDTH)
        begins = zero if part.amount >= 0 else zero - width
        top = number * ROW
        rows.append(
            Bar(
                part.label,
                tenths(part.amount, language, sign=True),
                round(max(0.0, begins), 1),
                round(width, 1),
                top + 19,
                top + 14,
                part.amount >= 0,
            )
        )
    return Bars(tuple(rows), round(zero, 1), len(rows) * ROW)


def tenths(value: int, language: str, *, sign: bool = False) -> str:
    """`-32` -> `−3.2`, as the language writes it; sign: `+` before what is more than nothing."""
    text = str(format_decimal(abs(value) / 10, "#,##0.0", locale=language))
    return ("−" if value < 0 else "+" if sign and value else "") + text
