"""The assistant's page: questions and quotes, a person's own cases as their home page shows them, a step made ready, hand-over; help, law.

Nothing is done here: a step ends on a screen that the person looks over and signs, a hand-over too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from starlette.responses import Response

from sild.assistant import (
    MAX_QUESTION,
    Answer,
    Assistant,
    Found,
    Model,
    load_acts,
    load_passages,
    rephrase,
    step_for,
)
from sild.catalogue import Profile
from sild.errors import CallerError, Unavailable
from sild.portal.dialogues import Dialogues, Turn
from sild.portal.edge import redirect
from sild.portal.pages import Pages
from sild.portal.ports import Cases
from sild.portal.receipts import form_key
from sild.portal.sessions import Sessions
from sild.portal.visit import Visit

__all__ = ["AssistantPages"]

SHOWN = 5
"""Turns on a page, the newest; the others are kept and a link leads to them."""
MAX_CASES = 5


_NOTHING_OWN: Mapping[str, Any] = {
    "needs_login": False,
    "cases_unknown": False,
    "cases": [],
    "tasks": [],
    "not_yours": False,
}


class AssistantPages:
    """assistant: None: one over what the case system offers, made when it is first asked."""

    def __init__(
        self,
        pages: Pages,
        cases: Cases,
        dialogues: Dialogues,
        sessions: Sessions,
        profile: Profile,
        assistant: Assistant | None,
        model: Model | None,
    ) -> None:
        self._pages = pages
        self._cases = cases
        self._dialogues = dialogues
        self._sessions = sessions
        self._profile = profile
        self._given = assistant
        self._model = model

    @cached_property
    def _assistant(self) -> Assistant:
        if self._given is not None:
            return self._given
        return Assistant(load_passages(self._profile, self._cases.services(), {}, at=self._pages.today()))

    async def show(self, visit: Visit) -> Response:
        return await self._page(visit)

    async def ask(self, visit: Visit) -> Response:
        """One question. The answer is on the page that follows, and stays there."""
        question = visit.call.form.get("question", [""])[-1].strip()
        await self._dialogues.count(visit)
        if not question or len(question) > MAX_QUESTION:
            return await self._page(visit, "too_long" if question else "empty", question, status=422)
        answer = await asyncio.to_thread(self._assistant.ask, question, visit.language)
        said = await rephrase(self._model, question, answer)
        turn: dict[str, Any] = {
            "asked": question,
            "outcome": answer.outcome,
            "quotes": [_quote(one) for one in answer.quotes],
            "results": [_result(one) for one in answer.results],
            "said": [one.text for one in said],
            "language": answer.language,
            "service": answer.service,
            **_NOTHING_OWN,
        }
        if answer.own:
            turn |= await self._own(visit, answer)
        await self._dialogues.add(visit, turn)
        return self._pages.keep(visit, redirect("/assistant#newest"))

    async def _own(self, visit: Visit, answer: Answer) -> Mapping[str, Any]:
        """What the person's home page shows them; nothing without a log-in that still holds."""
        session = visit.session
        if session is None or await self._sessions.checked(session, acts=False) is None:
            return {"needs_login": True}
        try:
            home = await self._cases.home(visit.person)
        except Unavailable:
            return {"cases_unknown": True}
        wanted = set(answer.cases)
        mine = [case for case in home.cases if not wanted or case.number.upper() in wanted]
        lines = [
            {
                "id": case.id,
                "number": case.number,
                "title": dict(case.title),
                "status": self._cases.words(case.service, f"status.{case.status}", visit.language) or "",
                "promise": case.promise.isoformat() if case.promise and not case.is_closed else None,
            }
            for case in mine[:MAX_CASES]
        ]
        ids = {line["id"] for line in lines}
        tasks = [
            {
                "case": task.case,
                "screen": task.screen,
                "title": dict(task.title),
                "due": task.due.isoformat() if task.due else None,
            }
            for task in home.tasks
            if task.case in ids or not wanted
        ]
        return {
            "cases": lines,
            "tasks": tasks[:MAX_CASES],
            "not_yours": bool(wanted - {case.number.upper() for case in mine}),
        }

    async def step(self, visit: Visit) -> Response:
        """Opens the first screen of a service with what was said in its fields. Raises CallerError (`not_found`), Refused."""
        key = form_key(visit)
        turns = await self._dialogues.read(visit)
        step = step_for(visit.call.form.get("service", [""])[-1], [turn["asked"] for turn in turns])
        if step is None:
            raise CallerError("no such step", code="not_found")
        case = await self._cases.open_case(step.service, visit.person, key=key)
        if step.values:
            await self._cases.save_draft(case, step.screen, visit.person, step.values)
        return redirect(f"/cases/{case}/screens/{step.screen}")

    async def hand_over(self, visit: Visit) -> Response:
        """A case with the whole dialogue, which goes to an official once the person has signed it."""
        key = form_key(visit)
        turns = await self._dialogues.read(visit)
        said = [(turn["asked"], self._in_words(visit, turn)) for turn in turns]
        case = await self._cases.ask_official(visit.person, said, key=key)
        return redirect(f"/cases/{case}/screens/assistance.question")

    def _in_words(self, visit: Visit, turn: Turn) -> str:
        """An answer as plain text, for an official."""
        say = self._pages.texts.speaker(visit.language)
        lines = [*turn["said"]]
        for one in turn["quotes"]:
            words = self._pages.text(one["text"], turn["language"])
            lines.append(f"{one['cited'] or self._pages.text(one['title'], turn['language'])}: {words}")
        lines += [f"{case['number']}: {case['status']}" for case in turn.get("cases", ())]
        return "\n".join(lines) or say(f"assistant.outcome_{turn['outcome']}")

    async def forget(self, visit: Visit) -> Response:
        await self._dialogues.forget(visit)
        return redirect("/assistant")

    async def _page(
        self, visit: Visit, defect: str = "", question: str = "", *, status: int = 200
    ) -> Response:
        turns = await self._dialogues.read(visit)
        shows_all = visit.call.query.get("all") == "1"
        newest = turns[-SHOWN:]
        shown = turns[:-SHOWN][-2 * SHOWN :] if shows_all else newest
        values = {
            "turns": shown,
            "earlier": 0 if shows_all else len(turns) - len(newest),
            "shows_all": shows_all,
            "defect": defect,
            "question": question,
            "max_question": MAX_QUESTION,
            "service_name": lambda service: self._service_name(service, visit.language),
            "prepares": lambda service: service is not None and step_for(service, ()) is not None,
        }
        return self._pages.page(visit, "assistant.html", values, status=status)

    def _service_name(self, service_id: str, language: str) -> str:
        found = next((one for one in self._cases.services() if one.id == service_id), None)
        return service_id if found is None else self._pages.text(found.title, language)

    # --- what is quoted, for everybody

    async def help(self, visit: Visit) -> Response:
        passages = [one for one in self._assistant.passages.values() if one.kind == "help"]
        return self._pages.page(visit, "help.html", {"topics": passages})

    async def law(self, visit: Visit) -> Response:
        """One act's clauses as the assistant quotes them. Raises CallerError (`not_found`)."""
        wanted = visit.call.parameters["act"]
        acts = await asyncio.to_thread(load_acts, self._profile.country)
        act = next((one for one in acts if one.act.replace("/", "-") == wanted), None)
        if act is None:
            raise CallerError("no such act", code="not_found")
        return self._pages.page(visit, "law.html", {"act": act})


def _quote(found: Found) -> Mapping[str, Any]:
    passage, source = found.passage, found.passage.source
    return {
        "id": passage.id,
        "title": dict(passage.title),
        "text": dict(passage.text),
        "link": passage.link,
        "cited": "" if source is None else source.cited,
        "version": "" if source is None else source.version.isoformat(),
        "is_demonstration": source is not None and source.is_demonstration,
        "uri": source.uri
        if source is not None and source.uri.startswith(("https://", "http://data.europa.eu/"))
        else "",
    }


def _result(found: Found) -> Mapping[str, Any]:
    return {"title": dict(found.passage.title), "link": found.passage.link}
