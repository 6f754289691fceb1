"""The blocking client: its own loop, whatever the caller has; threads, forks, interrupts, the end."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.serialization import Encoding
from world import CLIENT, ECHO, Pair

from sild.adapter import CallerError, ServiceId, Unavailable, XRoadClient, XRoadFault
from sild.adapter.loop_thread import shared_loop
from sild.http1 import Request, Responder

pytestmark = pytest.mark.asyncio(loop_scope="module")


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "sild.adapter"]


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def nothing_left() -> AsyncIterator[None]:
    yield
    assert threads() == [], "the last client ends the private loop"


def whole_story(url: str) -> None:
    """What a program without a loop does."""
    with XRoadClient(url, CLIENT) as xroad:
        answer = xroad.post(ECHO, ["a", "b"], json={"n": 1})
        assert answer.ensure_success().json() == {"n": 1}
        assert answer.attempts == 1
        for call in (xroad.get, xroad.delete):
            assert call(ECHO).ok
        for call in (xroad.put, xroad.patch):
            assert call(ECHO, body=b"x").body == b"x"

        def pieces() -> Iterator[bytes]:
            for _ in range(30):
                yield b"x" * 10_000

        with xroad.stream("POST", ECHO, body=pieces()) as streamed:
            assert streamed.head.status == 200
            assert sum(map(len, streamed.chunks())) == 300_000
        with pytest.raises(KeyError):
            with xroad.stream("POST", ECHO, body=b"y" * 1_000_000) as streamed:
                streamed.read_some()
                raise KeyError
        with pytest.raises(XRoadFault) as fault:
            xroad.get(ServiceId(ECHO.client_id, "nothing"))
        assert isinstance(fault.value, CallerError)
        assert CLIENT in {listed.id for listed in xroad.list_clients()}
        evidence = answer.evidence(stamp_now=True)
        assert evidence == xroad.evidence(answer.evidence_handle())
        logged = xroad.logged(answer.evidence_handle().query_id)
        assert {one.data for one in logged} == {evidence.request.data, evidence.response.data}


async def test_without_a_loop(pair: Pair) -> None:
    await asyncio.to_thread(whole_story, pair.consumer.url)


async def test_in_a_thread_that_runs_a_loop_of_its_own(pair: Pair) -> None:
    """It blocks that loop, but works: a blocking library called from a notebook or a web framework."""

    async def inside() -> None:
        whole_story(pair.consumer.url)

    await asyncio.to_thread(lambda: asyncio.run(inside()))


async def test_threads_share_one_client(pair: Pair) -> None:
    def work() -> list[object]:
        with (
            XRoadClient(pair.consumer.url, CLIENT, max_connections=4) as xroad,
            ThreadPoolExecutor(8) as pool,
        ):
            answers = list(pool.map(lambda n: xroad.post(ECHO, json=n).json(), range(40)))
            assert len(threads()) == 1
            return answers

    assert await asyncio.to_thread(work) == list(range(40))


async def test_several_clients_one_thread(pair: Pair) -> None:
    def work() -> None:
        first, second = (XRoadClient(pair.consumer.url, CLIENT) for _ in range(2))
        assert first.get(ECHO).ok
        assert len(threads()) == 1
        first.close()
        first.close()
        assert second.get(ECHO).ok
        second.close()
        with pytest.raises(CallerError, match="closed"):
            second.get(ECHO)

    await asyncio.to_thread(work)


async def test_a_call_from_inside_a_call_is_refused_not_hung(pair: Pair) -> None:
    async def nested() -> AsyncIterator[bytes]:
        """Runs on the private loop itself."""
        yield xroad.get(ECHO).body

    def work() -> None:
        with pytest.raises(CallerError, match="inside"):
            xroad.post(ECHO, body=nested())

    with XRoadClient(pair.consumer.url, CLIENT) as xroad:
        await asyncio.to_thread(work)


async def test_a_streams_source_may_call_too(pair: Pair) -> None:
    """Blocking sources are read in threads of their own."""

    def work() -> bytes:
        with XRoadClient(pair.consumer.url, CLIENT) as xroad:

            def source() -> Iterator[bytes]:
                yield xroad.post(ECHO, body=b"inner").body
                yield b" outer"

            return xroad.post(ECHO, body=source()).body

    assert await asyncio.to_thread(work) == b"inner outer"


async def test_an_interrupt_cancels_the_call(pair: Pair) -> None:
    asked = asyncio.Event()

    async def slow(request: Request, responder: Responder) -> None:
        asked.set()
        await asyncio.sleep(2.5)
        await responder.send(200, [], b"")

    pair.echo.answer = slow
    program = f"""
        import signal, time
        from sild.adapter import *
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job inherits that it is ignored
        service = ServiceId(ClientId.parse("DEV:COM:2:Register"), "echo")
        with XRoadClient("{pair.consumer.url}", ClientId.parse("DEV:COM:1:Client")) as xroad:
            began = time.monotonic()
            try:
                xroad.get(service)
            except KeyboardInterrupt:
                print("interrupted", time.monotonic() - began < 2.4, flush=True)
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-X", "dev", "-W", "error", "-c", textwrap.dedent(program)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    await asked.wait()
    process.send_signal(signal.SIGINT)
    assert await process.communicate() == (b"interrupted True\n", b"")
    assert process.returncode == 0


