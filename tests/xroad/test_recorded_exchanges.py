"""Exchanges recorded between two reference servers: all good as they are, none with a signed byte changed (wire/README.md)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import timedelta
from hashlib import sha512
from itertools import chain, pairwise
from pathlib import Path

import pytest

from sild.errors import PlatformError
from sild.xroad.evidence import EvidenceReport, verify_transport_message
from sild.xroad.faults import PeerFault
from sild.xroad.globalconf import GlobalConf
from sild.xroad.identifiers import ClientId
from sild.xroad.transport import BodyData, HashChain, HashChainResult, MessagePart, SignaturePart
from sild.xroad.verification import CertificateVerifier
from support.recorded_exchanges import RECORDED_AT, SIGNED, configuration, message, read

CONSUMER = ClientId("EE", "BUSINESS", "consumer", "sub")
PRODUCER = ClientId("EE", "BUSINESS", "producer", "sub")


@pytest.fixture(scope="module")
def globalconf(shared: Path) -> GlobalConf:
    return configuration(shared)


class Recording:
    """One message whose body can be changed; the head says nothing about lengths any more."""

    def __init__(self, path: Path, globalconf: GlobalConf) -> None:
        head, _, _ = path.read_bytes().partition(b"\r\n\r\n")
        framing = rb"\r\n(?i:transfer-encoding: chunked|content-length: \d+)"
        self.head = re.sub(framing, b"", head) + b"\r\n\r\n"
        found, self.body = message(path)
        self.content_type = found.header("content-type") or ""
        self.globalconf = globalconf
        self.verifier = CertificateVerifier()

    def verify(self, body: bytes | None = None) -> EvidenceReport:
        return verify_transport_message(
            [self.head, self.body if body is None else body],
            self.globalconf,
            at=RECORDED_AT,
            verifier=self.verifier,
        )

    def refusal(self, body: bytes) -> str | None:
        try:
            self.verify(body)
        except PlatformError as error:
            return error.code_path
        return None

    def span(self, part: bytes, within: tuple[bytes, bytes] | None = None) -> range:
        """Where `part`, or what stands in it between two texts, is in the body."""
        start = self.body.index(part)
        end = start + len(part)
        if within is not None:
            end = self.body.index(within[1], start) + len(within[1])
            start = self.body.index(within[0], start)
        return range(start, end)

    @property
    def parts(self) -> dict[type, bytes]:
        wanted = (MessagePart, BodyData, HashChainResult, HashChain, SignaturePart)
        return {type(e): e.data for e in read(self.content_type, self.body)[0] if isinstance(e, wanted)}


@pytest.fixture(params=SIGNED)
def recording(request: pytest.FixtureRequest, shared: Path, globalconf: GlobalConf) -> Recording:
    return Recording(shared / "wire" / request.param, globalconf)


def changes(body: bytes, places: Iterable[int], bit: int = 1) -> Iterator[tuple[int, bytes]]:
    for place in places:
        yield place, body[:place] + bytes([body[place] ^ bit]) + body[place + 1 :]


# --- as they are


@pytest.mark.parametrize("name", SIGNED)
def test_good(shared: Path, globalconf: GlobalConf, name: str) -> None:
    report = Recording(shared / "wire" / name, globalconf).verify()
    assert report.signer == (CONSUMER if name.endswith("req") else PRODUCER)
    assert report.client == CONSUMER
    assert [r.uri for r in report.references] == ["/message.xml", "/attachment1"][: len(report.references)]
    assert report.certificate is not None


@pytest.mark.parametrize("name", SIGNED)
def test_good_as_recorded_in_pieces(shared: Path, globalconf: GlobalConf, name: str) -> None:
    recorded = (shared / "wire" / name).read_bytes()
    pieces = [recorded[start : start + 7] for start in range(0, len(recorded), 7)]
    verify_transport_message(pieces, globalconf, at=RECORDED_AT)


def test_the_refusal_is_a_fault(shared: Path, globalconf: GlobalConf) -> None:
    report = EvidenceReport()
    with pytest.raises(PeerFault) as caught:
        verify_transport_message(
            [(shared / "wire/04.resp").read_bytes()], globalconf, at=RECORDED_AT, report=report
        )
    assert caught.value.code == "Server.ServerProxy.AccessDenied"
    assert report.fault is not None
    assert report.fault.detail == "90d1502a-a29e-4a79-9fed-8b7b9b3adf01"


@pytest.mark.parametrize("days", [-2, 2, 400])
def test_at_another_time(shared: Path, globalconf: GlobalConf, days: int) -> None:
    with pytest.raises(PlatformError) as caught:
        verify_transport_message(
            [(shared / "wire/02.req").read_bytes()], globalconf, at=RECORDED_AT + timedelta(days=days)
        )
    assert caught.value.code_path in (
        "signature_verification.invalid_cert_path.incorrect_validation_info",
        "signature_verification.cannot_create_cert_path.internal_error",
    )


# --- with a byte changed


def test_every_byte_of_what_was_signed(recording: Recording) -> None:
    """Message, body and chain result, each byte; the code is one of those WIRE gives for what the byte belongs to."""
    parts = recording.parts
    parts.pop(SignaturePart)
    parts.pop(HashChain, None)
    places = chain.from_iterable(recording.span(part) for part in parts.values())
    for place, body in changes(recording.body, places):
        code = recording.refusal(body)
        assert code is not None, (place, recording.body[place - 20 : place + 20])
        assert code.startswith(("signature_verification.", "service_failed.", "missing_")), code


def test_bytes_of_the_hash_chain(recording: Recording) -> None:
    """It is not signed itself; but nothing can be changed in it beyond its XML declaration."""
    part = recording.parts.get(HashChain)
    if part is not None:
        places = recording.span(part)[part.index(b"?>") + 2 :: 3]
        for place, body in changes(recording.body, places):
            code = recording.refusal(body)
            assert code is not None, (place, recording.body[place - 20 : place + 20])
            assert code.startswith("signature_verification.malformed_signature."), code


@pytest.mark.parametrize(
    "within",
    [
        (b"<ds:SignedInfo>", b"</ds:SignedInfo>"),
        (b"<xades:SignedProperties", b"</xades:SignedProperties>"),
        (b"<ds:X509Certificate>", b"</ds:X509Certificate>"),
    ],
)
def test_bytes_of_the_signature(recording: Recording, within: tuple[bytes, bytes]) -> None:
    places = recording.span(recording.parts[SignaturePart], within)[::4]
    for place, body in changes(recording.body, places):
        code = recording.refusal(body)
        assert code is not None, (place, recording.body[place - 20 : place + 20])
        assert code.startswith("signature_verification."), code


def test_bytes_of_the_signature_value(recording: Recording) -> None:
    value = recording.span(
        recording.parts[SignaturePart], (b'<ds:SignatureValue Id="signature-value">', b"</ds:SignatureValue>")
    )[40:-25:5]
    for place, body in changes(recording.body, value):
        assert recording.refusal(body) is not None, recording.body[place - 20 : place + 20]


def test_an_exchanged_signature(shared: Path, globalconf: GlobalConf) -> None:
    """The right member's signature over another message."""
    one, other = (Recording(shared / "wire" / name, globalconf) for name in ("02.req", "04.req"))
    body = one.body.replace(one.parts[SignaturePart], other.parts[SignaturePart])
    assert one.refusal(body) == "signature_verification.invalid_signature_value"


