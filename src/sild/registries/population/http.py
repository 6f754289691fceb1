"""The register's REST interface: paths, what comes in and goes out, problems (RFC 9457). OpenAPI at /openapi.json.

It is reached through a security server alone, which says who asks in X-Road's headers (PR-REST 4.3); a request without them is
refused, for its use could not be recorded. Imported late: FastAPI takes its time.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime
from http import HTTPStatus
from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import Depends, FastAPI, Header, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException as StarletteHTTPException

from sild.errors import CallerError, PlatformError, Unavailable
from sild.registries.identity_codes import Country, Sex
from sild.registries.population import records
from sild.registries.population.records import Usage
from sild.registries.population.store import PopulationRegister
from sild.telemetry import get_logger

__all__ = ["make_app"]

log = get_logger("population")

PROBLEM = "application/problem+json"

TITLES = {
    "bad_request": (400, "The request cannot be met"),
    "missing_x_road_header": (400, "The request did not come through a security server"),
    "invalid_identity_code": (400, "Not an identity code"),
    "too_broad": (400, "The search is too broad"),
    "date_out_of_range": (400, "The date is out of range"),
    "unknown_person": (404, "Unknown person"),
    "unknown_notice": (404, "Unknown notice"),
    "person_is_dead": (409, "The person is dead"),
    "database_error": (503, "The register cannot answer now"),
    "internal_error": (500, "Internal error"),
}
"""Error code -> status and title; `urn:sild:population:<code>` is the problem's type."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class Address(_Model):
    """Where people live."""

    country: Country
    region: str = Field(
        min_length=1, max_length=100, description="County or province", examples=["Tartu maakond"]
    )
    municipality: str = Field(
        min_length=1, max_length=100, description="Parish or city; ward or commune", examples=["Tartu linn"]
    )
    street: str | None = Field(default=None, max_length=100, examples=["Lai"])
    house: str = Field(min_length=1, max_length=20, examples=["5"])
    apartment: str | None = Field(default=None, max_length=20, examples=["12"])
    postal_code: str | None = Field(default=None, max_length=10, examples=["51005"])


class Residence(_Model):
    address: Address
    valid_from: date


class Person(_Model):
    code: str = Field(description="Identity code", examples=["38001085718"])
    country: Country = Field(description="Whose identity code it is")
    sex: Sex
    family_name: str
    given_names: str
    full_name: str = Field(description="In the order of the person's country")
    born: date
    died: date | None = None
    birth_place: str
    mother: str | None = Field(default=None, description="Identity code")
    father: str | None = Field(default=None, description="Identity code")
    residence: Residence | None = Field(default=None, description="The one in force; the dead have none")


class Persons(_Model):
    items: list[Person]
    total: int = Field(description="How many match in all")


class NewAddressNotice(_Model):
    address: Address
    valid_from: date = Field(description="The day of moving in, at most 30 days ahead")


class AddressNotice(_Model):
    id: int
    person: str = Field(description="Identity code")
    address: Address
    valid_from: date
    received_at: datetime
    client: str = Field(description="The subsystem that gave notice")
    message_id: str = Field(description="X-Road's message id")


class Problem(BaseModel):
    """RFC 9457."""

    type: str = Field(examples=["urn:sild:population:unknown_person"])
    title: str
    status: int
    detail: str
    instance: str | None = Field(default=None, description="X-Road's message id as a URN")
    errors: list[dict[str, str]] | None = Field(default=None, description="What is wrong where")


class Health(_Model):
    status: Literal["up"]
    persons: int


def _hidden() -> Any:
    """A header the security servers deal with: no part of the register's own description."""
    return Header(include_in_schema=False)


def _usage(
    x_road_client: Annotated[str | None, _hidden()] = None,
    x_road_id: Annotated[str | None, _hidden()] = None,
    x_road_request_id: Annotated[str | None, _hidden()] = None,
    x_road_userid: Annotated[str | None, _hidden()] = None,
    x_road_issue: Annotated[str | None, _hidden()] = None,
    x_road_represented_party: Annotated[str | None, _hidden()] = None,
) -> Usage:
    if not x_road_client or not x_road_id:
        missing = "X-Road-Client" if not x_road_client else "X-Road-Id"
        raise CallerError(f"the header {missing} is missing", code="missing_x_road_header")
    return Usage(
        client=x_road_client[:1100],
        message_id=x_road_id[:255],
        request_id=_shortened(x_road_request_id, 255),
        user_id=_shortened(x_road_userid, 255),
        issue=_shortened(x_road_issue, 255),
        represented_party=_shortened(x_road_represented_party, 600),
    )


def _shortened(value: str | None, length: int) -> str | None:
    return value[:length] if value else None


AnyUsage = Annotated[Usage, Depends(_usage)]
Code = Annotated[str, Path(description="Estonian isikukood or Vietnamese số định danh cá nhân")]


def make_app(register: PopulationRegister, *, url: str | None = None) -> FastAPI:
    """The application over `register`. url: where its OpenAPI description says it is, if it should say so."""
    app = FastAPI(
        title="Population register",
        version="1.0.0",
        summary="Synthetic people of two countries, their families and homes",
        servers=[{"url": url}] if url else None,
        docs_url=None,
        redoc_url=None,
        responses={"default": _PROBLEM_RESPONSE},
    )
    _add_questions(app, register)
    _add_notices(app, register)

    @app.get("/health", operation_id="health", summary="Does the register answer?")
    def health() -> Health:
        return Health(status="up", persons=register.count())

    app.add_exception_handler(PlatformError, _refused)
    app.add_exception_handler(RequestValidationError, _not_understood)
    app.add_exception_handler(StarletteHTTPException, _not_here)
    app.add_exception_handler(Exception, _failed)
    plain = app.openapi

    def described() -> dict[str, Any]:
        description = plain()
        description["components"]["schemas"]["Problem"] = Problem.model_json_schema()
        return description

    app.openapi = described  # type: ignore[method-assign]  # FastAPI's own way to extend a description
    return app


