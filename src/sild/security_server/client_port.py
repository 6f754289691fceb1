"""Ports 8080 and 8443: requests of information systems (WIRE 5, 8.4, 11.4, 14).

    GET /asic, /verificationconf, /evidence/...    evidence (downloads)
    /witness/...                    what the log says about a person (log_witness)
    GET /listClients                members and subsystems of an instance (metaservices)
    /r1/...                         REST messages
    anything else                   SOAP messages, in X-Road's order of handlers

Every refusal becomes X-Road's error in the form the caller understands, with a detail that stands in the log too.
"""

from __future__ import annotations

from urllib.parse import parse_qs

from sild.errors import PlatformError
from sild.http1 import Request, Responder
from sild.security_server.client_authentication import Channel
from sild.security_server.client_rest import ClientRest
from sild.security_server.client_soap import ClientSoap
from sild.security_server.downloads import Downloads
from sild.security_server.log_witness import WITNESS_PATH
from sild.security_server.measurement import CLIENT, Measurement
from sild.security_server.metaservices import render_client_list
from sild.security_server.parts import Parts
from sild.security_server.random_names import new_uuid
from sild.telemetry import get_logger
from sild.xroad.faults import Fault, fault_of, render_rest_fault, render_soap_fault

__all__ = ["ClientPort"]

log = get_logger("security_server")


class ClientPort:
    """The handler of both client ports."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._rest = ClientRest(parts)
        self._soap = ClientSoap(parts)
        self._downloads = Downloads(parts)

    async def handle(self, request: Request, responder: Responder) -> None:
        target = request.origin_form
        channel = Channel(request.tls is not None, request.tls.certificate if request.tls else None)
        if target.startswith(b"/r1/"):
            measured = self._begin(request)
            try:
                await self._rest.process(request, responder, channel, measured)
            except Exception as error:  # noqa: BLE001 - the edge: every failure becomes an error report
                await self._refuse_rest(error, request, responder, measured)
            finally:
                self._end(measured)
            return
        if request.method == "GET" and self._downloads.serves(target):
            await self._downloads.handle(target, responder, channel)
            return
        if target.startswith(WITNESS_PATH):
            await self._downloads.witness(request, responder, channel)
            return
        if request.method == "GET" and target.partition(b"?")[0] == b"/listClients":
            await self._list_clients(request, target, responder)
            return
        measured = self._begin(request)
        try:
            await self._soap.process(request, responder, channel, measured)
        except Exception as error:
            fault = self._fault(error, "server.clientproxy")
            measured.refused(fault)
            if responder.started:
                raise
            await self._send_soap_fault(fault, responder)
        finally:
            self._end(measured)

    def _begin(self, request: Request) -> Measurement:
        self._parts.message_log.under_way += 1
        return self._parts.monitoring.begins(CLIENT, request)

    def _end(self, measured: Measurement) -> None:
        self._parts.message_log.under_way -= 1
        self._parts.monitoring.ends(measured)

    async def _list_clients(self, request: Request, target: bytes, responder: Responder) -> None:
        query = parse_qs(target.partition(b"?")[2].decode("latin-1"))
        accept = [value.decode("latin-1") for value in request.header_values(b"accept")]
        try:
            at = self._parts.clock()
            globalconf = self._parts.globalconf(at)
            instance = query.get("xRoadInstance", [""])[0] or globalconf.instance_identifier
            content_type, body = render_client_list(globalconf, instance, accept, at)
        except Exception as error:  # noqa: BLE001 - the edge: every failure becomes a fault
            await self._send_soap_fault(self._fault(error, "server.clientproxy"), responder)
            return
        await responder.send(200, [(b"Content-Type", content_type)], body)

    async def _refuse_rest(
        self, error: Exception, request: Request, responder: Responder, measured: Measurement
    ) -> None:
        fault = self._fault(error, "server.clientproxy")
        measured.refused(fault)
        if responder.started:
            raise error  # the answer is cut off: the caller sees that it is not whole
        accept = [value.decode("latin-1") for value in request.header_values(b"accept")]
        status, headers, body = render_rest_fault(fault, accept, self._parts.settings.spelling)
        await responder.send(status, headers, body)

    async def _send_soap_fault(self, fault: Fault, responder: Responder) -> None:
        headers = [(b"Content-Type", b"text/xml;charset=utf-8"), (b"SOAPAction", b"")]
        await responder.send(200, headers, render_soap_fault(fault, self._parts.settings.spelling))

    def _fault(self, error: Exception, origin: str) -> Fault:
        detail = new_uuid()
        fault = fault_of(error, origin=origin, detail=detail)
        if isinstance(error, PlatformError):
            log.refusal("client.refused", error, fault_code=fault.code, fault_detail=fault.detail)
        else:
            log.bug("client.failed", error, fault_code=fault.code, fault_detail=detail)
        return fault
