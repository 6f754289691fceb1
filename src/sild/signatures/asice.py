"""Evidence containers: ASiC-E as X-Road writes and reads it (EN 319 162-1; WIRE 8.1, 8.2).

Everything of bounded size is kept in memory; attachments are digested while they stream by and can be opened again from the
container's file. Nothing is ever unpacked to a path.
"""

from __future__ import annotations

import base64
import io
import re
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO, BinaryIO, Final
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from sild.errors import PeerError
from sild.pki import DigestAlgorithm
from sild.signatures.hash_chains import SHA512, SignedPart
from sild.signatures.names import (
    MESSAGE,
    NS_DS,
    SIG_HASH_CHAIN,
    SIG_HASH_CHAIN_RESULT,
    SIGNATURES,
    TS_HASH_CHAIN,
    TS_HASH_CHAIN_RESULT,
)
from sild.signatures.zip_layout import DAMAGED, damage_refused, is_zip, open_zip

ASICE_TYPE: Final = "application/vnd.etsi.asic-e+zip"

_MIMETYPE, _MANIFEST, _ASIC_MANIFEST, _TIMESTAMP = (
    "mimetype",
    "META-INF/manifest.xml",
    "META-INF/ASiCManifest.xml",
    "META-INF/timestamp.tst",
)
_FILES = tuple(
    name[1:]
    for name in (
        MESSAGE,
        SIGNATURES,
        SIG_HASH_CHAIN_RESULT,
        SIG_HASH_CHAIN,
        TS_HASH_CHAIN_RESULT,
        TS_HASH_CHAIN,
    )
)
_MESSAGE, _SIGNATURES, _SIG_RESULT, _SIG_CHAIN, _TS_RESULT, _TS_CHAIN = _FILES
_KNOWN = {name.lower(): name for name in (_MIMETYPE, _MANIFEST, _ASIC_MANIFEST, _TIMESTAMP, *_FILES)}
_ATTACHMENT = re.compile(r"attachment([1-9][0-9]{0,5})")
_CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class Attachment:
    """`attachment1` and so on: a SOAP attachment, or the body of a REST message. `open` gives its bytes from the start."""

    name: str
    open: Callable[[], BinaryIO]
    sha512: bytes | None = None

    @classmethod
    def of_bytes(cls, number: int, data: bytes) -> Attachment:
        return cls(f"attachment{number}", lambda: io.BytesIO(data))

    def part(self, algorithm: DigestAlgorithm = SHA512) -> SignedPart:
        """The attachment as a signature names it, with its digest."""
        if self.sha512 is not None and algorithm is SHA512:
            return SignedPart(f"/{self.name}", self.sha512)
        running = algorithm.new()
        with damage_refused(), self.open() as source:
            for chunk in _chunks(source):
                running.update(chunk)
        return SignedPart(f"/{self.name}", running.digest(), algorithm)


@dataclass(frozen=True, slots=True)
class AsicContainer:
    """One signed message with the evidence about it. A single time-stamp is inside `signature`; `timestamp` is a batch's.

    message: SOAP, or the REST part.  signature: signatures.xml.  timestamp: DER TimeStampToken over `ts_hash_chain_result`.
    """

    message: bytes
    signature: bytes
    hash_chain_result: bytes | None = None
    hash_chain: bytes | None = None
    timestamp: bytes | None = None
    ts_hash_chain_result: bytes | None = None
    ts_hash_chain: bytes | None = None
    attachments: tuple[Attachment, ...] = ()

    @property
    def files(self) -> Mapping[str, bytes | SignedPart]:
        """Every part by the name signatures and hash chains refer to it with: what `verify_hash_chain` looks up."""
        found: dict[str, bytes | SignedPart] = {
            f"/{name}": data for name, data in self._named().items() if data is not None
        }
        found.update((f"/{attachment.name}", attachment.part()) for attachment in self.attachments)
        return found

    def _named(self) -> dict[str, bytes | None]:
        return {
            _MESSAGE: self.message,
            _SIGNATURES: self.signature,
            _SIG_RESULT: self.hash_chain_result,
            _SIG_CHAIN: self.hash_chain,
            _TS_RESULT: self.ts_hash_chain_result,
            _TS_CHAIN: self.ts_hash_chain,
        }


