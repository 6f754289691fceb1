"""The coder's edges: strict DER, BER brought into definite form, names compared as names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sild.errors import PeerError
from sild.pki.asn1 import (
    Algorithm,
    decode,
    definite_form,
    encode,
    issuer_der,
    issuer_name_key,
    name_key,
    subject_der,
    subject_name_key,
    wrap,
)
from support.pki import Pki, name

PKI = Pki()


def indefinite(tag: int, *parts: bytes) -> bytes:
    return bytes((tag, 0x80)) + b"".join(parts) + b"\x00\x00"


def test_lengths_are_made_definite_and_strings_joined() -> None:
    piece = wrap(0x04, b"ab"), wrap(0x04, b"cd")
    assert definite_form(indefinite(0x30, indefinite(0x24, *piece), b"\x02\x01\x07")) == wrap(
        0x30, wrap(0x04, b"abcd") + b"\x02\x01\x07"
    )


def test_sets_are_put_in_order() -> None:
    assert definite_form(bytes.fromhex("3106020102020101")) == bytes.fromhex("3106020101020102")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x30",
        b"\x30\x80",
        b"\x30\x80\x00",
        b"\x30\x02\x01",
        b"\x04\x80\x00\x00",
        b"\x30\x00\x00",
        b"\x1f\x81\x01\x00",
        b"\x30\x85\x01\x00\x00\x00\x00",
        b"\x30\x03\x02\x02\x01",
        b"\x24\x80\x02\x01\x01\x00\x00",
        b"\x30\x80" * 500,
    ],
)
def test_what_is_not_ber_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        definite_form(data)


@given(st.binary(max_size=200))
def test_no_bytes_break_it(data: bytes) -> None:
    try:
        once = definite_form(data)
    except ValueError:
        return
    assert definite_form(once) == once


@given(st.binary(max_size=80))
def test_decode_raises_peer_error_alone(data: bytes) -> None:
    for ber in (False, True):
        try:
            decode(Algorithm, data, ber=ber)
        except PeerError as refused:
            assert refused.code == "invalid_message"


def test_names_come_as_encoded() -> None:
    member = PKI.sign_credential().certificate
    assert subject_der(member) == member.subject.public_bytes()
    assert issuer_der(member) == PKI.ca.certificate.subject.public_bytes()


def test_names_compare_without_case_spaces_and_kind_of_string() -> None:
    one = name(O="Test  member", CN="x").public_bytes()
    assert name_key(one) == name_key(name(O="test member", CN="X").public_bytes())
    assert name_key(one) == name_key(one.replace(b"\x0c\x0cTest", b"\x13\x0cTest"))
    assert name_key(one) != name_key(name(CN="x", O="Test member").public_bytes())
    assert name_key(one) != name_key(name(O="Test member").public_bytes())


def text_name(tag: int, data: bytes) -> bytes:
    """A Name of one common name whose value has `tag`."""
    attribute = wrap(0x30, b"\x06\x03\x55\x04\x03" + wrap(tag, data))
    return wrap(0x30, wrap(0x31, attribute))


@pytest.mark.parametrize(
    ("tag", "data"),
    [
        (0x0C, "straße".encode()),
        (0x0C, b" STRASSE "),
        (0x13, b"Strasse"),
        (0x16, b"strasse"),
        (0x1A, b"STRASSE"),
        (0x14, "Straße".encode("latin-1")),
        (0x1C, "Straße".encode("utf-32-be")),
        (0x1E, "Straße".encode("utf-16-be")),
        (0x0C, "\uff33trasse\u00a0".encode()),  # full-width S, no-break space
    ],
)
def test_a_name_is_its_text_whatever_string_it_stands_in(tag: int, data: bytes) -> None:
    assert name_key(text_name(tag, data)) == name_key(text_name(0x0C, b"strasse"))


@pytest.mark.parametrize(
    ("tag", "data"),
    [(0x0C, b"stra sse"), (0x03, b"strasse"), (0x0C, b"strasse\xff"), (0x13, b"stra\xc3\x9fe")],
)
def test_a_name_that_is_another(tag: int, data: bytes) -> None:
    assert name_key(text_name(tag, data)) != name_key(text_name(0x0C, b"strasse"))
    assert name_key(text_name(tag, data)) == name_key(text_name(tag, data))


def test_keys_of_a_certificates_names() -> None:
    member = PKI.sign_credential().certificate
    assert issuer_name_key(member) == subject_name_key(PKI.ca.certificate) == name_key(issuer_der(member))


@pytest.mark.parametrize("size", [0, 1, 127, 128, 255, 256, 65535, 65536])
def test_wrap_writes_what_the_coder_reads(size: int) -> None:
    from cryptography.hazmat import asn1

    data = wrap(0x04, bytes(size))
    assert asn1.decode_der(bytes, data) == bytes(size)
    assert encode(bytes(size)) == data
