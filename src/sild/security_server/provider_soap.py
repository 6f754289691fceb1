"""A SOAP request arriving at the provider's security server (PR-MESSTRANSP 3.3, PR-MESS; order of checks: WIRE 5).

    (1) SOAPAction; read the message; as soon as its SOAP part is there: sent to this server? provider registered? can we
        sign for it? is the peer who may speak for the client?  (2) all parts there  (3) service exists, is SOAP, may be called,
        is not disabled  (4) signature  (5) log  (6) call the service  (7) requestHash, sign  (8) log  (9) the signature part

listMethods, allowedMethods and getWsdl are answered here: (3) is left out, (6) is `soap_metaservices`; of monitoring's services
`monitoring_services` says who may ask and what the answer is.
A fault of the service goes back as it came, neither signed nor logged. Attachments of its answer stream back while they arrive.
"""

from __future__ import annotations

from datetime import datetime

from sild.errors import CallerError, PeerError, stage
from sild.http1 import ClientResponse, Header, Request
from sild.message_log import MessageRecord
from sild.security_server.measurement import Measurement
from sild.security_server.outgoing import signature_parts
from sild.security_server.parts import Parts
from sild.security_server.provider_rest import ProviderAnswer
from sild.security_server.received import ReceivedMessage, receive, require
from sild.security_server.service_call import service_target
from sild.security_server.snapshot import ServerConfSnapshot, ServiceConf, ServiceType
from sild.security_server.soap_metaservices import SOAP_METASERVICES, OwnAnswer, answer_soap_metaservice
from sild.security_server.soap_passing import (
    TEXT_XML_UTF8,
    SoapDelivery,
    SoapPassage,
    SoapSource,
    loggable_bodies,
    read_aside,
    text_of,
)
from sild.xroad.faults import Fault, PeerFault
from sild.xroad.globalconf import GlobalConf
from sild.xroad.mime import parse_content_type
from sild.xroad.soap import SoapMessage, answer_with_request_hash, parse_soap, soap_request_hash
from sild.xroad.soap_stream import ensure_soap_action
from sild.xroad.soap_writing import build_answer, loggable_message
from sild.xroad.transport import BodyData, BodyStart, MessageKind, MessagePart

__all__ = ["ProviderSoap"]


class ProviderSoap:
    """Processes messages without `x-road-message-type: REST` on port 5500."""

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
        soap_action = text_of(request.header(b"x-original-soapaction"))
        ensure_soap_action(soap_action)
        received = ReceivedMessage()
        try:
            message = await self._read(request, received, globalconf, at, measured)
            service = self._service(message, globalconf, at)
            exchange = _Exchange(self._parts, message, received, request, answer, measured)
            with stage("service_failed"):
                await exchange.delivery.ensure_one_reading()
            await exchange.verify_and_log(globalconf, at)
            if service is None:
                await exchange.tell(globalconf, at)
            else:
                await exchange.call(service, soap_action)
            measured.succeeded = True
        finally:
            received.close()

    async def _read(
        self,
        request: Request,
        received: ReceivedMessage,
        globalconf: GlobalConf,
        at: datetime,
        measured: Measurement,
    ) -> SoapMessage:
        """(1) and (2)."""
        parts = self._parts
        found: list[SoapMessage] = []

        async def on_message(received: ReceivedMessage) -> None:
            if received.kind is not MessageKind.SOAP:
                return
            message = await read_aside(parse_soap, received.part)
            if isinstance(message, Fault):
                return
            measured.soap(message)
            parts.monitoring.traced(measured, None)
            self._check_parties(request, received, message, globalconf, at)
            found.append(message)

        if (request.header(b"x-hash-algorithm") or b"").upper() != b"SHA-512":
            raise PeerError("Could not get hash algorithm identifier from message", code="internal_error")
        with stage("service_failed"):
            await receive(
                request,
                text_of(request.header(b"content-type")) or "",
                into=received,
                limits=parts.limits,
                new_body=parts.new_body,
                bare_fault=False,
                on_message=on_message,
            )
        if not found:
            raise PeerError("Request does not have SOAP message", code="missing_soap")
        bodies = received.bodies
        measured.request_parts(len(bodies), sum(body.size for body in bodies))
        require(received.signature, "missing_signature", "Request does not have signature")
        return found[0]

    def _check_parties(
        self,
        request: Request,
        received: ReceivedMessage,
        message: SoapMessage,
        globalconf: GlobalConf,
        at: datetime,
    ) -> None:
        parts, wanted = self._parts, message.security_server
        if wanted is not None and wanted != parts.server_id:
            raise CallerError(
                f"Invalid security server identifier '{wanted.long_form}' expected '{parts.server_id.long_form}'",
                code="invalid_security_server",
            )
        provider = message.service.client_id
        if not parts.conf.is_registered(provider):
            raise CallerError(f"Client '{provider.long_form}' not found", code="unknown_member")
        parts.signer.sign_certificate_for(provider, at=at)
        parts.authentication.client_server(
            request.tls, received.ocsp_responses, globalconf, message.client, at
        )

    def _service(self, message: SoapMessage, globalconf: GlobalConf, at: datetime) -> ServiceConf | None:
        """The service that is to be called; None: it is answered here."""
        watching = self._parts.monitoring_services
        if watching.serves(message.service):
            watching.authorize(message, globalconf)
            return None
        if message.service.service_code in SOAP_METASERVICES:
            return None
        return self._authorize(self._parts.conf, message, globalconf, at)

    def _authorize(
        self, conf: ServerConfSnapshot, message: SoapMessage, globalconf: GlobalConf, at: datetime
    ) -> ServiceConf:
        """(3)"""
        service = conf.services.get(message.service)
        name = message.service.long_form
        if service is None:
            raise CallerError(f"Unknown service: {name}", code="unknown_service")
        if service.service_type is not ServiceType.WSDL:
            raise CallerError(
                "Service is a REST service and cannot be called using SOAP interface", code="service_type"
            )
        if not service.rights.allows(
            message.client,
            "POST",
            "",
            in_global_group=lambda group, client: globalconf.in_global_group(group, client, at),
        ):
            raise CallerError(f"Request is not allowed: {name}", code="access_denied")
        if service.disabled_notice is not None:
            raise CallerError(
                f"Service {name} is disabled: {service.disabled_notice}", code="service_disabled"
            )
        return service


