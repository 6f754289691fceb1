"""A REST request on its way out, on the client's security server (WIRE 2, 4, 5; PR-REST).

    request -> checks -> [ message part | body ... -> sign -> log -> signature part ] -> provider's server
    answer  -> read whole -> verify -> does it belong to the request? -> log -> hand over

A short body goes out in one write. A long one streams to the provider while it arrives and is signed and logged when its
last byte has gone; if that fails the message is broken off before its signature, so that nobody can act on it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime

from sild.errors import PeerError, stage
from sild.http1 import ClientResponse, Connection, Header, Request, Responder
from sild.message_log import MessageRecord
from sild.security_server.client_authentication import Channel, ensure_registered
from sild.security_server.measurement import Measurement
from sild.security_server.outgoing import PROXY_VERSION, OutgoingMessage, signature_parts, signed_parts
from sild.security_server.parts import Parts
from sild.security_server.provider_choice import choose_servers
from sild.security_server.random_names import boundary_letters, new_uuid
from sild.security_server.received import ReceivedMessage, receive, require
from sild.security_server.spool import SpooledBody
from sild.signer import SignedMessage
from sild.telemetry import request_id
from sild.xroad.faults import PeerFault
from sild.xroad.globalconf import GlobalConf
from sild.xroad.rest import (
    RestRequest,
    RestResponse,
    ensure_consistent,
    loggable_part,
    parse_rest_response,
    request_hash,
)
from sild.xroad.transport import REST_REQUEST, MessageKind, TransportMessageWriter

__all__ = ["ClientRest"]


class ClientRest:
    """Processes requests to `/r1/...` of the client ports."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def process(
        self, request: Request, responder: Responder, channel: Channel, measured: Measurement
    ) -> None:
        """One exchange. Raises the refusals of WIRE 5; nothing has been answered then."""
        parts = self._parts
        at = parts.clock()
        globalconf = parts.globalconf(at)
        identity = parts.peer_identity()
        xid = measured.request_id = new_uuid()
        measured.client_server_address = parts.addresses.own(globalconf, at)
        with request_id(xid):
            message = RestRequest.from_http(
                request.method,
                request.target,
                request.headers,
                request_id=xid,
                query_id=f"{globalconf.instance_identifier}-{new_uuid()}",
            )
            conf = parts.conf
            ensure_registered(conf, message.client)
            parts.authenticate_client(conf, message.client, channel, at)
            measured.rest(message, conf.service_type_of(message.service))
            servers = choose_servers(globalconf, message.service, message.security_server, at)
            measured.only_server(servers)
            exchange = _Exchange(parts, message, globalconf, at, measured)
            received = ReceivedMessage()
            try:
                measured.leaves()
                lent = parts.connections.to(
                    servers, message.service.client_id, globalconf, at, identity.context
                )
                async with lent as peer:
                    measured.service_server_address = lent.address
                    response = await exchange.send(peer, request, identity.ocsp_responses)
                    measured.comes_back()
                    await exchange.receive(response, received)
                answer = await exchange.accept(received)
                await _hand_over(responder, answer, received.body)
                measured.succeeded = answer.status < 400
            finally:
                received.close()


