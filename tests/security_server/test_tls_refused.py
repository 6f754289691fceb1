"""TLS that is too old, too weak or starts over, as OpenSSL's own client offers it to 5500 and 8443 (WIRE 11.1, 11.4)."""

from __future__ import annotations

import asyncio
import shutil

import pytest
from world import Pair

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl"),
]

PORTS = ["server_proxy", "client_https"]


async def s_client(pair: Pair, port: str, *options: str, said: bytes = b"") -> str:
    host, number = pair.provider.server.addresses[port]
    process = await asyncio.create_subprocess_exec(
        "openssl",
        "s_client",
        "-connect",
        f"{host}:{number}",
        *options,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    out = b""
    try:
        async with asyncio.timeout(5):
            if said:
                while b"Verify return code" not in out and (piece := await process.stdout.read(65536)):
                    out += piece
                process.stdin.write(said)
                await process.stdin.drain()
            else:
                process.stdin.close()
            while piece := await process.stdout.read(65536):
                out += piece
    except TimeoutError:
        process.kill()
    await process.wait()
    return out.decode("latin-1")


@pytest.mark.parametrize("port", PORTS)
@pytest.mark.parametrize(
    "options",
    [
        ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"],
        ["-tls1", "-cipher", "ALL:@SECLEVEL=0"],
        ["-tls1_2", "-cipher", "aNULL:eNULL:@SECLEVEL=0"],
        [
            "-tls1_2",
            "-cipher",
            "AES256-GCM-SHA384:AES128-SHA:@SECLEVEL=0",
        ],  # RSA key transport: no forward secrecy
        ["-tls1_2", "-cipher", "ECDHE-RSA-AES256-SHA:ECDHE-ECDSA-AES256-SHA:@SECLEVEL=0"],  # SHA-1
    ],
    ids=["TLS 1.1", "TLS 1.0", "no authentication", "no forward secrecy", "SHA-1"],
)
async def test_too_old_or_too_weak(shared_pair: Pair, port: str, options: list[str]) -> None:
    told = await s_client(shared_pair, port, *options)
    assert "Cipher is (NONE)" in told or "no cipher match" in told or "Error with command" in told, told
    assert (await shared_pair.call()).status == 200


@pytest.mark.parametrize("options", [[], ["-tls1_2"], ["-tls1_3"]], ids=["as offered", "TLS 1.2", "TLS 1.3"])
async def test_what_is_spoken(shared_pair: Pair, options: list[str]) -> None:
    told = await s_client(shared_pair, "client_https", *options)
    assert "Cipher is (NONE)" not in told, told
    assert "Compression: NONE" in told or "TLSv1.3" in told
    assert "Secure Renegotiation IS supported" in told or "TLSv1.3" in told


async def test_starting_over_within_a_connection(shared_pair: Pair) -> None:
    told = await s_client(shared_pair, "client_https", "-tls1_2", said=b"R\n")
    assert "RENEGOTIATING" in told
    assert "no renegotiation" in told or "no_renegotiation" in told or "alert" in told, told
    assert (await shared_pair.call()).status == 200