class _Exchange:
    """One request, once it may be served, and its answer."""

    def __init__(
        self,
        parts: Parts,
        message: SoapMessage,
        received: ReceivedMessage,
        request: Request,
        answer: ProviderAnswer,
        measured: Measurement,
    ) -> None:
        self._parts = parts
        self._measured = measured
        self._message = message
        self._received = received
        self._answer = answer
        original = text_of(request.header(b"x-original-content-type"))
        self.delivery = SoapDelivery(received, original, _plain_content_type(original))
        self._request_id = text_of(request.header(b"x-road-request-id")) or None
        self._provider = message.service.client_id
        logging = parts.message_log.body_logging
        self._log_bodies = logging.is_logged(self._provider, client_side=False)
        self._log_limit = logging.max_body_size if self._log_bodies else 0

    async def verify_and_log(self, globalconf: GlobalConf, at: datetime) -> None:
        """(4) and (5)"""
        parts, message, received = self._parts, self._message, self._received
        signature = received.signature or b""
        parts.verify(received, signature, message.client, globalconf, at)
        parts.crash.reach("provider.request_verified")
        await parts.message_log.append(
            MessageRecord(
                query_id=message.query_id,
                message=message.data if self._log_bodies else loggable_message(message),
                signature=signature,
                client_id=self._provider,
                is_response=False,
                x_request_id=self._request_id,
                hash_chain_result=received.hash_chain_result,
                hash_chain=received.hash_chain,
                attachments=loggable_bodies(received.bodies, self._log_limit),
                body_logged=self._log_bodies,
            )
        )
        parts.crash.reach("provider.request_logged")

    async def call(self, service: ServiceConf, soap_action: str | None) -> None:
        """(6) to (9)"""
        parts = self._parts
        target = service_target(service.url, "", None)
        client = parts.conf.clients.get(self._provider)
        certificates = client.certificates if client is not None else frozenset()
        delivery = self.delivery
        headers: list[Header] = [
            (b"Content-Type", delivery.content_type.encode("latin-1")),
            (b"SOAPAction", (soap_action or "").encode("latin-1")),
        ]
        measured = self._measured
        measured.leaves()
        if measured.trace is not None:
            headers.append((b"traceparent", measured.trace.traceparent))
        with self._passage() as passage:
            with stage("service_failed"):
                async with parts.services.call(
                    service, "POST", target, headers, delivery, certificates
                ) as called:
                    measured.comes_back()
                    response = await self._pass_on(called, passage)
            parts.crash.reach("provider.service_answered")
            measured.response_parts(len(response.data), passage.attachments, passage.attachments_size)
            await self._seal(response, passage)

    async def tell(self, globalconf: GlobalConf, at: datetime) -> None:
        """(6) to (9) for what this server answers itself."""
        own = await self._own_answer(globalconf, at)
        response = build_answer(self._message, own.body)
        self._measured.answers()
        self._answer.add_header(b"x-original-content-type", own.content_type().encode())
        with self._passage() as passage:
            passage.message(response, MessagePart(MessageKind.SOAP, response.data, TEXT_XML_UTF8))
            if own.attachment is not None:
                await passage.take(BodyStart(1, own.attachment.content_type, own.attachment.fields))
                await passage.take(BodyData(own.attachment.data))
            passage.end()
            self._measured.response_parts(len(response.data), passage.attachments, passage.attachments_size)
            await self._seal(response, passage)

    async def _own_answer(self, globalconf: GlobalConf, at: datetime) -> OwnAnswer:
        parts, message, measured = self._parts, self._message, self._measured
        watching = parts.monitoring_services
        if not watching.serves(message.service):
            measured.answered_here()
            return await answer_soap_metaservice(message, parts.conf, globalconf, parts.services, at)
        if watching.is_asked_elsewhere(message.service):
            measured.leaves()
            answer = await watching.answer(message, globalconf)
            measured.comes_back()
            return answer
        measured.answered_here()
        return await watching.answer(message, globalconf)

    def _passage(self) -> SoapPassage:
        return SoapPassage(
            self._answer.writer,
            self._answer,
            threshold=self._parts.settings.spool_threshold,
            new_body=self._parts.new_body,
            keep_up_to=self._log_limit,
        )

    async def _pass_on(self, called: ClientResponse, passage: SoapPassage) -> SoapMessage:
        """The service's answer with its requestHash. Raises PeerFault (the service's own fault) and PeerError."""
        if called.status not in (200, 500):
            raise PeerError(
                f"Server responded with error {called.status}: {called.reason}", code="http_error"
            )
        content_type = text_of(called.header(b"content-type"))
        if not content_type:
            raise PeerError("Could not get content type from response", code="invalid_content_type")
        source = SoapSource(called, content_type, self._parts.limits)
        part = await source.message()
        if part is None:
            raise PeerError("No response message received from service", code="invalid_message")
        digest, charset = soap_request_hash(self._message.data), _charset(part.content_type)
        response = await read_aside(lambda data: answer_with_request_hash(data, digest, charset), part.data)
        if isinstance(response, Fault):
            raise PeerFault(response)
        self._answer.add_header(b"x-original-content-type", content_type.encode("latin-1"))
        self._measured.answers()
        passage.message(response, part, _in_utf8(part.content_type))
        while events := await source.more():
            for event in events:
                await passage.take(event)
        passage.end()
        return response

    async def _seal(self, response: SoapMessage, passage: SoapPassage) -> None:
        """(7) to (9): sign, log, and only then the signature."""
        parts = self._parts
        signed = await parts.signer.sign_message(self._provider, passage.signed_parts)
        parts.crash.reach("provider.response_signed")
        await parts.message_log.append(
            MessageRecord(
                query_id=response.query_id,
                message=response.data if self._log_bodies else loggable_message(response),
                signature=signed.signature,
                client_id=self._provider,
                is_response=True,
                x_request_id=self._request_id,
                hash_chain_result=signed.hash_chain_result,
                hash_chain=signed.hash_chain,
                attachments=passage.loggable if self._log_bodies else (),
                body_logged=self._log_bodies,
            )
        )
        parts.crash.reach("provider.response_logged")
        await self._answer.finish(signature_parts(self._answer.writer, signed))


def _plain_content_type(original: str | None) -> str:
    """A service gets the sender's content type, but for one that leaves the charset open."""
    if original is None:
        return TEXT_XML_UTF8
    return original if _charset(original) is not None else TEXT_XML_UTF8


def _charset(content_type: str) -> str | None:
    try:
        return parse_content_type(content_type).parameters.get("charset")
    except PeerError:
        return None


def _in_utf8(content_type: str) -> str:
    """The content type of a SOAP part once it has been written anew in UTF-8."""
    charset = _charset(content_type)
    if charset is None or charset.lower() in ("utf-8", "utf8"):
        return content_type
    kind = parse_content_type(content_type)
    rest = "".join(f'; {name}="{value}"' for name, value in kind.parameters.items() if name != "charset")
    return f"{kind.media_type}{rest}; charset=UTF-8"
