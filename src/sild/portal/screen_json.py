"""One screen of a case as JSON, for whoever renders it otherwise than as a web page: an app, a kiosk, a line of text.

The same addresses, forms and refusals as the page's, asked with `Accept: application/json`; docs/portal.md names every member.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from starlette.responses import JSONResponse, Response

from sild.cases import CaseView, ClockView, FactLine, Filled, Refused
from sild.catalogue import Facts, Field

__all__ = ["as_told", "over_json", "screen_json"]


def screen_json(
    filled: Filled,
    view: CaseView,
    form: Mapping[str, str],
    values: Mapping[str, Sequence[str]],
    defects: Sequence[Mapping[str, str]],
    refused: Refused | None,
    facts_of: Callable[[Facts], Sequence[FactLine]],
    choices_of: Callable[[Field], Sequence[tuple[str, str, str]]],
) -> Response:
    """What the page shows, and nothing it does not. form: where it is sent, with its token and key.  defects: in words.  facts_of: lines of a part of the screen.  choices_of: of a field, value, label and hint.  422 where something is wrong."""
    content = {
        "screen": filled.screen.model_dump(mode="json", exclude_none=True),
        "case": filled.case,
        "number": view.number,
        "service": view.service,
        "form": form,
        "facts": [
            _fact(line)
            for part in filled.screen.components
            if isinstance(part, Facts)
            for line in facts_of(part)
        ],
        "choices": {
            field.name: [
                {"value": value, "label": label, "hint": hint} for value, label, hint in choices_of(field)
            ]
            for field in filled.screen.fields()
            if field.kind in ("choice", "choices", "yes_no")
            or (field.kind == "address" and filled.options.get(field.options_from or field.name))
        },
        "values": {name: list(given) for name, given in values.items()},
        "files": {
            one.id: {"name": one.name, "media_type": one.media_type, "size": one.size}
            for one in filled.files.values()
        },
        "explained": {
            of: {"absent": one.absent, "base": one.base, "total": one.total, "interval": one.interval}
            | {"parts": [{"label": part.label, "value": part.value, "amount": part.amount} for part in one.parts]}
            for of, one in filled.explained.items()
        },
        "clocks": [_clock(one) for one in filled.clocks],
        "failed_bodies": [{"body": one.body, "reason": one.reason} for one in filled.failed_bodies],
        "changes": [{"kind": one.kind, "field": one.field} for one in filled.changes],
        "to_sign": sorted(filled.to_sign),
        "defects": list(defects),
        "refused": None if refused is None or refused.code == "defects" else refused.code,
        "register": "" if refused is None else refused.register,
    }  # fmt: skip
    return JSONResponse(content, 422 if defects or refused else 200)


def over_json(view: CaseView, reason: str, back: str, status: int) -> Response:
    """Of a screen on which nothing can be done now: why, how the case stands, and where it is."""
    return JSONResponse(
        {"over": reason, "case": view.id, "number": view.number, "status": view.status, "next": back}, status
    )


def as_told(response: Response) -> Response:
    """Where a browser would be sent, a program is told: `next`."""
    if response.status_code != 303:
        return response
    return JSONResponse({"next": response.headers["location"]})


def _fact(line: FactLine) -> dict[str, Any]:
    told: dict[str, Any] = {
        "concept": line.concept,
        "of": line.of,
        "label": line.label,
        "value": line.value,
        "unknown_reason": line.unknown_reason,
        "register": line.register,
        "source": line.source,
        "valid_from": line.valid_from,
        "basis": line.basis,
        "decision": line.decision,
    }
    if line.parts:
        told["parts"] = [{"label": part.label, "value": part.value} for part in line.parts]
    return told


def _clock(clock: ClockView) -> dict[str, Any]:
    return {
        "id": clock.id,
        "title": dict(clock.title),
        "promise": clock.promise and clock.promise.isoformat(),
        "expected": clock.expected and clock.expected.isoformat(),
        "kept_on": clock.kept_on and clock.kept_on.isoformat(),
        "ended_on": clock.ended_on and clock.ended_on.isoformat(),
        "late": clock.late,
    }
