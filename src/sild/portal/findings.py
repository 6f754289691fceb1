"""What auditors have found, for everybody: a title, whom it is about, and how it stands. Nobody's data."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from starlette.responses import JSONResponse, Response

from sild.portal.pages import Pages
from sild.portal.ports import Cases
from sild.portal.visit import Visit

__all__ = ["FindingPages"]


class FindingPages:
    def __init__(self, pages: Pages, cases: Cases) -> None:
        self._pages = pages
        self._cases = cases

    async def listed(self, visit: Visit) -> Response:
        return self._pages.page(visit, "findings.html", {"findings": await self._cases.findings()})

    async def data(self, _visit: Visit) -> Response:
        """Open data of the same."""
        found: list[dict[str, Any]] = [asdict(one) for one in await self._cases.findings()]
        for one in found:
            one |= {"found_at": one["found_at"].isoformat(), "due": one["due"].isoformat()}
        return JSONResponse({"findings": found}, headers={"Cross-Origin-Resource-Policy": "cross-origin"})
