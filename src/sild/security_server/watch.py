"""Everything that looks on while messages pass: the operational monitor, the environment, `/metrics`, traces.

Made once by `server` from the settings; what is switched off is not there, and what is not there costs nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from datetime import datetime
from pathlib import Path
from typing import Protocol

from sild.clock import Clock
from sild.configuration_client import ConfigurationClient
from sild.errors import CallerError, PeerError, PlatformError
from sild.http1 import service_client_context
from sild.message_log import MessageLog, Timestamper
from sild.op_monitor import OperationalMonitor, RemoteMonitor, RemoteTls
from sild.pki import Certificate, der, parse_ocsp_response, read_certificate
from sild.security_server.environment import Environment
from sild.security_server.environment_metrics import MetricSet, certificate_metrics
from sild.security_server.exchange_totals import ExchangeTotals
from sild.security_server.internal_tls import InternalTls
from sild.security_server.metrics import CertificateFigures, Metrics, ServerFigures
from sild.security_server.monitoring import Monitoring, Tracing
from sild.security_server.monitoring_services import MonitoringServices
from sild.security_server.serverconf import ServerConf
from sild.security_server.settings import SecurityServerSettings
from sild.signer import CertificateState, Signer

__all__ = ["Watch"]


class ClosableTracing(Tracing, Protocol):
    def close(self) -> None: ...


class Watch:
    """monitor: None when operational monitoring is off.  metrics: None without a port for it."""

    def __init__(
        self,
        settings: SecurityServerSettings,
        *,
        clock: Clock,
        serverconf: ServerConf,
        signer: Signer,
        configuration: ConfigurationClient,
        message_log: MessageLog,
        timestamper: Timestamper,
        internal_tls: InternalTls,
    ) -> None:
        """Raises CallerError: an address, a certificate, or the extra `opentelemetry` that is not installed."""
        self._clock = clock
        self._serverconf = serverconf
        self._signer = signer
        self._configuration = configuration
        self._message_log = message_log
        self._timestamper = timestamper
        self._internal_tls = internal_tls
        self.monitor = _monitor(settings, clock, internal_tls)
        self._tracing = _tracing(settings)
        totals = None if settings.metrics_port is None else ExchangeTotals()
        self.metrics = None if totals is None else Metrics(totals, self._figures)
        self._environment = Environment(clock, self._certificate_metrics)
        self.monitoring = Monitoring(
            lambda: serverconf.snapshot,
            settings.spelling,
            records=self.monitor,
            totals=totals,
            tracing=self._tracing,
        )
        self.services = MonitoringServices(
            lambda: serverconf.snapshot.server_id,
            self._environment,
            self.monitor,
            limited=settings.limit_remote_data_set,
        )

    def work(self) -> Iterator[Coroutine[object, object, None]]:
        """What runs for the server's life."""
        yield self._environment.run()
        if self.monitor is not None:
            yield self.monitor.run()

    async def close(self) -> None:
        """When no exchange is under way any more: what is recorded is stored, what is traced sent, each for some seconds."""
        if self.monitor is not None:
            await self.monitor.close()
        if self._tracing is not None:
            await asyncio.to_thread(self._tracing.close)

    # certificates

    def _certificates(self) -> Iterator[tuple[Certificate, str, bool]]:
        """(certificate, X-Road's kind of it, is active)."""
        yield self._internal_tls.certificate, "SECURITY_SERVER_TLS", True
        clients = self._serverconf.snapshot.clients.values()
        for one in sorted({one for client in clients for one in client.certificates}):
            yield read_certificate(one), "INTERNAL_IS_CLIENT_TLS", True
        for info in self._signer.keyring.certificates():
            yield info.certificate, "AUTH_OR_SIGN", info.is_active

    def _certificate_metrics(self) -> MetricSet:
        sets = (
            certificate_metrics(certificate, kind, active=active)
            for certificate, kind, active in self._certificates()
        )
        return MetricSet("Certificates", tuple(dict.fromkeys(sets)))

    # figures of this moment

    async def _figures(self) -> ServerFigures:
        at = self._clock()
        globalconf, confirmed = self._configuration.current, self._configuration.status.last_success_at
        failing, monitor = self._timestamper.failed_since, self.monitor
        unstamped, oldest = await self._unstamped()
        return ServerFigures(
            certificates=tuple(
                self._figures_of(state, at) for state in self._signer.certificate_states(at=at)
            ),
            globalconf_age=_seconds(confirmed, at),
            globalconf_remaining=None
            if globalconf is None
            else (globalconf.valid_until - at).total_seconds(),
            unstamped_records=unstamped,
            oldest_unstamped_age=None if unstamped is None else _seconds(oldest, at) or 0.0,
            timestamping_failing_for=_seconds(failing, at) or 0.0,
            monitor_waiting=None if monitor is None else monitor.waiting,
            monitor_dropped=None if monitor is None else monitor.dropped,
            tokens={name: token.is_active for name, token in self._signer.keyring.tokens.items()},
        )

    async def _unstamped(self) -> tuple[int | None, datetime | None]:
        try:
            return await self._message_log.unstamped()
        except (
            PlatformError
        ):  # the log cannot be read: the other figures say how the server stands all the same
            return None, None

    def _figures_of(self, state: CertificateState, at: datetime) -> CertificateFigures:
        info = state.info
        return CertificateFigures(
            usage=info.usage.value,
            member=str(info.member),
            sha1=info.sha1,
            active=info.is_active,
            remaining=state.left.total_seconds(),
            ocsp_age=_seconds(self._ocsp_time(info.sha1), at),
            ocsp_good=state.ocsp_problem is None,
        )

    def _ocsp_time(self, sha1: str) -> datetime | None:
        response = self._signer.ocsp.get(sha1)
        if response is None:
            return None
        try:
            return max((single.this_update for single in parse_ocsp_response(response).singles), default=None)
        except PlatformError:
            return None


def _seconds(since: datetime | None, at: datetime) -> float | None:
    return None if since is None else (at - since).total_seconds()


def _monitor(
    settings: SecurityServerSettings, clock: Clock, internal_tls: InternalTls
) -> OperationalMonitor | RemoteMonitor | None:
    where = settings.op_monitoring
    if where == "off":
        return None
    if where == "embedded":
        return OperationalMonitor(settings.op_monitor_database_url, clock=clock, rules=settings.op_monitor)
    tls = None
    if where.startswith("https:"):
        if settings.op_monitor_certificate is None:
            raise CallerError(
                "https to the monitoring daemon needs op_monitor_certificate", code="bad_request"
            )
        context = service_client_context()
        context.use_key(internal_tls.key, [internal_tls.certificate])
        tls = RemoteTls(context, _daemons_certificate(settings.op_monitor_certificate))
    return RemoteMonitor(where, tls=tls, rules=settings.op_monitor)


def _daemons_certificate(file: Path) -> bytes:
    """DER."""
    try:
        return der(read_certificate(file.read_bytes()))
    except OSError as error:
        raise CallerError(f"{file}: {error.strerror or error}", code="bad_request") from error
    except PeerError as error:
        raise CallerError(f"{file}: {error.message}", code="bad_request") from error


def _tracing(settings: SecurityServerSettings) -> ClosableTracing | None:
    if settings.otlp_endpoint is None:
        return None
    try:
        from sild.security_server.tracing import OtlpTracing
    except ImportError as error:
        raise CallerError("otlp_endpoint needs the extra: sild[opentelemetry]", code="bad_request") from error
    server = settings.server_id.long_form.removeprefix("SERVER:")
    return OtlpTracing(settings.otlp_endpoint, server=server, ratio=settings.otlp_ratio)
