"""Spooled bodies: memory up to a threshold, an unnamed file after it, one digest, limits."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from sild.errors import CallerError, Unavailable
from sild.security_server.spool import SpooledBody


@pytest.mark.parametrize("pieces", [[], [b"abc"], [b"x" * 1000] * 3, [b"y" * 70_000] * 9])
def test_reads_back_what_was_written(tmp_path: Path, pieces: list[bytes]) -> None:
    with SpooledBody(directory=tmp_path, threshold=100_000) as body:
        for piece in pieces:
            body.write(piece)
        whole = b"".join(pieces)
        assert body.read() == whole == body.open().read() == b"".join(body.pieces())
        assert body.digest == hashlib.sha512(whole).digest()
        assert body.size == len(whole)
        assert body.in_memory is (len(whole) <= 100_000)
        assert list(tmp_path.iterdir()) == [], "the file has no name"


def test_two_readers_at_once(tmp_path: Path) -> None:
    with SpooledBody(directory=tmp_path, threshold=10) as body:
        body.write(b"z" * 200_000)
        first, second = body.pieces(), body.pieces()
        assert next(first) + b"".join(second)[:0] + b"".join(first) == b"z" * 200_000


def test_limit_and_missing_directory(tmp_path: Path) -> None:
    with SpooledBody(limit=10) as body, pytest.raises(CallerError) as caught:
        body.write(b"x" * 11)
    assert caught.value.code == "invalid_request"
    with SpooledBody(directory=tmp_path / "gone", threshold=1) as body, pytest.raises(Unavailable) as failed:
        body.write(b"xx")
    assert failed.value.code == "io_error"
