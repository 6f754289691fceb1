"""What makes the portal an application on a phone: manifest, service worker, offline page, files that never change."""

from __future__ import annotations

import json
from pathlib import Path

from starlette.responses import JSONResponse, Response

from sild.errors import CallerError
from sild.portal.pages import Pages
from sild.portal.visit import Visit

__all__ = ["AppFiles"]

_WORKER = Path(__file__).parent / "static" / "worker.js"


class AppFiles:
    def __init__(self, pages: Pages, name: str) -> None:
        self._pages = pages
        self._name = name

    async def static(self, visit: Visit) -> Response:
        """Their addresses bear a digest of their content: a browser keeps them a year."""
        found = self._pages.static.get(visit.call.parameters["file"])
        if found is None:
            raise CallerError("no such file", code="not_found")
        content, media_type = found
        return Response(
            content, media_type=media_type, headers={"Cache-Control": "public, max-age=31536000, immutable"}
        )

    async def manifest(self, _visit: Visit) -> Response:
        """Web Application Manifest."""
        icons = [
            {"src": self._pages.static_url("icon.svg"), "sizes": "any", "type": "image/svg+xml"},
            *(
                {
                    "src": self._pages.static_url(f"icon-{size}.png"),
                    "sizes": f"{size}x{size}",
                    "type": "image/png",
                }
                for size in (192, 512)
            ),
            {
                "src": self._pages.static_url("icon-512.png"),
                "sizes": "512x512",
                "type": "image/png",
                "purpose": "maskable",
            },
        ]
        content = {
            "name": self._name,
            "short_name": self._name,
            "id": "/",
            "start_url": "/home",
            "scope": "/",
            "display": "standalone",
            "background_color": "#f6f4ef",
            "theme_color": "#f6f4ef",
            "icons": icons,
        }
        headers = {"Cache-Control": "public, max-age=3600"}
        return JSONResponse(content, headers=headers, media_type="application/manifest+json")

    async def worker(self, _visit: Visit) -> Response:
        """The service worker, with the files it keeps and the words of a push in every language."""
        files = [self._pages.static_url(name) for name in ("portal.css", "portal.js", "kept.js", "icon.svg")]
        words = {
            language: self._pages.texts.speaker(language)("push.news")
            for language in self._pages.texts.languages
        }
        settings = json.dumps({"files": files, "name": self._name, "words": words}, ensure_ascii=False)
        script = f"const SETTINGS = {settings};\n{_WORKER.read_text()}"
        return Response(script, media_type="text/javascript", headers={"Cache-Control": "no-cache"})

    async def offline(self, visit: Visit) -> Response:
        response = self._pages.page(visit, "offline.html", {})
        response.headers["Cache-Control"] = "public, max-age=3600"
        return response
