"""Time-stamping what has been logged (PR-MESSLOG, WIRE 9): many records by one token, or one by one.

    every interval  up to 10,000 waiting records by one token; again at once while there are that many
    after a failure every minute one record only, until that succeeds: then everything that has gathered

A batch is computed in a thread and stored in slices between appends, so that no message waits for it.

Of all processes that share a log one does the rounds (`sild.cluster`); another takes over a minute after it has gone. Since when
time-stamping fails stands in the database, so that all of them stop taking messages when it is too long ago.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from sild.clock import Clock, system_clock
from sild.cluster import ClusterLock
from sild.errors import PlatformError, TrustError, Unavailable
from sild.interpreter import yielding
from sild.message_log.log import MessageLog
from sild.message_log.records import TimestampRecord
from sild.pki import (
    Certificate,
    add_certificate_to_token,
    build_timestamp_request,
    parse_timestamp_response,
    verify_timestamp,
)
from sild.signatures import HashChains, SignedPart, build_hash_chains, signature_value_bytes
from sild.telemetry import get_logger

if TYPE_CHECKING:
    from sild.http1 import Fetch

__all__ = ["Timestamper", "TimestampingRules"]

SIGNATURES = "/META-INF/signatures.xml"
TS_HASH_CHAIN = "/ts-hashchain.xml"
FETCH_TIMEOUT_SECONDS = 20.0
MAX_RESPONSE_BYTES = 256 * 1024
SLICE_RECORDS = 25  # a slice holds the writer for about a millisecond
PAUSE_SECONDS = 0.002  # between slices
MIN_INTERVAL = timedelta(seconds=60)
MAX_INTERVAL = timedelta(days=1)
FAILED_SINCE = "timestamping_failed_since"

log = get_logger("message_log")


@dataclass(frozen=True, slots=True)
class TimestampingRules:
    """acceptable_failure_period: how long messages go on while time-stamping fails; zero for ever.
    immediate: each message is stamped before `append` returns."""

    immediate: bool = False
    batch_limit: int = 10_000
    retry_delay: timedelta = timedelta(seconds=60)
    acceptable_failure_period: timedelta = timedelta(hours=4)


class Timestamper:
    """urls: of the chosen authorities, in the order they are tried; asked for every message, so it must be cheap.
    tsa_certificates: of all approved ones.  interval: of the configuration, clamped to a minute .. a day.
    From its making on `message_log.append` obeys `ensure_timestamping_ok`.
    """

    def __init__(
        self,
        message_log: MessageLog,
        *,
        urls: Callable[[], Sequence[str]],
        tsa_certificates: Callable[[], Sequence[Certificate]],
        interval: Callable[[], timedelta],
        fetch: Fetch,
        clock: Clock = system_clock,
        rules: TimestampingRules | None = None,
    ) -> None:
        self._log = message_log
        self._urls = urls
        self._tsa_certificates = tsa_certificates
        self._interval = interval
        self._fetch = fetch
        self._clock = clock
        self.rules = rules or TimestampingRules()
        self.failed_since: datetime | None = None
        self._lock = ClusterLock(message_log.store.engine, "message_log_timestamping")
        self._keeps_lock = False
        message_log.stamping = self

    @property
    def is_immediate(self) -> bool:
        return self.rules.immediate

    def ensure_timestamping_ok(self, at: datetime) -> None:
        """Raises Unavailable: `no_timestamping_provider_found`, or `timestamping_failed` for too long."""
        if not self._urls():
            raise Unavailable(
                "Cannot time-stamp messages: no timestamping services configured",
                code="no_timestamping_provider_found",
            )
        period = self.rules.acceptable_failure_period
        if self.failed_since is None or self.rules.immediate or not period:
            return
        if at - self.failed_since > period:
            raise Unavailable("Cannot time-stamp messages", code="timestamping_failed")

    async def run(self) -> None:
        """Stamp on schedule until cancelled, as long as no other process does."""
        self._keeps_lock = True
        delay = 1.0
        try:
            while True:
                await asyncio.sleep(delay)
                delay = (await self.tick()).total_seconds()
        finally:
            self._keeps_lock = False
            await asyncio.to_thread(self._lock.release)

    async def tick(self) -> timedelta:
        """One round of the schedule; how long to wait for the next. Never raises for a failure, which is remembered."""
        is_ours = False
        try:
            is_ours = await self._lock.hold() is not None
            failed_since = await asyncio.to_thread(self._log.store.state, FAILED_SINCE)
            if (failed_since is None) != (self.failed_since is None):  # another process knows better
                self.failed_since = failed_since
            if is_ours:
                await self._stamp_all()
        except PlatformError as error:
            log.refusal("timestamper.failed", error)
        except Exception as error:  # noqa: BLE001 - if this loop died, messages would go on without time-stamps for ever
            log.bug("timestamper.failed", error)
        finally:
            if is_ours and not self._keeps_lock:
                await asyncio.to_thread(self._lock.release)
        interval = max(MIN_INTERVAL, min(self._interval(), MAX_INTERVAL))
        is_calm = is_ours and self.failed_since is None
        return interval if is_calm else min(interval, self.rules.retry_delay)

    async def _stamp_all(self) -> None:
        failing = self.failed_since is not None
        stamped = await self.stamp_pending(1 if failing else self.rules.batch_limit)
        while stamped == self.rules.batch_limit or (failing and stamped):
            failing = False
            stamped = await self.stamp_pending(self.rules.batch_limit)

    async def stamp_pending(self, limit: int) -> int:
        """Stamp up to `limit` waiting records, oldest first; how many. Raises Unavailable (`timestamping_failed`)."""
        pending = await asyncio.to_thread(self._log.store.pending_timestamps, limit)
        try:
            if len(pending) == 1:
                await self._stamp_one(pending[0][0])
            elif pending:
                await self._stamp_batch(pending)
        except Exception:
            if self.failed_since is None and await asyncio.to_thread(self._log.store.is_timestamp_pending):
                await self._set_failed_since(self._clock())
            raise
        await self._set_failed_since(None)
        if pending:
            log.info("timestamper.stamped", records=len(pending))
        return len(pending)

    async def stamp(self, record_id: int) -> None:
        """Stamp this record now unless it is. Raises Unavailable (`timestamping_failed`), CallerError (`not_found`)."""
        record = await self._log.get(record_id)
        if record is None or record.timestamp is None:
            await self._stamp_one(record_id)
            await self._set_failed_since(None)

    async def _set_failed_since(self, at: datetime | None) -> None:
        if (at is None) == (self.failed_since is None):
            return
        self.failed_since = at
        if at is None:
            log.info("timestamper.recovered")
        await self._log.write(partial(self._log.store.set_state, FAILED_SINCE, at))

    async def _stamp_one(self, record_id: int) -> None:
        """Over the decoded SignatureValue; the token goes into the signature when it is taken out."""
        record = await self._log.get(record_id)
        if record is None:
            raise Unavailable(f"there is no record {record_id} to time-stamp", code="timestamping_failed")
        token = await self._token(signature_value_bytes(record.signature))
        timestamp_id = await self._save(token, None)
        await self._log.write(partial(self._log.store.link_timestamp, timestamp_id, [(record_id, None)]))

    async def _stamp_batch(self, pending: Sequence[tuple[int, bytes]]) -> None:
        with yielding():
            chains = await asyncio.to_thread(_chains, [signature_hash for _, signature_hash in pending])
            token = await self._token(chains.result)
            timestamp_id = await self._save(token, chains.result)
            for start in range(0, len(pending), SLICE_RECORDS):
                numbers = range(start, min(start + SLICE_RECORDS, len(pending)))
                links = await asyncio.to_thread(_links, chains, pending, numbers)
                await self._log.write(partial(self._log.store.link_timestamp, timestamp_id, links))
                await asyncio.sleep(PAUSE_SECONDS)

    async def _save(self, token: bytes, hash_chain_result: bytes | None) -> int:
        """Store the token first: until a record is linked to it, the record counts as not stamped."""
        record = TimestampRecord(await self._log.take_id(), self._clock(), token, hash_chain_result)
        await self._log.write(partial(self._log.store.add_timestamp, record))
        return record.id

    async def _token(self, data: bytes) -> bytes:
        """A verified TimeStampToken over `data` from the first authority that gives one, its certificate inside."""
        request = build_timestamp_request(hashlib.sha512(data).digest())
        for url in self._urls():
            try:
                answer = await self._fetch(
                    url,
                    method="POST",
                    body=request,
                    headers=[(b"Content-Type", b"application/timestamp-query")],
                    timeout=FETCH_TIMEOUT_SECONDS,
                    max_bytes=MAX_RESPONSE_BYTES,
                )
                if answer.status != 200:
                    raise Unavailable(f"the authority answered HTTP {answer.status}", code="http_error")
                token = parse_timestamp_response(answer.body)
                return add_certificate_to_token(token, self._signer_of(token, data))
            except PlatformError as error:
                log.refusal("timestamper.authority_failed", error, url=url)
        raise Unavailable(
            "Failed to get time stamp from any time-stamping providers", code="timestamping_failed"
        )

    def _signer_of(self, token: bytes, data: bytes) -> Certificate:
        """The approved authority that signed `token`. Raises TrustError, PeerError as `verify_timestamp`."""
        refusal: TrustError | None = None
        for certificate in self._tsa_certificates():
            try:
                verify_timestamp(token, data=data, tsa_certificates=[certificate])
            except TrustError as error:
                refusal = error
            else:
                return certificate
        raise refusal or TrustError("there is no approved time-stamping authority", code="timestamper_failed")


def _chains(signature_hashes: Sequence[bytes]) -> HashChains:
    leaves = [[SignedPart(SIGNATURES, signature_hash)] for signature_hash in signature_hashes]
    return build_hash_chains(leaves, file_name=TS_HASH_CHAIN)


def _links(
    chains: HashChains, pending: Sequence[tuple[int, bytes]], numbers: range
) -> list[tuple[int, bytes | None]]:
    return [(pending[number][0], chains.chains[number]) for number in numbers]
