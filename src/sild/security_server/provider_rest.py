"""A REST request arriving at the provider's security server (PR-MESSTRANSP 3.3; order of checks: WIRE 5).

    (1) read the message; as soon as its first part is there: provider registered? can we sign for it? is the peer who
        may speak for the client?  (2) all parts there  (3) service exists, is REST, may be called, is not disabled
    (4) signature  (5) log  (6) call the service  (7) sign  (8) log  (9) the signature part

A short answer of the service goes back in one write. A long one streams back while it arrives; its signature follows when
it has been logged, and a failure after the beginning becomes a fault part in the signature's place (WIRE 4.3).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime

from sild.errors import CallerError, PeerError, stage
from sild.http1 import ClientResponse, Header, Request, Responder
from sild.message_log import MessageRecord
from sild.security_server.measurement import Measurement
from sild.security_server.metaservices import answer_metaservice, is_metaservice
from sild.security_server.outgoing import signature_parts, signed_parts
from sild.security_server.parts import Parts
from sild.security_server.random_names import boundary_letters
from sild.security_server.received import ReceivedMessage, receive, require
from sild.security_server.service_call import service_target
from sild.security_server.snapshot import ServerConfSnapshot, ServiceConf, ServiceType
from sild.security_server.spool import SpooledBody
from sild.xroad.globalconf import GlobalConf
from sild.xroad.rest import (
    RestRequest,
    RestResponse,
    loggable_part,
    parse_rest_request,
    request_hash,
)
from sild.xroad.transport import REST_RESPONSE, MessageKind, TransportMessageWriter

__all__ = ["ProviderAnswer", "ProviderRest"]


class ProviderAnswer:
    """The transport message on its way back, held until it is worth a write.

    `begun` tells the edge that a fault has to become a part of it.
    """

    def __init__(self, responder: Responder, headers: Sequence[tuple[bytes, bytes]]) -> None:
        self.writer = TransportMessageWriter(boundary_letters())
        self._responder = responder
        self._headers = [
            (b"content-type", self.writer.content_type.encode()),
            (b"x-hash-algorithm", b"SHA-512"),
            *headers,
        ]
        self._pieces: list[bytes] = []
        self.held = 0

    @property
    def begun(self) -> bool:
        return self._responder.started

    def add_header(self, name: bytes, value: bytes) -> None:
        """Before the answer has begun."""
        self._headers.append((name, value))

    def hold(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self.held += len(piece)

    async def flush(self) -> None:
        if not self._responder.started:
            await self._responder.start(200, self._headers)
        await self._responder.write(self._taken())

    async def finish(self, piece: bytes) -> None:
        self.hold(piece)
        if self._responder.started:
            await self._responder.finish(self._taken())
        else:
            await self._responder.start(200, self._headers)
            await self._responder.finish(self._taken())

    async def fault(self, xml: bytes) -> None:
        """End a message that has begun with a fault instead of its signature."""
        await self._responder.finish(self.writer.fault(xml) + self.writer.end())

    def _taken(self) -> bytes:
        taken = b"".join(self._pieces)
        self._pieces.clear()
        self.held = 0
        return taken


class ProviderRest:
    """Processes messages with `x-road-message-type: REST` on port 5500."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def process(
        self,
        request: Request,
        answer: ProviderAnswer,
        globalconf: GlobalConf,
        at: datetime,
        measured: Measurement,
    ) -> None:
        """One exchange. What it raises before `answer.begun` is answered with a bare fault, after that with a fault part."""
        received = ReceivedMessage()
        try:
            message = await self._read(request, received, globalconf, at, measured)
            conf = self._parts.conf
            service = None if is_metaservice(message) else self._authorize(conf, message, globalconf, at)
            await self._verify_and_log(received, message, request, globalconf, at)
            if service is None:
                await self._tell(received, message, request, answer, globalconf, at, measured)
            else:
                await self._answer(received, message, request, service, answer, globalconf, measured)
        finally:
            received.close()

    async def _read(
        self,
        request: Request,
        received: ReceivedMessage,
        globalconf: GlobalConf,
        at: datetime,
        measured: Measurement,
    ) -> RestRequest:
        """(1) and (2)."""
        parts = self._parts
        found: list[RestRequest] = []

        def on_message(received: ReceivedMessage) -> None:
            if received.kind is not MessageKind.REST_REQUEST:
                return
            message = parse_rest_request(received.part)
            provider = message.service.client_id
            if not parts.conf.is_registered(provider):
                raise CallerError(f"Client '{provider.long_form}' not found", code="unknown_member")
            parts.signer.sign_certificate_for(provider, at=at)
            parts.authentication.client_server(
                request.tls, received.ocsp_responses, globalconf, message.client, at
            )
            found.append(message)

        if (request.header(b"x-hash-algorithm") or b"").upper() != b"SHA-512":
            raise PeerError("Could not get hash algorithm identifier from message", code="internal_error")
        with stage("service_failed"):
            await receive(
                request,
                (request.header(b"content-type") or b"").decode("latin-1"),
                into=received,
                limits=parts.limits,
                new_body=parts.new_body,
                bare_fault=False,
                on_message=on_message,
            )
        if not found:
            raise PeerError("Request does not have REST message", code="missing_rest")
        body = received.body
        measured.rest(found[0], parts.conf.service_type_of(found[0].service))
        measured.rest_request_size(len(received.part) + (body.size if body is not None else 0))
        parts.monitoring.traced(measured, found[0].header(b"traceparent"))
        require(received.signature, "missing_signature", "Request does not have signature")
        return found[0]

    def _authorize(
        self, conf: ServerConfSnapshot, message: RestRequest, globalconf: GlobalConf, at: datetime
    ) -> ServiceConf:
        """(3)"""
        service = conf.services.get(message.service)
        name = message.service.long_form
        if service is None:
            raise CallerError(f"Unknown service: {name}", code="unknown_service")
        if service.service_type is ServiceType.WSDL:
            raise CallerError(
                "Service is a SOAP service and cannot be called using REST interface", code="service_type"
            )
        if not service.rights.allows(
            message.client,
            message.method,
            message.service_path,
            in_global_group=lambda group, client: globalconf.in_global_group(group, client, at),
        ):
            raise CallerError(f"Request is not allowed: {name}", code="access_denied")
        if service.disabled_notice is not None:
            raise CallerError(
                f"Service {name} is disabled: {service.disabled_notice}", code="service_disabled"
            )
        return service

    async def _verify_and_log(
        self,
        received: ReceivedMessage,
        message: RestRequest,
        request: Request,
        globalconf: GlobalConf,
        at: datetime,
    ) -> None:
        """(4) and (5)"""
        parts = self._parts
        signature = received.signature or b""
        parts.verify(received, signature, message.client, globalconf, at)
        parts.crash.reach("provider.request_verified")
        log_bodies = parts.message_log.body_logging.is_logged(message.service.client_id, client_side=False)
        await parts.message_log.append(
            MessageRecord(
                query_id=message.query_id,
                message=message.part if log_bodies else loggable_part(message),
                signature=signature,
                client_id=message.service.client_id,
                is_response=False,
                x_request_id=_wire_request_id(request),
                hash_chain_result=received.hash_chain_result,
                hash_chain=received.hash_chain,
                attachments=received.bodies if log_bodies else (),
                body_logged=log_bodies,
            )
        )
        parts.crash.reach("provider.request_logged")

    async def _answer(
        self,
        received: ReceivedMessage,
        message: RestRequest,
        request: Request,
        service: ServiceConf,
        answer: ProviderAnswer,
        globalconf: GlobalConf,
        measured: Measurement,
    ) -> None:
        """(6) to (9)"""
        parts = self._parts
        target = service_target(service.url, message.service_path, message.query)
        client = parts.conf.clients.get(message.service.client_id)
        certificates = client.certificates if client is not None else frozenset()
        digest = request_hash(received.part_digest, received.body.digest if received.body else None)
        log_bodies = parts.message_log.body_logging.is_logged(message.service.client_id, client_side=False)
        measured.leaves()
        headers: Sequence[Header] = message.headers
        if measured.trace is not None and message.header(b"traceparent") is None:
            headers = [*headers, (b"traceparent", measured.trace.traceparent)]
        async with parts.services.call(
            service, message.method, target, headers, received.body, certificates
        ) as called:
            measured.comes_back()
            response = RestResponse.from_http(
                called.status,
                called.reason,
                called.headers,
                request=message,
                request_hash=digest,
                request_id=_wire_request_id(request),
            )
            answer.hold(answer.writer.message(response.part, REST_RESPONSE))
            with parts.new_body(keep=log_bodies) as body:
                has_body = await self._stream_body(called, message, answer, body)
                measured.rest_response_size(len(response.part) + body.size)
                parts.crash.reach("provider.service_answered")
                await self._seal(
                    response, body if has_body else None, request, answer, globalconf, log_bodies=log_bodies
                )
        measured.status = response.status
        measured.succeeded = response.status < 400

    async def _tell(
        self,
        received: ReceivedMessage,
        message: RestRequest,
        request: Request,
        answer: ProviderAnswer,
        globalconf: GlobalConf,
        at: datetime,
        measured: Measurement,
    ) -> None:
        """(6) to (9) for what this server answers itself."""
        parts = self._parts
        measured.answered_here()
        measured.service_type = "REST"
        content_type, told = await answer_metaservice(message, parts.conf, globalconf, parts.services, at)
        response = RestResponse.from_http(
            200,
            "OK",
            [(b"Content-Type", content_type)],
            request=message,
            request_hash=request_hash(received.part_digest, received.body.digest if received.body else None),
            request_id=_wire_request_id(request),
        )
        answer.hold(answer.writer.message(response.part, REST_RESPONSE))
        log_bodies = parts.message_log.body_logging.is_logged(message.service.client_id, client_side=False)
        with parts.new_body(keep=log_bodies) as body:
            body.write(told)
            answer.hold(answer.writer.body_begin() + told)
            await self._seal(response, body, request, answer, globalconf, log_bodies=log_bodies)
        measured.status = response.status
        measured.succeeded = True

    async def _stream_body(
        self, called: ClientResponse, message: RestRequest, answer: ProviderAnswer, body: SpooledBody
    ) -> bool:
        """Pass the service's body on. Whether there is one: an answer without an entity has no body part (WIRE 2.3)."""
        if message.method == "HEAD" or called.status in (204, 304):
            return False
        answer.hold(answer.writer.body_begin())
        threshold = self._parts.settings.spool_threshold
        while piece := await called.read_some():
            body.write(piece)
            answer.hold(piece)
            if answer.held > threshold:
                await answer.flush()
        return True

    async def _seal(
        self,
        response: RestResponse,
        body: SpooledBody | None,
        request: Request,
        answer: ProviderAnswer,
        globalconf: GlobalConf,
        *,
        log_bodies: bool,
    ) -> None:
        """(7) to (9): sign, log, and only then the signature."""
        parts = self._parts
        provider = response.service.client_id
        digest = hashlib.sha512(response.part).digest()
        signed = await parts.signer.sign_message(provider, signed_parts(digest, body))
        parts.crash.reach("provider.response_signed")
        await parts.message_log.append(
            MessageRecord(
                query_id=response.query_id,
                message=response.part if log_bodies else loggable_part(response),
                signature=signed.signature,
                client_id=provider,
                is_response=True,
                x_request_id=_wire_request_id(request),
                hash_chain_result=signed.hash_chain_result,
                hash_chain=signed.hash_chain,
                attachments=(body,) if body is not None and log_bodies else (),
                body_logged=log_bodies,
            )
        )
        parts.crash.reach("provider.response_logged")
        await answer.finish(signature_parts(answer.writer, signed))


def _wire_request_id(request: Request) -> str | None:
    value = request.header(b"x-road-request-id")
    return value.decode("latin-1") if value else None
