"""A configuration on disk, in X-Road's layout, and back into a `GlobalConf` (WIRE 13.3 (3), COMPAT I12).

    <directory>/instance-identifier                          the main instance
    <directory>/<instance, URL-encoded>/shared-params.xml    and private-params.xml, monitoring-params.xml, ...
    <directory>/<instance, URL-encoded>/shared-params.xml.metadata     JSON: what the signed directory said of the file

Reading is defensive about *which* files belong together: `directory` may be a link to a generation (`generations.py`) that is
exchanged while we read, so it is resolved once and everything is read below the target.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote_plus

from sild.clock import parse_xml_datetime, xml_datetime
from sild.errors import PeerError, Unavailable
from sild.xroad.globalconf import ConfigurationFile

__all__ = [
    "FETCH_INTERVAL_FILE",
    "INSTANCE_IDENTIFIER_FILE",
    "MONITORING_FILE",
    "NEXT_UPDATE_FILE",
    "PRIVATE_PARAMETERS_FILE",
    "SHARED_PARAMETERS_FILE",
    "Metadata",
    "PublishedConfiguration",
    "StoredFile",
    "instance_directory",
    "metadata_of",
    "read_published",
]

INSTANCE_IDENTIFIER_FILE = "instance-identifier"
METADATA_SUFFIX = ".metadata"
SHARED_PARAMETERS_FILE = "shared-params.xml"
PRIVATE_PARAMETERS_FILE = "private-params.xml"
MONITORING_FILE = "monitoring-params.xml"
FETCH_INTERVAL_FILE = "fetchinterval-params.xml"
NEXT_UPDATE_FILE = "nextupdate-params.xml"

NEVER = datetime.max.replace(tzinfo=UTC)
"""A file without metadata, or without a date there, does not expire: the reference reads it so."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """The `.metadata` beside a file. Unset: the file came without, or another program left the field out."""

    content_identifier: str = ""
    instance_identifier: str = ""
    expiration_date: datetime = NEVER
    content_file_name: str | None = None
    content_location: str | None = None
    configuration_version: int | None = None

    def to_json(self) -> bytes:
        """In the reference's order and spelling; dates to the second, `YYYY-MM-DDTHH:MM:SSZ` (COMPAT I12)."""
        version = self.configuration_version
        document = {
            "contentIdentifier": self.content_identifier,
            "instanceIdentifier": self.instance_identifier,
            "expirationDate": xml_datetime(self.expiration_date.replace(microsecond=0)),
            "contentFileName": self.content_file_name,
            "contentLocation": self.content_location,
            "configurationVersion": None if version is None else str(version),
        }
        present = {name: value for name, value in document.items() if value is not None}
        return json.dumps(present, ensure_ascii=False, separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Metadata:
        """Raises PeerError (`malformed_global_conf`)."""
        try:
            document = json.loads(data)
            if not isinstance(document, dict):
                raise ValueError("not an object")
            expiration_date = document.get("expirationDate")
            version = document.get("configurationVersion")
            return cls(
                str(document.get("contentIdentifier") or ""),
                str(document.get("instanceIdentifier") or ""),
                NEVER if expiration_date is None else parse_xml_datetime(str(expiration_date)),
                _text(document.get("contentFileName")),
                _text(document.get("contentLocation")),
                None if version is None else int(version),
            )
        except (ValueError, TypeError, RecursionError) as error:
            raise PeerError(f"metadata: {error}", code="malformed_global_conf") from None


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def metadata_of(file: ConfigurationFile, *, expires_at: datetime, version: int | None) -> Metadata:
    return Metadata(
        content_identifier=file.content_identifier,
        instance_identifier=file.instance_identifier,
        expiration_date=expires_at,
        content_location=file.content_location,
        configuration_version=version,
    )


@dataclass(frozen=True, slots=True)
class StoredFile:
    content: bytes = field(repr=False)
    metadata: Metadata


@dataclass(frozen=True, slots=True)
class PublishedConfiguration:
    """All files of one generation: by instance identifier, then by file name."""

    instance_identifier: str
    instances: Mapping[str, Mapping[str, StoredFile]]

    def entries(self) -> dict[str, bytes]:
        """Path below the directory -> bytes, metadata included: what a generation is written from."""
        found = {INSTANCE_IDENTIFIER_FILE: self.instance_identifier.encode()}
        for instance, files in self.instances.items():
            for name, file in files.items():
                path = f"{instance_directory(instance)}/{name}"
                found[path] = file.content
                found[path + METADATA_SUFFIX] = file.metadata.to_json()
        return found


def instance_directory(instance: str) -> str:
    """Java's URLEncoder: space is `+`, and only letters, digits and `.-*_` stay. An instance of dots is not a path."""
    name = quote_plus(instance, safe="*").replace("~", "%7E")
    return name.replace(".", "%2E") if not name.strip(".") else name


ATTEMPTS = 5


def read_published(directory: Path) -> PublishedConfiguration:
    """Every file of the configuration in `directory`, of one generation.

    Raises PeerError (`internal_error`, as X-Road, when instance-identifier cannot be read), Unavailable when the directory
    changes faster than it can be read.
    """
    for _ in range(ATTEMPTS):
        target = directory.resolve()
        try:
            found = _read(target)
            if target.is_dir():  # not removed meanwhile: what was read is all there was
                return found
        except FileNotFoundError:
            if directory.resolve() == target:
                raise PeerError(
                    "Could not read instance identifier of this security server", code="internal_error"
                ) from None
    raise Unavailable(f"{directory} changes faster than it can be read")


def _read(target: Path) -> PublishedConfiguration:
    try:
        instance_identifier = (target / INSTANCE_IDENTIFIER_FILE).read_text("utf-8").strip()
        instances = {}
        for child in sorted(target.iterdir()):
            if child.is_dir():
                files = _read_instance(child)
                if files:
                    instances[_instance_of(child, files)] = files
    except (UnicodeDecodeError, PermissionError, NotADirectoryError) as error:
        raise PeerError(f"the configuration cannot be read: {error}", code="internal_error") from None
    return PublishedConfiguration(instance_identifier, instances)


def _instance_of(directory: Path, files: Mapping[str, StoredFile]) -> str:
    """The instance whose encoded name the directory bears; its own name where metadata does not tell."""
    names = {file.metadata.instance_identifier for file in files.values()}
    return next(
        (name for name in names if name and instance_directory(name) == directory.name), directory.name
    )


def _read_instance(directory: Path) -> dict[str, StoredFile]:
    files = {}
    for path in sorted(directory.iterdir()):
        if path.suffix == METADATA_SUFFIX or not path.is_file():
            continue
        try:
            metadata = Metadata.from_json(path.with_name(path.name + METADATA_SUFFIX).read_bytes())
        except FileNotFoundError:
            metadata = Metadata()
        files[path.name] = StoredFile(path.read_bytes(), metadata)
    return files
