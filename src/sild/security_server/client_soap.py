"""A SOAP request on its way out, on the client's security server (WIRE 3, 4, 5; PR-MESS).

    SOAP part -> checks -> [ message part | attachments ... -> sign -> log -> signature part ] -> provider's server
    answer    -> read whole -> verify -> does it belong to the request? -> log -> hand over

As with REST, attachments stream to the provider while they arrive, and a message that fails later is broken off before its
signature. What is wrong with the input itself has the origin `client`; that is looked for before anybody is asked who they are.
"""

from __future__ import annotations

from collections.abc import Sequence

from sild.errors import CallerError, PeerError, stage
from sild.http1 import ClientResponse, Connection, Header, Request, Responder
from sild.message_log import MessageRecord
from sild.security_server.client_authentication import Channel, ensure_registered
from sild.security_server.measurement import Measurement
from sild.security_server.outgoing import PROXY_VERSION, OutgoingMessage, signature_parts
from sild.security_server.parts import Parts
from sild.security_server.provider_choice import choose_servers
from sild.security_server.random_names import boundary_letters, new_uuid
from sild.security_server.received import ReceivedMessage, receive, require
from sild.security_server.soap_passing import (
    TEXT_XML_UTF8,
    SoapDelivery,
    SoapPassage,
    SoapSource,
    loggable_bodies,
    read_aside,
    text_of,
)
from sild.signer import SignedMessage
from sild.telemetry import request_id
from sild.xroad.faults import Fault, PeerFault
from sild.xroad.globalconf import GlobalConf
from sild.xroad.soap import (
    SoapMessage,
    ensure_request_hash,
    ensure_same_fields,
    parse_soap,
)
from sild.xroad.soap_stream import SoapEvent, ensure_soap_action
from sild.xroad.soap_writing import loggable_message
from sild.xroad.transport import MessageKind, MessagePart, TransportMessageWriter

__all__ = ["ClientSoap"]


