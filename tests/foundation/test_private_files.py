"""Keys, keystores and passwords on the disk: nobody else's, whole or not at all, the same for processes that come at once."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sild.private_files import write_private


def test_for_its_owner_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        assert write_private(tmp_path / "key", b"secret")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [tmp_path / "key"]


def test_the_file_and_its_name_are_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[bool] = []
    monkeypatch.setattr(
        os, "fsync", lambda descriptor: flushed.append(stat.S_ISDIR(os.fstat(descriptor).st_mode))
    )
    write_private(tmp_path / "key", b"secret")
    assert flushed == [False, True]


def test_many_at_once_leave_what_one_of_them_wrote(tmp_path: Path) -> None:
    """Who comes second reads what the first has written, never half of it, and never nothing."""
    path = tmp_path / "password"

    def password(number: int) -> bytes:
        write_private(path, b"%04d" % number * 1000, replace=False)
        return path.read_bytes()

    with ThreadPoolExecutor(8) as threads:
        found = set(threads.map(password, range(200)))
    assert len(found) == 1 and len(found.pop()) == 4000
    assert list(tmp_path.iterdir()) == [path]


def test_what_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "key"
    write_private(path, b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_private(path, b"new")
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [tmp_path / "key"]
