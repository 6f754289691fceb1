"""TLS with real certificates: between our own ends, and against OpenSSL through the standard library as the peer."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from sild.errors import CallerError
from sild.http1 import (
    AnyTls,
    BrokenMessage,
    Connection,
    ConnectionLost,
    Handler,
    Limits,
    Request,
    Responder,
    Server,
    TlsContext,
    TlsFailed,
    TlsPeer,
    fetch,
    information_system_server_context,
    open_connection,
    peer_client_context,
    peer_server_context,
    serve,
    service_client_context,
    unverified_download_context,
)

from .certs import Identity, auth_identity, self_signed
from .conftest import answering, echo


def keyed(context: TlsContext, identity: Identity) -> TlsContext:
    context.use_key(identity.key, identity.chain)
    return context


@pytest.fixture(scope="module", params=["rsa", "p256"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def here(kind: str) -> Identity:
    return auth_identity(kind)


@pytest.fixture(scope="module")
def there(kind: str) -> Identity:
    return auth_identity(kind)


@asynccontextmanager
async def serving(handler: Handler, tls: Callable[[], AnyTls], **limits: float) -> AsyncIterator[Server]:
    server = await serve(handler, "127.0.0.1", 0, tls=tls, limits=Limits(**limits))  # type: ignore[arg-type]
    try:
        yield server
    finally:
        await server.close(1)
        assert server.connections == 0


@asynccontextmanager
async def connected(server: Server | int, tls: AnyTls) -> AsyncIterator[Connection]:
    port = server if isinstance(server, int) else server.port
    connection = await open_connection("127.0.0.1", port, tls=tls)
    try:
        yield connection
    finally:
        connection.close()
        await connection.wait_closed()


class Witness:
    """A handler that keeps what it saw of its peers."""

    def __init__(self) -> None:
        self.peers: list[TlsPeer | None] = []

    async def __call__(self, request: Request, responder: Responder) -> None:
        self.peers.append(request.tls)
        await responder.send(200, [], await request.read(10_000_000))


async def ask(connection: Connection, body: bytes = b"hello") -> bytes:
    response = await connection.request("POST", b"/", [], body, read_timeout=5)
    return await response.read(10_000_000)


async def test_mutual_with_auth_certificates(here: Identity, there: Identity) -> None:
    """Both ends see the other's chain as sent; certificates with the key usage clientAuth alone serve as well."""
    server_context, witness = keyed(peer_server_context(client_cas=here.chain[1:]), there), Witness()
    async with serving(witness, lambda: server_context) as server:
        async with connected(server, keyed(peer_client_context(), here)) as connection:
            assert connection.tls is not None
            assert connection.tls.certificate == there.der[0]
            assert connection.tls.chain == there.der
            assert connection.tls.version == "TLSv1.3"
            for size in (0, 1, 16_383, 16_384, 16_385, 300_000):
                assert await ask(connection, b"x" * size) == b"x" * size
        peer = witness.peers[0]
        assert peer is not None
        assert peer.certificate == here.der[0]
        assert peer.chain == here.der


async def test_expired_and_unknown_clients_come_through_and_nameless_ones_do_not(there: Identity) -> None:
    server_context, witness = keyed(peer_server_context(), there), Witness()
    async with serving(witness, lambda: server_context) as server:
        for identity in (auth_identity("p256", expired=True), self_signed("p256")):
            async with connected(server, keyed(peer_client_context(), identity)) as connection:
                await ask(connection)
            peer = witness.peers[-1]
            assert peer is not None
            assert peer.chain == identity.der
        with pytest.raises(
            (TlsFailed, ConnectionLost)
        ):  # TLS 1.3 refuses after the client's handshake is over
            async with connected(server, peer_client_context()) as connection:
                await ask(connection)
        assert len(witness.peers) == 2


async def test_an_information_system_may_show_any_certificate_or_none(there: Identity) -> None:
    server_context, witness = keyed(information_system_server_context(), there), Witness()
    stranger, expired = self_signed("rsa"), auth_identity("p256", expired=True)
    async with serving(witness, lambda: server_context) as server:
        for identity in (None, stranger, expired):
            context = service_client_context()
            if identity is not None:
                context.use_key(identity.key, identity.chain)
            async with connected(server, context) as connection:
                await ask(connection)
    assert [p.certificate if p is not None else b"?" for p in witness.peers] == [
        None,
        stranger.der[0],
        expired.der[0],
    ]


