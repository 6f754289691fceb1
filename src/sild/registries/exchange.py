"""What a register says to others, over the exchange: it asks for facts, hands in notices and delivers events.

    exchange = Exchange(xroad_client, {"population": ServiceId.parse("SILD:GOV:70000002:population:population")})
    person = await exchange.ask("population", ["persons", code], because=Because("RRS 5", case, key="card/49001010005"))
    Dispatcher(kernel.outbox, event_delivery(xroad_client, kernel.telling)).run()

The id of a message is made from what caused it, so that whoever repeats it after a failure repeats the same message: both logs
show one call, and the other side answers it as it did before.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import NAMESPACE_URL, uuid5

from sild.adapter import AUTOMATIC, AsyncXRoadClient, CallContext, ServiceError
from sild.clock import Clock, system_clock
from sild.errors import CallerError, Unavailable
from sild.events import CLOUDEVENTS_JSON, Deliver, Event, Subscription, render_event
from sild.xroad import ClientId, ServiceId

__all__ = [
    "BASIS_HEADER",
    "JSON",
    "Ask",
    "Because",
    "Exchange",
    "Told",
    "event_delivery",
    "message_id_of",
    "refusal_codes",
]

JSON = "application/json"
BASIS_HEADER = "Sild-Legal-Basis"
Telling = Callable[[Event, str, str], None]
"""Arguments: the event; its subscriber, `/INSTANCE/CLASS/CODE/SUBSYSTEM`; the id of the message that brings it there."""
NOT_THERE = (404, 410)
"""Statuses by which a register says that it knows nobody, or nothing, of the kind."""


@dataclass(frozen=True, slots=True)
class Because:
    """Why we call. basis: the legal ground.  case: its id.  key: what causes the call; the same again is the same message.

    user_id: the person acting; nobody: a rule asks by itself.
    """

    basis: str
    case: str | None = None
    key: str = ""
    user_id: str = AUTOMATIC


@dataclass(frozen=True, slots=True)
class Told:
    """body: parsed JSON; None when the other register knows no such thing.  source: which register said so.  at: when it was heard."""

    body: Any  # of whatever shape the service describes; who asked reads it
    message_id: str
    source: str
    at: datetime | None = None


class Ask(Protocol):
    """A question to another register, by the name the asker knows it by."""

    async def ask(self, register: str, path: Sequence[str], *, because: Because) -> Told:
        """Raises CallerError (we may not ask this), PeerError, TrustError, Unavailable (it may work later)."""
        ...

    async def send(
        self,
        register: str,
        path: Sequence[str],
        body: Mapping[str, Any] | bytes,
        *,
        because: Because,
        content_type: str = JSON,
    ) -> Told:
        """POST of a JSON document, or of bytes as they are. Raises as `ask` does; CallerError also when the register refuses what we say."""
        ...


def message_id_of(instance: str, *causes: str) -> str:
    """The id of the message that these causes, in this order, have: `SILD-` and a UUID of version 5."""
    return f"{instance}-{uuid5(NAMESPACE_URL, 'urn:sild:message:' + '|'.join(causes))}"


class Exchange:
    """`Ask` on an X-Road client. services: by the name of the register."""

    def __init__(
        self, client: AsyncXRoadClient, services: Mapping[str, ServiceId], clock: Clock = system_clock
    ) -> None:
        self._client = client
        self._services = dict(services)
        self._clock = clock

    async def ask(self, register: str, path: Sequence[str], *, because: Because) -> Told:
        service, query_id = self._addressed("GET", register, path, because)
        with _exchange_refusals():
            answer = await self._client.get(
                service,
                path,
                context=_context(because),
                headers={BASIS_HEADER: because.basis},
                query_id=query_id,
            )
        if answer.status in NOT_THERE:
            return Told(None, query_id, str(service), self._clock())
        return Told(answer.ensure_success().json(), query_id, str(service), self._clock())

    async def send(
        self,
        register: str,
        path: Sequence[str],
        body: Mapping[str, Any] | bytes,
        *,
        because: Because,
        content_type: str = JSON,
    ) -> Told:
        service, query_id = self._addressed("POST", register, path, because)
        with _exchange_refusals():
            answer = await self._client.post(
                service,
                path,
                context=_context(because),
                headers={BASIS_HEADER: because.basis},
                query_id=query_id,
                body=body
                if isinstance(body, bytes)
                else json.dumps(body, ensure_ascii=False, sort_keys=True).encode(),
                content_type=content_type,
                idempotent=True,  # the register keeps its answer by message id
            )
        answer.ensure_success()
        return Told(answer.json() if answer.body else {}, query_id, str(service), self._clock())

    def _addressed(
        self, method: str, register: str, path: Sequence[str], because: Because
    ) -> tuple[ServiceId, str]:
        service = self._services.get(register)
        if service is None:
            raise Unavailable(f"no register {register} is known here", code="unknown_service")
        client = self._client.client
        causes = (str(client), because.key, method, str(service), *path)
        return service, message_id_of(client.instance_identifier, *causes)


def _context(because: Because) -> CallContext:
    return CallContext(user_id=because.user_id, issue=because.case, legal_ground=because.basis)


@contextmanager
def _exchange_refusals() -> Iterator[None]:
    """A right that is missing, a service that is not there yet: no fault of what we say, so it is said again later."""
    try:
        yield
    except CallerError as refusal:
        raise Unavailable(f"the exchange refused: {refusal.message}", code=refusal.code) from refusal


def refusal_codes(refusal: CallerError) -> tuple[str, ...]:
    """The code of another register's problem (RFC 9457), and those of what it found wrong; of any other refusal its own."""
    if not isinstance(refusal, ServiceError):
        return (refusal.code,)
    try:
        problem = json.loads(refusal.body)
        errors = [str(error["code"]) for error in problem.get("errors") or () if "code" in error]
        return (str(problem["type"]).rpartition(":")[2], *errors)
    except (ValueError, KeyError, TypeError, AttributeError):
        return (refusal.code,)


def event_delivery(client: AsyncXRoadClient, telling: Telling | None = None) -> Deliver:
    """Delivers events as messages to the subscribers' services. telling: what is done before each, `Kernel.telling`; it blocks.

    A subscriber that answers 4xx never takes the event (CallerError); 408, 425 and 429 mean later, as 5xx does. So does a security
    server that refuses: the right may be granted, the service added, and the event must still arrive then.
    """

    async def deliver(subscription: Subscription, event: Event) -> str | None:
        subscriber = ClientId(*subscription.subscriber.strip("/").split("/"))
        service = ServiceId(subscriber, subscription.service)
        query_id = message_id_of(
            client.client.instance_identifier, event.source, event.id, subscription.subscriber
        )
        if telling is not None:
            await asyncio.to_thread(telling, event, subscription.subscriber, query_id)
        with _exchange_refusals():
            answer = await client.post(
                service,
                context=CallContext(user_id=AUTOMATIC, issue=event.extensions.get("caseid")),
                body=render_event(event),
                content_type=CLOUDEVENTS_JSON,
                query_id=query_id,
                idempotent=True,
            )
        if answer.status in (408, 425, 429):
            raise Unavailable(f"the subscriber answered {answer.status}", code="http_error")
        answer.ensure_success()
        return query_id

    return deliver
