"""What every register's REST interface has in common: who asks, problems (RFC 9457), events, findUsage, self-description.

A register is reached through its security server alone, which says who asks in X-Road's headers (PR-REST 4.3). A use of
personal data names the person acting (`X-Road-UserId`, or `automatic`) and the one legal ground (`Sild-Legal-Basis`); without
them it is refused. Imported late: FastAPI takes its time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal

from fastapi import FastAPI, Path, Query, Request, Response
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field

from sild.errors import CallerError, Unavailable
from sild.events import Event, event_from
from sild.registries.kernel.asking import AnyUsage, PersonalUsage, ensure_stays, grounds_are_asked
from sild.registries.kernel.container_paths import ACTION as CONTAINER_ACTION
from sild.registries.kernel.container_paths import OPERATION as CONTAINER
from sild.registries.kernel.container_paths import add_containers
from sild.registries.kernel.containers import Reader
from sild.registries.kernel.description import Concept, SelfDescription, dcat
from sild.registries.kernel.grounds import Grounds
from sild.registries.kernel.kernel import Kernel
from sild.registries.kernel.plain_text import PlainTextRoute
from sild.registries.kernel.problems import PROBLEM, Problem, Problems
from sild.registries.kernel.telling import said_of_telling
from sild.registries.kernel.usage import UsageEntry, code_of

__all__ = ["AnyUsage", "Concept", "Model", "PersonalUsage", "Problem", "SelfDescription", "register_app"]


class Model(BaseModel):
    """What comes in and goes out: nothing that is not described."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


ApplyEvent = Callable[[Event, str], None]
"""Make an event's effect, once. Arguments: the event, the id of the message that brought it. Blocks."""


class UsageExtension(BaseModel):
    """Ours, beside the protocol's five fields: what makes a list of uses one that can be proved complete."""

    messageId: str = Field(description="X-Road's message id: of the evidence in both message logs")
    kindOfData: list[str] | None = Field(default=None, description="Concepts, as in /description")
    legalGround: str | None = None
    caseId: str | None = Field(default=None, description="X-Road-Issue")
    acting: Literal["automatic", "self", "person"] = Field(
        description="`self`: the person whose data it is; of a company, whoever acts for it"
    )
    outcome: str = Field(description="`done`, or the code of the refusal")
    office: str | None = Field(
        default=None,
        description="For which the system asked, `birth@0793`; told to the person alone, not to who acts for them",
    )


class FoundUsage(BaseModel):
    """One use (data tracker, protocol version 2)."""

    logtime: datetime
    action: str
    receiverCode: str = Field(description="The body that got the data: its member code")
    receiverName: str | None = None
    receiverSystem: str = Field(description="Its information system: the subsystem code")
    extension: UsageExtension


class FoundUsages(BaseModel):
    totalUsages: int
    usages: list[FoundUsage]
    withheldUsages: int = Field(
        description="Ours: how many more the law keeps back for now; nothing else of them is told"
    )


class UsagePeriod(BaseModel):
    periodStart: datetime
    periodEnd: datetime | None = None


class DeliveryReport(BaseModel):
    """One event to one body. Its content is not told here."""

    event: str
    type: str
    time: datetime
    subscriber: str = Field(description="Information system: `INSTANCE/CLASS/MEMBER/SUBSYSTEM`")
    state: Literal["pending", "delivered", "refused"]
    attempts: int
    next_attempt_at: datetime | None = None
    last_error: str | None = None
    delivered_at: datetime | None = None


class DeliveryReports(BaseModel):
    items: list[DeliveryReport]


class Heartbeat(BaseModel):
    status: Literal["OK", "FAIL"]
    message: str | None = None


class Health(BaseModel):
    status: Literal["up"]


