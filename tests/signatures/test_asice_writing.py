"""Containers made here: entries, order, times, and that the same record gives the same bytes."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import pytest
from lxml import etree

from sild.errors import PeerError
from sild.signatures import AsicContainer, Attachment, read_asice, write_asice
from support.signed_messages import MESSAGE, sign

AT = datetime(2026, 3, 1, 12, 0, 2, tzinfo=UTC)
FULL = AsicContainer(
    message=MESSAGE,
    signature=b"<signature/>",
    hash_chain_result=b"<result/>",
    hash_chain=b"<chain/>",
    timestamp=b"0\x03token",
    ts_hash_chain_result=b"<ts-result/>",
    ts_hash_chain=b"<ts-chain/>",
    attachments=(Attachment.of_bytes(1, b"{}"), Attachment.of_bytes(2, bytes(200_000))),
)


def written(container: AsicContainer) -> bytes:
    file = io.BytesIO()
    write_asice(container, file, at=AT)
    return file.getvalue()


def test_entries_and_order() -> None:
    with ZipFile(io.BytesIO(written(FULL))) as archive:
        assert archive.namelist() == [
            "mimetype",
            "message.xml",
            "META-INF/signatures.xml",
            "sig-hashchainresult.xml",
            "sig-hashchain.xml",
            "ts-hashchainresult.xml",
            "ts-hashchain.xml",
            "META-INF/manifest.xml",
            "META-INF/ASiCManifest.xml",
            "META-INF/timestamp.tst",
            "attachment1",
            "attachment2",
        ]
        assert archive.comment == b"mimetype=application/vnd.etsi.asic-e+zip"
        assert {entry.date_time for entry in archive.infolist()} == {(2026, 3, 1, 12, 0, 2)}
        kinds = [entry.compress_type for entry in archive.infolist()]
        assert kinds == [ZIP_STORED] + [ZIP_DEFLATED] * 11
        etree.fromstring(archive.read("META-INF/manifest.xml"))
        etree.fromstring(archive.read("META-INF/ASiCManifest.xml"))


def test_the_type_can_be_told_from_the_first_bytes() -> None:
    """EN 319 162-1 A.1: at offset 38 stands the type itself."""
    assert written(FULL)[30:69] == b"mimetypeapplication/vnd.etsi.asic-e+zip"


def test_a_single_time_stamp_is_no_entry() -> None:
    names = ZipFile(io.BytesIO(written(AsicContainer(message=MESSAGE, signature=sign())))).namelist()
    assert names == ["mimetype", "message.xml", "META-INF/signatures.xml", "META-INF/manifest.xml"]


def test_read_back() -> None:
    again = read_asice(io.BytesIO(written(FULL)))
    assert again.files == FULL.files
    assert again.timestamp == FULL.timestamp
    assert [attachment.open().read() for attachment in again.attachments] == [b"{}", bytes(200_000)]


def test_same_record_same_bytes() -> None:
    assert written(FULL) == written(FULL)


def test_a_record_after_2038() -> None:
    """When the extra field's 32 bits are over."""
    file = io.BytesIO()
    write_asice(FULL, file, at=AT.replace(year=2039))
    with ZipFile(file) as archive:
        assert {entry.date_time[0] for entry in archive.infolist()} == {2039}
    assert read_asice(file).message == MESSAGE


def test_what_belongs_together_is_required_together() -> None:
    with pytest.raises(PeerError) as refusal:
        written(AsicContainer(message=MESSAGE, signature=sign(), hash_chain=b"<chain/>"))
    assert refusal.value.code == "asic_hash_chain_result_not_found"