@dataclass(frozen=True, slots=True)
class AsicLimits:
    """Of unpacked bytes, whatever the container's own headers claim. X-Road logs bodies up to 10 MiB by default."""

    max_entries: int = 1000
    max_file_bytes: int = 32 * 1024 * 1024
    max_attachment_bytes: int = 1024 * 1024 * 1024


DEFAULT_ASIC_LIMITS = AsicLimits()


def read_asice(file: BinaryIO, limits: AsicLimits = DEFAULT_ASIC_LIMITS) -> AsicContainer:
    """Read a container from a seekable file, which must stay open while its attachments are used.

    Names match without case; unknown ones are ignored. Raises PeerError, looked for in this order: `asic_mime_type_not_found`
    (no ZIP file, too), `io_error` (damaged, ambiguous or over a limit), then X-Road's `asic_*` codes of WIRE 8.2.
    """
    if not is_zip(file):
        raise PeerError("not a ZIP file", code="asic_mime_type_not_found")
    archive, entries = open_zip(file, max_entries=limits.max_entries)
    for_files = _Budget(archive, limits.max_file_bytes)
    for_attachments = _Budget(archive, limits.max_attachment_bytes)
    files: dict[str, bytes] = {}
    attachments = []
    for entry in entries:
        known = _KNOWN.get(entry.filename.lower())
        if known is not None:
            files[known] = b"".join(for_files.unpack(entry))
        elif _ATTACHMENT.fullmatch(entry.filename):
            attachments.append(_attachment(archive, entry, for_attachments))
        elif ".." in entry.filename.replace("\\", "/").split("/") or entry.filename[:1] in ("/", "\\"):
            raise PeerError("an entry's name leads out of the container", code=DAMAGED)
    _ensure_complete(files)
    return AsicContainer(
        message=files[_MESSAGE],
        signature=files[_SIGNATURES],
        hash_chain_result=files.get(_SIG_RESULT),
        hash_chain=files.get(_SIG_CHAIN),
        timestamp=files.get(_TIMESTAMP),
        ts_hash_chain_result=files.get(_TS_RESULT),
        ts_hash_chain=files.get(_TS_CHAIN),
        attachments=tuple(sorted(attachments, key=lambda attachment: int(attachment.name[10:]))),
    )


def write_asice(container: AsicContainer, file: BinaryIO, *, at: datetime) -> None:
    """Write `container` to a seekable file; `at` (the record's time) becomes every entry's time.

    The same container and time give the same bytes: archives are linked by the digests of their containers.
    Raises PeerError with a code of WIRE 8.2 when something belonging together is not there together.
    """
    files = {name: data for name, data in container._named().items() if data is not None}
    if container.timestamp is not None:
        files[_TIMESTAMP] = container.timestamp
    if container.ts_hash_chain_result is not None:
        files[_ASIC_MANIFEST] = _asic_manifest(container.ts_hash_chain_result)
    files[_MIMETYPE] = ASICE_TYPE.encode()
    files[_MANIFEST] = _manifest(container)
    _ensure_complete(files)
    with ZipFile(file, "w", ZIP_DEFLATED) as archive:
        archive.comment = f"mimetype={ASICE_TYPE}".encode()
        for name in (_MIMETYPE, *_FILES, _MANIFEST, _ASIC_MANIFEST, _TIMESTAMP):
            if name in files:
                archive.writestr(_entry(name, at), files[name])
        for number, attachment in enumerate(container.attachments, 1):
            entry = _entry(f"attachment{number}", at)
            with archive.open(entry, "w") as target, attachment.open() as source:
                for chunk in _chunks(source):
                    target.write(chunk)


def _ensure_complete(files: Mapping[str, bytes]) -> None:
    """X-Road's checks in X-Road's order (WIRE 8.2)."""

    def blank(name: str) -> bool:
        return not files.get(name, b"").strip()

    def refuse(code: str, name: str) -> PeerError:
        return PeerError(f"{name} is missing or empty", code=code)

    if blank(_MIMETYPE):
        raise refuse("asic_mime_type_not_found", _MIMETYPE)
    if files[_MIMETYPE].lower() != ASICE_TYPE.encode():
        raise PeerError("the container is of another type", code="asic_invalid_mime_type")
    for name, code in ((_MESSAGE, "asic_message_not_found"), (_SIGNATURES, "asic_signature_not_found")):
        if blank(name):
            raise refuse(code, name)
    _ensure_pair(files, _SIG_RESULT, _SIG_CHAIN)
    if _TIMESTAMP in files and blank(_TIMESTAMP):
        raise refuse("asic_timestamp_not_found", _TIMESTAMP)
    _ensure_pair(files, _TS_RESULT, _TS_CHAIN)
    for name in (_MANIFEST, _ASIC_MANIFEST):
        if name in files and blank(name):
            raise refuse("asic_manifest_not_found", name)


