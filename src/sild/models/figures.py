"""What a model is worth, in figures: accuracy, calibration, drift of its inputs, error by group. Pure."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from sild.models.glass_box import Feature, GlassBox, Value

__all__ = [
    "ALARM",
    "SMALL_GROUP",
    "WATCH",
    "Accuracy",
    "Band",
    "Drift",
    "GroupError",
    "Pair",
    "accuracy_of",
    "calibration_of",
    "drift_of",
    "errors_by_group",
]

LEAST_SHARE = 0.001
"""In place of an empty bin, whose logarithm there is none of."""
WATCH, ALARM = 0.1, 0.25
"""The usual limits of the population stability index: something moves; the data are no longer those of the training."""
SMALL_GROUP = 5
"""Groups with fewer members are not shown by themselves."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One commune and year: what was predicted, what came.  groups: kind of group -> group.  base: the year before."""

    predicted: float
    actual: float
    base: float
    groups: Mapping[str, str]

    @property
    def percent(self) -> float:
        """Error in percent of what came."""
        return 100 * (self.predicted - self.actual) / self.actual


@dataclass(frozen=True, slots=True)
class Accuracy:
    """In places: mean absolute error, root mean square.  percent: mean absolute error of what came.  bias: mean error, percent."""

    cases: int
    places: float
    root_mean_square: float
    percent: float
    bias: float


@dataclass(frozen=True, slots=True)
class Band:
    """Cases with predictions alike: mean predicted and mean real change, percent."""

    cases: int
    predicted: float
    actual: float


@dataclass(frozen=True, slots=True)
class Drift:
    """index: population stability index of one feature.  level: `steady`, `watch` (from 0.1), `alarm` (from 0.25)."""

    feature: str
    index: float
    level: str


@dataclass(frozen=True, slots=True)
class GroupError:
    """kind: `kind`, `province`.  accuracy: None: the group is too small to be shown (fewer than 5)."""

    kind: str
    group: str
    accuracy: Accuracy | None


def accuracy_of(pairs: Sequence[Pair]) -> Accuracy:
    """Raises ValueError without pairs."""
    if not pairs:
        raise ValueError("no cases")
    errors = [pair.predicted - pair.actual for pair in pairs]
    return Accuracy(
        len(pairs),
        fmean(map(abs, errors)),
        math.sqrt(fmean(error * error for error in errors)),
        fmean(abs(pair.percent) for pair in pairs),
        fmean(pair.percent for pair in pairs),
    )


def calibration_of(pairs: Iterable[Pair], bands: int = 5) -> tuple[Band, ...]:
    """Cases in order of the predicted change, in `bands` equal parts."""
    changes = sorted(
        (100 * (pair.predicted / pair.base - 1), 100 * (pair.actual / pair.base - 1)) for pair in pairs
    )
    parts = [
        changes[len(changes) * n // bands : len(changes) * (n + 1) // bands]
        for n in range(bands)
        if len(changes) * n // bands < len(changes) * (n + 1) // bands
    ]
    return tuple(
        Band(len(part), fmean(said for said, _ in part), fmean(came for _, came in part)) for part in parts
    )


def drift_of(model: GlassBox, rows: Sequence[Mapping[str, Value | None]]) -> tuple[Drift, ...]:
    """Population stability index of each feature: Σ (now − trained)·ln(now / trained) over its bins; unknown values are left out."""
    return tuple(_drift(feature, [row.get(feature.name) for row in rows]) for feature in model.features)


def _drift(feature: Feature, values: Sequence[Value | None]) -> Drift:
    counts = [0] * (len(feature.shares) + 1)  # the last: values never seen
    for value in values:
        if value is None:
            continue
        if feature.kind == "nominal":
            at = feature.values.index(str(value)) if value in feature.values else len(feature.shares)
        else:
            at = bisect_right(feature.cuts, float(value))
        counts[at] += 1
    total = sum(counts)
    if not total:
        return Drift(feature.name, 0.0, "unknown")
    index = 0.0
    for trained, count in zip((*feature.shares, 0.0), counts, strict=True):
        if trained or count:
            before, now = max(trained, LEAST_SHARE), max(count / total, LEAST_SHARE)
            index += (now - before) * math.log(now / before)
    level = "alarm" if index >= ALARM else "watch" if index >= WATCH else "steady"
    return Drift(feature.name, index, level)


def errors_by_group(pairs: Sequence[Pair], *, least: int = SMALL_GROUP) -> tuple[GroupError, ...]:
    """For every kind of group, in order of names; a group of fewer than `least` is named, without figures."""
    found: dict[tuple[str, str], list[Pair]] = {}
    for pair in pairs:
        for kind, group in pair.groups.items():
            found.setdefault((kind, group), []).append(pair)
    return tuple(
        GroupError(kind, group, accuracy_of(members) if len(members) >= least else None)
        for (kind, group), members in sorted(found.items())
    )
