"""What the settings make of a security server's parts: tokens, archives, body logging, time-stamping authorities."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from sild.clock import Clock
from sild.configuration_client import ConfigurationClient
from sild.errors import CallerError, PlatformError
from sild.message_log import ArchiveEncryption, ArchiveTransfer, ArchivingRules, BodyEncryption, BodyLogging
from sild.pki import Certificate
from sild.security_server.serverconf import ServerConf
from sild.security_server.settings import SecurityServerSettings
from sild.signer import PinSource, Pkcs11Device, pins_from_command, pins_from_file, read_devices_ini
from sild.xroad.identifiers import ClientId

__all__ = [
    "TimestampingServices",
    "archive_directory",
    "archiving_rules",
    "body_encryption",
    "body_logging",
    "devices",
    "pin_source",
]


class TimestampingServices:
    """The authorities this server uses: those chosen by its administrator that the configuration approves (WIRE 9).

    Asked for every message, so the answer is kept while both stay the same.
    """

    def __init__(self, serverconf: ServerConf, configuration: ConfigurationClient, clock: Clock) -> None:
        self._serverconf = serverconf
        self._configuration = configuration
        self._clock = clock
        self._of: tuple[object, object] = (None, None)
        self._urls: tuple[str, ...] = ()

    def urls(self) -> Sequence[str]:
        conf, globalconf = self._serverconf.snapshot, self._configuration.current
        if self._of[0] is not conf or self._of[1] is not globalconf:
            approved = set()
            if globalconf is not None:
                tsas = globalconf.approved_tsas(globalconf.instance_identifier, self._clock())
                approved = {tsa.url for tsa in tsas}
            self._urls = tuple(url for _, url in conf.timestamping_services if url in approved)
            self._of = (conf, globalconf)
        return self._urls

    def certificates(self) -> Sequence[Certificate]:
        globalconf = self._configuration.current
        return () if globalconf is None else globalconf.tsa_certificates(self._clock())

    def interval(self) -> timedelta:
        globalconf = self._configuration.current
        if globalconf is None:
            return timedelta(seconds=60)
        try:
            return globalconf.timestamping_interval
        except PlatformError:  # an external source has no private parameters
            return timedelta(seconds=60)


def devices(settings: SecurityServerSettings) -> dict[str, Pkcs11Device]:
    found = dict(settings.devices)
    if settings.devices_file is not None:
        found.update(read_devices_ini(settings.devices_file))
    return found


def pin_source(settings: SecurityServerSettings) -> PinSource | None:
    file, command = settings.token_pins_file, settings.token_pins_command
    if file is None and not command:
        return None

    async def pins() -> dict[str, str]:
        return await pins_from_file(file) if file is not None else await pins_from_command(command)

    return pins


def archive_directory(settings: SecurityServerSettings) -> Path:
    directory = settings.archive_directory or settings.directory / "archive"
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    return directory


def archiving_rules(settings: SecurityServerSettings) -> ArchivingRules:
    return ArchivingRules(
        grouping=settings.archive_grouping,
        max_file_size=settings.archive_max_file_size,
        archive_interval=timedelta(seconds=settings.archive_interval),
        clean_interval=timedelta(seconds=settings.clean_interval),
        keep=timedelta(seconds=settings.keep_records),
        encryption=_archive_encryption(settings),
        transfer=ArchiveTransfer(settings.archive_transfer_command)
        if settings.archive_transfer_command
        else None,
    )


def _archive_encryption(settings: SecurityServerSettings) -> ArchiveEncryption | None:
    if not settings.archive_encryption:
        return None
    return ArchiveEncryption(
        settings.archive_gpg_home or settings.directory / "gpghome",
        settings.archive_default_encryption_key,
        settings.archive_encryption_keys,
    )


def body_encryption(settings: SecurityServerSettings) -> BodyEncryption | None:
    keystore, password = settings.message_log_keystore, settings.message_log_keystore_password
    if keystore is None:
        return None
    if password is None:
        raise CallerError("message_log_keystore needs message_log_keystore_password", code="bad_request")
    return BodyEncryption.from_keystore(keystore, password.get_secret_value(), settings.message_log_key_id)


def body_logging(settings: SecurityServerSettings) -> BodyLogging:
    return BodyLogging(
        enabled=settings.log_bodies,
        local_providers=frozenset(map(ClientId.parse, settings.unlogged_local_providers)),
        remote_providers=frozenset(map(ClientId.parse, settings.unlogged_remote_providers)),
        max_body_size=settings.max_loggable_body_size,
        truncated_allowed=settings.truncated_body_allowed,
    )
