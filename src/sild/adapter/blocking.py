"""The blocking client: the same calls for programs without an event loop, and for threads.

    with XRoadClient("http://127.0.0.1:8080", ClientId.parse("SILD:GOV:70000003:insurance")) as xroad:
        person = xroad.get(service, ["persons", code]).ensure_success().json()

It is the asynchronous client (client.py) on a private loop (loop_thread.py): same rules, same errors. Threads may share one object.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar, Unpack

from sild.adapter.answers import AnswerHead, RestAnswer
from sild.adapter.client import MAX_ANSWER_BYTES, AsyncXRoadClient, StreamedAnswer
from sild.adapter.connections import SecurityServerTls, Timeouts
from sild.adapter.context import CallContext
from sild.adapter.evidence import Evidence, EvidenceContainer, EvidenceHandle
from sild.adapter.loop_thread import LoopThread, shared_loop
from sild.adapter.metaservices import ListedClient, ListedService, OpenAPIDescription
from sild.adapter.options import CallOptions, RestOptions
from sild.adapter.rest import PathText
from sild.adapter.retries import Retries
from sild.adapter.soap_call import AttachmentSink, SoapAnswer, SoapAttachment
from sild.xroad import ClientId, ServiceId

__all__ = ["Answer", "BlockingSoapAnswer", "BlockingStreamedAnswer", "XRoadClient"]

T = TypeVar("T")
FetchEvidence = Callable[[EvidenceHandle, bool], Evidence]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(RestAnswer):
    """A service's answer, read whole."""

    fetch_evidence: FetchEvidence = field(repr=False, compare=False)

    def evidence(self, *, stamp_now: bool = False) -> Evidence:
        """Both containers of this exchange; see `AsyncXRoadClient.evidence`."""
        return self.fetch_evidence(self.evidence_handle(), stamp_now)


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockingSoapAnswer(SoapAnswer):
    """A SOAP service's answer."""

    fetch_evidence: FetchEvidence = field(repr=False, compare=False)

    def evidence(self, *, stamp_now: bool = False) -> Evidence:
        """Both containers of this exchange; see `AsyncXRoadClient.evidence`."""
        return self.fetch_evidence(self.evidence_handle(), stamp_now)


class BlockingStreamedAnswer:
    """An answer whose body is read piece by piece, inside the block of `XRoadClient.stream`."""

    def __init__(self, answer: StreamedAnswer, loop: LoopThread) -> None:
        self._answer = answer
        self._loop = loop
        self.head = answer.head

    def read_some(self) -> bytes:
        """The next piece; empty at the end. Raises PeerError or Unavailable when the answer breaks off."""
        return self._loop.run(self._answer.read_some())

    def chunks(self) -> Iterator[bytes]:
        while data := self.read_some():
            yield data

    def evidence_handle(self) -> EvidenceHandle:
        """The digest of the answer is in it once the body has been read to its end."""
        return self._answer.evidence_handle()


