"""SOAP messages as information systems send them: any cutting, any multipart, SOAPAction (WIRE 3, 3.1)."""

from __future__ import annotations

import email.message
import email.policy
from email.mime.application import MIMEApplication
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sild.errors import PeerError
from sild.xroad.soap_stream import SoapEvent, SoapStreamReader, SoapStreamWriter, ensure_soap_action
from sild.xroad.transport import BodyData, BodyEnd, BodyStart, MessageKind, MessagePart, TransportLimits

TYPE = 'multipart/related; type="text/xml"; boundary=b0und'
WHOLE = (
    b"preamble\r\n--b0undary of another\r\n--b0und\r\nContent-Type: text/xml\r\nContent-ID: <r>\r\n\r\n<soap/>\r\n"
    b"--b0und  \r\ncontent-type: a/b\r\nno colon\r\n\r\n\r\n--b0undless\r\n\r\n--b0und\r\nContent-Type: c/d\r\n\r\n"
    b"\r\n--b0und--\r\nepilogue"
)
PARTS = [
    ("text/xml", (("Content-ID", "<r>"),), b"<soap/>"),
    ("a/b", (), b"\r\n--b0undless\r\n"),
    ("c/d", (), b""),
]
Part = tuple[str, tuple[tuple[str, str], ...], bytes]


def read(content_type: str | None, data: bytes, cuts: list[int] | None = None, **limits: int) -> list[Part]:
    """The parts, after feeding `data` in pieces."""
    reader = SoapStreamReader(content_type, TransportLimits(**limits))
    places = [0, *sorted(cuts or []), len(data)]
    events: list[SoapEvent] = []
    for start, end in pairwise(places):
        events += reader.feed(data[start:end])
    events += reader.finish()
    assert reader.finish() == []
    parts: list[Part] = []
    for event in events:
        match event:
            case MessagePart():
                assert event.kind is MessageKind.SOAP
                parts.append((event.content_type, event.fields, event.data))
            case BodyStart():
                assert event.number == len(parts)
                parts.append((event.content_type, event.fields, b""))
            case BodyData():
                content_type, fields, content = parts[-1]
                parts[-1] = (content_type, fields, content + event.data)
            case BodyEnd():
                pass
    return parts


@given(st.lists(st.integers(0, len(WHOLE)), max_size=12))
def test_any_cutting_gives_the_same_parts(cuts: list[int]) -> None:
    assert read(TYPE, WHOLE, cuts) == PARTS


@pytest.mark.parametrize("end", [b"\r\n--b0und--", b"\r\n--b0und", b"\r\n--b0und-", b"\r\n--b0und\r\n", b""])
@given(cuts=st.lists(st.integers(0, 80), max_size=6))
def test_a_missing_end(end: bytes, cuts: list[int]) -> None:
    """What senders leave out, the end of the HTTP body says."""
    data = b"--b0und\r\nContent-Type: text/xml\r\n\r\n<soap/>" + end
    assert read(TYPE, data, [cut for cut in cuts if cut < len(data)]) == [("text/xml", (), b"<soap/>")]


@given(st.lists(st.binary(max_size=100), max_size=4), st.lists(st.integers(0, 1000), max_size=8))
def test_what_is_written_is_read(bodies: list[bytes], cuts: list[int]) -> None:
    writer = SoapStreamWriter("b0und", with_attachments=bool(bodies))
    data = writer.part("text/xml", [("X", "\xf5")]) + b"<soap/>"
    for body in bodies:
        data += writer.part("a/b", []) + body
    data += writer.end()
    expected = [("text/xml", (("X", "\xf5"),), b"<soap/>"), *(("a/b", (), body) for body in bodies)]
    assert read(TYPE, data, [cut for cut in cuts if cut < len(data)]) == expected


@settings(max_examples=300)
@given(
    st.integers(0, len(WHOLE)),
    st.integers(0, len(WHOLE)),
    st.binary(max_size=4),
    st.lists(st.integers(0, len(WHOLE)), max_size=4),
)
def test_a_mangled_message_is_read_or_refused(start: int, end: int, new: bytes, cuts: list[int]) -> None:
    mangled = WHOLE[:start] + new + WHOLE[end:]

    def outcome(cuts: list[int]) -> list[Part] | str:
        try:
            return read(TYPE, mangled, [cut for cut in cuts if cut < len(mangled)])
        except PeerError as error:
            return error.code

    assert outcome(cuts) == outcome([])


