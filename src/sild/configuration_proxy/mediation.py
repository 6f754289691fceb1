"""One proxy instance at work: download every version, verify, sign anew, publish (ARC-CP 4).

Each version is an instance's own affair: its download, its files and its signed directory. What could not be downloaded or
did not verify is not published, and what was published before stays until it expires.
"""

from __future__ import annotations

import asyncio
import secrets
import string
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from sild.clock import Clock
from sild.configuration_client import ConfigurationClient, Fetch, PublishedConfiguration
from sild.configuration_proxy.errors import NotConfigured
from sild.configuration_proxy.proxy_instance import ProxyInstance
from sild.configuration_proxy.publication import PublicDirectory
from sild.configuration_proxy.redistribution import (
    MediatedFile,
    mediated_files,
    prepared_directory,
    says_the_same,
)
from sild.configuration_proxy.settings import ConfigurationProxySettings
from sild.configuration_proxy.signing_keys import SigningToken
from sild.errors import PlatformError, Unavailable
from sild.pki import algorithm_for
from sild.telemetry import get_logger
from sild.xroad.globalconf import CURRENT_VERSION, ConfigurationAnchor, ConfigurationSource

__all__ = ["Mediation"]

log = get_logger("configuration_proxy")

NOT_OFFERED = "global_conf_get_version_failed"
BOUNDARY_LENGTH = 30  # the reference's
_ALPHABET = string.ascii_letters


@dataclass(frozen=True, slots=True)
class _Placed:
    """Files of one version, the directory they were written to, and what they were made of."""

    name: str
    files: tuple[MediatedFile, ...]
    configuration: PublishedConfiguration
    source: ConfigurationSource


class Mediation:
    """Mediates the proxy instance `name`. One `round` at a time."""

    def __init__(
        self,
        name: str,
        settings: ConfigurationProxySettings,
        token: SigningToken,
        *,
        fetch: Fetch,
        clock: Clock,
    ) -> None:
        self._name = name
        self._settings = settings
        self._token = token
        self._fetch = fetch
        self._clock = clock
        self._public = PublicDirectory(settings.public_directory / name)
        self._anchor: ConfigurationAnchor | None = None
        self._clients: dict[int, ConfigurationClient] = {}
        self._placed: dict[int, _Placed] = {}
        self._lock = asyncio.Lock()

    async def round(self, instance: ProxyInstance) -> tuple[int, ...]:
        """Publish every version the source offers; which were published, newest first.

        instance: as it stands in its files now. Raises NotConfigured, PeerError (`malformed_anchor`), TokenNotActive, and when no
        version could be published the PlatformError of the newest the source has.
        """
        async with self._lock:
            instance.require_signing_key()
            instance.require_validity_interval()
            self._follow(instance.source_anchor)
            with self._public.publisher():
                return await self._round(instance)

    def _follow(self, anchor: ConfigurationAnchor) -> None:
        if anchor == self._anchor:
            return
        self._anchor = anchor
        self._clients = {
            version: ConfigurationClient(
                _of_version(anchor, version),
                self._downloads / f"V{version}",
                fetch=self._fetch,
                clock=self._clock,
                allowed_federations=self._settings.allowed_federations,
            )
            for version in self._versions
        }

    @property
    def _downloads(self) -> Path:
        return self._settings.directory / "downloads" / self._name

    @property
    def _versions(self) -> Sequence[int]:
        return range(CURRENT_VERSION, self._settings.minimum_global_configuration_version - 1, -1)

    async def _round(self, instance: ProxyInstance) -> tuple[int, ...]:
        results = await asyncio.gather(
            *(self._version(instance, version) for version in self._versions), return_exceptions=True
        )
        failures: dict[int, PlatformError] = {}
        for version, result in zip(self._versions, results, strict=True):
            if isinstance(result, PlatformError):
                failures[version] = result
            elif result is not None:
                raise result
        published = tuple(version for version in self._versions if version not in failures)
        for version, error in failures.items():
            if published and error.code == NOT_OFFERED:
                if await asyncio.to_thread(self._public.withdraw_expired, version, self._clock()):
                    log.info("mediation.version_withdrawn", proxy=self._name, version=version)
            else:
                log.refusal("mediation.version_failed", error, proxy=self._name, version=version)
        await asyncio.to_thread(self._public.clean, self._clock())
        if not published:
            told = [error for error in failures.values() if error.code != NOT_OFFERED]
            raise (told or list(failures.values()))[0]
        log.info("mediation.published", proxy=self._name, versions=",".join(map(str, published)))
        return published

    async def _version(self, instance: ProxyInstance, version: int) -> None:
        client = self._clients[version]
        await client.refresh()
        configuration = client.published
        assert configuration is not None  # what `refresh` has just verified
        placed = await asyncio.to_thread(self._place, instance, configuration, version)
        key = instance.require_signing_key()
        token_key = await self._token.key(key.id)
        if token_key is None:
            raise NotConfigured(f"the token has no key {key.id}", code="key_not_found")
        prepared = await asyncio.to_thread(
            prepared_directory,
            placed.files,
            prefix=f"/{self._name}/{placed.name}",
            expire_at=self._clock() + timedelta(seconds=instance.require_validity_interval()),
            version=version,
            boundaries=(_boundary(), _boundary()),
            certificate=key.certificate_der,
            algorithm=algorithm_for(token_key.public_key, self._settings.signature_digest),
            hash_algorithm=self._settings.hash_algorithm,
        )
        signature = await self._token.sign(token_key, prepared.algorithm, prepared.to_be_signed)
        await asyncio.to_thread(self._publish, version, prepared.complete(signature))

    def _place(self, instance: ProxyInstance, configuration: PublishedConfiguration, version: int) -> _Placed:
        """Write what changed; what says the same stays where it is, so that nobody downloads it again."""
        certs = instance.verification_certs
        # Both kinds, as the reference writes them: the clients of an external source read theirs too.
        source = ConfigurationSource(self._settings.address, certs, certs)
        former = self._placed.get(version)
        if (
            former is not None
            and former.source == source
            and says_the_same(former.configuration, configuration)
            and self._public.holds(former.name)
        ):
            return former
        files = mediated_files(configuration, version, source)
        try:
            name = self._public.write_files({file.path: file.content for file in files}, self._clock())
        except OSError as error:
            raise _cannot_write(error) from error
        placed = self._placed[version] = _Placed(name, files, configuration, source)
        return placed

    def _publish(self, version: int, directory: bytes) -> None:
        try:
            self._public.publish(version, directory)
        except OSError as error:
            raise _cannot_write(error) from error


def _of_version(anchor: ConfigurationAnchor, version: int) -> ConfigurationAnchor:
    """The same sources, asked for one version; an address that has a version already is kept as it is (WIRE 13.2)."""
    sources = tuple(
        replace(source, download_url=_with_version(source.download_url, version)) for source in anchor.sources
    )
    return replace(anchor, sources=sources)


def _with_version(url: str, version: int) -> str:
    parts = urlsplit(url)
    if any(name == "version" for name, _ in parse_qsl(parts.query, keep_blank_values=True)):
        return url
    query = f"{parts.query}&version={version}" if parts.query else f"version={version}"
    return urlunsplit(parts._replace(query=query))


def _boundary() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(BOUNDARY_LENGTH))


def _cannot_write(error: OSError) -> Unavailable:
    return Unavailable(
        f"the configuration could not be written: {error.strerror or error}",
        code="global_conf_distribution_error",
    )
