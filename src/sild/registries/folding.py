"""Text as people type it: without case and accents."""

from __future__ import annotations

import unicodedata

__all__ = ["folded"]


def folded(text: str) -> str:
    """Nguyễn and nguyen, Õunapuu and ounapuu, Đỗ and do are the same."""
    decomposed = unicodedata.normalize("NFKD", text.strip().casefold().replace("đ", "d"))
    return "".join(character for character in decomposed if not unicodedata.combining(character))
