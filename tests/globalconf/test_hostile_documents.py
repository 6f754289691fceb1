"""Documents meant to hurt: refused as `malformed_global_conf`, quickly, and nothing is fetched or expanded."""

import random
from pathlib import Path

import pytest

from sild.errors import PeerError
from sild.xroad.globalconf import documents, parse_anchor, parse_shared_parameters

NS = 'xmlns:x="http://x-road.eu/xsd/xroad.xsd"'


def refuse(xml: bytes) -> None:
    with pytest.raises(PeerError) as refused:
        parse_shared_parameters(xml)
    assert refused.value.code == "malformed_global_conf"


def test_entities_that_multiply() -> None:
    laughs = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))
    refuse(f'<!DOCTYPE x [<!ENTITY l0 "ha">{laughs}]><x:conf {NS}>&l9;</x:conf>'.encode())


def test_an_external_entity(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    refuse(f'<!DOCTYPE x [<!ENTITY e SYSTEM "{secret.as_uri()}">]><x:conf {NS}>&e;</x:conf>'.encode())


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-32"])
def test_a_document_type_in_another_encoding(encoding: str) -> None:
    text = (
        f'<?xml version="1.0" encoding="{encoding}"?><!DOCTYPE x [<!ENTITY e "x">]><x:conf {NS}>&e;</x:conf>'
    )
    refuse(text.encode(encoding))


def test_depth() -> None:
    refuse(f"<x:conf {NS}>{'<a>' * 5000}{'</a>' * 5000}</x:conf>".encode())


def test_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "MAX_DOCUMENT_BYTES", 1000)
    refuse(f"<x:conf {NS}>{' ' * 1000}</x:conf>".encode())


@pytest.mark.parametrize("xml", [b"", b"\x00", b"<conf/>", b"<x:conf xmlns:x='y'/>", b"\xff\xfe", b"not xml"])
def test_not_a_configuration(xml: bytes) -> None:
    refuse(xml)


def test_cut_anywhere_or_changed_anywhere_gives_a_peer_error_or_a_value(shared: Path) -> None:
    xml = (shared / "globalconf/signed/public/V6/20251110170000548026000/shared-params.xml").read_bytes()
    for end in range(0, len(xml) - 2, 97):
        refuse(xml[:end])
    dice = random.Random(7)
    for _ in range(300):
        changed = bytearray(xml)
        changed[dice.randrange(len(xml))] = dice.randrange(256)
        try:
            parse_shared_parameters(bytes(changed))
        except PeerError as error:
            assert error.code == "malformed_global_conf"


def test_an_anchor_has_its_own_code(shared: Path) -> None:
    for name in ("trusted-anchor-invalid-1.xml", "trusted-anchor-invalid-2.xml"):
        with pytest.raises(PeerError) as refused:
            parse_anchor((shared / "globalconf/anchors" / name).read_bytes())
        assert refused.value.code == "malformed_anchor"
