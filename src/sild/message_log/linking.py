"""Archives of containers whose digests are linked, so that none can be changed, left out or put in later (WIRE 17).

    digest_i = hex(SHA-512(utf8(digest_(i-1) + hex(SHA-512(container_i)))))     digest_0: the previous archive's last

Pure, but for the file an archive is read from.
"""

from __future__ import annotations

import hashlib
import re
import zipfile
from dataclasses import dataclass, field
from typing import BinaryIO, NoReturn

from sild.errors import PeerError, TrustError

__all__ = ["ArchiveReport", "LinkingInfo", "verify_archive"]

LINKING_INFO = "linkinginfo"
MAX_LINKING_INFO_BYTES = 64 * 1024 * 1024
NOTHING = "-"
_ENTRY = re.compile(r"([0-9a-f]{128}) ([^\s/\\]+)")
_HEAD = re.compile(r"([0-9a-f]{128}|-) ([^\s/\\]+) SHA-512")


def next_digest(previous: str, container_sha512: bytes) -> str:
    return hashlib.sha512((previous + container_sha512.hex()).encode()).hexdigest()


@dataclass(slots=True)
class LinkingInfo:
    """The file `linkinginfo` as it grows. previous_digest: hex, or empty for the very first archive of a group."""

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


def parse_linking_info(data: bytes) -> LinkingInfo:
    """Raises PeerError (`malformed_hash_chain`)."""
    try:
        head, *lines = data.decode().splitlines()
    except ValueError:
        _malformed("linkinginfo cannot be read")
    found = _HEAD.fullmatch(head)
    if found is None:
        _malformed("the first line of linkinginfo names previous digest, previous file and SHA-512")
    previous_digest, previous_file = ("" if word == NOTHING else word for word in found.groups())
    info = LinkingInfo(previous_digest, previous_file)
    for line in lines:
        entry = _ENTRY.fullmatch(line)
        if entry is None:
            _malformed("a line of linkinginfo is no digest and file name")
        info.entries.append((entry[1], entry[2]))
    return info


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
    Raises PeerError (`malformed_hash_chain`: not an archive), TrustError (`invalid_hash_chain`).
    """
    try:
        with zipfile.ZipFile(file) as archive:
            return _verify(archive, previous_digest)
    except (zipfile.BadZipFile, NotImplementedError, EOFError, RuntimeError) as error:
        raise PeerError(f"not a message log archive: {error}", code="malformed_hash_chain") from error


def _verify(archive: zipfile.ZipFile, previous_digest: str | None) -> ArchiveReport:
    names = archive.namelist()
    if len(set(names)) != len(names) or LINKING_INFO not in names:
        _malformed("an archive holds one linkinginfo, and each container once")
    if archive.getinfo(LINKING_INFO).file_size > MAX_LINKING_INFO_BYTES:
        _malformed("linkinginfo is too large")
    info = parse_linking_info(archive.read(LINKING_INFO))
    if previous_digest is not None and info.previous_digest != previous_digest:
        raise TrustError("the archive does not follow the given digest", code="invalid_hash_chain")
    linked = [name for _, name in info.entries]
    if len(set(linked)) != len(linked) or set(linked) != set(names) - {LINKING_INFO}:
        raise TrustError("the archive does not hold just the containers it links", code="invalid_hash_chain")
    digest = info.previous_digest
    for expected, name in info.entries:
        digest = next_digest(digest, _sha512(archive, name))
        if digest != expected:
            raise TrustError(
                f"the container {name} is not the one that was archived", code="invalid_hash_chain"
            )
    return ArchiveReport(info.previous_digest, info.previous_file, digest, tuple(linked))


def _sha512(archive: zipfile.ZipFile, name: str) -> bytes:
    running = hashlib.sha512()
    with archive.open(name) as entry:
        while piece := entry.read(1024 * 1024):
            running.update(piece)
    return running.digest()


def _malformed(message: str) -> NoReturn:
    raise PeerError(message, code="malformed_hash_chain")
