"""One decision before an auditor: evidence checked, decided again, its messages looked for in both logs, models, people, what if; a finding."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from babel.numbers import format_decimal
from starlette.responses import Response

from sild.cases import DecisionLine, worded, written
from sild.decisions import canonical_json, shipped_algorithms, verify_bundle
from sild.errors import CallerError, PeerError
from sild.i18n import format_month
from sild.identity_client import new_secret
from sild.portal.auditing import Auditing, body_of, chosen, part
from sild.portal.edge import redirect
from sild.portal.model_cards import ModelPages
from sild.portal.pages import Pages
from sild.portal.ports import Cases
from sild.portal.receipts import form_key
from sild.portal.visit import Visit
from sild.rules import RulePackage, shipped_packages

__all__ = ["AuditDecision"]

CHECKS = ("verify", "replay", "messages", "what-if")


@dataclass(frozen=True, slots=True)
class Change:
    """What another value of one fact would have done. needed: None: sealed for this reader."""

    line: DecisionLine
    output: str


class AuditDecision:
    """models: of those that are published, how they are now."""

    def __init__(self, pages: Pages, cases: Cases, auditing: Auditing, models: ModelPages) -> None:
        self._pages = pages
        self._cases = cases
        self._auditing = auditing
        self._model_pages = models
        self._packages = shipped_packages()
        self._algorithms = {name: entry.name for name, entry in shipped_algorithms().items()}

    async def show(self, visit: Visit) -> Response:
        return await self._page(visit, "", {})

    async def check(self, visit: Visit) -> Response:
        """One of `CHECKS`; what came of it stands on the same page."""
        form_key(visit)
        source, decision = self._auditing.named(visit)
        what = visit.call.parameters["check"]
        if what not in CHECKS:
            raise CallerError("no such check", code="not_found")
        path = f"/supervision/decisions/{decision}/{'bundle' if what == 'verify' else what}"
        after = visit.call.form.get("after", [""])[-1]
        if what == "messages" and after:
            path += f"?after={part(after[:255])}"
        found = await self._auditing.ask(visit, source, "GET", path)
        if what == "verify":
            findings = await asyncio.to_thread(verify_bundle, canonical_json(dict(found)) + b"\n")
            found = {"findings": [{"verdict": one.verdict, "text": one.text} for one in findings]}
        return await self._page(visit, what, found)

    async def bundle(self, visit: Visit) -> Response:
        """The evidence in one file, as the stand-alone verifier reads it, with what the mandate opens."""
        source, decision = self._auditing.named(visit)
        found = await self._auditing.ask(visit, source, "GET", f"/supervision/decisions/{decision}/bundle")
        headers = {"Content-Disposition": f'attachment; filename="decision-{decision[:13]}.json"'}
        return Response(canonical_json(dict(found)) + b"\n", media_type="application/json", headers=headers)

    async def release(self, visit: Visit) -> Response:
        """Ask a second auditor to open what one alone does not."""
        form_key(visit)
        source, decision = self._auditing.named(visit)
        form = visit.call.form
        reason = form.get("reason", [""])[-1].strip()
        classes = [one for one in form.get("class", []) if one]
        if not classes or len(reason) < 3:
            return await self._page(visit, "release", {"wrong": True}, status=422)
        body = {"release": f"release-{new_secret()[:24]}", "classes": classes[:20], "reason": reason[:1000]}
        await self._auditing.ask(visit, source, "POST", f"/supervision/decisions/{decision}/releases", body)
        return redirect(f"/audit/decisions/{source.name}/{decision}")

    async def finding(self, visit: Visit) -> Response:
        """Begins the case, or goes on with the one this form began."""
        key = form_key(visit)
        source, decision = self._auditing.named(visit)
        mandate = chosen(await self._auditing.mandates(visit), source)
        told = await self._auditing.ask(visit, source, "GET", f"/supervision/decisions/{decision}")
        case = await self._cases.finding(
            visit.person, source.subsystem, told["record"], basis=mandate.scope.basis,
            matter=mandate.scope.matter, key=key,
        )  # fmt: skip
        return redirect(f"/cases/{case}/screens/finding.write")

    async def _page(
        self, visit: Visit, what: str, found: Mapping[str, Any], *, status: int = 200
    ) -> Response:
        source, decision = self._auditing.named(visit)
        told = await self._auditing.ask(visit, source, "GET", f"/supervision/decisions/{decision}")
        language = visit.language
        try:
            record = told["record"]
            package = self._packages.get((record.get("rules") or {}).get("sha256", ""))
            words = worded(record, told["values"], package, language)
            drifts = {
                one: await self._model_pages.drift(one, language)
                for one in dict.fromkeys(str(call["model"]) for call in record["model_calls"])
            }
            algorithm = str((record["algorithm"] or {}).get("id", ""))
            name = self._algorithms.get(algorithm)
            values = {
                "drifts": drifts, "algorithm": algorithm if name is None else name.in_language(language), "source": source, "body": body_of(source), "record": record, "told": words, "package": package,
                "superseded_by": told["superseded_by"], "sealed": told["sealed"], "open": told["open"],
                "releases": told["releases"], "what": what, "found": found,
                "models": _models(record, told["values"]), "people": _people(record, told["values"]),
                "changes": _changes(found, record, package, language) if what == "what-if" else (),
                "shown": lambda line: line.value if isinstance(line.value, list) else written(line, language),
                "month": lambda period: _months(period, language), "index": _index(language),
            }  # fmt: skip
        except (KeyError, TypeError, ValueError) as error:
            raise PeerError("not a decision record", code="bad_decision") from error
        return self._pages.page(visit, "audit_decision.html", values, status=status)


def _models(record: Mapping[str, Any], values: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Each call with the typed value it brought in; `said` None: it is sealed, or was not used."""
    said = {one["message_id"]: one for one in record["inputs"] if one["asserted_by"] == "model"}
    return [
        {**call, "said": _open(said.get(call["call_id"], {}).get("value"), values)}
        for call in record["model_calls"]
    ]


def _people(record: Mapping[str, Any], values: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [
        {
            **step,
            "provisional": _open(step["provisional_view"], values),
            "words": _open(step["reason_text"], values),
        }
        for step in record["human"]
    ]


def _open(held: Any, values: Mapping[str, Any]) -> Any:  # JSON
    if isinstance(held, dict) and set(held) == {"sealed", "sha256"}:
        return values.get(held["sealed"])
    return held


def _changes(
    found: Mapping[str, Any], record: Mapping[str, Any], package: RulePackage | None, language: str
) -> Sequence[Change]:
    """In the words of the rules, as what a decision itself says of it."""
    changed = []
    for number, one in enumerate(found["items"]):
        held = {"sealed": f"x{number}", "sha256": ""} if one["sealed"] else one["needed"]
        lines = worded(
            {**record, "counterfactual": [{"input": one["input"], "needed": held}]}, {}, package, language
        )
        changed += [Change(line, str(one["output"])) for line in lines.may_change]
    return list(
        {
            (one.line.label, one.line.who, one.line.period, str(one.line.value)): one for one in changed
        }.values()
    )


def _index(language: str) -> Callable[[float], str]:
    return lambda value: str(format_decimal(value, "0.000", locale=language))


def _months(period: str, language: str) -> str:
    try:
        return " – ".join(format_month(one, language) for one in period.split("/"))
    except ValueError:
        return period
