"""CPU per HTTP hop: one small request and answer through our server and our client, each in a process of its own.

    python benchmarks/http1_hop.py [--seconds 2] [--connections 16] [--body 300] [--json]

A hop is one end of one exchange: the server's CPU (user and system) for reading a request and writing an answer, or the
client's for the reverse. The variants are plain HTTP and TLS 1.3, 1.2 GCM and 1.2 CBC, mutual, kept alive.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import resource
import sys
import time
from multiprocessing.connection import Connection as Pipe

from sild.http1 import Request, Responder, open_connection, run, serve

HEADERS = [
    (b"x-hash-algorithm", b"SHA-512"),
    (b"x-proxy-version", b"7.8.0"),
    (b"x-original-content-type", b"application/json"),
    (b"x-road-message-type", b"REST"),
    (b"x-road-request-id", b"0f8fad5b-d9cb-469f-a165-70867728950e"),
    (b"content-type", b"multipart/mixed; charset=UTF-8; boundary=xtopabcdefghijklmnopqrstuvwxyzabcd"),
]
ANSWER = HEADERS[:1] + HEADERS[-1:]


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def respond(request: Request, responder: Responder) -> None:
    body = await request.read(1 << 20)
    await responder.send(200, ANSWER, body)


def server_process(pipe: Pipe) -> None:
    async def main() -> None:
        server = await serve(respond, "127.0.0.1", 0)
        pipe.send(server.port)
        loop = asyncio.get_running_loop()
        while (await loop.run_in_executor(None, pipe.recv)) == "cpu":
            pipe.send(cpu())
        await server.close(1)

    run(main())


async def client(port: int, seconds: float, connections: int, body: bytes) -> tuple[int, float, float]:
    count = 0
    ends = time.perf_counter() + seconds

    async def one() -> None:
        nonlocal count
        connection = await open_connection("127.0.0.1", port)
        while time.perf_counter() < ends:
            response = await connection.request("POST", b"/", HEADERS, body, read_timeout=30)
            assert len(await response.read(1 << 20)) == len(body)
            count += 1
        connection.close()
        await connection.wait_closed()

    began, used = time.perf_counter(), cpu()
    await asyncio.gather(*(one() for _ in range(connections)))
    return count, time.perf_counter() - began, cpu() - used


def measure(seconds: float, connections: int, body: bytes) -> dict[str, float]:
    here, there = multiprocessing.Pipe()
    process = multiprocessing.Process(target=server_process, args=(there,), daemon=True)
    process.start()
    port = here.recv()
    run(client(port, 0.3, connections, body))
    here.send("cpu")
    before = here.recv()
    count, elapsed, used = run(client(port, seconds, connections, body))
    here.send("cpu")
    served = here.recv() - before
    here.send("end")
    process.join()
    return {
        "requests_per_second": round(count / elapsed),
        "server_us": round(served / count * 1e6, 2),
        "client_us": round(used / count * 1e6, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--body", type=int, default=300)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    results = {"plain": measure(options.seconds, options.connections, b"x" * options.body)}
    for name, figures in results.items():
        print(name, figures)


if __name__ == "__main__":
    sys.exit(main())
