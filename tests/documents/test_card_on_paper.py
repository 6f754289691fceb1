"""The card on paper: legible in three languages, tagged, the same bytes again, its code read by a reader of codes and verified."""

from __future__ import annotations

import io
from datetime import timedelta
from pathlib import Path

import pytest
from pyhanko.pdf_utils.reader import PdfFileReader

from sild.documents import CARD_KIND, card_pdf, card_presentation, credential_in, verify_presentation
from sild.documents.typesetting import FONTS
from sild.errors import CallerError, PeerError

from .papers import AT, codes_in, face, issued, text_of

WORDS = {
    "et": ("Ravikindlustuskaart", "Tervisekassa", "Isikukood", "1. märts 2026", "Kohalik kontor"),
    "vi": ("Thẻ bảo hiểm y tế", "Quỹ Bảo hiểm Y tế", "Mã số cá nhân", "1 tháng 3, 2026", "Phường Ba Đình"),
    "en": ("Health insurance card", "Personal code", "1 March 2026", "Card valid until 28 February 2031"),
}


@pytest.mark.parametrize("language", ["et", "vi", "en"])
def test_read_by_people_and_by_a_camera(tmp_path: Path, language: str) -> None:
    card = issued(tmp_path)
    pdf = card_pdf(face(card.credential), language, at=AT)
    text = text_of(pdf)
    for words in (*WORDS[language], "Nguyễn Đặng Thị Hường", "TE1010000000001", "001326000003"):
        assert words in text, words
    for dots in (110, 200, 300):
        assert codes_in(pdf, dots_per_inch=dots) == [card_presentation(card.credential)], dots
    (code,) = codes_in(pdf)
    shown = verify_presentation(
        code, card.keys, at=AT, kinds=[CARD_KIND], status_list=card.issuer.status_list([3], at=AT)
    )
    assert shown.status == "valid" and shown.claims["card_number"] == "TE1010000000001"
    assert "personal_administrative_number" not in shown.claims and "001326000003" not in code
    assert credential_in(pdf) == code, "and without a camera"


def test_a_document_for_everybody(tmp_path: Path) -> None:
    """PDF/A-3a and PDF/UA-1, as the file says of itself: tags, language, title, the code in words, fonts within."""
    pdf = card_pdf(face(issued(tmp_path).credential), "vi", at=AT)
    reader = PdfFileReader(io.BytesIO(pdf))
    assert reader.root["/Lang"] == "vi" and reader.root["/MarkInfo"]["/Marked"]
    assert reader.root["/ViewerPreferences"]["/DisplayDocTitle"]
    meta = bytes(reader.root["/Metadata"].data)
    for said in (b"<pdfaid:part>3<", b"<pdfaid:conformance>A<", b"<pdfuaid:part>1<"):
        assert said in meta, said
    kinds: list[str] = []

    def walk(node: object) -> None:
        if isinstance(node, list):
            for one in node:
                walk(one.get_object() if hasattr(one, "get_object") else one)
        elif isinstance(node, dict) and "/S" in node:
            kinds.append(str(node["/S"]))
            if node["/S"] == "/Figure":
                assert "chữ ký" in str(node["/Alt"])
            if "/K" in node:
                walk(node["/K"])

    walk(reader.root["/StructTreeRoot"]["/K"])
    assert {"/Document", "/H1", "/Figure", "/L", "/Lbl"} <= set(kinds), kinds


def test_the_same_again_is_the_same_bytes(tmp_path: Path) -> None:
    card = face(issued(tmp_path).credential)
    assert card_pdf(card, "et", at=AT) == card_pdf(card, "et", at=AT)
    assert card_pdf(card, "et", at=AT + timedelta(seconds=1)) != card_pdf(card, "et", at=AT)


@pytest.mark.parametrize(
    "name",
    [
        "Õnne-Maria Äärekivi-Žukov",
        "Ẩn Ữ Ợ Ẵ Ỹ Đ ẫ ự ể",
        '#image("/etc/passwd") *b* $x$ \\ ] } <a> & "',
        "M" * 120,
    ],
)
def test_any_name_is_only_a_name(tmp_path: Path, name: str) -> None:
    """Nothing a register holds is read as markup, and a long name stays on the one page."""
    pdf = card_pdf(face(issued(tmp_path).credential, name=name), "et", at=AT)
    assert name.replace(" ", "") in text_of(pdf).replace(" ", "").replace("￾", "").replace("\u0002", "")
    assert len(PdfFileReader(io.BytesIO(pdf)).root["/Pages"]["/Kids"]) == 1
    assert codes_in(pdf), "the code stays readable"


def test_estonia_has_no_office_and_a_longer_number(tmp_path: Path) -> None:
    text = text_of(card_pdf(face(issued(tmp_path).credential, office=None, number="8" * 20), "et", at=AT))
    assert "Väljastaja" not in text and "8" * 20 in text


def test_no_paper_without_a_credential() -> None:
    for nonsense in ("", "nonsense", "a.b.c", "a.b.c~x~"):
        with pytest.raises((PeerError, CallerError)):
            card_pdf(face(nonsense), "et", at=AT)
    with pytest.raises(KeyError):
        card_pdf(face("a.b.c~"), "ru", at=AT)


def test_the_fonts_are_a_locked_package() -> None:
    assert (FONTS / "BeVietnamPro-Regular.ttf").exists() and (FONTS.parent / "LICENSE").read_text().count(
        "SIL OPEN FONT"
    )
    lock = Path(__file__).parents[2] / "requirements.lock"
    assert "fontpkg-be-vietnam-pro==" in lock.read_text()
