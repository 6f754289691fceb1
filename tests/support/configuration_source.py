"""A configuration source over HTTP: a central server's directories in any version, with its faults at hand.

    async with ConfigurationSourceServer("DEV") as source:
        source.publish(at=NOW)                      # all versions, internal and external
        client = ConfigurationClient(source.anchor(), tmp_path / "globalconf", clock=clock)

`requests` holds the targets asked for; `answers[path]` replaces an answer: bytes, a status, or an `Answer`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal, Self

from sild.pki import CertificateProfile, PrivateKey, algorithm_for, der, sign_bytes
from sild.xroad.globalconf import (
    PRIVATE_PARAMETERS,
    SHARED_PARAMETERS,
    AnchorSource,
    ConfigurationAnchor,
    ConfigurationSource,
    DirectoryPart,
    ManagementService,
    Member,
    MemberClass,
    PrivateParameters,
    SharedParameters,
    content_location_prefix,
    prepare_signed_directory,
    render_private_parameters,
    render_shared_parameters,
)
from sild.xroad.identifiers import ClientId
from support.pki import Pki, name

Kind = Literal["internal", "external"]
BOUNDARIES = ("outerouterouterouter", "innerinnerinnerinner")


@dataclass(frozen=True)
class SigningKey:
    certificate: bytes
    key: PrivateKey

    @classmethod
    def named(cls, common_name: str) -> SigningKey:
        credential = Pki().issue(CertificateProfile.CONFIGURATION_SIGNER, name(CN=common_name))
        return cls(der(credential.certificate), credential.key)


@dataclass(frozen=True)
class Answer:
    """`announced`: the Content-Length sent, when it is not the body's; `pause`: seconds in the middle of the body."""

    body: bytes
    status: int = 200
    announced: int | None = None
    pause: float = 0.0


@dataclass
class ConfigurationSourceServer:
    """One address. `keys`: by kind, the active one first; all stand in the shared parameters' source."""

    instance: str = "DEV"
    versions: Sequence[int] = (6, 5, 4, 3, 2)
    members: int = 2
    partners: list[ConfigurationAnchor] = field(default_factory=list)
    other_parts: list[DirectoryPart] = field(default_factory=list)
    answers: dict[str, bytes | int | Answer] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    paths: dict[str, Answer] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.keys: dict[Kind, list[SigningKey]] = {
            "internal": [SigningKey.named(f"{self.instance} internal")],
            "external": [SigningKey.named(f"{self.instance} external")],
        }
        self.port = 0
        self._server: asyncio.Server | None = None

    # -- content ------------------------------------------------------------------------------------------------------

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def anchor(self, kind: Kind = "internal", *, url: str | None = None) -> ConfigurationAnchor:
        certificate = self.keys[kind][0].certificate
        source = AnchorSource(url or f"http://{self.address}/{kind}conf", (certificate,))
        return ConfigurationAnchor(self.instance, (source,))

    def shared(self) -> SharedParameters:
        certificates = {kind: tuple(k.certificate for k in keys) for kind, keys in self.keys.items()}
        return SharedParameters(
            self.instance,
            sources=(ConfigurationSource(self.address, certificates["internal"], certificates["external"]),),
            members=tuple(
                Member(ClientId(self.instance, "COM", str(i)), f"Member {i} of {self.members}")
                for i in range(self.members)
            ),
            member_classes=(MemberClass("COM", "Commercial"),),
        )

    def private(self) -> PrivateParameters:
        provider = ClientId(self.instance, "COM", "0")
        return PrivateParameters(
            self.instance, ManagementService("https://cs:4001", provider), 60, anchors=tuple(self.partners)
        )

    def publish(
        self,
        *,
        at: datetime,
        lifetime: timedelta = timedelta(minutes=10),
        shared: SharedParameters | None = None,
        signer: SigningKey | None = None,
        versions: Sequence[int] | None = None,
    ) -> None:
        """Replace what is served by a generation made at `at`. `signer`: instead of the active keys."""
        self.paths = {}
        for version in versions or self.versions:
            self._publish_version(version, at, lifetime, shared or self.shared(), signer)

    def _publish_version(
        self,
        version: int,
        at: datetime,
        lifetime: timedelta,
        shared: SharedParameters,
        signer: SigningKey | None,
    ) -> None:
        prefix = content_location_prefix(version, at)
        shared_part = DirectoryPart(
            SHARED_PARAMETERS,
            self.instance,
            f"{prefix}/shared-params.xml",
            render_shared_parameters(shared, version),
        )
        private_part = DirectoryPart(
            PRIVATE_PARAMETERS,
            self.instance,
            f"{prefix}/private-params.xml",
            render_private_parameters(self.private()),
        )
        others = [replace(part, location=f"{prefix}/{part.location}") for part in self.other_parts]
        listed: dict[Kind, list[DirectoryPart]] = {
            "internal": [private_part, shared_part, *others],
            "external": [shared_part, *(p for p in others if p.content_identifier == SHARED_PARAMETERS)],
        }
        for kind, parts in listed.items():
            signed = self._signed(parts, version, at + lifetime, signer or self.keys[kind][0])
            self.paths[f"/{kind}conf?version={version}"] = Answer(signed)
            self.paths |= {part.location: Answer(part.content) for part in parts}

    def publish_document(self, shared_params: bytes, *, at: datetime) -> None:
        """A version 6 directory, well signed, of a shared-params.xml that no renderer of ours would make."""
        location = f"{content_location_prefix(6, at)}/shared-params.xml"
        part = DirectoryPart(SHARED_PARAMETERS, self.instance, location, shared_params)
        signed = self._signed([part], 6, at + timedelta(minutes=10), self.keys["internal"][0])
        self.paths = {"/internalconf?version=6": Answer(signed), location: Answer(shared_params)}

    def _signed(
        self, parts: Sequence[DirectoryPart], version: int, expire_at: datetime, key: SigningKey
    ) -> bytes:
        algorithm = algorithm_for(key.key)
        prepared = prepare_signed_directory(
            parts,
            expire_at=expire_at,
            version=version,
            boundaries=BOUNDARIES,
            certificate=key.certificate,
            algorithm=algorithm,
        )
        return prepared.complete(sign_bytes(key.key, algorithm, prepared.to_be_signed))

    # -- serving ------------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Connections refused from now on; `start` takes the same port again."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            first = await reader.readexactly(1)
            if first == b"\x16":  # a TLS handshake: this port speaks plain HTTP
                writer.transport.abort()
                return
            head = first + await reader.readuntil(b"\r\n\r\n")
            target = head.split(b" ", 2)[1].decode()
            self.requests.append(target)
            answer = self.answers.get(target, self.paths.get(target, 404))
            if isinstance(answer, int):
                answer = Answer(b"", answer)
            elif isinstance(answer, bytes):
                answer = Answer(answer)
            length = len(answer.body) if answer.announced is None else answer.announced
            writer.write(f"HTTP/1.1 {answer.status} X\r\nContent-Length: {length}\r\n\r\n".encode())
            half = len(answer.body) // 2
            writer.write(answer.body[:half])
            await writer.drain()
            if answer.pause:
                await asyncio.sleep(answer.pause)
            writer.write(answer.body[half:])
            await writer.drain()
        writer.close()
