"""Where a nation keeps its state, the ports it was given and the secrets it made."""

from __future__ import annotations

import json
import secrets
import socket
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sild.errors import CallerError

FIRST_PORT, PAST_LAST_PORT = 10_240, 32_768

__all__ = ["Layout", "Ports", "Secrets", "ServerPorts", "free_ports"]


@dataclass(frozen=True, slots=True)
class ServerPorts:
    client_http: int
    client_https: int
    server_proxy: int
    ocsp_responder: int


@dataclass(frozen=True, slots=True)
class Ports:
    """Taken once, when the nation is founded: they stand in certificates and in the global configuration."""

    trust_services: int
    central_server: int
    register: int
    provider: ServerPorts
    consumer: ServerPorts


@dataclass(frozen=True, slots=True)
class Secrets:
    """PINs and passwords of the nation's keys."""

    trust_services: str
    central_server: str
    security_server: str


class Layout:
    """`directory` and what lies in it. `ports.json` is written last: a nation without it was not founded to the end."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory = directory.resolve()
        self.trust_services = directory / "trust-services"
        self.central_server = directory / "central-server"
        self.register = directory / "register"
        self.anchor = directory / "anchor.xml"
        self.description = directory / "nation.json"
        self.evidence = directory / "evidence"
        self._ports = directory / "ports.json"
        self._secrets = directory / "secrets.json"

    def security_server(self, server_code: str) -> Path:
        return self.directory / server_code

    @property
    def is_founded(self) -> bool:
        return self._ports.exists()

    def prepare(self) -> None:
        """Make the directory, refusing one that holds something else. Raises CallerError."""
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        if any(self.directory.iterdir()):
            raise CallerError(
                f"{self.directory} is neither empty nor a founded nation; remove it or give another --dir"
            )

    def read_ports(self) -> Ports:
        values = _read(self._ports)
        provider, consumer = (ServerPorts(**values.pop(name)) for name in ("provider", "consumer"))
        return Ports(**values, provider=provider, consumer=consumer)

    def write_ports(self, ports: Ports) -> None:
        _write(self._ports, asdict(ports))

    def read_secrets(self) -> Secrets:
        return Secrets(**_read(self._secrets))

    def make_secrets(self) -> Secrets:
        made = Secrets(*(secrets.token_urlsafe(12) for _ in range(3)))
        _write(self._secrets, asdict(made))
        return made

    def write_description(self, description: dict[str, object]) -> None:
        _write(self.description, description)


def _read(path: Path) -> Any:  # JSON of our own making
    return json.loads(path.read_text())


def _write(path: Path, values: dict[str, object]) -> None:
    """Readable by the owner alone, whole or not at all."""
    draft = path.with_suffix(".new")
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(values, indent=1, ensure_ascii=False))
    draft.replace(path)


def free_ports(count: int) -> tuple[int, ...]:
    """Different ports of 127.0.0.1 that are free now, below those the system hands out to outgoing connections."""
    found: list[int] = []
    with ExitStack() as stack:
        while len(found) < count:
            port = FIRST_PORT + secrets.randbelow(PAST_LAST_PORT - FIRST_PORT)
            try:
                stack.enter_context(socket.create_server(("127.0.0.1", port)))
            except OSError:
                continue
            found.append(port)
    return tuple(found)