class _Exchange:
    """One request and its answer."""

    def __init__(
        self,
        parts: Parts,
        message: RestRequest,
        globalconf: GlobalConf,
        at: datetime,
        measured: Measurement,
    ) -> None:
        self._parts = parts
        self._measured = measured
        self._message = message
        self._globalconf = globalconf
        self._at = at
        self._part_digest = hashlib.sha512(message.part).digest()
        self._body_digest: bytes | None = None
        self._sealed = False  # signed and logged: only to such a request can there be an answer
        self._log_bodies = parts.message_log.body_logging.is_logged(
            message.service.client_id, client_side=True
        )

    # the request

    async def send(
        self, peer: Connection, request: Request, ocsp_responses: Sequence[bytes]
    ) -> ClientResponse:
        """Send the message and wait for the head of the answer."""
        message = self._message
        writer = TransportMessageWriter(boundary_letters())
        outgoing = OutgoingMessage(peer, self._headers(writer))
        outgoing.hold(b"".join(writer.ocsp(der) for der in ocsp_responses))
        outgoing.hold(writer.message(message.part, REST_REQUEST))
        with self._parts.new_body(keep=self._log_bodies) as body:
            piece = await request.read_some()
            has_body = bool(piece)
            if has_body:
                outgoing.hold(writer.body_begin())
            while piece and not outgoing.answered:
                body.write(piece)
                outgoing.hold(piece)
                if outgoing.held > self._parts.settings.spool_threshold:
                    await outgoing.flush()
                piece = await request.read_some()
            if not outgoing.answered:
                sealed = await self._seal(body if has_body else None)
                self._sealed = True
                self._body_digest = body.digest if has_body else None
                self._measured.rest_request_size(len(message.part) + body.size)
                await outgoing.finish(signature_parts(writer, sealed))
        self._parts.crash.reach("client.request_sent")
        return await outgoing.response(self._parts.settings.peer_read_timeout)

    def _headers(self, writer: TransportMessageWriter) -> list[Header]:
        message = self._message
        return [
            (b"x-road-message-type", b"REST"),
            (b"x-hash-algorithm", b"SHA-512"),
            (b"x-original-content-type", message.header(b"content-type") or b""),
            (b"x-road-request-id", message.request_id.encode()),
            (b"x-proxy-version", PROXY_VERSION),
            (b"Content-Type", writer.content_type.encode()),
        ]

    async def _seal(self, body: SpooledBody | None) -> SignedMessage:
        """Sign and log: what comes back may be sent."""
        parts, message = self._parts, self._message
        signed = await parts.signer.sign_message(message.client, signed_parts(self._part_digest, body))
        parts.crash.reach("client.request_signed")
        await parts.message_log.append(
            MessageRecord(
                query_id=message.query_id,
                message=message.part if self._log_bodies else loggable_part(message),
                signature=signed.signature,
                client_id=message.client,
                is_response=False,
                x_request_id=message.request_id,
                hash_chain_result=signed.hash_chain_result,
                hash_chain=signed.hash_chain,
                attachments=(body,) if body is not None and self._log_bodies else (),
                body_logged=self._log_bodies,
            )
        )
        parts.crash.reach("client.request_logged")
        return signed

    # the answer

    async def receive(self, response: ClientResponse, into: ReceivedMessage) -> None:
        """Read the whole answer. Raises PeerFault (the provider refused), PeerError, Unavailable."""
        if response.status != 200:
            raise PeerError(
                f"Server responded with error {response.status}: {response.reason}", code="http_error"
            )
        content_type = response.header(b"content-type")
        with stage("service_failed"):
            if content_type is None:
                raise PeerError("Could not get content type from response", code="invalid_content_type")
            await receive(
                response,
                content_type.decode("latin-1"),
                into=into,
                limits=self._parts.limits,
                new_body=self._parts.new_body,
                bare_fault=True,
            )
        if into.fault is not None:
            raise PeerFault(into.fault)

    async def accept(self, received: ReceivedMessage) -> RestResponse:
        """Verify, compare with the request, log: what comes back may be handed over (WIRE 2.3, 5)."""
        parts, message, at = self._parts, self._message, self._parts.clock()
        if not self._sealed:
            raise PeerError("Response came before the end of the request", code="inconsistent_response")
        if received.kind is not MessageKind.REST_RESPONSE:
            raise PeerError("Response does not have REST message", code="missing_rest")
        signature = require(received.signature, "missing_signature", "Response does not have signature")
        with stage("service_failed"):
            answer = parse_rest_response(received.part)
        body = received.body
        self._measured.rest_response_size(len(received.part) + (body.size if body is not None else 0))
        self._measured.status = answer.status
        parts.verify(received, signature, message.service.client_id, self._globalconf, at)
        parts.crash.reach("client.response_verified")
        ensure_consistent(message, answer, request_hash(self._part_digest, self._body_digest))
        await parts.message_log.append(
            MessageRecord(
                query_id=message.query_id,
                message=answer.part if self._log_bodies else loggable_part(answer),
                signature=signature,
                client_id=message.client,
                is_response=True,
                x_request_id=message.request_id,
                hash_chain_result=received.hash_chain_result,
                hash_chain=received.hash_chain,
                attachments=received.bodies if self._log_bodies else (),
                body_logged=self._log_bodies,
            )
        )
        parts.crash.reach("client.response_logged")
        return answer


async def _hand_over(responder: Responder, answer: RestResponse, body: SpooledBody | None) -> None:
    """Status, headers and body as the service gave them; not the reason phrase (WIRE 2.3)."""
    if body is None:
        await responder.send(answer.status, answer.headers)
    elif body.in_memory:
        await responder.send(answer.status, answer.headers, body.read())
    else:
        await responder.start(answer.status, answer.headers, length=body.size)
        for piece in body.pieces():
            await responder.write(piece)
        await responder.finish()
