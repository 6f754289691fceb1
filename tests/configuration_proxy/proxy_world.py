"""A real central server behind, a configuration proxy, and real configuration clients in front, over loopback.

async with ProxyWorld(tmp_path, pki) as world:
    await world.proxy.mediate("PROXY")
    globalconf = await world.client().refresh()
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

from central_server.central_world import PIN, SetClock, fill
from sild.central_server import CentralServer, ConfigurationType, configuration_app
from sild.configuration_client import ConfigurationClient
from sild.configuration_proxy import ConfigurationProxy, ConfigurationProxySettings, distribution_app
from sild.xroad.globalconf import (
    ConfigurationDirectory,
    parse_anchor,
    parse_signed_directory,
    verify_signed_directory,
)
from support.asgi import Site, serving
from support.pki import Pki

PROXY = "PROXY"

Spoil = Callable[[bytes], bytes]


class Wire:
    """The way to a source. `down`: it answers 503.  `missing`: 404 to targets of this pattern.  `spoil`: what becomes of a
    body, by a pattern of its target."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self.down = False
        self.missing: str | None = None
        self.spoil: dict[str, Spoil] = {}
        self.targets: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Callable[[Any], Awaitable[None]]) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        target = scope["path"] + (f"?{scope['query_string'].decode()}" if scope["query_string"] else "")
        self.targets.append(target)
        answer: list[Any] = []

        async def collect(message: Any) -> None:
            answer.append(message)

        await self._app(scope, receive, collect)
        status = 503 if self.down else answer[0]["status"]
        if self.missing is not None and re.search(self.missing, target):
            status = 404
        body = b"".join(message.get("body", b"") for message in answer[1:])
        for pattern, spoil in self.spoil.items():
            if re.search(pattern, target):
                body = spoil(body)
        headers = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


class Source:
    """A central server that serves its instance's configuration on a free port."""

    def __init__(self, server: CentralServer, wire: Wire, site: Site) -> None:
        self.server = server
        self.wire = wire
        self.site = site

    def anchor(self, source_type: ConfigurationType = "INTERNAL") -> bytes:
        return self.server.anchor(source_type).file


@contextmanager
def source(directory: Path, clock: SetClock, instance: str = "DEV") -> Iterator[Source]:
    server = CentralServer.create(
        directory, instance_identifier=instance, address="not.yet", pin=PIN, clock=clock
    )
    wire = Wire(configuration_app(server.public_directory))
    with serving(wire) as site:
        server.set_address(f"{site.host}:{site.port}")
        server.set_system_parameter("confDownloadProtocols", "http")
        yield Source(server, wire, site)
    server.close()


class ProxyWorld:
    """The instance DEV, filled and published, and the proxy instance PROXY, ready to mediate it."""

    def __init__(self, directory: Path, pki: Pki, *, algorithm: str = "EC", **settings: object) -> None:
        self.directory = directory
        self.pki = pki
        self.clock = SetClock()
        self._algorithm = algorithm
        self._settings = settings
        self._open = ExitStack()
        self._clients = 0

    async def __aenter__(self) -> Self:
        self.source = self._open.enter_context(source(self.directory / "cs", self.clock))
        fill(self.source.server, self.pki)
        self.source.server.publish()
        public = self.directory / "cp" / "public"
        self.wire = Wire(distribution_app(public))
        self.site = self._open.enter_context(serving(self.wire))
        self.proxy = self.open_proxy()
        await self.proxy.log_in("1234")
        await self.add_instance(PROXY, self.source.anchor())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._open.close()

    def open_proxy(self, **settings: object) -> ConfigurationProxy:
        """The proxy as another process would open it."""
        values: dict[str, object] = {
            "directory": self.directory / "cp",
            "address": f"{self.site.host}:{self.site.port}",
            "protocols": ["http"],
            "update_seconds": 0.05,
        }
        told = ConfigurationProxySettings.model_validate(values | self._settings | settings)
        return ConfigurationProxy(told, clock=self.clock)

    def another_source(self, instance: str) -> Source:
        return self._open.enter_context(source(self.directory / instance, self.clock, instance))

    async def add_instance(self, name: str, source_anchor: bytes) -> None:
        self.proxy.create_instance(name)
        self.proxy.set_source_anchor(name, source_anchor)
        await self.proxy.add_signing_key(name, algorithm=self._algorithm)  # type: ignore[arg-type]

    async def pass_on(self, *, seconds: float = 60) -> tuple[int, ...]:
        """Later, the central server publishes and the proxy passes it on."""
        self.clock.advance(seconds)
        self.source.server.publish()
        return await self.proxy.mediate(PROXY)

    def client(self, name: str = PROXY, **options: object) -> ConfigurationClient:
        """A new client with the proxy's anchor of now."""
        return self.client_of(self.proxy.anchor(name), **options)

    def client_of(self, anchor: bytes, **options: object) -> ConfigurationClient:
        self._clients += 1
        directory = self.directory / f"client{self._clients}"
        return ConfigurationClient(parse_anchor(anchor), directory, clock=self.clock, **options)  # type: ignore[arg-type]

    def signed(self, version: int, name: str = PROXY) -> bytes:
        """The signed directory as it is served."""
        answer = self.site.get(f"/{name}/conf?version={version}")
        assert answer.status == 200
        return answer.body

    def listed(self, version: int, name: str = PROXY) -> ConfigurationDirectory:
        """What it lists, verified by the certificates of the proxy's anchor."""
        certs = parse_anchor(self.proxy.anchor(name)).sources[0].verification_certs
        return verify_signed_directory(
            parse_signed_directory(self.signed(version, name)), certs, at=self.clock.at
        )

    def content(self, version: int, content_identifier: str, *, name: str = PROXY) -> bytes:
        """A listed file as it is served."""
        file = self.listed(version, name).file(content_identifier, "DEV")
        assert file is not None
        body = self.site.get(file.content_location).body
        file.ensure_content(body)
        return body