def register_app(
    kernel: Kernel,
    description: SelfDescription,
    *,
    titles: Mapping[str, tuple[int, str]] | None = None,
    actions: Mapping[str, str] | None = None,
    kinds: Mapping[str, Sequence[str]] | None = None,
    member_name: Callable[[str], str | None] = lambda _client: None,
    apply_event: ApplyEvent | None = None,
    url: str | None = None,
) -> FastAPI:
    """An application with what all registers have; the register adds its own paths.

    titles: error codes of its own, as `COMMON_TITLES`.  actions: what an operation is called for people.  kinds: concepts of the
    data an operation is about.  member_name: of a
    client, from the global configuration, if it is known.  url: the address the OpenAPI description gives.
    """
    app = FastAPI(
        title=description.titles["en"],
        version="1",
        servers=[{"url": url}] if url else None,
        docs_url=None,
        redoc_url=None,
        responses={
            "default": {"description": "A problem", "content": {PROBLEM: {"schema": _PROBLEM_SCHEMA}}}
        },
    )
    app.state.kernel = kernel
    app.router.route_class = PlainTextRoute
    app.state.concepts = tuple(concept.name for concept in description.concepts)
    _add_operations(app, kernel, description, url)
    _add_usage(
        app,
        kernel,
        {CONTAINER: CONTAINER_ACTION, FIND_USAGE: FIND_USAGE_ACTION, **(actions or {})},
        kinds or {},
        member_name,
    )
    add_containers(app, kernel)
    _add_deliveries(app, kernel)
    if apply_event is not None:
        _add_events(app, kernel, apply_event)
    Problems(description.name, titles or {}).install(app)
    plain = app.openapi

    def described() -> dict[str, Any]:
        schema = plain()
        if kernel.grounds is not None:
            _name_grounds(schema, app, kernel.grounds)
        schema.setdefault("components", {}).setdefault("schemas", {})["Problem"] = Problem.model_json_schema()
        return schema

    app.openapi = described  # type: ignore[method-assign]  # FastAPI's own way to extend a description
    return app


_PROBLEM_SCHEMA = {"$ref": "#/components/schemas/Problem"}


def _name_grounds(schema: dict[str, Any], app: FastAPI, grounds: Grounds) -> None:
    """`x-legal-grounds`: what each operation accepts."""
    for route in app.routes:
        if isinstance(route, APIRoute) and route.include_in_schema and grounds_are_asked(route):
            for method in route.methods or ():
                operation = schema["paths"][route.path_format][method.lower()]
                operation["x-legal-grounds"] = grounds.of(str(route.operation_id))


def _add_operations(app: FastAPI, kernel: Kernel, description: SelfDescription, url: str | None) -> None:
    @app.get("/health", operation_id="health", summary="Does the register answer?")
    def health() -> Health:
        kernel.usage_periods()
        return Health(status="up")

    @app.get("/description", operation_id="getDescription", summary="What it holds: DCAT-AP in JSON-LD")
    def get_description() -> Response:
        return JSONResponse(dcat(description, kernel, url), media_type="application/ld+json")


FIND_USAGE = "findUsage"
FIND_USAGE_ACTION = "Who used the data was asked"
"""As people read it, in the list itself: of who asked in vain."""
EVERYTHING = ("person.everything",)
"""The kind of data of a look at all facts."""


