"""The status of our own certificates: asked for ahead of need, kept on disk, handed to signatures and to peers (WIRE 10).

Every registered certificate is asked about each `ocspFetchIntervalSeconds`; after a failure sooner, with back-off. A
response is believed only by the rules a peer will apply to it, so that a bad responder is noticed here and not there.

Of the processes that share a database one asks, and the others read its answers there; what they find missing or stale all the
same they ask about themselves.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sild.clock import Clock
from sild.cluster import ClusterLock
from sild.errors import PlatformError, TrustError, Unavailable
from sild.pki import SingleResponse, build_ocsp_request, ocsp_urls, verify_ocsp_response
from sild.signer.certificates import CertificateInfo
from sild.signer.store import Store
from sild.telemetry import get_logger
from sild.xroad.globalconf import GlobalConf, TrustedIssuer

if TYPE_CHECKING:
    from sild.http1 import Fetch

__all__ = ["GoodResponse", "OcspCache"]

FETCH_TIMEOUT_SECONDS = 20.0
MAX_RESPONSE_BYTES = 64 * 1024
FIRST_RETRY_SECONDS = 5.0
MAX_RETRY_SECONDS = 60.0
MIN_INTERVAL_SECONDS = 60.0  # the reference's floor of ocspFetchIntervalSeconds
CLOCK_CHECK_SECONDS = 15.0
CLOCK_JUMP_SECONDS = 30.0
FOLLOWING_SECONDS = 5.0  # how often a process that does not ask looks whether it must

log = get_logger("signer")


@dataclass(frozen=True, slots=True)
class GoodResponse:
    """A response that says good. until: the moment a peer would begin to refuse it."""

    der: bytes
    until: datetime


class OcspCache:
    def __init__(
        self,
        store: Store,
        *,
        certificates: Callable[[], Sequence[CertificateInfo]],
        globalconf: Callable[[], GlobalConf | None],
        fetch: Fetch,
        clock: Clock,
    ) -> None:
        self._store = store
        self._certificates = certificates
        self._globalconf = globalconf
        self._fetch = fetch
        self._clock = clock
        self._lock = ClusterLock(store.engine, "signer_ocsp")
        self._responses = store.ocsp_responses()
        self._turns = itertools.count()
        self._turn_of: dict[str, int] = {}  # the question a response answers
        self._writing = asyncio.Lock()
        self._wake = asyncio.Event()
        self._listeners: list[Callable[[], None]] = []

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call `listener` when a response has been replaced."""
        self._listeners.append(listener)

    def get(self, sha1: str) -> bytes | None:
        """The last believed response about the certificate, however old."""
        return self._responses.get(sha1)

    def good(self, info: CertificateInfo, globalconf: GlobalConf, at: datetime) -> GoodResponse:
        """The response to be shown with `info` now. Raises TrustError or PeerError as `verify_ocsp_response`."""
        response = self._responses.get(info.sha1)
        if response is None:
            raise TrustError(
                f"there is no OCSP response for the certificate {info.sha1}", code="incorrect_validation_info"
            )
        instance = info.member.instance_identifier
        issuer = globalconf.issuer_of(info.certificate, instance, at)
        freshness = globalconf.ocsp_freshness(instance)
        single = _verify(response, info, issuer, globalconf, at)
        until = single.this_update + freshness
        if globalconf.check_ocsp_next_update and single.next_update is not None:
            until = min(until, single.next_update)
        return GoodResponse(response, min(until, info.certificate.not_valid_after_utc))

    async def fetch(self, info: CertificateInfo) -> bytes:
        """Ask the responders in the configuration's order, then the certificate's own; keep and return the answer.

        An answer that says revoked is kept too: it is what must be shown. Of several questions at once the one asked last counts,
        whichever is answered last: a status that was good a moment ago does not take the place of "revoked".
        Raises Unavailable (`network_error`).
        """
        turn = next(self._turns)
        globalconf, at = self._globalconf(), self._clock()
        if globalconf is None:
            raise Unavailable("there is no global configuration yet", code="global_conf_outdated")
        issuer = globalconf.issuer_of(info.certificate, info.member.instance_identifier, at)
        request = build_ocsp_request(info.certificate, issuer.certificate)
        for url in dict.fromkeys((*issuer.ocsp_urls, *ocsp_urls(info.certificate))):
            try:
                response = await self._ask(url, request)
                _verify_origin(response, info, issuer, globalconf, self._clock())
            except PlatformError as error:
                log.refusal("ocsp.failed", error, url=url, certificate=info.sha1)
                continue
            if turn < self._turn_of.get(info.sha1, turn):
                return self._responses.get(info.sha1, response)
            self._turn_of[info.sha1] = turn
            if response != self._responses.get(info.sha1):
                self._responses[info.sha1] = response
                for listener in self._listeners:
                    listener()
                async with self._writing:
                    newest = self._responses.get(info.sha1, response)
                    await asyncio.to_thread(self._store.set_ocsp_response, info.sha1, newest)
            return response
        raise Unavailable(
            f"no OCSP responder gave a usable answer about the certificate {info.sha1}", code="network_error"
        )

    async def _ask(self, url: str, request: bytes) -> bytes:
        answer = await self._fetch(
            url,
            method="POST",
            body=request,
            headers=[
                (b"Content-Type", b"application/ocsp-request"),
                (b"Accept", b"application/ocsp-response"),
            ],
            timeout=FETCH_TIMEOUT_SECONDS,
            max_bytes=MAX_RESPONSE_BYTES,
        )
        if answer.status != 200:
            raise Unavailable(f"the OCSP responder answered HTTP {answer.status}", code="http_error")
        return answer.body

    async def refresh(self) -> bool:
        """Ask about every certificate in use; whether all answers came."""
        return await self._refresh([info for info in self._certificates() if info.is_usable])

    async def _refresh(self, wanted: Iterable[CertificateInfo]) -> bool:
        outcomes = await asyncio.gather(*(self.fetch(info) for info in wanted), return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, Exception) and not isinstance(outcome, PlatformError):
                log.bug("ocsp.failed", outcome)
        return not any(isinstance(outcome, BaseException) for outcome in outcomes)

    async def refresh_stale(self) -> bool:
        """As `refresh`, of those only that could not be shown now."""
        globalconf, at = self._globalconf(), self._clock()
        stale = []
        for info in self._certificates():
            if info.is_usable:
                try:
                    if globalconf is not None:
                        self.good(info, globalconf, at)
                        continue
                except PlatformError:
                    pass
                stale.append(info)
        return await self._refresh(stale)

    async def ask_about_new(self, certificates: Iterable[CertificateInfo]) -> bool:
        """As `refresh`, of those among `certificates` that nothing is known about."""
        return await self._refresh(
            [info for info in certificates if info.is_usable and info.sha1 not in self._responses]
        )

    async def reload(self) -> None:
        """Take up another process's answers. Raises Unavailable (`database_error`)."""
        responses = await asyncio.to_thread(self._store.ocsp_responses)
        if responses != self._responses:
            self._responses = responses
            for listener in self._listeners:
                listener()

    async def asks(self) -> bool:
        """Whether this process asks for all. Each does for itself while the database cannot say."""
        try:
            return await self._lock.hold() is not None
        except Unavailable as error:
            log.refusal("ocsp.no_lock", error)
            return True

    def close(self) -> None:
        """Let another process ask."""
        self._lock.release()

    def wake(self) -> None:
        """Something changed: `run` asks anew at once."""
        self._wake.set()

    async def run(self) -> None:
        """Keep the responses fresh until cancelled."""
        retry = FIRST_RETRY_SECONDS
        while True:
            asks = await self.asks()
            if await (self.refresh() if asks else self.refresh_stale()):
                delay = self._interval().total_seconds() if asks else FOLLOWING_SECONDS
                retry = FIRST_RETRY_SECONDS
            else:
                delay, retry = min(retry, self._interval().total_seconds()), min(retry * 2, MAX_RETRY_SECONDS)
            await self._wait(delay)
            self._wake.clear()

    async def _wait(self, seconds: float) -> None:
        """Until `seconds` have passed, or `wake` is called, or the clock has jumped.

        A machine that was suspended, or whose clock somebody has set, holds responses that are stale or not yet valid;
        the event loop's own clock has seen nothing of it.
        """
        passed = asyncio.get_running_loop().time
        begun, begun_at = passed(), self._clock()
        while (left := begun + seconds - passed()) > 0:
            try:
                async with asyncio.timeout(min(left, CLOCK_CHECK_SECONDS)):
                    await self._wake.wait()
                    return
            except TimeoutError:
                jump = (self._clock() - begun_at).total_seconds() - (passed() - begun)
                if abs(jump) > CLOCK_JUMP_SECONDS:
                    log.warning("ocsp.clock_jumped", seconds=round(jump))
                    return

    def _interval(self) -> timedelta:
        """As the configuration says, but never so seldom that a response would grow stale in between."""
        globalconf = self._globalconf()
        if globalconf is None:
            return timedelta(seconds=FIRST_RETRY_SECONDS)
        freshness = globalconf.ocsp_freshness(globalconf.instance_identifier)
        return max(
            min(globalconf.ocsp_fetch_interval, freshness / 2), timedelta(seconds=MIN_INTERVAL_SECONDS)
        )


def _verify(
    response: bytes, info: CertificateInfo, issuer: TrustedIssuer, globalconf: GlobalConf, at: datetime
) -> SingleResponse:
    return verify_ocsp_response(
        response,
        certificate=info.certificate,
        issuer=issuer.certificate,
        responder_certificates=issuer.ocsp_certificates,
        ca_certificates=issuer.all_ca_certificates,
        at=at,
        freshness=globalconf.ocsp_freshness(info.member.instance_identifier),
        check_next_update=globalconf.check_ocsp_next_update,
    )


def _verify_origin(
    response: bytes, info: CertificateInfo, issuer: TrustedIssuer, globalconf: GlobalConf, at: datetime
) -> None:
    """As `_verify`, but a credible "revoked" or "unknown" passes."""
    try:
        _verify(response, info, issuer, globalconf, at)
    except TrustError as error:
        if error.code != "cert_validation":
            raise
        log.refusal("ocsp.not_good", error, certificate=info.sha1)
