"""Generating, signing and publishing configuration: versions 2 to 6, internal and external, on change and on schedule.

A generation is made of one snapshot of the database. Files are rendered again only when the instance's revision moved,
and a version whose files came out the same keeps the directory they lie in: then only the signed directories are new,
with a later Expire-date. Clients compare hashes, so they download nothing.
"""

from __future__ import annotations

import asyncio
import secrets
import string
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection

from sild.central_server.configuration_parts import PRIVATE_PARAMETERS, SHARED_PARAMETERS
from sild.central_server.key_store import KeyStore
from sild.central_server.publication import PublicDirectory, VersionDirectories
from sild.central_server.state import (
    ActiveKey,
    InstanceState,
    SigningState,
    read_revision,
    read_state,
)
from sild.clock import Clock
from sild.errors import PlatformError, Unavailable
from sild.pki import DigestAlgorithm, algorithm_for, sign_bytes
from sild.telemetry import get_logger
from sild.xroad.globalconf import (
    CURRENT_VERSION,
    MINIMUM_VERSION,
    DirectoryPart,
    prepare_signed_directory,
    render_private_parameters,
    render_shared_parameters,
)

__all__ = ["ConfigurationPublisher", "Generation"]

log = get_logger("central_server")

_ALPHABET = string.ascii_letters + string.digits


@dataclass(frozen=True, slots=True)
class Generation:
    """What was published: its name, the instance's revision in it, until when it may be used."""

    name: str
    revision: int
    generated_at: datetime
    expire_at: datetime


@dataclass(frozen=True, slots=True)
class _VersionFiles:
    """The files of one version, as they lie in `V<version>/<name>`. A file: content identifier, name, bytes."""

    name: str
    internal: tuple[tuple[str, str, bytes], ...] = field(repr=False)

    @property
    def external(self) -> tuple[tuple[str, str, bytes], ...]:
        return tuple(file for file in self.internal if file[0] == SHARED_PARAMETERS[0])


class ConfigurationPublisher:
    """Publishes one instance's configuration into one directory. Thread-safe: publications wait for one another."""

    def __init__(
        self,
        snapshot: Callable[[], AbstractContextManager[Connection]],
        key_store: KeyStore,
        directory: PublicDirectory,
        clock: Clock,
        *,
        minimum_version: int = MINIMUM_VERSION,
    ) -> None:
        self._snapshot = snapshot
        self._key_store = key_store
        self._directory = directory
        self._clock = clock
        self._versions = range(minimum_version, CURRENT_VERSION + 1)
        self._lock = threading.Lock()
        self._signing: SigningState | None = None
        self._files: dict[int, _VersionFiles] = {}
        self.last: Generation | None = None

    def publish(self) -> Generation:
        """Publish the instance as it is now. Either the whole generation is in force afterwards, or the former one still.

        Raises CallerError (`management_service_provider_not_set`, `no_configuration_signing_keys_configured`,
        `token_not_active`), Unavailable (database, disk).
        """
        with self._lock:
            try:
                with self._directory.publisher():
                    return self._publish()
            except OSError as error:
                raise Unavailable(
                    f"the configuration could not be written: {error}", code="global_conf_generation_failed"
                ) from error

    def _publish(self) -> Generation:
        at = self._clock()
        name = self._directory.new_name(at)
        signing, files = self._current(name)
        expire_at = at + timedelta(seconds=int(signing.parameters["confExpireIntervalSeconds"]))
        signed = {
            version: VersionDirectories(
                files=own.name,
                internal=self._sign(
                    signing, signing.internal_key, version, own.name, own.internal, expire_at
                ),
                external=self._sign(
                    signing, signing.external_key, version, own.name, own.external, expire_at
                ),
            )
            for version, own in files.items()
        }
        for version, own in files.items():
            if own.name == name:
                contents = {file_name: data for _identifier, file_name, data in own.internal}
                self._directory.write_files(version, name, contents)
        self._directory.switch(name, signed)
        self._signing, self._files = signing, files
        self.last = Generation(name, signing.revision, at, expire_at)
        self._directory.clean(at, signed)
        return self.last

    def _current(self, name: str) -> tuple[SigningState, dict[int, _VersionFiles]]:
        """Who signs, and the files of every version; read and rendered only when the revision moved."""
        with self._snapshot() as connection:
            if self._signing is not None and self._signing.revision == read_revision(connection):
                return self._signing, self._files
            state = read_state(connection)
        return state.signing, {version: self._render(state, version, name) for version in self._versions}

    def _render(self, state: InstanceState, version: int, name: str) -> _VersionFiles:
        """The files of one version; if they came out as before, those that are there."""
        shared = render_shared_parameters(state.shared_v2 if version == 2 else state.shared, version)
        private = render_private_parameters(state.private, version)
        internal = ((*SHARED_PARAMETERS, shared), (*PRIVATE_PARAMETERS, private), *state.parts)
        former = self._files.get(version)
        if former is not None and former.internal == internal:
            return former
        return _VersionFiles(name, internal)

    def _sign(
        self,
        signing: SigningState,
        active: ActiveKey,
        version: int,
        files_name: str,
        files: tuple[tuple[str, str, bytes], ...],
        expire_at: datetime,
    ) -> bytes:
        key = self._key_store.key(active.key_id)
        digest = DigestAlgorithm[signing.parameters["confSignDigestAlgoId"].replace("-", "")]
        prepared = prepare_signed_directory(
            [
                DirectoryPart(
                    content, signing.instance_identifier, f"/V{version}/{files_name}/{file_name}", data
                )
                for content, file_name, data in files
            ],
            expire_at=expire_at,
            version=version,
            boundaries=(_boundary(), _boundary()),
            certificate=active.certificate,
            algorithm=algorithm_for(key, digest),
            hash_algorithm=DigestAlgorithm.from_uri(signing.parameters["confHashAlgoUri"]),
        )
        return prepared.complete(sign_bytes(key, prepared.algorithm, prepared.to_be_signed))

    async def run(self, *, interval: float = 60.0, changed: asyncio.Event | None = None) -> None:
        """Publish now, then every `interval` seconds and whenever `changed` is set, until cancelled.

        A publication that fails is logged and tried again at the next occasion; what is published stays until it expires.
        """
        changed = changed or asyncio.Event()
        while True:
            changed.clear()
            try:
                generation = await asyncio.to_thread(self.publish)
            except PlatformError as error:
                log.refusal("publisher.failed", error)
            except Exception as error:  # noqa: BLE001  (a bug must not end the publishing: the configuration would expire)
                log.bug("publisher.failed", error)
            else:
                log.info("publisher.published", generation=generation.name, revision=generation.revision)
            try:
                async with asyncio.timeout(interval):
                    await changed.wait()
            except TimeoutError:
                pass


def _boundary() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(20))
