"""Two countries as data: divisions and competence with dates, deadlines; what refers to nothing is refused."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

import sild
from sild.catalogue import Profile, parse_profile
from sild.errors import CallerError

PROFILES = Path(sild.__file__).parent / "profiles"


def content(country: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((PROFILES / f"{country}.yaml").read_text())
    return loaded


def profile(country: str) -> Profile:
    return parse_profile(content(country))


def test_the_district_tier_ended_in_viet_nam() -> None:
    """Asked for the same place: the district's office before 1 July 2025, the grassroots office from that day on."""
    vn = profile("vn")
    before, district = vn.competent("health_insurance_card", "00016", date(2025, 6, 30))
    after, commune = vn.competent("health_insurance_card", "00016", date(2025, 7, 1))
    assert (before.office["en"], district.name) == ("District social insurance office", "Quận Ba Đình")
    assert (after.office["en"], commune.name) == ("Grassroots social insurance office", "Phường Ba Đình")
    assert after.within == "province"


def test_an_old_unit_keeps_its_name_and_leads_to_its_successors() -> None:
    vn = profile("vn")
    assert vn.division("00007").name == "Phường Cống Vị"
    assert [unit.name for unit in vn.resolve("00007", date(2020, 1, 1))] == ["Phường Cống Vị"]
    assert [unit.name for unit in vn.resolve("00007", date(2026, 1, 1))] == [
        "Phường Ngọc Hà",
        "Phường Giảng Võ",
    ]
    ee = profile("ee")
    assert [unit.code for unit in ee.resolve("0831", date(2017, 10, 31))] == ["0831"]
    assert [unit.code for unit in ee.resolve("0831", date(2017, 11, 1))] == ["0793"]


def test_a_matter_of_the_whole_state() -> None:
    rule, unit = profile("ee").competent("oversight", "0784", date(2026, 1, 1))
    assert (rule.tier, unit.tier) == (None, "county")


def test_nobody_competent_and_no_such_place() -> None:
    vn = profile("vn")
    with pytest.raises(CallerError) as refused:
        vn.competent("kindergarten", "00016", date(2025, 6, 30))
    assert refused.value.code == "nobody_competent"
    with pytest.raises(CallerError) as refused:
        vn.competent("birth", "99999", date(2026, 1, 1))
    assert refused.value.code == "unknown_division"


@pytest.mark.parametrize(
    ("country", "name", "begin", "end"),
    [
        ("ee", "move.duty", date(2026, 2, 20), date(2026, 3, 6)),
        ("ee", "birth.choose_name", date(2026, 1, 31), date(2026, 2, 28)),
        ("ee", "birth.register", date(2026, 2, 23), date(2026, 2, 25)),
        ("vn", "birth.choose_name", date(2026, 1, 1), date(2026, 3, 2)),
        ("vn", "birth.card", date(2025, 12, 31), date(2026, 1, 7)),
        ("vn", "move.duty", date(2024, 2, 29), date(2025, 2, 28)),
    ],
)
def test_deadlines(country: str, name: str, begin: date, end: date) -> None:
    assert profile(country).deadline(name, begin) == end


def test_both_countries_know_the_same_deadlines() -> None:
    assert profile("ee").deadlines.keys() == profile("vn").deadlines.keys()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"currency": "euro"}, "currency"),
        ({"colour": "red"}, "colour"),
        ({"country": "Estonia"}, "country"),
        (
            {
                "divisions": [
                    {"code": "1", "name": "A", "tier": "county", "parent": "2", "began": "2000-01-01"}
                ]
            },
            "2",
        ),
        (
            {
                "divisions": [
                    {"code": "1", "name": "A", "tier": "county", "began": "2000-01-01", "ended": "2001-01-01"}
                ]
            },
            "no successor",
        ),
    ],
)
def test_what_is_no_profile(change: dict[str, Any], named: str) -> None:
    with pytest.raises(CallerError, match=named) as refused:
        parse_profile({**content("ee"), "competence": [], **change})
    assert refused.value.code == "invalid_profile"


@pytest.mark.parametrize(
    ("country", "delivered", "last"),
    [
        ("ee", date(2026, 3, 2), date(2026, 4, 1)),  # 30 days
        ("ee", date(2026, 3, 4), date(2026, 4, 6)),  # 3 April is Good Friday
        ("vn", date(2026, 3, 2), date(2026, 6, 1)),  # 90 days end on a Sunday
        ("vn", date(2026, 3, 3), date(2026, 6, 1)),
    ],
)
def test_until_when_a_decision_may_be_challenged(country: str, delivered: date, last: date) -> None:
    remedy, until = profile(country).remedy(delivered)
    assert until == last
    assert remedy.name.keys() == remedy.body.keys() == {"et", "vi", "en"}
    assert remedy.suspends is False


@pytest.mark.parametrize("country", ["ee", "vn"])
def test_who_hears_a_challenge_is_named_by_who_decided(country: str) -> None:
    """A body the profile does not know is told of in general."""
    found = profile(country)
    general, _ = found.remedy(date(2026, 3, 2))
    named, _ = found.remedy(date(2026, 3, 2), of="SILD/GOV/70000004")
    assert named.body != general.body and named.body.keys() == {"et", "vi", "en"}
    assert found.remedy(date(2026, 3, 2), of="SILD/GOV/79999999")[0] == general
    for words in found.remedies["challenge"].bodies.values():
        assert words.keys() == {"et", "vi", "en"}
