"""What every register's REST interface has in common: who asks, problems (RFC 9457), events, findUsage, self-description.

A register is reached through its security server alone, which says who asks in X-Road's headers (PR-REST 4.3). A use of
personal data names the person acting (`X-Road-UserId`, or `automatic`) and the one legal ground (`Sild-Legal-Basis`); without
them it is refused. Imported late: FastAPI takes its time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from http import HTTPStatus
from typing import Annotated, Any, Literal, overload
from urllib.parse import quote

from fastapi import Depends, FastAPI, Header, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException as StarletteHTTPException

from sild.errors import CallerError, PeerError, PlatformError, Unavailable
from sild.events import Event, parse_event
from sild.registries.kernel.defects import Defects
from sild.registries.kernel.kernel import Kernel
from sild.registries.kernel.usage import Usage, UsageEntry
from sild.telemetry import get_logger

__all__ = ["AnyUsage", "Concept", "Model", "PersonalUsage", "Problem", "SelfDescription", "register_app"]

log = get_logger("register")

PROBLEM = "application/problem+json"
COMMON_TITLES: dict[str, tuple[int, str]] = {
    "bad_request": (400, "The request cannot be met"),
    "missing_x_road_header": (400, "The request did not come through a security server"),
    "missing_legal_basis": (400, "The request names no person acting or no legal ground"),
    "message_id_reused": (409, "The message id was used for something else"),
    "invalid_identity_code": (400, "Not an identity code"),
    "invalid_event": (400, "Not an event"),
    "event_not_taken": (404, "This register takes no such events"),
    "unknown_person": (404, "Unknown person"),
    "person_is_dead": (409, "The person is dead"),
    "date_out_of_range": (400, "The date is out of range"),
    "message_in_progress": (503, "The same message is being answered"),
    "database_error": (503, "The register cannot answer now"),
    "internal_error": (500, "Internal error"),
}
"""Error code -> status and title; `urn:sild:<register>:<code>` is the problem's type."""


class Model(BaseModel):
    """What comes in and goes out: nothing that is not described."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class Problem(BaseModel):
    """RFC 9457."""

    type: str = Field(examples=["urn:sild:population:unknown_person"])
    title: str
    status: int
    detail: str
    instance: str | None = Field(default=None, description="X-Road's message id as a URN")
    errors: list[dict[str, str]] | None = Field(default=None, description="What is wrong where")


# --- who asks

_HIDDEN = {"include_in_schema": False}  # X-Road's own; the provider's security server sends them
ClientHeader = Annotated[str | None, Header(alias="X-Road-Client", max_length=1_100, **_HIDDEN)]
IdHeader = Annotated[str | None, Header(alias="X-Road-Id", max_length=255, **_HIDDEN)]
RequestIdHeader = Annotated[str | None, Header(alias="X-Road-Request-Id", max_length=255, **_HIDDEN)]
UserIdHeader = Annotated[str | None, Header(alias="X-Road-UserId", max_length=255, **_HIDDEN)]
IssueHeader = Annotated[str | None, Header(alias="X-Road-Issue", max_length=255, **_HIDDEN)]
PartyHeader = Annotated[str | None, Header(alias="X-Road-Represented-Party", max_length=600, **_HIDDEN)]
BasisHeader = Annotated[
    str | None,
    Header(alias="Sild-Legal-Basis", max_length=255, description="The one legal ground of this use"),
]
GroundHeader = Annotated[str | None, Header(alias="X-Road-Legal-Ground", max_length=255, **_HIDDEN)]
"""What Sild's adapter calls it."""


def _any_usage(
    client: ClientHeader = None,
    message_id: IdHeader = None,
    request_id: RequestIdHeader = None,
    user_id: UserIdHeader = None,
    issue: IssueHeader = None,
    party: PartyHeader = None,
    basis: BasisHeader = None,
    ground: GroundHeader = None,
) -> Usage:
    if not client or not message_id:
        raise CallerError(
            "X-Road-Client and X-Road-Id say who asks; a security server sends them",
            code="missing_x_road_header",
        )
    if basis and ground and basis != ground:
        raise CallerError("a use has one legal ground, not two", code="missing_legal_basis")
    return Usage(
        client=_utf8(client),
        message_id=_utf8(message_id),
        request_id=_utf8(request_id),
        user_id=_utf8(user_id),
        issue=_utf8(issue),
        basis=_utf8(basis or ground),
        represented_party=_utf8(party),
    )


@overload
def _utf8(text: str) -> str: ...
@overload
def _utf8(text: str | None) -> str | None: ...
def _utf8(text: str | None) -> str | None:
    """X-Road's headers are UTF-8 (PR-REST 4.3), and ASGI reads them as Latin-1: `PHS § 10`, `Điều 53`."""
    try:
        return text.encode("latin-1").decode() if text else text
    except UnicodeError:
        return text