@given(st.lists(st.binary(max_size=60), min_size=1, max_size=4), st.booleans())
def test_a_mail_librarys_multipart(bodies: list[bytes], preamble: bool) -> None:
    """Another writer's idea of RFC 2046."""
    made = MIMEMultipart("related", boundary="b0und")
    if preamble:
        made.preamble = "This is a multi-part message in MIME format."
    root = MIMEText("<soap/>", "xml", "utf-8")
    del root["Content-Transfer-Encoding"]
    root.set_payload("<soap/>")
    made.attach(root)
    for body in bodies:
        made.attach(MIMEApplication(body))
    policy = email.policy.HTTP.clone(max_line_length=None)
    data = made.as_bytes(policy=policy).partition(b"\r\n\r\n")[2]
    parts = read(TYPE, data)
    assert parts[0][2] == b"<soap/>"
    assert len(parts) == len(bodies) + 1
    for (_, _, content), part in zip(parts[1:], made.get_payload()[1:], strict=True):
        assert isinstance(part, email.message.Message)
        assert content.strip() == part.as_bytes(policy=policy).partition(b"\r\n\r\n")[2].strip()


def test_plain_messages() -> None:
    assert read("text/xml; charset=UTF-8", b"<soap/>", [3]) == [("text/xml; charset=UTF-8", (), b"<soap/>")]
    assert read("Application/XOP+XML", b"") == [("Application/XOP+XML", (), b"")]


def test_a_multipart_without_parts_gives_nothing() -> None:
    assert read(TYPE, b"") == read(TYPE, b"text") == read(TYPE, b"--b0und--") == []


@pytest.mark.parametrize(
    ("content_type", "data", "code"),
    [
        (None, b"", "invalid_request"),
        ("", b"", "invalid_request"),
        ("multipart/mixed; boundary=b", b"", "invalid_content_type"),
        ("multipart/related", b"", "invalid_content_type"),
        (TYPE, b"--b0und\r\n\r\nx", "invalid_content_type"),
        (TYPE, b"--b0und\r\nContent-Type: text/html\r\n\r\nx", "invalid_content_type"),
        (TYPE, b"--b0und\r\nContent-Type: text/xml\r\ncontent-type: a/b\r\n\r\nx", "mime_parsing_failed"),
        (TYPE, b"--b0und\r\nX: " + b"x" * 20_000, "mime_parsing_failed"),
        ("text/xml", b"x" * 101, "invalid_message"),
        (TYPE, b"--b0und\r\nContent-Type: text/xml\r\n\r\n" + b"x" * 200, "invalid_message"),
        (
            TYPE,
            b"--b0und\r\nContent-Type: text/xml\r\n\r\n" + b"\r\n--b0und\r\nContent-Type: a/b\r\n\r\n" * 9,
            "invalid_message",
        ),
    ],
)
def test_refused(content_type: str | None, data: bytes, code: str) -> None:
    with pytest.raises(PeerError) as refused:
        read(content_type, data, max_soap_bytes=100, max_attachments=5)
    assert refused.value.code == code


def test_an_error_waits_for_the_events_before_it() -> None:
    """Who speaks is judged before what is wrong with an attachment, however the input was cut."""
    reader = SoapStreamReader(TYPE, TransportLimits())
    data = b"--b0und\r\nContent-Type: text/xml\r\n\r\nx\r\n--b0und\r\n\r\ny\r\n--b0und--"
    assert [type(event) for event in reader.feed(data)] == [MessagePart]
    for _ in range(2):
        with pytest.raises(PeerError):
            reader.feed(b"")
        with pytest.raises(PeerError):
            reader.finish()


@pytest.mark.parametrize("value", [None, "", '""', '"urn:x"', '"http://a/b?c=d#e"', '"%C3%B5"', '"relative"'])
def test_soap_actions(value: str | None) -> None:
    ensure_soap_action(value)


@pytest.mark.parametrize(
    "value", ['"', "x", '"a b"', '"%zz"', '"a"b"', '"<>"', "urn:x", '"a', 'b"', '"\\"', '"\n"']
)
def test_soap_actions_that_are_refused(value: str) -> None:
    with pytest.raises(PeerError) as refused:
        ensure_soap_action(value)
    assert refused.value.code == "invalid_soap_action"