async def test_nothing_is_left_open(pair: Pair, tmp_path: Path) -> None:
    """Python's development mode says what was not closed; with TLS the goodbye takes another turn of the loop."""
    certificate = tmp_path / "server.pem"
    certificate.write_bytes(pair.consumer.server.internal_tls.certificate.public_bytes(Encoding.PEM))
    program = f"""
        from pathlib import Path
        from sild.adapter import *
        service = ServiceId(ClientId.parse("DEV:COM:2:Register"), "echo")
        client = ClientId.parse("DEV:COM:1:Client")
        for tls in (None, SecurityServerTls(server_certificate=Path("{certificate}"))):
            address = "{pair.consumer.https_url}" if tls else "{pair.consumer.url}"
            with XRoadClient(address, client, tls=tls) as xroad:
                for _ in range(2):
                    assert xroad.post(service, body=lambda: [b"a", b"b"]).body == b"ab"
                with xroad.stream("POST", service, body=b"x" * 1_000_000) as answer:
                    answer.read_some()
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-X", "dev", "-W", "error", "-c", textwrap.dedent(program)),
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate()
    assert said == b""
    assert process.returncode == 0


async def test_a_forked_child_makes_its_own(pair: Pair) -> None:
    program = f"""
        import os
        from sild.adapter import *
        service = ServiceId(ClientId.parse("DEV:COM:2:Register"), "echo")
        made_before = XRoadClient("{pair.consumer.url}", ClientId.parse("DEV:COM:1:Client"))
        assert made_before.get(service).ok
        child = os.fork()
        if not child:
            try:
                made_before.get(service)
            except CallerError as error:
                assert "fork" in error.message
                made_before.close()
                with XRoadClient("{pair.consumer.url}", ClientId.parse("DEV:COM:1:Client")) as xroad:
                    os._exit(0 if xroad.get(service).ok else 3)
            os._exit(4)
        assert os.waitpid(child, 0)[1] == 0
        assert made_before.get(service).ok
        made_before.close()
        print("both")
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", textwrap.dedent(program), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert out == b"both\n"


async def test_a_program_that_forgets_to_close_ends(pair: Pair) -> None:
    program = f"""
        from sild.adapter import *
        xroad = XRoadClient("{pair.consumer.url}", ClientId.parse("DEV:COM:1:Client"))
        print(xroad.get(ServiceId(ClientId.parse("DEV:COM:2:Register"), "echo")).status)
    """
    began = time.monotonic()
    ended = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        timeout=30,
        env=os.environ | {"PYTHONDEVMODE": "0"},
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"200\n", b"")
    assert time.monotonic() - began < 20


async def test_nobody_there(pair: Pair) -> None:
    def work() -> None:
        with XRoadClient("http://127.0.0.1:1", CLIENT) as xroad, pytest.raises(Unavailable):
            xroad.get(ECHO)

    await asyncio.to_thread(work)
    assert shared_loop().is_here
