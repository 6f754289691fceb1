"""An additive model as tables: a prediction is the intercept and one score of each term, found by where the inputs fall.

A term is over one feature or two. A continuous feature's cuts divide its range, each cut belonging to the bin above it; a nominal
one has a bin for each value. What lies outside the range the model was trained on gets no number: the answer says which input.
The model predicts the change of something in percent; `scale` names the feature that is changed, so that a prediction is also a
number of places, and each contribution a part of it.
"""

from __future__ import annotations

import hashlib
import json
import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from sild.errors import CallerError

__all__ = [
    "Contribution",
    "Feature",
    "GlassBox",
    "Interval",
    "NoPrediction",
    "Outside",
    "Prediction",
    "Term",
    "parse_model",
    "predict",
]

SCHEMA = "sild.glass-box/1"
Value = float | str


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Feature(_Part):
    """lowest, highest: of a continuous one, as trained on.  values: of a nominal one.

    cuts, shares: bins for drift, and the share of the training data in each; of a nominal one a share for each value.
    """

    name: str
    kind: Literal["continuous", "nominal"]
    lowest: float | None = None
    highest: float | None = None
    values: tuple[str, ...] = ()
    cuts: tuple[float, ...] = ()
    shares: tuple[float, ...]

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.kind == "continuous":
            good = self.lowest is not None and self.highest is not None and self.lowest <= self.highest
            bins = len(self.cuts) + 1
        else:
            good, bins = bool(self.values), len(self.values)
        if not good or len(self.shares) != bins or list(self.cuts) != sorted(set(self.cuts)):
            raise ValueError(f"{self.name}: range, values, cuts and shares do not fit")
        return self

    def holds(self, value: Value) -> bool:
        """Whether the model was trained on such a value."""
        if self.kind == "nominal":
            return value in self.values
        if isinstance(value, str):
            return False
        assert self.lowest is not None and self.highest is not None
        return self.lowest <= value <= self.highest


class Term(_Part):
    """cuts: for each feature; empty for a nominal one.  scores: one for each bin, of two features row by row.

    spread: as `scores`, the standard deviation between the models that were averaged.
    """

    features: tuple[str, ...] = Field(min_length=1, max_length=2)
    cuts: tuple[tuple[float, ...], ...]
    scores: tuple[float, ...]
    spread: tuple[float, ...]

    @property
    def name(self) -> str:
        return " × ".join(self.features)


class Interval(_Part):
    """The real number lay within prediction ± half_width percent in `share` of the cases kept aside. below: of `scale`."""

    share: float
    below: float | None
    half_width: float
    cases: int


class Training(_Part):
    """years: whose change was learned, first and last.  data_sha256: of the rows.  libraries: by name."""

    rows: int
    years: tuple[int, int]
    seed: int
    data_sha256: str
    libraries: Mapping[str, str]
    settings: Mapping[str, float | str]


class GlassBox(_Part):
    """schema: this format.  scale: the feature that is changed, a number of places."""

    schema_: Literal["sild.glass-box/1"] = Field(alias="schema")
    id: str
    version: int
    scale: str
    intercept: float
    features: Annotated[tuple[Feature, ...], Field(min_length=1)]
    terms: tuple[Term, ...]
    intervals: Annotated[tuple[Interval, ...], Field(min_length=1)]
    training: Training

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        for term in self.terms:
            bins = 1
            if len(term.cuts) != len(term.features):
                raise ValueError(f"{term.name}: cuts for each feature")
            for name, cuts in zip(term.features, term.cuts, strict=True):
                if name not in self.by_name or list(cuts) != sorted(set(cuts)):
                    raise ValueError(f"{term.name}: cuts of {name}")
                feature = self.by_name[name]
                bins *= len(cuts) + 1 if feature.kind == "continuous" else len(feature.values)
            if not len(term.scores) == len(term.spread) == bins:
                raise ValueError(f"{term.name}: {bins} bins")
        if self.scale not in self.by_name:
            raise ValueError(f"the scale {self.scale} is no feature")
        return self

    @cached_property
    def by_name(self) -> dict[str, Feature]:
        return {feature.name: feature for feature in self.features}


@dataclass(frozen=True, slots=True)
class Outside:
    """An input the model was not trained on. value: as given.  range: `-3.5..8.1`, or the values it knows."""

    feature: str
    value: Value
    range: str


@dataclass(frozen=True, slots=True)
class NoPrediction:
    """No number: inputs outside what the model knows, or not known at all."""

    outside: tuple[Outside, ...]
    unknown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Contribution:
    """percent: of the change.  places: the same as part of the number.  spread: of percent, one standard deviation."""

    term: str
    features: tuple[str, ...]
    percent: float
    places: float
    spread: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """percent: intercept and contributions added in their order, exactly.  base: what is changed.

    places: base + base·intercept/100 + the contributions' places, added in that order, exactly.
    low, high: of `share` of the cases kept aside.
    """

    percent: float
    intercept: float
    base: float
    places: float
    intercept_places: float
    contributions: tuple[Contribution, ...]
    low: float
    high: float
    share: float


def parse_model(content: bytes) -> tuple[GlassBox, str]:
    """The model and the SHA-256 of these very bytes, hexadecimal. Raises CallerError (`invalid_model`)."""
    try:
        return GlassBox.model_validate(json.loads(content)), hashlib.sha256(content).hexdigest()
    except (ValidationError, ValueError, RecursionError) as error:
        raise CallerError(f"not a model: {str(error)[:500]}", code="invalid_model") from None


def predict(model: GlassBox, features: Mapping[str, Value | None]) -> Prediction | NoPrediction:
    """features: by name; None, NaN or absent: not known."""
    unknown = tuple(feature.name for feature in model.features if _is_unknown(features.get(feature.name)))
    outside = tuple(
        Outside(feature.name, value, _range(feature))
        for feature in model.features
        if feature.name not in unknown
        and (value := features[feature.name]) is not None
        and not feature.holds(value)
    )
    if unknown or outside:
        return NoPrediction(outside, unknown)
    base = float(features[model.scale] or 0.0)
    percent, places = model.intercept, base + base * model.intercept / 100
    parts = []
    for term in model.terms:
        at = _bin(model, term, features)
        part = Contribution(
            term.name, term.features, term.scores[at], base * term.scores[at] / 100, term.spread[at]
        )
        percent += part.percent
        places += part.places
        parts.append(part)
    interval = _interval(model.intervals, base)
    width = base * interval.half_width / 100
    return Prediction(
        percent,
        model.intercept,
        base,
        places,
        base * model.intercept / 100,
        tuple(parts),
        max(0.0, places - width),
        places + width,
        interval.share,
    )


def _is_unknown(value: Value | None) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _bin(model: GlassBox, term: Term, features: Mapping[str, Value | None]) -> int:
    at = 0
    for name, cuts in zip(term.features, term.cuts, strict=True):
        feature, value = model.by_name[name], features[name]
        if feature.kind == "nominal":
            at = at * len(feature.values) + feature.values.index(str(value))
        else:
            assert isinstance(value, int | float)
            at = at * (len(cuts) + 1) + bisect_right(cuts, value)
    return at


def _interval(intervals: Sequence[Interval], base: float) -> Interval:
    return next((one for one in intervals if one.below is None or base < one.below), intervals[-1])


def _range(feature: Feature) -> str:
    if feature.kind == "nominal":
        return ", ".join(feature.values)
    return f"{feature.lowest:g}..{feature.highest:g}"
