"""A page as everybody has to be able to use it: judged in the browser that shows it."""

from __future__ import annotations

import os
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, ViewportSize

RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],  # the rest of the report is long, and nobody reads it
}


def check(page: Page, name: str, *, dark: bool = False, judged: bool = True) -> None:
    """No finding, nothing wider than the window, every target to touch 24 px or more; a picture where SILD_SCREENSHOTS says.

    judged: by axe, which takes most of the time.
    """
    size = page.viewport_size
    assert size is not None
    if judged:
        _judge(page, name, size)
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), name
    small = page.evaluate(
        """[...document.querySelectorAll("button, .opt, .tabs a, .bar nav a, summary")].filter((one) => {
            const box = one.getBoundingClientRect(); return box.width && (box.height < 40 || box.width < 24) }).length"""
    )
    assert small == 0, name
    if (directory := os.environ.get("SILD_SCREENSHOTS")) and not dark:
        page.screenshot(path=Path(directory) / f"{name}.png", full_page=True)


def _judge(page: Page, name: str, size: ViewportSize) -> None:
    whole = page.evaluate("document.documentElement.scrollHeight")
    nothing_hidden = {
        "width": size["width"],
        "height": max(whole, size["height"]),
    }  # behind the bar at the foot
    page.set_viewport_size(nothing_hidden)  # type: ignore[arg-type]  playwright's own dictionary
    found = Axe().run(page, options=RULES)
    page.set_viewport_size(size)
    assert found.violations_count == 0, f"{name}: {found.generate_report()}"
