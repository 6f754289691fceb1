"""The asynchronous client: calls of one subsystem through its own security server.

    async with AsyncXRoadClient("http://127.0.0.1:8080", ClientId.parse("SILD:GOV:70000003:insurance")) as xroad:
        answer = await xroad.get(service, ["persons", code], context=CallContext(user_id="EE38001085718", issue="case 17"))

One object serves one event loop and many tasks at a time. Follow a call: `request` -> rest.py (write, read) -> exchange.py (send,
repeat) -> connections.py.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar, Unpack
from uuid import uuid4

from sild.adapter.answers import AnswerHead, RestAnswer
from sild.adapter.bodies import RequestBody, Sendable
from sild.adapter.connections import Connections, SecurityServerTls, Timeouts
from sild.adapter.context import CallContext, header_value
from sild.adapter.downloads import Downloads, unpack_configuration
from sild.adapter.evidence import Evidence, EvidenceContainer, EvidenceHandle
from sild.adapter.exchange import Call, Exchanges
from sild.adapter.metaservices import (
    ListedClient,
    ListedService,
    OpenAPIDescription,
    get_wsdl_body,
    read_rest_services,
    read_soap_services,
)
from sild.adapter.options import CallOptions, RestOptions
from sild.adapter.rest import (
    IDEMPOTENT,
    PathText,
    encoded,
    ensure_method,
    own_headers,
    read_fault,
    read_head,
    service_target,
)
from sild.adapter.retries import Retries
from sild.adapter.soap_call import AttachmentSink, SoapAnswer, SoapAttachment, SoapCall
from sild.errors import CallerError, PeerError
from sild.http1 import ClientResponse, Header
from sild.xroad import ClientId, ServiceId
from sild.xroad.soap import XROAD

__all__ = ["AsyncAnswer", "AsyncSoapAnswer", "AsyncXRoadClient", "StreamedAnswer"]

T = TypeVar("T")
FetchEvidence = Callable[[EvidenceHandle, bool], Awaitable[Evidence]]

MAX_FAULT_BYTES = 256 * 1024
MAX_ANSWER_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class AsyncAnswer(RestAnswer):
    """A service's answer, read whole."""

    fetch_evidence: FetchEvidence = field(repr=False, compare=False)

    async def evidence(self, *, stamp_now: bool = False) -> Evidence:
        """Both containers of this exchange; see `AsyncXRoadClient.evidence`."""
        return await self.fetch_evidence(self.evidence_handle(), stamp_now)


@dataclass(frozen=True, slots=True, kw_only=True)
class AsyncSoapAnswer(SoapAnswer):
    """A SOAP service's answer."""

    fetch_evidence: FetchEvidence = field(repr=False, compare=False)

    async def evidence(self, *, stamp_now: bool = False) -> Evidence:
        """Both containers of this exchange; see `AsyncXRoadClient.evidence`."""
        return await self.fetch_evidence(self.evidence_handle(), stamp_now)


class StreamedAnswer:
    """An answer whose body is read piece by piece, inside the block of `AsyncXRoadClient.stream`."""

    def __init__(self, head: AnswerHead, response: ClientResponse) -> None:
        self.head = head
        self._response = response
        self._digest = hashlib.sha512()
        self._ended = False

    async def read_some(self) -> bytes:
        """The next piece; empty at the end. Raises PeerError or Unavailable when the answer breaks off."""
        data = await self._response.read_some()
        self._digest.update(data)
        self._ended = not data
        return data

    async def chunks(self) -> AsyncIterator[bytes]:
        while data := await self.read_some():
            yield data

    def evidence_handle(self) -> EvidenceHandle:
        """The digest of the answer is in it once the body has been read to its end."""
        head = self.head
        return EvidenceHandle(
            client=head.client,
            service=head.service,
            query_id=head.query_id,
            request_id=head.request_id,
            request_hash=head.request_hash,
            answer_digest=self._digest.digest() if self._ended else None,
        )


