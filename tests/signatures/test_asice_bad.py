"""Containers that must be refused: X-Road's codes in X-Road's order, then what a ZIP file can do to a reader."""

from __future__ import annotations

import io
import struct
from zipfile import ZIP_BZIP2, ZIP_DEFLATED, ZipFile, ZipInfo
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sild.errors import PeerError
from sild.signatures import AsicLimits, read_asice
from support.signed_messages import MESSAGE

GOOD = {
    "mimetype": b"application/vnd.etsi.asic-e+zip",
    "message.xml": MESSAGE,
    "META-INF/signatures.xml": b"<x/>",
    "sig-hashchainresult.xml": b"<x/>",
    "sig-hashchain.xml": b"<x/>",
    "ts-hashchainresult.xml": b"<x/>",
    "ts-hashchain.xml": b"<x/>",
    "META-INF/timestamp.tst": b"0",
    "META-INF/manifest.xml": b"<x/>",
    "META-INF/ASiCManifest.xml": b"<x/>",
    "attachment1": b"body",
}


def zipped(files: dict[str, bytes], method: int = ZIP_DEFLATED) -> bytes:
    data = io.BytesIO()
    with ZipFile(data, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return data.getvalue()


def code(data: bytes, limits: AsicLimits | None = None) -> str | None:
    try:
        read_asice(io.BytesIO(data), limits or AsicLimits())
    except PeerError as error:
        return error.code
    return None


# What is blanked together: the first code of the reference's order wins.
ORDER = [
    (("mimetype",), "asic_mime_type_not_found"),
    (("message.xml",), "asic_message_not_found"),
    (("META-INF/signatures.xml",), "asic_signature_not_found"),
    (("sig-hashchainresult.xml",), "asic_hash_chain_result_not_found"),
    (("sig-hashchain.xml",), "asic_hash_chain_not_found"),
    (("META-INF/timestamp.tst",), "asic_timestamp_not_found"),
    (("ts-hashchainresult.xml",), "asic_hash_chain_result_not_found"),
    (("ts-hashchain.xml",), "asic_hash_chain_not_found"),
    (("META-INF/manifest.xml",), "asic_manifest_not_found"),
    (("META-INF/ASiCManifest.xml",), "asic_manifest_not_found"),
]


def test_the_good_one_is_read() -> None:
    assert code(zipped(GOOD)) is None


@pytest.mark.parametrize("number", range(len(ORDER)))
def test_empty_entries_in_order(number: int) -> None:
    """The entry and some later one are empty: the earlier one's code is what is seen."""
    names, expected = ORDER[number]
    for later, _ in ORDER[number : number + 1] + ORDER[number + 2 :]:
        blank = dict.fromkeys((*names, *later), b" \n")
        if {"sig-hashchainresult.xml", "sig-hashchain.xml"} <= blank.keys():
            continue
        assert code(zipped(GOOD | blank)) == expected


@pytest.mark.parametrize(
    "name",
    ["mimetype", "message.xml", "META-INF/signatures.xml", "sig-hashchain.xml", "ts-hashchainresult.xml"],
)
def test_missing_entries(name: str) -> None:
    expected = next(code for names, code in ORDER if names == (name,))
    assert code(zipped({key: value for key, value in GOOD.items() if key != name})) == expected


def test_other_type() -> None:
    assert code(zipped(GOOD | {"mimetype": b"application/zip"})) == "asic_invalid_mime_type"
    assert code(zipped(GOOD | {"mimetype": b"APPLICATION/vnd.etsi.asic-e+zip"})) is None


@pytest.mark.parametrize("data", [b"", b"<xml/>", b"PK", zipped({})])
def test_no_zip(data: bytes) -> None:
    assert code(data) == "asic_mime_type_not_found"


def test_names_match_without_case_but_only_once() -> None:
    upper = {name.upper() if name == "message.xml" else name: data for name, data in GOOD.items()}
    assert code(zipped(upper)) is None
    assert code(zipped(GOOD | {"Message.XML": b"another"})) == "io_error"


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/etc/passwd", "\\evil", "a\\..\\evil"])
def test_names_that_lead_out(name: str) -> None:
    assert code(zipped(GOOD | {name: b"x"})) == "io_error"


def test_unknown_names_are_ignored() -> None:
    assert code(zipped(GOOD | {"notes.txt": b"x", "attachment": b"x", "META-INF/": b""})) is None


def test_zip_bomb() -> None:
    bomb = zipped(GOOD | {"attachment2": bytes(3_000_000)})
    assert len(bomb) < 10_000
    assert code(bomb, AsicLimits(max_attachment_bytes=1_000_000)) == "io_error"
    assert (
        code(zipped(GOOD | {"message.xml": bytes(3_000_000)}), AsicLimits(max_file_bytes=1_000_000))
        == "io_error"
    )


def test_a_size_that_lies_does_not_help() -> None:
    """The directory and the header say 10 bytes; the data unpack to three million."""
    data = zipped({**GOOD, "attachment2": bytes(3_000_000)})
    data = data.replace(struct.pack("<L", 3_000_000), struct.pack("<L", 10))
    assert code(data, AsicLimits(max_attachment_bytes=1_000_000)) == "io_error"


def test_too_many_entries() -> None:
    assert code(zipped(GOOD | {f"n{i}": b"" for i in range(100)}), AsicLimits(max_entries=50)) == "io_error"


def test_other_methods() -> None:
    assert code(zipped(GOOD, ZIP_BZIP2)) == "io_error"


def test_bytes_between_and_around_entries() -> None:
    good = zipped(GOOD)
    assert code(good + b"\n") == "io_error"
    assert code(good + good) == "io_error"
    assert code(zipped({"message.xml": b"hidden"})[:50] + good) == "io_error"


def test_an_entry_only_streaming_readers_see() -> None:
    """A local header and data the directory does not name: Java would read it, others would not."""
    hidden = zipped({"message.xml": b"other message"})
    entry = hidden[: hidden.index(b"PK\x01\x02")]
    good = zipped(GOOD)
    start = good.index(b"PK\x01\x02")
    end = bytearray(good[-22:])
    end[16:20] = struct.pack("<L", start + len(entry))
    assert code(good[:start] + entry + good[start:-22] + bytes(end)) == "io_error"


def test_header_and_directory_with_different_names() -> None:
    good = zipped(GOOD)
    assert code(good.replace(b"attachment1", b"attachment2", 1)) == "io_error"


def test_encrypted() -> None:
    good = bytearray(zipped(GOOD))
    good[6] |= 1
    assert code(bytes(good)) == "io_error"


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_any_changed_byte_is_refused_or_harmless(data: st.DataObject) -> None:
    """Never anything but PeerError; and what is still read is what was written."""
    good = zipped(GOOD)
    position = data.draw(st.integers(0, len(good) - 1))
    changed = bytearray(good)
    changed[position] ^= data.draw(st.integers(1, 255))
    try:
        container = read_asice(io.BytesIO(bytes(changed)))
    except PeerError:
        return
    assert container.message == MESSAGE
    assert container.signature == b"<x/>"


@given(st.integers(0, 1200))
@settings(max_examples=100, deadline=None)
def test_cut_and_doubled(length: int) -> None:
    good = zipped(GOOD)
    assert code(good[: min(length, len(good) - 1)]) is not None
    assert code(good[:length] + good) is not None or length == 0


@pytest.mark.parametrize("second", [b"message.xml", b"attachment1"])
def test_a_second_name_in_an_extra_field(second: bytes) -> None:
    """Info-ZIP's Unicode path: Python from 3.12 on takes it for the entry's name, Java's streams do not."""
    data = io.BytesIO()
    with ZipFile(data, "w") as archive:
        for name, content in GOOD.items():
            archive.writestr(name, content)
        entry = ZipInfo("harmless")
        field = struct.pack("<BI", 1, crc32(b"harmless")) + second
        entry.extra = struct.pack("<HH", 0x7075, len(field)) + field
        archive.writestr(entry, b"another message")
    assert code(data.getvalue()) == "io_error"


def test_a_name_cut_short_by_a_nul() -> None:
    """To Python `message.xml`, to Java another name."""
    data = zipped({("message.xml0junk" if name == "message.xml" else name): c for name, c in GOOD.items()})
    assert code(data.replace(b"message.xml0junk", b"message.xml\0junk")) == "io_error"
