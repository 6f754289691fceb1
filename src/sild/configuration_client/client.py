"""The client itself: refresh from the anchor's source and the allowed partners', publish, hold, tell (WIRE 13.2, 13.3)."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

from sild.clock import Clock, system_clock
from sild.configuration_client.assemble import Assembler
from sild.configuration_client.download import Downloader, Fetch, Files, Wanted
from sild.configuration_client.generations import Generations, Step
from sild.configuration_client.layout import (
    PRIVATE_PARAMETERS_FILE,
    SHARED_PARAMETERS_FILE,
    PublishedConfiguration,
    StoredFile,
)
from sild.configuration_client.locations import FederationFilter
from sild.configuration_client.succession import ensure_may_follow, same_content, standing_of
from sild.errors import CallerError, PeerError, PlatformError, TrustError
from sild.http1 import fetch as http_fetch
from sild.interpreter import building, yielding
from sild.telemetry import get_logger
from sild.xroad.globalconf import (
    SHARED_PARAMETERS,
    ConfigurationAnchor,
    ConfigurationFile,
    GlobalConf,
    parse_anchor,
)

__all__ = ["ConfigurationClient", "ConfigurationClientStatus"]

log = get_logger("configuration_client")

DEFAULT_UPDATE_INTERVAL = 60.0
FIRST_RETRY_DELAY = 2.0
MAX_ANCHOR_BYTES = 1024 * 1024

OnChange = Callable[[GlobalConf], None]
NO_FILES: Mapping[str, StoredFile] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class ConfigurationClientStatus:
    """How the last refresh went, for diagnostics. `error_code` is X-Road's word; None after a success."""

    last_attempt_at: datetime | None = None
    last_success_at: datetime | None = None
    last_location: str | None = None
    error_code: str | None = None


