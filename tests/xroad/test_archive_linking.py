"""Archives: the digest that chains containers, and archives, together (WIRE 17)."""

from __future__ import annotations

import json
import zipfile
from hashlib import sha512
from pathlib import Path

import pytest

from sild.errors import PlatformError
from sild.xroad.archive_linking import Linking, next_digest, parse_linking, verify_linking

CONTAINERS = {"a.asice": b"one", "b.asice": b"two"}


def digest_of(name: str) -> bytes:
    return sha512(CONTAINERS[name]).digest()


def linked(previous: str | None = None) -> Linking:
    digest, entries = previous or "", []
    for name in CONTAINERS:
        digest = next_digest(digest, digest_of(name))
        entries.append((digest, name))
    return Linking(previous, None, tuple(entries))


def test_vector(shared: Path) -> None:
    vector = json.loads((shared / "vectors.json").read_text())["archive_linking"]
    digest = ""
    for container, stated in zip(vector["containers"], vector["digests"], strict=True):
        digest = next_digest(digest, sha512(container.encode()).digest())
        assert digest == stated


def test_the_sample_archive(shared: Path) -> None:
    directory = shared / "messagelog-archive"
    for case in json.loads((directory / "expected.json").read_text())["cases"]:
        with zipfile.ZipFile(directory / case["file"]) as archive:
            linking = parse_linking(archive.read("linkinginfo"))
            names = [name for name in archive.namelist() if name != "linkinginfo"]
            verify_linking(linking, names, lambda name: sha512(archive.read(name)).digest())
        assert linking.last_digest == case["last_digest"]
        assert linking.previous_archive is None


def test_a_chain_goes_on() -> None:
    verify_linking(linked(), CONTAINERS, digest_of)
    verify_linking(linked("ab" * 64), CONTAINERS, digest_of)


@pytest.mark.parametrize(
    ("linking", "code"),
    [
        (Linking("ab" * 64, None, linked().entries), "invalid_hash_chain"),
        (Linking(None, None, linked().entries[::-1]), "invalid_hash_chain"),
        (Linking(None, None, linked().entries[:1]), "invalid_reference"),
        (Linking(None, None, (*linked().entries, linked().entries[0])), "invalid_reference"),
    ],
)
def test_broken_chains(linking: Linking, code: str) -> None:
    with pytest.raises(PlatformError) as caught:
        verify_linking(linking, CONTAINERS, digest_of)
    assert caught.value.code == code


def test_a_changed_container() -> None:
    with pytest.raises(PlatformError) as caught:
        verify_linking(linked(), CONTAINERS, lambda name: sha512(b"x").digest())
    assert caught.value.code == "invalid_hash_chain"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"- -",
        b"- - SHA-256",
        b"x - SHA-512",
        b"- - SHA-512\nxyz a",
        b"- - SHA-512\n" + b"a" * 128,
        b"\xff",
    ],
)
def test_unreadable(data: bytes) -> None:
    with pytest.raises(PlatformError) as caught:
        parse_linking(data)
    assert caught.value.code == "malformed_hash_chain"