def _personal_usage(usage: Annotated[Usage, Depends(_any_usage)]) -> Usage:
    if not usage.user_id or not usage.basis:
        raise CallerError(
            "X-Road-UserId names the person acting, or `automatic`; Sild-Legal-Basis the ground of this use",
            code="missing_legal_basis",
        )
    return usage


AnyUsage = Annotated[Usage, Depends(_any_usage)]
"""Who asks, where no personal data is given."""

PersonalUsage = Annotated[Usage, Depends(_personal_usage)]
"""Who asks for personal data, who is acting, and on which ground."""


# --- self-description


@dataclass(frozen=True, slots=True)
class Concept:
    """A kind of fact the register holds: `person.date_of_birth`. description: one sentence, in English."""

    name: str
    description: str


@dataclass(frozen=True, slots=True)
class SelfDescription:
    """name: of the register, its service code.  titles: by language.  publisher: the member's name."""

    name: str
    titles: Mapping[str, str]
    publisher: str
    concepts: Sequence[Concept]


def _dcat(description: SelfDescription, kernel: Kernel, url: str | None) -> dict[str, Any]:
    """DCAT-AP 3 as JSON-LD: one dataset, the data service that serves it, and the concepts it holds."""
    system = f"urn:x-road:{quote(kernel.system.removeprefix('/'))}"
    titles = [{"@language": language, "@value": title} for language, title in description.titles.items()]
    publisher = {"@type": "foaf:Agent", "foaf:name": description.publisher}
    return {
        "@context": {
            "dcat": "http://www.w3.org/ns/dcat#",
            "dct": "http://purl.org/dc/terms/",
            "foaf": "http://xmlns.com/foaf/0.1/",
            "skos": "http://www.w3.org/2004/02/skos/core#",
        },
        "@graph": [
            {
                "@id": f"{system}#data",
                "@type": "dcat:Dataset",
                "dct:title": titles,
                "dct:description": titles,
                "dct:publisher": publisher,
                "dcat:theme": [
                    {
                        "@id": f"urn:sild:concept:{concept.name}",
                        "@type": "skos:Concept",
                        "skos:notation": concept.name,
                        "skos:prefLabel": {"@language": "en", "@value": concept.description},
                    }
                    for concept in description.concepts
                ],
            },
            {
                "@id": system,
                "@type": "dcat:DataService",
                "dct:title": titles,
                "dct:publisher": publisher,
                "dcat:servesDataset": {"@id": f"{system}#data"},
                "dcat:endpointDescription": {"@id": f"{url or ''}/openapi.json"},
                "dcat:endpointURL": {"@id": url or system},
            },
        ],
    }


# --- the application

ApplyEvent = Callable[[Event, str], None]
"""Make an event's effect, once. Arguments: the event, the id of the message that brought it. Blocks."""


class UsageExtension(BaseModel):
    """Ours, beside the protocol's five fields: what makes a list of uses one that can be proved complete."""

    messageId: str = Field(description="X-Road's message id: of the evidence in both message logs")
    kindOfData: list[str] | None = Field(default=None, description="Concepts, as in /description")
    legalGround: str | None = None
    caseId: str | None = Field(default=None, description="X-Road-Issue")
    acting: Literal["automatic", "self", "person"] = Field(description="`self`: the person whose data it is")
    outcome: str = Field(description="`done`, or the code of the refusal")


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
    _add_operations(app, kernel, description, url)
    _add_usage(app, kernel, actions or {}, kinds or {}, member_name)
    _add_deliveries(app, kernel)
    if apply_event is not None:
        _add_events(app, apply_event)
    _Problems(description.name, {**COMMON_TITLES, **(titles or {})}).install(app)
    plain = app.openapi

    def described() -> dict[str, Any]:
        schema = plain()
        schema.setdefault("components", {}).setdefault("schemas", {})["Problem"] = Problem.model_json_schema()
        return schema

    app.openapi = described  # type: ignore[method-assign]  # FastAPI's own way to extend a description
    return app


_PROBLEM_SCHEMA = {"$ref": "#/components/schemas/Problem"}


def _add_operations(app: FastAPI, kernel: Kernel, description: SelfDescription, url: str | None) -> None:
    @app.get("/health", operation_id="health", summary="Does the register answer?")
    def health() -> Health:
        kernel.usage_periods()
        return Health(status="up")

    @app.get("/description", operation_id="getDescription", summary="What it holds: DCAT-AP in JSON-LD")
    def get_description() -> Response:
        return JSONResponse(_dcat(description, kernel, url), media_type="application/ld+json")


EVERYTHING = ("person.everything",)
"""The kind of data of a look at all facts."""


