"""Making signatures: one a message, or one over many that wait for the same key (WIRE 6.3).

A token that signs without waiting never has a queue, so its messages are signed one by one. A slow one (a hardware token
signs one thing at a time) finds everybody who came meanwhile when it is done, and signs for all of them at once if that
spares them enough time, by how long its signatures have taken: a batch costs each of its messages two more files.
"""

from __future__ import annotations

import asyncio
import copy
import time
from collections import deque
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from sild.errors import Unavailable, stage
from sild.signatures import SignatureTemplate, SignedPart, build_hash_chains
from sild.signer.tokens import Token

__all__ = ["SignedMessage", "SigningQueue"]

MAX_BATCH = 256
GATHER_SECONDS = 0.001
SIGNING_TIMEOUT_SECONDS = 60.0
WORTHWHILE_SECONDS = 0.005  # that the last in the queue would wait, signed for one by one
WEIGHT_OF_NEWEST = 0.2  # in the running mean of a signature's time
HASH_CHAIN_RESULT = "/sig-hashchainresult.xml"
Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class SignedMessage:
    """signature: signatures.xml.  The two files are absent when it covers the message directly."""

    signature: bytes
    hash_chain_result: bytes | None = None
    hash_chain: bytes | None = None


@dataclass(slots=True, eq=False)
class _Waiting:
    template: SignatureTemplate
    parts: Sequence[SignedPart]
    at: datetime
    done: asyncio.Future[SignedMessage]


class SigningQueue:
    """One for each signing key."""

    def __init__(self, token: Token, key_id: str) -> None:
        self._token = token
        self._key_id = key_id
        self._waiting: deque[_Waiting] = deque()
        self._under_way = 0
        self._worker: asyncio.Task[None] | None = None
        self._seconds: float | None = None

    @property
    def seconds_per_signature(self) -> float | None:
        """What the token takes, as measured lately; None before the first."""
        return self._seconds

    @property
    def _is_free(self) -> bool:
        return not self._under_way and not self._waiting and self._worker is None

    async def sign(
        self, template: SignatureTemplate, parts: Sequence[SignedPart], at: datetime
    ) -> SignedMessage:
        """Sign the parts of one message, the message first. Raises Unavailable, stage `cannot_create_signature`."""
        mode = self._token.batch_signing
        with stage("cannot_create_signature"):
            if mode == "never" or (mode == "automatic" and self._is_free):
                self._under_way += 1
                try:
                    return (await _limited(self._sign(template, [parts], at)))[0]
                finally:
                    self._under_way -= 1
                    if self._waiting:
                        self._start()
            waiting = _Waiting(template, parts, at, asyncio.get_running_loop().create_future())
            self._waiting.append(waiting)
            if not self._under_way:
                self._start()
            return await _limited(waiting.done)

    def _start(self) -> None:
        if self._worker is None:
            self._worker = asyncio.create_task(self._work())

    async def _work(self) -> None:
        """Sign batch after batch until nobody waits."""
        try:
            crowded = False
            while self._waiting:
                if self._token.batch_signing == "always":
                    await asyncio.sleep(GATHER_SECONDS if crowded else 0)
                crowded = await self._sign_batch() > 1
        finally:
            self._worker = None

    async def _sign_batch(self) -> int:
        batch: list[_Waiting] = []
        size = MAX_BATCH if self._is_batch_worthwhile else 1
        while self._waiting and len(batch) < size:
            if batch and self._waiting[0].template is not batch[0].template:
                break  # the certificate's OCSP response was renewed in between
            waiting = self._waiting.popleft()
            if not waiting.done.done():  # who gave up is not signed for
                batch.append(waiting)
        if not batch:
            return 0
        try:
            signed = await self._sign(batch[0].template, [waiting.parts for waiting in batch], batch[-1].at)
        except Exception as error:  # noqa: BLE001 - each waiter gets it
            for waiting in batch:
                if not waiting.done.done():
                    waiting.done.set_exception(copy.copy(error))  # each rises through stages of its own
        else:
            for waiting, message in zip(batch, signed, strict=True):
                if not waiting.done.done():
                    waiting.done.set_result(message)
        return len(batch)

    @property
    def _is_batch_worthwhile(self) -> bool:
        if self._token.batch_signing == "always" or self._seconds is None:
            return True
        return self._seconds * len(self._waiting) > WORTHWHILE_SECONDS

    async def _sign(
        self, template: SignatureTemplate, messages: Sequence[Sequence[SignedPart]], at: datetime
    ) -> list[SignedMessage]:
        """One signature over all of `messages`. A hash chain stands in between unless it is one message of one part."""
        if len(messages) == 1 and len(messages[0]) == 1:
            (part,) = messages[0]
            return [SignedMessage(await self._sign_file(template, part.uri, part.digest, at))]
        chains = build_hash_chains(messages, template.digest_algorithm)
        digest = template.digest_algorithm.digest(chains.result)
        signature = await self._sign_file(template, HASH_CHAIN_RESULT, digest, at)
        return [SignedMessage(signature, chains.result, chain) for chain in chains.chains]

    async def _sign_file(self, template: SignatureTemplate, uri: str, digest: bytes, at: datetime) -> bytes:
        prepared = template.prepare(uri, digest, signing_time=at)
        began = time.perf_counter()
        signature = await self._token.sign(self._key_id, template.algorithm, prepared.to_be_signed)
        self._measure(time.perf_counter() - began)
        return prepared.complete(signature)

    def _measure(self, seconds: float) -> None:
        if self._seconds is None:
            self._seconds = seconds
        else:
            self._seconds += WEIGHT_OF_NEWEST * (seconds - self._seconds)


async def _limited(work: Awaitable[Made]) -> Made:
    """Nobody waits for a token for more than a minute (the reference's `signer.client-timeout`)."""
    try:
        async with asyncio.timeout(SIGNING_TIMEOUT_SECONDS):
            return await work
    except TimeoutError:
        raise Unavailable("Signature creation timed out", code="internal_error") from None
