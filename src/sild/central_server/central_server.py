"""The central server: its database, its signing keys and the configuration it publishes, behind one class."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

from sqlalchemy import Engine, insert, select

from sild.central_server.administration import Change
from sild.central_server.anchors import Anchors
from sild.central_server.certification_services import CertificationServices
from sild.central_server.configuration_parts import ConfigurationParts
from sild.central_server.errors import Conflict
from sild.central_server.global_groups import GlobalGroups, add_owners_group
from sild.central_server.key_store import KeyStore
from sild.central_server.management_requests import ManagementRequests
from sild.central_server.members import Members
from sild.central_server.own_configuration import OwnConfiguration
from sild.central_server.parameters import SystemParameters, write_parameter
from sild.central_server.publication import PublicDirectory
from sild.central_server.publisher import ConfigurationPublisher, Generation
from sild.central_server.records import AutomaticApproval
from sild.central_server.security_servers import SecurityServers
from sild.central_server.service_tls import ManagementServiceTls
from sild.central_server.signing_keys import SigningKeys
from sild.central_server.tables import instance
from sild.central_server.timestamping_services import TimestampingServices
from sild.central_server.validation import ensure_address, ensure_instance_identifier
from sild.clock import Clock, system_clock
from sild.database import open_database, sqlite_url
from sild.errors import Unavailable
from sild.xroad.globalconf import MINIMUM_VERSION

__all__ = ["CentralServer"]

MIGRATIONS = Path(__file__).parent / "migrations"


class CentralServer(
    ManagementRequests,
    SystemParameters,
    Members,
    SecurityServers,
    ManagementServiceTls,
    GlobalGroups,
    CertificationServices,
    TimestampingServices,
    SigningKeys,
    Anchors,
    ConfigurationParts,
    OwnConfiguration,
):
    """An instance's register of members and servers. `directory` holds the keys, the public files and, by default, the database.

    Every method that changes something is one transaction with its audit row, joined by `transaction()`; it may be called
    from any thread. Refusals are NotFound, Conflict or CallerError with X-Road's administration codes, or Unavailable.
    """

    def __init__(
        self,
        engine: Engine,
        directory: Path,
        *,
        clock: Clock = system_clock,
        minimum_version: int = MINIMUM_VERSION,
        automatic_approval: AutomaticApproval | None = None,
    ) -> None:
        super().__init__(engine, clock, KeyStore(directory / "keys"))
        self.automatic_approval = automatic_approval or AutomaticApproval()
        self._service_tls_file = directory / "ssl" / "management-service.pem"
        self._configuration_lock = threading.Lock()
        self.public_directory = directory / "public"
        self._publisher = ConfigurationPublisher(
            self._snapshot,
            self._key_store,
            PublicDirectory(self.public_directory),
            clock,
            minimum_version=minimum_version,
        )

    @classmethod
    def create(
        cls,
        directory: Path,
        *,
        instance_identifier: str,
        address: str,
        pin: str,
        database_url: str | None = None,
        clock: Clock = system_clock,
        minimum_version: int = MINIMUM_VERSION,
        automatic_approval: AutomaticApproval | None = None,
    ) -> CentralServer:
        """Initialise a central server: identifier, public address, PIN of the software token; log the token in.

        What it needs before it can publish: a signing key for each source, and a provider of the management services.
        Raises Conflict (`init_already_initialized`), CallerError (`init_invalid_params`, ...), Unavailable.
        """
        ensure_instance_identifier(instance_identifier)
        address = ensure_address(address, code="init_invalid_params")
        server = cls(
            _database(directory, database_url),
            directory,
            clock=clock,
            minimum_version=minimum_version,
            automatic_approval=automatic_approval,
        )
        try:
            server._initialise(instance_identifier, address, pin)
        except BaseException:
            server.close()
            raise
        return server

    @classmethod
    def open(
        cls,
        directory: Path,
        *,
        pin: str | None = None,
        database_url: str | None = None,
        clock: Clock = system_clock,
        minimum_version: int = MINIMUM_VERSION,
        automatic_approval: AutomaticApproval | None = None,
    ) -> CentralServer:
        """Open one that was created before; without the PIN nothing can be signed until `log_in`.

        Raises CallerError (`instance_identifier_not_set`, `pin_incorrect`), Unavailable.
        """
        server = cls(
            _database(directory, database_url),
            directory,
            clock=clock,
            minimum_version=minimum_version,
            automatic_approval=automatic_approval,
        )
        try:
            assert server.instance_identifier
            if pin is not None:
                server.log_in(pin)
        except BaseException:
            server.close()
            raise
        return server

    def _initialise(self, instance_identifier: str, address: str, pin: str) -> None:
        with self._engine.begin() as connection:
            if connection.scalar(select(instance.c.id)) is not None:
                raise Conflict("the central server is initialised", code="init_already_initialized")
            change = Change(connection, self._clock(), "local", 1)
            connection.execute(
                insert(instance).values(
                    id=1, instance_identifier=instance_identifier, revision=1, created_at=change.at
                )
            )
            write_parameter(change, "centralServerAddress", address)
            add_owners_group(change)
            change.audit(
                "initialize_central_server", {"instance_identifier": instance_identifier, "address": address}
            )
            self._key_store.initialise(pin)

    def close(self) -> None:
        """Forget keys and PIN, close the database."""
        self.log_out()
        self._engine.dispose()

    # --- publishing

    def publish(self) -> Generation:
        """Generate, sign and publish every version of both configurations now (see `ConfigurationPublisher.publish`)."""
        return self._publisher.publish()

    @property
    def last_generation(self) -> Generation | None:
        """What this process published last."""
        return self._publisher.last

    async def run(self, *, interval: float = 60.0, look_every: float = 2.0) -> None:
        """Publish at once, after every change, and every `interval` seconds, until cancelled.

        look_every: seconds after which a change made by another process is noticed.
        """
        changed = asyncio.Event()
        loop = asyncio.get_running_loop()

        def wake() -> None:
            loop.call_soon_threadsafe(changed.set)

        self._listeners.append(wake)
        looking = asyncio.create_task(self._look(changed, look_every))
        try:
            await self._publisher.run(interval=interval, changed=changed)
        finally:
            looking.cancel()
            self._listeners.remove(wake)

    async def _look(self, changed: asyncio.Event, seconds: float) -> None:
        """Set `changed` when the register has moved past what was published last."""
        seen = -1
        while True:
            await asyncio.sleep(seconds)
            try:
                revision = await asyncio.to_thread(lambda: self.revision)
            except Unavailable:
                continue  # the publisher says it in its log
            published = self.last_generation
            if revision not in (None if published is None else published.revision, seen):
                changed.set()
            seen = revision


def _database(directory: Path, url: str | None) -> Engine:
    return open_database(url or sqlite_url(directory / "central-server.db"), MIGRATIONS)
