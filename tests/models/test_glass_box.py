"""A prediction is its parts and nothing else; what the model was not trained on gets no number."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import sild
from sild.errors import CallerError
from sild.models import NoPrediction, Prediction, parse_model, predict

CONTENT = (
    Path(sild.__file__).parent / "packs/education/models/kindergarten-demand/1/model.json"
).read_bytes()
MODEL, SHA256 = parse_model(CONTENT)
USUAL = {
    feature.name: feature.values[0] if feature.kind == "nominal" else feature.cuts[4]
    for feature in MODEL.features
}


@st.composite
def inputs(draw):
    return {
        feature.name: draw(
            st.sampled_from(feature.values)
            if feature.kind == "nominal"
            else st.floats(feature.lowest, feature.highest) | st.sampled_from(feature.cuts)
        )
        for feature in MODEL.features
    }


@given(inputs())
def test_the_parts_are_the_prediction_exactly(features):
    said = predict(MODEL, features)
    assert isinstance(said, Prediction)
    percent, places = said.intercept, said.base + said.intercept_places
    for part in said.contributions:
        percent += part.percent
        places += part.places
    assert (percent, places) == (said.percent, said.places)
    assert said.low <= said.places <= said.high


@pytest.mark.parametrize("name", [feature.name for feature in MODEL.features if feature.kind == "continuous"])
def test_outside_its_range_it_names_the_input(name):
    feature = MODEL.by_name[name]
    for value in (feature.lowest - 0.001, feature.highest + 0.001, math.inf, -math.inf):
        said = predict(MODEL, {**USUAL, name: value})
        assert isinstance(said, NoPrediction) and said.unknown == ()
        assert [one.feature for one in said.outside] == [name] and ".." in said.outside[0].range
    assert isinstance(predict(MODEL, {**USUAL, name: feature.highest}), Prediction)


def test_a_value_it_never_saw_is_outside():
    said = predict(MODEL, {**USUAL, "kind": "lunar"})
    assert isinstance(said, NoPrediction)
    assert (said.outside[0].value, said.outside[0].range) == ("lunar", "rural, urban")
    assert isinstance(predict(MODEL, {**USUAL, "births": "many"}), NoPrediction)


@pytest.mark.parametrize("value", [None, math.nan])
def test_what_is_not_known_gives_no_number(value):
    said = predict(MODEL, {**USUAL, "queue": value})
    assert said == NoPrediction((), ("queue",))
    assert predict(MODEL, {}).unknown == tuple(MODEL.by_name)


@pytest.mark.parametrize(
    "change",
    [
        {"schema": "sild.glass-box/2"},
        {"terms": [{"features": ["births"], "cuts": [[1.0]], "scores": [1.0], "spread": [0.0]}]},
        {"terms": [{"features": ["moon"], "cuts": [[]], "scores": [1.0], "spread": [0.0]}]},
        {"terms": [{"features": ["births"], "cuts": [[2.0, 1.0]], "scores": [1, 1, 1], "spread": [0, 0, 0]}]},
        {"scale": "moon"},
        {"intervals": []},
        {"more": 1},
    ],
)
def test_a_model_that_does_not_fit_together_is_refused(change):
    with pytest.raises(CallerError) as refused:
        parse_model(json.dumps({**json.loads(CONTENT), **change}).encode())
    assert refused.value.code == "invalid_model"


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'{"intercept": NaN}', b"[" * 100_000])
def test_what_is_no_model_is_refused(content):
    with pytest.raises(CallerError):
        parse_model(content)


def test_one_bit_makes_another_model():
    assert parse_model(CONTENT.replace(b'"version": 1', b'"version": 2'))[1] != SHA256
