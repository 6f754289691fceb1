"""Settings of one security server. A default stands only where it is right in production and may be public."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from sild.acme_client import AcmeClientSettings
from sild.database import sqlite_url
from sild.op_monitor import MonitoringRules
from sild.security_server.witness_settings import WitnessSettings
from sild.settings import Settings
from sild.signer import Pkcs11Device
from sild.xroad.fault_codes import Spelling
from sild.xroad.identifiers import ClientId, SecurityServerId

__all__ = ["PeerRoute", "SecurityServerSettings"]

MIB = 1024 * 1024


class PeerRoute(Settings):
    """Where a server really listens whose published address cannot say it (tests, a demo on one machine, NAT)."""

    host: str
    port: int
    ocsp_port: int


class SecurityServerSettings(Settings):
    """Times are in seconds, sizes in bytes. Ports: 0 takes a free one, None (in TOML: false) does not listen at all."""

    # who
    owner: str  # member, `DEV:COM:1234`
    server_code: str
    anchor: Path  # configuration anchor file of the instance
    directory: Path  # all state: databases, configuration, tokens, internal TLS key, archive
    pin: SecretStr | None = None  # of the software token; None: the token must be logged in to by hand

    # hardware tokens and automatic login (docs/signer.md)
    devices_file: Path | None = None  # X-Road's devices.ini
    devices: dict[str, Pkcs11Device] = Field(default_factory=dict)  # the same as tables, by name
    token_pins_file: Path | None = None  # a line each: `token:PIN`
    token_pins_command: tuple[str, ...] = ()  # a program and its arguments that prints such lines
    certificate_warning: float = 30 * 86_400.0  # before a certificate ends
    acme: AcmeClientSettings | None = None  # docs/acme.md; None: certificates come by hand

    # where
    database_url: str | None = None  # server configuration; None: SQLite in `directory`
    message_log_url: str | None = None
    signer_url: str | None = (
        None  # keys, too, are then in that database; None: files and SQLite in `directory`
    )
    listen_address: str = "127.0.0.1"  # of the two client ports
    peer_listen_address: str = "127.0.0.1"  # of 5500 and 5577
    client_http_port: int | None = 8080
    client_https_port: int | None = 8443
    server_proxy_port: int | None = 5500
    ocsp_responder_port: int | None = 5577
    internal_tls_key: Literal["rsa-2048", "ec-p256"] = "rsa-2048"  # of the key made when there is none
    peer_server_proxy_port: int = 5500  # where other servers listen
    peer_ocsp_responder_port: int = 5577
    peer_routes: dict[str, PeerRoute] = Field(default_factory=dict)  # by published address

    # behind a load balancer (docs/high-availability.md)
    health_check_address: str = "127.0.0.1"
    health_check_port: int | None = None
    hsm_health_check_enabled: bool = False  # a hardware token that does not work makes the node unhealthy
    proxy_admin_port: int | None = None  # switches maintenance mode; on 127.0.0.1 only. X-Road's is 5566
    leave_delay: float = 0.0  # told to end, it goes on so long but is unhealthy, for the balancer to notice

    max_connections_of_address: int = Field(
        default=2048, ge=0
    )  # of 4096 on each port of messages; 0: no bound

    # messages
    fault_spelling: Literal["snake_case", "CamelCase"] = "snake_case"  # of X-Road 7.8, of 7.7 and older
    spool_threshold: int = 128 * 1024  # of a body kept in memory
    max_body_size: int | None = None  # None: as much as the disk holds
    spool_directory: Path | None = None  # None: the system's own for temporary files
    batch_signing: Literal["automatic", "always", "never"] = "never"  # of the software token

    # peers
    connect_timeout: float = 30.0
    peer_read_timeout: float | None = (
        None  # silence of the provider's server that is put up with; None: no limit
    )
    keep_peer_connections: bool = True  # as client; X-Road's default is a new connection for each message
    keep_client_connections: bool = True  # as provider: do not answer `Connection: close`
    max_idle_peer_connections: int = 64  # per server
    peer_idle_timeout: float = 30.0
    winner_remembered: float = 3600.0

    # information systems
    enforce_client_certificate_validity: bool = False

    # message log
    log_bodies: bool = True
    max_loggable_body_size: int = 10 * MIB
    truncated_body_allowed: bool = False
    unlogged_local_providers: tuple[str, ...] = ()  # exceptions to `log_bodies`, `DEV:COM:1:Sub`
    unlogged_remote_providers: tuple[str, ...] = ()
    timestamp_immediately: bool = False
    acceptable_timestamp_failure: float = 14_400.0
    archive_directory: Path | None = None  # None: `directory`/archive
    message_log_keystore: Path | None = None  # PKCS#12 with the keys of encrypted records
    message_log_keystore_password: SecretStr | None = None
    message_log_key_id: str | None = None  # what new bodies are encrypted with; None: they are not encrypted
    archive_grouping: Literal["none", "member", "subsystem"] = "none"
    archive_max_file_size: int = 32 * MIB
    archive_encryption: bool = False  # with OpenPGP, by gpg
    archive_gpg_home: Path | None = None  # None: `directory`/gpghome
    archive_default_encryption_key: str | None = None  # None: the server's own
    archive_encryption_keys: Path | None = None  # which keys a member's archives are for
    archive_transfer_command: tuple[str, ...] = ()  # after archiving: a program and its arguments
    archive_interval: float = 6 * 3600.0
    keep_records: float = 30 * 86_400.0  # after archiving
    clean_interval: float = 12 * 3600.0

    # what the message log says about a person (docs/security_server.md, getWitness); None: nobody is told
    witness: WitnessSettings | None = None

    # monitoring (docs/monitoring.md)
    op_monitoring: str = "embedded"  # or "off", or a daemon's address: http://host:2080
    op_monitor_url: str | None = None  # the embedded one's database; None: SQLite in `directory`
    op_monitor: MonitoringRules = Field(default_factory=MonitoringRules)
    op_monitor_certificate: Path | None = None  # PEM, of a daemon with https
    limit_remote_data_set: bool = False  # getSecurityServerMetrics tells others than the owner little
    metrics_port: int | None = None  # `GET /metrics`; None: not at all
    metrics_address: str = "127.0.0.1"
    otlp_endpoint: str | None = None  # traces: http://collector:4318/v1/traces
    otlp_ratio: float = Field(default=1.0, ge=0, le=1)  # of traces kept

    # configuration
    allowed_federations: Literal["none", "all"] | tuple[str, ...] = "none"  # or names of instances
    configuration_interval: float = 60.0
    server_configuration_interval: float = 2.0  # how often another process's change is looked for

    # tests only
    crash_at: str | None = None

    @field_validator(
        "client_http_port",
        "client_https_port",
        "server_proxy_port",
        "ocsp_responder_port",
        "health_check_port",
        "proxy_admin_port",
        "metrics_port",
        mode="before",
    )
    @classmethod
    def _off(cls, port: object) -> object:
        if isinstance(port, bool):
            if port:
                raise ValueError("a port's number, or false")
            return None
        return port

    @model_validator(mode="after")
    def _one_source_of_pins(self) -> SecurityServerSettings:
        if self.token_pins_file is not None and self.token_pins_command:
            raise ValueError("either token_pins_file or token_pins_command")
        return self

    @field_validator("op_monitoring")
    @classmethod
    def _a_monitor(cls, where: str) -> str:
        if where not in ("embedded", "off") and not where.startswith(("http://", "https://")):
            raise ValueError("embedded, off, or the address of a daemon")
        return where

    @model_validator(mode="after")
    def _a_keystore_for_the_key(self) -> SecurityServerSettings:
        if self.message_log_keystore is None and self.message_log_key_id is not None:
            raise ValueError("message_log_key_id is of a key in message_log_keystore")
        return self

    @field_validator("owner")
    @classmethod
    def _a_member(cls, owner: str) -> str:
        if ClientId.parse(owner).subsystem_code is not None:
            raise ValueError("a member owns a server, not a subsystem")
        return owner

    @field_validator("unlogged_local_providers", "unlogged_remote_providers")
    @classmethod
    def _clients(cls, providers: tuple[str, ...]) -> tuple[str, ...]:
        for provider in providers:
            ClientId.parse(provider)
        return providers

    @property
    def server_id(self) -> SecurityServerId:
        return SecurityServerId(ClientId.parse(self.owner), self.server_code)

    @property
    def spelling(self) -> Spelling:
        return Spelling(self.fault_spelling)

    @property
    def serverconf_url(self) -> str:
        return self.database_url or sqlite_url(self.directory / "serverconf.db")

    @property
    def listeners(self) -> dict[str, tuple[str, int]]:
        """Address and port of each that is switched on, by its name in `SecurityServer.addresses`."""
        here, outside = self.listen_address, self.peer_listen_address
        ports = {
            "client_http": (here, self.client_http_port),
            "client_https": (here, self.client_https_port),
            "server_proxy": (outside, self.server_proxy_port),
            "ocsp_responder": (outside, self.ocsp_responder_port),
            "health_check": (self.health_check_address, self.health_check_port),
            "proxy_admin": ("127.0.0.1", self.proxy_admin_port),
            "metrics": (self.metrics_address, self.metrics_port),
            **self._challenge_listener,
        }
        return {name: (host, port) for name, (host, port) in ports.items() if port is not None}

    @property
    def _challenge_listener(self) -> dict[str, tuple[str, int | None]]:
        if self.acme is None:
            return {}
        return {
            "acme_challenge": (
                self.acme.challenge_address or self.peer_listen_address,
                self.acme.challenge_port,
            )
        }

    @property
    def acme_database_url(self) -> str:
        return self.database_url or sqlite_url(self.directory / "acme.db")

    @property
    def metrics_directory(self) -> Path:
        """Where workers that share a port keep what each has counted."""
        return self.directory / "metrics"

    @property
    def signer_database_url(self) -> str:
        return self.signer_url or sqlite_url(self.directory / "signer.db")

    @property
    def op_monitor_database_url(self) -> str:
        return self.op_monitor_url or sqlite_url(self.directory / "opmonitor.db")

    @property
    def log_url(self) -> str:
        return self.message_log_url or sqlite_url(self.directory / "messagelog.db")
