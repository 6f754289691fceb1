"""The public directory of one proxy instance, in the reference's layout: any web server with X-Road's rules can serve it.

    <public>/<proxy instance>/conf-v<N>                       the signed directory of version N, replaced by rename
    <public>/<proxy instance>/<milliseconds>/<instance>/...   the files it lists, complete before it names them

Both are synced to the disk: after a power failure while the source is down, what was valid is still there. A directory of files
carries as its modification time the last moment at which it was listed, and goes `KEEP` later; the reference counts from
its making and takes away the files of a directory that is still in force (UG-CP 3.5.1).
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from sild.errors import Unavailable

__all__ = ["KEEP", "PublicDirectory"]

KEEP = timedelta(seconds=600)

_MILLISECONDS = re.compile(r"\d{13}")
_LISTED = re.compile(rb"^content-location: /[^/\r\n]+/(\d{13})/", re.MULTILINE)
_EXPIRES = re.compile(rb"^expire-date: ([0-9T:.Z+-]+)\r?$", re.MULTILINE)


class PublicDirectory:
    """`path`: `<public>/<proxy instance>`. Publishing is synchronous and syncs to disk: call it in a thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()

    @contextmanager
    def publisher(self) -> Iterator[None]:
        """Hold the directory. Raises Unavailable (`global_conf_distribution_error`): another process does, or the disk."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            with (self.path / ".lock").open("w") as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError as error:
                    raise Unavailable(
                        f"another process is publishing into {self.path}",
                        code="global_conf_distribution_error",
                    ) from error
                yield
        except OSError as error:
            raise Unavailable(
                f"{self.path}: {error.strerror or error}", code="global_conf_distribution_error"
            ) from error

    def write_files(self, files: Mapping[str, bytes], at: datetime) -> str:
        """Files by their path below a new directory, whose name is returned; nobody is told of them before `publish`."""
        name = self._take_name(at)
        draft = self.path / f".{name}"
        directories = {draft}
        for relative, content in files.items():
            path = draft / relative
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(path, content)
            directories.update(p for p in path.parents if p.is_relative_to(draft))
        for directory in sorted(directories, reverse=True):
            _sync(directory)
        draft.rename(self.path / name)
        _sync(self.path)
        return name

    def _take_name(self, at: datetime) -> str:
        """Milliseconds since 1970; later than every name there, so that a clock set back does not bring an old one again."""
        with self._lock:
            latest = max((e.name.removeprefix(".") for e in self._entries(drafts=True)), default="0")
            name = f"{max(int(at.timestamp() * 1000), int(latest) + 1):013d}"
            (self.path / f".{name}").mkdir()
            return name

    def holds(self, name: str) -> bool:
        return (self.path / name).is_dir()

    def publish(self, version: int, directory: bytes) -> None:
        """Make `directory`, signed, the one that is served as `version`."""
        draft = self.path / f".conf-v{version}"
        _write(draft, directory)
        draft.replace(self._conf(version))
        _sync(self.path)

    def withdraw_expired(self, version: int, at: datetime) -> bool:
        """Take a version away that nobody may use any more. Clients ask for the highest there is: it would keep them from a lower one."""
        try:
            found = _EXPIRES.search(self._conf(version).read_bytes())
        except FileNotFoundError:
            return False
        if found is None or datetime.fromisoformat(found[1].decode()) > at:
            return False
        self._conf(version).unlink()
        return True

    def clean(self, at: datetime) -> None:
        """Mark the directories that are listed now; remove those that were listed `KEEP` ago for the last time, and leftovers."""
        listed: set[str] = set()
        for conf in self.path.glob("conf-v*"):
            listed.update(name.decode() for name in _LISTED.findall(conf.read_bytes()))
        moment, oldest = at.timestamp(), (at - KEEP).timestamp()
        for entry in self._entries(drafts=True):
            if entry.name in listed:
                os.utime(entry.path, (moment, moment))
            elif entry.name.startswith(".") or entry.stat().st_mtime < oldest:
                shutil.rmtree(entry.path, ignore_errors=True)

    def _conf(self, version: int) -> Path:
        return self.path / f"conf-v{version}"

    def _entries(self, *, drafts: bool = False) -> list[os.DirEntry[str]]:
        with os.scandir(self.path) as entries:
            return [e for e in entries if _MILLISECONDS.fullmatch(e.name.removeprefix("." if drafts else ""))]


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
