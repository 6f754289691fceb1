"""One source's configuration, fetched location by location until one gives a directory that may be followed (WIRE 13.2, 13.3)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol, TypeVar
from urllib.parse import urljoin

from sild.clock import Clock
from sild.configuration_client.layout import SHARED_PARAMETERS_FILE, StoredFile, metadata_of
from sild.configuration_client.locations import Location, Shuffle, download_locations, versioned_urls
from sild.errors import PeerError, PlatformError, Unavailable
from sild.telemetry import get_logger
from sild.xroad.globalconf import (
    ConfigurationAnchor,
    ConfigurationDirectory,
    ConfigurationFile,
    SharedParameters,
    parse_signed_directory,
    verify_signed_directory,
)

__all__ = ["Downloader", "Fetch", "Fetched", "Files", "Wanted"]

log = get_logger("configuration_client")

T = TypeVar("T")

DIRECTORY_TIMEOUT = 30.0
FILE_TIMEOUT = 300.0
MAX_DIRECTORY_BYTES = 1024 * 1024
MAX_SHARED_PARAMETERS_BYTES = 128 * 1024 * 1024
MAX_FILE_BYTES = 8 * 1024 * 1024

PROBE_NEWER_VERSIONS_AFTER = timedelta(hours=1)
"""The reference asks for newer versions only after a failure or restart; a source that was upgraded should be noticed."""

HTTP_OK = 200
HTTP_NOT_FOUND = 404

Files = dict[str, dict[str, StoredFile]]
"""By instance identifier, then by file name."""

Wanted = Callable[[ConfigurationFile], bool]


class _Unreachable(Unavailable):
    """There was no answer, or half of one: less to the point than what another location answered."""


class Fetched(Protocol):
    @property
    def status(self) -> int: ...

    @property
    def body(self) -> bytes: ...


class Fetch(Protocol):
    """GET without redirects; `sild.http1.fetch` is one. Raises PlatformError or OSError; any status is an answer."""

    def __call__(self, url: str, *, timeout: float, max_bytes: int) -> Awaitable[Fetched]: ...


@dataclass(slots=True)
class _Memory:
    """What worked last at one source."""

    location: Location
    version: int | None
    probed_at: datetime = field(repr=False)


class Downloader:
    """Remembers, per source (anchor instance), the location and version that worked last."""

    def __init__(self, fetch: Fetch, clock: Clock, shuffle: Shuffle) -> None:
        self._fetch = fetch
        self._clock = clock
        self._shuffle = shuffle
        self._memory: dict[str, _Memory] = {}

    async def download(
        self,
        anchor: ConfigurationAnchor,
        shared: SharedParameters | None,
        held: Mapping[str, Mapping[str, StoredFile]],
        wanted: Wanted,
        accept: Callable[[Files], Awaitable[Files]],
    ) -> tuple[Files, str]:
        """The files of the first location that serves an acceptable configuration, and its URL.

        shared: the source's shared parameters held, for the addresses in them.  held: files that need no download when
        their hash stands in the directory.  accept: the rules; may raise, or give other files to be used instead.
        Raises PlatformError when none does: that of the last location that answered, whatever it was; when none did, of the
        last one. Each is logged.
        """
        memory = self._memory.get(anchor.instance_identifier)
        locations = download_locations(
            anchor, shared, last_successful=memory.location if memory else None, shuffle=self._shuffle
        )
        failure: PlatformError = _Unreachable("the anchor names no usable source", code="malformed_anchor")
        for location in locations:
            try:
                return await self._download(anchor.instance_identifier, location, held, wanted, accept)
            except PlatformError as error:
                if isinstance(failure, _Unreachable) or not isinstance(error, _Unreachable):
                    failure = error
                self._forget(anchor.instance_identifier, location)
                log.refusal(
                    "location.failed", error, instance=anchor.instance_identifier, location=location.url
                )
        raise failure

    async def _download(
        self,
        instance: str,
        location: Location,
        held: Mapping[str, Mapping[str, StoredFile]],
        wanted: Wanted,
        accept: Callable[[Files], Awaitable[Files]],
    ) -> tuple[Files, str]:
        url, version, data = await self._directory(instance, location)
        directory = await asyncio.to_thread(_verified, data, location, self._clock())
        files = await self._files(url, directory, held, wanted)
        if SHARED_PARAMETERS_FILE not in files.get(instance, {}):
            raise PeerError(
                f"the directory lists no shared parameters of {instance}", code="malformed_global_conf"
            )
        accepted = await accept(files)
        self._remember(instance, location, version)
        return accepted, url

    # -- the directory and its version --------------------------------------------------------------------------------

    async def _directory(self, instance: str, location: Location) -> tuple[str, int | None, bytes]:
        """URL, version and body: the first version that is not 404."""
        url = location.url
        for version, url in versioned_urls(location.url, known=self._known_version(instance, location)):
            fetched = await self._get(
                url, DIRECTORY_TIMEOUT, MAX_DIRECTORY_BYTES, "global_conf_download_url_connection_failure"
            )
            if fetched.status == HTTP_OK:
                return url, version, fetched.body
            if fetched.status != HTTP_NOT_FOUND:
                raise Unavailable(
                    f"{url} answered {fetched.status}",
                    code="global_conf_download_url_connection_failure",
                    status=fetched.status,
                )
        raise Unavailable(f"{url} has no version known here", code="global_conf_get_version_failed")

    def _known_version(self, instance: str, location: Location) -> int | None:
        memory = self._memory.get(instance)
        if memory is None or memory.location != location:
            return None
        if self._clock() - memory.probed_at >= PROBE_NEWER_VERSIONS_AFTER:
            return None
        return memory.version

    def _remember(self, instance: str, location: Location, version: int | None) -> None:
        known = self._known_version(instance, location)
        if known is None or known != version:
            self._memory[instance] = _Memory(location, version, self._clock())

    def _forget(self, instance: str, location: Location) -> None:
        memory = self._memory.get(instance)
        if memory is not None and memory.location == location:
            del self._memory[instance]

    # -- the files ----------------------------------------------------------------------------------------------------

    async def _files(
        self,
        url: str,
        directory: ConfigurationDirectory,
        held: Mapping[str, Mapping[str, StoredFile]],
        wanted: Wanted,
    ) -> Files:
        files: Files = {}
        for file in directory.files:
            if not wanted(file):
                continue
            known = held.get(file.instance_identifier, {}).get(file.file_name)
            if known is not None and await asyncio.to_thread(_is_listed, known.content, file):
                content = known.content
            else:
                content = await self._content(url, file)
            metadata = metadata_of(file, expires_at=directory.expires_at, version=directory.version)
            files.setdefault(file.instance_identifier, {})[file.file_name] = StoredFile(content, metadata)
        return files

    async def _content(self, url: str, file: ConfigurationFile) -> bytes:
        limit = MAX_SHARED_PARAMETERS_BYTES if file.file_name == SHARED_PARAMETERS_FILE else MAX_FILE_BYTES
        code = "global_conf_part_download_failure"
        target = urljoin(url, file.content_location)
        fetched = await self._get(target, FILE_TIMEOUT, limit, code)
        if fetched.status != HTTP_OK:
            raise Unavailable(f"{target} answered {fetched.status}", code=code, status=fetched.status)
        await asyncio.to_thread(file.ensure_content, fetched.body)
        return fetched.body

    async def _get(self, url: str, timeout: float, max_bytes: int, code: str) -> Fetched:  # noqa: ASYNC109 - the port's
        """Raises Unavailable (`code`) for whatever went wrong on the way, with the cause in its text."""
        try:
            async with asyncio.timeout(timeout + 1):
                fetched = await self._fetch(url, timeout=timeout, max_bytes=max_bytes)
        except (PlatformError, OSError, TimeoutError) as error:
            reason = error.message if isinstance(error, PlatformError) else type(error).__name__
            raise _Unreachable(f"{url}: {reason}", code=code) from error
        if len(fetched.body) > max_bytes:
            raise Unavailable(f"{url}: more than {max_bytes} bytes", code=code)
        return fetched


def _verified(data: bytes, location: Location, at: datetime) -> ConfigurationDirectory:
    return verify_signed_directory(parse_signed_directory(data), location.verification_certs, at=at)


def _is_listed(content: bytes, file: ConfigurationFile) -> bool:
    return file.hash_algorithm.digest(content) == file.hash