# --- with parts missing, doubled, reordered


def split(recording: Recording) -> tuple[bytes, list[bytes]]:
    """The boundary's line, and the top-level parts behind such lines."""
    boundary = b"--" + recording.content_type.rpartition("boundary=")[2].encode()
    pieces = (b"\r\n" + recording.body).split(b"\r\n" + boundary)
    return boundary, pieces[1:-1]


def join(boundary: bytes, parts: list[bytes]) -> bytes:
    return b"".join(boundary + part + b"\r\n" for part in parts) + boundary + b"--\r\n"


def kind(part: bytes) -> str:
    return part.split(b"content-type: ")[1].split(b"\r\n")[0].split(b";")[0].decode()


def test_the_cut_up_message_is_still_good(recording: Recording) -> None:
    assert recording.refusal(join(*split(recording))) is None


EXPECTED_WHEN_MISSING = {
    "application/x-road-rest-request": "service_failed.invalid_content_type",
    "application/x-road-rest-response": "service_failed.invalid_content_type",
    "text/xml": "service_failed.invalid_content_type",
    "application/x-road-rest-body": "signature_verification.malformed_signature.invalid_reference",
    "multipart/mixed": "signature_verification.malformed_signature.invalid_reference",
    "application/hash-chain-result": "service_failed.invalid_content_type",
    "application/hash-chain": "service_failed.invalid_content_type",
    "signature/bdoc-1.0/ts": "missing_signature",
}


def test_a_missing_part(recording: Recording) -> None:
    boundary, parts = split(recording)
    for number, part in enumerate(parts):
        rest = parts[:number] + parts[number + 1 :]
        if kind(part) != "application/ocsp-response":
            assert recording.refusal(join(boundary, rest)) == EXPECTED_WHEN_MISSING[kind(part)], kind(part)


def test_a_doubled_part(recording: Recording) -> None:
    boundary, parts = split(recording)
    for number, part in enumerate(parts):
        if kind(part) != "application/ocsp-response":
            code = recording.refusal(join(boundary, [*parts[:number], part, *parts[number:]]))
            last = "invalid_message" if number == len(parts) - 1 else "invalid_content_type"
            assert code == f"service_failed.{last}", kind(part)


def test_two_parts_that_change_places(recording: Recording) -> None:
    boundary, parts = split(recording)
    for number, (one, two) in enumerate(pairwise(parts)):
        code = recording.refusal(join(boundary, [*parts[:number], two, one, *parts[number + 2 :]]))
        assert code in ("service_failed.invalid_content_type", "service_failed.invalid_message"), kind(one)


def test_a_message_cut_short(recording: Recording) -> None:
    assert recording.refusal(b"").startswith("missing_")  # no part at all, as in the reference
    for end in range(97, len(recording.body) - 4, 97):
        assert recording.refusal(recording.body[:end]) == "service_failed.io_error"


def test_report_names_what_was_compared(shared: Path, globalconf: GlobalConf) -> None:
    recording = Recording(shared / "wire/01.req", globalconf)
    report = recording.verify()
    body = recording.parts[BodyData]
    assert report.references[1].digest == sha512(body).digest()
    assert (report.kind, report.query_id) == (
        "rest-request",
        "EE-4f839fd9-3a90-4074-864c-8baa5c01c8dd",
    )