SUITES = {
    "rsa": ["ECDHE-RSA-AES256-SHA384", "DHE-RSA-AES256-SHA256", "ECDHE-RSA-AES256-GCM-SHA384"],
    "p256": ["ECDHE-ECDSA-AES256-SHA384", "ECDHE-ECDSA-AES128-GCM-SHA256"],
}


async def test_a_reference_peer_limited_to_one_suite(
    kind: str, here: Identity, there: Identity, tmp_path: Path
) -> None:
    """Java's default is TLS 1.2 with CBC: spoken as server and as client, against a peer that knows nothing else."""
    server_context, witness = keyed(peer_server_context(), there), Witness()
    for suite in SUITES[kind]:
        limited = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        limited.check_hostname, limited.verify_mode = False, ssl.CERT_NONE
        limited.maximum_version = ssl.TLSVersion.TLSv1_2
        limited.set_ciphers(suite)
        limited.load_cert_chain(here.pem_file(tmp_path))
        async with serving(witness, lambda: server_context) as server:
            async with connected(server, limited) as connection:
                assert await ask(connection, b"x" * 100_000) == b"x" * 100_000
        seen = witness.peers[-1]
        assert seen is not None
        assert (seen.cipher, seen.version, seen.chain) == (suite, "TLSv1.2", here.der)

        limited = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        limited.maximum_version = ssl.TLSVersion.TLSv1_2
        limited.set_ciphers(suite)
        limited.load_cert_chain(there.pem_file(tmp_path))
        if suite.startswith("DHE"):
            limited.load_dh_params(Path(__file__).parents[2] / "src/sild/http1/ffdhe3072.pem")
        async with serving(echo, lambda: limited) as server:  # noqa: B023 - used within the turn
            async with connected(server, keyed(peer_client_context(), here)) as connection:
                assert connection.tls is not None
                assert (connection.tls.cipher, connection.tls.chain) == (suite, there.der)
                await ask(connection)


async def test_our_own_prefer_gcm(here: Identity, there: Identity) -> None:
    server_context = keyed(peer_server_context(), there)
    only_1_2 = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    only_1_2.check_hostname, only_1_2.verify_mode = False, ssl.CERT_NONE
    only_1_2.maximum_version = ssl.TLSVersion.TLSv1_2
    context = keyed(information_system_server_context(), there)
    async with serving(echo, lambda: context) as server, connected(server, only_1_2) as connection:
        assert connection.tls is not None
        assert "GCM" in connection.tls.cipher
    async with serving(echo, lambda: server_context) as server:
        async with connected(server, keyed(peer_client_context(), here)) as connection:
            assert connection.tls is not None
            assert connection.tls.cipher.startswith("TLS_AES_")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_our_client_resumes_sessions(
    here: Identity, there: Identity, tmp_path: Path, version: ssl.TLSVersion
) -> None:
    reused: list[bool] = []
    standard = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    standard.maximum_version = version
    standard.load_cert_chain(there.pem_file(tmp_path))

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        reused.append(writer.get_extra_info("ssl_object").session_reused)
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=standard)
    context = keyed(peer_client_context(), here)
    for _ in range(3):
        connection = await open_connection("127.0.0.1", server.sockets[0].getsockname()[1], tls=context)
        assert connection.tls is not None
        assert connection.tls.chain == there.der
        assert await (await connection.request("GET", b"/", [])).read(10) == b"ok"
        await connection.wait_closed()
    server.close()
    assert reused == [False, True, True]


async def test_a_session_refused_is_forgotten(here: Identity, there: Identity) -> None:
    """Closed before the first request: the next handshake is a full one, and shows the certificate of that day."""
    server_context = keyed(peer_server_context(), there)
    context = keyed(peer_client_context(), here)
    async with serving(echo, lambda: server_context) as server:
        async with connected(server, context) as connection:
            await ask(connection)
        assert len(context._sessions) == 1
        async with connected(server, context):
            pass
        assert len(context._sessions) == 0


async def test_our_server_resumes_sessions_and_still_knows_the_chain(here: Identity, there: Identity) -> None:
    server_context, witness = keyed(peer_server_context(), there), Witness()
    context = keyed(peer_client_context(), here)
    async with serving(witness, lambda: server_context) as server:
        for _ in range(3):
            async with connected(server, context) as connection:
                await ask(connection)
    assert all(p is not None and p.chain == here.der for p in witness.peers)


