"""How the demand model is made: interpret's explainable boosting machine, then plain JSON. Needs the extra `models`.

Years are kept apart: the model learns from the changes up to LEARNED, the width of its intervals from the year after, and its
accuracy is told on the year after that, which nothing was chosen by. The same rows and seed give the same bytes: one thread, no
vector instructions, scores rounded to 12 decimals.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean, pstdev
from typing import Any

from sild.errors import CallerError
from sild.models.figures import Pair, accuracy_of, calibration_of, errors_by_group
from sild.models.glass_box import GlassBox, parse_model
from sild.models.kindergarten import FEATURES, MODEL, NOMINAL, Row, by_commune, features_of, pairs_of

__all__ = ["HELD_OUT", "LEARNED", "Trained", "train"]

FIRST, LEARNED, HELD_OUT = 2014, 2023, 2025
"""Years whose change is learned, first and last; 2024 gives the intervals; the year on which accuracy is told."""
SHARE = 0.8
SIZES = (300.0, 1000.0, None)
"""Classes of communes whose intervals are told apart, by demand."""
DRIFT_BINS = 10
SETTINGS: dict[str, float | str] = {
    "interactions": 2,
    "max_bins": 24,
    "max_interaction_bins": 6,
    "outer_bags": 8,
    "learning_rate": 0.02,
    "min_samples_leaf": 8,
    "max_rounds": 3000,
}


@dataclass(frozen=True, slots=True)
class Trained:
    """model, evaluation: UTF-8 JSON, to be committed.  pairs: of the held-out year.  machine: interpret's own, to compare with."""

    model: bytes
    evaluation: bytes
    pairs: tuple[Pair, ...]
    machine: Any  # interpret's EBM, an untyped library
    box: GlassBox


def train(rows: Sequence[Row], seed: int = 1) -> Trained:
    """rows: statistics of all communes and years. Raises CallerError (`extra_missing`) without interpret-core."""
    try:
        import interpret
        from interpret.develop import set_option
        from interpret.glassbox import ExplainableBoostingRegressor
    except ImportError:
        raise CallerError(
            "training needs the extra `models`: pip install 'sild[models]'", code="extra_missing"
        ) from None
    set_option("acceleration", 0)
    table, targets = _examples(rows)
    machine = ExplainableBoostingRegressor(
        feature_names=list(FEATURES),
        feature_types=["nominal" if name in NOMINAL else "continuous" for name in FEATURES],
        random_state=seed,
        n_jobs=1,
        **SETTINGS,
    )
    machine.fit([[example[name] for name in FEATURES] for example in table], targets)
    content: dict[str, Any] = {
        "schema": "sild.glass-box/1",
        "id": MODEL,
        "version": 1,
        "scale": "size",
        "intercept": _rounded(float(machine.intercept_)),
        "features": [_feature(name, [example[name] for example in table]) for name in FEATURES],
        "terms": [_term(machine, number) for number in range(len(machine.term_features_))],
        "intervals": [{"share": SHARE, "below": None, "half_width": 0.0, "cases": 0}],
        "training": {
            "rows": len(table),
            "years": [FIRST, LEARNED],
            "seed": seed,
            "data_sha256": hashlib.sha256(
                json.dumps(list(rows), sort_keys=True, default=dict).encode()
            ).hexdigest(),
            "libraries": {"interpret-core": interpret.__version__},
            "settings": SETTINGS,
        },
    }
    box, _ = parse_model(_written(content))
    content["intervals"] = _intervals(pairs_of(box, rows, LEARNED + 1)[0])
    model = _written(content)
    box, sha256 = parse_model(model)
    pairs, refused = pairs_of(box, rows, HELD_OUT)
    return Trained(
        model, _written(_evaluation(box, sha256, rows, pairs, refused)), tuple(pairs), machine, box
    )


def _examples(rows: Sequence[Row]) -> tuple[list[dict[str, Any]], list[float]]:
    table, targets = [], []
    for own in by_commune(rows).values():
        known = {row["year"]: row for row in own}
        for year in range(FIRST, LEARNED + 1):
            if year in known and (year - 1) in known:
                table.append(features_of(own, year - 1))
                targets.append(100 * (known[year]["demand"] / known[year - 1]["demand"] - 1))
    return table, targets


