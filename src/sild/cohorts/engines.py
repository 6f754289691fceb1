"""Where chunks are computed: on the cores of this machine, or by the workers of a Dask cluster. Results do not depend on it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from importlib import import_module
from itertools import islice
from typing import Any, Protocol

from sild.cohorts.chunk import Job, end_rule_processes, run_chunk
from sild.cohorts.population import Chunk
from sild.errors import CallerError, PlatformError, Unavailable

__all__ = ["Dask", "Engine", "Processes"]

Line = dict[str, Any]  # of the manifest, plain JSON
AHEAD = 2
"""Chunks in the hands of an engine, for each that computes: it never waits for the next, and a cluster holds no long queue of ours."""


class Engine(Protocol):
    """Raises what `run_chunk` raises; what is under way then is given up."""

    def run(self, job: Job, chunks: Sequence[Chunk]) -> Iterator[Line]: ...


class Processes:
    """A rule process for each core; this process reads and writes in a thread for each."""

    def __init__(self, workers: int = 0) -> None:
        self.workers = workers or os.cpu_count() or 1

    def run(self, job: Job, chunks: Sequence[Chunk]) -> Iterator[Line]:
        pool = ThreadPoolExecutor(self.workers, thread_name_prefix="cohorts")
        rest = iter(chunks)
        waiting: set[Future[Line]] = set()
        try:
            while True:
                for chunk in islice(rest, AHEAD * self.workers - len(waiting)):
                    waiting.add(pool.submit(run_chunk, job, chunk))
                if not waiting:
                    return
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for each in done:
                    yield each.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            end_rule_processes()  # whoever still asks one is refused
            pool.shutdown()
            end_rule_processes()


class Dask:
    """The workers of a scheduler, which see both directories under the same names and have the same Sild.

    A worker that dies is the scheduler's affair: it gives the chunk to another. tls://: by Dask's own configuration.
    """

    def __init__(self, scheduler: str, *, seconds: float = 30.0) -> None:
        self._scheduler, self._seconds = scheduler, seconds

    def run(self, job: Job, chunks: Sequence[Chunk]) -> Iterator[Line]:
        """Raises also Unavailable: no_cluster, worker_killed (a chunk whose workers died again and again)."""
        with self._client() as client:
            rest = iter(chunks)
            workers = max(1, sum(client.nthreads().values()))
            futures = _distributed().as_completed(
                [_submit(client, job, chunk) for chunk in islice(rest, AHEAD * workers)], loop=client.loop
            )
            for each in futures:
                yield _result(each)
                for chunk in islice(rest, 1):
                    futures.add(_submit(client, job, chunk))

    @contextmanager
    def _client(self) -> Iterator[Any]:  # distributed has no types
        try:
            client = _distributed().Client(self._scheduler, timeout=self._seconds, set_as_default=False)
        except (OSError, TimeoutError, ValueError) as error:
            raise Unavailable(f"no Dask scheduler at {self._scheduler}", code="no_cluster") from error
        try:
            client.wait_for_workers(1, timeout=self._seconds)
            yield client
        except TimeoutError as error:
            message = f"the scheduler at {self._scheduler} has no workers"
            raise Unavailable(message, code="no_cluster") from error
        finally:
            client.close()


def _distributed() -> Any:  # it has no types
    """Takes a second to import: only who uses a cluster pays."""
    try:
        return import_module("distributed")
    except ImportError:
        raise CallerError("Dask is not installed: pip install 'sild[cohorts]'") from None


def _submit(client: Any, job: Job, chunk: Chunk) -> Any:  # distributed has no types
    return client.submit(run_chunk, job, chunk, pure=False, key=f"{chunk.name}-{job.directory}")


def _result(future: Any) -> Line:  # distributed has no types
    try:
        line: Mapping[str, Any] = future.result()
    except PlatformError:
        raise
    except _distributed().KilledWorker as error:
        message = f"workers died over and over at chunk {str(future.key)[:8]}"
        raise Unavailable(message, code="worker_killed") from error
    return dict(line)
