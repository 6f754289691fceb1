"""CPU per HTTP hop: one small request and answer through our server and our client, each in a process of its own.

    python benchmarks/http1_hop.py [--seconds 1] [--connections 16] [--body 300] [--json]

A hop is one end of one exchange: the server's CPU (user and system) for reading a request and writing an answer, or the
client's for the reverse. Kept alive: plain, and mutual TLS 1.3, 1.2 with GCM and 1.2 with the CBC suite reference peers
offer. `floor` is two bare uvloop protocols that exchange the same bytes unread. `new` variants open a connection for each
exchange, with and without session resumption.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import resource
import ssl
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection as Pipe
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from sild.http1 import (
    AnyTls,
    Request,
    Responder,
    open_connection,
    peer_client_context,
    peer_server_context,
    run,
    serve,
)

HEADERS = [
    (b"x-hash-algorithm", b"SHA-512"),
    (b"x-proxy-version", b"7.8.0"),
    (b"x-original-content-type", b"application/json"),
    (b"x-road-message-type", b"REST"),
    (b"x-road-request-id", b"0f8fad5b-d9cb-469f-a165-70867728950e"),
    (b"content-type", b"multipart/mixed; charset=UTF-8; boundary=xtopabcdefghijklmnopqrstuvwxyzabcd"),
]
ANSWER = HEADERS[:1] + HEADERS[-1:]
CBC = "ECDHE-RSA-AES256-SHA384"
GCM = "ECDHE-RSA-AES256-GCM-SHA384"

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
Exchange = Callable[[int, float], Awaitable[int]]


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def identity(rsa_key: bool) -> tuple[Key, x509.Certificate]:
    key: Key = rsa.generate_private_key(65537, 2048) if rsa_key else ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bench")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), 1, now, now + timedelta(days=1))
    return key, builder.sign(key, hashes.SHA256())


def client_tls(variant: str, key: Key, certificate: x509.Certificate) -> AnyTls | None:
    """Ours, or one limited to a single TLS 1.2 suite."""
    if "tls" not in variant:
        return None
    suite = CBC if "cbc" in variant else GCM if "gcm" in variant else None
    if suite is None:
        ours = peer_client_context()
        ours.use_key(key, [certificate])
        return ours
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(suite)
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "pem")
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path.write_bytes(pem + certificate.public_bytes(Encoding.PEM))
        context.load_cert_chain(path)
    return context


async def respond(request: Request, responder: Responder) -> None:
    await responder.send(200, ANSWER, await request.read(1 << 20))


class Bare(asyncio.Protocol):
    """Answers any bytes with the same; counts when it is a client."""

    def __init__(self, data: bytes, rounds_end: float = 0.0) -> None:
        self.data, self.ends, self.count = data, rounds_end, 0
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        if self.ends:
            transport.write(self.data)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self.count += 1
        if not self.ends or time.perf_counter() < self.ends:
            self.transport.write(self.data)  # type: ignore[attr-defined]
        else:
            self.transport.close()
            self.done.set_result(self.count)


def server_process(pipe: Pipe, variant: str, key: Key, certificate: x509.Certificate, body: int) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        if variant == "floor":
            bare = await loop.create_server(lambda: Bare(b"x" * (body + 250)), "127.0.0.1", 0)
            pipe.send(bare.sockets[0].getsockname()[1])
        else:
            context = peer_server_context()
            context.use_key(key, [certificate])
            server = await serve(respond, "127.0.0.1", 0, tls=(lambda: context) if "tls" in variant else None)
            pipe.send(server.port)
        while (await loop.run_in_executor(None, pipe.recv)) == "cpu":
            pipe.send(cpu())
        if variant == "floor":
            bare.close()
        else:
            await server.close(1)

    run(main())


async def drive(
    variant: str, port: int, seconds: float, connections: int, body: bytes, tls: AnyTls | None
) -> int:
    """How many exchanges in `seconds`."""
    ends = time.perf_counter() + seconds

    async def kept() -> int:
        count = 0
        connection = await open_connection("127.0.0.1", port, tls=tls)
        while time.perf_counter() < ends:
            response = await connection.request("POST", b"/", HEADERS, body, read_timeout=30)
            await response.read(1 << 20)
            count += 1
        connection.close()
        await connection.wait_closed()
        return count

    async def new() -> int:
        count = 0
        while time.perf_counter() < ends:
            if "full" in variant and tls is not None:
                tls._sessions.clear()  # type: ignore[union-attr]
            connection = await open_connection("127.0.0.1", port, tls=tls)
            response = await connection.request("POST", b"/", HEADERS, body, read_timeout=30)
            await response.read(1 << 20)
            connection.close()
            await connection.wait_closed()
            count += 1
        return count

    async def floor() -> int:
        loop = asyncio.get_running_loop()
        _, protocol = await loop.create_connection(
            lambda: Bare(b"x" * (len(body) + 400), ends), "127.0.0.1", port
        )
        return int(await protocol.done)

    one = floor if variant == "floor" else new if "new" in variant else kept
    return sum(await asyncio.gather(*(one() for _ in range(connections))))


def measure(variant: str, seconds: float, connections: int, body: bytes) -> dict[str, float]:
    key, certificate = identity("p256" not in variant)
    here, there = multiprocessing.Pipe()
    process = multiprocessing.Process(
        target=server_process, args=(there, variant, key, certificate, len(body))
    )
    process.start()
    port = here.recv()
    tls = client_tls(variant, key, certificate)

    def round_(length: float) -> tuple[int, float]:
        here.send("cpu")
        before = here.recv()
        count = run(drive(variant, port, length, connections, body, tls))
        here.send("cpu")
        return count, here.recv() - before

    round_(seconds / 5)
    began, used = time.perf_counter(), cpu()
    count, served = round_(seconds)
    elapsed, used = time.perf_counter() - began, cpu() - used
    here.send("end")
    process.join()
    return {
        "requests_per_second": round(count / elapsed),
        "server_us": round(served / count * 1e6, 1),
        "client_us": round(used / count * 1e6, 1),
    }


VARIANTS = (
    "floor",
    "plain",
    "tls 1.3",
    "tls 1.2 gcm",
    "tls 1.2 cbc",
    "plain new",
    "tls 1.3 new, full, rsa",
    "tls 1.3 new, resumed, rsa",
    "tls 1.3 new, full, p256",
    "tls 1.3 new, resumed, p256",
)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=1)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--body", type=int, default=300)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    results = {}
    for variant in VARIANTS:
        results[variant] = measure(variant, options.seconds, options.connections, b"x" * options.body)
        if not options.json:
            sys.stdout.write(f"{variant:28} {results[variant]}\n")
    if options.json:
        sys.stdout.write(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
