"""The sealed tally of withheld reads, opened by an auditor whose mandate has the class `withheld`; that it was opened everybody may know."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import date, timedelta
from typing import Annotated, Any

from fastapi import FastAPI, Query

from sild.registries.deciding.supervision import Auditor
from sild.registries.kernel import Kernel, Usage
from sild.registries.kernel.http import AnyUsage, PersonalUsage
from sild.registries.kernel.tally import Opening, keep_opening, openings, tally

__all__ = ["add_withheld_paths"]

YEAR = timedelta(days=365)


def add_withheld_paths(app: FastAPI, kernel: Kernel, auditor_of: Callable[[Usage], Auditor]) -> None:
    @app.get("/supervision/withheld", operation_id="superviseWithheld")
    def opened(
        usage: PersonalUsage,
        first_day: Annotated[
            date | None, Query(description="A year before the last, if none is named")
        ] = None,
        last_day: Annotated[date | None, Query(description="Today, if none is named")] = None,
    ) -> dict[str, Any]:
        """How many reads the law keeps from people, by month, body and ground: nobody's name. Each opening is kept, and public."""
        auditor = auditor_of(usage)
        with kernel.used("superviseWithheld", usage) as use:
            mandate = auditor.ensure_withheld()
            last = last_day or use.today
            first = first_day or last - YEAR
            lines = tally(use.connection, first, last, zone=kernel.zone, at=use.at)
            matter, basis = usage.issue or "", usage.basis or ""
            opening = Opening(use.at, mandate.body, usage.user_id or "", matter, basis, first, last)
            keep_opening(use.connection, opening)
            return {
                "first_day": first.isoformat(),
                "last_day": last.isoformat(),
                "items": [asdict(line) for line in lines],
                "openings": [asdict(one) for one in openings(use.connection)],
            }

    @app.get("/tally-openings", operation_id="getTallyOpenings")
    def all_openings(usage: AnyUsage) -> dict[str, Any]:
        """When the tally of withheld reads was opened, for which body that supervises, in which file: for everybody."""
        with kernel.used("getTallyOpenings", usage) as use:
            told = ({**asdict(one)} for one in openings(use.connection))
            return {"items": [{name: one[name] for name in one if name != "person"} for one in told]}
