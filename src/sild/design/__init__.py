"""The look of Sild's screens: design tokens and the plain elements built from them. CSS only, no script, no font to fetch.

`stylesheet(*more)` is one file for a page: tokens.css, elements.css, then the room's own rules. Rooms name tokens
(`var(--ink)`) and never colours, so that light, dark and forced colours stay right in one place. docs/design.md lists them.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

__all__ = ["stylesheet"]

_DIRECTORY = Path(__file__).parent
_COMMENT = re.compile(rb"/\*.*?\*/", re.DOTALL)
_BESIDE_PUNCTUATION = re.compile(rb"\s*([{};])\s*")


@cache
def stylesheet(*more: Path) -> bytes:
    """Tokens and elements, and the files of `more` behind them: UTF-8 CSS, without what only its authors read. No string in it has a brace, a semicolon or a comment."""
    files = (_DIRECTORY / "tokens.css", _DIRECTORY / "elements.css", *more)
    written = b"\n".join(file.read_bytes() for file in files)
    return _BESIDE_PUNCTUATION.sub(rb"\1", _COMMENT.sub(b"", written)).strip()
