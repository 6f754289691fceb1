"""Whole generations on disk: neither a crash nor a reader ever meets half a configuration.

    <parent>/globalconf                 -> globalconf.generations/000000000017   (a link, exchanged by rename)
    <parent>/globalconf.generations/    000000000016  000000000017               (complete, never changed again)

A generation is written beside the others under a name that says it is not finished, synced, renamed, and only then linked
to. Unchanged files are hard links to the previous generation's: a new expiry date of a large configuration costs a few hundred
bytes. The previous generation stays until the next publication, for readers that still hold it open.

A real directory of that name (a reference server's) is moved among the generations when the first is published.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from sild.configuration_client.layout import PublishedConfiguration, read_published
from sild.errors import Unavailable

__all__ = ["Generations", "Step"]

Step = Callable[[str], None]
"""Called between the steps of a publication with the name of the one done: tests end the process there."""

UNFINISHED = ".unfinished"
KEPT = 2
SLICE_BYTES = 1024 * 1024


def _no_step(name: str) -> None:
    pass


class Generations:
    """One published directory. Publishing is synchronous and syncs to disk: call it in a thread."""

    def __init__(self, directory: Path, *, step: Step = _no_step) -> None:
        self.directory = directory
        self.root = directory.with_name(directory.name + ".generations")
        self._step = step

    def newest(self) -> str | None:
        """The name of the published generation, another for each; None while nothing is published."""
        try:
            return self.directory.readlink().name
        except OSError:
            return None

    def read(self) -> PublishedConfiguration | None:
        """What is published; None when nothing is. Raises PeerError (it cannot be read), Unavailable."""
        try:
            with self._locked():
                self._repair()
            return read_published(self.directory) if self.directory.exists() else None
        except OSError as error:
            raise _save_failure(self.directory, error) from error

    def publish(self, configuration: PublishedConfiguration) -> None:
        """Make `configuration` what readers find. Raises Unavailable (`global_conf_part_file_save_failure`)."""
        try:
            with self._locked():
                self._repair()
                self._publish(configuration.entries())
        except OSError as error:
            raise _save_failure(self.directory, error) from error

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """One publisher at a time, whatever process it runs in."""
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / "lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _complete(self) -> list[Path]:
        """Finished generations, oldest first."""
        return sorted(p for p in self.root.iterdir() if p.name.isdigit() and p.is_dir())

    def _repair(self) -> None:
        """After a crash: drop what was not finished; link again to the newest generation if the link is missing."""
        for path in self.root.glob(f"*{UNFINISHED}"):
            if path.is_symlink():
                path.unlink()
            else:
                shutil.rmtree(path)
        complete = self._complete()
        if complete and not os.path.lexists(self.directory):
            self._link_to(complete[-1])

    def _publish(self, entries: dict[str, bytes]) -> None:
        complete = self._complete()
        last = int(complete[-1].name) if complete else -1
        foreign = self.directory.is_dir() and not self.directory.is_symlink()
        number = last + 2 if foreign else last + 1
        previous = self.directory.resolve() if self.directory.exists() else None
        unfinished = self.root / f"{number:012d}{UNFINISHED}"
        unfinished.mkdir()
        for name, content in entries.items():
            _write(unfinished / name, content, previous / name if previous is not None else None)
            self._step(f"written {name}")
        for directory in (*(p for p in unfinished.iterdir() if p.is_dir()), unfinished):
            _sync(directory)
        generation = self.root / f"{number:012d}"
        unfinished.rename(generation)
        _sync(self.root)
        self._step("finished")
        self._link_to(generation, set_aside=self.root / f"{number - 1:012d}" if foreign else None)
        self._step("linked")
        for old in self._complete()[:-KEPT]:
            condemned = old.with_name(old.name + UNFINISHED)
            old.rename(condemned)  # at once: a reader finds it whole or not at all
            self._step("condemned")
            shutil.rmtree(condemned)

    def _link_to(self, generation: Path, *, set_aside: Path | None = None) -> None:
        """The moment of publication: one rename. A real directory goes to `set_aside` just before."""
        link = self.root / f"link{UNFINISHED}"
        link.unlink(missing_ok=True)
        link.symlink_to(Path(self.root.name) / generation.name, target_is_directory=True)
        self._step("prepared link")
        if set_aside is not None:
            self.directory.rename(set_aside)
            self._step("set aside")
        link.replace(self.directory)
        _sync(self.directory.parent)


def _write(path: Path, content: bytes, previous: Path | None) -> None:
    path.parent.mkdir(exist_ok=True)
    if previous is not None and _holds(previous, content):
        with contextlib.suppress(OSError):  # another file system, or one without links: write it
            path.hardlink_to(previous)
            return
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _holds(path: Path, content: bytes) -> bool:
    try:
        if path.stat().st_size != len(content):
            return False
        with path.open("rb") as file:
            return all(
                file.read(SLICE_BYTES) == content[start : start + SLICE_BYTES]
                for start in range(0, len(content), SLICE_BYTES)
            )
    except OSError:
        return False


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _save_failure(directory: Path, error: OSError) -> Unavailable:
    return Unavailable(
        f"Failed to save global configuration to {directory}: {error.strerror or error}",
        code="global_conf_part_file_save_failure",
    )
