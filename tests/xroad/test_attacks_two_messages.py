"""WIRE 18: one message, once, of the protocol that was announced."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from sild.errors import PeerError, PlatformError
from sild.xroad.evidence import verify_transport_message
from sild.xroad.transport import (
    REST_BODY,
    REST_REQUEST,
    REST_RESPONSE,
    SIGNATURE,
    TransportMessageReader,
    TransportMessageWriter,
)
from support.recorded_exchanges import RECORDED_AT, configuration
from support.two_members import REQUEST

LETTERS = "abcdefghijklmnopqrstuvwxyzABCD"
SOAP = b'<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"/>'


def refused(*parts: tuple[str, bytes]) -> str:
    writer = TransportMessageWriter(LETTERS)
    reader = TransportMessageReader(writer.content_type)
    with pytest.raises(PeerError) as caught:
        reader.feed(b"".join(writer.message(data, kind) for kind, data in parts) + writer.end())
        reader.finish()
    return caught.value.code


@pytest.mark.parametrize("first", [REST_REQUEST, REST_RESPONSE, "text/xml"])
@pytest.mark.parametrize("second", [REST_REQUEST, REST_RESPONSE, "text/xml"])
def test_two_message_parts(first: str, second: str) -> None:
    parts = {REST_REQUEST: REQUEST, REST_RESPONSE: b"200\r\n", "text/xml": SOAP}
    assert (
        refused((first, parts[first]), (second, parts[second]), (SIGNATURE, b"s")) == "invalid_content_type"
    )


def test_a_rest_body_for_soap() -> None:
    assert refused(("text/xml", SOAP), (REST_BODY, b"body"), (SIGNATURE, b"s")) == "invalid_content_type"


def test_soap_attachments_for_rest() -> None:
    kind = f"multipart/mixed; boundary=xatt{LETTERS}"
    assert refused((REST_REQUEST, REQUEST), (kind, b""), (SIGNATURE, b"s")) == "invalid_content_type"


def test_two_bodies() -> None:
    parts = ((REST_REQUEST, REQUEST), (REST_BODY, b"a"), (REST_BODY, b"b"), (SIGNATURE, b"s"))
    assert refused(*parts) == "invalid_content_type"


def test_two_signatures() -> None:
    assert refused((REST_REQUEST, REQUEST), (SIGNATURE, b"s"), (SIGNATURE, b"s")) == "invalid_message"


@pytest.mark.parametrize(
    ("name", "old", "new", "code"),
    [
        ("02.req", b"x-road-message-type: REST\r\n", b"", "missing_soap"),
        ("02.req", b"x-road-message-type: REST", b"x-road-message-type: SOAP", "missing_soap"),
        (
            "05.req",
            b"POST / HTTP/1.1\r\n",
            b"POST / HTTP/1.1\r\nx-road-message-type: REST\r\n",
            "missing_rest",
        ),
        ("02.req", b"POST / HTTP/1.1", b"HTTP/1.1 200 OK", "missing_rest"),
        ("02.resp", b"HTTP/1.1 200 OK", b"POST / HTTP/1.1\r\nx-road-message-type: REST", "missing_rest"),
    ],
)
def test_another_protocol_or_direction_than_announced(
    shared: Path, name: str, old: bytes, new: bytes, code: str, at: datetime = RECORDED_AT
) -> None:
    recorded = (shared / "wire" / name).read_bytes()
    assert old in recorded
    with pytest.raises(PlatformError) as caught:
        verify_transport_message([recorded.replace(old, new, 1)], configuration(shared), at=at)
    assert caught.value.code_path == code