class XRoadClient:
    """Calls services as `client` through `security_server`. Arguments, options and errors are those of `AsyncXRoadClient`."""

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
        self.client = client
        self._async = AsyncXRoadClient(
            security_server,
            client,
            tls=tls,
            context=context,
            timeouts=timeouts,
            retries=retries,
            max_connections=max_connections,
            max_answer_bytes=max_answer_bytes,
        )
        self._loop = shared_loop()
        self._loop.lend()
        self._open = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections and, with the last client, the private loop. Safe to call twice."""
        if self._open and self._loop.is_here:
            self._open = False
            self._loop.run(_call(self._async.close))
            self._loop.give_back()

    # REST

    def get(self, service: ServiceId, path: PathText = "", **options: Unpack[RestOptions]) -> Answer:
        return self.request("GET", service, path, **options)

    def post(self, service: ServiceId, path: PathText = "", **options: Unpack[RestOptions]) -> Answer:
        return self.request("POST", service, path, **options)

    def put(self, service: ServiceId, path: PathText = "", **options: Unpack[RestOptions]) -> Answer:
        return self.request("PUT", service, path, **options)

    def patch(self, service: ServiceId, path: PathText = "", **options: Unpack[RestOptions]) -> Answer:
        return self.request("PATCH", service, path, **options)

    def delete(self, service: ServiceId, path: PathText = "", **options: Unpack[RestOptions]) -> Answer:
        return self.request("DELETE", service, path, **options)

    def request(
        self, method: str, service: ServiceId, path: PathText = "", **options: Unpack[RestOptions]
    ) -> Answer:
        """Call a REST service and read its answer whole. Any status of the service is an answer."""
        answer = self._loop.run(self._async.request(method, service, path, **options))
        fields = {name: getattr(answer, name) for name in (*AnswerHead.__slots__, "body")}
        return Answer(**fields, fetch_evidence=self._fetch_evidence)

    @contextmanager
    def stream(
        self, method: str, service: ServiceId, path: PathText = "", **options: Unpack[RestOptions]
    ) -> Iterator[BlockingStreamedAnswer]:
        """Call a REST service and read its answer piece by piece inside the block. Once it has begun it is not repeated."""
        block = self._async.stream(method, service, path, **options)
        answer = self._loop.run(block.__aenter__())
        try:
            yield BlockingStreamedAnswer(answer, self._loop)
        except BaseException as error:
            if not self._loop.run(block.__aexit__(type(error), error, error.__traceback__)):
                raise
        else:
            self._loop.run(block.__aexit__(None, None, None))

    # SOAP

    def soap(
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
    ) -> BlockingSoapAnswer:
        """Call a SOAP service, document/literal; see `AsyncXRoadClient.soap`."""
        answer = self._loop.run(
            self._async.soap(
                service,
                body,
                attachments=attachments,
                mtom=mtom,
                extensions=extensions,
                soap_action=soap_action,
                into=into,
                **options,
            )
        )
        fields = {name: getattr(answer, name) for name in SoapAnswer.__slots__}
        return BlockingSoapAnswer(**fields, fetch_evidence=self._fetch_evidence)

    # What is on offer

    def list_clients(self, instance_identifier: str | None = None) -> tuple[ListedClient, ...]:
        """Members and subsystems of our instance, or of one federated with it."""
        return self._loop.run(self._async.list_clients(instance_identifier))

    def list_methods(
        self, provider: ClientId, *, allowed_only: bool = False, **options: Unpack[CallOptions]
    ) -> tuple[ListedService, ...]:
        """REST services of a subsystem with their endpoints; allowed_only: those that we may call."""
        return self._loop.run(self._async.list_methods(provider, allowed_only=allowed_only, **options))

    def get_openapi(self, service: ServiceId, **options: Unpack[CallOptions]) -> OpenAPIDescription:
        """The OpenAPI description of a REST service."""
        return self._loop.run(self._async.get_openapi(service, **options))

    def list_soap_methods(
        self, provider: ClientId, *, allowed_only: bool = False, **options: Unpack[CallOptions]
    ) -> tuple[ListedService, ...]:
        """SOAP services of a subsystem or member; allowed_only: those that we may call."""
        return self._loop.run(self._async.list_soap_methods(provider, allowed_only=allowed_only, **options))

    def get_wsdl(self, service: ServiceId, **options: Unpack[CallOptions]) -> bytes:
        """The WSDL description of a SOAP service, its addresses replaced."""
        return self._loop.run(self._async.get_wsdl(service, **options))

    # Evidence

    def evidence(self, handle: EvidenceHandle, *, stamp_now: bool = False) -> Evidence:
        """Both signed containers of an exchange from our security server's log; see `AsyncXRoadClient.evidence`."""
        return self._loop.run(self._async.evidence(handle, stamp_now=stamp_now))

    def logged(
        self, query_id: str, *, stamp_now: bool = False, request_ids: Collection[str] = ()
    ) -> tuple[EvidenceContainer, ...]:
        """Every container that our security server's log has of us under this id; see `AsyncXRoadClient.logged`."""
        return self._loop.run(self._async.logged(query_id, stamp_now=stamp_now, request_ids=request_ids))

    def download_configuration(self, directory: Path) -> Path:
        """Our security server's global configuration, unpacked; see `AsyncXRoadClient.download_configuration`."""
        return self._loop.run(self._async.download_configuration(directory))

    def _fetch_evidence(self, handle: EvidenceHandle, stamp_now: bool) -> Evidence:
        return self.evidence(handle, stamp_now=stamp_now)


async def _call(function: Callable[[], None]) -> None:
    function()
