"""docs/failures.md names tests that exist and codes X-Road has."""

from __future__ import annotations

import re
from pathlib import Path

from sild.xroad.fault_codes import CODES

ROOT = Path(__file__).parents[2]
TABLE = (ROOT / "docs" / "failures.md").read_text()


def test_the_tests_exist() -> None:
    named = set(re.findall(r"`((?:\w+/)?test_\w+\.py)`", TABLE))
    assert len(named) > 15
    for name in named:
        path = ROOT / "tests" / (name if "/" in name else f"security_server/{name}")
        assert path.is_file(), name


def test_the_codes_are_x_roads() -> None:
    words = set()
    for path in re.findall(r"`(?:CP|SP|…)\.([\w.]+)…?`", TABLE):
        words |= {word for word in path.split(".") if word not in ("SV", "")}
    assert len(words) > 30
    assert words <= set(CODES)
