"""Security servers that do wrong on the wire: one that sends, one that answers. Keys and certificates are real.

`Message` is a transport message as parts; `seal` signs it as it should be, and a test then changes one thing. `Forger` sends
it to a provider's server over mutual TLS; `FalseProvider` takes a provider's place and answers with whatever a test makes.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from cryptography import x509
from world import CLIENT, ECHO, Site, World

from sild.http1 import ClientResponse, Connection, Header, Request, Responder, Server, open_connection, serve
from sild.pki import PrivateKey, algorithm_for, sign_bytes
from sild.signatures import SignatureTemplate, SignedPart, build_hash_chains
from sild.xroad.faults import Fault, parse_soap_fault
from sild.xroad.identifiers import ClientId, ServiceId

Part = tuple[str, bytes]
OCSP, REQUEST, RESPONSE = (
    "application/ocsp-response",
    "application/x-road-rest-request",
    "application/x-road-rest-response",
)
BODY, RESULT, CHAIN, SIGNATURE = (
    "application/x-road-rest-body",
    "application/hash-chain-result",
    "application/hash-chain",
    "signature/bdoc-1.0/ts",
)


def sign_key(site: Site, code: str) -> PrivateKey:
    """The key a server keeps in its token: tests may take it out."""
    certificate = site.sign_certificates[code]
    for info in site.server.signer.keyring.certificates():
        if info.certificate == certificate:
            return site.server.token._private[info.key_id]
    raise AssertionError("no such key")


@dataclass
class Sealer:
    """Signs parts with a member's key: certificate, OCSP response and key may each be another one."""

    certificate: x509.Certificate
    key: PrivateKey
    ocsp_responses: Sequence[bytes]

    @classmethod
    def of(cls, world: World, site: Site, code: str, **ocsp: Any) -> Sealer:
        certificate = site.sign_certificates[code]
        ocsp.setdefault("at", datetime.now(UTC))
        return cls(certificate, sign_key(site, code), [world.pki.ocsp_response(certificate, **ocsp)])

    def seal(self, message: bytes, body: bytes | None = None) -> list[Part]:
        """The parts after the body: chain, if there is a body, and signature."""
        algorithm = algorithm_for(self.key)
        template = SignatureTemplate(
            self.certificate, ocsp_responses=self.ocsp_responses, algorithm=algorithm
        )
        uri, digest, tail = "/message.xml", hashlib.sha512(message).digest(), []
        if body is not None:
            parts = [SignedPart(uri, digest), SignedPart("/attachment1", hashlib.sha512(body).digest())]
            chains = build_hash_chains([parts])
            tail = [(RESULT, chains.result), (CHAIN, chains.chains[0])]
            uri, digest = "/sig-hashchainresult.xml", hashlib.sha512(chains.result).digest()
        prepared = template.prepare(uri, digest, signing_time=datetime.now(UTC))
        xml = prepared.complete(sign_bytes(self.key, algorithm, prepared.to_be_signed))
        return [*tail, (SIGNATURE, xml)]


def request_part(
    client: ClientId = CLIENT,
    service: ServiceId = ECHO,
    *,
    method: str = "GET",
    path: str = "",
    query_id: str = "query-1",
    request_id: str | None = None,
    headers: Sequence[tuple[str, str]] = (),
) -> bytes:
    lines = [method, f"/r1/{service.encode()}{path}"]
    lines += [f"{name}:{value}" for name, value in headers]
    lines += [f"X-Road-Client:{client.encode()}"]
    lines += [f"x-road-request-id:{request_id or uuid4()}", f"x-road-id:{query_id}"]
    return "".join(f"{line}\r\n" for line in lines).encode()


def render(parts: Sequence[Part], boundary: str = "xtopABCDEFGHIJKLMNOPQRSTUVWXYZabcd") -> bytes:
    out = bytearray()
    for number, (content_type, data) in enumerate(parts):
        out += b"\r\n" if number else b""
        out += f"--{boundary}\r\ncontent-type: {content_type}\r\n\r\n".encode() + data
    return bytes(out + f"\r\n--{boundary}--\r\n".encode())


CONTENT_TYPE = "multipart/mixed; charset=UTF-8; boundary=xtopABCDEFGHIJKLMNOPQRSTUVWXYZabcd"
HEADERS: list[Header] = [
    (b"x-hash-algorithm", b"SHA-512"),
    (b"x-proxy-version", b"7.8.0"),
    (b"x-road-message-type", b"REST"),
    (b"x-original-content-type", b""),
    (b"Content-Type", CONTENT_TYPE.encode()),
]


@dataclass
class Forger:
    """Sends transport messages to `target` with the TLS key of `site`."""

    world: World
    site: Site
    target: Site
    code: str = CLIENT.member_code
    sealer: Sealer = field(init=False)

    def __post_init__(self) -> None:
        self.sealer = Sealer.of(self.world, self.site, self.code)

    def tls_ocsp(self, **ocsp: Any) -> Part:
        ocsp.setdefault("at", datetime.now(UTC))
        return (OCSP, self.world.pki.ocsp_response(self.site.auth_certificate, **ocsp))

    def message(self, part: bytes | None = None, body: bytes | None = None) -> list[Part]:
        """A message with nothing wrong."""
        part = request_part(method="GET" if body is None else "POST") if part is None else part
        middle = [] if body is None else [(BODY, body)]
        return [self.tls_ocsp(), (REQUEST, part), *middle, *self.sealer.seal(part, body)]

    async def connect(self) -> Connection:
        host, port = self.target.server.addresses["server_proxy"]
        return await open_connection(host, port, tls=self.site.server._parts.tls.peer_identity().context)

    async def post(
        self, body: bytes, headers: Sequence[Header] = HEADERS, method: str = "POST"
    ) -> ClientResponse:
        connection = await self.connect()
        return await connection.request(method, b"/", headers, body, read_timeout=20.0)

    async def send(self, parts: Sequence[Part]) -> bytes:
        """The answer's body, whatever it is."""
        response = await self.post(render(parts))
        return await response.read(1024 * 1024)

    async def fault(self, parts: Sequence[Part]) -> Fault:
        return fault_in(await self.send(parts))