class ConfigurationClient:
    """Keeps the configuration of one anchor in `directory` and in `current`.

    anchor: parsed, or a file that is read again at each refresh.  allowed_federations: "none", "all" or names (see
    `FederationFilter`).  update_interval: seconds between refreshes of `run`.  step: see `Generations`.
    Everything runs in one event loop; parsing and disk work in threads.
    """

    def __init__(
        self,
        anchor: ConfigurationAnchor | Path,
        directory: Path,
        *,
        fetch: Fetch = http_fetch,
        clock: Clock = system_clock,
        allowed_federations: str | Iterable[str] = "none",
        update_interval: float = DEFAULT_UPDATE_INTERVAL,
        randomness: random.Random | None = None,
        step: Step | None = None,
    ) -> None:
        self._anchor = anchor
        self._clock = clock
        self._allowed_federations = (
            allowed_federations if isinstance(allowed_federations, str) else tuple(allowed_federations)
        )
        self._update_interval = update_interval
        self._random = randomness or random.Random()  # noqa: S311 - spreads load, decides nothing about trust
        self._generations = Generations(directory) if step is None else Generations(directory, step=step)
        self._downloader = Downloader(fetch, clock, self._random.shuffle)
        self._assembler = Assembler(building)
        self._callbacks: list[OnChange] = []
        self._lock = asyncio.Lock()
        self._restored = False
        self._held: PublishedConfiguration | None = None
        self._on_disk: PublishedConfiguration | None = None
        self._generation: str | None = None
        self._current: GlobalConf | None = None
        self._retired: list[GlobalConf] = []
        self._status = ConfigurationClientStatus()

    @property
    def current(self) -> GlobalConf | None:
        """The newest valid configuration known, maybe expired by now (`ensure_valid`). Ask for it at every use."""
        return self._current

    @property
    def status(self) -> ConfigurationClientStatus:
        return self._status

    @property
    def directory(self) -> Path:
        return self._generations.directory

    @property
    def published(self) -> PublishedConfiguration | None:
        """The files behind `current`, byte for byte: what a verification configuration is made from."""
        return self._held

    def on_change(self, callback: OnChange) -> None:
        """Have `callback` called, in the event loop, with each new `current`. A new expiry date alone is one too."""
        self._callbacks.append(callback)

    async def restore(self) -> GlobalConf | None:
        """Take over what is on disk, without the network. `refresh` and `run` begin with it."""
        async with self._lock:
            await self._restore()
            return self._current

    async def take_up(self) -> bool:
        """Take over what another process has published in `directory` since; whether there was anything.

        For the processes of one machine of which one runs `run`. What cannot be read leaves in force what is held.
        """
        async with self._lock:
            newest = self._generations.newest()
            if newest is None or newest == self._generation:
                return False
            await self._release()
            self._restored = False
            await self._restore()
            return self._generation == newest

    async def refresh(self) -> GlobalConf:
        """Download, decide, publish. On failure what was held stays in force.

        Raises PlatformError: `anchor_file_not_found`, `malformed_anchor`, `global_conf_*`, `malformed_global_conf`.
        """
        async with self._lock:
            await self._restore()
            await self._release()
            at = self._clock()
            try:
                location = await self._refresh()
            except Exception as error:
                code = error.code if isinstance(error, PlatformError) else "internal_error"
                self._status = ConfigurationClientStatus(
                    at, self._status.last_success_at, self._status.last_location, code
                )
                raise
            self._status = ConfigurationClientStatus(at, at, location, None)
            assert self._current is not None
            return self._current

    async def run(self) -> None:
        """Refresh until cancelled; after a failure sooner, with growing delays (2 s, 4 s, ... the interval) and some jitter."""
        failures = 0
        while True:
            try:
                await self.refresh()
                failures = 0
            except PlatformError as error:
                failures += 1
                log.refusal("refresh.failed", error, failures=failures)
            except Exception as error:  # noqa: BLE001 - a bug in one refresh must not end all of them
                failures += 1
                log.bug("refresh.failed", error, failures=failures)
            await asyncio.sleep(self._delay(failures))

    def _delay(self, failures: int) -> float:
        if failures == 0:
            return self._update_interval
        delay = FIRST_RETRY_DELAY * 2.0 ** min(failures - 1, 16)
        return min(delay, self._update_interval) * self._random.uniform(0.8, 1.2)

    # -- one refresh --------------------------------------------------------------------------------------------------

    async def _restore(self) -> None:
        if self._restored:
            return
        self._restored = True
        generation = self._generations.newest()
        try:
            published = await asyncio.to_thread(self._generations.read)
            if published is None:
                return
            globalconf, new, _ = await asyncio.to_thread(self._assembled, published)
        except PlatformError as error:
            log.refusal("restore.failed", error, directory=str(self._generations.directory))
            return
        self._on_disk = published
        self._generation = generation
        if new:
            self._install(published, globalconf)

    async def _release(self) -> None:
        """Let go of earlier configurations in a thread, one interval after they were replaced: nobody asks them any more."""
        if self._retired and self._current is not None:
            retired, self._retired = self._retired, []
            await asyncio.to_thread(_released, retired, self._current)

    async def _refresh(self) -> str:
        anchor = await asyncio.to_thread(self._read_anchor)
        own = anchor.instance_identifier
        held = self._held if self._held is not None and self._held.instance_identifier == own else None
        instances = held.instances if held is not None else {}
        federation = FederationFilter(self._allowed_federations, own)
        downloaded, location = await self._download(anchor, instances, _wanted_from_main(own, federation))
        main = downloaded[own]
        found: dict[str, Mapping[str, StoredFile]] = {own: main}
        for partner in await self._partners(own, main):
            if not federation.allows(partner.instance_identifier):
                continue
            files = await self._partner(partner, downloaded, instances)
            if files:
                found[partner.instance_identifier] = files
        await self._adopt(PublishedConfiguration(own, found))
        return location

    def _read_anchor(self) -> ConfigurationAnchor:
        if isinstance(self._anchor, ConfigurationAnchor):
            return self._anchor
        try:
            with self._anchor.open("rb") as file:
                return parse_anchor(file.read(MAX_ANCHOR_BYTES + 1))
        except OSError as error:
            raise CallerError(
                f"Cannot download configuration, anchor file {self._anchor} does not exist or cannot be read",
                code="anchor_file_not_found",
            ) from error

    async def _download(
        self,
        anchor: ConfigurationAnchor,
        instances: Mapping[str, Mapping[str, StoredFile]],
        wanted: Wanted,
    ) -> tuple[Files, str]:
        instance = anchor.instance_identifier
        file = instances.get(instance, NO_FILES).get(SHARED_PARAMETERS_FILE)
        shared = None
        if file is not None:
            with contextlib.suppress(
                PeerError
            ):  # taken over from a directory, and another instance's after all
                shared = await asyncio.to_thread(self._assembler.shared_parameters, instance, file)

        async def accept(files: Files) -> Files:
            held = instances.get(instance, NO_FILES)
            return {
                **files,
                instance: await asyncio.to_thread(self._accepted, instance, files[instance], held),
            }

        return await self._downloader.download(anchor, shared, instances, wanted, accept)

    def _accepted(
        self, instance: str, files: dict[str, StoredFile], held: Mapping[str, StoredFile]
    ) -> dict[str, StoredFile]:
        """What follows is decided first: whoever plays back old directories should not have them parsed."""
        followed = self._successor(instance, files, held)
        with yielding():
            self._ensure_readable(instance, followed)
        return followed

    def _ensure_readable(self, instance: str, files: Mapping[str, StoredFile]) -> None:
        """Parameters that do not parse, or are another instance's, are as good as none: the next location is asked."""
        self._assembler.shared_parameters(instance, files[SHARED_PARAMETERS_FILE])
        if PRIVATE_PARAMETERS_FILE in files:
            self._assembler.private_parameters(instance, files[PRIVATE_PARAMETERS_FILE])

    def _successor(
        self, instance: str, new: dict[str, StoredFile], held: Mapping[str, StoredFile]
    ) -> dict[str, StoredFile]:
        """`new`, if it may follow `held`; `held` where `new` is older but says the same (another node of the source)."""
        known = held.get(SHARED_PARAMETERS_FILE)
        try:
            ensure_may_follow(
                standing_of(new[SHARED_PARAMETERS_FILE].metadata),
                None if known is None else standing_of(known.metadata),
                at=self._clock(),
            )
        except TrustError:
            if known is not None and same_content(_contents(new), _contents(held)):
                return dict(held)
            raise
        return new

    async def _partners(self, own: str, main: Mapping[str, StoredFile]) -> tuple[ConfigurationAnchor, ...]:
        file = main.get(PRIVATE_PARAMETERS_FILE)
        if file is None:
            return ()
        private = await asyncio.to_thread(self._assembler.private_parameters, own, file)
        return private.anchors

    async def _partner(
        self,
        anchor: ConfigurationAnchor,
        from_main: Files,
        instances: Mapping[str, Mapping[str, StoredFile]],
    ) -> Mapping[str, StoredFile]:
        """A federated instance's files: its own source's, else what the main source passed on, else what is held."""
        instance = anchor.instance_identifier
        held = instances.get(instance, NO_FILES)
        try:
            downloaded, _ = await self._download(anchor, instances, _wanted_from_partner(instance))
            return downloaded[instance]
        except PlatformError as error:
            log.refusal("partner.failed", error, instance=instance)
        passed_on = from_main.get(instance)
        if passed_on is not None:
            try:
                return await asyncio.to_thread(self._accepted, instance, passed_on, held)
            except PlatformError as error:
                log.refusal("partner.failed", error, instance=instance)
        return held

    async def _adopt(self, configuration: PublishedConfiguration) -> None:
        """In force first, then on disk: a full disk must not stop a server that has a newer valid configuration."""
        globalconf, new, unpublished = await asyncio.to_thread(self._assembled, configuration)
        if new:
            self._install(configuration, globalconf)
        if unpublished:
            await asyncio.to_thread(self._generations.publish, configuration)
            self._on_disk = configuration
            self._generation = self._generations.newest()

    def _assembled(self, configuration: PublishedConfiguration) -> tuple[GlobalConf, bool, bool]:
        """And whether it differs from what is held, and from what is on disk: large files take time to compare."""
        with yielding():
            globalconf = self._assembler.assemble(configuration)
            return globalconf, configuration != self._held, configuration != self._on_disk

    def _install(self, configuration: PublishedConfiguration, globalconf: GlobalConf) -> None:
        if self._current is not None:
            self._retired.append(self._current)
        self._held = configuration
        self._current = globalconf
        log.info(
            "configuration.current",
            instance=globalconf.instance_identifier,
            version=globalconf.version,
            valid_until=globalconf.valid_until.isoformat(),
        )
        for callback in self._callbacks:
            try:
                callback(globalconf)
            except Exception as error:  # noqa: BLE001 - one listener's bug must not keep the others from the news
                log.bug("on_change.failed", error)


def _released(retired: list[GlobalConf], current: GlobalConf) -> None:
    with yielding():
        while retired:
            pieces = retired[-1].pieces(current)
            retired.pop()
            for piece in pieces:
                while piece:
                    piece.pop()


def _contents(files: Mapping[str, StoredFile]) -> Iterable[tuple[str, bytes]]:
    return ((name, file.content) for name, file in files.items())


def _wanted_from_main(own: str, federation: FederationFilter) -> Wanted:
    """Everything of the own instance; of allowed partners (a configuration proxy passes them on) the shared parameters."""

    def wanted(file: ConfigurationFile) -> bool:
        instance = file.instance_identifier
        if instance == own:
            return True
        return file.content_identifier == SHARED_PARAMETERS and federation.allows(instance)

    return wanted


def _wanted_from_partner(instance: str) -> Wanted:
    """A partner speaks for itself alone: the reference would let it replace another instance's parameters, ours too."""

    def wanted(file: ConfigurationFile) -> bool:
        return file.instance_identifier == instance and file.content_identifier == SHARED_PARAMETERS

    return wanted
