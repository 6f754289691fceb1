"""One SOAP call: envelope and attachments out, answer in (WIRE 3, 3.1, 5.2)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha512
from secrets import token_hex
from typing import TypeVar

from sild.adapter.bodies import RequestBody, Sendable
from sild.adapter.connections import Timeouts
from sild.adapter.context import CallContext
from sild.adapter.evidence import EvidenceHandle
from sild.adapter.exchange import Call
from sild.adapter.multipart import (
    AttachmentSink,
    MultipartBody,
    ReceivedAttachment,
    ReceivedSoap,
    SoapAttachment,
    SoapReader,
)
from sild.adapter.rest import not_xroad
from sild.adapter.soap import body_of, build_envelope, read_answer, soap_action_header
from sild.errors import PeerError
from sild.http1 import ClientResponse, Header
from sild.xroad import ClientId, ServiceId
from sild.xroad.faults import Fault
from sild.xroad.soap import SoapMessage, parse_soap

__all__ = ["AttachmentSink", "SoapAnswer", "SoapAttachment", "SoapCall"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class SoapAnswer:
    """message: the answer's header fields and bytes.  received: envelope and attachments as they came."""

    message: SoapMessage = field(repr=False)
    received: ReceivedSoap = field(repr=False)
    request: SoapMessage = field(repr=False)
    attempts: int

    @property
    def body(self) -> bytes:
        """The element in the Body, as a document of its own."""
        return body_of(self.message)

    @property
    def attachments(self) -> tuple[ReceivedAttachment, ...]:
        return self.received.attachments

    def attachment(self, href: str) -> ReceivedAttachment:
        """The attachment that the body refers to by `cid:...`. Raises PeerError (`invalid_reference`)."""
        return self.received.attachment(href)

    def evidence_handle(self) -> EvidenceHandle:
        """What to keep to fetch and check the evidence of this exchange at any later time."""
        return EvidenceHandle(
            client=self.message.client,
            service=self.message.service,
            query_id=self.message.query_id,
            request_id=None,
            request_hash=sha512(self.request.data).digest(),
            answer_digest=sha512(self.message.data).digest(),
        )


class SoapCall:
    """Builds the request at once: what is wrong with it raises CallerError here. See `AsyncXRoadClient.soap`."""

    def __init__(
        self,
        *,
        client: ClientId,
        service: ServiceId,
        query_id: str,
        context: CallContext,
        body: bytes | str,
        attachments: Sequence[SoapAttachment] = (),
        mtom: bool = False,
        extensions: Sequence[bytes | str] = (),
        soap_action: str | None = None,
    ) -> None:
        envelope = build_envelope(
            body, client=client, service=service, query_id=query_id, context=context, extensions=extensions
        )
        request = parse_soap(envelope)
        assert not isinstance(request, Fault)
        self.request = request
        self._action = soap_action_header(soap_action)
        self._body: Sendable = RequestBody(envelope)
        self._content_type = "text/xml; charset=UTF-8"
        if attachments or mtom:
            multipart = MultipartBody(envelope, attachments, f"sild{token_hex(16)}", mtom=mtom)
            self._body, self._content_type = multipart, multipart.content_type

    def prepare(
        self,
        judge: Callable[[ClientResponse, int], Awaitable[T]],
        repeatable: bool,
        timeouts: Timeouts | None,
    ) -> Call[T]:
        headers: tuple[Header, ...] = (
            (b"Content-Type", self._content_type.encode()),
            (b"SOAPAction", self._action),
        )
        return Call(
            method="POST",
            target=b"/",
            headers=headers,
            judge=judge,
            repeatable=repeatable,
            query_id=self.request.query_id,
            service=str(self.request.service),
            body=self._body,
            timeouts=timeouts,
        )

    async def read(
        self, response: ClientResponse, attempts: int, *, max_bytes: int, into: AttachmentSink | None
    ) -> SoapAnswer:
        """Read the answer as it comes. Raises XRoadFault, ServiceError, PeerError, Unavailable."""
        content_type = (response.header(b"content-type") or b"").decode("latin-1")
        if response.status not in (200, 500):
            raise not_xroad(response.status, response.headers)
        try:
            reader = SoapReader(content_type, max_bytes=max_bytes, into=into)
        except PeerError:
            raise not_xroad(response.status, response.headers) from None
        while data := await response.read_some():
            reader.feed(data)
        received = reader.finish()
        message = read_answer(received.envelope, self.request)
        return SoapAnswer(message=message, received=received, request=self.request, attempts=attempts)
