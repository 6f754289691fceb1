"""Transport messages: recorded ones, the reference's decoder cases, order, limits, any cutting of the input (WIRE 4)."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sild.errors import PeerError
from sild.xroad.transport import (
    HASH_CHAIN,
    HASH_CHAIN_RESULT,
    OCSP_RESPONSE,
    REST_BODY,
    REST_REQUEST,
    REST_RESPONSE,
    SIGNATURE,
    BodyData,
    BodyEnd,
    BodyStart,
    End,
    Event,
    FaultPart,
    HashChain,
    HashChainResult,
    MessageKind,
    MessagePart,
    OcspResponsePart,
    SignaturePart,
    TransportLimits,
    TransportMessageReader,
    TransportMessageWriter,
)
from support.recorded_exchanges import message, read

LETTERS = "abcdefghijklmnopqrstuvwxyzABCD"
TYPE = f"multipart/mixed; charset=UTF-8; boundary=xtop{LETTERS}"
DER = b"\x30\x03\x02\x01\x01"
FAULT = (
    b'<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><e:Fault><faultcode>X</faultcode>'
    b"<faultstring>Y</faultstring></e:Fault></e:Body></e:Envelope>"
)
SOAP = b'<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"/>'
ATTACHMENTS = f"multipart/mixed; boundary=xatt{LETTERS}"


def multipart(*parts: tuple[str, bytes]) -> bytes:
    body = b"".join(
        b"\r\n--xtop%s\r\ncontent-type: %s\r\n\r\n%s" % (LETTERS.encode(), kind.encode(), data)
        for kind, data in parts
    )
    return body[2:] + b"\r\n--xtop%s--\r\n" % LETTERS.encode()


def attachments(*datas: bytes) -> bytes:
    inner = b"".join(
        b"\r\n--xatt%s\r\ncontent-type: text/plain\r\nContent-ID: <a>\r\n\r\n%s" % (LETTERS.encode(), data)
        for data in datas
    )
    return inner + b"\r\n--xatt%s--\r\n" % LETTERS.encode()


WHOLE = multipart(
    (OCSP_RESPONSE, DER),
    (REST_REQUEST, b"part"),
    (REST_BODY, b"body\r\n--no boundary\r\n"),
    (HASH_CHAIN_RESULT, b"<result/>"),
    (HASH_CHAIN, b"<chain/>"),
    (SIGNATURE, b"<signature/>"),
)
EVENTS: list[Event] = [
    OcspResponsePart(DER),
    MessagePart(MessageKind.REST_REQUEST, b"part", REST_REQUEST),
    BodyStart(1, REST_BODY),
    BodyData(b"body\r\n--no boundary\r\n"),
    BodyEnd(),
    HashChainResult(b"<result/>"),
    HashChain(b"<chain/>"),
    SignaturePart(b"<signature/>"),
    End(),
]


def code(body: bytes, content_type: str = TYPE, limits: TransportLimits | None = None) -> str:
    error = read(content_type, body, limits=limits)[1]
    assert isinstance(error, PeerError), error
    return error.code


# --- what was recorded, and the reference's own decoder cases

KINDS = {
    "01.req": "OcspResponsePart MessagePart BodyStart BodyData BodyEnd HashChainResult HashChain SignaturePart End",
    "02.req": "OcspResponsePart MessagePart SignaturePart End",
    "02.resp": "MessagePart BodyStart BodyData BodyEnd HashChainResult HashChain SignaturePart End",
    "04.resp": "FaultPart End",
    "05.resp": "MessagePart SignaturePart End",
    "06.req": "OcspResponsePart MessagePart BodyStart BodyData BodyEnd HashChainResult HashChain SignaturePart End",
}


@pytest.mark.parametrize("name", KINDS)
def test_recorded(shared: Path, name: str) -> None:
    head, body = message(shared / "wire" / name)
    content_type = head.header("content-type") or ""
    events, error = read(content_type, body)
    assert error is None
    assert [type(event).__name__ for event in events] == KINDS[name].split()
    for size in (1, 7, 1000):
        assert read(content_type, body, list(range(0, len(body), size))) == (events, None)


def test_recorded_attachment(shared: Path) -> None:
    head, body = message(shared / "wire/06.req")
    events, _ = read(head.header("content-type") or "", body)
    assert BodyStart(1, "text/plain", (("Content-ID", "<a1>"),)) in events
    assert BodyData(b"hello") in events


@pytest.mark.parametrize(
    ("name", "kinds", "expected"),
    [
        ("normal.request", "MessagePart SignaturePart End", None),
        ("normal.response", "MessagePart SignaturePart End", None),
        ("ocsp.request", "OcspResponsePart MessagePart SignaturePart End", None),
        ("attachment.request", "MessagePart BodyStart BodyData BodyEnd SignaturePart End", None),
        ("normal-soapfault.request", "FaultPart SignaturePart End", None),
        ("fault-signature.request", "MessagePart FaultPart End", None),
        ("extracontent.request", "MessagePart SignaturePart", "invalid_message"),
        ("invalid-ocsp.request", "", "io_error"),
        ("invalid-soap-contenttype.request", "", "invalid_content_type"),
        ("invalid-contenttype-signature.request", "MessagePart", "invalid_content_type"),
    ],
)
def test_decoder_cases(shared: Path, name: str, kinds: str, expected: str | None) -> None:
    body = (shared / "proxymessages" / name).read_bytes()
    boundary = re.match(rb"--(\w+)", body)
    assert boundary is not None
    events, error = read(f"multipart/mixed; boundary={boundary.group(1).decode()}", body)
    assert [type(event).__name__ for event in events] == kinds.split()
    assert (error.code if isinstance(error, PeerError) else error) == expected


def test_bare_fault(shared: Path) -> None:
    fault = (shared / "soap/queries/fault.query").read_bytes()
    events, error = read("text/xml; charset=utf-8", fault)
    assert error is None
    assert isinstance(events[0], FaultPart)
    assert code((shared / "soap/queries/simple.query").read_bytes(), "text/xml") == "invalid_message"
    assert code((shared / "soap/queries/missing-body.query").read_bytes(), "text/xml") == "missing_body"
    assert code(b"", "text/xml") == "invalid_soap"


def test_requests_are_never_bare_faults() -> None:
    with pytest.raises(PeerError) as caught:
        TransportMessageReader("text/xml", bare_fault=False)
    assert caught.value.code == "invalid_content_type"


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "blah",
        "multipart/mixed",
        "multipart/mixed; boundary=",
        "multipart/related; boundary=x",
        "multipart/mixed; x",
    ],
)
def test_content_types_of_no_message(content_type: str) -> None:
    assert code(WHOLE, content_type) == "invalid_content_type"


@pytest.mark.parametrize(
    "content_type",
    [
        f'MULTIPART/Mixed; Boundary="xtop{LETTERS}"; charset=UTF-8',
        f"multipart/mixed;boundary=xtop{LETTERS};charset=utf-8",
        f"multipart/mixed ; charset = UTF-8 ; boundary = xtop{LETTERS}",
    ],
)
def test_content_types_of_a_message(content_type: str) -> None:
    assert read(content_type, WHOLE) == (EVENTS, None)


# --- order

PARTS = {
    "ocsp": (OCSP_RESPONSE, DER),
    "request": (REST_REQUEST, b"p"),
    "response": (REST_RESPONSE, b"p"),
    "soap": ("text/xml; charset=UTF-8", SOAP),
    "xop": ('application/xop+xml; type="text/xml"', SOAP),
    "body": (REST_BODY, b"b"),
    "attachments": (ATTACHMENTS, attachments(b"a")),
    "result": (HASH_CHAIN_RESULT, b"r"),
    "chain": (HASH_CHAIN, b"c"),
    "signature": (SIGNATURE, b"s"),
    "fault": ("text/xml", FAULT),
}
HEAD = "(ocsp )*((request|response) (body )?|(soap|xop|fault) (attachments )?)"
END = "(signature |fault |result fault |result chain (signature |fault ))"
COMPLETE = re.compile(HEAD + END)
ACCEPTED = re.compile(f"(ocsp )*|{HEAD}({END}|result |result chain )?")
"""A message may stop anywhere between two parts: what is missing then is for the caller to find."""


def test_every_order_of_up_to_four_parts() -> None:
    for length in range(1, 5):
        for names in product(PARTS, repeat=length):
            events, error = read(TYPE, multipart(*(PARTS[name] for name in names)))
            texts = ["".join(f"{name} " for name in names[:count]) for count in range(length + 1)]
            refused = next(
                (count for count in range(length + 1) if not ACCEPTED.fullmatch(texts[count])), None
            )
            if refused is None:
                assert (error, events[-1]) == (None, End()), texts[-1]
            else:
                assert isinstance(error, PeerError), texts[-1]
                after_the_end = COMPLETE.fullmatch(texts[refused - 1])
                assert error.code == ("invalid_message" if after_the_end else "invalid_content_type"), texts[
                    -1
                ]


def test_a_soap_message_where_the_signature_belongs() -> None:
    assert code(multipart((REST_REQUEST, b"p"), ("text/xml", SOAP))) == "invalid_content_type"


def test_events_before_an_error_come_first() -> None:
    """What is wrong behind a part must not hide what the part itself leads to, however the input is cut (WIRE 5)."""
    body = multipart((REST_REQUEST, b"p"), ("foo/bar", b""))
    reader = TransportMessageReader(TYPE)
    assert reader.feed(body) == [MessagePart(MessageKind.REST_REQUEST, b"p", REST_REQUEST)]
    with pytest.raises(PeerError):
        reader.finish()


# --- multipart as such


def test_an_empty_body_is_a_body() -> None:
    events, error = read(TYPE, multipart((REST_RESPONSE, b"p"), (REST_BODY, b""), (SIGNATURE, b"s")))
    assert error is None
    assert events[1:3] == [BodyStart(1, REST_BODY), BodyEnd()]


def test_several_attachments_are_numbered() -> None:
    parts = (("text/xml", SOAP), (ATTACHMENTS, attachments(b"one", b"", b"\r\n")), (SIGNATURE, b"s"))
    events, error = read(TYPE, multipart(*parts))
    assert error is None
    assert [event.number for event in events if isinstance(event, BodyStart)] == [1, 2, 3]
    assert [event.data for event in events if isinstance(event, BodyData)] == [b"one", b"\r\n"]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (b"--xtop", b"preamble--xtop", "mime_parsing_failed"),
        (b"D--\r\n", b"D--\r\nepilogue", "mime_parsing_failed"),
        (b"D\r\ncontent-type: application/x-road-rest-body", b"Dx\r\ncontent-type: x", "mime_parsing_failed"),
        (b"D\r\ncontent-type: application/x-road-rest-body", b"D \r\ncontent-type: x", "mime_parsing_failed"),
        (b"content-type: application/x-road-rest-body", b"content-type application", "mime_parsing_failed"),
        (
            b"content-type: application/x-road-rest-body",
            b"content-type: application/x-road-rest-body\r\nContent-Type: application/x-road-rest-body",
            "mime_parsing_failed",
        ),
        (b"content-type: application/x-road-rest-body", b"x: y", "invalid_content_type"),
        (b"--xtopabc", b"--xtopabd", "mime_parsing_failed"),
        (b"D--\r\n", b"D", "io_error"),
        (b"D--\r\n", b"D-", "io_error"),
    ],
)
def test_multiparts_that_are_refused(old: bytes, new: bytes, expected: str) -> None:
    assert old in WHOLE
    assert code(WHOLE.replace(old, new, 1)) == expected


def test_nested_multipart_without_an_end() -> None:
    cut = attachments(b"a").removesuffix(b"--\r\n")
    assert code(multipart(("text/xml", SOAP), (ATTACHMENTS, cut), (SIGNATURE, b"s"))) == "mime_parsing_failed"
    assert (
        code(multipart(("text/xml", SOAP), ("multipart/mixed", b""), (SIGNATURE, b"s")))
        == "invalid_content_type"
    )


def test_folded_and_bare_headers() -> None:
    body = WHOLE.replace(
        b"content-type: application/x-road-rest-body",
        b"X: 1\r\n 2\r\nCONTENT-TYPE:\r\n\tapplication/x-road-rest-body",
    )
    assert BodyStart(1, REST_BODY, (("X", "1 2"),)) in read(TYPE, body)[0]


# --- limits


@pytest.mark.parametrize(
    ("limits", "body"),
    [
        (TransportLimits(max_header_bytes=20), WHOLE),
        (TransportLimits(max_ocsp_bytes=4), WHOLE),
        (TransportLimits(max_rest_bytes=3), WHOLE),
        (TransportLimits(max_hash_chain_bytes=7), WHOLE),
        (TransportLimits(max_signature_bytes=11), WHOLE),
        (TransportLimits(max_body_bytes=10), WHOLE),
        (TransportLimits(max_ocsp_responses=1), multipart((OCSP_RESPONSE, DER), (OCSP_RESPONSE, DER))),
        (TransportLimits(max_soap_bytes=10), multipart(("text/xml", SOAP))),
        (
            TransportLimits(max_attachments=1),
            multipart(("text/xml", SOAP), (ATTACHMENTS, attachments(b"", b""))),
        ),
        (
            TransportLimits(max_body_bytes=3),
            multipart(("text/xml", SOAP), (ATTACHMENTS, attachments(b"ab", b"cd"))),
        ),
    ],
)
def test_limits(limits: TransportLimits, body: bytes) -> None:
    for cuts in ([], list(range(len(body)))):
        error = read(TYPE, body, cuts, limits)[1]
        assert isinstance(error, PeerError)
        assert error.code in ("invalid_message", "mime_parsing_failed")


def test_endless_headers_are_not_kept() -> None:
    reader = TransportMessageReader(TYPE)
    reader.feed(f"--xtop{LETTERS}\r\n".encode())
    with pytest.raises(PeerError):
        for _ in range(10_000):
            reader.feed(b"x: " + b"y" * 1000 + b"\r\n")


def test_a_body_is_not_kept() -> None:
    """Whatever size: what a reader holds back is shorter than a boundary."""
    reader = TransportMessageReader(TYPE)
    reader.feed(multipart((REST_REQUEST, b"p"), (REST_BODY, b"")).split(b"\r\n\r\n--")[0] + b"\r\n\r\n")
    chunk = b"\n--xtopabc\r\n" * 5000
    received = 0
    for _ in range(200):
        received += sum(len(event.data) for event in reader.feed(chunk) if isinstance(event, BodyData))
    assert received > 200 * len(chunk) - 200


# --- writing


def test_what_the_writer_writes_reads_back() -> None:
    writer = TransportMessageWriter(LETTERS)
    assert writer.content_type == TYPE
    written = (
        writer.ocsp(DER)
        + writer.message(b"part", REST_REQUEST)
        + writer.body_begin()
        + b"body\r\n--no boundary\r\n"
        + writer.hash_chain(b"<result/>", b"<chain/>")
        + writer.signature(b"<signature/>")
        + writer.end()
    )
    assert written == WHOLE


def test_the_writer_writes_what_the_reference_wrote(shared: Path) -> None:
    """Recorded exchange 06: SOAP with an attachment, byte for byte."""
    head, body = message(shared / "wire/06.req")
    content_type = head.header("content-type") or ""
    writer = TransportMessageWriter(content_type.rpartition("xtop")[2])
    written = b""
    chains: list[bytes] = []
    for event in read(content_type, body)[0]:
        match event:
            case OcspResponsePart(der):
                written += writer.ocsp(der)
            case MessagePart():
                written += writer.message(event.data, event.content_type)
            case BodyStart():
                written += writer.attachments_begin() + writer.attachment_begin(
                    event.content_type, event.fields
                )
            case BodyData(data):
                written += data
            case BodyEnd():
                written += writer.attachments_end()
            case HashChainResult(data) | HashChain(data):
                chains.append(data)
            case SignaturePart(data):
                written += writer.hash_chain(*chains) + writer.signature(data)
    assert written + writer.end() == body


def test_the_writer_writes_a_fault() -> None:
    writer = TransportMessageWriter(LETTERS)
    events, error = read(TYPE, writer.message(b"p", REST_RESPONSE) + writer.fault(FAULT) + writer.end())
    assert error is None
    assert isinstance(events[1], FaultPart)
    assert events[1].fault.xml == FAULT


# --- properties


@given(st.lists(st.integers(0, len(WHOLE)), max_size=12))
def test_any_cutting_gives_the_same_events(cuts: list[int]) -> None:
    assert read(TYPE, WHOLE, cuts) == (EVENTS, None)


@given(st.binary(max_size=300), st.lists(st.integers(0, 400), max_size=5))
def test_any_body_comes_through(data: bytes, cuts: list[int]) -> None:
    body = multipart((REST_REQUEST, b"p"), (REST_BODY, data), (SIGNATURE, b"s"))
    events, error = read(TYPE, body, [cut for cut in cuts if cut < len(body)])
    assert error is None
    assert [event for event in events if isinstance(event, BodyData)] == ([BodyData(data)] if data else [])


@given(st.integers(1, len(WHOLE) - 4))
def test_a_cut_message_is_a_peer_error(end: int) -> None:
    assert isinstance(read(TYPE, WHOLE[:end])[1], PeerError)


@settings(max_examples=300)
@given(
    st.integers(0, len(WHOLE)),
    st.integers(0, len(WHOLE)),
    st.binary(max_size=4),
    st.lists(st.integers(0, len(WHOLE)), max_size=4),
)
def test_a_mangled_message_is_a_message_or_a_peer_error(
    start: int, end: int, new: bytes, cuts: list[int]
) -> None:
    """Pieces doubled, lost or replaced; and the outcome does not hang on how the input was cut."""
    mangled = WHOLE[:start] + new + WHOLE[end:]
    events, error = read(TYPE, mangled)
    assert error is None or isinstance(error, PeerError)
    again, error_again = read(TYPE, mangled, [cut for cut in cuts if cut < len(mangled)])
    assert type(error_again) is type(error)
    if isinstance(error, PeerError) and isinstance(error_again, PeerError):
        assert (error.code, error.message) == (error_again.code, error_again.message)
    else:
        assert again == events


@given(st.text(max_size=60))
def test_any_content_type_is_read_or_refused(content_type: str) -> None:
    try:
        TransportMessageReader(content_type)
    except PeerError as error:
        assert error.code == "invalid_content_type"
