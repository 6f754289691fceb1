"""What a proxy instance passes on of a verified configuration, and where it lies (WIRE 13.5). Pure.

A file keeps its bytes, but for one: in version 3 and later the main instance's shared parameters name as their `source` the
proxy's address and keys, so that clients come back to the proxy and follow its keys. Files lie at

    /<proxy instance>/<milliseconds>/<instance>/<location at the source>     /PROXY/1763486400000/DEV/V6/20251118.../shared-params.xml
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit

from sild.configuration_client import PublishedConfiguration, StoredFile
from sild.errors import PeerError
from sild.pki import DigestAlgorithm, SignatureAlgorithm
from sild.xroad.globalconf import (
    MINIMUM_VERSION,
    SHARED_PARAMETERS,
    ConfigurationSource,
    DirectoryPart,
    PreparedDirectory,
    prepare_signed_directory,
    replace_sources,
)

__all__ = ["MediatedFile", "mediated_files", "prepared_directory", "says_the_same"]

MAX_PATH_LENGTH = 400
_SEGMENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,120}")


@dataclass(frozen=True, slots=True)
class MediatedFile:
    """A file to be published. `path`: below `/<proxy instance>/<milliseconds>/`, of safe segments only."""

    content_identifier: str
    instance_identifier: str
    path: str
    content: bytes = field(repr=False)


def mediated_files(
    configuration: PublishedConfiguration, version: int, source: ConfigurationSource
) -> tuple[MediatedFile, ...]:
    """The files of `configuration`, which was downloaded as `version`, with `source` in place of the main instance's own.

    Partners' parameters are passed on where a client that reads `version` can read them. Raises PeerError
    (`malformed_global_conf`): the source answered another version than it was asked for.
    """
    own = configuration.instance_identifier
    files = []
    for instance in sorted(configuration.instances, key=lambda name: (name != own, name)):
        for name, file in configuration.instances[instance].items():
            identifier = file.metadata.content_identifier
            if instance == own:
                _ensure_version(identifier, _version_of(file), version)
            elif not _readable_as(_version_of(file), version):
                continue
            content = file.content
            if instance == own and identifier == SHARED_PARAMETERS and version > MINIMUM_VERSION:
                content = replace_sources(content, [source])
            files.append(MediatedFile(identifier, instance, _path(instance, name, file), content))
    return tuple(files)


def _version_of(file: StoredFile) -> int:
    """A directory without a Version header is one of version 2."""
    return file.metadata.configuration_version or MINIMUM_VERSION


def _ensure_version(identifier: str, found: int, wanted: int) -> None:
    """The reference would publish whatever came under the number it asked for."""
    if found != wanted:
        raise PeerError(
            f"the source answered version {found} of {identifier}, asked for {wanted}",
            code="malformed_global_conf",
        )


def _readable_as(found: int, version: int) -> bool:
    """From version 3 on a document is valid in later versions too, never across 2 and 3 (WIRE 13.4)."""
    return found == version or MINIMUM_VERSION < found < version


def _path(instance: str, name: str, file: StoredFile) -> str:
    """Nothing of a peer's making becomes a path unless each segment is a plain name."""
    directory = instance if _SEGMENT.fullmatch(instance) else "x" + _short_hash(instance.encode())
    above = urlsplit(file.metadata.content_location or "").path.strip("/").split("/")[:-1]
    if not all(map(_SEGMENT.fullmatch, above)) or sum(map(len, above)) > MAX_PATH_LENGTH:
        above = []
    return "/".join([directory, *above, name])


def _short_hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:32]


def says_the_same(one: PublishedConfiguration, other: PublishedConfiguration) -> bool:
    """Only dates and locations differ, if anything: then nothing has to be made or written again."""

    def said(configuration: PublishedConfiguration) -> dict[tuple[str, str], tuple[str, int, bytes]]:
        return {
            (instance, name): (file.metadata.content_identifier, _version_of(file), file.content)
            for instance, files in configuration.instances.items()
            for name, file in files.items()
        }

    return one.instance_identifier == other.instance_identifier and said(one) == said(other)


def prepared_directory(
    files: tuple[MediatedFile, ...],
    *,
    prefix: str,
    expire_at: datetime,
    version: int,
    boundaries: tuple[str, str],
    certificate: bytes,
    algorithm: SignatureAlgorithm,
    hash_algorithm: DigestAlgorithm,
) -> PreparedDirectory:
    """The directory to be signed. `prefix`: `/PROXY/1763486400000`."""
    parts = [
        DirectoryPart(f.content_identifier, f.instance_identifier, f"{prefix}/{f.path}", f.content)
        for f in files
    ]
    return prepare_signed_directory(
        parts,
        expire_at=expire_at,
        version=version,
        boundaries=boundaries,
        certificate=certificate,
        algorithm=algorithm,
        hash_algorithm=hash_algorithm,
        layout="configuration-proxy",
    )
