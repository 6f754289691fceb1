"""Identifiers in their text forms (PR-REST 4.2, WIRE 1)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sild.errors import CallerError
from sild.xroad.identifiers import (
    ClientId,
    SecurityServerId,
    ServiceId,
    decode_segments,
    encode_segments,
    ensure_new_identifier,
)

PART = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@given(st.lists(PART, min_size=1, max_size=6))
def test_encode_and_decode_are_inverse(parts: list[str]) -> None:
    assert decode_segments(encode_segments(*parts)) == tuple(parts)


def test_escaping_is_the_reference_servers() -> None:
    assert (
        encode_segments("a/b", "ä ö", "-._~!$'()*,;&=@:+", 'q"%')
        == "a%2Fb/%C3%A4%20%C3%B6/-._~!$'()*,;&=@:+/q%22%25"
    )


@pytest.mark.parametrize("text", ["a b", "%", "%4", "%zz", "%ff", 'a"b', "ä", "a|b", "a\x00"])
def test_strict_decoding_refuses(text: str) -> None:
    with pytest.raises(ValueError):
        decode_segments(text)


@pytest.mark.parametrize("text", ["DEV/COM", "DEV/COM/1/S/T", "DEV//1", "", "DEV/COM/"])
def test_a_client_has_three_or_four_parts(text: str) -> None:
    with pytest.raises(ValueError):
        ClientId.decode(text)


def test_forms() -> None:
    client = ClientId.decode("DEV/COM/1234/Sub")
    assert str(client) == "DEV:COM:1234:Sub"
    assert client.long_form == "SUBSYSTEM:DEV/COM/1234/Sub"
    assert client.member.long_form == "MEMBER:DEV/COM/1234"
    assert ClientId.parse("DEV:COM:1234:Sub") == client
    assert client.is_same_member(ClientId("DEV", "COM", "1234", "Other"))
    assert not client.is_same_member(ClientId("dev", "COM", "1234"))
    assert ServiceId(client, "getState", "v1").long_form == "SERVICE:DEV/COM/1234/Sub/getState/v1"
    assert SecurityServerId.decode("DEV/COM/1234/ss1").long_form == "SERVER:DEV/COM/1234/ss1"


@pytest.mark.parametrize(
    "value", ["", "a%b", "a:b", "a;b", "a/b", "a\\b", "a\u200bb", "\ufeff", "a\x1f", "a\x85", "x" * 256]
)
def test_new_identifiers_are_restricted(value: str) -> None:
    with pytest.raises(CallerError):
        ensure_new_identifier(value)
