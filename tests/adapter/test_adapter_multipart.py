"""SOAP with attachments: written and read again, by the security server's reader too; samples; broken multiparts."""

from __future__ import annotations

import io
from collections.abc import AsyncIterable, AsyncIterator
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sild.adapter import CallerError, PeerError, SoapAttachment
from sild.adapter.multipart import MultipartBody, SoapReader
from sild.xroad.mime import PartHeaders

SOAP = b'<?xml version="1.0" encoding="UTF-8"?>\n<e>\xc3\xb5</e>\n'


def parse(body: bytes, content_type: str, *, pieces: int = 0, **options: object):  # type: ignore[no-untyped-def]
    options.setdefault("max_bytes", 10_000_000)
    reader = SoapReader(content_type, **options)  # type: ignore[arg-type]
    step = pieces or len(body) or 1
    for at in range(0, len(body), step):
        reader.feed(body[at : at + step])
    return reader.finish()


def written(*attachments: SoapAttachment, mtom: bool = False) -> tuple[bytes, str]:
    made = MultipartBody(SOAP, attachments, "boundary0123", mtom=mtom)
    body = made.send()
    assert isinstance(body, bytes)
    return body, made.content_type


contents = st.lists(st.binary(max_size=200), max_size=4)


@given(contents, st.integers(0, 50))
def test_what_is_written_is_read(attachments: list[bytes], pieces: int) -> None:
    made = [SoapAttachment(data, "image/png", f"a{n}@x") for n, data in enumerate(attachments)]
    body, content_type = written(*made)
    read = parse(body, content_type, pieces=pieces)
    assert read.envelope == SOAP
    assert [attachment.raw for attachment in read.attachments] == attachments
    assert [attachment.content for attachment in read.attachments] == attachments
    for sent in made:
        assert read.attachment(sent.href).raw == sent.content
        assert read.attachment(sent.href).content_type == "image/png"


def test_pythons_own_reader_sees_the_same() -> None:
    body, content_type = written(SoapAttachment(b"one", "text/plain", "1@x"), SoapAttachment(b"two"))
    parts = message_from_bytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body).get_payload()
    assert isinstance(parts, list)
    messages = [part for part in parts if isinstance(part, Message)]
    assert [part.get_content_type() for part in messages] == [
        "text/xml",
        "text/plain",
        "application/octet-stream",
    ]
    assert messages[1]["Content-ID"] == "<1@x>"
    assert messages[1].get_payload(decode=True) == b"one"


def test_mtom_says_so() -> None:
    body, content_type = written(SoapAttachment(b"\0", content_id="a"), mtom=True)
    assert 'type="application/xop+xml"' in content_type
    assert 'start-info="text/xml"' in content_type
    read = parse(body, content_type)
    assert read.content_type.startswith("application/xop+xml")
    assert read.attachment("cid:a").raw == b"\0"


async def test_streams_are_streamed_and_replayed_where_they_can_be(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"f" * 100_000)

    async def pieces() -> AsyncIterator[bytes]:
        yield b"p"

    async def send(body: MultipartBody) -> bytes:
        sent = body.send()
        assert isinstance(sent, AsyncIterable)
        return b"".join([piece async for piece in sent])

    with file.open("rb") as opened:
        replayable = MultipartBody(SOAP, [SoapAttachment(opened), SoapAttachment(pieces)], "boundary")
        for _ in range(2):
            read = parse(await send(replayable), replayable.content_type)
            assert [attachment.raw for attachment in read.attachments] == [b"f" * 100_000, b"p"]
            assert replayable.replayable
    once = MultipartBody(SOAP, [SoapAttachment(pieces())], "boundary")
    assert once.replayable
    await send(once)
    assert not once.replayable


@pytest.mark.parametrize("value", ["a\r\nX: y", "a<b", "õ", "a>b"])
def test_headers_are_not_broken(value: str) -> None:
    for attachment in (SoapAttachment(b"", content_type=value), SoapAttachment(b"", content_id=value)):
        with pytest.raises(CallerError):
            MultipartBody(SOAP, [attachment], "boundary")


# --- reading


def part(head: str, body: bytes) -> bytes:
    return b"--b\r\n" + head.encode() + b"\r\n\r\n" + body + b"\r\n"