def fault_in(answer: bytes) -> Fault:
    start = answer.find(b"<?xml")
    end = answer.find(b"</SOAP-ENV:Envelope>") + len(b"</SOAP-ENV:Envelope>")
    fault = parse_soap_fault(answer[start:end]) if 0 <= start < end else None
    assert fault is not None, f"no fault: {answer[:500]!r}"
    return fault


Answer = Callable[["FalseProvider", Request, Responder], Awaitable[None]]


class FalseProvider:
    """Stands where `site` was (its server must not be started): its TLS key, its port, its OCSP port, another behaviour."""

    def __init__(self, world: World, site: Site, code: str = "2") -> None:
        self.world = world
        self.site = site
        self._code = code
        self._servers: list[Server] = []
        self.begin()

    def begin(self) -> None:
        """Honest again, its requests forgotten."""
        self.answer: Answer = FalseProvider.honest
        self.ocsp: list[bytes] | None = None
        self.response_headers: list[Header] = [
            (b"content-type", CONTENT_TYPE.encode()),
            (b"x-hash-algorithm", b"SHA-512"),
        ]
        self.requests = 0
        if self._servers:
            self.sealer = Sealer.of(self.world, self.site, self._code)

    async def start(self) -> None:
        server = self.site.server
        settings = server.settings
        await server.token.login("1234")
        await server.configuration.refresh()
        await server.registration_follower.follow()
        await server.signer.ocsp.refresh()
        self.sealer = Sealer.of(self.world, self.site, self._code)
        assert settings.server_proxy_port is not None
        assert settings.ocsp_responder_port is not None
        self._servers = [
            await serve(
                self._handle, "127.0.0.1", settings.server_proxy_port, tls=server._parts.tls.peer_server
            ),
            await serve(self._handle_ocsp, "127.0.0.1", settings.ocsp_responder_port),
        ]

    async def stop(self) -> None:
        await asyncio.gather(*(server.close(0.2) for server in self._servers))

    async def _handle(self, request: Request, responder: Responder) -> None:
        self.requests += 1
        await self.answer(self, request, responder)

    async def _handle_ocsp(self, request: Request, responder: Responder) -> None:
        responses = self.ocsp
        if responses is None:
            responses = [self.world.pki.ocsp_response(self.site.auth_certificate, at=datetime.now(UTC))]
        body = render([(OCSP, response) for response in responses], "ocspboundary")
        content_type = (
            b'multipart/related; type="application/ocsp-response"; charset=UTF-8; boundary=ocspboundary'
        )
        await responder.send(200, [(b"Content-Type", content_type)], body)

    async def honest(self, request: Request, responder: Responder) -> None:
        await self.send(responder, self.message(await self.read(request)))

    async def read(self, request: Request) -> dict[str, bytes]:
        """The parts of the request, by content type."""
        data = await request.read(64 * 1024 * 1024)
        boundary = (request.header(b"content-type") or b"").rpartition(b"boundary=")[2]
        parts = {}
        for piece in data.split(b"--" + boundary)[1:-1]:
            head, _, content = piece.strip(b"\r\n").partition(b"\r\n\r\n")
            parts[head.partition(b": ")[2].decode()] = content
        parts["request-id"] = request.header(b"x-road-request-id") or b""
        return parts

    def response_part(self, request: dict[str, bytes], **changed: str) -> bytes:
        """What an honest provider would answer; `changed` replaces one of the consistency headers."""
        import base64

        lines = request[REQUEST].rstrip(b"\r\n").decode().split("\r\n")
        part = hashlib.sha512(request[REQUEST].rstrip(b"\r\n") + b"\r\n").digest()
        if BODY in request:
            part = hashlib.sha512(part + hashlib.sha512(request[BODY]).digest()).digest()
        ids = {line.partition(":")[0].lower(): line.partition(":")[2] for line in lines[2:]}
        values = {
            "x-road-id": ids["x-road-id"],
            "x-road-client": ids["x-road-client"],
            "x-road-service": "/".join(lines[1].partition("?")[0].split("/")[2:7]),
            "x-road-request-id": request["request-id"].decode(),
            "x-road-request-hash": base64.b64encode(part).decode(),
        }
        values |= {name.replace("_", "-"): value for name, value in changed.items()}
        lines = [
            "200",
            "OK",
            "Content-Type:text/plain",
            *(f"{name}:{value}" for name, value in values.items()),
        ]
        return "".join(f"{line}\r\n" for line in lines).encode()

    def message(self, request: dict[str, bytes], body: bytes = b"hello", **changed: str) -> list[Part]:
        part = self.response_part(request, **changed)
        return [(RESPONSE, part), (BODY, body), *self.sealer.seal(part, body)]

    async def send(self, responder: Responder, parts: Sequence[Part]) -> None:
        await responder.send(200, self.response_headers, render(parts))


STALE = timedelta(hours=3)
