"""A monitor in another process, ours or X-Road's xroad-opmonitor: records are sent there, questions passed on (WIRE 15)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from lxml import etree

from sild.errors import CallerError, PeerError, TrustError, stage
from sild.http1 import Connection, ConnectionPool, Header, TlsContext, open_connection
from sild.op_monitor.addresses import InternalAddress
from sild.op_monitor.answers import MonitoringAnswer
from sild.op_monitor.buffer import RecordBuffer
from sild.op_monitor.records import OperationalDataRecord, as_json
from sild.op_monitor.rules import BufferRules
from sild.telemetry import get_logger
from sild.xroad.envelope import SOAP_ENVELOPE
from sild.xroad.faults import PeerFault, parse_soap_fault
from sild.xroad.mime import MultipartScanner, PartHeaders, parse_content_type
from sild.xroad.soap import SoapMessage

__all__ = ["RemoteMonitor", "RemoteTls", "parse_answer"]

log = get_logger("op_monitor")

STORE_DATA, QUERY_DATA = b"/store_data", b"/query_data"
MOST_STATUS_BYTES = 64 * 1024
MOST_ANSWER_BYTES = 256 * 1024 * 1024
CONNECT_SECONDS = 30.0
CLOSING_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class RemoteTls:
    """context: proves who we are (`service_client_context` with `use_key`).  certificate: DER; the daemon must show this one."""

    context: TlsContext
    certificate: bytes


class RemoteMonitor:
    """A `Monitor` that keeps nothing itself. url: `http://host:2080` or, with `tls`, `https://`. Who sees all decides the daemon.

    Raises CallerError (`bad_request`) for an address that is none.
    """

    def __init__(self, url: str, *, tls: RemoteTls | None = None, rules: BufferRules | None = None) -> None:
        self._host, self._port = _address(url, secure=tls is not None)
        self._tls = tls
        self._rules = rules or BufferRules()
        self._pool = ConnectionPool(max_idle=2, idle_seconds=20.0)
        self._internal_address = InternalAddress()
        self._buffer = RecordBuffer(
            self._send,
            capacity=self._rules.buffer_size,
            at_once=self._rules.max_records_in_message,
            interval=self._rules.sending_interval_seconds,
        )
        self.store = self._buffer.store

    @property
    def waiting(self) -> int:
        """Records stored and not sent yet."""
        return len(self._buffer)

    @property
    def dropped(self) -> int:
        """Records lost because the buffer was full."""
        return self._buffer.dropped

    async def flush(self) -> bool:
        """Send what waits now; False when the daemon does not take it."""
        return await self._buffer.flush()

    async def run(self) -> None:
        """Send what is stored, until cancelled."""
        await self._buffer.run()

    async def close(self) -> None:
        """Send what waits, for at most some seconds."""
        try:
            async with asyncio.timeout(CLOSING_SECONDS):
                await self.flush()
        except TimeoutError:
            log.warning("records.lost_at_end", waiting=self.waiting)
        self._pool.close()

    async def answer(self, message: SoapMessage, *, client_sees_all: bool) -> MonitoringAnswer:
        """The daemon's answer to the same SOAP message. Its SOAP faults are raised as PeerFault, to be passed on unchanged.

        client_sees_all: not sent; the daemon knows the owner from the message and the monitoring client from its
        configuration, as the reference's does.
        Raises Unavailable and PeerError, with the stage `service_failed`.
        """
        with stage("service_failed"):
            headers = [(b"Content-Type", b"text/xml; charset=UTF-8"), (b"SOAPAction", b"")]
            content_type, body = await self._post(QUERY_DATA, headers, message.data, MOST_ANSWER_BYTES)
            return await asyncio.to_thread(parse_answer, content_type, body)

    async def _send(self, records: Sequence[OperationalDataRecord]) -> None:
        body = as_json(records, self._internal_address.current())
        headers = [(b"Content-Type", b"application/json; charset=UTF-8")]
        _, answer = await self._post(STORE_DATA, headers, body, MOST_STATUS_BYTES)
        try:
            status = json.loads(answer)
        except (ValueError, RecursionError):
            raise PeerError("the operational monitoring daemon gave an invalid answer") from None
        if not isinstance(status, dict) or status.get("status") != "OK":
            message = str(status.get("errorMessage", "")) if isinstance(status, dict) else ""
            raise PeerError("the operational monitoring daemon refused the records", reason=message[:500])

    async def _post(self, target: bytes, headers: list[Header], body: bytes, most: int) -> tuple[str, bytes]:
        """Content type and body of an answer with status 200."""
        connection = self._pool.take("daemon") or await self._connect()
        try:
            response = await connection.request(
                "POST", target, headers, body, read_timeout=self._rules.socket_timeout_seconds
            )
            data = await response.read(most)
        except BaseException:
            connection.abort()
            raise
        self._pool.give("daemon", connection)
        if response.status != 200:
            raise PeerError(
                f"the operational monitoring daemon answered {response.status}", code="http_error"
            )
        return (response.header(b"content-type") or b"").decode("latin-1"), data

    async def _connect(self) -> Connection:
        context = self._tls.context if self._tls is not None else None
        connection = await open_connection(
            self._host, self._port, tls=context, server_hostname=self._host, connect_timeout=CONNECT_SECONDS
        )
        if self._tls is not None and (
            connection.tls is None or connection.tls.certificate != self._tls.certificate
        ):
            connection.abort()
            raise TrustError(
                "the operational monitoring daemon shows another certificate than expected",
                code="ssl_authentication_failed",
            )
        return connection


def _address(url: str, *, secure: bool) -> tuple[str, int]:
    scheme = "https" if secure else "http"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = None
    if host is None or parts.scheme != scheme or parts.path not in ("", "/"):
        raise CallerError(f"not the {scheme} address of an operational monitoring daemon: {url}")
    return host, port or 2080


def parse_answer(content_type: str, body: bytes) -> MonitoringAnswer:
    """What a daemon answered. Raises PeerFault (its SOAP fault), PeerError (anything else that is no answer)."""
    kind = parse_content_type(content_type)
    if not kind.media_type.startswith("multipart/"):
        return MonitoringAnswer(_body_element(body))
    parts = _Parts()
    scanner = MultipartScanner(kind.parameters.get("boundary", ""), parts, lenient=True)
    scanner.feed(body)
    scanner.finish()
    if len(parts.found) != 2:
        raise PeerError("the operational monitoring daemon gave an invalid answer", code="invalid_message")
    return MonitoringAnswer(_body_element(bytes(parts.found[0])), bytes(parts.found[1]))


class _Parts:
    """A `PartSink` that keeps what comes."""

    def __init__(self) -> None:
        self.found: list[bytearray] = []

    def part_begin(self, headers: PartHeaders) -> None:
        self.found.append(bytearray())

    def part_data(self, data: bytes) -> None:
        self.found[-1] += data

    def part_end(self) -> None: ...

    def multipart_end(self) -> None: ...


def _body_element(soap: bytes) -> str:
    """The Body's element with the prefixes it uses declared. The daemon is one of our own: its names do not grow without end."""
    fault = parse_soap_fault(soap)
    if fault is not None:
        raise PeerFault(fault)
    try:
        root = etree.fromstring(soap, etree.XMLParser(resolve_entities=False, no_network=True))
    except etree.XMLSyntaxError:
        raise PeerError(
            "the operational monitoring daemon's answer is not XML", code="invalid_soap"
        ) from None
    element = root.find(f"{{{SOAP_ENVELOPE}}}Body/*")
    if element is None:
        raise PeerError("the operational monitoring daemon's answer has no body", code="invalid_body")
    return etree.tostring(element, encoding="unicode", with_tail=False)
