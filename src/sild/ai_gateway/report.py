"""The public report of a day: how many times what class of data went to which provider for which purpose. Counts, never content. Pure.

An asking counts where it went, whether an answer came or not: what was sent was sent. A call whose values are of two classes counts
once under each.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

__all__ = ["EgressReport", "egress_report"]

_COLUMNS = ("provider", "place", "region", "model", "purpose", "algorithm", "class", "askings", "answered")


@dataclass(frozen=True, slots=True)
class EgressReport:
    """rows: by provider, purpose and class.  refused: calls that went nowhere, by reason."""

    day: date
    rows: tuple[Mapping[str, str | int], ...]
    calls: int
    askings_abroad: int
    askings_local: int
    tokens_abroad: int
    refused: Mapping[str, int]

    def to_json(self) -> dict[str, Any]:  # JSON
        return {
            "day": self.day.isoformat(),
            "calls": self.calls,
            "askings_abroad": self.askings_abroad,
            "askings_local": self.askings_local,
            "tokens_abroad": self.tokens_abroad,
            "refused": dict(self.refused),
            "egress": [dict(row) for row in self.rows],
        }

    def to_csv(self) -> str:
        """RFC 4180, with a heading line."""
        out = io.StringIO()
        writer = csv.DictWriter(out, ("day", *_COLUMNS))
        writer.writeheader()
        writer.writerows({"day": self.day.isoformat(), **row} for row in self.rows)
        return out.getvalue()


def egress_report(day: date, ledger: Iterable[Mapping[str, Any]]) -> EgressReport:
    """ledger: calls of that day as `Store.ledger` gives them."""
    askings: Counter[tuple[str, ...]] = Counter()
    answered: Counter[tuple[str, ...]] = Counter()
    places: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    calls = tokens = 0
    for call in ledger:
        calls += 1
        if call["verdict"] == "refused":
            refused[call["reason"] or "class"] += 1
        for attempt in call["attempts"]:
            places[attempt["place"]] += 1
            if attempt["place"] == "abroad":
                tokens += (attempt["outcome_input_tokens"] or 0) + (attempt["outcome_output_tokens"] or 0)
            where = tuple(attempt[name] for name in ("provider", "place", "region", "model"))
            for each in call["classes"]:
                key = (*where, call["purpose"], call["algorithm"], each)
                askings[key] += 1
                answered[key] += attempt["outcome_status"] == "ok"
    rows: list[Mapping[str, str | int]] = []
    for key, count in sorted(askings.items()):
        named: dict[str, str | int] = dict(zip(_COLUMNS[:-2], key, strict=True))
        rows.append({**named, "askings": count, "answered": answered[key]})
    return EgressReport(
        day, tuple(rows), calls, places["abroad"], places["local"], tokens, dict(sorted(refused.items()))
    )
