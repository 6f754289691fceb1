"""A page as everybody has to be able to use it: judged in the browser that shows it."""

from __future__ import annotations

import os
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


def check(page: Page, name: str, *, dark: bool = False) -> None:
    """No finding, nothing wider than the window, every target to touch 24 px or more; a picture where SILD_SCREENSHOTS says."""
    size = page.viewport_size
    assert size is not None
    whole = page.evaluate("document.documentElement.scrollHeight")
    page.set_viewport_size(
        {"width": size["width"], "height": max(whole, size["height"])}
    )  # nothing behind the bar at the foot
    found = Axe().run(page, options=RULES)
    page.set_viewport_size(size)
    assert found.violations_count == 0, f"{name}: {found.generate_report()}"
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), name
    small = page.evaluate(
        """[...document.querySelectorAll("button, .opt, .tabs a, .bar nav a, summary")].filter((one) => {
            const box = one.getBoundingClientRect(); return box.width && (box.height < 40 || box.width < 24) }).length"""
    )
    assert small == 0, name
    if (directory := os.environ.get("SILD_SCREENSHOTS")) and not dark:
        page.screenshot(path=Path(directory) / f"{name}.png", full_page=True)