async def test_the_context_is_chosen_at_each_connection(kind: str, here: Identity, there: Identity) -> None:
    contexts = [keyed(peer_server_context(), identity) for identity in (there, self_signed(kind))]
    client = keyed(peer_client_context(), here)
    seen = []
    async with serving(echo, lambda: contexts[0]) as server:
        for _ in range(2):
            async with connected(server, client) as connection:
                assert connection.tls is not None
                seen.append(connection.tls.certificate)
                contexts.reverse()
    assert len(set(seen)) == 2


async def test_no_context_no_connection(there: Identity) -> None:
    def none() -> TlsContext:
        raise CallerError("token not active", code="token_not_active")

    async with serving(echo, none) as server:
        with pytest.raises((TlsFailed, ConnectionLost)):
            await open_connection("127.0.0.1", server.port, tls=peer_client_context())


def test_a_key_must_fit_its_certificate(here: Identity, there: Identity) -> None:
    with pytest.raises(CallerError):
        peer_client_context().use_key(here.key, there.chain)
    with pytest.raises(CallerError):
        peer_client_context().use_key(here.key, [])


async def test_garbage_plain_http_and_silence_instead_of_a_handshake(there: Identity) -> None:
    context = keyed(peer_server_context(), there)
    async with serving(echo, lambda: context, handshake_timeout=0.2) as server:
        for sent in (b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", b"\x16\x03\x01\xff\xff" + bytes(70_000), b""):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(sent)
            async with asyncio.timeout(5):
                try:
                    assert not (await reader.read(-1)).startswith(b"HTTP")
                except ConnectionError:
                    pass
            writer.close()
    async with answering(b"SSH-2.0-x\r\n", close=False) as (port, _):
        with pytest.raises((TlsFailed, ConnectionLost)):
            await open_connection("127.0.0.1", port, tls=peer_client_context(), connect_timeout=0.3)
    async with answering(b"") as (port, _):  # closes on the first byte
        pass


async def test_a_cut_connection_is_not_the_end_of_a_body(there: Identity, tmp_path: Path) -> None:
    """Without Content-Length the end of the connection ends the body; under TLS only if the peer says so itself."""
    standard = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    standard.load_cert_chain(there.pem_file(tmp_path))

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        target = await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nwhole")
        await writer.drain()
        await asyncio.sleep(0.02)
        if b"/cut" in target:
            writer.transport.abort()
        else:
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=standard)
    port = server.sockets[0].getsockname()[1]
    async with connected(port, service_client_context()) as connection:
        assert await (await connection.request("GET", b"/", [])).read(100) == b"whole"
    async with connected(port, service_client_context()) as connection:
        response = await connection.request("GET", b"/cut", [])
        with pytest.raises((TlsFailed, ConnectionLost, BrokenMessage)):
            await response.read(100)
    server.close()


async def test_early_answer_under_tls(here: Identity, there: Identity) -> None:
    """The server has answered and leaves while the client still sends: the answer arrives."""

    async def handler(request: Request, responder: Responder) -> None:
        await responder.send(400, [], b"no")

    context = keyed(peer_server_context(), there)
    async with serving(handler, lambda: context, discard_bytes=1000) as server:
        async with connected(server, keyed(peer_client_context(), here)) as connection:
            outgoing = await connection.start("POST", b"/", [])
            while not outgoing.answered:
                await outgoing.write(b"x" * 60_000)
            for _ in range(20):
                await outgoing.write(b"x" * 60_000)
            response = await outgoing.response(5)
            assert (response.status, await response.read(10)) == (400, b"no")


async def test_close_while_shaking_hands(there: Identity) -> None:
    context = keyed(peer_server_context(), there)
    async with serving(echo, lambda: context) as server:
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        await asyncio.sleep(0.05)
        assert server.connections == 1
        await server.close(5)
        writer.close()


async def test_fetch_over_https(tmp_path: Path) -> None:
    identity = self_signed("p256")
    context = keyed(service_client_context_server(), identity)
    async with serving(echo, lambda: context) as server:
        url = f"https://127.0.0.1:{server.port}/x"
        with pytest.raises(TlsFailed):
            await fetch(url)
        got = await fetch(url, tls=unverified_download_context())
        assert got.body.startswith(b"GET\n/x\n")
        got = await fetch(url, tls=service_client_context())
        assert got.status == 200


def service_client_context_server() -> TlsContext:
    return information_system_server_context()
