"""Rule packages over HTTP, in the forms of OpenFisca's web API.

GET /packages                        names, versions, hashes      GET  /{name}/{version}/parameters
GET /{name}/{version}/variables      facts and outputs            POST /{name}/{version}/calculate[?at=DATE], /trace
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from datetime import date

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from sild.clock import Clock
from sild.errors import CallerError, PlatformError, Unavailable
from sild.rule_engine.engine import RuleEngine
from sild.rule_engine.openfisca import calculate_document, trace_document
from sild.rules import RulePackage

__all__ = ["rules_app"]

LONGEST = 1 << 20


def rules_app(engine: RuleEngine, packages: Mapping[str, RulePackage], clock: Clock) -> Starlette:
    """packages: by hash. Nothing is kept; who may ask is for what stands in front of it to say."""
    by_name = {(package.name, package.version): package for package in packages.values()}

    def found(request: Request) -> RulePackage:
        try:
            return by_name[request.path_params["name"], request.path_params["version"]]
        except KeyError:
            raise CallerError("no such rule package", code="unknown_package") from None

    async def listed(_: Request) -> JSONResponse:
        return JSONResponse(
            [
                {
                    "name": p.name,
                    "version": p.version,
                    "sha256": p.sha256,
                    "country": p.country,
                    "title": dict(p.title),
                }
                for p in packages.values()
            ]
        )

    async def variables(request: Request) -> JSONResponse:
        package = found(request)
        return JSONResponse(
            {
                "facts": {
                    n: spec.model_dump(mode="json", by_alias=True) for n, spec in package.facts.items()
                },
                "outputs": {n: spec.model_dump(mode="json") for n, spec in package.outputs.items()},
            }
        )

    async def parameters(request: Request) -> JSONResponse:
        return JSONResponse(
            {
                path: {v.valid_from.isoformat(): {"value": v.value, "reference": v.article} for v in values}
                for path, values in found(request).parameters.items()
            }
        )

    def asked(answer: Callable[..., object]) -> Callable[[Request], object]:
        async def endpoint(request: Request) -> JSONResponse:
            package, document = found(request), await _document(request)
            at = _day(request.query_params.get("at"), clock)
            return JSONResponse(await asyncio.to_thread(answer, engine, package, document, at=at))

        return endpoint

    base = "/{name}/{version}"
    return Starlette(
        routes=[
            Route("/packages", listed),
            Route(f"{base}/variables", variables),
            Route(f"{base}/parameters", parameters),
            Route(f"{base}/calculate", asked(calculate_document), methods=["POST"]),
            Route(f"{base}/trace", asked(trace_document), methods=["POST"]),
        ],
        exception_handlers={PlatformError: _refused},
    )


async def _document(request: Request) -> object:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > LONGEST:
            raise CallerError("too long", code="invalid_situation")
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict) or not all(isinstance(value, dict) for value in document.values()):
        raise CallerError("not a JSON object of entities", code="invalid_situation")
    return document


def _day(text: str | None, clock: Clock) -> date:
    try:
        return clock().date() if text is None else date.fromisoformat(text)
    except ValueError:
        raise CallerError("at: not a date", code="bad_request") from None


async def _refused(_: Request, error: Exception) -> JSONResponse:
    """RFC 9457 in short."""
    assert isinstance(error, PlatformError)
    status = 404 if error.code == "unknown_package" else 503 if isinstance(error, Unavailable) else 400
    return JSONResponse(
        {"type": error.code, "title": error.message, "status": status},
        status,
        media_type="application/problem+json",
    )
