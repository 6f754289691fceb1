"""Files to a `GlobalConf`; what did not change is not parsed again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from sild.configuration_client.layout import (
    FETCH_INTERVAL_FILE,
    MONITORING_FILE,
    NEXT_UPDATE_FILE,
    PRIVATE_PARAMETERS_FILE,
    SHARED_PARAMETERS_FILE,
    PublishedConfiguration,
    StoredFile,
    instance_directory,
    read_published,
)
from sild.errors import PeerError, PlatformError
from sild.telemetry import get_logger
from sild.xroad.globalconf import (
    MINIMUM_VERSION,
    GlobalConf,
    PrivateParameters,
    SharedParameters,
    parse_fetch_interval,
    parse_monitoring,
    parse_next_update,
    parse_private_parameters,
    parse_shared_parameters,
)

__all__ = ["Assembler", "load_globalconf"]

log = get_logger("configuration_client")

T = TypeVar("T")

LARGE_BYTES = 1024 * 1024
"""Of a shared-params.xml: about a thousand members, some ten thousand objects for the garbage collector to look at."""


def load_globalconf(directory: Path) -> GlobalConf:
    """The configuration unpacked in `directory`, as X-Road and this client keep it, any version.

    Nothing is verified but form: whoever can write the directory is trusted. A partner instance that cannot be read is left
    out (logged), the main one may not be. Raises PeerError or TrustError (`malformed_global_conf`, `internal_error`).
    """
    return Assembler().assemble(read_published(directory))


@dataclass(frozen=True, slots=True)
class _Parsed:
    digest: bytes
    version: int
    parameters: SharedParameters


class Assembler:
    """Keeps what it parsed last, by content, so that a new expiry date costs nothing.

    building: entered around making a large configuration's objects (`sild.interpreter`), by who lives on after that.
    """

    def __init__(self, building: Callable[[], AbstractContextManager[None]] = nullcontext) -> None:
        self._building = building
        self._shared: dict[str, _Parsed] = {}
        self._last: GlobalConf | None = None
        self._large_is_new = False

    def shared_parameters(self, instance: str, file: StoredFile) -> SharedParameters:
        """Downloaded ones. Raises PeerError (`malformed_global_conf`, `global_conf_part_invalid_instance_identifier`)."""
        parameters = self._parsed(instance, file)
        ensure_instance(parameters.instance_identifier, instance, SHARED_PARAMETERS_FILE)
        return parameters

    def private_parameters(self, instance: str, file: StoredFile) -> PrivateParameters:
        """Downloaded ones. Raises as `shared_parameters`."""
        parameters = _private_parameters(file)
        ensure_instance(parameters.instance_identifier, instance, PRIVATE_PARAMETERS_FILE)
        return parameters

    def _parsed(self, instance: str, file: StoredFile) -> SharedParameters:
        digest = hashlib.sha256(file.content).digest()
        version = file.metadata.configuration_version or MINIMUM_VERSION
        held = self._shared.get(instance)
        if held is not None and held.digest == digest and held.version == version:
            return held.parameters
        large = len(file.content) >= LARGE_BYTES
        with self._building() if large else nullcontext():
            parameters = parse_shared_parameters(file.content, version=version)
        self._large_is_new |= large
        self._shared[instance] = _Parsed(digest, version, parameters)
        return parameters

    def _from_directory(self, instance: str, file: StoredFile) -> SharedParameters:
        parameters = self._parsed(instance, file)
        ensure_instance_of_directory(parameters.instance_identifier, instance, SHARED_PARAMETERS_FILE)
        return parameters

    def assemble(self, configuration: PublishedConfiguration) -> GlobalConf:
        main = configuration.instance_identifier
        shared: dict[str, tuple[SharedParameters, datetime]] = {}
        for instance in sorted(configuration.instances, key=lambda name: (name != main, name)):
            file = configuration.instances[instance].get(SHARED_PARAMETERS_FILE)
            if file is None:
                continue
            try:
                parameters = self._from_directory(instance, file)
            except PeerError as error:
                if instance == main:
                    raise
                log.refusal("instance.unreadable", error, instance=instance)
                continue
            shared[instance] = (parameters, file.metadata.expiration_date)
        files = configuration.instances.get(main, {})
        private = files.get(PRIVATE_PARAMETERS_FILE)
        with self._building() if self._large_is_new else nullcontext():
            self._last = GlobalConf(
                main,
                shared,
                private=None if private is None else _private_from_directory(main, private),
                private_expires_at=None if private is None else private.metadata.expiration_date,
                monitoring_client=_optional(files, MONITORING_FILE, parse_monitoring, None),
                ocsp_fetch_interval=_optional(
                    files, FETCH_INTERVAL_FILE, _positive_interval, DEFAULT_INTERVAL
                ),
                check_ocsp_next_update=_optional(files, NEXT_UPDATE_FILE, parse_next_update, True),
                previous=self._last,
            )
        self._large_is_new = False
        return self._last


DEFAULT_INTERVAL = timedelta(seconds=1200)


def _private_parameters(file: StoredFile) -> PrivateParameters:
    return parse_private_parameters(
        file.content, version=file.metadata.configuration_version or MINIMUM_VERSION
    )


def _private_from_directory(instance: str, file: StoredFile) -> PrivateParameters:
    parameters = _private_parameters(file)
    ensure_instance_of_directory(parameters.instance_identifier, instance, PRIVATE_PARAMETERS_FILE)
    return parameters


def _positive_interval(xml: bytes) -> timedelta:
    interval = parse_fetch_interval(xml)
    if interval <= timedelta(0):
        raise PeerError("the OCSP fetch interval is not positive", code="malformed_global_conf")
    return interval


def _optional(files: Mapping[str, StoredFile], name: str, parse: Callable[[bytes], T], default: T) -> T:
    """An optional part that cannot be read is as if absent: it must not take the configuration with it."""
    file = files.get(name)
    if file is None:
        return default
    try:
        return parse(file.content)
    except PlatformError as error:
        log.refusal("optional_part.unreadable", error, part=name)
        return default


def ensure_instance(found: str, expected: str, name: str) -> None:
    """Parameters that were downloaded must be about the instance whose directory lists them.

    Raises PeerError (`global_conf_part_invalid_instance_identifier`).
    """
    if found != expected:
        raise PeerError(
            f"Content part {name} has invalid instance identifier (expected {expected}, but was {found})",
            code="global_conf_part_invalid_instance_identifier",
        )


def ensure_instance_of_directory(found: str, expected: str, name: str) -> None:
    """On disk the instance is known by its directory's name where metadata does not tell: URL-encoded."""
    if instance_directory(found) != expected:
        ensure_instance(found, expected, name)