def _add_usage(
    app: FastAPI,
    kernel: Kernel,
    actions: Mapping[str, str],
    kinds: Mapping[str, Sequence[str]],
    member_name: Callable[[str], str | None],
) -> None:
    def found(entry: UsageEntry, person: str, reader: Reader) -> FoundUsage:
        _, _, code, system = (*entry.usage.client.split("/"), "")[:4]
        usage = entry.usage
        about = [*(EVERYTHING if entry.operation == "getFacts" else kinds.get(entry.operation, ()))]
        acting: Literal["automatic", "self", "person"] = "automatic" if usage.actor is None else "person"
        if usage.actor == person or (usage.acts_for_company and usage.principal == person):
            acting = "self"
        return FoundUsage(
            extension=UsageExtension(
                messageId=usage.message_id,
                kindOfData=about or None,
                legalGround=usage.basis,
                caseId=usage.issue,
                acting=acting,
                outcome=entry.outcome,
                office=usage.office if reader.themselves else None,  # its place may be somebody's home
            ),
            logtime=entry.at,
            action=said_of_telling(entry.operation) or actions.get(entry.operation, entry.operation),
            receiverCode=code,
            receiverName=member_name(entry.usage.client),
            receiverSystem=system,
        )

    @app.get("/findUsage", operation_id=FIND_USAGE, response_model_exclude_none=True)
    def find_usage(
        usage: AnyUsage,
        userCode: Annotated[str, Query(max_length=100, examples=["EE38001085718"])],
        periodStart: datetime | None = None,
        periodEnd: datetime | None = None,
        offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
        limit: Annotated[int, Query(ge=1, le=1_000)] = 1_000,
    ) -> FoundUsages:
        """Who used this person's data, newest first (data tracker). Which portals may ask is an access right."""
        if not usage.user_id:
            raise CallerError("X-Road-UserId names the person who asks", code="missing_x_road_header")
        person = code_of(userCode)
        ensure_stays(kernel, FIND_USAGE, usage, person)
        begin, end = (kernel.aware(time) if time else None for time in (periodStart, periodEnd))
        page = kernel.usage_of(person, begin=begin, end=end, limit=limit, offset=offset)
        reader = Reader.of(person, usage)
        listed = [found(entry, person, reader) for entry in page.entries]
        return FoundUsages(totalUsages=page.total, usages=listed, withheldUsages=page.withheld)

    @app.get("/usagePeriod", operation_id="usagePeriod", response_model_exclude_none=True)
    def usage_period(usage: AnyUsage) -> UsagePeriod:
        """Since when uses are kept; they are kept up to now."""
        periods = kernel.usage_periods()
        return UsagePeriod(periodStart=periods[0] if periods else kernel.now)

    @app.get("/heartbeat", operation_id="heartbeat", response_model_exclude_none=True)
    def heartbeat(usage: AnyUsage) -> Heartbeat:
        kernel.usage_periods()
        return Heartbeat(status="OK")


def _add_deliveries(app: FastAPI, kernel: Kernel) -> None:
    @app.get("/events/{subject}/deliveries", operation_id="getDeliveries", response_model_exclude_none=True)
    def get_deliveries(
        subject: Annotated[str, Path(max_length=100, description="Of the events: an identity code")],
        usage: PersonalUsage,
        type: Annotated[str, Query(max_length=200, description="Of the events; a pattern with `*`")] = "*",
    ) -> DeliveryReports:
        """Which bodies were told of the subject's events, and who could not be, with the time of the next try."""
        with kernel.used("getDeliveries", usage) as use:
            use.concerns(subject)
        return DeliveryReports(
            items=[
                DeliveryReport(
                    event=one.event.id,
                    type=one.event.type,
                    time=one.event.time,
                    subscriber=one.subscription.subscriber,
                    state=one.state.value,
                    attempts=one.attempts,
                    next_attempt_at=one.next_attempt_at,
                    last_error=one.last_error,
                    delivered_at=one.delivered_at,
                )
                for one in kernel.outbox.deliveries_about(subject)
                if fnmatchcase(one.event.type, type)
            ]
        )


def _add_events(app: FastAPI, kernel: Kernel, apply_event: ApplyEvent) -> None:
    @app.post("/events", operation_id="takeEvent", status_code=204)
    async def take_event(usage: AnyUsage, request: Request) -> Response:
        """A CloudEvent, `application/cloudevents+json`. Taken before: 204 again. 4xx: it will never be taken."""
        if kernel.tellers is None:
            raise Unavailable("whose events are taken is not known yet", code="not_at_work", retry_after=1)
        event = await event_from(
            request.stream(), sender=usage.client, message_id=usage.message_id, registers=kernel.tellers
        )
        await asyncio.to_thread(apply_event, event, usage.message_id)
        return Response(status_code=204)
