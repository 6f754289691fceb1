"""Serving configuration over HTTP (COMPAT I8, WIRE 13.2). Reads the public directory alone: any number of processes may.

GET or HEAD  /internalconf, /externalconf     ?version=N, without a number 2; a version that is not published: 404
             /V<N>/<digits>/<file>            the files of a generation
             /managementservices.wsdl         what the management security server adds the services by
"""

from __future__ import annotations

import re
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from sild.xroad.globalconf import MINIMUM_VERSION
from sild.xroad.management import management_services_wsdl

__all__ = ["configuration_app"]

_VERSION = re.compile(r"(?:^|&)version=(\d+)(?=&|$)")
"""How the reference finds the version: the last such parameter; one that is no number counts as absent."""

_FILE = re.compile(r"[a-z][a-z0-9-]*\.xml", re.ASCII)


def configuration_app(public: Path, *, management_services_address: str | None = None) -> Starlette:
    """The configuration source over `public`, the directory a central server publishes into.

    management_services_address: of port 4002 as its WSDL names it; without it there is no WSDL.
    """

    async def directory(request: Request) -> Response:
        source = request.url.path.removeprefix("/")
        versions = _VERSION.findall(request.url.query)
        version = versions[-1] if versions else str(MINIMUM_VERSION)
        if len(version) > 3:
            raise HTTPException(404)
        try:
            data = (public / "current" / f"V{version}" / source).read_bytes()
        except OSError:
            raise HTTPException(404) from None
        # The body begins with its own header block, so HTTP's type says nothing about it.
        return Response(data, media_type="text/plain", headers={"cache-control": "no-cache"})

    async def file(request: Request) -> Response:
        version, generation, name = (request.path_params[part] for part in ("version", "generation", "name"))
        path = public / f"V{version}" / generation / name
        if not (generation.isascii() and generation.isdigit() and _FILE.fullmatch(name) and path.is_file()):
            raise HTTPException(404)
        return FileResponse(path, media_type="text/xml")

    async def wsdl(_request: Request) -> Response:
        if management_services_address is None:
            raise HTTPException(404)
        return Response(management_services_wsdl(management_services_address), media_type="text/xml")

    return Starlette(
        routes=[
            Route("/managementservices.wsdl", wsdl),
            Route("/internalconf", directory),
            Route("/externalconf", directory),
            Route("/V{version:int}/{generation}/{name}", file),
        ]
    )
