"""Drift, calibration and error by group: against sums done by hand; small groups are not shown."""

from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
import yaml

import sild
from sild.errors import CallerError
from sild.models import (
    Pair,
    accuracy_of,
    calibration_of,
    drift_of,
    errors_by_group,
    features_of,
    live_figures,
    parse_card,
    parse_model,
)
from sild.models.kindergarten import by_commune
from sild.registries.education.statistics import FIRST_YEAR, statistics_of

PACK = Path(sild.__file__).parent / "packs" / "education" / "models" / "kindergarten-demand" / "1"
MODEL, _ = parse_model((PACK / "model.json").read_bytes())
ROWS = [asdict(row) for row in statistics_of(2026)]


def pair(predicted, actual, **groups):
    return Pair(predicted, actual, 100, groups)


def test_accuracy_by_hand():
    told = accuracy_of([pair(110, 100), pair(90, 100)])
    assert (told.cases, told.places, told.root_mean_square, told.percent, told.bias) == (2, 10, 10, 10, 0)
    with pytest.raises(ValueError):
        accuracy_of([])


def test_calibration_in_equal_parts():
    bands = calibration_of([pair(100 + n, 100 + 2 * n) for n in range(10)], bands=5)
    assert [band.cases for band in bands] == [2] * 5
    assert bands[-1].predicted == pytest.approx(8.5) and bands[-1].actual == pytest.approx(17)
    assert calibration_of([]) == ()


def test_a_small_group_is_named_without_figures():
    pairs = [pair(101, 100, kind="urban") for _ in range(5)] + [
        pair(120, 100, kind="rural") for _ in range(4)
    ]
    rural, urban = errors_by_group(pairs)
    assert (rural.group, rural.accuracy) == ("rural", None)
    assert urban.accuracy is not None and urban.accuracy.cases == 5


def test_drift_by_hand():
    nominal = [{"kind": "urban"}] * 9 + [{"kind": "rural"}]
    found = {one.feature: one for one in drift_of(MODEL, nominal)}
    rural, urban = MODEL.by_name["kind"].shares
    by_hand = (0.1 - rural) * math.log(0.1 / rural) + (0.9 - urban) * math.log(0.9 / urban)
    assert found["kind"].index == pytest.approx(by_hand) and found["kind"].level == "alarm"
    assert found["births"].level == "unknown"


def test_a_country_that_builds_ten_times_as_much_is_an_alarm():
    now = [features_of(own, 2024) for own in by_commune(ROWS).values()]
    usual = {one.feature: one.level for one in drift_of(MODEL, now)}
    moved = [{**row, "dwellings": row["dwellings"] * 10} for row in now]
    levels = {one.feature: one.level for one in drift_of(MODEL, moved)}
    assert levels["dwellings"] == "alarm"
    assert {name for name in levels if levels[name] != usual[name]} == {"dwellings"}


def test_live_figures_of_the_newest_year():
    told = live_figures(MODEL, ROWS)
    assert told is not None and told.year == 2026 and len(told.drift) == len(MODEL.features)
    assert told.accuracy is not None and told.last_year is not None
    assert told.accuracy.percent < told.last_year.percent
    assert {one.kind for one in told.groups} == {"kind", "province"}
    assert len(told.pairs) + told.refused == 240
    assert live_figures(MODEL, []) is None


def test_statistics_never_change_when_years_are_added():
    assert [row for row in statistics_of(2027) if row.year <= 2026] == list(statistics_of(2026))
    assert len(ROWS) == 240 * (2026 - FIRST_YEAR + 1)
    assert all(row["waiting"] <= row["demand"] and min(row["ages"]) >= 0 for row in ROWS)


def test_features_need_their_history():
    own = [row for row in ROWS if row["commune"] == "0793"]
    assert None not in features_of(own, 2026).values()
    assert features_of(own[-2:], 2026)["births"] is None
    assert set(features_of(own, 2031).values()) == {None}


def test_the_card_is_whole_in_three_languages():
    content = yaml.safe_load((PACK / "card.yaml").read_text())
    card = parse_card(content)
    assert set(MODEL.by_name) <= set(card.features)
    del content["sections"][0]["text"]["vi"]
    with pytest.raises(CallerError, match="missing in vi"):
        parse_card(content)


def test_no_server_loads_a_library_of_machine_learning():
    """The room predicts with the standard library and pydantic; servers do not even have the extra."""
    program = (
        "import sys, sild.models, sild.cases, sild.portal, sild.nation;"
        "print([name for name in ('interpret', 'sklearn', 'pandas', 'sild.models.training') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