class ClientSoap:
    """Processes what is POSTed to the client ports, on any path but `/r1/`."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def process(
        self, request: Request, responder: Responder, channel: Channel, measured: Measurement
    ) -> None:
        """One exchange. Raises the refusals of WIRE 5; nothing has been answered then."""
        parts = self._parts
        if request.method != "POST":
            with stage("client"):
                raise CallerError(
                    f"Must use POST request method instead of {request.method}", code="invalid_http_method"
                )
        at = parts.clock()
        globalconf = parts.globalconf(at)
        identity = parts.peer_identity()
        xid = measured.request_id = new_uuid()
        measured.client_server_address = parts.addresses.own(globalconf, at)
        with request_id(xid):
            source = _Input(request, parts)
            message = await source.message()
            measured.soap(message)
            conf = parts.conf
            ensure_registered(conf, message.client)
            parts.authenticate_client(conf, message.client, channel, at)
            servers = choose_servers(globalconf, message.service, message.security_server, at)
            measured.only_server(servers)
            exchange = _Exchange(parts, message, source, globalconf, xid, measured)
            received = ReceivedMessage()
            try:
                measured.leaves()
                lent = parts.connections.to(
                    servers, message.service.client_id, globalconf, at, identity.context
                )
                async with lent as peer:
                    measured.service_server_address = lent.address
                    response = await exchange.send(peer, identity.ocsp_responses)
                    measured.comes_back()
                    await exchange.receive(response, received)
                delivery = SoapDelivery(
                    received, text_of(response.header(b"x-original-content-type")), TEXT_XML_UTF8
                )
                with stage("service_failed"):
                    await delivery.ensure_one_reading()
                await exchange.accept(received)
                measured.answers()
                await _hand_over(responder, delivery)
                measured.succeeded = True
            finally:
                received.close()


class _Input:
    """What the information system sends: the SOAP message first, then its attachments. What is wrong with it is `client`."""

    def __init__(self, request: Request, parts: Parts) -> None:
        with stage("client"):
            self.soap_action = text_of(request.header(b"soapaction"))
            ensure_soap_action(self.soap_action)
            self.content_type = text_of(request.header(b"content-type"))
            self._source = SoapSource(request, self.content_type, parts.limits)
        self.part: MessagePart | None = None

    async def message(self) -> SoapMessage:
        """Raises PeerError and CallerError with the stage `client`; PeerFault when a fault is sent as a request."""
        with stage("client"):
            self.part = await self._source.message()
            if self.part is None:
                raise CallerError("Request does not contain SOAP message", code="missing_soap")
            message = await read_aside(parse_soap, self.part.data)
        if isinstance(message, Fault):
            raise PeerFault(Fault(f"client.{message.code}", message.message, message.detail, message.actor))
        return message

    async def more(self) -> list[SoapEvent]:
        """The next events of attachments, none at the end."""
        with stage("client"):
            return await self._source.more()


class _Exchange:
    """One request and its answer."""

    def __init__(
        self,
        parts: Parts,
        message: SoapMessage,
        source: _Input,
        globalconf: GlobalConf,
        xid: str,
        measured: Measurement,
    ) -> None:
        self._parts = parts
        self._measured = measured
        self._message = message
        self._source = source
        self._globalconf = globalconf
        self._request_id = xid
        self._sealed = False  # signed and logged: only to such a request can there be an answer
        self._log_bodies = parts.message_log.body_logging.is_logged(
            message.service.client_id, client_side=True
        )

    # the request

    async def send(self, peer: Connection, ocsp_responses: Sequence[bytes]) -> ClientResponse:
        """Send the message and wait for the head of the answer."""
        parts, part = self._parts, self._source.part
        writer = TransportMessageWriter(boundary_letters())
        outgoing = OutgoingMessage(peer, self._headers(writer))
        outgoing.hold(b"".join(writer.ocsp(der) for der in ocsp_responses))
        keep = parts.message_log.body_logging.max_body_size if self._log_bodies else 0
        with SoapPassage(
            writer,
            outgoing,
            threshold=parts.settings.spool_threshold,
            new_body=parts.new_body,
            keep_up_to=keep,
        ) as passage:
            if part is not None:
                passage.message(self._message, part)
            while not outgoing.answered and (events := await self._source.more()):
                for event in events:
                    await passage.take(event)
            if not outgoing.answered:
                passage.end()
                self._measured.request_parts(passage.attachments, passage.attachments_size)
                sealed = await self._seal(passage)
                self._sealed = True
                await outgoing.finish(signature_parts(writer, sealed))
        parts.crash.reach("client.request_sent")
        return await outgoing.response(parts.settings.peer_read_timeout)

    def _headers(self, writer: TransportMessageWriter) -> list[Header]:
        source = self._source
        headers: list[Header] = [
            (b"x-hash-algorithm", b"SHA-512"),
            (b"x-original-content-type", (source.content_type or "").encode("latin-1")),
            (b"x-road-request-id", self._request_id.encode()),
            (b"x-proxy-version", PROXY_VERSION),
            (b"Content-Type", writer.content_type.encode()),
        ]
        if source.soap_action is not None:
            headers.append((b"x-original-soapaction", source.soap_action.encode("latin-1")))
        return headers

    async def _seal(self, passage: SoapPassage) -> SignedMessage:
        """Sign and log: what comes back may be sent."""
        parts, message = self._parts, self._message
        signed = await parts.signer.sign_message(message.client, passage.signed_parts)
        parts.crash.reach("client.request_signed")
        await parts.message_log.append(
            MessageRecord(
                query_id=message.query_id,
                message=message.data if self._log_bodies else loggable_message(message),
                signature=signed.signature,
                client_id=message.client,
                is_response=False,
                x_request_id=self._request_id,
                hash_chain_result=signed.hash_chain_result,
                hash_chain=signed.hash_chain,
                attachments=passage.loggable if self._log_bodies else (),
                body_logged=self._log_bodies,
            )
        )
        parts.crash.reach("client.request_logged")
        return signed

    # the answer

    async def receive(self, response: ClientResponse, into: ReceivedMessage) -> None:
        """Read the whole answer. Raises PeerFault (provider's server or service refused), PeerError, Unavailable."""
        if response.status not in (200, 500):
            raise PeerError(
                f"Server responded with error {response.status}: {response.reason}", code="http_error"
            )
        content_type = text_of(response.header(b"content-type"))
        with stage("service_failed"):
            if content_type is None:
                raise PeerError("Could not get content type from response", code="invalid_content_type")
            await receive(
                response,
                content_type,
                into=into,
                limits=self._parts.limits,
                new_body=self._parts.new_body,
                bare_fault=True,
            )
        if into.fault is not None:
            raise PeerFault(into.fault)

    async def accept(self, received: ReceivedMessage) -> None:
        """Verify, compare with the request, log: what has been received may be handed over (WIRE 3, 5)."""
        parts, message, at = self._parts, self._message, self._parts.clock()
        if not self._sealed:
            raise PeerError("Response came before the end of the request", code="inconsistent_response")
        if received.kind is not MessageKind.SOAP:
            raise PeerError("Response does not have SOAP message", code="missing_soap")
        with stage("service_failed"):
            answer = await read_aside(parse_soap, received.part)
        if isinstance(answer, Fault):
            raise PeerFault(answer)
        bodies = received.bodies
        self._measured.response_parts(len(answer.data), len(bodies), sum(body.size for body in bodies))
        signature = require(received.signature, "missing_signature", "Response does not have signature")
        parts.verify(received, signature, message.service.client_id, self._globalconf, at)
        parts.crash.reach("client.response_verified")
        with stage("service_failed"):
            ensure_same_fields(message, answer)
        ensure_request_hash(message, answer)
        await parts.message_log.append(
            MessageRecord(
                query_id=message.query_id,
                message=answer.data if self._log_bodies else loggable_message(answer),
                signature=signature,
                client_id=message.client,
                is_response=True,
                x_request_id=self._request_id,
                hash_chain_result=received.hash_chain_result,
                hash_chain=received.hash_chain,
                attachments=loggable_bodies(received.bodies, parts.message_log.body_logging.max_body_size)
                if self._log_bodies
                else (),
                body_logged=self._log_bodies,
            )
        )
        parts.crash.reach("client.response_logged")


async def _hand_over(responder: Responder, delivery: SoapDelivery) -> None:
    """200, and the message in the form the service gave it: plain, or multipart with its boundary."""
    headers = [(b"Content-Type", delivery.content_type.encode("latin-1"))]
    if delivery.in_memory:
        await responder.send(200, headers, delivery.read())
        return
    await responder.start(200, headers, length=delivery.size)
    for piece in delivery.pieces():
        await responder.write(piece)
    await responder.finish()
