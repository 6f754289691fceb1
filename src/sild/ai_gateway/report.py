"""The public report of a day: how many times what class of data went to which provider for which purpose. Counts, never content. Pure.

An asking counts where it went, whether an answer came or not: what was sent was sent. A call whose values are of two classes counts
once under each. Of canaries it says how many are planted, where one was stopped, and in how many askings one left: that is none.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sild.ai_gateway.canaries import Canary, standing
from sild.ai_gateway.store import Alarm

__all__ = ["EgressReport", "egress_report"]

_COLUMNS = ("provider", "place", "region", "model", "purpose", "algorithm", "class", "askings", "answered")


@dataclass(frozen=True, slots=True)
class EgressReport:
    """rows: by provider, purpose and class.  refused: calls that went nowhere, by reason.

    planted: canaries by class, on that day.  canaries_left: askings of calls that held one.  alarms: of that day.
    """

    day: date
    rows: tuple[Mapping[str, str | int], ...]
    calls: int
    askings_abroad: int
    askings_local: int
    tokens_abroad: int
    refused: Mapping[str, int]
    planted: Mapping[str, int]
    canaries_left: int
    alarms: tuple[Alarm, ...]

    def stopped(self, stage: str) -> int:
        """Canaries that were stopped in a `request`, or in an `answer`."""
        return sum(alarm.stage == stage for alarm in self.alarms)

    def to_json(self) -> dict[str, Any]:  # JSON
        return {
            "day": self.day.isoformat(),
            "calls": self.calls,
            "askings_abroad": self.askings_abroad,
            "askings_local": self.askings_local,
            "tokens_abroad": self.tokens_abroad,
            "refused": dict(self.refused),
            "egress": [dict(row) for row in self.rows],
            "canaries": {
                "planted": dict(self.planted),
                "stopped_in_requests": self.stopped("request"),
                "stopped_in_answers": self.stopped("answer"),
                "left": self.canaries_left,
            },
            "alarms": [_told(alarm) for alarm in self.alarms],
        }

    def to_csv(self) -> str:
        """RFC 4180, with a heading line."""
        out = io.StringIO()
        writer = csv.DictWriter(out, ("day", *_COLUMNS))
        writer.writeheader()
        writer.writerows({"day": self.day.isoformat(), **row} for row in self.rows)
        return out.getvalue()


def egress_report(
    day: date,
    ledger: Iterable[Mapping[str, Any]],
    planted: Sequence[Canary] = (),
    alarms: Sequence[Alarm] = (),
) -> EgressReport:
    """ledger, alarms: of that day as `Store` gives them.  planted: all canaries there ever were."""
    askings: Counter[tuple[str, ...]] = Counter()
    answered: Counter[tuple[str, ...]] = Counter()
    places: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    calls = tokens = canaries_left = 0
    for call in ledger:
        calls += 1
        if call["verdict"] == "refused":
            refused[call["reason"] or "class"] += 1
        if "canary" in call["hits"]:
            canaries_left += len(call["attempts"])
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
        day,
        tuple(rows),
        calls,
        places["abroad"],
        places["local"],
        tokens,
        dict(sorted(refused.items())),
        standing(planted, lambda one: _stood(one, day)),
        canaries_left,
        tuple(alarms),
    )


def _stood(canary: Canary, day: date) -> bool:
    """Whether it was planted on that day."""
    return canary.made_at.date() <= day and (canary.given_up_at is None or canary.given_up_at.date() >= day)


def _told(alarm: Alarm) -> dict[str, str | None]:
    """What an official needs to begin: never what was heard."""
    return {
        "id": alarm.id,
        "at": alarm.at.isoformat(),
        "stage": alarm.stage,
        "class": alarm.data_class,
        "algorithm": alarm.algorithm,
        "purpose": alarm.purpose,
        "template": alarm.template,
        "provider": alarm.provider,
        "switched_off": alarm.switched_off,
    }
