"""Where a nation keeps its state, the ports it was given and the secrets it made.

DIR/nation.json ports.json secrets.json anchor.xml authorities.pem evidence/    read by people and programs (secrets by its owner)
DIR/trust-services/ central-server/ register/ ss1/ ss2/         the state of each component
DIR/.lock                                                       held while the nation runs
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import secrets
import shutil
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sild.errors import CallerError

FIRST_PORT, PAST_LAST_PORT = 10_240, 32_768

__all__ = ["Layout", "Ports", "Secrets", "ServerPorts", "free_ports", "take_ports"]


@dataclass(frozen=True, slots=True)
class ServerPorts:
    client_http: int
    client_https: int
    server_proxy: int
    ocsp_responder: int


@dataclass(frozen=True, slots=True)
class Ports:
    """Taken once, when the nation is founded: they stand in certificates and in the global configuration.

    systems: of the country's other information systems, by name.
    """

    trust_services: int
    central_server: int
    registration_service: int
    management_service: int
    register: int
    provider: ServerPorts
    consumer: ServerPorts
    systems: dict[str, int] = field(default_factory=dict)

    def named(self) -> dict[str, int]:
        """`central_server`, `provider client_http`, ..."""
        found: dict[str, int] = {}
        for name, value in asdict(self).items():
            if isinstance(value, dict):
                found |= {f"{name} {inner}": port for inner, port in value.items()}
            else:
                found[name] = value
        return found


@dataclass(frozen=True, slots=True)
class Secrets:
    """PINs and passwords of the nation's keys; what its portal and its ward prove themselves with to its identity provider."""

    trust_services: str
    central_server: str
    security_server: str
    identity: str = ""
    portal: str = ""
    portal_client: str = ""
    ward_client: str = ""


