"""A template and plain values become a PDF: PDF/A-3a and PDF/UA-1, tagged, fonts embedded. The same input gives the same bytes.

Templates (templates/*.typ) are ours; what comes from registers reaches them as JSON values and is never read as markup. The
typesetter runs in the process, reads the fonts of a locked package and no others, and fetches nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import typst

__all__ = ["typeset"]

FONTS = Path(str(files("fontpkg_be_vietnam_pro") / "files"))
STANDARDS = ["a-3a", "ua-1"]
SHARED = ("look.typ",)


def typeset(
    template: str, values: Mapping[str, Any], pictures: Mapping[str, bytes], *, at: datetime
) -> bytes:
    """template: its file's stem.  values: JSON, with `lang`, `title` and `author` for the document's own description.

    pictures: files the template names, such as `code.svg`.  at: when the document is made, aware.
    """
    sources = {"main.typ": _template(f"{template}.typ"), **{name: _template(name) for name in SHARED}}
    sources["values.json"] = json.dumps(
        {**values, "made": [at.year, at.month, at.day, at.hour, at.minute, at.second]},
        ensure_ascii=False,
        sort_keys=True,
    ).encode()
    made = typst.compile(  # type: ignore[call-overload]  # its types lack sources given in memory
        {**sources, **pictures},
        font_paths=[str(FONTS)],
        ignore_system_fonts=True,
        pdf_standards=STANDARDS,
        timestamp=at.replace(microsecond=0),
    )
    assert isinstance(made, bytes)  # one document, and no file to write it to
    return made


@cache
def _template(name: str) -> bytes:
    return Path(str(files("sild.documents") / "templates" / name)).read_bytes()