def _feature(name: str, values: Sequence[Any]) -> dict[str, Any]:
    if name in NOMINAL:
        shares = [values.count(value) / len(values) for value in NOMINAL[name]]
        return {"name": name, "kind": "nominal", "values": NOMINAL[name], "shares": shares}
    ordered = sorted(values)
    cuts = sorted({_rounded(ordered[len(ordered) * n // DRIFT_BINS]) for n in range(1, DRIFT_BINS)})
    counts = [0] * (len(cuts) + 1)
    for value in values:
        counts[sum(cut <= value for cut in cuts)] += 1
    return {
        "name": name,
        "kind": "continuous",
        "lowest": ordered[0],
        "highest": ordered[-1],
        "cuts": cuts,
        "shares": [count / len(values) for count in counts],
    }


def _term(machine: Any, number: int) -> dict[str, Any]:  # interpret's EBM
    """Without the bins of missing and unseen values: such inputs get no prediction here."""
    indices = machine.term_features_[number]
    names = [FEATURES[index] for index in indices]
    scores, spread = machine.term_scores_[number], machine.standard_deviations_[number]
    cuts: list[list[float]] = []
    for index in indices:
        levels = machine.bins_[index]
        held = levels[min(len(levels), len(indices)) - 1]
        if isinstance(held, dict):  # nominal: value -> bin, 0 is missing
            if [held[value] for value in NOMINAL[FEATURES[index]]] != [1, 2]:
                raise CallerError("a kind of commune was not in the data", code="invalid_rows")
            cuts.append([])
        else:
            cuts.append([float(cut) for cut in held])
    inner = tuple(slice(1, -1) for _ in indices)
    return {
        "features": names,
        "cuts": cuts,
        "scores": [_rounded(float(score)) for score in scores[inner].ravel()],
        "spread": [_rounded(float(one)) for one in spread[inner].ravel()],
    }


def _intervals(pairs: Sequence[Pair]) -> list[dict[str, Any]]:
    """Split conformal intervals: the width that held the real change in SHARE of the cases kept aside, by size of commune."""
    found: list[dict[str, Any]] = []
    least = 0.0
    for below in SIZES:
        own = sorted(
            abs(100 * (pair.predicted - pair.actual) / pair.base)
            for pair in pairs
            if least <= pair.base < (below or math.inf)
        )
        rank = min(len(own), math.ceil((len(own) + 1) * SHARE))
        found.append(
            {"share": SHARE, "below": below, "half_width": _rounded(own[rank - 1]), "cases": len(own)}
        )
        least = below or 0.0
    return found


def _evaluation(
    box: GlassBox, sha256: str, rows: Sequence[Row], pairs: Sequence[Pair], refused: int
) -> dict[str, Any]:
    """On the held-out year, against the number of last year, the mean of three years, and everybody's average change."""
    communes = by_commune(rows)
    history: dict[tuple[str, float, float], float] = {}
    for own in communes.values():
        known = {row["year"]: row["demand"] for row in own}
        mean = fmean(known[year] for year in range(HELD_OUT - 3, HELD_OUT))
        history[f"{own[0]['country']} {own[0]['province']}", known[HELD_OUT - 1], known[HELD_OUT]] = mean
    _, changes = _examples(rows)
    change = fmean(changes)

    def baseline(said: Any) -> dict[str, Any]:
        return asdict(accuracy_of([Pair(said(pair), pair.actual, pair.base, pair.groups) for pair in pairs]))

    widths = [
        (next(i for i in box.intervals if i.below is None or pair.base < i.below), pair) for pair in pairs
    ]
    held = [abs(pair.predicted - pair.actual) <= pair.base * one.half_width / 100 for one, pair in widths]
    return {
        "model_sha256": sha256,
        "year": HELD_OUT,
        "refused": refused,
        "model": asdict(accuracy_of(pairs)),
        "last_year": baseline(lambda pair: pair.base),
        "mean_of_three_years": baseline(
            lambda pair: history[pair.groups["province"], pair.base, pair.actual]
        ),
        "average_change": baseline(lambda pair: pair.base * (1 + change / 100)),
        "spread_of_change": pstdev(100 * (pair.actual / pair.base - 1) for pair in pairs),
        "interval_share": SHARE,
        "interval_held": sum(held) / len(held),
        "calibration": [asdict(band) for band in calibration_of(pairs)],
        "groups": [asdict(one) for one in errors_by_group(pairs)],
        "pairs": [[_rounded(pair.predicted), pair.actual, pair.base] for pair in pairs],
    }


def _rounded(value: float) -> float:
    return round(value, 12) + 0.0  # no minus zero


def _written(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()