class Layout:
    """`directory` and what lies in it. `secrets.json` is written first and `ports.json` last: a directory with the one and
    without the other holds a nation that was not founded to the end, and nothing in it was ever used.

    servers, systems: their codes, which name directories.  system_ports: names of the ports of systems.
    """

    def __init__(
        self,
        directory: Path,
        servers: Sequence[str],
        systems: Sequence[str] = (),
        system_ports: Sequence[str] = (),
    ) -> None:
        self.directory = directory = directory.resolve()
        self.trust_services = directory / "trust-services"
        self.central_server = directory / "central-server"
        self.register = directory / "register"
        self.anchor = directory / "anchor.xml"
        self.authorities = directory / "authorities.pem"
        self.description = directory / "nation.json"
        self.evidence = directory / "evidence"
        self._ports = directory / "ports.json"
        self._secrets = directory / "secrets.json"
        self._lock = directory / ".lock"
        self._servers = servers
        self._systems = systems
        self._system_ports = system_ports

    def system(self, kind: str) -> Path:
        return self.directory / kind

    def security_server(self, server_code: str) -> Path:
        return self.directory / server_code

    @property
    def is_founded(self) -> bool:
        return self._ports.exists()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep the directory for this process, made if it is not there. Raises CallerError: a nation runs in it already."""
        try:
            self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not self.is_founded:
                self._refuse_other_things()
            lock = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise CallerError(f"{self.directory}: {error.strerror or error}") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(lock)
            raise CallerError(
                f"a nation runs in {self.directory} already; give this one another --dir"
            ) from error
        try:
            yield
        finally:
            os.close(lock)

    def clear_unfinished(self) -> None:
        """Remove what a founding that was broken off has left."""
        for path in self._ours():
            if path != self._lock:
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)

    def _ours(self) -> set[Path]:
        servers = {self.security_server(code) for code in self._servers}
        servers |= {self.system(kind) for kind in self._systems}
        parts = {self.trust_services, self.central_server, self.register, self.evidence}
        files = {self.anchor, self.authorities, self.description, self._ports, self._secrets, self._lock}
        return servers | parts | files | {_draft(file) for file in files}

    def _refuse_other_things(self) -> None:
        found = set(self.directory.iterdir()) - {self._lock, _draft(self._secrets)}
        unfinished = self._secrets in found and found <= self._ours() - {self.description, self.evidence}
        if found and not unfinished:
            raise CallerError(
                f"{self.directory} is neither empty nor a founded nation; remove it or give another --dir"
            )

    def ensure_ports_free(self, ports: Ports) -> None:
        """Raises CallerError that names the port another program has taken since the nation was founded."""
        for name, port in ports.named().items():
            if not _is_free(port):
                raise CallerError(
                    f"port {port} (this nation's {name.replace('_', ' ')}) is taken by another program; "
                    "stop that one, or found a new nation with another --dir",
                    code="network_error",
                )

    def read_ports(self) -> Ports:
        """Raises CallerError: the nation here is of another version, or has other information systems."""
        values = _read(self._ports)
        try:
            provider, consumer = (ServerPorts(**values.pop(name)) for name in ("provider", "consumer"))
            ports = Ports(**values, provider=provider, consumer=consumer)
        except (KeyError, TypeError) as error:
            raise CallerError(
                f"the nation in {self.directory} was founded by another version: remove it or give another --dir"
            ) from error
        wanted, found = set(self._system_ports), ports.systems.keys()
        if found != wanted:
            told = "it lacks " + ", ".join(sorted(wanted - found)) if wanted - found else "it has more"
            raise CallerError(
                f"the nation in {self.directory} was founded by another version or plan ({told}): "
                "remove it or give another --dir"
            )
        return ports

    def write_ports(self, ports: Ports) -> None:
        _write(self._ports, asdict(ports))

    def read_secrets(self) -> Secrets:
        """Raises CallerError: the nation here is of another version."""
        found = _read(self._secrets)
        if found.keys() != Secrets.__dataclass_fields__.keys():
            raise CallerError(
                f"the nation in {self.directory} was founded by another version: remove it or give another --dir"
            )
        return Secrets(**found)

    def make_secrets(self) -> Secrets:
        made = Secrets(**{name: secrets.token_urlsafe(24) for name in Secrets.__dataclass_fields__})
        _write(self._secrets, asdict(made))
        return made

    def ensure_as_many_people(self, people: int) -> None:
        """Raises CallerError: the nation here was founded with more or fewer; its registers hold those, and test people are found among them."""
        found = _read(self.description).get("people", people) if self.description.exists() else people
        if found != people:
            raise CallerError(
                f"the nation in {self.directory} was founded with {found} people, not {people}: "
                f"start it with --people {found}, or give another --dir"
            )

    def write_description(self, description: dict[str, object]) -> None:
        _write(self.description, description)


def _read(path: Path) -> Any:  # JSON of our own making
    return json.loads(path.read_text())


def _write(path: Path, values: dict[str, object]) -> None:
    """Readable by the owner alone, whole or not at all."""
    draft = _draft(path)
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(values, indent=1, ensure_ascii=False))
    draft.replace(path)


def _draft(path: Path) -> Path:
    return path.with_suffix(".new")


def _is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return False
        raise
    return True


def free_ports(count: int) -> tuple[int, ...]:
    """Ports of 127.0.0.1 side by side that are free now, below those the system hands out to outgoing connections.

    Side by side: two that choose at once seldom choose the same, and ports strewn about would meet often.
    """
    ports, held = _hold_free(count)
    held.close()
    return ports


def take_ports(systems: Sequence[str]) -> tuple[Ports, ExitStack]:
    """Of a new nation, and what holds them against others who choose until it is closed: a founding lasts. `systems` by name."""
    (trust, central, registration, management, register, *rest), held = _hold_free(13 + len(systems))
    ports = Ports(
        trust,
        central,
        registration,
        management,
        register,
        ServerPorts(*rest[:4]),
        ServerPorts(*rest[4:8]),
        dict(zip(systems, rest[8:], strict=True)),
    )
    return ports, held


def _hold_free(count: int) -> tuple[tuple[int, ...], ExitStack]:
    """Bound so that nobody who asks for a port of their own has them, and a server that names one may still listen there."""
    while True:
        first = FIRST_PORT + secrets.randbelow(PAST_LAST_PORT - FIRST_PORT - count)
        block = tuple(range(first, first + count))
        with ExitStack() as stack, suppress(OSError):
            for port in block:
                held = stack.enter_context(socket.socket())
                held.bind(("127.0.0.1", port))
                held.setsockopt(
                    socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
                )  # after bind: others who set it share the port
            return block, stack.pop_all()
