"""Port 5500: messages from other security servers. Checks before the message is read, and faults after (WIRE 4, 5).

`handle` knows which processor a message belongs to: what does not say it is REST is SOAP.
"""

from __future__ import annotations

from sild.errors import PeerError, PlatformError
from sild.http1 import Request, Responder
from sild.security_server.client_version import ensure_supported_version
from sild.security_server.measurement import PRODUCER, Measurement
from sild.security_server.parts import Parts
from sild.security_server.provider_rest import ProviderAnswer, ProviderRest
from sild.security_server.provider_soap import ProviderSoap
from sild.security_server.random_names import new_uuid
from sild.telemetry import get_logger, request_id
from sild.xroad.faults import fault_of, render_soap_fault

__all__ = ["ProviderPort"]

log = get_logger("security_server")
ORIGIN = "server.serverproxy"


class ProviderPort:
    """The handler of port 5500."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._rest = ProviderRest(parts)
        self._soap = ProviderSoap(parts)

    async def handle(self, request: Request, responder: Responder) -> None:
        """Answer every message: 200 with the provider's message or with a fault."""
        settings = self._parts.settings
        closing = [] if settings.keep_client_connections else [(b"Connection", b"close")]
        answer = ProviderAnswer(responder, closing)
        with request_id((request.header(b"x-road-request-id") or b"").decode("latin-1")[:100]):
            self._parts.message_log.under_way += 1
            measured = self._parts.monitoring.begins(PRODUCER, None)
            try:
                await self._process(request, answer, measured)
            except Exception as error:  # noqa: BLE001 - the edge: every failure becomes a fault
                await self._refuse(error, request, responder, answer, measured)
            finally:
                self._parts.message_log.under_way -= 1
                self._parts.monitoring.ends(measured)

    async def _process(self, request: Request, answer: ProviderAnswer, measured: Measurement) -> None:
        if request.method != "POST":
            raise PeerError(
                f"Must use POST request method instead of {request.method}", code="invalid_http_method"
            )
        at = self._parts.clock()
        globalconf = self._parts.globalconf(at)
        version = request.header(b"x-proxy-version")
        ensure_supported_version(
            version.decode("latin-1") if version else None, self._parts.conf.minimum_client_version
        )
        wire_id = request.header(b"x-road-request-id")
        measured.request_id = wire_id.decode("latin-1") if wire_id else None
        addresses = self._parts.addresses
        measured.client_server_address = addresses.of(request.tls, globalconf, at)
        measured.service_server_address = addresses.own(globalconf, at)
        if request.header(b"x-road-message-type") != b"REST":
            await self._soap.process(request, answer, globalconf, at, measured)
            return
        await self._rest.process(request, answer, globalconf, at, measured)

    async def _refuse(
        self,
        error: Exception,
        request: Request,
        responder: Responder,
        answer: ProviderAnswer,
        measured: Measurement,
    ) -> None:
        """A bare fault, or a fault part when the message has begun. The detail stands in the log line too."""
        detail = new_uuid()
        fault = fault_of(error, origin=ORIGIN, detail=detail)
        measured.refused(fault)
        if isinstance(error, PlatformError):
            log.refusal(
                "provider.refused",
                error,
                fault_code=fault.code,
                fault_detail=detail,
                peer=request.peer_address,
            )
        else:
            log.bug("provider.failed", error, fault_code=fault.code, fault_detail=detail)
        xml = render_soap_fault(fault, self._parts.settings.spelling)
        if responder.started:
            await answer.fault(xml)
            return
        headers = [(b"Content-Type", b"text/xml;charset=utf-8"), (b"SOAPAction", b"")]
        if not self._parts.settings.keep_client_connections:
            headers.append((b"Connection", b"close"))
        await responder.send(200, headers, xml)
