"""Kindergarten demand: what the model looks at, made from a commune's published statistics, and its figures over all communes.

A row is one commune and year of the education register's statistics (`GET /places/statistics`): counts, nobody's data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sild.models.figures import (
    Accuracy,
    Band,
    Drift,
    GroupError,
    Pair,
    accuracy_of,
    calibration_of,
    drift_of,
    errors_by_group,
)
from sild.models.glass_box import GlassBox, NoPrediction, Prediction, Value, predict

__all__ = [
    "FEATURES",
    "MODEL",
    "NOMINAL",
    "LiveFigures",
    "by_commune",
    "features_of",
    "live_figures",
    "pairs_of",
]

MODEL = "kindergarten-demand"
FEATURES = ("births", "entering", "leaving", "moves", "dwellings", "queue", "trend", "size", "kind")
NOMINAL = {"kind": ("rural", "urban")}

Row = Mapping[str, Any]
"""JSON of the register."""


def features_of(rows: Sequence[Row], year: int) -> dict[str, Value | None]:
    """Of one commune, from which the demand of `year` + 1 is predicted; None: cannot be known from these rows.

    births: change against the mean of the three years before, percent.  entering, leaving: children of 1 and of 6, of a hundred
    who want places.  moves: net, of a hundred children.  dwellings: new ones of a thousand, in two years.  queue: of a hundred.
    trend: change of demand in the last year, percent.  size: demand.
    """
    known = {row["year"]: row for row in rows}
    now = known.get(year)
    if now is None or not now.get("demand"):
        return dict.fromkeys(FEATURES)
    born_before = [known[earlier]["born"] for earlier in range(year - 3, year) if earlier in known]
    demand_before = known.get(year - 1, {}).get("demand")
    ages, demand = now["ages"], now["demand"]
    mean = sum(born_before) / 3 if len(born_before) == 3 else 0
    return {
        "births": 100 * (now["born"] / mean - 1) if mean else None,
        "entering": 100 * ages[1] / demand,
        "leaving": 100 * ages[6] / demand,
        "moves": 100 * (now["moved_in"] - now["moved_out"]) / sum(ages) if sum(ages) else None,
        "dwellings": 1000 * now["new_dwellings"] / now["dwellings"] if now["dwellings"] else None,
        "queue": 100 * now["waiting"] / demand,
        "trend": 100 * (demand / demand_before - 1) if demand_before else None,
        "size": float(demand),
        "kind": str(now["kind"]),
    }


@dataclass(frozen=True, slots=True)
class LiveFigures:
    """year: of the newest statistics.  drift: of that year's inputs.  accuracy, bands, groups: predictions of that year from the
    one before against what came; None and empty when there is no such year.  refused: communes for which there was no prediction.  communes: that the newest year has figures of.
    """

    year: int
    drift: tuple[Drift, ...]
    accuracy: Accuracy | None
    last_year: Accuracy | None
    bands: tuple[Band, ...]
    groups: tuple[GroupError, ...]
    pairs: tuple[Pair, ...]
    refused: int
    communes: int


def live_figures(model: GlassBox, rows: Sequence[Row]) -> LiveFigures | None:
    """rows: of all communes, the newest years. None without rows."""
    if not rows:
        return None
    year = max(row["year"] for row in rows)
    communes = by_commune(rows)
    pairs, refused = pairs_of(model, rows, year)
    now = [features_of(own, year) for own in communes.values()]
    naive = [Pair(pair.base, pair.actual, pair.base, pair.groups) for pair in pairs]
    return LiveFigures(
        year,
        drift_of(model, now),
        accuracy_of(pairs) if pairs else None,
        accuracy_of(naive) if naive else None,
        calibration_of(pairs),
        errors_by_group(pairs),
        tuple(pairs),
        refused,
        sum(any(row["year"] == year for row in own) for own in communes.values()),
    )


def by_commune(rows: Sequence[Row]) -> dict[tuple[str, str], list[Row]]:
    """Country and code -> its rows."""
    found: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        found.setdefault((row["country"], row["commune"]), []).append(row)
    return found


def pairs_of(model: GlassBox, rows: Sequence[Row], year: int) -> tuple[list[Pair], int]:
    """Predictions of `year` from the year before, and how many communes got none."""
    pairs, refused = [], 0
    for own in by_commune(rows).values():
        came = next((row for row in own if row["year"] == year), None)
        if came is None or not came["demand"]:
            continue
        said = predict(model, features_of(own, year - 1))
        match said:
            case Prediction():
                groups = {"kind": came["kind"], "province": f"{came['country']} {came['province']}"}
                pairs.append(Pair(said.places, came["demand"], said.base, groups))
            case NoPrediction():
                refused += 1
    return pairs, refused