_PROBLEM_RESPONSE: dict[str, Any] = {
    "description": "A problem",
    "content": {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


def _add_questions(app: FastAPI, register: PopulationRegister) -> None:
    @app.get("/persons/{code}", operation_id="getPerson", response_model_exclude_none=True)
    def get_person(code: Code, usage: AnyUsage) -> Person:
        """One person, by identity code."""
        return _person(register.person(code, usage))

    @app.get("/persons", operation_id="findPersons", response_model_exclude_none=True)
    def find_persons(
        usage: AnyUsage,
        family_name: Annotated[
            str | None, Query(max_length=100, description="Its beginning; case and accents aside")
        ] = None,
        given_names: Annotated[str | None, Query(max_length=100)] = None,
        born: date | None = None,
        country: Country | None = None,
        limit: Annotated[int, Query(ge=1, le=100)] = 25,
        offset: Annotated[int, Query(ge=0, le=100_000)] = 0,
    ) -> Persons:
        """People by name or date of birth; one of the two is needed."""
        page = register.find(
            usage,
            family_name=family_name,
            given_names=given_names,
            born=born,
            country=country,
            limit=limit,
            offset=offset,
        )
        return Persons(items=[_person(person) for person in page.persons], total=page.total)

    @app.get("/persons/{code}/children", operation_id="getChildren", response_model_exclude_none=True)
    def get_children(code: Code, usage: AnyUsage) -> Persons:
        """A person's children, eldest first."""
        children = register.children(code, usage)
        return Persons(items=[_person(child) for child in children], total=len(children))


def _add_notices(app: FastAPI, register: PopulationRegister) -> None:
    @app.post(
        "/persons/{code}/address-notices",
        operation_id="giveAddressNotice",
        status_code=201,
        response_model_exclude_none=True,
        responses={200: {"model": AddressNotice, "description": "The same message was entered before"}},
    )
    def give_address_notice(
        code: Code, notice: NewAddressNotice, usage: AnyUsage, request: Request, response: Response
    ) -> AddressNotice:
        """Enter that a person lives somewhere else from a day on."""
        address = records.Address(**notice.address.model_dump())
        entered, is_new = register.give_notice(code, address, notice.valid_from, usage)
        response.status_code = 201 if is_new else 200
        response.headers["Location"] = f"{request.url.path}/{entered.id}"
        return _notice(entered)

    @app.get(
        "/persons/{code}/address-notices/{notice_id}",
        operation_id="getAddressNotice",
        response_model_exclude_none=True,
    )
    def get_address_notice(code: Code, notice_id: int, usage: AnyUsage) -> AddressNotice:
        """A notice as it was entered."""
        return _notice(register.notice(code, notice_id, usage))


def _person(person: records.Person) -> Person:
    return Person(**asdict(person), full_name=person.full_name)


def _notice(notice: records.AddressNotice) -> AddressNotice:
    values = asdict(notice)
    return AddressNotice(**values.pop("residence"), **values)


# --- problems


def _problem(
    request: Request,
    code: str,
    detail: str,
    *,
    errors: list[dict[str, str]] | None = None,
) -> JSONResponse:
    status, title = TITLES.get(code, TITLES["bad_request"])
    message_id = request.headers.get("x-road-id")
    problem = Problem(
        type=f"urn:sild:population:{code}",
        title=title,
        status=status,
        detail=detail,
        instance=f"urn:x-road:message:{quote(message_id[:255], safe='-')}" if message_id else None,
        errors=errors,
    )
    return JSONResponse(problem.model_dump(exclude_none=True), status_code=problem.status, media_type=PROBLEM)


async def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, PlatformError)
    log.refusal("request.refused", error, path=_template(request))
    if isinstance(error, CallerError):
        return _problem(request, error.code, error.message)
    code = "database_error" if isinstance(error, Unavailable) else "internal_error"
    response = _problem(request, code, "Try again later")
    if isinstance(error, Unavailable) and error.retry_after is not None:
        response.headers["Retry-After"] = str(round(error.retry_after))
    return response


async def _not_understood(request: Request, error: Exception) -> JSONResponse:
    """What does not fit the description: each fault with its place, without the value (it may be personal)."""
    assert isinstance(error, RequestValidationError)
    errors = [
        {"pointer": "/" + "/".join(str(step) for step in fault["loc"]), "detail": str(fault["msg"])}
        for fault in error.errors()
    ]
    return _problem(request, "bad_request", "The request does not fit the description", errors=errors)


async def _not_here(request: Request, error: Exception) -> JSONResponse:
    """What HTTP itself has a word for: an unknown path, a wrong method."""
    assert isinstance(error, StarletteHTTPException)
    problem = Problem(
        type="about:blank",
        title=HTTPStatus(error.status_code).phrase,
        status=error.status_code,
        detail=str(error.detail),
    )
    return JSONResponse(
        problem.model_dump(exclude_none=True),
        status_code=error.status_code,
        media_type=PROBLEM,
        headers=dict(error.headers or {}),
    )


async def _failed(request: Request, error: Exception) -> JSONResponse:
    log.bug("request.failed", error, path=_template(request))
    return _problem(request, "internal_error", "The register failed; its operator was told")


def _template(request: Request) -> str:
    """The path without identity codes in it."""
    return str(getattr(request.scope.get("route"), "path", "unknown"))
