"""The look of Sild's screens: design tokens and the plain elements built from them. CSS only, no script, no font to fetch.

`stylesheet(*more)` is one file for a page: tokens.css, elements.css, then the room's own rules. Rooms name tokens
(`var(--ink)`) and never colours, so that light, dark and forced colours stay right in one place. docs/design.md lists them.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

__all__ = ["stylesheet"]

_DIRECTORY = Path(__file__).parent


@cache
def stylesheet(*more: Path) -> bytes:
    """Tokens and elements, and the files of `more` behind them: UTF-8 CSS."""
    files = (_DIRECTORY / "tokens.css", _DIRECTORY / "elements.css", *more)
    return b"\n".join(file.read_bytes() for file in files)
