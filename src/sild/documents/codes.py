"""QR codes (ISO/IEC 18004) of a text. Pure: the same text is the same picture."""

from __future__ import annotations

import io

import segno

from sild.errors import CallerError

__all__ = ["qr_svg"]

QUIET_MODULES = 4


def qr_svg(text: str) -> bytes:
    """SVG without size or style, with its quiet zone; the picture's side is `viewBox`'s. text: ASCII, at most 2,900 characters.

    Error correction L, more where the symbol's size gives it: a long text needs few, large modules more than repair.
    Raises CallerError (`too_long_for_a_code`).
    """
    try:
        code = segno.make_qr(text, error="l", mode="byte", encoding="iso-8859-1")
    except segno.DataOverflowError:
        raise CallerError("more than a code holds", code="too_long_for_a_code") from None
    picture = io.BytesIO()
    code.save(
        picture, kind="svg", border=QUIET_MODULES, xmldecl=False, svgclass=None, lineclass=None, omitsize=True
    )
    return picture.getvalue().strip()
