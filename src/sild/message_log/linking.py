"""`linkinginfo` as an archive grows, and the check of a whole archive file (WIRE 17). The rule is `sild.xroad.archive_linking`'s."""

from __future__ import annotations

import hashlib
import struct
import zipfile
import zlib
from dataclasses import dataclass, field
from typing import BinaryIO

from sild.errors import PeerError, TrustError
from sild.xroad.archive_linking import next_digest, parse_linking, verify_linking

__all__ = ["ArchiveReport", "LinkingInfo", "verify_archive"]

LINKING_INFO = "linkinginfo"
MAX_LINKING_INFO_BYTES = 64 * 1024 * 1024
NOTHING = "-"
# What zipfile raises for files that are none, or broken.
_DAMAGE = (
    NotImplementedError,
    EOFError,
    RuntimeError,
    KeyError,
    ValueError,
    OSError,
    OverflowError,
    struct.error,
)


@dataclass(slots=True)
class LinkingInfo:
    """previous_digest: hex, or empty for the very first archive of a group."""

    previous_digest: str
    previous_file: str
    entries: list[tuple[str, str]] = field(default_factory=list)

    @property
    def last_digest(self) -> str:
        return self.entries[-1][0] if self.entries else self.previous_digest

    def add(self, file_name: str, container_sha512: bytes) -> None:
        self.entries.append((next_digest(self.last_digest, container_sha512), file_name))

    def render(self) -> bytes:
        lines = [f"{self.previous_digest or NOTHING} {self.previous_file or NOTHING} SHA-512\n"]
        lines += [f"{digest} {name}\n" for digest, name in self.entries]
        return "".join(lines).encode()


@dataclass(frozen=True, slots=True)
class ArchiveReport:
    """What a good archive says. last_digest: what the next archive of the group must begin with."""

    previous_digest: str
    previous_file: str
    last_digest: str
    containers: tuple[str, ...]


def verify_archive(file: BinaryIO, *, previous_digest: str | None = None) -> ArchiveReport:
    """Check that the containers in an archive are those linked, in their order, none more and none less.

    previous_digest: the last digest of the archive before (`""`: there is none); None believes what the file says.
    What is inside the containers is not looked at: each can be verified on its own.
    Raises PeerError (`malformed_hash_chain`: not an archive), TrustError (`invalid_hash_chain`, `invalid_reference`).
    """
    try:
        with zipfile.ZipFile(file) as archive:
            return _verify(archive, previous_digest)
    except (zipfile.BadZipFile, zlib.error, *_DAMAGE) as error:
        raise PeerError(f"not a message log archive: {error}", code="malformed_hash_chain") from error


def _verify(archive: zipfile.ZipFile, previous_digest: str | None) -> ArchiveReport:
    if archive.getinfo(LINKING_INFO).file_size > MAX_LINKING_INFO_BYTES:
        raise PeerError("linkinginfo is too large", code="malformed_hash_chain")
    linking = parse_linking(archive.read(LINKING_INFO))
    if previous_digest is not None and (linking.previous_digest or "") != previous_digest:
        raise TrustError("the archive does not follow the given digest", code="invalid_hash_chain")
    names = list(archive.namelist())
    names.remove(LINKING_INFO)
    verify_linking(linking, names, lambda name: _sha512(archive, name))
    return ArchiveReport(
        linking.previous_digest or "",
        linking.previous_archive or "",
        linking.last_digest or "",
        tuple(name for _, name in linking.entries),
    )


def _sha512(archive: zipfile.ZipFile, name: str) -> bytes:
    running = hashlib.sha512()
    with archive.open(name) as entry:
        while piece := entry.read(1024 * 1024):
            running.update(piece)
    return running.digest()
