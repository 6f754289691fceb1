"""Bars for a number and its parts, as positions in strips 340 units long; the words stand beside them, the numbers in a table below."""

from __future__ import annotations

from dataclasses import dataclass

from babel.numbers import format_decimal

from sild.cases import Explained

__all__ = ["Bar", "bars_of", "tenths"]

LENGTH = 340
LEAST = 1.5


@dataclass(frozen=True, slots=True)
class Bar:
    """x, width: of the bar.  zero: where nothing is added.  adds: more is added than taken."""

    label: str
    amount: str
    x: float
    width: float
    zero: float
    adds: bool


def bars_of(explained: Explained, language: str) -> tuple[Bar, ...]:
    """Each part from the line of nothing to the right or the left, all on one scale."""
    amounts = [part.amount for part in explained.parts]
    low, high = min(0, *amounts), max(0, *amounts)
    span = (high - low) or 1
    zero = -low / span * LENGTH
    bars = []
    for part in explained.parts:
        width = max(LEAST, abs(part.amount) / span * LENGTH)
        begins = max(0.0, zero if part.amount >= 0 else zero - width)
        amount = tenths(part.amount, language, sign=True)
        bars.append(
            Bar(part.label, amount, round(begins, 1), round(width, 1), round(zero, 1), part.amount >= 0)
        )
    return tuple(bars)


def tenths(value: int, language: str, *, sign: bool = False) -> str:
    """`-32` -> `−3.2`, as the language writes it; sign: `+` before what is more than nothing."""
    text = str(format_decimal(abs(value) / 10, "#,##0.0", locale=language))
    return ("−" if value < 0 else "+" if sign and value else "") + text