RELATED = "multipart/related; boundary=b"
SOAP_PART = part("Content-Type: text/xml", SOAP)


@pytest.mark.parametrize(
    ("encoding", "raw", "content"),
    [
        ("base64", b"Zm9v\r\nYmFy\r\n", b"foobar"),
        ("BASE64", b"Zm9vYmFy", b"foobar"),
        ("quoted-printable", b"=C3=B5=\r\nx", "õx".encode()),
        ("8bit", b"\xff", b"\xff"),
    ],
)
def test_transfer_encodings(encoding: str, raw: bytes, content: bytes) -> None:
    read = parse(SOAP_PART + part(f"Content-Transfer-Encoding: {encoding}", raw) + b"--b--", RELATED)
    assert (read.attachments[0].raw, read.attachments[0].content) == (raw, content)


@pytest.mark.parametrize(("encoding", "raw"), [("base64", b"***"), ("uuencode", b"x")])
def test_transfer_encodings_that_fail(encoding: str, raw: bytes) -> None:
    read = parse(SOAP_PART + part(f"Content-Transfer-Encoding: {encoding}", raw) + b"--b--", RELATED)
    with pytest.raises(PeerError):
        _ = read.attachments[0].content


def test_references() -> None:
    head = "Content-ID: <a%b@x y>\r\nX-Other: 1"
    read = parse(SOAP_PART + part(head, b"1") + part("X: 2", b"2") + b"--b--", RELATED)
    assert read.attachment("cid:a%25b@x%20y").raw == b"1"
    assert read.attachment("a%b@x y").raw == b"1"
    assert read.attachments[0].field("x-other") == "1"
    for absent in ("cid:", "cid:zzz", ""):
        with pytest.raises(PeerError) as error:
            read.attachment(absent)
        assert error.value.code == "invalid_reference"


@pytest.mark.parametrize(
    ("body", "content_type", "code"),
    [
        (SOAP, "application/json", "invalid_content_type"),
        (SOAP, "", "invalid_content_type"),
        (SOAP_PART + b"--b--", "multipart/related", "invalid_content_type"),
        (SOAP_PART + b"--b--", "multipart/mixed; boundary=b", "invalid_content_type"),
        (part("Content-Type: image/png", b"x") + SOAP_PART + b"--b--", RELATED, "invalid_content_type"),
        (b"--b--", RELATED, "missing_soap"),
        (SOAP_PART, RELATED, "io_error"),
        (b"preamble\r\n" + SOAP_PART + b"--b--", RELATED, "mime_parsing_failed"),
        (SOAP_PART + b"--b--epilogue", RELATED, "mime_parsing_failed"),
        (part("X" * 100_000, b""), RELATED, "mime_parsing_failed"),
        (part("no colon", b"") + b"--b--", RELATED, "mime_parsing_failed"),
        (SOAP_PART + part("X: 1", b"x" * 2_000) + b"--b--", RELATED, "invalid_body"),
        (b"x" * 2_000, "text/xml", "invalid_body"),
    ],
)
def test_what_is_not_read(body: bytes, content_type: str, code: str) -> None:
    with pytest.raises(PeerError) as error:
        parse(body, content_type, max_bytes=1_000)
    assert error.value.code == code


@given(st.data())
def test_any_cut_multipart_is_the_peers_fault(data: st.DataObject) -> None:
    body, content_type = written(SoapAttachment(b"one"), SoapAttachment(b"two"))
    cut = data.draw(st.integers(0, len(body) - 3))
    with pytest.raises(PeerError):
        parse(body[:cut], content_type)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        parse(b"--b\r\nContent-Type: text/xml\r\n\r\n" + body + b"\r\n--b--", RELATED)
    except PeerError:
        pass


def test_attachments_can_go_elsewhere() -> None:
    """A large one to a file: only what is kept counts against the bound."""
    file = io.BytesIO()

    def into(headers: PartHeaders) -> io.BytesIO | None:
        return file if headers.media_type == "video/mp4" else None

    body = SOAP_PART + part("Content-Type: video/mp4", b"v" * 5_000) + part("X: 1", b"small") + b"--b--"
    read = parse(body, RELATED, max_bytes=1_000, into=into, pieces=700)
    assert file.getvalue() == b"v" * 5_000
    assert [attachment.raw for attachment in read.attachments] == [b"", b"small"]
