"""Serving what is published (WIRE 13.2). Reads the public directory alone: any number of processes may, or another web server.

GET or HEAD  /<proxy instance>/conf                    ?version=N, without a number 2; a version that is not published: 404
             /<proxy instance>/<milliseconds>/<path>   the files of a directory
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

__all__ = ["distribution_app"]

_VERSION = re.compile(r"(?:^|&)version=(\d+)(?=&|$)", re.ASCII)
"""How the reference finds the version: the first such parameter; one that is no number counts as absent."""

_SEGMENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*", re.ASCII)
_MILLISECONDS = re.compile(r"\d{13}", re.ASCII)


def distribution_app(public: Path) -> Starlette:
    """The configuration sources of every proxy instance under `public`, which configuration proxies publish into."""

    async def conf(request: Request) -> Response:
        name = request.path_params["proxy"]
        found = _VERSION.search(request.url.query)
        version = found[1] if found else str(MINIMUM_VERSION)
        if not _SEGMENT.fullmatch(name) or len(version) > 3:
            raise HTTPException(404)
        try:
            data = (public / name / f"conf-v{version}").read_bytes()
        except OSError:
            raise HTTPException(404) from None
        # The body begins with its own header block, so HTTP's type says nothing about it.
        return Response(data, media_type="text/plain", headers={"cache-control": "no-cache"})

    async def file(request: Request) -> Response:
        name, milliseconds, below = (request.path_params[part] for part in ("proxy", "milliseconds", "path"))
        segments = [name, *below.split("/")]
        if not _MILLISECONDS.fullmatch(milliseconds) or not all(map(_SEGMENT.fullmatch, segments)):
            raise HTTPException(404)
        path = public / name / milliseconds / below
        if not path.is_file():
            raise HTTPException(404)
        return FileResponse(
            path, media_type="text/xml" if path.suffix == ".xml" else "application/octet-stream"
        )

    application = Starlette(
        routes=[Route("/{proxy}/conf", conf), Route("/{proxy}/{milliseconds}/{path:path}", file)]
    )
    application.router.redirect_slashes = False  # configuration clients follow no redirects
    return application
