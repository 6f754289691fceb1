"""The directory from which configuration is served: whole generations appear at once, old files stay for a while.

    public/current -> generations/20260301120000000000000     the one switch: a symbolic link, replaced by rename
    public/generations/<digits>/V<N>/internalconf, externalconf     signed directories, all versions of one generation
    public/V<N>/<digits>/shared-params.xml, ...                     the files they list
    public/V<N>/internalconf -> ../current/V<N>/internalconf        for a web server that knows X-Road's layout

A directory of files carries as its modification time the last moment at which it was current; `KEEP` later it may go. What
a crash leaves behind (never linked) ages and goes the same way. Nothing is flushed to disk by force: all of it is made
again from the database at start, and a file cut short by a power failure does not pass its hash.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sild.errors import Unavailable

__all__ = ["KEEP", "PublicDirectory", "VersionDirectories", "generation_name"]

KEEP = timedelta(seconds=600)
_NAME = re.compile(r"\d{23}")
_VERSION = re.compile(r"V\d+")


@dataclass(frozen=True, slots=True)
class VersionDirectories:
    """One version of a generation: its signed directories, and the name of the directory with the files they list."""

    files: str
    internal: bytes = field(repr=False)
    external: bytes = field(repr=False)


def generation_name(at: datetime) -> str:
    """`yyyyMMddHHmmss` and nine digits of a second, UTC (COMPAT I8)."""
    at = at.astimezone(UTC)
    return f"{at:%Y%m%d%H%M%S}{at.microsecond * 1000:09d}"


class PublicDirectory:
    """The publisher's side. `publisher()` makes sure there is one at a time; readers need nothing."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def publisher(self) -> Iterator[None]:
        """Hold the directory while publishing. Raises Unavailable (`database_error`: another process publishes into it)."""
        self.path.mkdir(parents=True, exist_ok=True)
        with (self.path / ".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise Unavailable(
                    f"another process is publishing into {self.path}", code="global_conf_generation_failed"
                ) from error
            yield

    def new_name(self, at: datetime) -> str:
        """A generation's name, later than every one there: two in one microsecond, or a clock set back, do not collide."""
        wanted = generation_name(at)
        latest = max((entry.name for entry in self._entries(self.path / "generations")), default="")
        for version in self._versions():
            latest = max(latest, *(entry.name for entry in self._entries(version)), "")
        return wanted if wanted > latest else f"{int(latest) + 1:023d}"

    def write_files(self, version: int, name: str, files: Mapping[str, bytes]) -> None:
        """Write the files of one version under a new name; nobody sees them before `switch`."""
        directory = self.path / f"V{version}" / name
        directory.mkdir(parents=True)
        for file_name, data in files.items():
            (directory / file_name).write_bytes(data)

    def switch(self, name: str, versions: Mapping[int, VersionDirectories]) -> None:
        """Make a generation the current one, all its versions and both sources in one step."""
        generations = self.path / "generations"
        draft = generations / f"{name}.new"
        for version, directories in versions.items():
            directory = draft / f"V{version}"
            directory.mkdir(parents=True)
            (directory / "internalconf").write_bytes(directories.internal)
            (directory / "externalconf").write_bytes(directories.external)
        draft.rename(generations / name)
        _link(self.path / "current", f"generations/{name}")
        for version in versions:
            for source in ("internalconf", "externalconf"):
                link = self.path / f"V{version}" / source
                if not link.is_symlink():
                    _link(link, f"../current/V{version}/{source}")

    def clean(self, at: datetime, current: Mapping[int, VersionDirectories]) -> None:
        """Mark the files in use as current at `at`; remove what was last current more than `KEEP` before."""
        for version, directories in current.items():
            moment = at.timestamp()
            os.utime(self.path / f"V{version}" / directories.files, (moment, moment))
        limit = generation_name(at - KEEP)
        in_force = self.current
        for entry in self._entries(self.path / "generations", drafts=True):
            if entry.name < limit and entry.name != in_force:
                shutil.rmtree(entry.path, ignore_errors=True)
        oldest = (at - KEEP).timestamp()
        for version_path in self._versions():
            used = current.get(int(version_path.name[1:]))
            for entry in self._entries(version_path):
                if entry.stat().st_mtime < oldest and (used is None or entry.name != used.files):
                    shutil.rmtree(entry.path, ignore_errors=True)

    @property
    def current(self) -> str | None:
        """The name of the generation in force."""
        try:
            return (self.path / "current").readlink().name
        except FileNotFoundError:
            return None

    def _versions(self) -> list[Path]:
        return [path for path in self.path.glob("V*") if _VERSION.fullmatch(path.name)]

    def _entries(self, directory: Path, *, drafts: bool = False) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(directory) as entries:
                return [
                    entry
                    for entry in entries
                    if _NAME.fullmatch(entry.name.removesuffix(".new") if drafts else entry.name)
                ]
        except FileNotFoundError:
            return []


def _link(link: Path, target: str) -> None:
    """Point `link` at `target` in one step."""
    draft = link.with_name(f".{link.name}.new")
    draft.unlink(missing_ok=True)
    draft.symlink_to(target)
    draft.replace(link)