def _ensure_pair(files: Mapping[str, bytes], result: str, chain: str) -> None:
    has_result, has_chain = (bool(files.get(name, b"").strip()) for name in (result, chain))
    if has_chain and not has_result:
        raise PeerError(f"{result} is missing", code="asic_hash_chain_result_not_found")
    if has_result and not has_chain:
        raise PeerError(f"{chain} is missing", code="asic_hash_chain_not_found")


class _Budget:
    """Counts unpacked bytes, so that no header need be believed."""

    def __init__(self, archive: ZipFile, max_bytes: int) -> None:
        self._archive = archive
        self._left = max_bytes

    def unpack(self, entry: ZipInfo) -> Iterator[bytes]:
        with damage_refused(), self._archive.open(entry) as source:
            for chunk in _chunks(source):
                self._left -= len(chunk)
                if self._left < 0:
                    raise PeerError("the container is too large when unpacked", code=DAMAGED)
                yield chunk


def _attachment(archive: ZipFile, entry: ZipInfo, budget: _Budget) -> Attachment:
    running = SHA512.new()
    for chunk in budget.unpack(entry):
        running.update(chunk)

    def open_entry() -> BinaryIO:
        with damage_refused():
            return archive.open(entry)  # type: ignore[return-value]  # IO[bytes] is what BinaryIO means

    return Attachment(entry.filename, open_entry, running.digest())


def _chunks(source: IO[bytes]) -> Iterator[bytes]:
    return iter(lambda: source.read(_CHUNK), b"")


def _entry(name: str, at: datetime) -> ZipInfo:
    """Times: the DOS fields in UTC, and the `UT` extra field, which knows the zone, as Java writes it."""
    at = at.astimezone(UTC)
    entry = ZipInfo(name, (at.year, at.month, at.day, at.hour, at.minute, at.second))
    entry.external_attr = 0o644 << 16
    if name != _MIMETYPE:  # which EN 319 162-1 A.1 wants first, uncompressed and without extra fields
        entry.compress_type = ZIP_DEFLATED
        if at.timestamp() < 2**31:  # all that the field can hold; the DOS fields reach to 2107
            entry.extra = struct.pack("<2sHBl", b"UT", 5, 1, int(at.timestamp()))
    return entry


def _manifest(container: AsicContainer) -> bytes:
    """OpenDocument 1.2 manifest: the container's type, then each file outside META-INF."""
    names = [name for name, data in container._named().items() if data is not None and name != _SIGNATURES]
    files = [("/", ASICE_TYPE), *((name, "text/xml") for name in names)]
    files += [
        (f"attachment{n}", "application/octet-stream") for n in range(1, len(container.attachments) + 1)
    ]
    lines = "".join(
        f'    <manifest:file-entry manifest:media-type="{kind}" manifest:full-path="{name}"/>\n'
        for name, kind in files
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<manifest:manifest'
        ' xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0" manifest:version="1.2">\n'
        f"{lines}</manifest:manifest>\n"
    ).encode()


def _asic_manifest(ts_hash_chain_result: bytes) -> bytes:
    """What the time-stamp covers. X-Road's imprint is over the result itself, not over this file."""
    digest = base64.b64encode(SHA512.digest(ts_hash_chain_result)).decode()
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        f'<asic:ASiCManifest xmlns:asic="http://uri.etsi.org/2918/v1.2.1#" xmlns:ds="{NS_DS}">\n'
        f'<asic:SigReference URI="{_TIMESTAMP}" MimeType="vnd.etsi.timestamp-token"/>\n'
        f'<asic:DataObjectReference URI="{_TS_RESULT}" MimeType="text/xml">\n'
        f'<ds:DigestMethod Algorithm="{SHA512.uri}" />\n<ds:DigestValue>{digest}</ds:DigestValue>\n'
        "</asic:DataObjectReference>\n</asic:ASiCManifest>"
    ).encode()
