"""An extract of a population register about a person's birth: evidence for another country, on one A4 page, with the same inside as XML.

`urn:sild:evidence:birth:1`: `<birth number issued>` with one element for each line that is known, dates as ISO 8601.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree  # reads and writes no document type: refused before
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from babel import Locale

from sild.documents.insurance_card import speaker
from sild.documents.sealing import structured_in
from sild.documents.typesetting import typeset
from sild.errors import PeerError
from sild.i18n import format_day

__all__ = ["EXTRACT_LINES", "BirthExtract", "birth_extract_pdf", "read_birth_extract"]

NS = "urn:sild:evidence:birth:1"
EXTRACT_LINES = (
    "given_names",
    "family_name",
    "born",
    "birth_place",
    "sex",
    "citizenship",
    "mother",
    "father",
)
MAX_BYTES, LONGEST = 20_000, 300


@dataclass(frozen=True, slots=True)
class BirthExtract:
    """number: UUID of the evidence.  issuer: name of the register, by language.  birth_place: None: not known, or kept from this reader.

    mother, father: names, in the order of their country; None: not entered.  citizenships: ISO 3166-1.
    """

    number: str
    issuer: Mapping[str, str]
    code: str
    given_names: str
    family_name: str
    born: date
    sex: Literal["F", "M"]
    citizenships: tuple[str, ...]
    birth_place: str | None
    mother: str | None
    father: str | None
    issued_on: date

    @property
    def lines(self) -> Mapping[str, str]:
        """As the XML has them. The personal code is on the page alone: who reads by machine has asked by it."""
        said = {
            "given_names": self.given_names,
            "family_name": self.family_name,
            "born": self.born.isoformat(),
            "birth_place": self.birth_place,
            "sex": self.sex,
            "citizenship": " ".join(self.citizenships),
            "mother": self.mother,
            "father": self.father,
        }
        return {name: words for name, words in said.items() if words}


def birth_extract_pdf(extract: BirthExtract, language: str, *, at: datetime) -> bytes:
    """PDF/A-3a, with the XML as an attachment. language: et, vi or en.  at: when it is made. Raises KeyError (language)."""
    say = speaker(language)
    territories = Locale.parse(language).territories
    shown = {
        **extract.lines,
        "code": extract.code,
        "born": format_day(extract.born, language),
        "sex": say(f"certificate.sex_{extract.sex.lower()}"),
        "citizenship": ", ".join(str(territories.get(one, one)) for one in extract.citizenships),
        "number": extract.number,
        "issued_on": format_day(extract.issued_on, language),
    }

    def rows(*names: str) -> list[tuple[str, str]]:
        return [(say(f"extract.{name}"), shown.get(name) or "–") for name in names]

    values = {
        "lang": language,
        "title": say("extract.title"),
        "author": extract.issuer.get(language) or extract.issuer["en"],
        "sections": [
            {
                "title": "",
                "rows": rows(
                    "given_names", "family_name", "code", "born", "birth_place", "sex", "citizenship"
                ),
            },
            {"title": say("extract.parents"), "rows": rows("mother", "father")},
            {"title": "", "rows": rows("number", "issued_on")},
        ],
        "note": say("extract.note"),
        "structured": _xml(extract).decode(),
        "structured_alt": say("extract.structured"),
    }
    return typeset("birth_extract", values, {}, at=at)


def _xml(extract: BirthExtract) -> bytes:
    made = ElementTree.Element(
        "birth", {"xmlns": NS, "number": extract.number, "issued": extract.issued_on.isoformat()}
    )
    for name, words in extract.lines.items():
        ElementTree.SubElement(made, name).text = words
    written: bytes = ElementTree.tostring(made, encoding="utf-8", xml_declaration=True)
    return written


def read_birth_extract(pdf: bytes) -> Mapping[str, str]:
    """What a sealed extract says, by `EXTRACT_LINES`: of a paper whose seal was verified. Raises PeerError (`not_a_paper`)."""
    xml = structured_in(pdf)
    if len(xml) > MAX_BYTES or b"<!" in xml or b"\0" in xml:
        raise PeerError("no extract of ours", code="not_a_paper")
    try:
        parser = ElementTree.XMLParser(encoding="utf-8")  # noqa: S314  nothing that could expand gets this far
        found = ElementTree.fromstring(xml, parser)  # noqa: S314
    except (ElementTree.ParseError, ValueError):
        raise PeerError("no extract of ours", code="not_a_paper") from None
    if found.tag != f"{{{NS}}}birth":
        raise PeerError("no extract of ours", code="not_a_paper")
    said = {name: (found.findtext(f"{{{NS}}}{name}") or "").strip()[:LONGEST] for name in EXTRACT_LINES}
    return {name: words for name, words in said.items() if words}
