"""`GET /metrics` for Prometheus: exchanges counted by this process and its siblings, and how the server stands at this moment.

Names begin `sild_`, units stand in them, label values come from closed sets or from this server's own configuration.
Several processes behind one port count where all can see it (`share`), and whoever is asked adds up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from sild import __version__
from sild.http1 import Request, Responder
from sild.security_server.exchange_totals import (
    BUCKETS,
    COUNT,
    FIRST_BUCKET,
    REQUEST_BYTES,
    RESPONSE_BYTES,
    SECONDS,
    ExchangeTotals,
    Figures,
)
from sild.security_server.shared_totals import SharedTotals
from sild.telemetry import get_logger

__all__ = ["CertificateFigures", "Metrics", "ServerFigures"]

log = get_logger("security_server")


@dataclass(frozen=True, slots=True)
class CertificateFigures:
    """sha1: which one.  remaining, ocsp_age: seconds; None: there is no OCSP response.  ocsp_good: a peer would believe it now."""

    usage: str
    member: str
    sha1: str
    active: bool
    remaining: float
    ocsp_age: float | None
    ocsp_good: bool


@dataclass(frozen=True, slots=True)
class ServerFigures:
    """How the server stands. Ages and remainders in seconds; None is unknown and left out."""

    certificates: tuple[CertificateFigures, ...] = ()
    globalconf_age: float | None = None
    globalconf_remaining: float | None = None
    unstamped_records: int | None = None
    oldest_unstamped_age: float | None = None
    timestamping_failing_for: float = 0.0
    monitor_waiting: int | None = None
    monitor_dropped: int | None = None
    tokens: dict[str, bool] = field(default_factory=dict)


class Metrics:
    """figures: looked up at each question."""

    def __init__(self, totals: ExchangeTotals, figures: Callable[[], Awaitable[ServerFigures]]) -> None:
        self._totals = totals
        self._figures = figures
        self._shared: SharedTotals | None = None

    async def share(self, directory: Path) -> None:
        """From now on count where the other processes of this server see it, and tell what all have counted."""
        try:
            self._shared = await asyncio.to_thread(SharedTotals, directory)
        except OSError as error:
            log.bug("metrics.not_shared", error)
            return
        self._totals.keep(self._shared.new_figures)

    async def handle(self, request: Request, responder: Responder) -> None:
        if request.origin_form.partition(b"?")[0] != b"/metrics":
            await responder.send(404, [])
        elif request.method not in ("GET", "HEAD"):
            await responder.send(405, [(b"Allow", b"GET, HEAD")])
        else:
            await responder.send(200, [(b"Content-Type", CONTENT_TYPE_LATEST.encode())], await self.render())

    async def render(self) -> bytes:
        """The text format."""
        figures = await self._figures()
        totals, processes = (self._totals, 1) if self._shared is None else self._shared.everyones()
        registry = CollectorRegistry()
        registry.register(_Families(totals, figures, processes))
        if processes == 1:
            ProcessCollector(registry=registry)
        return generate_latest(registry)


class _Families(Collector):
    def __init__(self, totals: ExchangeTotals, figures: ServerFigures, processes: int) -> None:
        self._totals = totals
        self._figures = figures
        self._processes = processes

    def collect(self) -> Iterable[Metric]:
        yield _gauge("sild_build_info", "The program's version.", [({"version": __version__}, 1)])
        yield _gauge("sild_processes", "Processes that answer as this server.", [({}, self._processes)])
        yield from self._exchanges()
        yield from self._server()

    def _exchanges(self) -> Iterator[Metric]:
        labels = ["side", "service_type", "outcome", "origin", "cause"]
        count = CounterMetricFamily("sild_exchanges", "Exchanges that have ended.", labels=labels)
        by_service = ExchangeTotals()
        for key, kind in sorted(self._totals.by_kind.items(), key=lambda item: item[0]):
            count.add_metric(key, kind[COUNT])
            by_service.add(key[:2], kind)
        yield count
        labels = labels[:2]
        seconds = HistogramMetricFamily(
            "sild_exchange_duration_seconds", "From the request's head to the answer.", labels=labels
        )
        sent = CounterMetricFamily("sild_request_bytes", "Bytes of requests, as recorded.", labels=labels)
        received = CounterMetricFamily(
            "sild_response_bytes", "Bytes of responses, as recorded.", labels=labels
        )
        for service, kind in by_service.by_kind.items():
            seconds.add_metric(service, _cumulated(kind), kind[SECONDS])
            sent.add_metric(service, kind[REQUEST_BYTES])
            received.add_metric(service, kind[RESPONSE_BYTES])
        yield from (seconds, sent, received)
        in_flight = [({"side": side}, number) for side, number in self._totals.in_flight.items()]
        yield _gauge("sild_exchanges_in_flight", "Exchanges under way.", in_flight)

    def _server(self) -> Iterator[Metric]:
        figures = self._figures
        yield from self._certificates()
        yield _gauge(
            "sild_token_active",
            "1: somebody is logged in.",
            [({"token": token}, int(active)) for token, active in figures.tokens.items()],
        )
        yield _gauge(
            "sild_timestamping_failing_seconds",
            "How long time-stamping has failed; 0 when it works.",
            [({}, figures.timestamping_failing_for)],
        )
        plain = (
            ("sild_globalconf_age_seconds", "Since it was last confirmed.", figures.globalconf_age),
            ("sild_globalconf_remaining_seconds", "Until it expires.", figures.globalconf_remaining),
            ("sild_messagelog_unstamped_records", "Waiting for a time-stamp.", figures.unstamped_records),
            (
                "sild_messagelog_oldest_unstamped_seconds",
                "How long the oldest has waited.",
                figures.oldest_unstamped_age,
            ),
            ("sild_opmonitor_waiting_records", "Recorded, not stored yet.", figures.monitor_waiting),
        )
        yield from (_gauge(name, text, [({}, value)]) for name, text, value in plain if value is not None)
        if figures.monitor_dropped is not None:
            dropped = CounterMetricFamily("sild_opmonitor_dropped_records", "Lost: the buffer was full.")
            dropped.add_metric([], figures.monitor_dropped)
            yield dropped

    def _certificates(self) -> Iterator[Metric]:
        told = [
            ({"usage": one.usage, "member": one.member, "sha1": one.sha1}, one)
            for one in self._figures.certificates
        ]
        yield _gauge(
            "sild_certificate_active", "1: in use.", [(labels, int(one.active)) for labels, one in told]
        )
        yield _gauge(
            "sild_certificate_remaining_seconds",
            "Until the certificate ends.",
            [(labels, one.remaining) for labels, one in told],
        )
        yield _gauge(
            "sild_certificate_ocsp_good",
            "1: peers would believe its OCSP response now.",
            [(labels, int(one.ocsp_good)) for labels, one in told],
        )
        yield _gauge(
            "sild_certificate_ocsp_age_seconds",
            "Since thisUpdate of its OCSP response.",
            [(labels, one.ocsp_age) for labels, one in told if one.ocsp_age is not None],
        )


def _gauge(name: str, text: str, values: Iterable[tuple[dict[str, str], float]]) -> GaugeMetricFamily:
    values = list(values)
    family = GaugeMetricFamily(name, text, labels=list(values[0][0]) if values else [])
    for labels, value in values:
        family.add_metric(list(labels.values()), value)
    return family


def _cumulated(kind: Figures) -> list[tuple[str, float]]:
    cumulated, so_far = [], 0.0
    for bound, number in zip((*BUCKETS, float("inf")), kind[FIRST_BUCKET:], strict=True):
        so_far += number
        cumulated.append(("+Inf" if bound == float("inf") else repr(bound), so_far))
    return cumulated
