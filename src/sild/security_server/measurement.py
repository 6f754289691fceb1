"""One exchange as one side measures it: what the record of operational monitoring, the metrics and the trace are made of.

The processors fill it on their way, in the places where the reference does; the edge (`client_port`, `provider_port`) begins and
ends it. It holds on to the message instead of copying from it, and is let go when the exchange has been answered.
"""

from __future__ import annotations

from collections.abc import Sequence
from time import time_ns
from typing import Protocol

from sild.xroad.faults import Fault
from sild.xroad.globalconf import SecurityServer
from sild.xroad.rest import RestRequest
from sild.xroad.soap import SoapMessage

__all__ = ["CLIENT", "PRODUCER", "ExchangeTrace", "Measurement"]

CLIENT = "Client"
PRODUCER = "Producer"


class ExchangeTrace(Protocol):
    """What `tracing` makes of a measurement. `traceparent` is for the information system that is asked."""

    def leaves(self) -> None: ...
    def comes_back(self) -> None: ...
    def ends(self, measured: Measurement) -> None: ...
    @property
    def traceparent(self) -> bytes: ...


class Measurement:
    """Times in nanoseconds since 1970, sizes in bytes; None is unknown. request: once the parties may be told of.

    request_size: of the signed part, for REST with its body.  *_mime_size: SOAP part and attachments, if there are any.
    status: of the service's REST answer.  own_answer: given here, no service was asked.
    """

    __slots__ = (
        "client_server_address",
        "fault",
        "own_answer",
        "request",
        "request_attachments",
        "request_id",
        "request_in",
        "request_mime_size",
        "request_out",
        "request_size",
        "response_attachments",
        "response_in",
        "response_mime_size",
        "response_out",
        "response_size",
        "server_type",
        "service_server_address",
        "service_type",
        "status",
        "succeeded",
        "trace",
    )

    def __init__(self, server_type: str) -> None:
        self.server_type = server_type
        self.request_in = time_ns()
        self.request_out: int | None = None
        self.response_in: int | None = None
        self.response_out: int | None = None
        self.request: RestRequest | SoapMessage | None = None
        self.request_id: str | None = None
        self.service_type: str | None = None
        self.client_server_address: str | None = None
        self.service_server_address: str | None = None
        self.request_size: int | None = None
        self.request_mime_size: int | None = None
        self.request_attachments: int | None = None
        self.response_size: int | None = None
        self.response_mime_size: int | None = None
        self.response_attachments: int | None = None
        self.status: int | None = None
        self.succeeded = False
        self.fault: Fault | None = None
        self.own_answer = False
        self.trace: ExchangeTrace | None = None

    # the parties

    def rest(self, message: RestRequest, service_type: str) -> None:
        """Whose message it is, and about what."""
        self.request = message
        self.service_type = service_type

    def soap(self, message: SoapMessage) -> None:
        self.request = message
        self.service_type = "WSDL"
        self.request_size = len(message.data)

    # times

    def leaves(self) -> None:
        """The request goes out: to the other server, or to the service."""
        self.request_out = time_ns()
        if self.trace is not None:
            self.trace.leaves()

    def comes_back(self) -> None:
        """The head of its answer is here."""
        self.response_in = time_ns()
        if self.trace is not None:
            self.trace.comes_back()

    def answered_here(self) -> None:
        """No service is asked: X-Road gives both halves the length nought."""
        self.own_answer = True
        self.request_out = self.request_in

    def answers(self) -> None:
        """The answer to the caller begins; the first time counts."""
        if self.response_out is None:
            self.response_out = time_ns()

    # sizes

    def request_parts(self, attachments: int, size: int) -> None:
        """Of SOAP: how many attachments, and their bytes together."""
        self.request_attachments = attachments
        if attachments:
            self.request_mime_size = (self.request_size or 0) + size

    def response_parts(self, message: int, attachments: int, size: int) -> None:
        """Of SOAP, as `request_parts`; message: bytes of the SOAP part."""
        self.response_size = message
        self.response_attachments = attachments
        if attachments:
            self.response_mime_size = message + size

    def rest_request_size(self, size: int) -> None:
        self.request_attachments = 0
        self.request_size = size

    def rest_response_size(self, size: int) -> None:
        self.response_attachments = 0
        self.response_size = size

    def refused(self, fault: Fault) -> None:
        """What the caller is told."""
        self.fault = fault
        self.answers()

    def only_server(self, servers: Sequence[SecurityServer]) -> None:
        """Where there is no choice the provider's server is known before it has been reached."""
        if len(servers) == 1:
            self.service_server_address = servers[0].address
