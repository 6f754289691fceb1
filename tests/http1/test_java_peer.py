"""The JDK at the other end: the TLS library of reference servers, the HTTP client of Java information systems."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

from sild.http1 import Request, Responder, open_connection, peer_client_context, peer_server_context, serve

from .certs import Identity, auth_identity

pytestmark = pytest.mark.skipif(shutil.which("javac") is None, reason="no JDK on this machine")

# What an X-Road 7 server offers by default (WIRE 11.1), then what its successor may.
REFERENCE = "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384,TLS_DHE_RSA_WITH_AES_256_CBC_SHA256,TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384"
WAYS = [
    ("TLSv1.2", REFERENCE),
    ("TLSv1.2", "TLS_DHE_RSA_WITH_AES_256_CBC_SHA256"),
    ("TLSv1.3", "TLS_AES_256_GCM_SHA384"),
]


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("java")
    subprocess.run(
        ["javac", "-d", directory, Path(__file__).with_name("JavaPeer.java")], check=True, timeout=60
    )
    return directory


@pytest.fixture(scope="module")
def theirs(classes: Path) -> Path:
    identity = auth_identity("rsa")
    store = classes / "java.p12"
    encryption = BestAvailableEncryption(b"x")
    store.write_bytes(
        pkcs12.serialize_key_and_certificates(
            b"k", identity.key, identity.chain[0], identity.chain[1:], encryption
        )
    )
    return store


@pytest.fixture(scope="module")
def ours() -> Identity:
    return auth_identity("rsa")


async def java(classes: Path, *arguments: str | Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        "java", "-XX:TieredStopAtLevel=1", "-cp", classes, "JavaPeer", *arguments, stdout=PIPE, stderr=PIPE
    )


async def output(process: asyncio.subprocess.Process) -> list[str]:
    async with asyncio.timeout(60):
        out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return out.decode().splitlines()


async def describe(request: Request, responder: Responder) -> None:
    body = await request.read(10_000_000)
    peer = request.tls
    seen = "" if peer is None else f" {peer.version} {peer.cipher} {len(peer.chain)}"
    await responder.send(200, [], f"{request.method} {request.target.decode()} {len(body)}{seen}".encode())


@pytest.mark.asyncio(loop_factories=["uvloop"])
async def test_the_jdk_http_client(classes: Path) -> None:
    server = await serve(describe, "127.0.0.1", 0)
    answers = await output(await java(classes, "plain", str(server.port)))
    await server.close(1)
    assert answers == ["200 POST /small 5", "200 POST /small 5", "200 POST /large 3000000"]


@pytest.mark.asyncio(loop_factories=["uvloop"])
@pytest.mark.parametrize(("protocol", "suites"), WAYS)
async def test_java_as_client(
    classes: Path, theirs: Path, ours: Identity, protocol: str, suites: str
) -> None:
    context = peer_server_context()
    context.use_key(ours.key, ours.chain)
    server = await serve(describe, "127.0.0.1", 0, tls=lambda: context)
    answers = await output(await java(classes, "client", str(server.port), theirs, protocol, suites))
    await server.close(1)
    assert len(answers) == 3
    for (
        answer
    ) in answers:  # the second and third resume the session of the first: the chain is known all the same
        method, target, size, version, cipher, chain = answer.split()
        assert (method, target, size, version, chain) == ("POST", "/tls", "200000", protocol, "2")
        assert cipher.endswith("SHA256" if "SHA256" in suites.split(",")[0] else "SHA384")


@pytest.mark.asyncio(loop_factories=["uvloop"])
@pytest.mark.parametrize(("protocol", "suites"), WAYS)
async def test_java_as_server(
    classes: Path, theirs: Path, ours: Identity, protocol: str, suites: str
) -> None:
    process = await java(classes, "server", theirs, protocol, suites)
    try:
        assert process.stdout is not None
        port = int(await process.stdout.readline())
        context = peer_client_context()
        context.use_key(ours.key, ours.chain)
        created = set()
        for _ in range(4):
            connection = await open_connection("127.0.0.1", port, tls=context)
            assert connection.tls is not None
            assert len(connection.tls.chain) == 2
            response = await connection.request("POST", b"/", [], b"x" * 100, read_timeout=10)
            chain, moment = (await response.read(100)).split()
            assert chain == b"2"
            created.add(moment)
            await connection.wait_closed()
        assert len(created) == 1, "sessions are not resumed"
    finally:
        process.kill()
        await process.communicate()
