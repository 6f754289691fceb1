"""Submission information packages (E-ARK SIP 2.1.0): built whole, and read as if everybody who sends one lied. Pure.

A package is one uncompressed tar: nothing in it can grow when it is opened, and nothing is ever written to a path it names. All
that is wrong with it is found at once.
"""

from __future__ import annotations

import hashlib
import io
import re
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sild.documents.metadata import (
    Described,
    Happened,
    Listed,
    dublin_core,
    fixities,
    listed_in,
    mets,
    premis,
)
from sild.errors import CallerError, PeerError

__all__ = [
    "MAX_PACKAGE_BYTES",
    "BadPackage",
    "PackageDefect",
    "ReadPackage",
    "SubmittedFile",
    "package_of",
    "read_package",
]

MAX_PACKAGE_BYTES = 8 << 20
MAX_FILES = 200
METS_FILE, PREMIS_FILE = "METS.xml", "metadata/preservation/premis.xml"
CORE_FILE = "metadata/descriptive/dc.xml"
_PATH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*){0,6}", re.ASCII)
_ID = re.compile(r"uuid-[0-9a-f-]{36}", re.ASCII)


@dataclass(frozen=True, slots=True)
class SubmittedFile:
    """path: `representations/NAME/data/FILE`, `schemas/FILE`, or `documentation/FILE`."""

    path: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class PackageDefect:
    """path: of the file it is about, as the package names it."""

    code: str
    detail: str
    path: str = ""


class BadPackage(CallerError):
    """Everything that is wrong with it."""

    code = "bad_package"

    def __init__(self, defects: Sequence[PackageDefect]) -> None:
        super().__init__(
            "the package cannot be accepted", defects=" ".join(one.code for one in defects)[:500]
        )
        self.defects = tuple(defects)


@dataclass(frozen=True, slots=True)
class ReadPackage:
    """files: by path, all of them as METS says."""

    about: Described
    sha256: str
    size: int
    files: Mapping[str, bytes]


def package_of(about: Described, files: Sequence[SubmittedFile], events: Sequence[Happened]) -> bytes:
    """The tar. The same input is the same bytes. Raises ValueError for an id or a path that a reader would refuse."""
    if not _ID.fullmatch(about.id) or not all(_PATH.fullmatch(one.path) for one in files):
        raise ValueError("an id or path that no package may have")
    content = {one.path: one.content for one in files}
    types = {one.path: one.media_type for one in files}
    kept = {path: held for path, held in content.items() if path.startswith("representations/")}
    content[PREMIS_FILE] = premis(about, kept, types, events)
    content[CORE_FILE] = dublin_core(about)
    types |= dict.fromkeys((PREMIS_FILE, CORE_FILE), "application/xml")
    content[METS_FILE] = mets(about, content, types)
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path in sorted(content):
            entry = tarfile.TarInfo(f"{about.id}/{path}")
            entry.size, entry.mode, entry.mtime = len(content[path]), 0o644, int(about.created_at.timestamp())
            tar.addfile(entry, io.BytesIO(content[path]))
    return made.getvalue()


def read_package(content: bytes) -> ReadPackage:
    """Raises BadPackage with every defect: `too_large`, `not_a_package`, `unsafe_path`, `not_a_file`, `file_twice`,
    `several_folders`, `no_mets`, `bad_metadata`, `wrong_id`, `missing_file`, `unlisted_file`, `checksum_differs`,
    `listed_twice`, `no_premis`, `premis_differs`."""
    if len(content) > MAX_PACKAGE_BYTES:
        raise BadPackage([PackageDefect("too_large", f"at most {MAX_PACKAGE_BYTES} bytes")])
    defects: list[PackageDefect] = []
    files, folder = _unpacked(content, defects)
    about = None
    if METS_FILE not in files:
        defects.append(PackageDefect("no_mets", "the package has no METS.xml", METS_FILE))
    else:
        try:
            about, listed = listed_in(files[METS_FILE])
            defects += _compared(files, listed)
            if about.id != folder or not _ID.fullmatch(about.id):
                defects.append(PackageDefect("wrong_id", "the folder is called by another id than METS says"))
        except PeerError as error:
            defects.append(PackageDefect(error.code, error.message, METS_FILE))
    defects += _compared_again(files)
    if defects or about is None:
        raise BadPackage(defects)
    return ReadPackage(about, hashlib.sha256(content).hexdigest(), len(content), files)


def _unpacked(content: bytes, defects: list[PackageDefect]) -> tuple[dict[str, bytes], str]:
    """Files by path below the one folder, and its name. Nothing is written anywhere; links, devices and holes are refused."""
    files: dict[str, bytes] = {}
    folders: set[str] = set()
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as tar:
            for number, entry in enumerate(tar):
                if number >= MAX_FILES:
                    raise BadPackage([PackageDefect("too_large", f"at most {MAX_FILES} files")])
                shown = entry.name[:200]
                if not _PATH.fullmatch(entry.name.removesuffix("/") if entry.isdir() else entry.name):
                    defects.append(PackageDefect("unsafe_path", "not a path a package may have", shown))
                elif entry.isdir():
                    folders.add(entry.name.partition("/")[0])
                elif not 0 <= entry.size <= len(content):
                    raise tarfile.ReadError("a size that cannot be")
                elif not entry.isreg() or entry.issparse():
                    defects.append(PackageDefect("not_a_file", "only plain files", shown))
                else:
                    folder, _, path = entry.name.partition("/")
                    folders.add(folder)
                    held = tar.extractfile(entry)
                    if path in files:
                        defects.append(PackageDefect("file_twice", "a file stands in it twice", shown))
                    files[path] = held.read() if held is not None else b""
    except (tarfile.TarError, OSError, ValueError, EOFError, UnicodeError, OverflowError):
        raise BadPackage([*defects, PackageDefect("not_a_package", "not a tar file, or cut off")]) from None
    if len(folders) > 1:
        defects.append(PackageDefect("several_folders", "one folder, called by the package's id"))
    return files, next(iter(folders), "")


def _compared(files: Mapping[str, bytes], listed: Sequence[Listed]) -> Iterator[PackageDefect]:
    seen: set[str] = set()
    for one in listed:
        shown = one.path[:200]
        if one.path in seen:
            yield PackageDefect("listed_twice", "METS lists it twice", shown)
        seen.add(one.path)
        content = files.get(one.path)
        if content is None:
            yield PackageDefect("missing_file", "METS lists it, and it is not there", shown)
        elif len(content) != one.size or hashlib.sha256(content).hexdigest() != one.sha256:
            yield PackageDefect("checksum_differs", "another content than METS says", shown)
    for path in sorted(files.keys() - seen - {METS_FILE}):
        yield PackageDefect("unlisted_file", "it is there, and METS does not list it", path[:200])


def _compared_again(files: Mapping[str, bytes]) -> Iterator[PackageDefect]:
    """PREMIS says the same of each file of the representations as they are."""
    if PREMIS_FILE not in files:
        yield PackageDefect("no_premis", "the package says nothing of its files' history", PREMIS_FILE)
        return
    try:
        known = fixities(files[PREMIS_FILE])
    except PeerError as error:
        yield PackageDefect(error.code, error.message, PREMIS_FILE)
        return
    kept = {path: content for path, content in files.items() if path.startswith("representations/")}
    for path in sorted(known.keys() | kept.keys()):
        content = kept.get(path)
        if content is None or known.get(path) != hashlib.sha256(content).hexdigest():
            yield PackageDefect("premis_differs", "PREMIS says otherwise of it", path[:200])
