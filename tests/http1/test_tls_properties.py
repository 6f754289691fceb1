"""However TLS bytes are cut they mean the same; damaged ones end the connection and nothing else."""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sild.errors import PlatformError
from sild.http1 import AnyTls, Limits, Request, Responder, peer_client_context, peer_server_context, run
from sild.http1.client import Connection
from sild.http1.server import ServerConnection
from sild.http1.tls_layer import TlsLayer

from .certs import auth_identity


class Line(asyncio.Transport):
    """One direction of a wire: cuts what is written as it likes, may damage a byte, and hands it on a little later."""

    def __init__(self, cut: random.Random, damage_at: int | None) -> None:
        super().__init__()
        self.far_end: asyncio.Protocol | None = None
        self.near_end: asyncio.Protocol | None = None
        self._loop = asyncio.get_running_loop()
        self._cut = cut
        self._damage_at = damage_at
        self._sent = 0
        self.closed = False

    def write(self, data: bytes) -> None:  # type: ignore[override]
        if self.closed:
            return
        if self._damage_at is not None and self._sent <= self._damage_at < self._sent + len(data):
            at = self._damage_at - self._sent
            data = data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :]
        self._sent += len(data)
        while data:
            size = self._cut.choice((1, 2, 5, 6, 100, 1000, 20_000, 100_000))
            self._loop.call_soon(self._hand_on, data[:size])
            data = data[size:]

    def _hand_on(self, data: bytes) -> None:
        if self.far_end is not None:
            self.far_end.data_received(data)

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self._loop.call_soon(self._over)

    abort = close

    def _over(self) -> None:
        for protocol in (self.near_end, self.far_end):
            if protocol is not None:
                protocol.connection_lost(None)
        self.near_end = self.far_end = None

    def is_closing(self) -> bool:
        return self.closed

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...

    def can_write_eof(self) -> bool:
        return False

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


@cache
def contexts(version: str) -> tuple[AnyTls, AnyTls]:
    identity = auth_identity("p256")
    server, client = peer_server_context(), peer_client_context()
    for context in (server, client):
        context.use_key(identity.key, identity.chain)
    if version == "1.3":
        return server, client
    limited = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    limited.check_hostname, limited.verify_mode = False, ssl.CERT_NONE
    limited.maximum_version = ssl.TLSVersion.TLSv1_2
    limited.set_ciphers("ECDHE-ECDSA-AES256-SHA384")
    limited.load_cert_chain(identity.pem_file(Path(DIRECTORY[0])))
    return server, limited


DIRECTORY: list[str] = []


@pytest.fixture(scope="module", autouse=True)
def directory(tmp_path_factory: pytest.TempPathFactory) -> None:
    DIRECTORY.append(str(tmp_path_factory.mktemp("tls")))


async def echo(request: Request, responder: Responder) -> None:
    await responder.start(200, [])
    async for chunk in request.chunks():
        await responder.write(chunk)
    await responder.finish()


async def exchange(version: str, seed: int, sizes: list[int], damage: tuple[int | None, int | None]) -> bool:
    """Whether all bodies came back; False when the connection ended in a refusal."""
    loop = asyncio.get_running_loop()
    server_tls, client_tls = contexts(version)
    gone = asyncio.Event()
    server = ServerConnection(loop, echo, Limits(buffer_bytes=20_000), lambda _: gone.set())
    client = Connection(loop, Limits(buffer_bytes=20_000), b"h")
    below = TlsLayer(loop, server_tls, server, server_side=True, handshake_timeout=5)
    established = loop.create_future()
    above = TlsLayer(
        loop, client_tls, client, server_side=False, handshake_timeout=5, established=established, peer="x"
    )
    random_ = random.Random(seed)
    up, down = Line(random_, damage[0]), Line(random_, damage[1])
    up.near_end, up.far_end, down.near_end, down.far_end = above, below, below, above
    below.connection_made(down)
    above.connection_made(up)
    try:
        async with asyncio.timeout(10):
            await established
            for size in sizes:
                body = random_.randbytes(size)
                response = await client.request("POST", b"/", [], body)
                assert await response.read(1_000_000) == body
        return True
    except PlatformError:
        return False
    finally:
        up.close()
        down.close()
        async with asyncio.timeout(10):
            await gone.wait()


quick = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
SIZES = st.lists(st.sampled_from([0, 1, 300, 16_000, 16_384, 40_000, 100_000]), min_size=1, max_size=4)


@quick
@given(st.sampled_from(["1.3", "1.2"]), st.integers(0, 2**32), SIZES)
def test_any_cut_reads_the_same(version: str, seed: int, sizes: list[int]) -> None:
    assert run(exchange(version, seed, sizes, (None, None)), uvloop=False)


@settings(quick, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(["1.3", "1.2"]), st.integers(0, 2**32), SIZES, st.integers(0, 6000), st.booleans())
def test_a_damaged_byte_ends_the_connection(
    caplog: pytest.LogCaptureFixture, version: str, seed: int, sizes: list[int], at: int, up: bool
) -> None:
    caplog.set_level(logging.ERROR)
    run(exchange(version, seed, sizes, (at, None) if up else (None, at)), uvloop=False)
    assert not [r for r in caplog.records if r.levelno >= logging.ERROR], caplog.text
