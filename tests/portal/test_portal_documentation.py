"""docs/portal.md names every setting, its pictures are there and small, its commands are those of the script."""

from __future__ import annotations

import re
from pathlib import Path

from sild.portal import (
    DecisionSource,
    EvidenceService,
    FactSource,
    Office,
    PaperSource,
    PortalSettings,
    PreviewOptions,
)

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = (DOCS / "portal.md").read_text()


def test_every_setting_is_documented() -> None:
    for kind in (
        PortalSettings,
        Office,
        FactSource,
        DecisionSource,
        PaperSource,
        PreviewOptions,
        EvidenceService,
    ):
        for name in kind.model_fields:
            assert f"`{name}`" in PAGE, name


def test_the_pictures_are_there_and_small() -> None:
    pages = "".join(page.read_text() for page in sorted(DOCS.glob("*.md")))
    pictures = re.findall(r"\]\((portal/[\w-]+\.png)\)", pages)
    assert len(pictures) >= 6
    assert {f"portal/{file.name}" for file in (DOCS / "portal").iterdir()} == {*pictures}
    assert all((DOCS / picture).stat().st_size < 200_000 for picture in pictures)
