"""What a file is, by its bytes; what of it is kept; everything else is not taken."""

from __future__ import annotations

import io
import time
import zipfile

import pytest

from sild.cases.media import JPEG, PDF, PNG, NotTaken, pieces_of
from support import pictures
from support.pictures import GPS


def kept(content: bytes) -> tuple[str, bytes]:
    kind, pieces = pieces_of(content)
    return kind, b"".join(piece if isinstance(piece, bytes) else content[piece] for piece in pieces)


def bomb() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(5_000_000))
    return made.getvalue()


def test_a_pdf_stays_as_it_is():
    assert kept(pictures.PDF) == (PDF, pictures.PDF)


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_photograph_forgets_where_it_was_made_and_not_how_it_is_turned(orientation):
    kind, after = kept(pictures.jpeg(orientation, behind=b"ftypmp42" + GPS))
    assert kind == JPEG and GPS not in after and b"Nokia" not in after and after.endswith(b"\xff\xd9")
    assert (b"Exif" in after) == (orientation != 1)
    assert (b"\x01\x12\0\x03\0\0\0\x01\0" + bytes([orientation]) in after) == (orientation != 1)
    assert kept(after) == (JPEG, after), "what is kept is whole, and nothing more is left out of it"


def test_two_scans_and_what_stands_between_them():
    more = (
        b"\x12\x34"
        + pictures.segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + GPS)
        + pictures.segment(0xDA, b"\x01\x01\x00\x00\x3f\x00")
        + b"\x99"
    )
    _, after = kept(pictures.jpeg(1, data=more))
    assert GPS not in after and b"\x12\x34\xff\xda" in after


def test_what_other_programs_hang_under_the_same_markers_goes_too():
    """A small picture of before it was cut (JFXX), FlashPix beside the colour profile, anybody's APP14."""
    strange = [(0xE0, b"JFXX\0\x10" + GPS), (0xE2, b"FPXR\0" + GPS), (0xE2, b"MPF\0" + GPS), (0xEE, GPS)]
    colours = pictures.segment(0xE2, b"ICC_PROFILE\0\1\1sRGB") + pictures.segment(0xEE, b"Adobe\0d\0\0\0\0\1")
    hung = b"".join(pictures.segment(marker, content) for marker, content in strange)
    whole = pictures.jpeg(1)
    _, after = kept(whole[:20] + hung + colours + whole[20:])
    assert GPS not in after and b"JFXX" not in after
    assert colours in after and b"JFIF" in after


@pytest.mark.parametrize("content", [b"\xff" * 8_000_000, b"\xff\xda\0\2" + b"\xff\0" * 4_000_000])
def test_a_file_made_to_keep_us_busy(content):
    begun = time.thread_time()
    with pytest.raises(NotTaken):
        pieces_of(b"\xff\xd8" + content)
    assert time.thread_time() - begun < 0.5


def test_a_png_without_its_texts():
    kind, after = kept(pictures.png() + b"behind" + GPS)
    assert (
        kind == PNG
        and GPS not in after
        and after == pictures.png().replace(pictures.chunk(b"tEXt", b"Comment\0" + GPS), b"")
    )


@pytest.mark.parametrize(
    "content",
    [b"", b"%PDF", b"%PDF-1.4 cut off", bomb(), b"<html><script>", b"\x89PNG\r\n\x1a\n", pictures.png()[:-6], b"\xff\xd8\xff", pictures.jpeg()[:-2], pictures.jpeg()[:40],
     b"GIF89a", b"MZ\x90\0", b"\x89PNG\r\n\x1a\n" + b"\xff\xff\xff\xffIDAT", b"\xff\xd8\xff\xe1\0\0", b"  %PDF-1.4\n%%EOF", bomb() + pictures.PDF],
)  # fmt: skip
def test_not_taken(content):
    with pytest.raises(NotTaken):
        kept(content)


def test_any_cut_of_a_photograph_is_seen():
    whole = pictures.jpeg()
    for end in range(len(whole)):
        with pytest.raises(NotTaken):
            pieces_of(whole[:end])
