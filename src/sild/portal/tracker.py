"""Who looked at my data: every message about a person, by the office or body that asked; why, as a case; the proof that none is missing."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

from starlette.responses import Response

from sild.clock import Clock
from sild.errors import CallerError, PlatformError
from sild.openid import SigningKey
from sild.portal.agreement import agreement
from sild.portal.edge import redirect
from sild.portal.pages import Pages
from sild.portal.ports import Cases, Evidence, TrackerEntry
from sild.portal.statement import completeness_statement, counts, verifier_file
from sild.portal.visit import Visit
from sild.telemetry import get_logger

__all__ = ["Tracker", "kind_of"]

log = get_logger("portal")

ON_A_PAGE = 15
"""Looks: with what unfolds of each of them a page stays light."""


NOT_GIVEN = {
    "names_others": ("names_others", 403),
    "not_in_log": ("not_in_log", 410),
    "not_found": ("not_in_log", 410),
    "too_many_messages": ("too_many_messages", 409),
    "unknown_message": ("not_shown", 404),
}
"""Code of a refusal -> the reason as the page says it, and the status. Any other: somebody does not answer."""
OWN = ("you", "self")
"""Who acted, when it was the reader: as the case system says it, or a register."""


class Tracker:
    """evidence: where containers of messages come from; None: they cannot be had here."""

    def __init__(
        self,
        pages: Pages,
        cases: Cases,
        *,
        evidence: Evidence | None,
        key: SigningKey,
        url: str,
        clock: Clock,
    ) -> None:
        self._pages = pages
        self._cases = cases
        self._evidence = evidence
        self._key = key
        self._url = url
        self._clock = clock

    async def show(self, visit: Visit) -> Response:
        """A page of it, the newest first: `?from=15` what comes after fifteen, `?case=ID` one case's alone, `?register=social` what one
        register answered, `?own=yes` with what the reader looked at, which stands aside else: who looks for others finds them at once.
        """
        usage = await self._cases.usage(visit.person)
        case = visit.call.query.get("case", "")
        asked = visit.call.query.get("from", "0")
        first = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 7 else 0
        entries = sorted(usage.entries, key=lambda one: one.at, reverse=True)
        entries = [one for one in entries if one.case == case] if case else entries
        register = visit.call.query.get("register", "")[:50]
        entries = [one for one in entries if register in ("", one.register.rpartition("/")[2])]
        others = [one for one in entries if one.acting not in OWN]
        is_aside = bool(others) and not case and visit.call.query.get("own") != "yes"
        aside = len(entries) - len(others) if is_aside else 0
        entries = others if is_aside else entries
        sums = counts(usage).values()
        shown, withheld, total = (sum(one[name] for one in sums) for name in ("shown", "withheld", "total"))
        values = {
            "usage": usage,
            "groups": by_asker(entries, entries[first : first + ON_A_PAGE]),
            "system_names": lambda group: self._system_names(group, visit.language),
            "asker_name": lambda group: self._asker_name(group, visit.language),
            "case": case,
            "register": register,
            "aside": aside,
            "own": visit.call.query.get("own") == "yes",
            "first": first,
            "last": min(first + ON_A_PAGE, len(entries)),
            "count": len(entries),
            "step": ON_A_PAGE,
            "tried": () if case or register or first else await self._cases.refused_looks(visit.person),
            "shown": shown,
            "withheld": withheld,
            "total": total,
            "is_complete": not usage.failed_registers and shown + withheld == total,
            "can_give": lambda entry: self._evidence is not None and _names_nobody_else(visit, entry),
            "readers": {one.id for one in (await self._cases.home(visit.person)).cases},
            "use_of": lambda operation: self._pages.use(operation, visit.language),
            "kind_of": lambda entry: kind_of(self._pages, entry, visit.language),
        }
        return self._pages.page(visit, "tracker.html", values)

    def _asker_name(self, group: Asker, language: str) -> str:
        if group.office is None:
            return self._pages.body_name(group.body, language)
        return self._pages.office_name(group.office, language)

    def _system_names(self, group: Asker, language: str) -> str:
        """The body whose they are, and each system under its own name where there is one."""
        body = self._pages.body_name(group.body, language)
        names = [self._pages.body_name(f"{group.body}/{one}", language) for one in group.systems]
        known = [
            own if own != f"{group.body}/{one}" else one
            for own, one in zip(names, group.systems, strict=True)
        ]
        return f"{body} ({', '.join(known)})"

    async def check(self, visit: Visit) -> Response:
        """What the registers list, held against the message logs: do they agree, who hides what, who could not be asked."""
        found = await self._cases.witnessed_usage(visit.person)
        agreed = agreement(found.usage, found.witnesses)
        sums = counts(found.usage).values()
        values = {
            "usage": found.usage,
            "agreed": agreed,
            "asked": found.witnesses,
            "sums_fit": all(one["shown"] + one["withheld"] == one["total"] for one in sums),
            "use_of": lambda operation: self._pages.use(operation, visit.language),
        }
        return self._pages.page(visit, "log_check.html", values)

    async def log_keys(self, visit: Visit) -> Response:
        """Of whoever keeps the logs, as they give them over the exchange: for everybody who wants to hold them against the keepers' own."""
        found = await self._cases.witnessed_usage(visit.person)
        keepers = [one.keys for one in found.witnesses if one.failed is None]
        return _download(json.dumps({"keepers": keepers}).encode(), "log-keys.json", "application/json")

    async def verifier(self, _visit: Visit) -> Response:
        """The program that checks a statement, for whoever wants to do it without us."""
        content = await asyncio.to_thread(verifier_file().read_bytes)
        return _download(content, "verify_completeness.py", "text/x-python")

    async def ask_unlisted(self, visit: Visit) -> Response:
        """Of requests that a log has and the register does not list: asked of the body that keeps it, as a case. Twice, it is one case."""
        register = visit.call.form.get("register", [""])[-1]
        found = await self._cases.witnessed_usage(visit.person)
        hidden = agreement(found.usage, found.witnesses).unlisted
        messages = next((one.messages for one in hidden if one.register == register), None)
        if messages is None:
            return redirect("/who-looked/check")
        case = await self._cases.ask_unlisted(visit.person, register, messages)
        return await self._first_task(visit, case)

    async def statement(self, visit: Visit) -> Response:
        found = await self._cases.witnessed_usage(visit.person)
        statement = completeness_statement(
            found.usage,
            person=visit.person.acting_for,
            issuer=self._url,
            at=self._clock(),
            key=self._key,
            nonce=found.nonce,
            witnesses=found.witnesses,
        )
        return _download(
            json.dumps(statement, ensure_ascii=False, indent=1).encode(),
            "completeness.json",
            "application/json",
        )

    async def evidence(self, visit: Visit) -> Response:
        """The ASiC-E container of one message about the person, and of no other; `?part=response`: of its answer.

        What the reader asked themselves comes whole from the own log; everything else from the register's, which decides (ADR 0049).
        """
        entry = await self._entry(visit, visit.call.parameters["entry"])
        if self._evidence is None or not entry.message_id:
            raise CallerError("no evidence here", code="not_found")
        part: Literal["request", "response"] = (
            "response" if visit.call.query.get("part") == "response" else "request"
        )
        try:
            if part == "request" and entry.own and entry.acting in OWN and not _is_for_another(visit):
                container = await self._evidence.container(entry.message_id)
            else:
                container = await self._cases.usage_container(
                    visit.person, entry.register, entry.message_id, part
                )
        except PlatformError as error:
            log.refusal("tracker.no_evidence", error, register=entry.register)
            return self._not_given(visit, entry, error)
        name = "evidence.asice" if part == "request" else "evidence-answer.asice"
        return _download(container, name, "application/vnd.etsi.asic-e+zip")

    def _not_given(self, visit: Visit, entry: TrackerEntry, error: PlatformError) -> Response:
        reason, status = NOT_GIVEN.get(error.code, ("down", 503))
        values = {"entry": entry, "reason": reason, "kind": kind_of(self._pages, entry, visit.language)}
        return self._pages.page(visit, "no_evidence.html", values, status=status)

    async def ask_why(self, visit: Visit) -> Response:
        """Asked twice, it is one case; its first screen asks what the person would like to know."""
        entry = await self._entry(visit, visit.call.form.get("entry", [""])[-1])
        return await self._first_task(visit, await self._cases.ask_why(visit.person, entry.id))

    async def _first_task(self, visit: Visit, case_id: str) -> Response:
        case = await self._cases.view(case_id, visit.person)
        first = f"/screens/{quote(case.tasks[0].screen)}" if case.tasks else ""
        return redirect(f"/cases/{quote(case.id)}{first}")

    async def _entry(self, visit: Visit, entry_id: str) -> TrackerEntry:
        usage = await self._cases.usage(visit.person)
        found = next((entry for entry in usage.entries if entry.id == entry_id), None)
        if found is None:
            raise CallerError("no such entry", code="not_found")
        return found


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asked, as one group: an office of a body whose system others use, or the body itself. count: of all its looks, not of this page.

    systems: through which it asked, of `entries`.
    """

    body: str
    office: str | None
    count: int
    entries: tuple[TrackerEntry, ...]

    @property
    def systems(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(one.system for one in self.entries))


def by_asker(entries: Sequence[TrackerEntry], page: Sequence[TrackerEntry]) -> list[Asker]:
    """Those of `page` in groups, in the order of their first entries. entries: all, which are counted.

    By body and office together: what a system says of its offices stands for none of another body's.
    """
    counted = Counter((one.body, one.office) for one in entries)
    groups: dict[tuple[str, str | None], list[TrackerEntry]] = {}
    for entry in page:
        groups.setdefault((entry.body, entry.office), []).append(entry)
    return [Asker(*key, counted[key], tuple(some)) for key, some in groups.items()]


def _names_nobody_else(visit: Visit, entry: TrackerEntry) -> bool:
    """As far as a list tells: who looks for another sees their own looks as somebody's, so there the register says."""
    named = entry.acting not in (*OWN, "automatic", "not_told")
    return bool(entry.message_id) and (_is_for_another(visit) or not named)


def _is_for_another(visit: Visit) -> bool:
    """For a person; a company's board is the company."""
    return visit.person.acting_for != visit.person.person and not visit.is_company


def kind_of(pages: Pages, entry: TrackerEntry, language: str) -> str:
    """The kind of data in words: concepts, divided by commas; else what was done with it."""
    names: Mapping[str, None] = dict.fromkeys(
        pages.concept(part.strip(), language) for part in entry.kind.split(",")
    )
    return ", ".join(name for name in names if name) or pages.use(entry.operation, language)


def _download(content: bytes, name: str, media_type: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=media_type, headers=headers)