class AsyncXRoadClient:
    """Calls services as `client` through `security_server` (`http://host:8080`, `https://host:8443`).

    context: said with every call that does not bring its own.  max_connections: at a time; one more call waits.
    max_answer_bytes: of an answer kept in memory; `stream` has no such bound.
    Every call may raise XRoadFault, and CallerError, PeerError, TrustError or Unavailable of this side's own.
    """

    def __init__(
        self,
        security_server: str,
        client: ClientId,
        *,
        tls: SecurityServerTls | None = None,
        context: CallContext | None = None,
        timeouts: Timeouts | None = None,
        retries: Retries | None = None,
        max_connections: int = 32,
        max_answer_bytes: int = MAX_ANSWER_BYTES,
    ) -> None:
        timeouts = timeouts or Timeouts()
        self.client = client
        self._context = context or CallContext()
        self._max_answer_bytes = max_answer_bytes
        self._connections = Connections(security_server, tls, timeouts=timeouts, limit=max_connections)
        self._exchanges = Exchanges(self._connections, timeouts, retries or Retries())
        self._downloads = Downloads(self._exchanges, max_answer_bytes)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections kept for further calls."""
        self._connections.close()

    # REST

    async def get(
        self, service: ServiceId, path: PathText = "", **options: Unpack[RestOptions]
    ) -> AsyncAnswer:
        return await self.request("GET", service, path, **options)

    async def post(
        self, service: ServiceId, path: PathText = "", **options: Unpack[RestOptions]
    ) -> AsyncAnswer:
        return await self.request("POST", service, path, **options)

    async def put(
        self, service: ServiceId, path: PathText = "", **options: Unpack[RestOptions]
    ) -> AsyncAnswer:
        return await self.request("PUT", service, path, **options)

    async def patch(
        self, service: ServiceId, path: PathText = "", **options: Unpack[RestOptions]
    ) -> AsyncAnswer:
        return await self.request("PATCH", service, path, **options)

    async def delete(
        self, service: ServiceId, path: PathText = "", **options: Unpack[RestOptions]
    ) -> AsyncAnswer:
        return await self.request("DELETE", service, path, **options)

    async def request(
        self, method: str, service: ServiceId, path: PathText = "", **options: Unpack[RestOptions]
    ) -> AsyncAnswer:
        """Call a REST service and read its answer whole. Any status of the service is an answer.

        path: after the service code; segments, each encoded whole (`["persons", code]`), or text.
        """

        async def judge(head: AnswerHead, response: ClientResponse) -> AsyncAnswer:
            body = await response.read(self._max_answer_bytes)
            fields = {name: getattr(head, name) for name in AnswerHead.__slots__}
            return AsyncAnswer(**fields, body=body, fetch_evidence=self._fetch_evidence)

        return await self._exchanges.run(self._rest_call(judge, method, service, path, options))

    @asynccontextmanager
    async def stream(
        self, method: str, service: ServiceId, path: PathText = "", **options: Unpack[RestOptions]
    ) -> AsyncIterator[StreamedAnswer]:
        """Call a REST service and read its answer piece by piece inside the block. Once it has begun it is not repeated."""

        async def judge(head: AnswerHead, response: ClientResponse) -> StreamedAnswer:
            return StreamedAnswer(head, response)

        async with self._exchanges.open(self._rest_call(judge, method, service, path, options)) as answer:
            yield answer

    def _rest_call(
        self,
        judge: Callable[[AnswerHead, ClientResponse], Awaitable[T]],
        method: str,
        service: ServiceId,
        path: PathText,
        options: RestOptions,
    ) -> Call[T]:
        body, content_type = _body_of(options)
        ensure_method(method, has_body=body.present)
        query_id = self._query_id(options)
        headers: list[Header] = [(b"X-Road-Client", encoded(self.client))]
        headers.append((b"X-Road-Id", header_value("query_id", query_id)))
        headers += (options.get("context") or self._context).headers()
        if content_type:
            headers.append((b"Content-Type", header_value("content_type", content_type)))
        headers += own_headers(options.get("headers") or ())

        async def read(response: ClientResponse, attempt: int) -> T:
            code = response.header(b"x-road-error")
            if code is not None:
                fault = await response.read(MAX_FAULT_BYTES)
                raise read_fault(code, response.status, fault, query_id=query_id)
            head = read_head(
                response.status,
                response.headers,
                client=self.client,
                service=service,
                query_id=query_id,
                attempts=attempt,
            )
            return await judge(head, response)

        return Call(
            method=method,
            target=service_target(service, path, options.get("params")),
            headers=tuple(headers),
            judge=read,
            repeatable=options.get("idempotent", method in IDEMPOTENT),
            query_id=query_id,
            service=str(service),
            body=body,
            timeouts=options.get("timeouts"),
        )

    def _query_id(self, options: CallOptions) -> str:
        """Ours when the caller gives none: a repeated call must carry the same one."""
        return options.get("query_id") or f"{self.client.instance_identifier}-{uuid4()}"

    # SOAP

    async def soap(
        self,
        service: ServiceId,
        body: bytes | str,
        *,
        attachments: Sequence[SoapAttachment] = (),
        mtom: bool = False,
        extensions: Sequence[bytes | str] = (),
        soap_action: str | None = None,
        into: AttachmentSink | None = None,
        **options: Unpack[CallOptions],
    ) -> AsyncSoapAnswer:
        """Call a SOAP service, document/literal.

        body: the element that goes into the Body.  attachments: MIME parts after it; mtom says that the body includes them by
        xop:Include.  extensions: further header elements.  into: where attachments of the answer go instead of memory.
        Raises ServiceError for the service's own fault besides what every call may raise.
        """
        call = SoapCall(
            client=self.client,
            service=service,
            query_id=self._query_id(options),
            context=options.get("context") or self._context,
            body=body,
            attachments=attachments,
            mtom=mtom,
            extensions=extensions,
            soap_action=soap_action,
        )

        async def judge(response: ClientResponse, attempt: int) -> AsyncSoapAnswer:
            answer = await call.read(response, attempt, max_bytes=self._max_answer_bytes, into=into)
            fields = {name: getattr(answer, name) for name in SoapAnswer.__slots__}
            return AsyncSoapAnswer(**fields, fetch_evidence=self._fetch_evidence)

        repeatable = options.get("idempotent", False) and into is None
        return await self._exchanges.run(call.prepare(judge, repeatable, options.get("timeouts")))

    # What is on offer (PR-META, PR-MREST)

    async def list_clients(self, instance_identifier: str | None = None) -> tuple[ListedClient, ...]:
        """Members and subsystems of our instance, or of one federated with it."""
        return await self._downloads.list_clients(instance_identifier)

    async def list_methods(
        self, provider: ClientId, *, allowed_only: bool = False, **options: Unpack[CallOptions]
    ) -> tuple[ListedService, ...]:
        """REST services of a subsystem with their endpoints; allowed_only: those that we may call."""
        code = "allowedMethods" if allowed_only else "listMethods"
        answer = await self.get(ServiceId(provider, code), **options)
        return read_rest_services(answer.ensure_success().body)

    async def get_openapi(self, service: ServiceId, **options: Unpack[CallOptions]) -> OpenAPIDescription:
        """The OpenAPI description of a REST service."""
        asked = ServiceId(service.client_id, "getOpenAPI")
        params = {"serviceCode": service.service_code}
        answer = (await self.get(asked, params=params, **options)).ensure_success()
        return OpenAPIDescription(answer.content_type, answer.body)

    async def list_soap_methods(
        self, provider: ClientId, *, allowed_only: bool = False, **options: Unpack[CallOptions]
    ) -> tuple[ListedService, ...]:
        """SOAP services of a subsystem or member; allowed_only: those that we may call."""
        code = "allowedMethods" if allowed_only else "listMethods"
        options.setdefault("idempotent", True)
        answer = await self.soap(
            ServiceId(provider, code), f'<xroad:{code} xmlns:xroad="{XROAD}"/>', **options
        )
        return read_soap_services(answer.body)

    async def get_wsdl(self, service: ServiceId, **options: Unpack[CallOptions]) -> bytes:
        """The WSDL description of a SOAP service, its addresses replaced."""
        options.setdefault("idempotent", True)
        answer = await self.soap(ServiceId(service.client_id, "getWsdl"), get_wsdl_body(service), **options)
        if not answer.attachments:
            raise PeerError("the answer of getWsdl has no attachment", code="invalid_message")
        return answer.attachments[0].content

    # Evidence

    async def evidence(self, handle: EvidenceHandle, *, stamp_now: bool = False) -> Evidence:
        """Both signed containers of an exchange from our security server's log.

        stamp_now: have the server time-stamp them first; else one that is not stamped yet (servers do it every minute or so)
        raises Unavailable (`asic_timestamp_not_found`, `retry_after`). Raises CallerError (`not_found`), TrustError (we are not that client).
        """
        return await self._downloads.evidence(handle, stamp_now=stamp_now)

    async def request_container(self, query_id: str) -> bytes:
        """The ASiC-E container of a request that was sent under this id, time-stamped at once: the evidence there is without a handle.

        Raises CallerError (`not_found`), TrustError (we are not that client), Unavailable.
        """
        return await self._downloads.request_container(self.client, query_id)

    async def logged(
        self, query_id: str, *, stamp_now: bool = False, request_ids: Collection[str] = ()
    ) -> tuple[EvidenceContainer, ...]:
        """Every container that our security server's log has of us under this id, on whichever side we were; requests and answers, and
        all of it where it was sent again. request_ids: of these exchanges alone, where the server can choose (Sild's); X-Road's gives all.
        Raises as `evidence`, and PeerError (`too_many_messages`).
        """
        return await self._downloads.logged(
            self.client, query_id, stamp_now=stamp_now, request_ids=request_ids
        )

    async def download_configuration(self, directory: Path) -> Path:
        """Our security server's global configuration, unpacked below `directory`: what `load_globalconf` and `sild verify` take.

        It is trusted as far as that server is; to judge evidence against it too, get the configuration by its anchor.
        """
        archive = await self._downloads.verification_conf()
        return await asyncio.to_thread(
            unpack_configuration, archive, directory, max_bytes=self._max_answer_bytes
        )

    async def _fetch_evidence(self, handle: EvidenceHandle, stamp_now: bool) -> Evidence:
        return await self.evidence(handle, stamp_now=stamp_now)


def _body_of(options: RestOptions) -> tuple[Sendable, str | None]:
    """Raises CallerError (`bad_request`) for two bodies."""
    content_type = options.get("content_type")
    if "json" not in options:
        return RequestBody(options.get("body")), content_type
    if "body" in options:
        raise CallerError("a call has one body: json or body", code="bad_request")
    text = json.dumps(options["json"], ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return RequestBody(text.encode()), content_type or "application/json"