def _add_usage(
    app: FastAPI,
    kernel: Kernel,
    actions: Mapping[str, str],
    kinds: Mapping[str, Sequence[str]],
    member_name: Callable[[str], str | None],
) -> None:
    def found(entry: UsageEntry, person: str) -> FoundUsage:
        _, _, code, system = (*entry.usage.client.split("/"), "")[:4]
        usage = entry.usage
        about = [*(EVERYTHING if entry.operation == "getFacts" else kinds.get(entry.operation, ()))]
        acting: Literal["automatic", "self", "person"] = (
            "automatic" if usage.actor is None else "self" if usage.actor == person else "person"
        )
        return FoundUsage(
            extension=UsageExtension(
                messageId=usage.message_id,
                kindOfData=about or None,
                legalGround=usage.basis,
                caseId=usage.issue,
                acting=acting,
                outcome=entry.outcome,
            ),
            logtime=entry.at,
            action=actions.get(entry.operation, entry.operation),
            receiverCode=code,
            receiverName=member_name(entry.usage.client),
            receiverSystem=system,
        )

    @app.get("/findUsage", operation_id="findUsage", response_model_exclude_none=True)
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
        person = userCode[2:] if userCode[:2].isalpha() else userCode
        begin, end = (kernel.aware(time) if time else None for time in (periodStart, periodEnd))
        page = kernel.usage_of(person, begin=begin, end=end, limit=limit, offset=offset)
        listed = [found(entry, person) for entry in page.entries]
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


def _add_events(app: FastAPI, apply_event: ApplyEvent) -> None:
    @app.post("/events", operation_id="takeEvent", status_code=204)
    async def take_event(usage: AnyUsage, request: Request) -> Response:
        """A CloudEvent, `application/cloudevents+json`. Taken before: 204 again. 4xx: it will never be taken."""
        event = parse_event(await request.body())
        if event.source.removeprefix("/") != usage.client:
            raise CallerError("an event comes from the system that sends it", code="invalid_event")
        await asyncio.to_thread(apply_event, event, usage.message_id)
        return Response(status_code=204)


# --- problems


class _Problems:
    def __init__(self, register: str, titles: Mapping[str, tuple[int, str]]) -> None:
        self._register = register
        self._titles = titles

    def install(self, app: FastAPI) -> None:
        app.add_exception_handler(PlatformError, self._refused)
        app.add_exception_handler(RequestValidationError, self._not_understood)
        app.add_exception_handler(StarletteHTTPException, self._not_here)
        app.add_exception_handler(Exception, self._failed)

    def _problem(
        self, request: Request, code: str, detail: str, *, errors: list[dict[str, str]] | None = None
    ) -> JSONResponse:
        status, title = self._titles.get(code, self._titles["bad_request"])
        message_id = request.headers.get("x-road-id")
        problem = Problem(
            type=f"urn:sild:{self._register}:{code}",
            title=title,
            status=status,
            detail=detail,
            instance=f"urn:x-road:message:{quote(message_id[:255], safe='-')}" if message_id else None,
            errors=errors,
        )
        return JSONResponse(problem.model_dump(exclude_none=True), status_code=status, media_type=PROBLEM)

    async def _refused(self, request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, PlatformError)
        log.refusal("request.refused", error, register=self._register, path=_template(request))
        if isinstance(error, CallerError | PeerError):
            return self._problem(request, error.code, error.message, errors=_defects(error))
        code = (
            error.code if isinstance(error, Unavailable) and error.code in self._titles else "internal_error"
        )
        response = self._problem(request, code, "Try again later")
        if isinstance(error, Unavailable) and error.retry_after is not None:
            response.headers["Retry-After"] = str(round(error.retry_after))
        return response

    async def _not_understood(self, request: Request, error: Exception) -> JSONResponse:
        """What does not fit the description: each fault with its place, without the value (it may be personal)."""
        assert isinstance(error, RequestValidationError)
        errors = [
            {"pointer": "/" + "/".join(str(step) for step in fault["loc"]), "detail": str(fault["msg"])}
            for fault in error.errors()
        ]
        return self._problem(
            request, "bad_request", "The request does not fit the description", errors=errors
        )

    async def _not_here(self, request: Request, error: Exception) -> JSONResponse:
        """What HTTP itself has a word for: an unknown path, a wrong method."""
        assert isinstance(error, StarletteHTTPException)
        title, detail = HTTPStatus(error.status_code).phrase, str(error.detail)
        problem = Problem(type="about:blank", title=title, status=error.status_code, detail=detail)
        return JSONResponse(
            problem.model_dump(exclude_none=True),
            status_code=error.status_code,
            media_type=PROBLEM,
            headers=dict(error.headers or {}),
        )

    async def _failed(self, request: Request, error: Exception) -> JSONResponse:
        log.bug("request.failed", error, register=self._register, path=_template(request))
        return self._problem(request, "internal_error", "The register failed; its operator was told")


def _defects(error: PlatformError) -> list[dict[str, str]] | None:
    if not isinstance(error, Defects):
        return None
    return [
        {"pointer": defect.pointer, "code": defect.code, "detail": defect.detail} for defect in error.defects
    ]


def _template(request: Request) -> str:
    """The path without identity codes in it."""
    return str(getattr(request.scope.get("route"), "path", "unknown"))
