"""The daemon's HTTP interface: POST /store_data (JSON) and /query_data (SOAP), as the reference's (WIRE 15).

Errors of storing are JSON, errors of asking are SOAP faults, both with status 200; other paths are 400.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Collection
from secrets import choice
from string import ascii_letters
from uuid import uuid4

from sild.errors import PeerError, PlatformError, stage
from sild.http1 import Request, Responder
from sild.op_monitor.answers import ATTACHMENT_CID
from sild.op_monitor.monitor import OperationalMonitor
from sild.op_monitor.records import parse_records
from sild.telemetry import get_logger
from sild.xroad.faults import Fault, fault_of, render_soap_fault
from sild.xroad.mime import parse_content_type
from sild.xroad.soap import SoapMessage, parse_soap
from sild.xroad.soap_stream import SoapStreamWriter
from sild.xroad.soap_writing import build_answer

__all__ = ["ATTACHMENT_FIELDS", "Daemon", "is_server_owner"]

log = get_logger("op_monitor")

MOST_STORE_BYTES = 16 * 1024 * 1024
MOST_QUERY_BYTES = 1024 * 1024
SMALL_BYTES = 256 * 1024
ORIGIN = "server.serverproxy.opmonitor"
TEXT_XML = "text/xml; charset=UTF-8"
ATTACHMENT_FIELDS = (("content-transfer-encoding", "binary"), ("content-id", f"<{ATTACHMENT_CID}>"))
_JSON = [(b"Content-Type", b"application/json; charset=utf-8")]


def is_server_owner(message: SoapMessage) -> bool:
    """Whether the client owns the server asked. The server has checked that the message names itself (PR-OPMON 2)."""
    server = message.security_server
    return server is not None and message.client == server.owner == message.service.client_id


class Daemon:
    """A `Handler` for `sild.http1.serve`.

    sees_all: whether a client may see all records (owner, monitoring client); may raise Unavailable.
    client_certificates: DER, with https: who may speak to us; None with http: whoever reaches the port.
    """

    def __init__(
        self,
        monitor: OperationalMonitor,
        *,
        sees_all: Callable[[SoapMessage], bool] = is_server_owner,
        client_certificates: Collection[bytes] | None = None,
    ) -> None:
        self._monitor = monitor
        self._sees_all = sees_all
        self._client_certificates = client_certificates

    async def __call__(self, request: Request, responder: Responder) -> None:
        if not self._is_known(request):
            log.warning("daemon.unknown_client", address=request.peer_address)
            responder.close = True
            await responder.send(403, [])
            return
        path = request.origin_form.partition(b"?")[0]
        if path == b"/store_data":
            await self._store(request, responder)
        elif path == b"/query_data":
            await self._query(request, responder)
        else:
            await responder.send(400, [])

    def _is_known(self, request: Request) -> bool:
        known = self._client_certificates
        return known is None or (request.tls is not None and request.tls.certificate in known)

    async def _store(self, request: Request, responder: Responder) -> None:
        status = {"status": "OK"}
        try:
            _ensure_post(request, "application/json")
            body = await request.read(MOST_STORE_BYTES)
            if len(body) <= SMALL_BYTES:
                records = parse_records(body)
            else:
                records = await asyncio.to_thread(parse_records, body)
            await self._monitor.write(records)
        except PlatformError as error:
            log.refusal("daemon.not_stored", error)
            status = {"status": "Error", "errorMessage": error.message}
        except Exception as error:  # noqa: BLE001 - answered, as the reference does
            log.bug("daemon.not_stored", error)
            status = {"status": "Error", "errorMessage": "Internal error"}
        await responder.send(200, _JSON, json.dumps(status, separators=(",", ":")).encode())

    async def _query(self, request: Request, responder: Responder) -> None:
        try:
            with stage("opmonitor"):
                _ensure_post(request, "text/xml")
                content_type, body = await self._answer(await request.read(MOST_QUERY_BYTES))
        except Exception as error:  # noqa: BLE001 - every failure is a fault
            detail = str(uuid4())
            if isinstance(error, PlatformError):
                log.refusal("daemon.not_answered", error, detail=detail)
            else:
                log.bug("daemon.not_answered", error, detail=detail)
            fault = fault_of(error, origin="server.serverproxy", detail=detail)
            headers = [(b"Content-Type", TEXT_XML.encode()), (b"SOAPAction", b"")]
            await responder.send(200, headers, render_soap_fault(fault))
            return
        await responder.send(200, [(b"Content-Type", content_type.encode())], body)

    async def _answer(self, data: bytes) -> tuple[str, bytes]:
        """Content type and body of the answer to a SOAP message."""
        message = parse_soap(data)
        if isinstance(message, Fault):
            raise PeerError(f"Received fault {message.message}", code="internal_error")
        answer = await self._monitor.answer(message, client_sees_all=self._sees_all(message))
        soap = build_answer(message, answer.body).data
        if answer.attachment is None:
            return TEXT_XML, soap
        boundary = "xroad" + "".join(choice(ascii_letters) for _ in range(30))
        writer = SoapStreamWriter(boundary, with_attachments=True)
        pieces = (
            writer.part(TEXT_XML, ()),
            soap,
            writer.part("application/gzip", ATTACHMENT_FIELDS),
            answer.attachment,
            writer.end(),
        )
        return f'multipart/related; type="text/xml"; charset=UTF-8; boundary={boundary}', b"".join(pieces)


def _ensure_post(request: Request, expected: str) -> None:
    if request.method != "POST":
        raise PeerError(
            f"Must use POST request method instead of {request.method}", code="invalid_http_method"
        )
    given = (request.header(b"content-type") or b"").decode("latin-1")
    if not given or parse_content_type(given).media_type != expected:
        raise PeerError(f"Invalid content type {given}, expecting {expected}", code="invalid_content_type")
