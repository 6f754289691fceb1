"""The birth certificate: one A4 page in the words and order of the country's own form, with a code that carries what is shown of it.

Whoever is kept from knowing where somebody is (a protection order) gets one without the place: on the page it says so, and neither
the code nor the attachment holds it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from babel import Locale

from sild.catalogue import Certificate
from sild.documents.codes import qr_svg
from sild.documents.insurance_card import speaker
from sild.documents.presentation import present, shown_claims
from sild.documents.typesetting import typeset
from sild.i18n import Speaker, format_day, whole_name

__all__ = [
    "BIRTH_CLAIMS",
    "BIRTH_KIND",
    "BirthEntry",
    "Born",
    "birth_certificate_pdf",
    "birth_presentation",
]

BIRTH_KIND = "urn:sild:birth-certificate:1"
PLACE = "place_of_birth"
BIRTH_CLAIMS = (
    "certificate_number",
    "given_names",
    "family_name",
    "birthdate",
    PLACE,
    "mother_name",
    "father_name",
    "registered_on",
)
"""What the code shows, of those the credential has. Not the personal codes: what any camera takes in passing must not be the key to
registers."""


@dataclass(frozen=True, slots=True)
class Born:
    """The child, or a parent: as the entry has them."""

    code: str
    country: str
    given_names: str
    family_name: str
    born: date
    sex: Literal["F", "M"]
    citizenships: tuple[str, ...]

    @property
    def full_name(self) -> str:
        return whole_name(self.given_names, self.family_name, self.country)


@dataclass(frozen=True, slots=True)
class BirthEntry:
    """number: of the certificate.  birth_place: None: not known.  place_is_kept: from this reader."""

    number: str
    child: Born
    mother: Born | None
    father: Born | None
    birth_place: str | None
    registered_on: date
    issued_on: date
    credential: str
    place_is_kept: bool = False


def birth_presentation(credential: str, *, place_is_kept: bool = False) -> str:
    """What the certificate's code holds. Raises as `present` does."""
    held = shown_claims(credential)
    return present(
        credential, [name for name in BIRTH_CLAIMS if name in held and not (place_is_kept and name == PLACE)]
    )


def birth_certificate_pdf(entry: BirthEntry, layout: Certificate, language: str, *, at: datetime) -> bytes:
    """PDF/A-3a, with the presentation as an attachment, too. language: et, vi or en.  at: when it is made.

    Raises KeyError (language), and as `present` and `qr_svg` do.
    """
    say = speaker(language)
    shown = birth_presentation(entry.credential, place_is_kept=entry.place_is_kept)
    values = {
        "lang": language,
        "title": layout.title[language],
        "author": layout.issuer[language],
        "heading": [line[language] for line in layout.heading],
        "sections": _sections(entry, layout, language, say),
        "code_alt": say("certificate.code_alt"),
        "note": say("certificate.note", basis=layout.basis),
        "credential": shown,
    }
    return typeset("birth_certificate", values, {"code.svg": qr_svg(shown)}, at=at)


def _sections(entry: BirthEntry, layout: Certificate, language: str, say: Speaker) -> list[dict[str, object]]:
    """A parent who is not entered is a dash: an empty line could be filled in."""
    found: list[dict[str, object]] = []
    for section in layout.sections:
        values = _values(entry, section.of, language, say)
        rows = [(row.label[language], values.get(row.show) or "–") for row in section.rows]
        found.append({"title": (section.title or {}).get(language, ""), "rows": rows})
    return found


def _values(entry: BirthEntry, of: str, language: str, say: Speaker) -> Mapping[str, str]:
    if of == "entry":
        return {
            "number": entry.number,
            "registered_on": format_day(entry.registered_on, language),
            "issued_on": format_day(entry.issued_on, language),
        }
    person = {"child": entry.child, "mother": entry.mother, "father": entry.father}[of]
    if person is None:
        return {}
    territories = Locale.parse(language).territories
    place = say("certificate.kept") if entry.place_is_kept else entry.birth_place or ""
    return {
        "given_names": person.given_names,
        "family_name": person.family_name,
        "full_name": person.full_name,
        "code": person.code,
        "born": format_day(person.born, language),
        "born_year": str(person.born.year),
        "sex": say(f"certificate.sex_{person.sex.lower()}"),
        "citizenship": ", ".join(str(territories.get(one, one)) for one in person.citizenships),
        "birth_place": place if of == "child" else "",
    }
