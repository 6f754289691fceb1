"""The same data and seed give the model of the pack, byte for byte, and it says what interpret's own machine says."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

import sild
from sild.models import Prediction, features_of, parse_model, predict
from sild.models.kindergarten import FEATURES, by_commune
from sild.registries.education.statistics import statistics_of

interpret = pytest.importorskip("interpret")
PACK = Path(sild.__file__).parent / "packs" / "education" / "models" / "kindergarten-demand" / "1"
PLOTS = Path(__file__).parents[2] / "docs" / "models"
ROWS = [asdict(row) for row in statistics_of(2025)]


@pytest.fixture(scope="module")
def made():
    from sild.models.training import train

    return train(ROWS)


def test_it_is_the_model_of_the_pack(made):
    assert made.model == (PACK / "model.json").read_bytes()
    assert made.evaluation == (PACK / "evaluation.json").read_bytes()


def test_another_seed_is_another_model(made):
    from sild.models.training import train

    assert parse_model(train(ROWS, seed=2).model)[1] != parse_model(made.model)[1]


def test_it_says_what_interpret_says(made):
    """On every commune and year, and on every cut, where two implementations would part."""
    table = [
        features
        for own in by_commune(ROWS).values()
        for year in range(2013, 2026)
        if isinstance(predict(made.box, features := features_of(own, year)), Prediction)
    ]
    usual = table[0]
    for feature in made.box.features:
        cuts = {
            cut
            for term in made.box.terms
            if feature.name in term.features
            for cut in term.cuts[term.features.index(feature.name)]
        }
        table += [{**usual, feature.name: cut} for cut in cuts]
    theirs = made.machine.predict([[features[name] for name in FEATURES] for features in table])
    assert len(table) > 2500
    for features, value in zip(table, theirs, strict=True):
        assert predict(made.box, features).percent == pytest.approx(float(value), abs=1e-9)


def test_it_beats_what_needs_no_model(made):
    told = json.loads(made.evaluation)
    assert told["model"]["percent"] < 0.75 * told["last_year"]["percent"]
    assert told["model"]["percent"] < 0.75 * told["average_change"]["percent"]
    assert told["model"]["percent"] < 0.5 * told["mean_of_three_years"]["percent"]
    assert 0.75 <= told["interval_held"] <= 0.9 and abs(told["model"]["bias"]) < 0.5


def test_the_command_compares_and_draws(tmp_path):
    from sild.processes.models import command

    done = CliRunner().invoke(
        command, ["train", "kindergarten-demand", "--plots", str(tmp_path)], standalone_mode=False
    )
    assert done.return_value == 0 and "the model of the pack, byte for byte" in done.output
    drawn = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    assert drawn == {file.name: file.read_bytes() for file in PLOTS.glob("*.svg")}
    for name, content in drawn.items():
        assert ElementTree.fromstring(content).get("role") == "img", name
