"""The health insurance card on paper: the twin of the credential in the wallet, A6, with a code that carries what is shown of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from sild.documents.codes import qr_svg
from sild.documents.presentation import present
from sild.documents.typesetting import typeset
from sild.i18n import Speaker, format_day, shipped_texts

__all__ = ["CARD_CLAIMS", "CARD_KIND", "CardFace", "card_pdf", "card_presentation", "speaker"]

CARD_KIND = "urn:sild:health-insurance-card:1"
CARD_CLAIMS = ("card_number", "given_names", "family_name", "birthdate", "cover_from")
"""What the code shows: who is covered since when, to be held against an identity document. Not the personal code: what any camera
takes in passing must not be the key to other registers."""


@dataclass(frozen=True, slots=True)
class CardFace:
    """name: in the order of the person's country.  office: competent for the card, by language; None: the issuer."""

    number: str
    name: str
    code: str
    born: date
    cover_from: date
    valid_until: date
    credential: str
    office: Mapping[str, str] | None = None


def card_presentation(credential: str) -> str:
    """What the card's code holds. Raises as `present` does."""
    return present(credential, CARD_CLAIMS)


def card_pdf(face: CardFace, language: str, *, at: datetime) -> bytes:
    """PDF/A-3a, one A6 page, with the presentation as an attachment, too. language: et, vi or en.  at: when it is made.

    Raises KeyError (language), and as `present` and `qr_svg` do.
    """
    say, shown = speaker(language), card_presentation(face.credential)
    office = [(say("card.office"), face.office.get(language) or face.office["en"])] if face.office else []
    values = {
        "lang": language,
        "title": say("card.title"),
        "author": say("card.issuer"),
        "name": face.name,
        "left": [
            (say("card.number"), face.number),
            (say("card.code"), face.code),
            *office,
        ],
        "right": [
            (say("card.born"), format_day(face.born, language)),
            (say("card.cover_from"), format_day(face.cover_from, language)),
            (say("card.valid_until"), format_day(face.valid_until, language)),
        ],
        "code_alt": say("card.code_alt"),
        "note": say("card.note"),
        "credential": shown,
    }
    return typeset("insurance_card", values, {"code.svg": qr_svg(shown)}, at=at)


def speaker(language: str) -> Speaker:
    """Of the words on papers. Raises KeyError: no such language."""
    return shipped_texts(Path(__file__).parent / "texts").speaker(language)
