"""What becomes of a measured exchange: a record of operational monitoring, figures for `/metrics`, a trace (PR-OPMON; WIRE 15).

The edges call `begins` and `ends` for every exchange. Each of the three is there or not by the settings, and none of them
may harm an exchange: what goes wrong here is logged, and the exchange goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from sild.http1 import Request, TlsPeer
from sild.op_monitor import OperationalDataRecord
from sild.security_server.access_rights import EndpointRule, normalise_path
from sild.security_server.exchange_totals import ExchangeTotals
from sild.security_server.measurement import PRODUCER, ExchangeTrace, Measurement
from sild.security_server.outgoing import PROXY_VERSION
from sild.security_server.snapshot import ServerConfSnapshot
from sild.telemetry import get_logger
from sild.xroad.fault_codes import Spelling
from sild.xroad.globalconf import GlobalConf
from sild.xroad.identifiers import SecurityServerId
from sild.xroad.rest import RestRequest

__all__ = ["Monitoring", "ServerAddresses", "record_of"]

log = get_logger("security_server")

XROAD_VERSION = PROXY_VERSION.decode()
MOST_REMEMBERED = 10_000


class RecordStore(Protocol):
    """Takes a record without waiting."""

    def store(self, record: OperationalDataRecord) -> None: ...


class Tracing(Protocol):
    def begins(self, measured: Measurement, traceparent: bytes | None) -> ExchangeTrace: ...


class Monitoring:
    """records, totals, tracing: None is switched off."""

    def __init__(
        self,
        conf: Callable[[], ServerConfSnapshot],
        spelling: Spelling,
        *,
        records: RecordStore | None = None,
        totals: ExchangeTotals | None = None,
        tracing: Tracing | None = None,
    ) -> None:
        self._conf = conf
        self._spelling = spelling
        self._records = records
        self._totals = totals
        self._tracing = tracing

    def begins(self, server_type: str, request: Request | None) -> Measurement:
        """request: of an information system, whose trace goes on. On the provider's side the message tells: see `traced`."""
        measured = Measurement(server_type)
        if self._totals is not None:
            self._totals.begins(server_type)
        if request is not None and self._tracing is not None:
            self.traced(measured, request.header(b"traceparent"))
        return measured

    def traced(self, measured: Measurement, traceparent: bytes | None) -> None:
        """The exchange belongs to the trace of `traceparent` (W3C), or begins one."""
        if self._tracing is None or measured.trace is not None:
            return
        try:
            measured.trace = self._tracing.begins(measured, traceparent)
        except Exception as error:  # noqa: BLE001 - a trace is not worth the exchange
            log.bug("monitoring.not_traced", error)

    def ends(self, measured: Measurement) -> None:
        """The caller has its answer, or is gone."""
        try:
            measured.answers()
            if measured.own_answer:
                measured.response_in = measured.response_out
            if self._totals is not None:
                self._totals.ends(measured)
            if self._records is not None:
                self._records.store(record_of(measured, self._conf(), self._spelling))
            if self._tracing is not None:
                self.traced(measured, None)
                if measured.trace is not None:
                    measured.trace.ends(measured)
        except Exception as error:  # noqa: BLE001 - nor is a record
            log.bug("monitoring.not_recorded", error)


def record_of(measured: Measurement, conf: ServerConfSnapshot, spelling: Spelling) -> OperationalDataRecord:
    """The exchange in PR-OPMON's fields."""
    request, fault = measured.request, measured.fault
    out, back = measured.request_out, measured.response_in
    before = (
        measured.server_type,
        measured.request_in // 1_000_000,
        (measured.response_out or measured.request_in) // 1_000_000,
        measured.succeeded,
        None,
        None if out is None else out // 1_000_000,
        None if back is None else back // 1_000_000,
    )
    after = (
        measured.client_server_address,
        measured.service_server_address,
        measured.request_size,
        measured.response_size,
        measured.request_mime_size,
        measured.request_attachments,
        measured.response_mime_size,
        measured.response_attachments,
        None if fault is None else fault.code_in(spelling),
        None if fault is None else fault.message,
        measured.status,
        measured.service_type,
        XROAD_VERSION if request is not None else None,
        measured.request_id,
    )
    return OperationalDataRecord._make((*before, *_message_fields(measured, conf), *after))


_NO_MESSAGE = (None,) * 18


def _message_fields(measured: Measurement, conf: ServerConfSnapshot) -> tuple[str | None, ...]:
    """From the client's instance to the protocol version."""
    request = measured.request
    if request is None:
        return _NO_MESSAGE
    client, service, party = request.client, request.service, request.represented_party
    provider = service.client_id
    method = path = None
    if isinstance(request, RestRequest):
        method = request.method
        path = _endpoint_path(request, conf) if measured.server_type == PRODUCER else None
        user, issue, version = _text(request, b"x-road-userid"), _text(request, b"x-road-issue"), "1"
    else:
        user, issue, version = request.user_id, request.issue, request.protocol_version
    return (
        client.instance_identifier,
        client.member_class,
        client.member_code,
        client.subsystem_code,
        provider.instance_identifier,
        provider.member_class,
        provider.member_code,
        provider.subsystem_code,
        service.service_code,
        service.service_version,
        method,
        path,
        None if party is None else party.member_class,
        None if party is None else party.member_code,
        request.query_id,
        user,
        issue,
        version,
    )


def _text(request: RestRequest, header: bytes) -> str | None:
    value = request.header(header)
    return None if value is None else value.decode("utf-8", "replace")


def _endpoint_path(request: RestRequest, conf: ServerConfSnapshot) -> str | None:
    """The endpoint that was called as the service's description has it: paths themselves may hold personal data."""
    service = conf.services.get(request.service)
    if service is None or not request.service_path:
        return None
    if not service.endpoints:
        return "**"
    readings = normalise_path(request.service_path)
    matching = [
        (path, method)
        for method, path in service.endpoints
        if EndpointRule(method, path).matches(request.method, readings)
    ]
    return max(matching)[0] if matching else "**"


class ServerAddresses:
    """Addresses of servers as the configuration publishes them, looked up for every exchange and so remembered."""

    def __init__(self, conf: Callable[[], ServerConfSnapshot]) -> None:
        self._conf = conf
        self._server_id: SecurityServerId | None = None
        self._globalconf: GlobalConf | None = None
        self._own: str | None = None
        self._peers: dict[bytes, str | None] = {}

    def own(self, globalconf: GlobalConf, at: datetime) -> str | None:
        self._take_up(globalconf, at)
        return self._own

    def of(self, tls: TlsPeer | None, globalconf: GlobalConf, at: datetime) -> str | None:
        """Of the server at the other end, by its authentication certificate; it is yet to be verified."""
        if tls is None or tls.certificate is None:
            return None
        self._take_up(globalconf, at)
        known = self._peers.get(tls.certificate, "")
        if known == "":
            server = globalconf.server_of_auth_certificate(tls.certificate, at)
            known = None if server is None else server.address
            if len(self._peers) >= MOST_REMEMBERED:
                self._peers.clear()
            self._peers[tls.certificate] = known
        return known

    def _take_up(self, globalconf: GlobalConf, at: datetime) -> None:
        server_id = self._conf().server_id
        if globalconf is not self._globalconf or server_id is not self._server_id:
            server = globalconf.server(server_id, at)
            self._own = None if server is None else server.address
            self._peers.clear()
            self._globalconf = globalconf
            self._server_id = server_id
