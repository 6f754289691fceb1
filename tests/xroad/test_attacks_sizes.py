"""WIRE 18: limits where the reference has none. Each of these would cost a server memory or time out of proportion."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from sild.errors import PeerError, PlatformError
from sild.xroad.rest import parse_rest_request
from sild.xroad.transport import REST_REQUEST, TransportMessageReader, TransportMessageWriter
from support.two_members import REQUEST, TwoMembers

LETTERS = "abcdefghijklmnopqrstuvwxyzABCD"


def test_a_rest_part_without_end() -> None:
    writer = TransportMessageWriter(LETTERS)
    reader = TransportMessageReader(writer.content_type)
    reader.feed(writer.message(b"GET\r\n/r1/a/b/c/d/e\r\n", REST_REQUEST))
    with pytest.raises(PeerError) as caught:
        for _ in range(1000):
            reader.feed(b"X-Header:" + b"y" * 10_000 + b"\r\n")
    assert caught.value.code == "invalid_message"


def test_a_signature_of_megabytes() -> None:
    world = TwoMembers()
    sealed = world.seal()
    huge = sealed.signature.replace(b"</ds:SignatureValue>", b" " * 2_000_000 + b"</ds:SignatureValue>")
    with pytest.raises(PlatformError):
        world.verify(replace(sealed, signature=huge))


def test_a_hash_chain_that_goes_round_in_a_circle() -> None:
    world = TwoMembers()
    sealed = world.seal(REQUEST, b"body")
    assert sealed.hash_chain is not None
    data_references = sealed.hash_chain.index(b"<DataRef"), sealed.hash_chain.rindex(b"</HashStep>")
    circle = (
        sealed.hash_chain[: data_references[0]]
        + b'<StepRef URI="#STEP0"/><StepRef URI="#STEP0"/>'
        + sealed.hash_chain[data_references[1] :]
    )
    started = time.monotonic()
    with pytest.raises(PlatformError) as caught:
        world.verify(replace(sealed, hash_chain=circle))
    assert caught.value.code_path.startswith(
        "signature_verification.malformed_signature.malformed_hash_chain"
    )
    assert time.monotonic() - started < 1


def test_a_target_that_could_make_a_pattern_slow() -> None:
    part = REQUEST.replace(b"?limit=2", b"?" + b"%41" * 20_000 + b"|")
    started = time.monotonic()
    with pytest.raises(PeerError):
        parse_rest_request(part)
    assert time.monotonic() - started < 1


def test_many_small_pieces_of_a_long_header() -> None:
    """One byte at a time must not cost the square of the header's length."""
    writer = TransportMessageWriter(LETTERS)
    reader = TransportMessageReader(writer.content_type)
    start = f"--xtop{LETTERS}\r\nx: ".encode()
    started = time.monotonic()
    with pytest.raises(PeerError):
        for byte in start + b"y" * 20_000:
            reader.feed(bytes([byte]))
    assert time.monotonic() - started < 2
