"""Texts in several languages: what is missing shows at the start, and nonsense from a browser does no harm."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from sild.i18n import Texts, format_day, format_moment, parse_accept_language


def texts(tmp_path: Path, et: str, en: str) -> Texts:
    (tmp_path / "et.toml").write_text(et)
    (tmp_path / "en.toml").write_text(en)
    return Texts.load(tmp_path, ("et", "en"))


def test_texts_by_language(tmp_path: Path) -> None:
    found = texts(tmp_path, '[a]\nb = "Tere, {name}"', '[a]\nb = "Hello, {name}"')
    assert found.speaker(found.choose(["fr", "en-GB"]))("a.b", name="Mari") == "Hello, Mari"
    assert found.choose(["fr"]) == "et"


@pytest.mark.parametrize("en", ['[a]\nc = "x"', '[a]\nb = "Hello, {who}"', "[a]\nb = 1", ""])
def test_languages_that_do_not_match(tmp_path: Path, en: str) -> None:
    with pytest.raises(ValueError, match=r"en\.toml|a\.b"):
        texts(tmp_path, '[a]\nb = "Tere, {name}"', en)


def test_what_browsers_say() -> None:
    assert parse_accept_language("en;q=0.3, vi-VN, et;q=0.8") == ["vi-VN", "et", "en"]
    assert parse_accept_language("*;q=x, <script>, en;q=2, vi;q=0," + "a" * 5000) == []


def test_days_and_moments() -> None:
    assert format_day(date(2026, 11, 22), "et") == "22. november 2026"
    assert "22" in format_day(date(2026, 11, 22), "vi")
    at = datetime(2026, 11, 22, 21, 5, tzinfo=UTC)
    assert format_moment(at, "en") == "22 November 2026, 21:05"
    assert format_moment(at, "et") == "22. november 2026 21:05"
    assert format_moment(at, "vi") == "21:05, 22 tháng 11, 2026"
